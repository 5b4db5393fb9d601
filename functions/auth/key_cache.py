"""Who is calling: API keys by hash, remembered for a minute if known. Tells a refused caller nothing of other orgs."""

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock
from typing import TypeVar

from flask import request

from cloudact.clock import Clock
from cloudact.orgs.org import KEY, SLUG_RULE, ApiKey, is_slug, key_hash
from functions.web.problems import Problem, bad_request

REMEMBERED = timedelta(seconds=60)  # a revoked key stops within this time
UNKNOWN = timedelta(seconds=5)  # a key that was just issued is readable within seconds, and may be tried before
Kept = TypeVar("Kept")
CAPACITY = 10_000  # of each kind
LOOKS = 16
OTHER_ORG = "Access denied: this key belongs to another organization"
_CHALLENGE = {"WWW-Authenticate": 'ApiKey realm="cloudact", Bearer realm="cloudact"'}


class KeyRing:
    """API keys by hash, each asked for once a minute, and unknown ones once in five seconds.

    Known and unknown ones are bounded apart: whoever sends a flood of wrong keys drives out wrong keys only.
    """

    def __init__(self, look: Callable[[str], ApiKey | None], clock: Clock) -> None:
        self._look = look
        self._clock = clock
        self._lock = Lock()
        self._looking = tuple(Lock() for _ in range(LOOKS))
        self._known: dict[str, tuple[datetime, ApiKey]] = {}
        self._unknown: dict[str, tuple[datetime, None]] = {}

    def find(self, hashed: str) -> ApiKey | None:
        """The stored facts of the key with this hash; who asks for it at the same time waits for the one query."""
        if (known := self._remembered(hashed)) is not None:
            return known[0]
        with self._looking[int(hashed[:2], 16) % LOOKS]:
            if (known := self._remembered(hashed)) is not None:
                return known[0]
            asked_at = self._clock()
            key = self._look(hashed)
            self.remember(hashed, key, asked_at)
            return key

    def refused(self, hashed: str) -> bool:
        """Whether the key is remembered as one that opens nothing; asks nobody."""
        known = self._remembered(hashed)
        return known is not None and (known[0] is None or not known[0].usable(self._clock()))

    def _remembered(self, hashed: str) -> tuple[ApiKey | None] | None:
        with self._lock:
            found = self._known.get(hashed) or self._unknown.get(hashed)
        return (found[1],) if found and found[0] > self._clock() else None

    def remember(self, hashed: str, key: ApiKey | None, asked_at: datetime) -> None:
        """Keeps what a query that was asked then has told; the oldest of its kind goes where there is no room."""
        until = asked_at + (REMEMBERED if key else UNKNOWN)
        with self._lock:
            known = self._known.get(hashed) or self._unknown.get(hashed)
            if known and known[0] > until:
                return
            self._known.pop(hashed, None)
            self._unknown.pop(hashed, None)
            if key is None:
                _make_room(self._unknown)
                self._unknown[hashed] = until, None
            else:
                _make_room(self._known)
                self._known[hashed] = until, key

    def recall(self, hashed: str) -> ApiKey | None:
        """The key, if it is remembered; asks nobody."""
        with self._lock:
            found = self._known.get(hashed)
        return found[1] if found else None


def _make_room(entries: dict[str, Kept]) -> None:
    while len(entries) >= CAPACITY:
        entries.pop(next(iter(entries)))


def presented_key_hash() -> str:
    """The hash of the key that the request carries, or 401."""
    key = request.headers.get("X-API-Key", "")
    if not key:
        raise Problem(401, "X-API-Key header is required", _CHALLENGE)
    if not KEY.fullmatch(key):  # no query for what cannot be a key
        raise invalid_key()
    return key_hash(key)


def authorize(org_slug: str, key: ApiKey | None, now: datetime) -> None:
    """Refuses unless the key is usable, the slug is one, and the key is this org's own.

    One answer for unknown, revoked and expired keys; one for other orgs and for orgs that do not exist.
    """
    if key is None or not key.usable(now):
        raise invalid_key()
    if not is_slug(org_slug):
        raise bad_request(f"org_slug must be {SLUG_RULE}.")
    if key.org_slug != org_slug:
        raise Problem(403, OTHER_ORG)


def invalid_key() -> Problem:
    """The one answer for every key that opens nothing."""
    return Problem(401, "Invalid or inactive API key", _CHALLENGE)
