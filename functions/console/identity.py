"""Sign-in at the frontend's identity provider: OpenID Connect's code flow with PKCE, as a client without a secret.

https://openid.net/specs/openid-connect-core-1_0.html, https://datatracker.ietf.org/doc/html/rfc7636. The discovery
document tells where its endpoints are, and is kept for ten minutes.
"""

import base64
import hashlib
import hmac
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from cloudact.clock import Clock
from cloudact.error_codes import Code
from cloudact.errors import Retry
from functions.auth.cache import TtlCache
from functions.auth.sessions import Sessions
from functions.web.problems import Problem

log = logging.getLogger(__name__)
KEPT = timedelta(minutes=10)
TIMEOUT_S = 5.0
LARGEST_ANSWER = 64 * 1024
_AWAY = "The identity provider cannot be reached at the moment. Please try again."


@dataclass(frozen=True)
class Attempt:
    """One sign-in under way: what its answer is compared with. The browser keeps it, signed, until then."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def new(cls) -> "Attempt":
        """Attempt with random words."""
        return cls(secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48))

    @property
    def challenge(self) -> str:
        """Digest of the verifier, which the provider compares with the verifier itself later."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).decode().rstrip("=")


class IdentityProvider:
    """Client of one issuer. `sessions` verifies its tokens for this client id; people come back to `answer_url`."""

    def __init__(self, issuer: str, client_id: str, answer_url: str, sessions: Sessions, clock: Clock) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._answer_url = answer_url
        self._sessions = sessions
        self._endpoints: TtlCache[str, Mapping[str, object]] = TtlCache(self._discover, clock, KEPT)

    def address(self, attempt: Attempt) -> str:
        """Address at which a person signs in. Raises a 503 `Problem` while the provider cannot be reached."""
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._answer_url,
            "scope": "openid",
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        endpoint = self._endpoint("authorization_endpoint")
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"

    def user_id(self, attempt: Attempt, state: str, code: str) -> str:
        """Subject of who has signed in. Raises a 401 `Problem` for an answer to another attempt, or a wrong code."""
        if not hmac.compare_digest(attempt.state.encode(), state.encode()):
            raise _refused()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._answer_url,
            "client_id": self._client_id,
            "code_verifier": attempt.verifier,
        }
        answer = self._ask("POST", self._endpoint("token_endpoint"), form)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise _refused()
        claims = self._claims(token)
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), attempt.nonce.encode()):
            raise _refused()
        return str(claims["sub"])

    def _claims(self, token: str) -> Mapping[str, object]:
        try:
            return self._sessions.claims(token)
        except Retry as err:
            raise _away() from err

    def _endpoint(self, name: str) -> str:
        url = self._endpoints.get("").get(name)
        if not isinstance(url, str) or not url.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
            log.error("the identity provider has no usable %s", name)
            raise _away()
        return url

    def _discover(self, _key: str) -> Mapping[str, object]:
        return self._ask("GET", f"{self._issuer.rstrip('/')}/.well-known/openid-configuration", None)

    def _ask(self, method: str, url: str, form: Mapping[str, str] | None) -> Mapping[str, object]:
        """JSON object that the provider answers. Raises 401 where it refuses, 503 where it does not answer."""
        import httpx

        try:
            answer = httpx.request(method, url, data=form, timeout=TIMEOUT_S, headers={"Accept": "application/json"})
            body = answer.json() if len(answer.content) <= LARGEST_ANSWER else None
        except (httpx.HTTPError, ValueError) as err:
            log.warning("the identity provider has not answered", exc_info=err)
            raise _away() from err
        if answer.status_code >= 500 or (form is None and not answer.is_success):
            log.warning("the identity provider answers HTTP %d", answer.status_code)
            raise _away()
        if not answer.is_success or not isinstance(body, dict):
            raise _refused()
        return body


def _refused() -> Problem:
    return Problem(401, "The sign-in was not completed. Please sign in again.", code=Code.SESSION_INVALID)


def _away() -> Problem:
    return Problem(503, _AWAY, {"Retry-After": "10"}, code=Code.SESSION_KEYS_UNAVAILABLE)
