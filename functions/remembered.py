"""Answers of the ledger that are kept for a minute: bounded in number, negative ones too."""

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock
from typing import Generic, TypeVar

from cloudact.clock import Clock

FOR = timedelta(seconds=60)  # what is withdrawn stops within this time
CAPACITY = 10_000
Answer = TypeVar("Answer")


class Remembered(Generic[Answer]):
    """`look` is asked for each name once a minute, or `kept`."""

    def __init__(self, look: Callable[[str], Answer], clock: Clock, kept: timedelta = FOR) -> None:
        self._look = look
        self._clock = clock
        self._kept = kept
        self._lock = Lock()
        self._known: dict[str, tuple[datetime, Answer]] = {}

    def find(self, name: str) -> Answer:
        """What is remembered of the name, or what `look` tells."""
        with self._lock:
            known = self._known.get(name)
        if known and known[0] > self._clock():
            return known[1]
        answer = self._look(name)
        self.remember(name, answer)
        return answer

    def remember(self, name: str, answer: Answer) -> None:
        """Keeps what a query has just told; the oldest goes where there is no room."""
        with self._lock:
            self._known.pop(name, None)
            while len(self._known) >= CAPACITY:
                self._known.pop(next(iter(self._known)))
            self._known[name] = (self._clock() + self._kept, answer)
