"""Whom a session token speaks for: verifies JWTs of the frontend's identity provider. Knows no org and no role.

A deployment verifies in exactly one way, by the provider's public keys or by a shared secret. Which algorithm is used
follows from that, and from the key; what a token says of itself is only compared with it.
"""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Protocol, TypeAlias

import jwt

from cloudact.clock import Clock
from cloudact.errors import ConfigError, Retry
from cloudact.settings import Settings
from functions.web.problems import Problem

if TYPE_CHECKING:
    VerifyingKey: TypeAlias = jwt.PyJWK | bytes

log = logging.getLogger(__name__)
ALGORITHMS = frozenset({"RS256", "ES256", "EdDSA"})
LEEWAY_S = 10  # that the clocks may differ
LARGEST_TOKEN = 8192
FRESH = timedelta(minutes=10)  # a key that the provider has withdrawn is believed for this long
AGAIN = timedelta(seconds=5)  # unknown key ids cannot make us ask the provider more often than this
KEPT = timedelta(hours=24)  # how long known keys outlive a provider that cannot be reached
TIMEOUT_S = 3.0
SHORTEST_SECRET = 32  # bytes, RFC 7518 §3.2
_SUBJECT = re.compile(r"[!-~]{1,128}", re.ASCII)


class Keys(Protocol):
    """How signatures are verified."""

    def of(self, header: Mapping[str, object]) -> "tuple[VerifyingKey, str]":
        """The key for a token with this header, and the one algorithm it may be used with."""


class Sessions:
    """Tells whose a session token is; `keys` is `None` where the deployment knows no people."""

    def __init__(self, keys: Keys | None, settings: Settings, clock: Clock) -> None:
        self._keys = keys
        self._settings = settings
        self._clock = clock

    def user_id(self, token: str) -> str:
        """The token's subject. One 401 for whatever is not a valid session; `Retry` while none can be judged."""
        try:
            claims = self._claims(token)
            subject = claims["sub"]
            if _is_now(claims, self._clock()) and isinstance(subject, str) and _SUBJECT.fullmatch(subject):
                return subject
        except (jwt.PyJWTError, ValueError, RecursionError) as err:
            raise _invalid() from err
        raise _invalid()

    def _claims(self, token: str) -> Mapping[str, object]:
        if self._keys is None or len(token) > LARGEST_TOKEN:
            raise jwt.InvalidTokenError
        key, algorithm = self._keys.of(jwt.get_unverified_header(token))
        # Times are compared by us, with the injected clock.
        return jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=self._settings.jwt_audience,
            issuer=self._settings.jwt_issuer,
            options={
                "require": ["exp", "iss", "aud", "sub"],
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            },
        )


class PublicKeys:
    """The provider's key set (JWKS), fetched when it is first needed and whenever it may have changed."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._client = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=TIMEOUT_S)
        self._clock = clock
        self._lock = Lock()
        self._keys: dict[str, jwt.PyJWK] = {}
        never = datetime.min.replace(tzinfo=clock().tzinfo)
        self._asked_at = self._fetched_at = never

    def of(self, header: Mapping[str, object]) -> tuple[jwt.PyJWK, str]:
        """The public key that the header names."""
        key_id = str(header.get("kid", ""))
        if key_id not in self._keys or self._clock() - self._fetched_at >= FRESH:
            self._refresh(key_id)
        key = self._keys.get(key_id)
        if key is None and self._fetched_at < self._asked_at:
            raise Retry("session_keys_unavailable", "The identity provider's keys cannot be read.")
        if key is None:
            raise jwt.InvalidKeyError
        return key, key.algorithm_name

    def _refresh(self, key_id: str) -> None:
        """One request asks; others with a known key go on with it, and the rest wait for the answer."""
        if not self._lock.acquire(blocking=key_id not in self._keys):
            return
        try:
            now = self._clock()
            stale = key_id not in self._keys or now - self._fetched_at >= FRESH
            if stale and now - self._asked_at >= AGAIN:
                self._ask(now)
        finally:
            self._lock.release()

    def _ask(self, now: datetime) -> None:
        self._asked_at = now
        try:
            self._keys = {str(key.key_id): key for key in self._published() if _verifies(key)}
            self._fetched_at = now
        except Exception as err:  # whatever keeps us from the keys: known ones go on for a while
            log.warning("the identity provider's keys cannot be read", exc_info=err)
            if now - self._fetched_at > KEPT:
                self._keys = {}

    def _published(self) -> Sequence[jwt.PyJWK]:
        """The keys; none where the provider answers with a set that holds none that can be used."""
        answer = self._client.fetch_data()
        try:
            return jwt.PyJWKSet.from_dict(answer).keys
        except jwt.PyJWKSetError:
            if isinstance(answer, dict) and isinstance(answer.get("keys"), list):
                return ()
            raise


class SharedSecret:
    """HS256 with the secret of the identity provider, read when it is first needed."""

    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read = read
        self._secret = b""
        self._lock = Lock()

    def of(self, header: Mapping[str, object]) -> tuple[bytes, str]:  # noqa: ARG002 - one key for every token
        """The secret."""
        with self._lock:
            if not self._secret:
                secret = self._read().strip()  # a line end that came with `echo`
                if len(secret) < SHORTEST_SECRET:
                    raise ConfigError(f"The JWT secret must have {SHORTEST_SECRET} bytes or more.")
                self._secret = secret
        return self._secret, "HS256"


def _verifies(key: jwt.PyJWK) -> bool:
    return bool(key.key_id) and key.algorithm_name in ALGORITHMS and key.public_key_use in (None, "sig")


def _is_now(claims: Mapping[str, object], now: datetime) -> bool:
    """Not expired and, where the token says so, begun."""
    at = now.timestamp()
    begun = all(_seconds(claims[name]) - LEEWAY_S <= at for name in ("nbf", "iat") if name in claims)
    return begun and at < _seconds(claims["exp"]) + LEEWAY_S


def _seconds(claim: object) -> float:
    """RFC 7519's NumericDate. Raises `ValueError` for whatever is not a moment."""
    if isinstance(claim, bool) or not isinstance(claim, int | float) or not abs(claim) < 1e12:
        raise ValueError("not a NumericDate")
    return float(claim)


def _invalid() -> Problem:
    return Problem(401, "Invalid session token", {"WWW-Authenticate": 'Bearer realm="cloudact", error="invalid_token"'})
