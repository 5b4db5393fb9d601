"""HTTP refusals as `application/problem+json` (RFC 9457): one plain sentence each, no internals."""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import quote

from flask import Response, g, request

from cloudact.error_codes import Code, ErrorCode
from cloudact.errors import Retry, Stop
from cloudact.google_errors import GoogleRefusal, error_reasons

PROBLEM_JSON = "application/problem+json"
CANNOT_START = "the function cannot start"
NOT_CONFIGURED = "The service is not configured; its operators have been told."
TYPE = "/errors/{code}"  # the path of an endpoint of ours: the same wherever the service runs

log = logging.getLogger(__name__)
_UNREADABLE = {"accessDenied", "notFound"}  # https://cloud.google.com/bigquery/docs/error-messages
_PATH = "/!$&'()*+,;=:@"  # what a path may have, beside letters and digits (RFC 3986 §3.3)


class Problem(Exception):
    """A refused request: `status` is the HTTP status, `detail` what the caller reads, `code` a word for programs.

    `field` names the one field that is wrong, where it is one.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        headers: Mapping[str, str] | None = None,
        *,
        code: ErrorCode,
        field: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.code = code
        self.field = field

    def response(self) -> Response:
        """The HTTP response with the problem document."""
        text = document(self, request.path, g.request_id)
        return Response(text, self.status, headers=self.headers, content_type=PROBLEM_JSON)


def document(problem: Problem, path: str, request_id: str) -> str:
    """The JSON of RFC 9457, with the path as a URI; code, field and the request's id are extension members."""
    body = {
        "type": TYPE.format(code=problem.code),
        "title": problem.code.replace("_", " ").capitalize(),
        "status": problem.status,
        "detail": problem.detail,
        "instance": quote(path, safe=_PATH),
        "code": problem.code,
        **({"field": problem.field} if problem.field else {}),
        "request_id": request_id,
    }
    return json.dumps(body, ensure_ascii=False)


def bad_request(detail: str, code: Code) -> Problem:
    """A 400 `Problem` that is not about what one field may be; see `bad_field`."""
    return Problem(400, detail, code=code)


def bad_field(field: str | None, rule: str) -> Problem:
    """A 400 `Problem` of one field; the rule is the rest of the sentence, such as `must be true or false`."""
    return Problem(400, f"{field} {rule}.", code=Code.FIELD_INVALID, field=field)


def unavailable(err: Retry) -> Problem:
    """A 503 `Problem`: something we depend on cannot be reached, and nothing was admitted."""
    return Problem(
        503,
        "The service is not available at the moment. Please send the same request again.",
        {"Retry-After": "10"},
        code=err.code,
    )


@contextmanager
def translating_unreadable_datasets() -> Iterator[None]:
    """Raises a 503 `Problem` where BigQuery refuses to read an org's dataset: it has not let us in, or lacks a view."""
    try:
        yield
    except GoogleRefusal as err:
        if error_reasons(err).isdisjoint(_UNREADABLE):
            raise
        raise unreadable(err) from err


def unreadable(err: Exception) -> Problem:
    """A 503 `Problem`: BigQuery has refused to read an org's dataset, which is ours to mend; the log has why."""
    log.error("an org's dataset cannot be read", extra={"fields": {"event": "dataset_unreadable"}}, exc_info=err)
    detail = "The organization's dataset cannot be read at the moment. This is ours to mend; please contact support."
    return Problem(503, detail, code=Code.DATASET_UNREADABLE)


@contextmanager
def translating_stops() -> Iterator[None]:
    """Raises a `Problem` for a `Stop`: 404 for an org that does not exist, 409 for what a person must decide first."""
    try:
        yield
    except Stop as err:
        raise Problem(404 if err.code == Code.ORG_UNKNOWN else 409, err.message, code=err.code) from err
