"""Keeps an eye on whether a run is still wanted while it works: a cancelled one stops within ten seconds."""

from collections.abc import Callable
from datetime import timedelta

from cloudact.clock import Clock

LOOK_EVERY = timedelta(seconds=5)


class Watch:
    """Called as often as one likes; asks every five seconds. What it asks raises `Skip` to stop the run."""

    def __init__(self, ensure_wanted: Callable[[], None], clock: Clock) -> None:
        self._ensure_wanted = ensure_wanted
        self._clock = clock
        self._last = clock()

    def __call__(self) -> None:
        """Raises `Skip` where the run has been settled by someone else."""
        now = self._clock()
        if now - self._last >= LOOK_EVERY:
            self._ensure_wanted()
            self._last = self._clock()
