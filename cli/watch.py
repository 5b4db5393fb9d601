"""Follows a run until its end: live on a terminal, else with a line for each change."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.spinner import Spinner
from rich.text import Text

from cli.failures import RUN_UNKNOWN, Interrupted, RefusedByApi, StillRunning
from cli.http import Answer
from cli.json_object import JsonObject
from cli.readable import duration
from cli.screen import cell, console, say
from cli.text import clean

FIRST_POLL_S, LONGEST_POLL_S, SLOWER = 0.5, 5.0, 1.1
UNSEEN_S = 30.0  # a run just admitted may not be readable yet
ENDED = ("SUCCESS", "FAILED", "CANCELLED")
Run = JsonObject
View = Callable[[Run], None]


def follow(read: Callable[[], Answer], run: Run, timeout_s: float, *, as_json: bool) -> Answer:
    """Reads the run until it is final, and returns the last answer.

    Raises `StillRunning` after `timeout_s` seconds; the run goes on then, as it does after Ctrl-C.
    """
    goes_on = f"The run goes on: cloudact show {run['run_id']} --wait"
    try:
        with _view(as_json) as view:
            view(run)
            for answer in _answers(read, time.monotonic() + timeout_s):
                view(answer.body)
                if answer.body["status"] in ENDED:
                    return answer
    except KeyboardInterrupt:
        raise Interrupted(goes_on) from None
    raise StillRunning(f"Not ended after {timeout_s:g} s. {goes_on}")


def _answers(read: Callable[[], Answer], deadline: float) -> Iterator[Answer]:
    unseen_until, wait_s = time.monotonic() + UNSEEN_S, FIRST_POLL_S
    while True:
        try:
            yield read()
            unseen_until = 0.0
        except RefusedByApi as refused:
            if refused.code != RUN_UNKNOWN or time.monotonic() > unseen_until:
                raise
        if time.monotonic() + wait_s > deadline:
            return
        time.sleep(wait_s)
        wait_s = min(wait_s * SLOWER, LONGEST_POLL_S)


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
