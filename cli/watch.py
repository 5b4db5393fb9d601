"""Follows a run until its end: live on a terminal, else with a line for each change."""

import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.spinner import Spinner
from rich.text import Text

from cli.failures import RUN_UNKNOWN, Interrupted, RefusedByApi, StillRunning
from cli.http import Answer, retry_after_s
from cli.json_object import JsonObject
from cli.readable import duration
from cli.screen import cell, console, say
from cli.text import clean

FIRST_POLL_S, LONGEST_POLL_S, SLOWER = 0.5, 5.0, 1.1
WAIT_S = 25  # the longest that the API waits
NOT_MODIFIED = 304
UNSEEN_S = 30.0  # a run just admitted may not be readable yet
ENDED = ("SUCCESS", "FAILED", "CANCELLED")
Run = JsonObject
View = Callable[[Run], None]
Read = Callable[[Mapping[str, str]], Answer]
"""Reads a run, with these headers."""


def follow(read: Read, run: Run, timeout_s: float, *, as_json: bool) -> Answer:
    """Reads the run until it is final, and returns the last answer.

    Raises `StillRunning` after `timeout_s` seconds; the run goes on then, as it does after Ctrl-C.
    """
    goes_on = f"The run goes on: cloudact show {run['run_id']} --wait"
    try:
        with _view(as_json) as view:
            view(run)
            for answer in states(read, time.monotonic() + timeout_s):
                view(answer.body)
                if answer.body["status"] in ENDED:
                    return answer
    except KeyboardInterrupt:
        raise Interrupted(goes_on) from None
    raise StillRunning(f"Not ended after {timeout_s:g} s. {goes_on}")


def states(read: Read, deadline: float) -> Iterator[Answer]:
    """Each new state of a run until the monotonic `deadline`, as soon as the API has it.

    The API holds its answer back until something changes. One that is too busy says when to ask again; one that does
    not know how to wait is asked every few seconds.
    """
    unseen_until, poll_s, etag = time.monotonic() + UNSEEN_S, FIRST_POLL_S, None
    while True:
        pause_s = poll_s
        try:
            answer = read(_asking_to_wait(etag, deadline - time.monotonic()))
        except RefusedByApi as refused:
            if refused.code != RUN_UNKNOWN or time.monotonic() > unseen_until:
                raise
        else:
            if answer.status != NOT_MODIFIED:
                yield answer
            unseen_until, pause_s = 0.0, _pause_s(answer, poll_s, first=etag is None)
            etag = answer.headers.get("etag")
        if time.monotonic() + pause_s >= deadline:
            return
        time.sleep(pause_s)
        poll_s = min(poll_s * SLOWER, LONGEST_POLL_S)


def _asking_to_wait(etag: str | None, left_s: float) -> Mapping[str, str]:
    """Headers with which the API waits until the run is another than this ETag's."""
    if etag is None:
        return {}
    wait_s = int(min(left_s, WAIT_S))
    return {"If-None-Match": etag, **({"Prefer": f"wait={wait_s}"} if wait_s > 0 else {})}


def _pause_s(answer: Answer, poll_s: float, *, first: bool) -> float:
    """Seconds until the next question: none where the API has waited, or will wait the next time."""
    if "preference-applied" in answer.headers or (first and "etag" in answer.headers):
        return 0.0
    told_s = retry_after_s(answer.headers)
    return poll_s if told_s is None else told_s * random.uniform(1, 1.1)  # noqa: S311 - so that not all come at once


@contextmanager
def _view(as_json: bool) -> Iterator[View]:
    """View of a run. With JSON on standard output only a person at the terminal sees anything else."""
    stream = sys.stderr if as_json else sys.stdout
    if stream.isatty():
        picture = Picture()
        with Live(picture, console=console(stderr=as_json), refresh_per_second=8, transient=True):
            yield picture.show
    elif as_json:
        yield _say_nothing
    else:
        yield _Lines().print_news


def _say_nothing(run: Run) -> None:
    """Shows nothing: no person would read it."""


class Picture:
    """Live view of a run: status and time since it is watched, and each step with its latest message."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._run: Run | None = None
        self._monotonic = monotonic
        self._began = monotonic()
        self._spinner = Spinner("dots")

    def show(self, run: Run) -> None:
        """Shows the run from now on."""
        self._run = run

    def __rich__(self) -> RenderableType:
        return Text("") if self._run is None else self._drawn(self._run, self._monotonic() - self._began)

    def _drawn(self, run: Run, elapsed_s: float) -> RenderableType:
        title = Text(f"{clean(run['pipeline_id'])} {clean(run['date'])}  ").append_text(cell(run["status"]))
        self._spinner.update(text=title.append(f"  {duration(int(elapsed_s))}"))
        return Group(self._spinner, *(line for step in run.get("steps", []) for line in _lines_of(step)))


def _lines_of(step: JsonObject) -> Iterator[RenderableType]:
    """Step on a line, and below it what it says last; a narrow terminal folds that."""
    yield Text(f"  {clean(step['step_name'])}  ").append_text(cell(step["status"])).append(f"  {_rows(step)}")
    said = step["progress"] or (step["messages"] or [{"text": ""}])[-1]["text"]
    if said:
        yield Padding(Text(clean(said)), (0, 0, 0, 4))


class _Lines:
    """Prints what is new since the last reading."""

    def __init__(self) -> None:
        self._printed: set[str] = set()

    def print_news(self, run: Run) -> None:
        """Prints the lines that are new."""
        status, ended = f"{run['pipeline_id']} {run['date']} {run['status']}", run["status"] in ENDED
        if not ended:
            self._print(status)
        self._print_steps(run)
        if ended:
            self._print(status)

    def _print_steps(self, run: Run) -> None:
        for step in run.get("steps", []):
            name = step["step_name"]
            self._print(f"  {name} {step['status']} {_rows(step)}".rstrip())
            for message in step["messages"]:
                self._print(f"    {name}: {message['text']}")

    def _print(self, line: str) -> None:
        if line not in self._printed:
            self._printed.add(line)
            say(line)
            sys.stdout.flush()


def _rows(step: JsonObject) -> str:
    return "" if step["rows_processed"] is None else f"{step['rows_processed']} rows"
