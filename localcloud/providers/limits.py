"""Requests a minute by key: a window that begins with its first request, as strict as the key's registration says."""

import math
import threading
from datetime import datetime, timedelta

from cloudact.clock import Clock
from localcloud.providers.keys import RegisteredKey

MINUTE = timedelta(minutes=1)


class PerMinute:
    """Counts the requests of keys that have a limit."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._windows: dict[str, tuple[datetime, int]] = {}
        self._lock = threading.Lock()

    def over(self, key: RegisteredKey) -> datetime | None:
        """Counts one request; when the window ends, where the limit is used up."""
        if key.per_minute is None:
            return None
        now = self._clock()
        with self._lock:
            began, used = self._windows.get(key.key, (now, 0))
            if now - began >= MINUTE:
                began, used = now, 0
            self._windows[key.key] = began, used + 1
        return began + MINUTE if used >= key.per_minute else None


def seconds_left(end: datetime, now: datetime) -> int:
    """Whole seconds until then, rounded up."""
    return math.ceil((end - now) / timedelta(seconds=1))
