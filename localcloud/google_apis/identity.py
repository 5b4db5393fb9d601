"""The local stand-in for Google's token issuer: OIDC tokens that google-auth verifies, and opaque OAuth tokens."""

import base64
import json
import os
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import crypt, jwt

from localcloud.google_apis.clock import Clock

ISSUER = "https://accounts.google.com"
LIFETIME_S = 3600


class TokenIssuer:
    """Signs with an RSA key that lives in the state dir, so tokens and cached key sets survive a restart."""

    def __init__(self, state_dir: Path, clock: Clock) -> None:
        pem = _private_key(state_dir / "oidc_key.pem")
        # Our own file: proving its numbers prime again takes longer than the rest of the start.
        key = serialization.load_pem_private_key(pem, password=None, unsafe_skip_rsa_key_validation=True)
        assert isinstance(key, rsa.RSAPrivateKey)  # noqa: S101 - we wrote it
        self._numbers = key.public_key().public_numbers()
        self._key_id = _base64url(self._numbers.n)[:16]
        self._signer = crypt.RSASigner(key, self._key_id)
        self._clock = clock

    def id_token(self, service_account: str, audience: str, lifetime_s: int = LIFETIME_S) -> str:
        """A JWT as Google signs for a service account."""
        issued_at = int(self._clock().timestamp())
        subject = str(int.from_bytes(service_account.encode()[:8], "big")).zfill(21)
        claims = {
            "iss": ISSUER, "aud": audience, "azp": subject, "sub": subject, "email": service_account,
            "email_verified": True, "iat": issued_at, "exp": issued_at + lifetime_s,
        }  # fmt: skip
        token: bytes = jwt.encode(self._signer, claims)
        return token.decode()

    def access_token(self, service_account: str) -> str:
        """An OAuth token; opaque to everyone, as Google's are."""
        return f"ya29.local-{service_account}"

    def jwks(self) -> dict[str, Any]:
        """The public key, in the shape of https://www.googleapis.com/oauth2/v3/certs."""
        key = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": self._key_id}
        return {"keys": [{**key, "n": _base64url(self._numbers.n), "e": _base64url(self._numbers.e)}]}

    def mint(self, body: bytes) -> dict[str, Any]:
        """The answer of POST /local/oidc_token. Raises ValueError when a field is missing or unknown."""
        asked = json.loads(body)
        try:
            token = self.id_token(**asked)
        except TypeError as err:
            raise ValueError("expected {service_account, audience, lifetime_s?}") from err
        return {"token": token, "issuer": ISSUER, "expires_in": asked.get("lifetime_s", LIFETIME_S)}


def _private_key(path: Path) -> bytes:
    if not path.exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
            file.write(pem)
    return path.read_bytes()


def _base64url(number: int) -> str:
    content = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
