"""One thing is read ahead, no more, and whoever waits for it stays awake."""

import logging
import threading
from collections.abc import Iterator

import pytest

from cloudact import logs
from cloudact.errors import Skip
from providers.gcp.page_ahead import one_ahead


def nothing() -> None:
    """Does nothing."""


def test_the_next_is_fetched_while_one_is_worked_on() -> None:
    """The second is begun before the first is done with, the third only when the second is taken."""
    begun = [threading.Event() for _ in range(4)]

    def items() -> Iterator[int]:
        for number, event in enumerate(begun):
            event.set()
            yield number

    taken = one_ahead(items(), nothing)
    assert not begun[0].is_set()
    assert next(taken) == 0
    assert begun[1].wait(5)
    assert not begun[2].wait(0.05)
    assert list(taken) == [1, 2, 3]


def test_an_error_comes_in_its_place() -> None:
    """What was read before an error is given out first; then it is raised as it was."""

    def items() -> Iterator[int]:
        yield 1
        raise TimeoutError("the page")

    taken = one_ahead(items(), nothing)
    assert next(taken) == 1
    with pytest.raises(TimeoutError, match="the page"):
        next(taken)


def test_a_wait_can_be_given_up() -> None:
    """While nothing comes, the caller is asked again and again whether to go on, and is not held up by the thread."""
    release, ticks = threading.Event(), []

    def items() -> Iterator[int]:
        release.wait(10)
        yield 1

    def tick() -> None:
        ticks.append(1)
        if len(ticks) == 3:
            raise Skip("cancelled")

    with pytest.raises(Skip):
        next(one_ahead(items(), tick, every_s=0.01))
    assert len(ticks) == 3
    release.set()


def test_log_lines_of_the_thread_belong_to_the_run() -> None:
    """What the other thread logs carries the fields that are bound where the items are taken."""
    formatter, lines = logs.JsonLines(), []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(formatter.format(record))

    def items() -> Iterator[int]:
        logging.getLogger("test").warning("read")
        yield 1

    handler = Kept()
    logging.getLogger("test").addHandler(handler)
    logs.reset(run_id="r-1")
    try:
        assert list(one_ahead(items(), nothing)) == [1]
    finally:
        logging.getLogger("test").removeHandler(handler)
        logs.reset()
    assert '"run_id": "r-1"' in lines[0]
