"""Key rings, keys, versions and the key material, in one private SQLite file."""

import os
from pathlib import Path

from google.cloud import kms_v1

from localcloud.google_apis.database import Database
from localcloud.google_apis.message_store import SCHEMA, MessageStore

_SCHEMA = SCHEMA + "CREATE TABLE IF NOT EXISTS material (version TEXT PRIMARY KEY, key BLOB NOT NULL);"
VERSIONS = "/cryptoKeyVersions/"


class KeyStore:
    """Key versions are counted 1, 2, 3 …; destroyed material is really gone."""

    def __init__(self, state_dir: Path) -> None:
        self._database = Database(state_dir / "kms.sqlite3", _SCHEMA)
        self.transaction = self._database.transaction
        self.close = self._database.close
        self.key_rings = MessageStore(self._database, kms_v1.KeyRing)
        self.keys = MessageStore(self._database, kms_v1.CryptoKey)
        self.versions = MessageStore(self._database, kms_v1.CryptoKeyVersion)

    def next_version_name(self, key_name: str) -> str:
        """The name of a version yet to be made."""
        return f"{key_name}{VERSIONS}{len(self.versions.under(key_name + VERSIONS)) + 1}"

    def create_material(self, version_name: str) -> None:
        """A new AES-256 key."""
        self._database.execute("INSERT INTO material VALUES (?, ?)", version_name, os.urandom(32))

    def material(self, version_name: str) -> bytes:
        """The AES-256 key of a version."""
        rows = self._database.rows("SELECT key FROM material WHERE version = ?", version_name)
        return bytes(rows[0][0])

    def destroy_material(self, version_name: str) -> None:
        """Nothing encrypted with this version can be read again."""
        self._database.execute("DELETE FROM material WHERE version = ?", version_name)
