"""Encryption of customers' credentials with Cloud KMS, bound to org and integration.

The org and the integration are authenticated with the ciphertext, so one moved to another org does not decrypt.
Checksums are compared both ways, as Google asks, because a flipped bit would otherwise look like a wrong key.
"""

import base64
from typing import Any

from cloudact.error_codes import Code
from cloudact.errors import CONTACT_SUPPORT, Retry, Stop
from cloudact.google_api import GoogleApi
from cloudact.google_errors import GoogleRefusal, translating_google_errors

PATIENCE_S = 60.0
WHAT_TO_DO = "Set up the integration again."


class Vault:
    """Encrypts and decrypts with one KMS key of `api`. `patience_s` bounds one call in seconds.

    Setting up needs the right to encrypt; runs and validations need the right to decrypt.
    """

    def __init__(self, api: GoogleApi, key: str, patience_s: float = PATIENCE_S) -> None:
        self._api = api
        self._key = key
        self._patience_s = patience_s

    def encrypt(self, org_slug: str, integration: str, plaintext: bytes) -> str:
        """Ciphertext in base64 of at most 64 KiB of plaintext."""
        with translating_google_errors("Cloud KMS"):
            answer = self._ask("encrypt", "plaintext", plaintext, _bound_to(org_slug, integration))
        ciphertext = _data(answer, "ciphertext")
        verified = answer.get("verifiedPlaintextCrc32c") and answer.get("verifiedAdditionalAuthenticatedDataCrc32c")
        if not verified or _checksum(ciphertext) != answer.get("ciphertextCrc32c"):
            raise _corrupted()
        return _text(ciphertext)

    def decrypt(self, org_slug: str, integration: str, ciphertext: str) -> bytes:
        """Plaintext of the credential; raises `Stop` if it was not encrypted for this org and integration."""
        data = base64.b64decode(ciphertext)
        try:
            with translating_google_errors("Cloud KMS"):
                answer = self._ask("decrypt", "ciphertext", data, _bound_to(org_slug, integration))
        except GoogleRefusal as err:
            if err.code == 400:
                message = "The stored credential cannot be decrypted."
                raise Stop(Code.CREDENTIAL_UNREADABLE, message, WHAT_TO_DO) from err
            # our right to the key, or the key itself
            raise Stop(Code.MISCONFIGURED, "Cloud KMS refuses to decrypt for us.", CONTACT_SUPPORT) from err
        plaintext = _data(answer, "plaintext")
        if _checksum(plaintext) != answer.get("plaintextCrc32c"):
            raise _corrupted()
        return plaintext

    def _ask(self, verb: str, name: str, data: bytes, bound: bytes) -> dict[str, Any]:
        body = {
            name: _text(data),
            f"{name}Crc32c": _checksum(data),
            "additionalAuthenticatedData": _text(bound),
            "additionalAuthenticatedDataCrc32c": _checksum(bound),
        }
        return self._api.call("POST", f"v1/{self._key}:{verb}", body, patience_s=self._patience_s)


def _bound_to(org_slug: str, integration: str) -> bytes:
    return f"org:{org_slug}|integration:{integration}|v1".encode()


def _data(answer: dict[str, Any], name: str) -> bytes:
    return base64.b64decode(answer.get(name, ""))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _checksum(data: bytes) -> str:
    """CRC32C as the API writes it: a 64-bit number is a text in JSON."""
    import google_crc32c

    return str(int.from_bytes(google_crc32c.Checksum(data).digest(), "big"))


def _corrupted() -> Retry:
    return Retry(Code.KMS_CORRUPTED, "The answer of Cloud KMS was damaged on its way.", "It is tried again.")
