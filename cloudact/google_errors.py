"""Google's errors that pass by themselves, and their translation into `Retry`.

All others reach the caller unchanged.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from cloudact.error_codes import Code
from cloudact.errors import Postponed, Retry

OVER_QUOTA = "quotaExceeded"  # https://cloud.google.com/bigquery/docs/troubleshoot-quotas: what refills within a day

Service = Literal["BigQuery", "The customer's BigQuery", "Cloud KMS", "Cloud Run", "Cloud Tasks", "Secret Manager"]
_UNAVAILABLE: dict[Service, Code] = {
    "BigQuery": Code.BIGQUERY_UNAVAILABLE,
    "The customer's BigQuery": Code.SOURCE_UNAVAILABLE,
    "Cloud KMS": Code.CLOUD_KMS_UNAVAILABLE,
    "Cloud Run": Code.CLOUD_RUN_UNAVAILABLE,
    "Cloud Tasks": Code.CLOUD_TASKS_UNAVAILABLE,
    "Secret Manager": Code.SECRET_MANAGER_UNAVAILABLE,
}


class GoogleRefusal(Exception):
    """Raised for an answer of one of Google's APIs with another status than 2xx.

    `code` is the HTTP status, `errors` are the errors with their reasons. Exceptions of Google's libraries have both.
    """

    def __init__(self, code: int, message: str, errors: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.errors = errors


def refused_with(err: BaseException, status: int) -> bool:
    """Whether one of Google's APIs, or a library of Google's, has answered with this HTTP status."""
    code = getattr(err, "code", None)
    return isinstance(code, int) and code == status


@contextmanager
def translating_google_errors(service: Service, *, ours: bool = True) -> Iterator[None]:
    """Raises `Retry` for a passing failure of a Google call; the message names the service and no internals.

    A used-up daily quota becomes `Postponed`. With `ours=False` that error passes unchanged. Only BigQuery gives this
    reason.
    """
    try:
        yield
    except Exception as err:
        if ours and OVER_QUOTA in error_reasons(err):
            message = f"A quota of {service} is used up."
            raise Postponed(Code.BIGQUERY_QUOTA_EXCEEDED, message, "It refills within a day.") from err
        if not is_passing(err):
            raise
        message = f"{service} could not be reached or is overloaded."
        raise Retry(_UNAVAILABLE[service], message, "It is tried again.") from err


# https://cloud.google.com/bigquery/docs/error-messages. The client library knows a part of the reasons only and makes
# a 500 of every other, so the reason is asked before the status.
PASSING_REASONS = frozenset(
    {"backendError", "internalError", "jobBackendError", "jobInternalError", "rateLimitExceeded"}
)
LASTING_REASONS = frozenset({"billingTierLimitExceeded", "bytesBilledLimitExceeded", OVER_QUOTA, "resourcesExceeded"})


def is_passing(err: BaseException) -> bool:
    """Whether the same call may succeed later: 429, 5xx, time-outs and broken connections."""
    reasons = error_reasons(err)
    if reasons & LASTING_REASONS:
        return False
    if reasons & PASSING_REASONS:
        return True
    if isinstance(err, GoogleRefusal):
        return err.code == 429 or err.code >= 500
    return isinstance(err, TimeoutError) or _broke_off(err) or _is_passing_in_a_library(err)


# https://github.com/googleapis/python-bigquery/blob/main/google/cloud/bigquery/retry.py
_REPEATED_REASONS = frozenset({"backendError", "badGateway", "internalError", "rateLimitExceeded"})
_REPEATED_STATUSES = frozenset({429, 500, 502, 503})


def is_worth_repeating(err: BaseException) -> bool:
    """Whether a call is repeated at once, as Google's BigQuery client does: by the first reason, else by the status."""
    if isinstance(err, GoogleRefusal):
        first = err.errors[0].get("reason") if err.errors else None
        return first in _REPEATED_REASONS if first else err.code in _REPEATED_STATUSES
    return _broke_off(err)


def is_unavailable(err: BaseException) -> bool:
    """Whether a call is repeated at once: 503, as Google's client of Cloud KMS does, or a connection that broke.

    One that could not be opened is not: it takes long to find out, and whoever called has tries of their own.
    """
    import httpx

    unopened = isinstance(err, httpx.ConnectError | httpx.ConnectTimeout)
    return refused_with(err, 503) or (_broke_off(err) and not unopened)


def _broke_off(err: BaseException) -> bool:
    import httpx
    from google.auth.exceptions import GoogleAuthError, TransportError

    if isinstance(err, GoogleAuthError):  # the token endpoint's own 5xx, and what did not reach it
        return err.retryable or isinstance(err, TransportError)
    return isinstance(err, httpx.TransportError | httpx.DecodingError)  # the latter: a body that is damaged


def _is_passing_in_a_library(err: BaseException) -> bool:
    import requests
    from google.api_core import exceptions as google

    passing = (google.ServerError, google.TooManyRequests, google.RetryError)
    broken = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    return isinstance(err, passing + broken)


def error_reasons(err: BaseException) -> set[str]:
    """Reasons that BigQuery gives with an error."""
    return {e.get("reason", "") for e in getattr(err, "errors", None) or [] if isinstance(e, dict)}
