"""Customers' credentials: encrypted and decrypted by Cloud KMS, bound to org and integration.

The org and the integration are authenticated with the ciphertext, so one moved to another org does not decrypt.
Checksums are compared both ways, as Google asks, because a flipped bit would otherwise look like a wrong key.
"""

import base64
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from cloudact.billing_export import PROJECT
from cloudact.errors import Retry, Stop
from cloudact.google_errors import reaching
from cloudact.orgs import Auth

WHAT_TO_DO = "Set up the integration again."
LARGEST_KEY_CHARACTERS = 3600  # RSA with 4096 bits; Google's have 2048, and proving a larger one costs minutes


class ServiceAccountKey(BaseModel):
    """A Google service account's key file, less everything that could send us elsewhere (addresses, universe)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: Literal["service_account"]
    project_id: str = Field(pattern=f"^(?:{PROJECT.pattern})$", max_length=100)
    private_key_id: str = Field(default="", max_length=200)
    private_key: SecretStr = Field(max_length=LARGEST_KEY_CHARACTERS)
    client_email: str = Field(max_length=320)

    @property
    def auth(self) -> Auth:
        """How it is known to Google."""
        return Auth.KEY

    @property
    def secret(self) -> str:
        """What it is recognised by."""
        return self.private_key.get_secret_value()

    def reveal(self) -> dict[str, str]:
        """The key with its private part, for the client library only."""
        return {
            **self.model_dump(exclude={"private_key"}),
            "private_key": self.private_key.get_secret_value(),
        }

    def as_json(self) -> str:
        """What is encrypted: the key, and nothing that we do not use."""
        return json.dumps(self.reveal())


class Vault:
    """Encrypts and decrypts with one KMS key. `patience_s` is how long one call may take, where it is not Google's.

    Setting up needs the right to encrypt; runs, and validating what is stored, the right to decrypt.
    """

    def __init__(self, client: Any, key: str, patience_s: float | None = None) -> None:
        self._client = client
        self._key = key
        self._limits = {} if patience_s is None else _limits(patience_s)

    def encrypt(self, org_slug: str, integration: str, plaintext: bytes) -> str:
        """The ciphertext in base64; at most 64 KiB of plaintext."""
        bound = _bound_to(org_slug, integration)
        request = {
            "name": self._key,
            "plaintext": plaintext,
            "plaintext_crc32c": _crc32c(plaintext),
            "additional_authenticated_data": bound,
            "additional_authenticated_data_crc32c": _crc32c(bound),
        }
        with reaching("Cloud KMS"):
            answer = self._client.encrypt(request=request, **self._limits)
        verified = answer.verified_plaintext_crc32c and answer.verified_additional_authenticated_data_crc32c
        if not verified or _crc32c(answer.ciphertext) != answer.ciphertext_crc32c:
            raise _corrupted()
        return base64.b64encode(answer.ciphertext).decode()

    def decrypt(self, org_slug: str, integration: str, ciphertext: str) -> bytes:
        """The credential; raises `Stop` if it was not encrypted for this org and integration."""
        from google.api_core.exceptions import BadRequest, ClientError

        data, bound = base64.b64decode(ciphertext), _bound_to(org_slug, integration)
        request = {
            "name": self._key,
            "ciphertext": data,
            "ciphertext_crc32c": _crc32c(data),
            "additional_authenticated_data": bound,
            "additional_authenticated_data_crc32c": _crc32c(bound),
        }
        try:
            with reaching("Cloud KMS"):
                answer = self._client.decrypt(request=request, **self._limits)
        except BadRequest as err:
            raise Stop("credential_unreadable", "The stored credential cannot be decrypted.", WHAT_TO_DO) from err
        except ClientError as err:  # our right to the key, or the key itself
            raise Stop("misconfigured", "Cloud KMS refuses to decrypt for us.", "Please contact support.") from err
        if _crc32c(answer.plaintext) != answer.plaintext_crc32c:
            raise _corrupted()
        return bytes(answer.plaintext)


def parse_service_account(plaintext: bytes) -> ServiceAccountKey:
    """The key file's text as a key; its errors say what is wrong without showing any of it."""
    try:
        return ServiceAccountKey.model_validate(json.loads(plaintext))
    except ValidationError as err:
        wrong = ", ".join(sorted({str(e["loc"][0]) if e["loc"] else "file" for e in err.errors()}))
        raise Stop("credential_invalid", f"The service account key is not usable: {wrong}.", WHAT_TO_DO) from None
    except (ValueError, RecursionError):
        raise Stop("credential_invalid", "The service account key is not JSON.", WHAT_TO_DO) from None


def _limits(patience_s: float) -> dict[str, Any]:
    from google.api_core.exceptions import ServiceUnavailable
    from google.api_core.retry import Retry as Again
    from google.api_core.retry import if_exception_type

    return {"timeout": patience_s, "retry": Again(if_exception_type(ServiceUnavailable), timeout=patience_s)}


def _bound_to(org_slug: str, integration: str) -> bytes:
    return f"org:{org_slug}|integration:{integration}|v1".encode()


def _crc32c(data: bytes) -> int:
    import google_crc32c

    return int.from_bytes(google_crc32c.Checksum(data).digest(), "big")


def _corrupted() -> Retry:
    return Retry("kms_corrupted", "The answer of Cloud KMS was damaged on its way.", "It is tried again.")
