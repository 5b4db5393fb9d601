"""jobs.query is idempotent: a `requestId` sent again within fifteen minutes is the same request."""

from __future__ import annotations

import time

MEMORY_S = 15 * 60


class RequestIds:
    """Which job each `requestId` started."""

    def __init__(self) -> None:
        self._jobs: dict[tuple[str, str], tuple[float, str]] = {}

    def job_of(self, project: str, request_id: str | None) -> str | None:
        """The job of an earlier request with this id."""
        started, job_id = self._jobs.get((project, request_id or ""), (0.0, ""))
        return job_id if job_id and time.monotonic() - started < MEMORY_S else None

    def remember(self, project: str, request_id: str | None, job_id: str) -> None:
        """Note the job of a request, and forget old ones."""
        now = time.monotonic()
        self._jobs = {key: entry for key, entry in self._jobs.items() if now - entry[0] < MEMORY_S}
        if request_id:
            self._jobs[(project, request_id)] = (now, job_id)
