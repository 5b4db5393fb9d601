"""Which of Google's errors pass by themselves. Everything else is left as it is for the caller to judge."""

from collections.abc import Iterator
from contextlib import contextmanager

from cloudact.errors import Retry


@contextmanager
def reaching(service: str) -> Iterator[None]:
    """Turns every passing failure of a call into `Retry`, with a sentence that names the service and no internals."""
    try:
        yield
    except Exception as err:
        if not is_passing(err):
            raise
        code = f"{service.lower().replace(' ', '_')}_unavailable"
        raise Retry(code, f"{service} could not be reached or is overloaded.", "It is tried again.") from err


def is_passing(err: BaseException) -> bool:
    """Whether the same call may succeed later: 429, 5xx, time-outs and broken connections.

    BigQuery reports some of its own troubles as 403 with reason rateLimitExceeded or 400 with jobBackendError.
    """
    import requests
    from google.api_core import exceptions as google
    from google.auth.exceptions import TransportError

    if isinstance(err, google.GoogleAPICallError) and _reasons(err) & {
        "rateLimitExceeded",
        "backendError",
        "jobBackendError",
    }:
        return True
    return isinstance(
        err,
        google.ServerError
        | google.TooManyRequests
        | google.RetryError
        | requests.ConnectionError
        | requests.Timeout
        | requests.exceptions.ChunkedEncodingError
        | TransportError,
    )


def _reasons(err: BaseException) -> set[str]:
    return {e.get("reason", "") for e in getattr(err, "errors", None) or [] if isinstance(e, dict)}
