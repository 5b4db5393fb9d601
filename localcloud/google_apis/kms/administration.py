"""Key administration of the Cloud KMS API: key rings, symmetric keys, versions, rotation."""

import re
from datetime import datetime, timedelta
from typing import Any

from google.cloud import kms_v1

from localcloud.google_apis.clock import Clock
from localcloud.google_apis.kms.key_store import VERSIONS, KeyStore
from localcloud.google_apis.rest.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Unimplemented,
)
from localcloud.google_apis.rest.paging import page
from localcloud.google_apis.wire_types import CryptoKey, CryptoKeyVersion, KeyRing

State = kms_v1.CryptoKeyVersion.CryptoKeyVersionState
_SYMMETRIC = kms_v1.CryptoKeyVersion.CryptoKeyVersionAlgorithm.GOOGLE_SYMMETRIC_ENCRYPTION
_ID = re.compile(r"[a-zA-Z0-9_-]{1,63}")
_DESTROY_DELAY = timedelta(days=30)  # the default of destroy_scheduled_duration
_SHORTEST_ROTATION = timedelta(hours=24)


class KeyAdministration:
    """Everything of KMS except the use of keys."""

    def __init__(self, store: KeyStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    # Key rings

    def create_key_ring(self, request: kms_v1.CreateKeyRingRequest) -> KeyRing:
        """CreateKeyRing."""
        name = f"{request.parent}/keyRings/{_checked_id(request.key_ring_id)}"
        with self._store.transaction():
            if self._store.key_rings.find(name):
                raise AlreadyExists(f"KeyRing {name} already exists.")
            ring = kms_v1.KeyRing(name=name, create_time=self._clock())
            self._store.key_rings.save(ring)
        return ring

    def get_key_ring(self, request: kms_v1.GetKeyRingRequest) -> KeyRing:
        """GetKeyRing."""
        return _found(self._store.key_rings.find(request.name), "KeyRing", request.name)

    def list_key_rings(self, request: kms_v1.ListKeyRingsRequest) -> kms_v1.ListKeyRingsResponse:
        """ListKeyRings."""
        rings, token = page(self._store.key_rings.under(f"{request.parent}/keyRings/"), request, 1000)
        return kms_v1.ListKeyRingsResponse(key_rings=rings, next_page_token=token, total_size=len(rings))

    # Keys

    def create_crypto_key(self, request: kms_v1.CreateCryptoKeyRequest) -> CryptoKey:
        """CreateCryptoKey, with its first version unless told to skip it."""
        name = f"{request.parent}/cryptoKeys/{_checked_id(request.crypto_key_id)}"
        with self._store.transaction():
            _found(self._store.key_rings.find(request.parent), "KeyRing", request.parent)
            if self._store.keys.find(name):
                raise AlreadyExists(f"CryptoKey {name} already exists.")
            key = self._new_key(request.crypto_key, name)
            if not request.skip_initial_version_creation:
                key.primary = self._new_version(name)
            self._store.keys.save(key)
        return key

    def _new_key(self, given: CryptoKey, name: str) -> CryptoKey:
        if given.purpose != kms_v1.CryptoKey.CryptoKeyPurpose.ENCRYPT_DECRYPT:
            raise Unimplemented("Only purpose ENCRYPT_DECRYPT is part of the local cloud.")
        key: CryptoKey = kms_v1.CryptoKey(given)
        key.name, key.create_time, key.primary = name, self._clock(), None
        key.version_template.algorithm = _SYMMETRIC
        key.version_template.protection_level = kms_v1.ProtectionLevel.SOFTWARE
        key.destroy_scheduled_duration = key.destroy_scheduled_duration or _DESTROY_DELAY
        _check_rotation(key)
        return key

    def get_crypto_key(self, request: kms_v1.GetCryptoKeyRequest) -> CryptoKey:
        """GetCryptoKey; a rotation that has become due has happened."""
        return self.current_key(request.name)

    def current_key(self, name: str) -> CryptoKey:
        """The key, rotated first if its next_rotation_time has passed. Raises NotFound."""
        with self._store.transaction():
            key = _found(self._store.keys.find(name), "CryptoKey", name)
            if key.next_rotation_time and key.next_rotation_time <= self._clock():
                self._rotate(key)
            if "primary" in key:  # the key shows the state its primary has now
                key.primary = self.version(key.primary.name)
        return key

    def _rotate(self, key: CryptoKey) -> None:
        key.primary = self._new_version(key.name)
        key.next_rotation_time = self._clock() + key.rotation_period
        self._store.keys.save(key)

    def list_crypto_keys(self, request: kms_v1.ListCryptoKeysRequest) -> kms_v1.ListCryptoKeysResponse:
        """ListCryptoKeys."""
        found = self._store.keys.under(f"{request.parent}/cryptoKeys/")
        keys, token = page([self.current_key(key.name) for key in found], request, 1000)
        return kms_v1.ListCryptoKeysResponse(crypto_keys=keys, next_page_token=token, total_size=len(found))

    def update_crypto_key(self, request: kms_v1.UpdateCryptoKeyRequest) -> CryptoKey:
        """UpdateCryptoKey: labels and the rotation schedule."""
        with self._store.transaction():
            key = self.current_key(request.crypto_key.name)
            for path in request.update_mask.paths:
                if path not in ("labels", "rotation_period", "next_rotation_time"):
                    raise InvalidArgument(f"update_mask: {path} cannot be updated.")
                setattr(key, path, getattr(request.crypto_key, path))
            _check_rotation(key)
            self._store.keys.save(key)
        return key

    def update_crypto_key_primary_version(self, request: kms_v1.UpdateCryptoKeyPrimaryVersionRequest) -> CryptoKey:
        """UpdateCryptoKeyPrimaryVersion: new data is encrypted with this version from now on."""
        with self._store.transaction():
            key = self.current_key(request.name)
            key.primary = self.version(f"{request.name}{VERSIONS}{request.crypto_key_version_id}")
            require_enabled(key.primary)
            self._store.keys.save(key)
        return key

    # Versions

    def create_crypto_key_version(self, request: kms_v1.CreateCryptoKeyVersionRequest) -> CryptoKeyVersion:
        """CreateCryptoKeyVersion; it does not become primary by itself."""
        with self._store.transaction():
            self.current_key(request.parent)
            return self._new_version(request.parent)

    def _new_version(self, key_name: str) -> CryptoKeyVersion:
        now = self._clock()
        version = kms_v1.CryptoKeyVersion(
            name=self._store.next_version_name(key_name), state=State.ENABLED, algorithm=_SYMMETRIC,
            protection_level=kms_v1.ProtectionLevel.SOFTWARE, create_time=now, generate_time=now,
        )  # fmt: skip
        self._store.versions.save(version)
        self._store.create_material(version.name)
        return version

    def get_crypto_key_version(self, request: kms_v1.GetCryptoKeyVersionRequest) -> CryptoKeyVersion:
        """GetCryptoKeyVersion."""
        return self.version(request.name)

    def version(self, name: str) -> CryptoKeyVersion:
        """A key version, destroyed if its destroy_time has passed. Raises NotFound."""
        version = _found(self._store.versions.find(name), "CryptoKeyVersion", name)
        if version.state == State.DESTROY_SCHEDULED and version.destroy_time <= self._clock():
            version.state = State.DESTROYED
            version.destroy_event_time = version.destroy_time
            self._store.destroy_material(name)
            self._store.versions.save(version)
        return version

    def list_crypto_key_versions(
        self, request: kms_v1.ListCryptoKeyVersionsRequest
    ) -> kms_v1.ListCryptoKeyVersionsResponse:
        """ListCryptoKeyVersions."""
        found = self._store.versions.under(request.parent + VERSIONS)
        versions, token = page([self.version(version.name) for version in found], request, 1000)
        return kms_v1.ListCryptoKeyVersionsResponse(crypto_key_versions=versions, next_page_token=token)

    def update_crypto_key_version(self, request: kms_v1.UpdateCryptoKeyVersionRequest) -> CryptoKeyVersion:
        """UpdateCryptoKeyVersion: enable or disable."""
        wanted = request.crypto_key_version.state
        if list(request.update_mask.paths) != ["state"] or wanted not in (State.ENABLED, State.DISABLED):
            raise InvalidArgument("Only state can be updated, to ENABLED or DISABLED.")
        return self._set_state(request.crypto_key_version.name, wanted, None)

    def destroy_crypto_key_version(self, request: kms_v1.DestroyCryptoKeyVersionRequest) -> CryptoKeyVersion:
        """DestroyCryptoKeyVersion: unusable at once, restorable until destroy_time."""
        key = self.current_key(request.name.partition(VERSIONS)[0])
        destroy_time = self._clock() + key.destroy_scheduled_duration
        return self._set_state(request.name, State.DESTROY_SCHEDULED, destroy_time)

    def restore_crypto_key_version(self, request: kms_v1.RestoreCryptoKeyVersionRequest) -> CryptoKeyVersion:
        """RestoreCryptoKeyVersion: scheduled for destruction → disabled."""
        if self.version(request.name).state != State.DESTROY_SCHEDULED:
            raise FailedPrecondition(f"{request.name} is not scheduled for destruction.")
        return self._set_state(request.name, State.DISABLED, None)

    def _set_state(self, name: str, state: Any, destroy_time: datetime | None) -> CryptoKeyVersion:
        with self._store.transaction():
            version = self.version(name)
            if version.state == State.DESTROYED:
                raise FailedPrecondition(f"{name} is destroyed.")
            version.state, version.destroy_time = state, destroy_time
            self._store.versions.save(version)
        return version


def require_enabled(version: CryptoKeyVersion) -> None:
    """Raises FailedPrecondition unless the version may be used."""
    if version.state != State.ENABLED:
        state = State(version.state).name
        raise FailedPrecondition(f"{version.name} is not enabled, current state is: {state}.")


def _checked_id(resource_id: str) -> str:
    if not _ID.fullmatch(resource_id):
        raise InvalidArgument("The id must match [a-zA-Z0-9_-]{1,63}.")
    return resource_id


def _check_rotation(key: CryptoKey) -> None:
    if key.rotation_period and not key.next_rotation_time:
        raise InvalidArgument("next_rotation_time must be set when rotation_period is set.")
    if key.rotation_period and key.rotation_period < _SHORTEST_ROTATION:
        raise InvalidArgument("rotation_period must be at least 24 hours.")


def _found(resource: Any, kind: str, name: str) -> Any:
    if resource is None:
        raise NotFound(f"{kind} {name} not found.")
    return resource
