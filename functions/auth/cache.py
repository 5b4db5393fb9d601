"""Bounded maps whose entries expire, and a cache that reads through two of them.

Written here and not taken from cachetools, whose `TLRUCache` would replace only the bound and the expiry. The rest is
what is needed: one read for all threads that ask, empty answers apart and for a shorter time, age counted from the
question.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock, RLock
from typing import Generic, TypeVar

from cloudact.clock import Clock

TTL = timedelta(seconds=60)  # what is withdrawn stops within this time
EMPTY_TTL = timedelta(seconds=5)  # what was just added is readable within seconds, and may be asked for before
CAPACITY = 10_000
LOCK_STRIPES = 16  # reads at the same time: keys share a lock with others of their hash
Key = TypeVar("Key")
Value = TypeVar("Value")


class ExpiringMap(Generic[Key, Value]):
    """Map for many threads. Each entry has its own expiry; the oldest entry makes room for a new one."""

    def __init__(self, clock: Clock, capacity: int = CAPACITY) -> None:
        self._clock = clock
        self._capacity = capacity
        self._lock = RLock()
        self._entries: dict[Key, tuple[datetime, Value]] = {}

    def __len__(self) -> int:
        """Number of entries, expired ones included: at most the capacity."""
        return len(self._entries)

    def peek(self, key: Key) -> tuple[Value] | None:
        """Value in a tuple of one, since the value may be `None`; `None` once it has expired."""
        entry = self._entries.get(key)
        return (entry[1],) if entry and entry[0] > self._clock() else None

    def last(self, key: Key) -> Value | None:
        """Value, expired or not; `None` where the map has none."""
        entry = self._entries.get(key)
        return entry[1] if entry else None

    def outlives(self, key: Key, until: datetime) -> bool:
        """Whether the map has an entry of the key that expires later than `until`."""
        entry = self._entries.get(key)
        return entry is not None and entry[0] > until

    def put(self, key: Key, value: Value, until: datetime) -> None:
        """Replaces the value of the key by one that expires at `until`."""
        with self._lock:
            self._entries.pop(key, None)
            while len(self._entries) >= self._capacity:
                self._entries.pop(next(iter(self._entries)))
            self._entries[key] = (until, value)

    def add(self, key: Key, value: Value, until: datetime) -> bool:
        """Puts the value unless the key has one that has not expired. Of many threads `True` goes to exactly one."""
        with self._lock:
            if self.peek(key) is not None:
                return False
            self.put(key, value, until)
            return True

    def discard(self, key: Key) -> None:
        """Removes the entry of the key, if there is one."""
        with self._lock:
            self._entries.pop(key, None)


class TtlCache(Generic[Key, Value]):
    """Cache of `read`, which keeps each answer for `ttl`; falsy ones (`None`, an empty tuple) five seconds at most.

    Falsy answers are bounded apart, so a flood of unknown keys does not displace other answers.
    """

    def __init__(
        self, read: Callable[[Key], Value], clock: Clock, ttl: timedelta = TTL, capacity: int = CAPACITY
    ) -> None:
        self._read = read
        self._clock = clock
        self._ttl = ttl
        self._full: ExpiringMap[Key, Value] = ExpiringMap(clock, capacity)
        self._empty: ExpiringMap[Key, Value] = ExpiringMap(clock, capacity)
        self._lock = Lock()
        self._reading = tuple(Lock() for _ in range(LOCK_STRIPES))

    def __len__(self) -> int:
        """Number of kept answers: at most twice the capacity."""
        return len(self._full) + len(self._empty)

    def get(self, key: Key) -> Value:
        """Kept answer, or a new one of `read`. Threads that ask for the key meanwhile wait for the one read."""
        known = self.peek(key)
        if known is not None:
            return known[0]
        with self._reading_lock(key):
            known = self.peek(key)
            if known is not None:
                return known[0]
            asked_at = self._clock()
            value = self._read(key)
            self.put(key, value, asked_at)
            return value

    def _reading_lock(self, key: Key) -> Lock:
        """Lock that whoever reads the key's answer holds meanwhile."""
        return self._reading[hash(key) % LOCK_STRIPES]

    def peek(self, key: Key) -> tuple[Value] | None:
        """Kept answer in a tuple of one, unless it has expired; reads nothing."""
        with self._lock:
            return self._full.peek(key) or self._empty.peek(key)

    def last(self, key: Key) -> Value | None:
        """Newest answer, even if it has expired, unless it was falsy; reads nothing."""
        return self._full.last(key)

    def put(self, key: Key, value: Value, asked_at: datetime) -> None:
        """Keeps the answer to a question of `asked_at`, unless the one that is kept was asked for later."""
        full_until, empty_until = asked_at + self._ttl, asked_at + min(self._ttl, EMPTY_TTL)
        kept, other, until = (self._full, self._empty, full_until) if value else (self._empty, self._full, empty_until)
        with self._lock:
            if self._full.outlives(key, full_until) or self._empty.outlives(key, empty_until):
                return
            other.discard(key)
            kept.put(key, value, until)
