"""Stored versions of a document of an org: they are only added, and the highest counts."""

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from cloudact.clock import Clock
from cloudact.error_codes import Code
from cloudact.errors import Retry
from cloudact.warehouse.bigquery import Warehouse
from cloudact.warehouse.resources import Job
from functions.auth.cache import TtlCache

STATE_TTL = timedelta(seconds=5)  # as the state of an org's own tables: nobody notices
ORGS = 1_000
TRIES = 5


@dataclass(frozen=True)
class StoredVersion:
    """Version of a document; 0 is before there was any."""

    version: int = 0
    recorded_at: datetime | None = None
    recorded_by: str | None = None

    @property
    def text(self) -> str:
        """JSON text of the document."""
        raise NotImplementedError

    @property
    def digest(self) -> str:
        """SHA-256 of that text, in hexadecimal digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def etag(self) -> str:
        """Text that is equal for the same version alone."""
        return f"{self.version}-{self.digest[:16]}"


Version = TypeVar("Version", bound=StoredVersion)


class ChangedMeanwhile(Exception):
    """Raised where somebody else has written the version that was to be written."""


class VersionStore(Generic[Version]):
    """Reads and adds versions of one kind of document; raises `Retry` while BigQuery cannot be reached.

    `name` is that of the query, of the column and, with `org_` before it, of the table. `read` makes a version of its
    number, when and by whom it was recorded, and its text.
    """

    def __init__(
        self,
        name: str,
        read: Callable[[int, datetime | None, str | None, str], Version],
        warehouse: Warehouse,
        clock: Clock,
    ) -> None:
        self._name = name
        self._read = read
        self._warehouse = warehouse
        self._clock = clock
        self._state = TtlCache(self._look, clock, STATE_TTL, 1)
        self._current = TtlCache(self._read_in_state, clock, timedelta(days=1), ORGS)

    def current(self, org_slug: str) -> Version:
        """Version that counts, some seconds old at most; a query only where the table has changed since the last."""
        return self._current.get((org_slug, self._state.get(f"org_{self._name}")))

    def newest(self, org_slug: str) -> Version:
        """Version that counts now."""
        return self.version(org_slug, None) or self._read(0, None, None, "[]")

    def version(self, org_slug: str, version: int | None) -> Version | None:
        """The version of this number, `None` for the newest; `None` where there is none."""
        rows = self._warehouse.rows(self._name, org_slug=org_slug, version=version)
        return self._stored(rows[0]) if rows else None

    def write(self, org_slug: str, new: Version) -> Version:
        """Adds a version, one above the one that was read. Raises `ChangedMeanwhile` where somebody else has added it.

        The id of the INSERT's job names org and version, and BigQuery accepts an id once. Only after a job that has
        failed the version is tried under another.
        """
        entry_id = str(uuid.uuid4())
        for number in range(TRIES):
            job = self._started(f"{self._name}_{org_slug}_{new.version}_{number}", org_slug, new, entry_id)
            if job.parameters["entry_id"] != entry_id and job.error_result is None:
                raise ChangedMeanwhile
            self._warehouse.wait_for(job, lambda: None)
            if job.error_result is None:
                self._state = TtlCache(self._look, self._clock, STATE_TTL, 1)  # what it says is older than this
                return new
        raise Retry(Code.BIGQUERY_UNAVAILABLE, f"The {self._name} could not be written.")

    def _started(self, job_id: str, org_slug: str, new: Version, entry_id: str) -> Job:
        values: dict[str, Any] = {
            "org_slug": org_slug,
            "version": new.version,
            self._name: new.text,
            "digest": new.digest,
            "recorded_at": new.recorded_at,
            "recorded_by": new.recorded_by,
            "entry_id": entry_id,
        }
        job = self._warehouse.start_query(job_id, f"record_{self._name}", None, **values)
        return job or self._warehouse.taken_job(job_id)

    def _look(self, table: str) -> str:
        return self._warehouse.table_state(self._warehouse.dataset, table) or ""

    def _read_in_state(self, of: tuple[str, str]) -> Version:
        return self.newest(of[0])

    def _stored(self, row: dict[str, Any]) -> Version:
        return self._read(row["version"], row["recorded_at"], row["recorded_by"], row[self._name])
