"""The partition that holds one day of a table, and how a load replaces it: as a whole, atomically."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from cloudact.warehouse.resources import Column


@dataclass(frozen=True)
class DayPartition:
    """One UTC day of an org's table, which must exist."""

    dataset: str
    table: str
    day: date

    def reference(self, project: str) -> dict[str, str]:
        """The partition as a load's destination: its table is `table$YYYYMMDD`."""
        return {"projectId": project, "datasetId": self.dataset, "tableId": f"{self.table}${self.day:%Y%m%d}"}


def replacing(
    partition: DayPartition, project: str, columns: Sequence[Column], labels: Mapping[str, str]
) -> dict[str, Any]:
    """Configuration of a load that replaces the partition by the rows of a Parquet file, or leaves it as it was.

    `columns` are the table's own, as `Warehouse.columns` returns them: a schema inferred from the file would lose
    their descriptions.
    """
    load = {
        "destinationTable": partition.reference(project),
        "schema": {"fields": [column.resource for column in columns]},
        "sourceFormat": "PARQUET",
        "writeDisposition": "WRITE_TRUNCATE",
        "createDisposition": "CREATE_NEVER",
    }
    return {"load": load, "labels": dict(labels)}
