"""What expires: partitions older than their table keeps them, and tables whose time is over.

As Google documents it: a new table inherits what its dataset sets by default and keeps that when the dataset changes
(cloud.google.com/bigquery/docs/reference/rest/v2/datasets: `defaultPartitionExpirationMs`, `defaultTableExpirationMs`);
a partition expires at its time, the start of its day, plus `timePartitioning.expirationMs`, whenever its rows came
(cloud.google.com/bigquery/docs/reference/rest/v2/tables#TimePartitioning).
"""

# ruff: noqa: S608 - every name in the SQL is quoted, every value a literal of ours
from __future__ import annotations

from datetime import UTC, datetime, timedelta

from localcloud.bigquery.partitions import partition_at
from localcloud.bigquery.schemas import quoted
from localcloud.bigquery.tables import Resource, TableRef, Tables


def sweep(tables: Tables) -> None:
    """Drop what has expired by the server's clock: asked at every request, it looks only where something may have."""
    now = tables.clock.now()
    for ref, resource in sorted(tables.expiring.items(), key=lambda each: str(each[0])):
        rows = _expired_rows(resource, now)
        if not _over(resource, now) and tables.swept.get(ref) == rows:
            continue
        if tables.find(ref) is None:  # gone with its dataset
            del tables.expiring[ref]
        elif _over(resource, now):
            tables.drop(ref)
        else:
            _drop_rows(tables, ref, rows)


def _over(resource: Resource, now: datetime) -> bool:
    at = resource.get("expirationTime")
    return at is not None and datetime.fromtimestamp(int(at) / 1000, UTC) <= now


def _expired_rows(resource: Resource, now: datetime) -> str:
    """Rows of the partitions whose time is over, as a DuckDB condition."""
    keeps = (resource.get("timePartitioning") or {}).get("expirationMs")
    if keeps is None:
        return "FALSE"
    newest = partition_at(resource, now - timedelta(milliseconds=int(keeps)))
    return f"{quoted(newest.column)} < {newest.literal(newest.end)}"


def _drop_rows(tables: Tables, ref: TableRef, condition: str) -> None:
    if tables.count(ref, condition):
        tables.engine.execute(f"DELETE FROM {ref.sql} WHERE {condition}")
    tables.swept[ref] = condition
