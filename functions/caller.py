"""Who calls the function `ops`: Google signs a token for a service account, and only named ones may call.

Cloud Run's IAM has checked the same before; a function that was made public by mistake must still refuse.
"""

import json
from typing import Any

import jwt
from flask import request

from cloudact.settings import Settings
from functions.problems import Problem

_CHALLENGE = {"WWW-Authenticate": "Bearer"}


class Caller:
    """Verifies OIDC tokens; Google's keys are fetched when first needed and kept for five minutes."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._allowed = frozenset(filter(None, map(str.strip, settings.ops_callers.split(","))))
        self._keys = jwt.PyJWKClient(settings.token_keys_url, lifespan=300, timeout=8)

    def verify(self) -> str:
        """The service account that calls, or 401 / 403."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Problem(401, "A bearer token is required", _CHALLENGE)
        claims = self._claims(token)
        email = str(claims.get("email", ""))
        if not claims.get("email_verified") or email not in self._allowed:
            raise Problem(403, "This caller may not use ops")
        return email

    def _claims(self, token: str) -> dict[str, Any]:
        try:
            key = self._keys.get_signing_key_from_jwt(token).key
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                audience=self._settings.ops_audience,
                issuer=self._settings.token_issuer,
                leeway=10,  # seconds that our clocks may differ
                options={"require": ["exp", "iat", "aud", "iss"]},
            )
        except (jwt.PyJWKClientConnectionError, json.JSONDecodeError) as err:
            raise Problem(503, "Google's keys cannot be read at the moment.", {"Retry-After": "10"}) from err
        except jwt.PyJWTError as err:
            raise Problem(401, "Invalid bearer token", _CHALLENGE) from err
        return claims
