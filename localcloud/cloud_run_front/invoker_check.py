"""Cloud Run's invoker check: who calls has a token that Google signed for this service, and the role run.invoker.

The token is in X-Serverless-Authorization, or else in Authorization; only one of them is looked at. What is passed on
has no signature any more. Assumed: that a scheme other than Bearer counts as no token, and the sentences.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import jwt
from google.auth.exceptions import TransportError
from google.auth.transport.requests import Request
from google.oauth2 import id_token

from localcloud.cloud_run_front.pages import Header, Refused

HEADERS = (b"x-serverless-authorization", b"authorization")
REMOVED = b"SIGNATURE_REMOVED_BY_GOOGLE"
ISSUERS = ("https://accounts.google.com", "accounts.google.com")
INVALID = (
    b"www-authenticate",
    b'Bearer error="invalid_token" error_description="The access token could not be verified"',
)


@dataclass(frozen=True)
class InvokerCheck:
    """Who has run.invoker on the service whose address is `audience`; `keys_url` has the issuer's public keys."""

    audience: str
    invokers: Collection[str]
    keys_url: str

    def passed_on(self, headers: Sequence[Header]) -> list[Header]:
        """The headers as the container gets them. Raises `Refused`. Blocks while it reads the keys."""
        name = next((name for name in HEADERS if any(name == given for given, _ in headers)), None)
        token = _bearer(b",".join(value for given, value in headers if given == name))
        if name is None or not token:
            raise Refused(403, "Your client does not have permission to get this URL from this server.")
        if self._email(token) not in self.invokers:
            raise Refused(403, "Your client does not have permission to get this URL from this server.")
        stripped = (name, b"Bearer " + token.rpartition(b".")[0] + b"." + REMOVED)
        return [*(header for header in headers if header[0] != name), stripped]

    def _email(self, token: bytes) -> str:
        try:
            claims = id_token.verify_token(token, Request(), audience=self.audience, certs_url=self.keys_url)
        except (jwt.PyJWKClientConnectionError, TransportError) as err:
            raise Refused(503, "The service is not available.") from err
        except (jwt.PyJWTError, ValueError) as err:
            raise _unverified() from err
        if claims.get("iss") not in ISSUERS:
            raise _unverified()
        return str(claims.get("email", ""))


def _unverified() -> Refused:
    return Refused(401, "The access token could not be verified.", [INVALID])


def _bearer(header: bytes) -> bytes:
    scheme, _, token = header.partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" else b""
