"""The errors that Google's REST APIs answer with, and their envelope.

ApiError                 any refusal; carries Google's status name and the HTTP status
├── InvalidArgument      400: the request is wrong, whatever the state
├── FailedPrecondition   400: the request is right, the state forbids it
├── Unauthenticated      401: no credential, or one of the wrong kind
├── PermissionDenied     403: the caller may not; `details` say which permission is missing
├── NotFound             404
├── AlreadyExists        409: the REST clients raise `Conflict`
└── Unimplemented        501: Google has it, this stand-in does not
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

STATUS_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class ApiError(Exception):
    """A refusal; subclasses fix the HTTP status."""

    http_status = 500
    status_name: str | None = None

    def __init__(self, message: str, details: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class InvalidArgument(ApiError):
    """The request is wrong, whatever the state."""

    http_status = 400


class FailedPrecondition(ApiError):
    """The request is right, the state of the resource forbids it."""

    http_status = 400
    status_name = "FAILED_PRECONDITION"


class Unauthenticated(ApiError):
    """No credential, or one of the wrong kind."""

    http_status = 401


class PermissionDenied(ApiError):
    """The caller may not."""

    http_status = 403


class NotFound(ApiError):
    """The named resource does not exist."""

    http_status = 404


class AlreadyExists(ApiError):
    """The name is taken."""

    http_status = 409


class Unimplemented(ApiError):
    """Google has this, the stand-in does not: better a loud refusal than a silent difference."""

    http_status = 501


def error_info(reason: str, domain: str, **metadata: str) -> list[dict[str, Any]]:
    """The detail by which programs tell errors apart: https://google.aip.dev/193#errorinfo."""
    kind = "type.googleapis.com/google.rpc.ErrorInfo"
    return [{"@type": kind, "reason": reason, "domain": domain, "metadata": metadata}]


def envelope(
    http_status: int, message: str, status_name: str | None = None, details: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Google's error body: https://cloud.google.com/apis/design/errors#http_mapping."""
    name = status_name or STATUS_NAMES.get(http_status) or HTTPStatus(http_status).name
    known = {"details": list(details)} if details else {}
    return {"error": {"code": http_status, "status": name, "message": message, **known}}
