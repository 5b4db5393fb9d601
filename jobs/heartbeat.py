"""Heartbeat of a run at work: checks whether the run was cancelled, and records progress when that is due."""

import logging
from collections.abc import Callable
from datetime import timedelta

from cloudact.clock import Clock
from cloudact.errors import Retry
from jobs.progress import StepProgress

log = logging.getLogger(__name__)
CHECK_EVERY = timedelta(seconds=5)  # a cancelled run stops within ten seconds


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
            self._ensure_wanted()
            self._last = self._clock()


class Heartbeat:
    """Heartbeat of one step, to be called between pages, at any rate. `check` raises `Skip` to stop the run."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check

    def beat(self, progress: StepProgress, text: str, rows: int | None = None) -> None:
        """Checks whether to go on, and records the progress text in the ledger when that is due."""
        try:
            self._check()
            progress.update(text, rows)
        except Retry as err:  # the next look is seconds away; giving up what a customer or provider worked for is not
            log.warning(err.message, exc_info=err)

    def every(self, progress: StepProgress, text: str) -> Callable[[], None]:
        """Callable that sends this heartbeat each time it is called."""
        return lambda: self.beat(progress, text)
