"""One line a request, and what every other line of the request says of it. Never what the caller sent.

The line names the route, not the path, and no query: addresses hold ids and whatever else a client puts into them.
"""

import logging
import time

from flask import Response, g, request

from cloudact import logs
from functions.web.trace import trace_fields

log = logging.getLogger(__name__)
UNKNOWN = "(unknown)"
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")  # others are the caller's free text


def begin(project: str, request_id: str) -> None:
    """Starts a request: forgets what the thread has logged about another one. Must be called first."""
    g.began_s = time.monotonic()
    logs.reset(request_id=request_id, **trace_fields(request.headers, project))


def end(response: Response) -> None:
    """Logs the request with the status that is answered. Must be called last."""
    method = request.method if request.method in _METHODS else UNKNOWN
    route = request.url_rule.rule if request.url_rule else UNKNOWN
    status = response.status_code
    fields = _fields(method, route, status, time.monotonic() - g.began_s)
    log.log(_level(route, status), "%s %s %d", method, route, status, extra={"fields": fields})


def _fields(method: str, route: str, status: int, spent_s: float) -> dict[str, object]:
    """Fields for our metrics, and `httpRequest`, which Cloud Logging shows in its list of requests."""
    shown = {"requestMethod": method, "requestUrl": route, "status": status, "latency": f"{spent_s:.3f}s"}
    return {
        "event": "request",
        "method": method,
        "route": route,
        "status": status,
        "latency_ms": int(spent_s * 1000),
        "httpRequest": shown,
    }


def _level(route: str, status: int) -> int:
    """The log level: DEBUG for probes, which come every few seconds, while they are answered."""
    if status >= 500:
        return logging.WARNING
    return logging.DEBUG if route.endswith(("/health", "/health/ready")) else logging.INFO
