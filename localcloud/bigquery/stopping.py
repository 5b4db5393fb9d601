"""Ending a query before it is done: by jobs.cancel, at its time limit, or because nobody waits for it any more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from bqemulator.domain.errors import DomainError

from localcloud.bigquery.errors import JobStopped

AGAIN_S = 0.05  # an interruption that comes before the query has begun is lost
Answer = TypeVar("Answer")


class Stop:
    """What ends one job. To be made where the event loop runs."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._cancelled: asyncio.Future[DomainError] = self._loop.create_future()
        self._left: asyncio.Future[DomainError] = self._loop.create_future()

    def cancel(self, error: DomainError) -> None:
        """End whatever the job runs; the job fails with the error, if it is not done before."""
        _tell(self._cancelled, error)

    def leave(self) -> None:
        """Nobody waits for the answer: end the job if it does nothing but answer."""
        _tell(self._left, JobStopped("[local BigQuery] the client hung up before the query was done"))

    async def run(
        self, start: Callable[[], Awaitable[Answer]], interrupt: Callable[[], None], *, only_answers: bool
    ) -> Answer:
        """Start the work and wait for it; raises what it raises, or the error with which it was stopped."""
        reasons = {self._cancelled, self._left} if only_answers else {self._cancelled}
        if told := [reason.result() for reason in reasons if reason.done()]:
            raise told[0]
        work = asyncio.ensure_future(start())
        waited_for: set[asyncio.Future[Any]] = {work, *reasons}
        try:
            await asyncio.wait(waited_for, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            interrupt()
            raise
        if work.done():
            return work.result()
        while not work.done():
            interrupt()
            await asyncio.wait({work}, timeout=AGAIN_S)
        if err := work.exception():
            raise next(reason.result() for reason in reasons if reason.done()) from err
        return work.result()


def _tell(reason: asyncio.Future[DomainError], error: DomainError) -> None:
    if not reason.done():
        reason.set_result(error)
