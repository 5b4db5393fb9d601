"""Request as it came over the wire, and the JSON in it: a body, or the part of an upload that describes the file."""

import json
import re
from dataclasses import dataclass
from typing import Any

_HEAD = re.compile(rb"\r?\n\r?\n")


class NotWellFormed(Exception):
    """Raised where Google refuses the request: 400 INVALID_ARGUMENT, with Google's text."""


@dataclass(frozen=True)
class Sent:
    """Request: `path` is decoded, `query` is not, `body` is not compressed."""

    verb: str
    path: str
    query: str = ""
    body: bytes = b""
    content_type: str = ""

    @property
    def is_multipart(self) -> bool:
        """Whether the body is an upload's two parts."""
        return self.content_type.startswith("multipart/")


def metadata(sent: Sent) -> Any:
    """JSON of a request, `None` where there is none. Raises NotWellFormed."""
    text = parts(sent)[0] if sent.is_multipart else sent.body
    try:
        return json.loads(text) if text.strip() else None
    except ValueError as err:
        raise NotWellFormed(f"Invalid JSON payload received. {err}") from err


def parts(sent: Sent) -> tuple[bytes, bytes]:
    """Description and file of a multipart upload. Raises NotWellFormed.

    Google's own clients quote the boundary in ways of their own, or end lines with LF alone.
    """
    boundary = re.search(r"""boundary=['"]?([^'";]+)""", sent.content_type)
    parts = sent.body.split(f"--{boundary[1]}".encode()) if boundary else []
    heads = [_HEAD.search(part) for part in parts[1:3]]
    if len(parts) != 4 or None in heads:
        raise NotWellFormed("Malformed multipart body.")
    description, file = (
        re.sub(rb"\r?\n\Z", b"", part[head.end() :]) for part, head in zip(parts[1:3], heads, strict=True) if head
    )
    return description, file
