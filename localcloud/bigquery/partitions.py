"""Time partitions: what `table$20261110` names, and where a row's partition is stored.

A table partitioned by ingestion time keeps the partition of each row in a hidden column, `INGESTED`, which
`_PARTITIONTIME` reads. It is no part of the schema and of no `SELECT *`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bqemulator.domain.errors import ValidationError

from localcloud.bigquery.schemas import by_name, quoted

INGESTED = "__ingestion_partition"
FORMATS = {"HOUR": "%Y%m%d%H", "DAY": "%Y%m%d", "MONTH": "%Y%m", "YEAR": "%Y"}


@dataclass(frozen=True)
class Partition:
    """One partition: the rows whose `column` lies in [start, end)."""

    column: str
    column_type: str
    decorator: str
    start: datetime
    end: datetime

    @property
    def predicate(self) -> str:
        """The DuckDB condition that selects the partition's rows."""
        column = quoted(self.column)
        return f"({column} >= {self.literal(self.start)} AND {column} < {self.literal(self.end)})"

    def literal(self, moment: datetime) -> str:
        """The moment as a DuckDB literal of the partitioning column's type."""
        if self.column_type == "DATE":
            return f"DATE '{moment:%Y-%m-%d}'"
        if self.column_type == "DATETIME":
            return f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S}'"
        return f"TIMESTAMP WITH TIME ZONE '{moment:%Y-%m-%d %H:%M:%S}+00'"


def split_decorator(table_id: str) -> tuple[str, str | None]:
    """`t$20261110` as (`t`, `20261110`); `t` as (`t`, None)."""
    name, _, decorator = table_id.partition("$")
    return name, decorator or None


def partition_named(table: dict[str, Any], decorator: str) -> Partition:
    """The partition of a table resource that a decorator names; raises ValidationError."""
    spec = table.get("timePartitioning")
    if not spec:
        raise ValidationError(f"Cannot use partition decorator ${decorator} on a table that is not partitioned.")
    kind = spec.get("type", "DAY")
    try:
        start = datetime.strptime(decorator, FORMATS[kind]).replace(tzinfo=UTC)
    except ValueError as err:
        raise ValidationError(f"Invalid partition decorator ${decorator} for {kind} partitioning.") from err
    column = spec.get("field")
    column_type = by_name(table["schema"]["fields"])[column.lower()]["type"] if column else "TIMESTAMP"
    return Partition(column or INGESTED, column_type, decorator, start, _end(start, kind))


def partition_at(table: dict[str, Any], moment: datetime) -> Partition:
    """The partition of a table resource that a moment belongs to."""
    kind = table["timePartitioning"].get("type", "DAY")
    return partition_named(table, moment.astimezone(UTC).strftime(FORMATS[kind]))


def _end(start: datetime, kind: str) -> datetime:
    if kind == "HOUR":
        return start + timedelta(hours=1)
    if kind == "DAY":
        return start + timedelta(days=1)
    if kind == "MONTH":
        return (start + timedelta(days=32)).replace(day=1)
    return start.replace(year=start.year + 1)


def is_ingestion_partitioned(table: dict[str, Any]) -> bool:
    """Whether rows belong to the partition of the moment they were loaded."""
    spec = table.get("timePartitioning")
    return bool(spec) and not (spec or {}).get("field")


def ingestion_column(table: dict[str, Any]) -> str:
    """The DDL of the hidden column: rows fall into the current partition unless a load says otherwise."""
    unit = str(table["timePartitioning"].get("type", "DAY")).lower()
    return f"{quoted(INGESTED)} TIMESTAMP WITH TIME ZONE DEFAULT (date_trunc('{unit}', now()))"
