"""Runs that are waited for: one reading for all who wait for a run, at most every second and a half (docs/adr/0035)."""

import datetime as dt
import hashlib
import math
import socket
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from cloudact.clock import Clock, utc_now
from functions.auth.cache import LOCK_STRIPES, ExpiringMap
from functions.web.answers import RunDetail, Step
from functions.web.waiting import hangs_up

EVERY = dt.timedelta(seconds=1.5)  # who is turned away comes again after two, and sees an end within three
KEPT = 100  # readings; of a run that nobody waits for any more none is needed
_FOR_LONG = dt.timedelta(hours=1)
Key = tuple[str, str]
"""Org and id of a run."""
Load = Callable[[dt.date | None], RunDetail]
"""Reads the run; faster with the day of its request, where that is known."""


@dataclass(frozen=True)
class Reading:
    """Run as it was read, and the ETag of that: equal for equal answers."""

    detail: RunDetail
    etag: str
    until: dt.datetime  # when it is read again


@dataclass(frozen=True)
class Outcome:
    """Reading that answers a request; `again_s` are seconds after which to ask again, where there was no place."""

    reading: Reading
    again_s: int | None = None


class LiveRuns:
    """Readings of runs, shared by all requests of this instance that wait for them; counts who waits.

    `pause` waits some seconds, and returns whether the client has gone meanwhile.
    """

    def __init__(self, clock: Clock = utc_now, pause: Callable[[socket.socket | None, float], bool] = hangs_up) -> None:
        self._clock = clock
        self._pause = pause
        self._readings: ExpiringMap[Key, Reading] = ExpiringMap(clock, KEPT)
        self._being_read = tuple(Lock() for _ in range(LOCK_STRIPES))
        self._reading = Taken()
        self.waiting = Taken()

    def wait(
        self,
        key: Key,
        load: Load,
        known: Callable[[str], bool],
        *,
        within_s: float,
        places: int,
        connection: socket.socket | None,
    ) -> Outcome:
        """Reading of the run: at once if its ETag is not `known` or the run has ended, else when that changes.

        After `within_s`, or once the client has gone, it is the one that is known. Who finds no free place gets that at
        once. Raises what `load` raises.
        """
        until = self._clock() + dt.timedelta(seconds=within_s)
        reading = self._at_once(key, load, places)
        if _settled(reading, known):
            return Outcome(reading)
        if not self.waiting.take(places):
            return Outcome(reading, again_s=max(math.ceil(self._left_s(reading.until)), 1))
        try:
            while self._left_s(until) > 0 and not _settled(reading, known):
                if self._pause(connection, max(self._left_s(min(until, reading.until)), 0.0)):
                    break
                with self._lock_of(key):
                    reading = self._fresh(key) or self._read(key, load)
        finally:
            self.waiting.give_back()
        return Outcome(reading)

    def _at_once(self, key: Key, load: Load, places: int) -> Reading:
        """Reading that is young enough, or a new one.

        While another thread reads the run, or as many threads as may wait read others, an older one will do if there is
        any: who has no place yet shall not wait for BigQuery either.
        """
        last = self._readings.last(key)
        if last is None:
            with self._lock_of(key):
                return self._fresh(key) or self._read(key, load)
        if fresh := self._fresh(key):
            return fresh
        if not self._reading.take(max(places, 1)):
            return last
        try:
            return self._unless_it_is_read(key, load) or last
        finally:
            self._reading.give_back()

    def _unless_it_is_read(self, key: Key, load: Load) -> Reading | None:
        lock = self._lock_of(key)
        if not lock.acquire(blocking=False):
            return None
        try:
            return self._fresh(key) or self._read(key, load)
        finally:
            lock.release()

    def _lock_of(self, key: Key) -> Lock:
        """Lock that whoever reads the run holds meanwhile."""
        return self._being_read[hash(key) % LOCK_STRIPES]

    def _fresh(self, key: Key) -> Reading | None:
        last = self._readings.last(key)
        return last if last and last.until > self._clock() else None

    def _read(self, key: Key, load: Load) -> Reading:
        last = self._readings.last(key)
        detail = load(last.detail.requested_date if last else None)
        now = self._clock()
        reading = Reading(detail, etag_of(detail), now + EVERY)
        self._readings.put(key, reading, now + _FOR_LONG)
        return reading

    def _left_s(self, until: dt.datetime) -> float:
        return (until - self._clock()).total_seconds()


class Taken:
    """Number of places that are taken, of as many as whoever takes one says."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.count = 0

    def take(self, places: int) -> bool:
        """Takes a place; `False` if there is none."""
        with self._lock:
            if self.count >= places:
                return False
            self.count += 1
            return True

    def give_back(self) -> None:
        """Leaves the place to another."""
        with self._lock:
            self.count -= 1


def etag_of(detail: RunDetail) -> str:
    """ETag of a run's detail: equal for equal answers, of whichever instance."""
    return hashlib.sha256(detail.model_dump_json(exclude_unset=True).encode()).hexdigest()[:32]


def news(detail: RunDetail, since: dt.datetime) -> RunDetail:
    """Detail with only those steps that began, ended, said something or go on at `since` or later, and what they said.

    What happened in the very millisecond is in both answers, since some of it may have become readable in between.
    """
    steps = [_news(step, since) for step in detail.steps]
    return detail.model_copy(update={"steps": [step for step in steps if step is not None]})


def _news(step: Step, since: dt.datetime) -> Step | None:
    messages = [message for message in step.messages if message.at >= since]
    moments = (step.started_at, step.completed_at)
    if messages or not step.status.final or any(at is not None and at >= since for at in moments):
        return step.model_copy(update={"messages": messages})
    return None


def _settled(reading: Reading, known: Callable[[str], bool]) -> bool:
    return reading.detail.status.final or not known(reading.etag)
