"""What arrives on the wire: requests counted by Google's method names, and faults injected on demand."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field
from starlette.types import ASGIApp, Receive, Scope, Send

from localcloud.bigquery.errors import envelope

OPERATIONS = [
    ("POST", r"/upload/.*/jobs$", "jobs.upload"),
    ("PUT", r"/upload/.*/jobs$", "jobs.uploadChunk"),
    ("POST", r"/queries$", "jobs.query"),
    ("GET", r"/queries/[^/]+$", "jobs.getQueryResults"),
    ("POST", r"/jobs$", "jobs.insert"),
    ("GET", r"/jobs$", "jobs.list"),
    ("POST", r"/jobs/[^/]+/cancel$", "jobs.cancel"),
    ("GET", r"/jobs/[^/]+$", "jobs.get"),
    ("POST", r"/insertAll$", "tabledata.insertAll"),
    ("GET", r"/tables/[^/]+/data$", "tabledata.list"),
    ("POST", r"/tables$", "tables.insert"),
    ("GET", r"/tables$", "tables.list"),
    ("GET", r"/tables/[^/]+$", "tables.get"),
    ("(PATCH|PUT)", r"/tables/[^/]+$", "tables.patch"),
    ("DELETE", r"/tables/[^/]+$", "tables.delete"),
    ("POST", r"/datasets$", "datasets.insert"),
    ("GET", r"/datasets/[^/]+$", "datasets.get"),
    ("(PATCH|PUT)", r"/datasets/[^/]+$", "datasets.patch"),
]


class Fault(BaseModel):
    """An HTTP error that answers the next `times` requests to a path."""

    model_config = ConfigDict(extra="forbid")

    method: str = ".*"
    path_regex: str
    status: int = Field(default=503, ge=400, le=599)
    times: int = Field(default=1, ge=1)
    reason: str = "backendError"
    message: str = "Injected fault"

    def matches(self, method: str, path: str) -> bool:
        """Whether the fault is for this request."""
        return bool(self.times and re.fullmatch(self.method, method) and re.search(self.path_regex, path))


@dataclass
class Traffic:
    """Counts and faults of one server."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)

    def next_fault(self, method: str, path: str) -> Fault | None:
        """The fault that answers this request, used up by one."""
        for fault in self.faults:
            if fault.matches(method, path):
                fault.times -= 1
                return fault
        return None


def operation(method: str, path: str) -> str:
    """Google's name of the method, e.g. `jobs.query`; other requests count as their method and path."""
    for pattern, ending, name in OPERATIONS:
        if re.fullmatch(pattern, method) and re.search(ending, path):
            return name
    return f"{method} {path}"


RECEIVE = "localcloud.receive"  # in the scope: the server's own, which knows whether the client is still there


class Gate:
    """ASGI: counts each request of Google's API, and answers it with a fault if one is due."""

    def __init__(self, app: ASGIApp, traffic: Traffic) -> None:
        self._app = app
        self._traffic = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; `/local` itself is neither counted nor faulted."""
        if scope["type"] != "http" or scope["path"].startswith("/local/"):
            await self._app(scope, receive, send)
            return
        self._traffic.counts[operation(scope["method"], scope["path"])] += 1
        fault = self._traffic.next_fault(scope["method"], scope["path"])
        if fault is None:
            await self._app({**scope, RECEIVE: receive}, receive, send)
            return
        while (await receive()).get("more_body"):  # an unread body would cut the client's connection
            pass
        await _answer(send, fault)


async def _answer(send: Send, fault: Fault) -> None:
    body = json.dumps(envelope(fault.status, {"reason": fault.reason, "message": fault.message})).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": fault.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
