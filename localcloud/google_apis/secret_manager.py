"""Secret Manager: secrets, their numbered versions, and access with a checksum. No replication, no rotation."""

import re
from pathlib import Path

import google_crc32c
from google.cloud import secretmanager_v1 as api

from localcloud.google_apis.clock import Clock
from localcloud.google_apis.database import Database
from localcloud.google_apis.message_store import SCHEMA, MessageStore
from localcloud.google_apis.rest.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from localcloud.google_apis.wire_types import Secret, SecretVersion

_ID = re.compile(r"[a-zA-Z0-9_-]{1,255}")
_LARGEST_PAYLOAD = 64 * 1024
_VERSIONS = "/versions/"
State = api.SecretVersion.State


class SecretManager:
    """Versions are counted 1, 2, 3 …; `latest` is the newest, as Google's is, also where that one is disabled."""

    def __init__(self, state_dir: Path, clock: Clock) -> None:
        self._database = Database(state_dir / "secrets.sqlite3", SCHEMA)
        self.close = self._database.close
        self._secrets = MessageStore(self._database, api.Secret)
        self._versions = MessageStore(self._database, api.SecretVersion)
        self._payloads = MessageStore(self._database, api.AccessSecretVersionResponse)
        self._clock = clock

    def create_secret(self, request: api.CreateSecretRequest) -> Secret:
        """CreateSecret, without a version yet."""
        if not _ID.fullmatch(request.secret_id):
            raise InvalidArgument("The id must match [a-zA-Z0-9_-]{1,255}.")
        name = f"{request.parent}/secrets/{request.secret_id}"
        with self._database.transaction():
            if self._secrets.find(name):
                raise AlreadyExists(f"Secret [{name}] already exists.")
            secret: Secret = request.secret
            secret.name, secret.create_time = name, self._clock()
            self._secrets.save(secret)
        return secret

    def get_secret(self, request: api.GetSecretRequest) -> Secret:
        """GetSecret."""
        return self._secret(request.name)

    def add_secret_version(self, request: api.AddSecretVersionRequest) -> SecretVersion:
        """AddSecretVersion; a checksum that was sent must be right."""
        data = request.payload.data
        if not data or len(data) > _LARGEST_PAYLOAD:
            raise InvalidArgument(f"The payload must have 1 to {_LARGEST_PAYLOAD} bytes.")
        if "data_crc32c" in request.payload and request.payload.data_crc32c != google_crc32c.value(data):
            raise InvalidArgument("The checksum of the payload does not match.")
        with self._database.transaction():
            self._secret(request.parent)
            number = len(self._versions.under(request.parent + _VERSIONS)) + 1
            name = f"{request.parent}{_VERSIONS}{number}"
            version = api.SecretVersion(name=name, create_time=self._clock(), state=State.ENABLED)
            self._versions.save(version)
            payload = {"data": data, "data_crc32c": google_crc32c.value(data)}
            self._payloads.save(api.AccessSecretVersionResponse(name=name, payload=payload))
        return version

    def get_secret_version(self, request: api.GetSecretVersionRequest) -> SecretVersion:
        """GetSecretVersion."""
        return self._version(request.name)

    def access_secret_version(self, request: api.AccessSecretVersionRequest) -> object:
        """AccessSecretVersion: the payload, under the version's own number also where `latest` was asked for."""
        version = self._version(request.name)
        if version.state != State.ENABLED:
            raise FailedPrecondition(f"Secret Version [{version.name}] is in {State(version.state).name} state.")
        return self._payloads.find(version.name)

    def disable_secret_version(self, request: api.DisableSecretVersionRequest) -> SecretVersion:
        """DisableSecretVersion."""
        return self._set_state(request.name, State.DISABLED)

    def enable_secret_version(self, request: api.EnableSecretVersionRequest) -> SecretVersion:
        """EnableSecretVersion."""
        return self._set_state(request.name, State.ENABLED)

    def _set_state(self, name: str, state: int) -> SecretVersion:
        version = self._version(name)
        version.state = state
        self._versions.save(version)
        return version

    def _secret(self, name: str) -> Secret:
        secret = self._secrets.find(name)
        if secret is None:
            raise NotFound(f"Secret [{name}] not found.")
        return secret

    def _version(self, name: str) -> SecretVersion:
        parent, _, number = name.partition(_VERSIONS)
        versions = self._versions.under(parent + _VERSIONS)
        version = versions[-1] if number == "latest" and versions else self._versions.find(name)
        if version is None:
            raise NotFound(f"Secret Version [{name}] not found.")
        return version
