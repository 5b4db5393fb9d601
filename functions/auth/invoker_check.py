"""Check of the invoker check: whether Cloud Run refuses callers of `ops` without a token, asked at our own address.

The setting counts at once and for all revisions, while a revision knows only what it was deployed with. After a roll
back, or at a tag's address, a revision may assume a check that has been switched off since (docs/adr/0011).
"""

import logging
import time
from collections.abc import Callable
from threading import Lock
from urllib.parse import urlsplit

from cloudact.error_codes import Code
from cloudact.errors import Retry
from functions.web.probes import Probes

log = logging.getLogger(__name__)
TIMEOUT_S = 5.0
CLOSED_TTL_S, OPEN_TTL_S = 300.0, 30.0  # how long an answer is kept: of a check that is on, and of any other


class Front:
    """Reads the status of /health at `url` without a token: the container answers anyone, Cloud Run's check refuses."""

    def __init__(self, url: str, seconds: Callable[[], float] = time.monotonic, within_s: float = TIMEOUT_S) -> None:
        self._health = urlsplit(f"{url}/health")
        self._probes = Probes(within_s)
        self._seconds = seconds
        self._lock = Lock()
        self._status: int | None = None
        self._until = seconds()

    def checks(self) -> bool:
        """Whether callers without a token are refused before the container.

        Raises `Retry` where that cannot be seen.
        """
        with self._lock:
            if self._seconds() >= self._until:
                self._ask()
            status = self._status
        if status is None or status >= 429:
            raise Retry(Code.FRONT_UNKNOWN, "Whether Cloud Run checks who calls is not known.")
        return status in (401, 403)

    def _ask(self) -> None:
        self._status = self._probes.status(self._health, own=True)
        closed = self._status in (401, 403)
        self._until = self._seconds() + (CLOSED_TTL_S if closed else OPEN_TTL_S)
        if not closed:
            message = (
                "Cloud Run does not check who calls ops, as far as its address tells, and this revision relies on it"
            )
            log.error(message, extra={"fields": {"event": "ops_unchecked", "status": self._status}})
