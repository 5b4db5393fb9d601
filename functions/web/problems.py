"""HTTP refusals as `application/problem+json` (RFC 9457): one plain sentence each, no internals."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from flask import Response, g, request
from werkzeug.http import HTTP_STATUS_CODES

from cloudact.error_codes import Code, ErrorCode
from cloudact.errors import Stop

PROBLEM_JSON = "application/problem+json"


class Problem(Exception):
    """A refused request: `status` is the HTTP status, `detail` what the caller reads, `code` a word for programs."""

    def __init__(
        self, status: int, detail: str, headers: Mapping[str, str] | None = None, code: ErrorCode | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.code = code

    def response(self) -> Response:
        """The HTTP response with the problem document."""
        text = document(self.status, self.detail, request.path, g.request_id, self.code)
        return Response(text, self.status, headers=self.headers, content_type=PROBLEM_JSON)


def document(status: int, detail: str, path: str, request_id: str | None = None, code: ErrorCode | None = None) -> str:
    """The JSON of RFC 9457; the request's id and the code are extension members."""
    body = {
        "type": "about:blank",
        "title": HTTP_STATUS_CODES[status],
        "status": status,
        "detail": detail,
        "instance": path,
    }
    extensions = {"code": code, "request_id": request_id}
    return json.dumps(body | {name: value for name, value in extensions.items() if value}, ensure_ascii=False)


def bad_request(detail: str) -> Problem:
    """A 400 `Problem`. The sentence names the field and what is allowed."""
    return Problem(400, detail)


def unavailable() -> Problem:
    """A 503 `Problem`: something we depend on cannot be reached, and nothing was admitted."""
    return Problem(
        503,
        "The service is not available at the moment. Please send the same request again.",
        {"Retry-After": "10"},
    )


@contextmanager
def translating_stops() -> Iterator[None]:
    """Raises a `Problem` for a `Stop`: 404 for an org that does not exist, 409 for what a person must decide first."""
    try:
        yield
    except Stop as err:
        raise Problem(404 if err.code == Code.ORG_UNKNOWN else 409, err.message) from err
