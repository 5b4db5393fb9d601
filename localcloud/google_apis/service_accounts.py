"""The local OAuth token endpoint: a service account proves itself with an assertion signed by its registered key."""

import json
import urllib.parse
from pathlib import Path
from typing import Any

from google.auth import jwt

from localcloud.google_apis.identity import TokenIssuer
from localcloud.google_apis.rest.errors import InvalidArgument
from localcloud.whole_files import write_whole

LIFETIME_S = 3600


class ServiceAccounts:
    """Public keys by e-mail, kept in the state dir; whoever is not registered gets `invalid_grant`."""

    def __init__(self, state_dir: Path, issuer: TokenIssuer) -> None:
        self._file = state_dir / "service_accounts.json"
        self._issuer = issuer

    def register(self, body: bytes) -> dict[str, Any]:
        """POST /local/service_accounts `{email, public_key}` (PEM): from now on its assertions are accepted."""
        asked = json.loads(body)
        known = self._known() | {str(asked["email"]): str(asked["public_key"])}
        write_whole(self._file, json.dumps(known).encode())
        return {"email": asked["email"]}

    def remove(self, body: bytes) -> dict[str, Any]:
        """DELETE /local/service_accounts `{email}`: as when a key is deleted in the console."""
        email = str(json.loads(body)["email"])
        known = self._known()
        known.pop(email, None)
        write_whole(self._file, json.dumps(known).encode())
        return {"email": email}

    def token(self, body: bytes) -> dict[str, Any]:
        """POST /token, the JWT bearer grant (RFC 7523) as https://oauth2.googleapis.com/token answers it."""
        assertion = urllib.parse.parse_qs(body.decode()).get("assertion", [""])[0]
        try:
            email = str(jwt.decode(assertion, verify=False)["iss"])
            jwt.decode(assertion, certs=self._known()[email])
        except (KeyError, ValueError) as err:
            raise InvalidArgument("invalid_grant: Invalid JWT Signature.") from err
        return {"access_token": self._issuer.access_token(email), "expires_in": LIFETIME_S, "token_type": "Bearer"}

    def _known(self) -> dict[str, str]:
        return dict(json.loads(self._file.read_text(encoding="utf-8"))) if self._file.exists() else {}
