"""Google's errors that pass by themselves, and their translation into `Retry`.

All others reach the caller unchanged.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

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
    import requests
    from google.api_core import exceptions as google
    from google.auth.exceptions import GoogleAuthError, TransportError

    if isinstance(err, GoogleAuthError) and err.retryable:  # the token endpoint's own 5xx
        return True
    reasons = error_reasons(err)
    if reasons & LASTING_REASONS:
        return False
    if reasons & PASSING_REASONS:
        return True
    return isinstance(
        err,
        google.ServerError
        | google.TooManyRequests
        | google.RetryError
        | TimeoutError  # what the BigQuery client makes of a job that does not end in time
        | requests.ConnectionError
        | requests.Timeout
        | requests.exceptions.ChunkedEncodingError
        | TransportError,
    )


def error_reasons(err: BaseException) -> set[str]:
    """Reasons that BigQuery gives with an error."""
    return {e.get("reason", "") for e in getattr(err, "errors", None) or [] if isinstance(e, dict)}
