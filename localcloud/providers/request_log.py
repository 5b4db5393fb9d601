"""The requests seen on the wire: the latest one by one, and counts of all."""

import re
import threading
from collections import deque
from typing import Any

from localcloud.wire.listener import HttpAnswer, HttpRequest, Sending
from localcloud.wire.traffic import Traffic

MOST = 2000
_SECRET = re.compile(r"sk-[\w%-]+")


class RequestLog:
    """Requests to the vendors' paths; `/local` itself is not noted. Values that look like keys are left out."""

    def __init__(self) -> None:
        self._latest: deque[dict[str, Any]] = deque(maxlen=MOST)
        self._traffic = Traffic()
        self._lock = threading.Lock()

    def note(self, vendor: str, request: HttpRequest, answer: HttpAnswer) -> None:
        """One request and what became of it."""
        outcome = str(answer.status) if answer.sending is Sending.WHOLE else answer.sending.value
        self._traffic.count(f"{request.verb} {request.path}", outcome)
        entry = {"vendor": vendor, "method": request.verb, "path": request.path, "outcome": outcome}
        with self._lock:
            self._latest.append({**entry, "query": _SECRET.sub("[key]", request.query)})

    def summary(self) -> dict[str, Any]:
        """`{"requests": [{"vendor", "method", "path", "query", "outcome"}, …], "counts": {"GET /v1/…": {…}}}`."""
        with self._lock:
            return {"requests": list(self._latest), "counts": self._traffic.summary()}

    def reset(self) -> None:
        """Start again from nothing."""
        with self._lock:
            self._latest.clear()
            self._traffic.reset()
