"""Commands of the local cloud: up, demo, reset. Each answers its exit code and says in a sentence why it cannot."""

import argparse
import io
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from cloudact.settings import PREFIX
from localcloud.ownership import AlreadyRunning
from localcloud.processes import NotStarted
from localcloud.stack import FRONT_ENDS, STATE, Stack, read_stack, reset, running_stack
from localcloud.stop_requests import StopRequests

ORIGINS = f"{PREFIX}CORS_ORIGINS"
STARTS_WITHIN_S = 120.0


def run(arguments: Sequence[str], stops: StopRequests) -> int:
    """Exit code of the command."""
    options = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # whoever reads from a pipe waits for the next line too
    try:
        match options.command:
            case "up":
                return _up(options.state, stops, late_streams=options.late_streams, past=not options.without_past)
            case "demo":
                return _demo(options.state, stops, past=not options.without_past)
            case _:
                return _reset(options.state)
    except NotStarted as err:
        return _fail(str(err))
    except ValidationError as err:
        return _fail(f"{ORIGINS}: {err.errors()[0]['msg'].removeprefix('Value error, ')}.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m localcloud", description="The local cloud.")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start it, and keep it running until Ctrl-C")
    up.add_argument("--late-streams", action="store_true", help="streamed rows can be read only after seconds")
    demo = commands.add_parser("demo", help="run every pipeline for yesterday, in the one that runs or in its own")
    reset = commands.add_parser("reset", help="delete its state")
    for command in (up, demo):
        command.add_argument("--without-past", action="store_true", help="yesterday alone, no three months before it")
    for command in (up, demo, reset):
        command.add_argument("--state", type=Path, default=STATE, help="the folder of its state (.local)")
    return parser


def _up(state: Path, stops: StopRequests, *, late_streams: bool, past: bool) -> int:
    try:
        with running_stack(
            state,
            late_streams=late_streams,
            scheduled=True,
            past=past,
            cors_origins=_origins(),
            undisturbed=stops.held,
            say=print,
        ) as (stack, processes):
            _show(state, stack)
            while (ended := processes.ended()) is None:
                time.sleep(0.5)
        return _fail(f"{ended} has ended by itself; see {state / 'logs' / ended}.log")
    except AlreadyRunning as err:
        return _fail(f"{err} Use that one, or stop it first: {_how_to_stop(err)}.")


def _show(state: Path, stack: Stack) -> None:
    print(f"Console    {_console(stack)}")
    print(f"API        {stack.api_url}/api/v1\nops        {stack.ops_url}\nBigQuery   {stack.bigquery_url}")
    for org in stack.orgs:
        print(f"{org.org_slug:<10} X-API-Key: {org.api_key}")
    print(f"All of this is in {state / 'stack.json'}; logs are in {state / 'logs'}. Ctrl-C stops.")


def _console(stack: Stack) -> str:
    """Where a browser finds the console."""
    return f"{stack.api_url}/console"


def _demo(state: Path, stops: StopRequests, *, past: bool) -> int:
    """Uses the stack that runs, else one of its own; one that is still starting is waited for."""
    from localcloud.demo import run_demo  # with BigQuery's client, which no other command waits for

    deadline = time.monotonic() + STARTS_WITHIN_S
    while True:
        try:
            with running_stack(state, past=past, cors_origins=_origins(), undisturbed=stops.held, say=print) as (
                stack,
                _processes,
            ):
                return _ended(run_demo(stack), f"make up shows them at {_console(stack)}")
        except AlreadyRunning as err:
            if err.owner.api_url:
                print(f"using the local cloud that runs ({err.owner})")
                running = read_stack(state)
                return _ended(run_demo(running), f"see them at {_console(running)}")
            if time.monotonic() > deadline:
                return _fail(f"{err} It has not become ready: {_how_to_stop(err)}, then try again.")
        time.sleep(0.5)


def _ended(succeeded: bool, where: str) -> int:
    print(f"\n{'all runs succeeded' if succeeded else 'not every run succeeded'}; {where}")
    return 0 if succeeded else 1


def _reset(state: Path) -> int:
    try:
        print(f"{state} removed" if reset(state) else f"{state} does not exist")
    except AlreadyRunning as err:
        return _fail(f"{err} Nothing was removed. Stop it first: {_how_to_stop(err)}.")
    return 0


def _how_to_stop(running: AlreadyRunning) -> str:
    by_pid = f", or kill {running.owner.pid}" if running.owner.pid else ""
    return f"Ctrl-C where it runs{by_pid}"


def _origins() -> str:
    """Origins of front ends that may call; set but empty, none may."""
    return os.environ.get(ORIGINS, FRONT_ENDS)


def _fail(why: str) -> int:
    sys.stderr.write(f"{why}\n")
    return 1
