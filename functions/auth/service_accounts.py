"""Who calls the function `ops`: Google signs a token for a service account, and only named ones may call.

Cloud Run's invoker check, where it is on, has verified the signature before and removed it: a container cannot do so
again (https://cloud.google.com/run/docs/troubleshooting#signature-removed). The deployment says whether it is on, and
so does the function's own address, before such a token is believed.
"""

from collections.abc import Mapping

import jwt
from flask import Response, request

from cloudact.clock import utc_now
from cloudact.settings import Settings
from functions.auth.invoker_check import Front
from functions.auth.sessions import LARGEST_TOKEN, PublicKeys
from functions.web.answers import CallerName, answered
from functions.web.problems import Problem

REMOVED = "SIGNATURE_REMOVED_BY_GOOGLE"  # the third part of a token that Cloud Run has verified
_CHALLENGE = {"WWW-Authenticate": "Bearer"}


class Caller:
    """Verifies OIDC tokens with Google's keys. Unknown key ids do not make us ask for these each time."""

    def __init__(self, settings: Settings, front: Front | None = None) -> None:
        self._settings = settings
        self._front = front or Front(settings.ops_audience)
        self._allowed = frozenset(filter(None, map(str.strip, settings.ops_callers.split(","))))
        self._keys = PublicKeys(settings.token_keys_url, utc_now)

    def verify(self) -> str:
        """The service account that calls, or 401 / 403; `Retry` while Google's keys or our address cannot be asked."""
        claims = self._claims(self._token())
        email = str(claims.get("email", ""))
        if claims.get("email_verified") is not True or email not in self._allowed:
            raise Problem(403, "This caller may not use ops")
        return email

    def show(self) -> Response:
        """GET /ops/caller: tells callers that they may call, and as whom. Asks nobody but Google's keys."""
        return answered(CallerName(caller=self.verify()))

    def _token(self) -> str:
        """The token that counts: where X-Serverless-Authorization is given, Cloud Run has checked nothing else."""
        checked = request.headers.get("X-Serverless-Authorization") if self._settings.ops_invoker_check else None
        scheme, _, token = (checked or request.headers.get("Authorization", "")).partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Problem(401, "A bearer token is required", _CHALLENGE)
        return token

    def _claims(self, token: str) -> Mapping[str, object]:
        """Nothing is believed while the deployment has not been told its own address: `aud` may be empty, too."""
        try:
            if len(token) > LARGEST_TOKEN or not self._settings.ops_audience:
                raise jwt.InvalidTokenError
            if self._settings.ops_invoker_check and token.rpartition(".")[2] == REMOVED:
                return self._believed(token)
            key, _ = self._keys.of(jwt.get_unverified_header(token))
            return self._decoded(token, key)
        except (jwt.PyJWTError, ValueError, RecursionError) as err:
            raise Problem(401, "Invalid bearer token", _CHALLENGE) from err

    def _believed(self, token: str) -> Mapping[str, object]:
        """Claims that Cloud Run has verified. Where it lets strangers through, anybody may have written them."""
        claims = self._decoded(token, None)
        if not self._front.checks():
            raise jwt.InvalidSignatureError
        return claims

    def _decoded(self, token: str, key: jwt.PyJWK | None) -> Mapping[str, object]:
        """All but the signature is verified without a key, too."""
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
