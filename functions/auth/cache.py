"""Answers of the ledger that are kept for a minute, and for seconds where they are nothing; bounded in number."""

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock
from typing import Generic, TypeVar

from cloudact.clock import Clock

FOR = timedelta(seconds=60)  # what is withdrawn stops within this time
NOTHING_FOR = timedelta(seconds=5)  # what was just added is readable within seconds, and may be asked for before
CAPACITY = 10_000
LOOKS = 16  # at the same time: names share a lock with others of their hash
Answer = TypeVar("Answer")


class Remembered(Generic[Answer]):
    """`look` is asked for each name once a minute, or `kept`; who asks at the same time waits for the one look.

    An answer that is nothing (empty, `None`) is kept for five seconds.
    """

    def __init__(self, look: Callable[[str], Answer], clock: Clock, kept: timedelta = FOR) -> None:
        self._look = look
        self._clock = clock
        self._kept = kept
        self._lock = Lock()
        self._known: dict[str, tuple[datetime, Answer]] = {}
        self._looking = tuple(Lock() for _ in range(LOOKS))

    def find(self, name: str) -> Answer:
        """What is remembered of the name, or what `look` tells."""
        known = self.recall(name)
        if known is not None:
            return known[0]
        with self._looking[hash(name) % LOOKS]:
            known = self.recall(name)
            if known is not None:
                return known[0]
            asked_at = self._clock()
            answer = self._look(name)
            self.remember(name, answer, asked_at)
            return answer

    def recall(self, name: str) -> tuple[Answer] | None:
        """What is remembered of the name, in a tuple; asks nobody."""
        with self._lock:
            known = self._known.get(name)
        return (known[1],) if known and known[0] > self._clock() else None

    def remember(self, name: str, answer: Answer, asked_at: datetime) -> None:
        """Keeps what a query that was asked then has told, unless a later one has; the oldest goes for want of room."""
        until = asked_at + (self._kept if answer else min(self._kept, NOTHING_FOR))
        with self._lock:
            known = self._known.pop(name, None)
            if known and known[0] > until:
                until, answer = known
            while len(self._known) >= CAPACITY:
                self._known.pop(next(iter(self._known)))
            self._known[name] = (until, answer)
