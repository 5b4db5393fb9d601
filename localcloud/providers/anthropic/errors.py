"""Anthropic's refusals. The envelope and two of the texts are documented; clients match on status and type."""

import uuid
from collections.abc import Collection
from datetime import datetime

from localcloud.providers.refusals import Refused

_BY_STATUS = {
    400: ("invalid_request_error", "Injected by /local/faults."),
    401: ("authentication_error", "invalid x-api-key"),
    403: ("permission_error", "This API key does not have permission to use the specified resource."),
    404: ("not_found_error", "Not found"),
    429: (
        "rate_limit_error",
        "This request would exceed your organization's rate limit. Please try again later.",
    ),
    500: ("api_error", "Internal server error"),
    529: ("overloaded_error", "Overloaded"),
}


def invalid(message: str) -> Refused:
    """400: the request is wrong."""
    return _refused(400, "invalid_request_error", message)


def too_many_groups() -> Refused:
    """400, as seen in the wild (PostHog#72556)."""
    return invalid("Cannot specify more than 5 group_by[] dimensions.")


def no_complete_bucket() -> Refused:
    """400, as seen in the wild (langwatch#7178): the window holds no day that is over."""
    return invalid("Invalid date range: ending date must be after starting date")


def missing_scopes(held: Collection[str], needed: str) -> Refused:
    """403, as seen in the wild: the key is of another kind than this API needs."""
    return _refused(403, "permission_error", f"Missing required scopes. Got: {sorted(held)} Needed: ['{needed}']")


def rate_limited(until: datetime, limit: int) -> Refused:
    """429: the limit of requests is used up, that of tokens is not. Without Retry-After."""
    headers = {
        "anthropic-ratelimit-requests-limit": str(limit),
        "anthropic-ratelimit-requests-remaining": "0",
        "anthropic-ratelimit-requests-reset": f"{until:%Y-%m-%dT%H:%M:%SZ}",
        "anthropic-ratelimit-input-tokens-remaining": "50000",
        "anthropic-ratelimit-input-tokens-reset": f"{until.replace(year=until.year + 1):%Y-%m-%dT%H:%M:%SZ}",
    }
    refused = by_status(429)
    return Refused(429, refused.body, {**refused.headers, **headers})


def not_built(what: str) -> Refused:
    """501: Anthropic has it, the stand-in does not."""
    return _refused(501, "api_error", f"{what} is not part of the local cloud.")


def by_status(status: int) -> Refused:
    """The vendor's words for a status."""
    return _refused(status, *_BY_STATUS.get(status, ("api_error", "Injected by /local/faults.")))


def _refused(status: int, kind: str, message: str) -> Refused:
    request_id = f"req_{uuid.uuid4().hex[:24]}"
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id}
    return Refused(status, body, {"request-id": request_id})
