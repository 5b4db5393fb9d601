"""Rules for the calls of one report, so that they fit in with those of the other reports that are read beside it."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

Page = TypeVar("Page")
MOST_AT_ONCE = 4
LOOK_EVERY_S = 1.0  # who waits looks so often whether it is still wanted


class Call:
    """One call with all of its tries."""


class Turns:
    """Turns of the calls that use one key: at most four at once.

    Where the provider says that they are too many (HTTP 429) no other call begins until the refused one has been
    answered: it has the same tries as it would have alone. From then on one call less is made at once, down to one.
    `on_accepted` is called whenever the provider has answered a call, `accepted` tells whether it ever has.
    """

    def __init__(self, on_accepted: Callable[[], None] = lambda: None) -> None:
        self._on_accepted = on_accepted
        self._changed = threading.Condition()
        self._most = MOST_AT_ONCE
        self._at_work = 0
        self._refused: deque[Call] = deque()
        self.accepted = False

    @contextmanager
    def one(self, call: Call, tick: Callable[[], None]) -> Iterator[None]:
        """A context for one try of the call, entered when it is its turn. `tick` is called each second of the wait."""
        with self._changed:
            while not self._may_begin(call):
                self._changed.wait(LOOK_EVERY_S)
                tick()
            self._at_work += 1
        try:
            yield
        finally:
            with self._changed:
                self._at_work -= 1
                self._changed.notify_all()

    def refuse(self, call: Call) -> None:
        """Keeps other calls from beginning until this one, which was answered with 429, is over."""
        with self._changed:
            if not self._refused:
                self._most = max(self._most - 1, 1)
            if call not in self._refused:
                self._refused.append(call)

    def over(self, call: Call) -> None:
        """Lets others begin after a call that was answered, or given up."""
        with self._changed:
            if call in self._refused:
                self._refused.remove(call)
                self._changed.notify_all()

    def accept(self) -> None:
        """Notes that the provider has answered a call as it should."""
        if not self.accepted:
            with self._changed:
                self.accepted = True
                self._changed.notify_all()
        self._on_accepted()

    def wait_until_accepted(self, tick: Callable[[], None]) -> None:
        """Waits until the provider has answered a call as it should; `tick` is called each second of the wait."""
        with self._changed:
            while not self.accepted:
                self._changed.wait(LOOK_EVERY_S)
                tick()

    def _may_begin(self, call: Call) -> bool:
        return self._at_work < self._most and (not self._refused or self._refused[0] is call)


class Guest(Turns):
    """Turns for calls that may hold up no others of the same key: each takes one of `host`, and changes nothing there.

    None begins before the provider has answered one of the host's calls as it should.
    """

    def __init__(self, host: Turns) -> None:
        super().__init__()
        self._host = host

    @contextmanager
    def one(self, call: Call, tick: Callable[[], None]) -> Iterator[None]:
        """A context for one try of the call, entered when it is its turn among the host's."""
        self._host.wait_until_accepted(tick)
        with self._host.one(call, tick):
            yield


Pages = Iterator[tuple[Page, int]]
"""Pages as they were decoded, each with the number of bytes of its body."""


class Ahead(Protocol):
    """Reads pages before they are asked for."""

    def __call__(self, pages: Pages[Page]) -> Iterator[Page]:
        """Yields the pages in their order, and raises what `pages` raises, in its place."""


def when_asked(pages: Pages[Page]) -> Iterator[Page]:
    """The pages, each read when it is asked for."""
    return (page for page, _ in pages)


@dataclass(frozen=True)
class Calls:
    """Rules for the calls of one report. `turns` are those of all reports that are read with the key at that time.

    `tick` is called at least every few seconds while a call works or waits, and raises where the report is no longer
    wanted.
    """

    tick: Callable[[], None] = lambda: None
    ahead: Ahead = when_asked
    turns: Turns = field(default_factory=Turns)
