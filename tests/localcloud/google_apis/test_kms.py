"""Keys, versions, rotation, and what a ciphertext is bound to."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import google_crc32c
import pytest
from google.api_core.exceptions import BadRequest, Conflict, NotFound
from google.cloud import kms_v1

from localcloud.google_apis.local_cloud import LocalCloud, Settings
from tests.localcloud.google_apis.conftest import LOCATION, FakeClock, client

RING = f"{LOCATION}/keyRings/tenants"
KEY = f"{RING}/cryptoKeys/credentials"
PURPOSE = kms_v1.CryptoKey.CryptoKeyPurpose.ENCRYPT_DECRYPT
State = kms_v1.CryptoKeyVersion.CryptoKeyVersionState


def create_key(kms: Any, key_id: str = "credentials", **fields: Any) -> str:
    name: str = kms.create_crypto_key(parent=RING, crypto_key_id=key_id, crypto_key={"purpose": PURPOSE, **fields}).name
    return name


@pytest.fixture
def key(kms: Any) -> str:
    kms.create_key_ring(parent=LOCATION, key_ring_id="tenants", key_ring={})
    return create_key(kms)


def encrypt(kms: Any, key: str, plaintext: bytes = b"secret", aad: bytes = b"org:acme") -> bytes:
    request = {"name": key, "plaintext": plaintext, "additional_authenticated_data": aad}
    ciphertext: bytes = kms.encrypt(request=request).ciphertext
    return ciphertext


def decrypt(kms: Any, key: str, ciphertext: bytes, aad: bytes = b"org:acme") -> Any:
    request = {"name": key, "ciphertext": ciphertext, "additional_authenticated_data": aad}
    return kms.decrypt(request=request)


def rotate(kms: Any, key: str) -> None:
    version = kms.create_crypto_key_version(parent=key, crypto_key_version={}).name.rpartition("/")[2]
    kms.update_crypto_key_primary_version(name=key, crypto_key_version_id=version)


@pytest.mark.usefixtures("key")
def test_names_are_given_once(kms: Any) -> None:
    """Key rings and keys cannot be created twice; neither can be deleted."""
    with pytest.raises(Conflict):
        kms.create_key_ring(parent=LOCATION, key_ring_id="tenants", key_ring={})
    with pytest.raises(Conflict):
        create_key(kms)
    assert [found.name for found in kms.list_crypto_keys(parent=RING)] == [KEY]
    assert [found.name for found in kms.list_key_rings(parent=LOCATION)] == [RING]


def test_what_is_encrypted_is_decrypted(kms: Any, key: str) -> None:
    """decrypt returns what encrypt was given, and two encryptions of it differ."""
    first, second = encrypt(kms, key), encrypt(kms, key)
    assert first != second
    assert b"secret" not in first
    assert decrypt(kms, key, first).plaintext == b"secret"
    assert decrypt(kms, key, first).used_primary


def test_other_authenticated_data_does_not_decrypt(kms: Any, key: str) -> None:
    """A ciphertext decrypts only with the additional authenticated data it was made with."""
    ciphertext = encrypt(kms, key, aad=b"org:acme")
    with pytest.raises(BadRequest, match=r"Decryption failed: the ciphertext is invalid\."):
        decrypt(kms, key, ciphertext, aad=b"org:other")


def test_another_key_does_not_decrypt(kms: Any, key: str) -> None:
    """A ciphertext of one key is invalid for another."""
    with pytest.raises(BadRequest, match="Decryption failed"):
        decrypt(kms, create_key(kms, "other"), encrypt(kms, key))


@pytest.mark.parametrize("ciphertext", [b"", b"rubbish", b"\x0a\x24\x00\x00\x00\x00\x01short"])
def test_rubbish_does_not_decrypt(kms: Any, key: str, ciphertext: bytes) -> None:
    """Anything that is no ciphertext is INVALID_ARGUMENT."""
    with pytest.raises(BadRequest, match="Decryption failed"):
        decrypt(kms, key, ciphertext)


def test_a_tampered_ciphertext_does_not_decrypt(kms: Any, key: str) -> None:
    """One flipped bit anywhere makes a ciphertext invalid."""
    ciphertext = bytearray(encrypt(kms, key))
    ciphertext[-1] ^= 1
    with pytest.raises(BadRequest):
        decrypt(kms, key, bytes(ciphertext))


def test_at_most_64_kib(kms: Any, key: str) -> None:
    """Plaintext and additional authenticated data may be 64 KiB each, not more."""
    largest = b"x" * 65536
    assert decrypt(kms, key, encrypt(kms, key, largest, largest), largest).plaintext == largest
    with pytest.raises(BadRequest):
        encrypt(kms, key, largest + b"x")
    with pytest.raises(BadRequest):
        encrypt(kms, key, aad=largest + b"x")


def test_checksums_are_verified_and_returned(kms: Any, key: str) -> None:
    """CRC32C sums that were sent are verified, and the answer says so and carries its own."""
    request = {"name": key, "plaintext": b"p", "additional_authenticated_data": b"a"}
    assert not kms.encrypt(request=request).verified_plaintext_crc32c
    sums = {
        "plaintext_crc32c": google_crc32c.value(b"p"),
        "additional_authenticated_data_crc32c": google_crc32c.value(b"a"),
    }
    sealed = kms.encrypt(request={**request, **sums})
    assert sealed.verified_plaintext_crc32c
    assert sealed.verified_additional_authenticated_data_crc32c
    assert sealed.ciphertext_crc32c == google_crc32c.value(sealed.ciphertext)
    assert sealed.name == f"{KEY}/cryptoKeyVersions/1"
    assert decrypt(kms, key, sealed.ciphertext, b"a").plaintext_crc32c == google_crc32c.value(b"p")


@pytest.mark.parametrize("field", ["plaintext", "additional_authenticated_data"])
def test_a_wrong_checksum_is_refused(kms: Any, key: str, field: str) -> None:
    """A checksum that does not match its field is INVALID_ARGUMENT; also for an empty field's sum of 0."""
    request = {"name": key, "plaintext": b"p", "additional_authenticated_data": b"a", f"{field}_crc32c": 0}
    with pytest.raises(BadRequest, match=f"The checksum in field {field}_crc32c did not match"):
        kms.encrypt(request=request)


