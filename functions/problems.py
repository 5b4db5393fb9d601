"""HTTP refusals as `application/problem+json` (RFC 9457): one plain sentence each, no internals."""

import json
from collections.abc import Mapping

from flask import Response, g, request
from werkzeug.http import HTTP_STATUS_CODES


class Problem(Exception):
    """A refused request: `status` is the HTTP status, `detail` the sentence the caller reads."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The problem document."""
        body = {
            "type": "about:blank",
            "title": HTTP_STATUS_CODES[self.status],
            "status": self.status,
            "detail": self.detail,
            "instance": request.path,
            "request_id": g.request_id,
        }
        return Response(
            json.dumps(body, ensure_ascii=False),
            self.status,
            headers=self.headers,
            content_type="application/problem+json",
        )


def bad_request(detail: str) -> Problem:
    """400: the sentence names the field and what is allowed."""
    return Problem(400, detail)


def unavailable() -> Problem:
    """503: something we depend on cannot be reached; nothing was admitted."""
    return Problem(
        503,
        "The service cannot be reached at the moment; nothing was started. Please try again.",
        {"Retry-After": "10"},
    )
