"""Sessions: verifies JWTs of the frontend's identity provider. Knows no org and no role.

A deployment verifies in exactly one way, by the provider's public keys or by a shared secret. The algorithm follows
from that and from the key; the algorithm that a token names is only compared with it. PyJWT, with the cryptography that
it brings, is imported for the first session: most requests come with an API key.
"""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Protocol, TypeAlias

from cloudact.clock import Clock
from cloudact.error_codes import Code
from cloudact.errors import ConfigError, Retry
from cloudact.settings import Settings
from functions.web.problems import Problem

if TYPE_CHECKING:
    import ssl

    import jwt

    VerifyingKey: TypeAlias = jwt.PyJWK | bytes

log = logging.getLogger(__name__)
ALGORITHMS = frozenset({"RS256", "ES256", "EdDSA"})
LEEWAY_S = 10  # by which the clocks may differ
LARGEST_TOKEN = 8192
KEY_SET_TTL = timedelta(minutes=10)  # a key that the provider has withdrawn verifies for this long
RETRY_AFTER = timedelta(seconds=5)  # unknown key ids cannot make us ask the provider more often than this
OUTAGE_GRACE = timedelta(hours=24)  # how long known keys outlive a provider that cannot be reached
TIMEOUT_S = 3.0
SHORTEST_SECRET = 32  # bytes, RFC 7518 §3.2
_SUBJECT = re.compile(r"[!-~]{1,128}", re.ASCII)


class Keys(Protocol):
    """Source of the keys that signatures are verified with."""

    def of(self, header: Mapping[str, object]) -> tuple[VerifyingKey, str]:
        """Key for a token with this header, and the one algorithm that it may be used with.

        Raises `jwt.InvalidKeyError` for a header that names no known key, `Retry` while none can be read.
        """


class Sessions:
    """Verifies session tokens. Every token is invalid where `keys` is `None`: there is no identity provider."""

    def __init__(self, keys: Keys | None, settings: Settings, clock: Clock) -> None:
        self._keys = keys
        self._settings = settings
        self._clock = clock

    def user_id(self, token: str) -> str:
        """Subject of the token. Raises an equal 401 for any invalid token, `Retry` while no key can be read."""
        return str(self.claims(token)["sub"])

    def claims(self, token: str) -> Mapping[str, object]:
        """Claims of a token that is in force, `sub` among them; raises what `user_id` raises."""
        import jwt

        try:
            claims = self._claims(token)
            subject = claims["sub"]
            if _in_force(claims, self._clock()) and isinstance(subject, str) and _SUBJECT.fullmatch(subject):
                return claims
        except (jwt.PyJWTError, ValueError, RecursionError) as err:
            raise _invalid() from err
        raise _invalid()

    def _claims(self, token: str) -> Mapping[str, object]:
        import jwt

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
    """Key set of the provider (JWKS): fetched when first needed, every ten minutes, and for an unknown key id."""

    def __init__(self, url: str, clock: Clock, timeout_s: float = TIMEOUT_S) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._clock = clock
        self._lock = Lock()
        self._keys: dict[str, jwt.PyJWK] = {}
        never = datetime.min.replace(tzinfo=clock().tzinfo)
        self._tried_at = self._fetched_at = never

    def of(self, header: Mapping[str, object]) -> tuple[jwt.PyJWK, str]:
        """Public key that the header names, with its algorithm."""
        import jwt

        key_id = str(header.get("kid", ""))
        if key_id not in self._keys or self._clock() - self._fetched_at >= KEY_SET_TTL:
            self._refresh(key_id)
        key = self._keys.get(key_id)
        if key is None and self._fetched_at < self._tried_at:
            raise Retry(Code.SESSION_KEYS_UNAVAILABLE, "The identity provider's keys cannot be read.")
        if key is None:
            raise jwt.InvalidKeyError
        return key, key.algorithm_name

    def _refresh(self, key_id: str) -> None:
        """Fetches the key set in one thread; others go on with a known key, or wait where theirs is unknown."""
        if not self._lock.acquire(blocking=key_id not in self._keys):
            return
        try:
            now = self._clock()
            stale = key_id not in self._keys or now - self._fetched_at >= KEY_SET_TTL
            if stale and now - self._tried_at >= RETRY_AFTER:
                self._fetch(now)
        finally:
            self._lock.release()

    def _fetch(self, now: datetime) -> None:
        self._tried_at = now
        try:
            self._keys = {str(key.key_id): key for key in self._published() if _verifies(key)}
            self._fetched_at = now
        except Exception as err:  # whatever keeps us from the keys: known ones go on for a while
            log.warning("the identity provider's keys cannot be read", exc_info=err)
            if now - self._fetched_at > OUTAGE_GRACE:
                self._keys = {}

    def _published(self) -> Sequence[jwt.PyJWK]:
        """Keys of the fetched set; empty for a valid set without a usable key. Raises for anything else."""
        import jwt

        keys = jwt.PyJWKClient(self._url, cache_jwk_set=False, timeout=self._timeout_s, ssl_context=_certificates())
        answer = keys.fetch_data()
        try:
            return jwt.PyJWKSet.from_dict(answer).keys
        except jwt.PyJWKSetError:
            if isinstance(answer, dict) and isinstance(answer.get("keys"), list):
                return ()
            raise


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Certificates that this process trusts, its environment's too; to read them takes 30 ms of CPU."""
    import ssl

    return ssl.create_default_context()


class SharedSecret:
    """HS256 with the identity provider's secret, which is read when first needed and then kept."""

    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read = read
        self._secret = b""
        self._lock = Lock()

    def of(self, header: Mapping[str, object]) -> tuple[bytes, str]:  # noqa: ARG002 - one key for every token
        """Secret with HS256. Raises `ConfigError` for one of fewer than 32 bytes."""
        with self._lock:
            if not self._secret:
                secret = self._read().strip()  # a line end that came with `echo`
                if len(secret) < SHORTEST_SECRET:
                    raise ConfigError(f"The JWT secret must have {SHORTEST_SECRET} bytes or more.")
                self._secret = secret
        return self._secret, "HS256"


def _verifies(key: jwt.PyJWK) -> bool:
    return bool(key.key_id) and key.algorithm_name in ALGORITHMS and key.public_key_use in (None, "sig")


def _in_force(claims: Mapping[str, object], now: datetime) -> bool:
    """Whether the token has not expired and, where it names a start, has begun."""
    at = now.timestamp()
    begun = all(_seconds(claims[name]) - LEEWAY_S <= at for name in ("nbf", "iat") if name in claims)
    return begun and at < _seconds(claims["exp"]) + LEEWAY_S


def _seconds(claim: object) -> float:
    """Seconds since 1970 of a claim, RFC 7519's NumericDate. Raises `ValueError` for anything else."""
    if isinstance(claim, bool) or not isinstance(claim, int | float) or not abs(claim) < 1e12:
        raise ValueError("not a NumericDate")
    return float(claim)


def _invalid() -> Problem:
    challenge = {"WWW-Authenticate": 'Bearer realm="cloudact", error="invalid_token"'}
    return Problem(401, "Invalid session token", challenge, code=Code.SESSION_INVALID)
