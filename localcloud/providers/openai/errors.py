"""OpenAI's refusals. The envelope is documented, most texts are ours: clients match on status, param and code."""

from localcloud.providers.facts import token
from localcloud.providers.refusals import Refused

_BY_STATUS = {
    429: ("Rate limit reached. Please try again later.", "requests", "rate_limit_exceeded"),
    500: ("The server had an error while processing your request. Sorry about that!", "server_error", None),
    503: ("The engine is currently overloaded, please try again later.", "server_error", None),
}


def invalid(message: str, param: str | None) -> Refused:
    """400: the request is wrong."""
    return _refused(400, message, "invalid_request_error", param, "invalid_request_error")


def limit_too_high(limit: int, most: int) -> Refused:
    """400, as seen in the wild."""
    return invalid(f"Invalid limit provided: {limit}. Limit must be less than or equal to {most}.", "limit")


def before_floor(floor: int) -> Refused:
    """400: costs by key were not kept then."""
    return invalid(f"group_by api_key_id is only supported for start_time >= {floor}.", "start_time")


def invalid_key(key: str) -> Refused:
    """401; the key is masked but for its ends."""
    masked = f"{key[:9]}{'*' * 12}{key[-4:]}"
    message = f"Incorrect API key provided: {masked}. You can find your API key at https://platform.openai.com/account/api-keys."
    return _refused(401, message, "invalid_request_error", None, "invalid_api_key")


def not_found(message: str) -> Refused:
    """404 of something within the organization."""
    return _refused(404, message, "invalid_request_error", None, "not_found")


def missing_scope(scope: str = "api.usage.read") -> Refused:
    """403: a restricted key, or one of a project."""
    message = (
        f"You have insufficient permissions for this operation. Missing scopes: {scope}. Check that you have the "
        "correct role in your organization, and if you're using a restricted API key, that it has the necessary scopes."
    )
    return _refused(403, message, "invalid_request_error", None, "missing_scope")


def rate_limited(seconds: int, limit: int) -> Refused:
    """429: the limit of requests is used up, that of tokens is not. Without Retry-After, as it is seen."""
    headers = {
        "x-ratelimit-limit-requests": str(limit),
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": f"{seconds // 60}m{seconds % 60}s" if seconds >= 60 else f"{seconds}s",
        "x-ratelimit-limit-tokens": "150000",
        "x-ratelimit-remaining-tokens": "149984",
        "x-ratelimit-reset-tokens": "6m0s",
    }
    refused = by_status(429)
    return Refused(429, refused.body, {**refused.headers, **headers})


def unknown_url(verb: str, path: str) -> Refused:
    """404."""
    return _refused(404, f"Invalid URL ({verb} {path})", "invalid_request_error", None, None)


def not_built(what: str) -> Refused:
    """501: OpenAI has it, the stand-in does not."""
    return _refused(501, f"{what} is not part of the local cloud.", "server_error", None, None)


def by_status(status: int) -> Refused:
    """How a status looks that a fault asks for."""
    if status == 401:
        return invalid_key("sk-admin-0000000000abcd")
    if status == 403:
        return missing_scope()
    message, kind, code = _BY_STATUS.get(status, ("Injected by /local/faults.", "server_error", None))
    return _refused(status, message, kind, None, code)


def _refused(status: int, message: str, kind: str, param: str | None, code: str | None) -> Refused:
    body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    return Refused(status, body, {"x-request-id": f"req_{token(status, message)}"})
