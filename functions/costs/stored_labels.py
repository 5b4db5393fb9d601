"""Stored labels of orgs. Versions are only added; the highest counts."""

from dataclasses import dataclass
from datetime import datetime

from cloudact.clock import Clock
from cloudact.costs.labels import Label, labels_of, text_of
from cloudact.warehouse.bigquery import Warehouse
from functions.costs.stored_versions import ChangedMeanwhile, StoredVersion, VersionStore

LabelsChanged = ChangedMeanwhile


@dataclass(frozen=True)
class StoredLabels(StoredVersion):
    """A version of an org's labels; 0 is before there were any."""

    labels: tuple[Label, ...] = ()

    @property
    def text(self) -> str:
        """JSON text of the labels."""
        return text_of(self.labels)


def _stored(version: int, recorded_at: datetime | None, recorded_by: str | None, text: str) -> StoredLabels:
    return StoredLabels(version, recorded_at, recorded_by, labels_of(text))


class LabelStore(VersionStore[StoredLabels]):
    """Reads and adds labels; raises `Retry` while BigQuery cannot be reached."""

    def __init__(self, warehouse: Warehouse, clock: Clock) -> None:
        super().__init__("labels", _stored, warehouse, clock)

    def add(self, org_slug: str, labels: tuple[Label, ...], before: StoredLabels, by: str) -> StoredLabels:
        """Adds the version after `before`. Raises `LabelsChanged` where somebody else has added it."""
        return self.write(org_slug, StoredLabels(before.version + 1, self._clock(), by, labels))
