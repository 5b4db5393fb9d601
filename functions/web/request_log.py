"""One line a request, and what every other line of the request says of it. Never what the caller sent.

The line names the route, not the path, and no query: addresses hold ids and whatever else a client puts into them.
"""

import logging
import time
from typing import Any

from flask import Response, g, request

from cloudact import logs
from functions.web.trace import trace_fields

log = logging.getLogger(__name__)
UNKNOWN = "(unknown)"
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")  # others are the caller's free text


def begin(project: str, request_id: str) -> None:
    """To be called first: a thread that has served another request forgets it here."""
    g.began_s = time.monotonic()
    logs.reset(request_id=request_id, **trace_fields(request.headers, project))


def end(response: Response) -> None:
    """To be called last, with what the caller is answered."""
    told = _told(response.status_code)
    log.log(_level(told), "%s %s %d", told["method"], told["route"], told["status"], extra={"fields": told})


def _told(status: int) -> dict[str, Any]:
    """Our own fields for metrics, and `httpRequest`, which Cloud Logging shows in its list of requests."""
    method = request.method if request.method in _METHODS else UNKNOWN
    route = request.url_rule.rule if request.url_rule else UNKNOWN
    spent_s = time.monotonic() - g.began_s
    shown = {"requestMethod": method, "requestUrl": route, "status": status, "latency": f"{spent_s:.3f}s"}
    told = {"event": "request", "method": method, "route": route, "status": status, "latency_ms": int(spent_s * 1000)}
    return told | {"httpRequest": shown}


def _level(told: dict[str, Any]) -> int:
    """Probes come every few seconds and say nothing while all is well."""
    if told["status"] >= 500:
        return logging.WARNING
    return logging.DEBUG if told["route"].endswith(("/health", "/health/ready")) else logging.INFO
