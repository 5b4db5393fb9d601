"""jobs.query is idempotent: a `requestId` sent again within fifteen minutes is the same request."""

from __future__ import annotations

import time
from collections.abc import Callable

MEMORY_S = 15 * 60


class RequestIds:
    """Which job each `requestId` started."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._jobs: dict[tuple[str, str], tuple[float, str]] = {}  # the oldest first

    def __len__(self) -> int:
        return len(self._jobs)

    def job_of(self, project: str, request_id: str | None) -> str | None:
        """The job of an earlier request with this id."""
        started, job_id = self._jobs.get((project, request_id or ""), (0.0, ""))
        return job_id if job_id and self._clock() - started < MEMORY_S else None

    def remember(self, project: str, request_id: str | None, job_id: str) -> None:
        """Note the job of a request, and forget old ones."""
        now = self._clock()
        while self._jobs and now - next(iter(self._jobs.values()))[0] >= MEMORY_S:
            del self._jobs[next(iter(self._jobs))]
        if request_id:
            self._jobs.pop((project, request_id), None)
            self._jobs[(project, request_id)] = (now, job_id)
