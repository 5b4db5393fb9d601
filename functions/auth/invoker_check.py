"""Whether Cloud Run checks who calls `ops`, asked of the function's own address: a stranger gets no answer of ours.

The setting counts at once and for all revisions, while a revision knows only what it was deployed with. So a roll back,
or a tag's address, may lead to a revision that believes in a check that has been switched off since (docs/adr/0011).
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
WITHIN_S = 5.0
CLOSED_S, OPEN_S = 300.0, 30.0  # how long an answer is remembered: strangers are refused, or anything else


class Front:
    """Asks for /health of `url` without a token: the container lets everybody see it, Cloud Run's check nobody."""

    def __init__(self, url: str, seconds: Callable[[], float] = time.monotonic) -> None:
        self._health = urlsplit(f"{url}/health")
        self._probes = Probes(WITHIN_S)
        self._seconds = seconds
        self._lock = Lock()
        self._status: int | None = None
        self._until = seconds()

    def checks(self) -> bool:
        """Whether strangers are refused before they reach us. Raises `Retry` where the address cannot tell."""
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
        self._until = self._seconds() + (CLOSED_S if closed else OPEN_S)
        if not closed:
            told = "Cloud Run does not check who calls ops, as far as its address tells, and this revision relies on it"
            log.error(told, extra={"fields": {"event": "ops_unchecked", "status": self._status}})
