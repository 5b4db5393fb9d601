"""Lanes: readings of chains, up to four at once, each by a thread of its own. What they read arrives in one thread.

Knows no table and no provider. Only the thread that owns the lanes writes, tells and decides.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TypeAlias

from cloudact.errors import Skip
from cloudact.logs import with_context
from jobs.termination import Terminated
from providers.calls import LOOK_EVERY_S, MOST_AT_ONCE, Calls, Turns
from providers.read_ahead import ReadAhead, Room

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)
CLOSED_WITHIN_S = 30.0  # the longest that a call can take which no other thread can end: to connect
LEFT_WITHIN_S = 2.0  # where the run is over: of ten seconds after SIGTERM the rest is for what is to be recorded


class Stopped(BaseException):
    """Raised in the thread of a lane that is no longer wanted. Not an `Exception`, so that nothing handles it."""


@dataclass(frozen=True)
class Ended:
    """The end of a lane, and the error that ended it, `None` after the last batch."""

    error: BaseException | None = None


Arrived: TypeAlias = "pa.RecordBatch | Ended"


class Lane:
    """One reading of a chain. `order` is the chain's place among all: of two that wait the first one begins.

    `read` gives the batches; `take` is handed each of them, and the end, in the thread that owns the lanes.
    """

    def __init__(
        self,
        order: int,
        read: "Callable[[Calls], Iterator[pa.RecordBatch]]",
        take: "Callable[[Lane, Arrived], None]",
    ) -> None:
        self.order = order
        self.read = read
        self.take = take
        self.stopped = False
        self.batch_waits = False
        self.succeeded = False

    def tick(self) -> None:
        """Raises `Stopped` where nobody wants the lane any more."""
        if self.stopped:
            raise Stopped


class Lanes(Protocol):
    """Readings at work, and those that wait for their turn."""

    def __enter__(self) -> Self:
        """Returns the lanes, before anything is read."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Ends every lane, and waits until none is at work; only for moments where the run is over.

        What is left then ends at its next tick, or with the process.
        """

    def start(self, lane: Lane) -> None:
        """Begins the lane when its turn comes."""

    def stop(self, lane: Lane) -> None:
        """Ends the lane at its next tick, or never begins it."""

    def go_on(self) -> None:
        """Hands over what has arrived, to the lane that it belongs to; returns after a second without anything."""


class OneByOne:
    """Reads one chain after another, in the thread that asks."""

    def __init__(self, tick: Callable[[], None]) -> None:
        self._tick = tick
        self._waiting: list[Lane] = []
        self._at_work: tuple[Lane, Iterator[pa.RecordBatch]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._at_work = None

    def start(self, lane: Lane) -> None:
        """Begins the lane when those before it are done."""
        self._waiting.append(lane)
        self._waiting.sort(key=lambda each: each.order)

    def stop(self, lane: Lane) -> None:
        """Never begins the lane; one at work ends by itself."""
        if lane in self._waiting:
            self._waiting.remove(lane)

    def go_on(self) -> None:
        """Reads the next batch, and hands it over."""
        try:
            if self._at_work is None:
                lane = self._waiting.pop(0)
                self._at_work = lane, lane.read(Calls(self._tick))
            lane, batches = self._at_work
            arrived: Arrived = next(batches)
        except StopIteration:
            arrived = Ended()
        except Exception as err:
            arrived = Ended(err)
        if isinstance(arrived, Ended):
            self._at_work = None
        lane.take(lane, arrived)


class Threads:
    """Reads up to four chains at once. One is read alone until the provider has answered a call as it should.

    `break_off` ends the calls at work of every thread.
    """

    def __init__(self, break_off: Callable[[], None]) -> None:
        self._break_off = break_off
        self._changed = threading.Condition()
        self._waiting: list[Lane] = []
        self._at_work: dict[Lane, threading.Thread] = {}
        self._arrived: deque[tuple[Lane, Arrived]] = deque()
        self._most = 1
        self.turns = Turns(self._widen)
        self._room = Room()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._changed:
            self._waiting.clear()
            for lane in self._at_work:
                lane.stopped = True
            threads = list(self._at_work.values())
            calling = not all(lane.succeeded for lane in self._at_work)
            self._changed.notify_all()
        is_over = isinstance(error, Terminated | Skip)
        self._wait_for(threads, LEFT_WITHIN_S if is_over else CLOSED_WITHIN_S, calling=calling)

    def start(self, lane: Lane) -> None:
        """Begins the lane as soon as a thread is free, and no thread reads its chain."""
        with self._changed:
            self._waiting.append(lane)
            self._waiting.sort(key=lambda each: each.order)

    def stop(self, lane: Lane) -> None:
        """Ends the lane at its next tick, or never begins it."""
        with self._changed:
            lane.stopped = True
            if lane in self._waiting:
                self._waiting.remove(lane)
            self._changed.notify_all()

    def go_on(self) -> None:
        """Hands over what has arrived; returns after a second without anything."""
        with self._changed:
            self._begin()
            if not self._arrived:
                self._changed.wait(LOOK_EVERY_S)
                self._begin()
            if not self._arrived:
                return
            lane, arrived = self._arrived.popleft()
            lane.batch_waits = False
            self._changed.notify_all()
        lane.take(lane, arrived)

    def _begin(self) -> None:
        """Begins lanes that wait while there are threads for them, and no end of a lane that may change it all."""
        if any(isinstance(arrived, Ended) for _, arrived in self._arrived):
            return
        for lane in list(self._waiting):
            if len(self._at_work) >= self._most:
                return
            if lane.order in {each.order for each in self._at_work}:  # an earlier reading of the chain is not over yet
                continue
            self._waiting.remove(lane)
            thread = threading.Thread(target=with_context(self._read), args=(lane,), name="lane", daemon=True)
            self._at_work[lane] = thread
            thread.start()

    def _widen(self) -> None:
        if self._most == 1:
            with self._changed:
                self._most = MOST_AT_ONCE
                self._changed.notify_all()

    def _read(self, lane: Lane) -> None:
        ahead = ReadAhead(self._room)
        error: BaseException | None = None
        try:
            for batch in lane.read(Calls(lane.tick, ahead, self.turns)):
                self._arrive(lane, batch)
        except BaseException as err:  # of any kind: the owner decides what becomes of it
            error = err
        with self._changed:
            lane.succeeded = error is None
            self._arrived.append((lane, Ended(error)))
            self._changed.notify_all()
        del error  # a frame that holds its own error is never freed by itself
        lane.stopped = True  # for a page that is being read ahead
        ahead.close()
        with self._changed:
            del self._at_work[lane]
            self._changed.notify_all()

    def _arrive(self, lane: Lane, batch: "pa.RecordBatch") -> None:
        """Has one batch of the lane wait for the owner."""
        with self._changed:
            while lane.batch_waits and not lane.stopped:
                self._changed.wait()
            lane.tick()
            lane.batch_waits = True
            self._arrived.append((lane, batch))
            self._changed.notify_all()

    def _wait_for(self, threads: list[threading.Thread], within_s: float, *, calling: bool) -> None:
        """Waits until the threads are over, or so long.

        A call that had no connection when calls were broken off may have one now, so they are broken off each second.
        """
        until = time.monotonic() + within_s
        for thread in threads:
            while thread.is_alive() and time.monotonic() < until:
                if calling:
                    self._break_off()
                thread.join(LOOK_EVERY_S)
        if left := [thread for thread in threads if thread.is_alive()]:
            log.warning("%d threads of the run could not be ended", len(left))
