"""The partition that holds one day of a table, and how a load replaces it: as a whole, atomically."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from google.cloud.bigquery import LoadJobConfig, SchemaField


@dataclass(frozen=True)
class DayPartition:
    """One UTC day of an org's table, which must exist."""

    dataset: str
    table: str
    day: date

    def address(self, project: str) -> str:
        """Name of the partition as a load's destination: `project.dataset.table$YYYYMMDD`."""
        return f"{project}.{self.dataset}.{self.table}${self.day:%Y%m%d}"


def replacing(columns: "Sequence[SchemaField]", labels: Mapping[str, str]) -> "LoadJobConfig":
    """Configuration of a load that replaces its destination by the rows of a Parquet file, or leaves it as it was.

    `columns` are the table's own, as `Warehouse.columns` returns them: a schema inferred from the file would lose
    their descriptions.
    """
    from google.cloud.bigquery import LoadJobConfig, SourceFormat, WriteDisposition

    return LoadJobConfig(
        schema=columns,
        source_format=SourceFormat.PARQUET,
        write_disposition=WriteDisposition.WRITE_TRUNCATE,
        create_disposition="CREATE_NEVER",
        labels=dict(labels),
    )
