"""The local stand-in for the frontend's identity provider: people's session tokens, in Supabase's shape.

It signs with a key of its own, so that no session is ever a token of Google's, nor the other way round.
"""

import base64
import json
import os
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from localcloud.google_apis.clock import Clock

PATH = "/auth/v1"  # of the issuer
JWKS_PATH = f"{PATH}/.well-known/jwks.json"
AUDIENCE = "authenticated"
ALGORITHM = "ES256"
LIFETIME_S = 3600
KEY_FILE = "session_key.pem"


class SessionIssuer:
    """ES256 with a key that lives in the state dir; `url` is where the stand-in listens."""

    def __init__(self, state_dir: Path, clock: Clock) -> None:
        self.private_key = _private_key(state_dir / KEY_FILE)
        public = json.loads(jwt.get_algorithm_by_name(ALGORITHM).to_jwk(_loaded(self.private_key).public_key()))
        self.key_id = base64.urlsafe_b64encode(public["x"].encode())[:16].decode()
        self._jwk = {**public, "kid": self.key_id, "alg": ALGORITHM, "use": "sig"}
        self._clock = clock

    def jwks(self) -> dict[str, Any]:
        """The public key, as at `{issuer}/.well-known/jwks.json`."""
        return {"keys": [self._jwk]}

    def signing_key(self, url: str) -> dict[str, str]:
        """What a client needs to make sessions for tests."""
        return {
            "issuer": url + PATH,
            "audience": AUDIENCE,
            "algorithm": ALGORITHM,
            "key_id": self.key_id,
            "private_key": self.private_key,
        }

    def token(self, url: str, user_id: str, **changes: Any) -> str:
        """A session as Supabase signs it; `changes` replace claims."""
        now = int(self._clock().timestamp())
        claims = {
            "iss": url + PATH, "aud": AUDIENCE, "sub": user_id, "iat": now, "exp": now + LIFETIME_S,
            "role": AUDIENCE, "aal": "aal1", "session_id": user_id, "email": "someone@example.com",
        }  # fmt: skip
        return jwt.encode(claims | changes, self.private_key, ALGORITHM, {"kid": self.key_id})


def _loaded(pem: str) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101 - we wrote it
    return key


def _private_key(path: Path) -> str:
    if not path.exists():
        pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
            file.write(pem)
    return path.read_text(encoding="utf-8")
