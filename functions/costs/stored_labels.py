"""Stored labels of orgs. Versions are only added; the highest counts. They are kept until the table changes."""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cloudact.clock import Clock
from cloudact.costs.labels import Label, labels_of, text_of
from cloudact.error_codes import Code
from cloudact.errors import Retry
from cloudact.warehouse.bigquery import Warehouse
from cloudact.warehouse.resources import Job
from functions.auth.cache import TtlCache

TABLE = "org_labels"
STATE_TTL = timedelta(seconds=5)  # as the state of an org's own tables: nobody notices
ORGS = 1_000
TRIES = 5
UNWRITTEN = "The labels could not be written."


@dataclass(frozen=True)
class StoredLabels:
    """A version of an org's labels; 0 is before there were any."""

    version: int = 0
    labels: tuple[Label, ...] = ()
    recorded_at: datetime | None = None
    recorded_by: str | None = None

    @property
    def text(self) -> str:
        """JSON text of the labels."""
        return text_of(self.labels)

    @property
    def digest(self) -> str:
        """SHA-256 of that text, in hexadecimal digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def etag(self) -> str:
        """Text that is equal for the same version alone."""
        return f"{self.version}-{self.digest[:16]}"


class LabelsChanged(Exception):
    """Raised where somebody else has written the version that was to be written."""


class LabelStore:
    """Reads and adds labels; raises `Retry` while BigQuery cannot be reached."""

    def __init__(self, warehouse: Warehouse, clock: Clock) -> None:
        self._warehouse = warehouse
        self._clock = clock
        self._state = TtlCache(self._look, clock, STATE_TTL, 1)
        self._current = TtlCache(self._read_in_state, clock, timedelta(days=1), ORGS)

    def current(self, org_slug: str) -> StoredLabels:
        """Labels that count, some seconds old at most; a query only where the table has changed since the last one."""
        return self._current.get((org_slug, self._state.get(TABLE)))

    def newest(self, org_slug: str) -> StoredLabels:
        """Labels that count now."""
        return self.version(org_slug, None) or StoredLabels()

    def version(self, org_slug: str, version: int | None) -> StoredLabels | None:
        """Labels of this version, `None` for the newest; `None` where there is none."""
        rows = self._warehouse.rows("labels", org_slug=org_slug, version=version)
        return _stored(rows[0]) if rows else None

    def add(self, org_slug: str, labels: tuple[Label, ...], before: StoredLabels, by: str) -> StoredLabels:
        """Adds the version after `before`. Raises `LabelsChanged` where somebody else has added it.

        The id of the INSERT's job names org and version, and BigQuery accepts an id once. Only after a job that has
        failed the version is tried under another.
        """
        new = StoredLabels(before.version + 1, labels, self._clock(), by)
        entry_id = str(uuid.uuid4())
        for number in range(TRIES):
            job = self._started(f"labels_{org_slug}_{new.version}_{number}", org_slug, new, entry_id)
            if job.parameters["entry_id"] != entry_id and job.error_result is None:
                raise LabelsChanged
            self._warehouse.wait_for(job, lambda: None)
            if job.error_result is None:
                self._state = TtlCache(self._look, self._clock, STATE_TTL, 1)  # what it says is older than this
                return new
        raise Retry(Code.BIGQUERY_UNAVAILABLE, UNWRITTEN)

    def _started(self, job_id: str, org_slug: str, new: StoredLabels, entry_id: str) -> Job:
        job = self._warehouse.start_query(
            job_id,
            "record_labels",
            None,
            org_slug=org_slug,
            version=new.version,
            labels=new.text,
            digest=new.digest,
            recorded_at=new.recorded_at,
            recorded_by=new.recorded_by,
            entry_id=entry_id,
        )
        return job or self._warehouse.taken_job(job_id)

    def _look(self, table: str) -> str:
        return self._warehouse.table_state(self._warehouse.dataset, table) or ""

    def _read_in_state(self, of: tuple[str, str]) -> StoredLabels:
        return self.newest(of[0])


def _stored(row: dict[str, Any]) -> StoredLabels:
    return StoredLabels(row["version"], labels_of(row["labels"]), row["recorded_at"], row["recorded_by"])
