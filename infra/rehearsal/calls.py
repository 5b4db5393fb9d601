"""Requests to the stand-ins and their answers: JSON over Google's REST conventions."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from infra.rehearsal.store import Store

Json = dict[str, Any]
VERSION = re.compile(r"^/v\d+(alpha|beta)?\d*/")
READING = (":getIamPolicy", ":testIamPermissions", ":batchGet", ":queryTestablePermissions")


@dataclass(frozen=True)
class Call:
    """One request. `name` is the path without the API's version; `url` is the recorder's own."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    url: str
    size: int = 0  # of an uploaded object, in bytes

    @property
    def name(self) -> str:
        """Name as resources have it, such as `projects/p/locations/r/queues/runs`."""
        return VERSION.sub("", self.path)

    @property
    def changes(self) -> bool:
        """Whether the call makes, changes, removes or runs something."""
        return self.method not in ("GET", "HEAD") and not self.path.endswith(READING)


@dataclass(frozen=True)
class Reply:
    """Answer; the status is 200 by default."""

    body: Any = field(default_factory=dict)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """Body as it is sent."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


def refusal(status: int, word: str, message: str) -> Reply:
    """Error in Google's shape."""
    reason = {404: "notFound", 409: "duplicate"}.get(status, "invalid")
    errors = [{"reason": reason, "message": message}]
    return Reply({"error": {"code": status, "status": word, "message": message, "errors": errors}}, status)


def missing(name: str) -> Reply:
    """404 for a resource that does not exist."""
    return refusal(404, "NOT_FOUND", f"Not found: {name}")


def operation(response: Json, where: str = "") -> Reply:
    """Long-running operation that is over; some live where their resource does."""
    return Reply({"name": f"{where}operations/rehearsal", "done": True, "response": response})


__all__ = ["Call", "Json", "Reply", "Store", "missing", "operation", "refusal"]
