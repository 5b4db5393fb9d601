"""Errors in Google's words: a reason, a message, and the HTTP status that belongs to the reason.

DomainError (bqemulator)          everything a caller did wrong
├─ InvalidQueryError              400 invalidQuery, the statement cannot run
├─ ValidationError                400 invalid, the request or the data is wrong
├─ NotFoundError                  404 notFound
├─ AlreadyExistsError             409 duplicate
├─ PermissionDeniedError          403 accessDenied
├─ BytesBilledLimitExceeded       400 bytesBilledLimitExceeded, more bytes than maximumBytesBilled
├─ JobStopped                     400 stopped, the job was cancelled or its server ended
└─ JobTimedOut                    400 timeout, the job took longer than jobTimeoutMs
"""

from __future__ import annotations

import re
from typing import Any

from bqemulator.domain.errors import DomainError, InvalidQueryError

HTTP_STATUS = {
    "notFound": 404, "duplicate": 409, "accessDenied": 403, "quotaExceeded": 403, "rateLimitExceeded": 403,
    "conditionNotMet": 412, "notImplemented": 501, "backendError": 503, "internalError": 500,
}  # fmt: skip
CANONICAL = {
    400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION", 500: "INTERNAL", 501: "UNIMPLEMENTED", 503: "UNAVAILABLE",
}  # fmt: skip
WORDS = (
    (r'Referenced column "([^"]+)" (?:not found|was not found)', "Unrecognized name: {}"),
    (r"NOT NULL constraint failed: \w+\.(\w+)", "Required field {} cannot be null"),
)


class BytesBilledLimitExceeded(DomainError):
    """The query would bill more than `maximumBytesBilled` allows."""

    http_status = 400
    bq_reason = "bytesBilledLimitExceeded"
    grpc_status_name = "INVALID_ARGUMENT"


class JobStopped(DomainError):
    """The job was cancelled, nobody waits for its answer, or its server ended."""

    http_status = 400
    bq_reason = "stopped"
    grpc_status_name = "CANCELLED"


class JobTimedOut(DomainError):
    """The job took longer than its `jobTimeoutMs`."""

    http_status = 400
    bq_reason = "timeout"
    grpc_status_name = "DEADLINE_EXCEEDED"


class ConditionNotMet(DomainError):
    """An `If-Match` header names an etag the resource no longer has."""

    http_status = 412
    bq_reason = "conditionNotMet"
    grpc_status_name = "FAILED_PRECONDITION"


def as_domain_error(exc: Exception) -> DomainError:
    """A failure inside the engine is the statement's fault: an HTTP 500 would be retried for ten minutes."""
    if isinstance(exc, DomainError) and exc.http_status != 500:
        return exc
    return InvalidQueryError(f"[local BigQuery] {type(exc).__name__}: {exc}", location="query")


def in_googles_words(exc: DomainError) -> DomainError:
    """DuckDB's commonest messages as GoogleSQL's analyzer puts them."""
    for pattern, words in WORDS:
        found = re.search(pattern, exc.message)
        if found:
            return InvalidQueryError(words.format(*found.groups()), location="query")
    return exc


def error_proto(exc: DomainError) -> dict[str, Any]:
    """Google's ErrorProto, as it stands in `status.errorResult` of a job."""
    proto: dict[str, Any] = {"reason": exc.bq_reason, "message": exc.message}
    if exc.location:
        proto["location"] = exc.location
    return proto


def http_status_of(reason: str) -> int:
    """The status with which Google answers a request that fails for this reason."""
    return HTTP_STATUS.get(reason, 400)


def envelope(status: int, proto: dict[str, Any]) -> dict[str, Any]:
    """The body of an HTTP error: `{"error": {code, message, errors, status}}`."""
    return {
        "error": {
            "code": status,
            "message": proto["message"],
            "errors": [{"domain": "global", **proto}],
            "status": CANONICAL.get(status, "UNKNOWN"),
        }
    }
