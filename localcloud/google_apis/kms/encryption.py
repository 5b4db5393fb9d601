"""The use of KMS keys: encrypt and decrypt, with checksums in both directions."""

import os

import google_crc32c
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.cloud import kms_v1

from localcloud.google_apis.kms.administration import KeyAdministration, require_enabled
from localcloud.google_apis.kms.key_store import VERSIONS, KeyStore
from localcloud.google_apis.rest.errors import InvalidArgument, NotFound
from localcloud.google_apis.wire_types import CryptoKeyVersion

LARGEST_INPUT = 64 * 1024  # plaintext, and additional authenticated data, of a SOFTWARE key
_IV_BYTES = 12
_MAGIC = b"\x0a\x24\x00"  # begins every ciphertext; the version's number follows in 4 bytes
_HEADER_BYTES = len(_MAGIC) + 4


class Encryption:
    """Encrypt and Decrypt of symmetric keys (AES-256-GCM, as Google's)."""

    def __init__(self, store: KeyStore, administration: KeyAdministration) -> None:
        self._store = store
        self._administration = administration

    def encrypt(self, request: kms_v1.EncryptRequest) -> kms_v1.EncryptResponse:
        """Encrypt with the key's primary version, or with the version that is named."""
        _check_size("plaintext", request.plaintext)
        _check_inputs(request, "plaintext")
        version = self._version_to_encrypt(request.name)
        require_enabled(version)
        ciphertext = self._sealed(version.name, request.plaintext, request.additional_authenticated_data)
        return kms_v1.EncryptResponse(
            name=version.name, ciphertext=ciphertext, ciphertext_crc32c=google_crc32c.value(ciphertext),
            verified_plaintext_crc32c="plaintext_crc32c" in request,
            verified_additional_authenticated_data_crc32c="additional_authenticated_data_crc32c" in request,
            protection_level=kms_v1.ProtectionLevel.SOFTWARE,
        )  # fmt: skip

    def _version_to_encrypt(self, name: str) -> CryptoKeyVersion:
        if VERSIONS in name:
            return self._administration.version(name)
        key = self._administration.current_key(name)
        if "primary" not in key:
            raise InvalidArgument(f"CryptoKey {name} has no primary version.")
        return key.primary

    def _sealed(self, version_name: str, plaintext: bytes, aad: bytes) -> bytes:
        number = int(version_name.rpartition("/")[2])
        header, iv = _MAGIC + number.to_bytes(4, "big"), os.urandom(_IV_BYTES)
        cipher = AESGCM(self._store.material(version_name))
        return header + iv + cipher.encrypt(iv, plaintext, _bound(version_name, aad))

    def decrypt(self, request: kms_v1.DecryptRequest) -> kms_v1.DecryptResponse:
        """Decrypt with whichever version of the key the ciphertext names."""
        _check_inputs(request, "ciphertext")
        key = self._administration.current_key(request.name)
        version = self._version_of(request)
        require_enabled(version)
        plaintext = self._opened(version.name, request)
        return kms_v1.DecryptResponse(
            plaintext=plaintext, plaintext_crc32c=google_crc32c.value(plaintext),
            used_primary=key.primary.name == version.name,
            protection_level=kms_v1.ProtectionLevel.SOFTWARE,
        )  # fmt: skip

    def _version_of(self, request: kms_v1.DecryptRequest) -> CryptoKeyVersion:
        number = int.from_bytes(request.ciphertext[len(_MAGIC) : _HEADER_BYTES], "big")
        if not request.ciphertext.startswith(_MAGIC):
            raise _invalid_ciphertext()
        try:
            return self._administration.version(f"{request.name}{VERSIONS}{number}")
        except NotFound as err:
            raise _invalid_ciphertext() from err

    def _opened(self, version_name: str, request: kms_v1.DecryptRequest) -> bytes:
        sealed = request.ciphertext[_HEADER_BYTES:]
        aad = _bound(version_name, request.additional_authenticated_data)
        try:
            cipher = AESGCM(self._store.material(version_name))
            return cipher.decrypt(sealed[:_IV_BYTES], sealed[_IV_BYTES:], aad)
        except (InvalidTag, ValueError) as err:
            raise _invalid_ciphertext() from err

    def generate_random_bytes(self, request: kms_v1.GenerateRandomBytesRequest) -> kms_v1.GenerateRandomBytesResponse:
        """GenerateRandomBytes, 8 to 1024."""
        if not 8 <= request.length_bytes <= 1024:
            raise InvalidArgument("length_bytes must be between 8 and 1024.")
        data = os.urandom(request.length_bytes)
        return kms_v1.GenerateRandomBytesResponse(data=data, data_crc32c=google_crc32c.value(data))


def _check_inputs(request: kms_v1.EncryptRequest | kms_v1.DecryptRequest, content_field: str) -> None:
    """Sizes and checksums; a checksum that was not sent is not verified."""
    _check_size("additional_authenticated_data", request.additional_authenticated_data)
    for field in (content_field, "additional_authenticated_data"):
        checksum = getattr(request, f"{field}_crc32c") if f"{field}_crc32c" in request else None
        if checksum is not None and checksum != google_crc32c.value(getattr(request, field)):
            raise InvalidArgument(f"The checksum in field {field}_crc32c did not match the data in field {field}.")


def _check_size(field: str, content: bytes) -> None:
    if len(content) > LARGEST_INPUT:
        raise InvalidArgument(f"The length of field {field} must be at most {LARGEST_INPUT} bytes.")


def _bound(version_name: str, aad: bytes) -> bytes:
    """What is authenticated beside the caller's data: the version, so a moved ciphertext does not open."""
    return version_name.encode() + b"\0" + aad


def _invalid_ciphertext() -> InvalidArgument:
    return InvalidArgument("Decryption failed: the ciphertext is invalid.")
