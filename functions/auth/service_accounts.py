"""Callers of the function `ops`: service accounts that the deployment names, by OIDC tokens that Google signs.

Cloud Run's invoker check, where it is on, has verified the signature before and removed it: a container cannot do so
again (https://cloud.google.com/run/docs/troubleshooting#signature-removed). The deployment says whether it is on, and
so does the function's own address, before such a token is accepted.
"""

from collections.abc import Mapping

import jwt
from flask import Response, g, request

from cloudact.clock import utc_now
from cloudact.error_codes import Code
from cloudact.settings import Settings
from functions.auth.invoker_check import TIMEOUT_S as FRONT_TIMEOUT_S
from functions.auth.invoker_check import Front
from functions.auth.sessions import LARGEST_TOKEN, TIMEOUT_S, PublicKeys
from functions.web.answers import CallerName, answered
from functions.web.problems import Problem

REMOVED = "SIGNATURE_REMOVED_BY_GOOGLE"  # the third part of a token that Cloud Run has verified
_CHALLENGE = {"WWW-Authenticate": "Bearer"}


class Caller:
    """Verifies the token of the current request with Google's keys."""

    def __init__(self, settings: Settings, front: Front | None = None) -> None:
        self._settings = settings
        self._front = front or Front(settings.ops_audience, within_s=settings.time_out(FRONT_TIMEOUT_S))
        self._allowed = frozenset(filter(None, map(str.strip, settings.ops_callers.split(","))))
        self._keys = PublicKeys(settings.token_keys_url, utc_now, settings.time_out(TIMEOUT_S))

    def verify(self) -> None:
        """Lets a service account in, by its e-mail address in `flask.g.caller`, or raises a 401 or 403 `Problem`.

        Raises `Retry` while Google's keys or our address cannot be asked.
        """
        claims = self._claims(self._token())
        email = str(claims.get("email", ""))
        if claims.get("email_verified") is not True or email not in self._allowed:
            raise Problem(403, "This caller may not use ops", code=Code.CALLER_FORBIDDEN)
        g.caller = email

    def _token(self) -> str:
        """Bearer token, from X-Serverless-Authorization where it is sent: Cloud Run checks only that one then."""
        checked = request.headers.get("X-Serverless-Authorization") if self._settings.ops_invoker_check else None
        scheme, _, token = (checked or request.headers.get("Authorization", "")).partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Problem(401, "A bearer token is required", _CHALLENGE, code=Code.TOKEN_REQUIRED)
        return token

    def _claims(self, token: str) -> Mapping[str, object]:
        """Verified claims. Raises 401.

        No token is valid while `ops_audience` is empty, since `aud` may be empty too.
        """
        try:
            if len(token) > LARGEST_TOKEN or not self._settings.ops_audience:
                raise jwt.InvalidTokenError
            if self._settings.ops_invoker_check and token.rpartition(".")[2] == REMOVED:
                return self._verified_in_front(token)
            key, _ = self._keys.of(jwt.get_unverified_header(token))
            return self._decoded(token, key)
        except (jwt.PyJWTError, ValueError, RecursionError) as err:
            raise Problem(401, "Invalid bearer token", _CHALLENGE, code=Code.TOKEN_INVALID) from err

    def _verified_in_front(self, token: str) -> Mapping[str, object]:
        """Claims of a token whose signature Cloud Run has verified and removed, if it does check callers."""
        claims = self._decoded(token, None)
        if not self._front.checks():
            raise jwt.InvalidSignatureError
        return claims

    def _decoded(self, token: str, key: jwt.PyJWK | None) -> Mapping[str, object]:
        """Verified claims; without a key everything but the signature is verified."""
        claims: Mapping[str, object] = jwt.decode(
            token,
            key or "",
            algorithms=["RS256"],
            audience=self._settings.ops_audience,
            issuer=self._settings.token_issuer,
            leeway=10,  # seconds that our clocks may differ
            options={
                "require": ["exp", "iat", "aud", "iss"],
                "verify_signature": key is not None,
                "verify_exp": True,
                "verify_iat": True,
                "verify_nbf": True,
                "verify_aud": True,
                "verify_iss": True,
            },
        )
        return claims


def show_caller(_room: None) -> Response:
    """200 with the e-mail address of the service account that calls, which may."""
    return answered(CallerName(caller=g.caller))
