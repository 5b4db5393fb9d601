"""Processes that a test starts in order to kill; none outlives it."""

import multiprocessing
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from threading import Timer
from typing import Any

Start = Callable[..., BaseProcess]
# One server for all that a worker starts. It has imported what they need, `tests.conftest` above all: each process
# would import that again to find its function, which takes most of a second.
PROCESSES = multiprocessing.get_context("forkserver")
PRELOADED = (
    "tests.conftest", "tests.fault_proxy", "tests.jobs.conftest", "functions.main", "functions.ops_routes",
    "flask.testing", "jobs.main", "infra.migrate", "httpx", "httpcore", "pydantic.type_adapter",
    "google.cloud.bigquery", "google.cloud.tasks_v2", "providers.gcp.source",
)  # fmt: skip
PROCESSES.set_forkserver_preload(list(PRELOADED))
GIVEN_UP_AFTER_S = 300.0


@contextmanager
def started_processes() -> Iterator[Start]:
    """Starts `target(*args)` in a process of its own, and in the end kills what still runs."""
    running: list[BaseProcess] = []

    def start(target: Callable[..., Any], *args: Any) -> BaseProcess:
        process = PROCESSES.Process(target=target, args=args)
        process.start()
        running.append(process)
        return process

    yield start
    for process in running:
        if process.is_alive():
            process.kill()
        process.join()


@contextmanager
def started_program(
    command: Sequence[str], env: Mapping[str, str], *, ignores: Sequence[int] = ()
) -> Iterator[subprocess.Popen[str]]:
    """A program that has the signals as a terminal gives them, whatever started us; killed if it stays.

    So is one that takes longer than `GIVEN_UP_AFTER_S`, so that reading from it ends. Its output is a pipe.
    `ignores` are signals that it is started without, as by a background shell.
    """

    def set_signals() -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN if number in ignores else signal.SIG_DFL)

    process = subprocess.Popen(
        command,
        env=dict(env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=set_signals,
    )
    given_up = Timer(GIVEN_UP_AFTER_S, process.kill)
    given_up.start()
    try:
        yield process
    finally:
        given_up.cancel()
        process.kill()
        process.communicate(timeout=GIVEN_UP_AFTER_S)
