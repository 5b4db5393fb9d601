"""Heartbeat of a run at work: checks whether the run was cancelled, and records progress when that is due."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from cloudact.clock import Clock
from cloudact.errors import Retry
from jobs.progress import StepProgress

log = logging.getLogger(__name__)
CHECK_EVERY = timedelta(seconds=5)  # a cancelled run stops within ten seconds
AGAIN_AFTER = timedelta(minutes=1)  # of work: a beat takes about as long while BigQuery is away


class CancellationCheck:
    """Checks every five seconds, however often it is called, whether the run was settled by someone else."""

    def __init__(self, ensure_wanted: Callable[[], None], clock: Clock) -> None:
        self._ensure_wanted = ensure_wanted
        self._clock = clock
        self._last = clock()

    def __call__(self) -> None:
        """Raises `Skip` where the run has been settled by someone else."""
        now = self._clock()
        if now - self._last >= CHECK_EVERY:
            try:
                self._ensure_wanted()
            finally:
                self._last = self._clock()


class Heartbeat:
    """Heartbeat of one step, to be called between pages, at any rate. `check` raises `Skip` to stop the run.

    A beat that BigQuery did not take is not sent again at once, so that the run goes on meanwhile.
    """

    def __init__(self, check: Callable[[], None], clock: Clock) -> None:
        self._check = check
        self._clock = clock
        self._again_at: datetime | None = None

    def beat(self, progress: StepProgress, text: str, rows: int | None = None) -> None:
        """Checks whether to go on, and records the progress text in the ledger when that is due."""
        if self._again_at and self._clock() < self._again_at:
            return
        try:
            self._check()
            progress.update(text, rows)
        except Retry as err:  # the next look is a minute away; giving up what a customer or provider worked for is not
            log.warning(err.message, exc_info=err)
            self._again_at = self._clock() + AGAIN_AFTER

    def every(self, progress: StepProgress, text: str) -> Callable[[], None]:
        """Callable that sends this heartbeat each time it is called."""
        return lambda: self.beat(progress, text)