def test_old_versions_decrypt_after_rotation(kms: Any, key: str) -> None:
    """After rotation new data uses the new primary; old data still decrypts, with used_primary false."""
    old = encrypt(kms, key)
    rotate(kms, key)
    assert kms.get_crypto_key(name=key).primary.name == f"{KEY}/cryptoKeyVersions/2"
    assert not decrypt(kms, key, old).used_primary
    assert decrypt(kms, key, encrypt(kms, key)).used_primary


@pytest.mark.usefixtures("key")
def test_a_key_rotates_by_itself(kms: Any, clock: FakeClock) -> None:
    """With a rotation period the primary changes at next_rotation_time, and again one period later."""
    schedule = {"rotation_period": timedelta(days=90), "next_rotation_time": clock.now + timedelta(days=90)}
    rotating = create_key(kms, "rotating", **schedule)
    clock.advance(days=89)
    assert kms.get_crypto_key(name=rotating).primary.name.endswith("/1")
    clock.advance(days=1)
    assert kms.encrypt(name=rotating, plaintext=b"p").name.endswith("/2")
    assert kms.get_crypto_key(name=rotating).next_rotation_time == clock.now + timedelta(days=90)
    with pytest.raises(BadRequest):
        create_key(kms, "hasty", **{**schedule, "rotation_period": timedelta(hours=23)})


def test_a_destroyed_version_is_of_no_use(kms: Any, key: str) -> None:
    """Encrypting and decrypting with a version that is scheduled for destruction is FAILED_PRECONDITION."""
    ciphertext = encrypt(kms, key)
    version = kms.destroy_crypto_key_version(name=f"{KEY}/cryptoKeyVersions/1")
    assert version.state == State.DESTROY_SCHEDULED
    for attempt in (lambda: encrypt(kms, key), lambda: decrypt(kms, key, ciphertext)):
        with pytest.raises(BadRequest, match="is not enabled") as refused:
            attempt()
        assert refused.value.response.json()["error"]["status"] == "FAILED_PRECONDITION"


def test_a_disabled_version_can_be_enabled_again(kms: Any, key: str) -> None:
    """A disabled version fails with FAILED_PRECONDITION until it is enabled; a restored one is disabled."""
    ciphertext, name = encrypt(kms, key), f"{KEY}/cryptoKeyVersions/1"
    kms.destroy_crypto_key_version(name=name)
    assert kms.restore_crypto_key_version(name=name).state == State.DISABLED
    with pytest.raises(BadRequest, match="DISABLED"):
        decrypt(kms, key, ciphertext)
    enabled = {"name": name, "state": State.ENABLED}
    kms.update_crypto_key_version(crypto_key_version=enabled, update_mask={"paths": ["state"]})
    assert decrypt(kms, key, ciphertext).plaintext == b"secret"


def test_destruction_is_final_after_30_days(kms: Any, key: str, clock: FakeClock) -> None:
    """A version scheduled for destruction is destroyed after 30 days and cannot be restored any more."""
    version = kms.destroy_crypto_key_version(name=f"{KEY}/cryptoKeyVersions/1")
    assert version.destroy_time == clock.now + timedelta(days=30)
    clock.advance(days=30)
    assert kms.get_crypto_key(name=key).primary.state == State.DESTROYED
    with pytest.raises(BadRequest):
        kms.restore_crypto_key_version(name=version.name)


@pytest.mark.usefixtures("key")
def test_an_unknown_key_is_not_found(kms: Any) -> None:
    """Using a key that does not exist is NOT_FOUND."""
    with pytest.raises(NotFound):
        encrypt(kms, f"{RING}/cryptoKeys/none")


def test_key_material_survives_a_restart_and_is_private(
    settings: Settings, start_cloud: Callable[[Settings], LocalCloud]
) -> None:
    """What was encrypted before a restart decrypts after it, and only the owner can read the key file (ours)."""
    first = start_cloud(settings)
    kms = client(kms_v1.KeyManagementServiceClient, first.url)
    kms.create_key_ring(parent=LOCATION, key_ring_id="tenants", key_ring={})
    ciphertext = encrypt(kms, create_key(kms))
    for file in settings.state_dir.glob("kms*"):
        assert file.stat().st_mode & 0o777 == 0o600
    first.stop()
    kms = client(kms_v1.KeyManagementServiceClient, start_cloud(settings).url)
    assert decrypt(kms, KEY, ciphertext).plaintext == b"secret"
