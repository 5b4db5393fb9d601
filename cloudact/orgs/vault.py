"""Encryption of customers' credentials with Cloud KMS, bound to org and integration.

The org and the integration are authenticated with the ciphertext, so one moved to another org does not decrypt.
Checksums are compared both ways, as Google asks, because a flipped bit would otherwise look like a wrong key.
"""

import base64
from typing import TYPE_CHECKING, TypedDict

from cloudact.error_codes import Code
from cloudact.errors import CONTACT_SUPPORT, Retry, Stop
from cloudact.google_errors import translating_google_errors

if TYPE_CHECKING:
    from google.api_core.retry import Retry as GoogleRetry
    from google.cloud.kms_v1 import KeyManagementServiceClient


class _Limits(TypedDict, total=False):
    timeout: float
    retry: "GoogleRetry"


WHAT_TO_DO = "Set up the integration again."


class Vault:
    """Encrypts and decrypts with one KMS key. `patience_s` bounds one call in seconds; `None` leaves Google's default.

    Setting up needs the right to encrypt; runs and validations need the right to decrypt.
    """

    def __init__(self, client: "KeyManagementServiceClient", key: str, patience_s: float | None = None) -> None:
        self._client = client
        self._key = key
        self._limits: _Limits = {} if patience_s is None else _limits(patience_s)

    def encrypt(self, org_slug: str, integration: str, plaintext: bytes) -> str:
        """Ciphertext in base64 of at most 64 KiB of plaintext."""
        bound = _bound_to(org_slug, integration)
        request = {
            "name": self._key,
            "plaintext": plaintext,
            "plaintext_crc32c": _crc32c(plaintext),
            "additional_authenticated_data": bound,
            "additional_authenticated_data_crc32c": _crc32c(bound),
        }
        with translating_google_errors("Cloud KMS"):
            answer = self._client.encrypt(request=request, **self._limits)
        verified = answer.verified_plaintext_crc32c and answer.verified_additional_authenticated_data_crc32c
        if not verified or _crc32c(answer.ciphertext) != answer.ciphertext_crc32c:
            raise _corrupted()
        return base64.b64encode(answer.ciphertext).decode()

    def decrypt(self, org_slug: str, integration: str, ciphertext: str) -> bytes:
        """Plaintext of the credential; raises `Stop` if it was not encrypted for this org and integration."""
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
            with translating_google_errors("Cloud KMS"):
                answer = self._client.decrypt(request=request, **self._limits)
        except BadRequest as err:
            raise Stop(Code.CREDENTIAL_UNREADABLE, "The stored credential cannot be decrypted.", WHAT_TO_DO) from err
        except ClientError as err:  # our right to the key, or the key itself
            raise Stop(Code.MISCONFIGURED, "Cloud KMS refuses to decrypt for us.", CONTACT_SUPPORT) from err
        if _crc32c(answer.plaintext) != answer.plaintext_crc32c:
            raise _corrupted()
        return bytes(answer.plaintext)


def _limits(patience_s: float) -> _Limits:
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
    return Retry(Code.KMS_CORRUPTED, "The answer of Cloud KMS was damaged on its way.", "It is tried again.")
