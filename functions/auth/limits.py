"""Bounds of what strangers and orgs can make us pay: the numbers, each with its reason, and the token buckets.

Everything here is one instance's: a deployment allows at most API_MAX_INSTANCES times as much (infra/env.example).
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Generic, TypeVar

from cloudact.clock import Clock
from cloudact.error_codes import Code
from functions.auth.cache import CAPACITY, ExpiringMap
from functions.web.problems import Problem

Key = TypeVar("Key")


@dataclass(frozen=True)
class Rate:
    """`burst` at once, and one more each time that `refill` has passed."""

    burst: int
    refill: timedelta


# Look-ups of callers that turn out to be unknown, ended, or nobody's member. One bills the least price of a table or
# two, 10 or 20 MiB: 14,400 a day and instance are 0.9 or 1.7 dollars. A look-up that finds somebody costs no token, so
# only that many mistakes have to fit: a wrong key in a program's settings, a key that has just ended.
LOOK_UPS = Rate(20, timedelta(seconds=6))

# Callers who came while no look-up might fail; the next one is for all of them: a table bills its least price
# for one as for all. 833 strangers a second fill it in the six seconds until then; who comes after has to come again.
MOST_NOTED = 5_000  # hashes, 64 bytes each: a query may have 10 MB

# Set-ups and validations of one org. Each calls the provider with the org's credential, Cloud KMS, and BigQuery some
# five times, and a provider may lock out who fails too often. Whoever pastes keys until one fits has ten tries at once.
CHECKS = Rate(10, timedelta(seconds=30))

# Admissions of one org that start nothing: triggers, retries and backfills that are refused, find their run there, or
# only count. One bills the least price of six tables, 60 MiB; one that starts a run costs no token, since the day's
# quota of runs bounds those. 960 a day are 56 GiB; so one org, also where it reaches all of ten instances, leaves the
# other orgs four tenths of what QUERY_GIB_PER_ACCOUNT gives the API a day. A program that asks for each of 200 dates
# once is not held up.
ADMISSIONS = Rate(240, timedelta(minutes=2))

# Questions about costs of one org that take a query: those whose answer this instance does not keep. One bills the
# least price of six tables or more, 60 MiB, and 10 GiB at most. A console that is opened asks ten or twenty.
COSTS = Rate(120, timedelta(seconds=10))

# How long an answer that started nothing is given again to the same request of the same org: long enough that a program
# in a loop costs one admission, 60 MiB, in that time and not each round; short enough that nobody notices how late a
# raised limit or a mended integration is seen.
ANSWER_TTL = timedelta(seconds=5)
ANSWERS = 500  # kept at most; that of a backfill of 366 dates has 20 kB

STORM_TOLD_EVERY = timedelta(seconds=60)  # a line in the log, however many are refused


class TokenBuckets(Generic[Key]):
    """A token bucket for each key, for many threads. A full bucket takes no memory.

    What is kept of a bucket is when it will be full again: each token that is taken moves that by one refill.
    """

    def __init__(self, rate: Rate, clock: Clock, capacity: int = CAPACITY) -> None:
        self._rate = rate
        self._clock = clock
        self._lock = Lock()
        self._full_at: ExpiringMap[Key, datetime] = ExpiringMap(clock, capacity)

    def wait(self, key: Key) -> timedelta:
        """Time until there is a token; zero if there is one."""
        with self._lock:
            return self._next(key)[1]

    def take(self, key: Key) -> timedelta:
        """Takes a token, and returns zero; or takes none, and returns how long it is until there is one."""
        with self._lock:
            full_at, wait = self._next(key)
            if not wait:
                self._full_at.put(key, full_at, full_at)
            return wait

    def _next(self, key: Key) -> tuple[datetime, timedelta]:
        """When the bucket is full with one token less, and how long it is until there is that one."""
        now, kept = self._clock(), self._full_at.peek(key)
        full_at = (kept[0] if kept else now) + self._rate.refill
        return full_at, max(full_at - now - self._rate.burst * self._rate.refill, timedelta(0))

    def give_back(self, key: Key) -> None:
        """Returns a token that was taken; a bucket that is full meanwhile stays as it is."""
        with self._lock:
            if kept := self._full_at.peek(key):
                full_at = kept[0] - self._rate.refill
                self._full_at.put(key, full_at, full_at)


def too_many(detail: str, wait: timedelta, code: Code) -> Problem:
    """429 `Problem` that says in whole seconds when to come again."""
    return Problem(429, detail, {"Retry-After": str(max(math.ceil(wait.total_seconds()), 1))}, code=code)
