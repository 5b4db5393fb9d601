"""API keys: read from a request, looked up by hash, and refused without a hint at other orgs."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from flask import request

from cloudact.clock import Clock
from cloudact.error_codes import Code
from cloudact.orgs.org import KEY, ApiKey
from functions.auth.caller_cache import CallerCache
from functions.web.problems import Problem

OTHER_ORG = "Access denied: this key belongs to another organization"
_CHALLENGE = {"WWW-Authenticate": 'ApiKey realm="cloudact", Bearer realm="cloudact"'}


class KeyCache(CallerCache[ApiKey | None]):
    """Cache of API keys' stored facts by hash: one query a minute for a known key, one in five seconds for others."""

    def __init__(self, read: Callable[[Collection[str]], Mapping[str, ApiKey | None]], clock: Clock) -> None:
        super().__init__(read, clock, lambda key: key is not None and key.usable(clock()))


def presented_key() -> str:
    """Key that the request carries, by its form. Raises 401 without one, and for what cannot be a key."""
    key = request.headers.get("X-API-Key", "")
    if not key:
        raise Problem(401, "X-API-Key header is required", _CHALLENGE, code=Code.API_KEY_REQUIRED)
    if not KEY.fullmatch(key):
        raise invalid_key()
    return key


def authorize(org_slug: str, key: ApiKey | None, now: datetime) -> None:
    """Raises 401 or 403 unless the key is usable and this org's.

    Unknown, revoked and expired keys get one answer; other orgs and orgs that do not exist get another.
    """
    if key is None or not key.usable(now):
        raise invalid_key()
    if key.org_slug != org_slug:
        raise Problem(403, OTHER_ORG, code=Code.ORG_FORBIDDEN)


def invalid_key() -> Problem:
    """401 `Problem`, equal for unknown, revoked and expired keys."""
    return Problem(401, "Invalid or inactive API key", _CHALLENGE, code=Code.API_KEY_INVALID)
