"""What expires: partitions older than their table keeps them, and tables whose time is over.

As Google documents it: a new table inherits what its dataset sets by default and keeps that when the dataset changes
(cloud.google.com/bigquery/docs/reference/rest/v2/datasets: `defaultPartitionExpirationMs`, `defaultTableExpirationMs`);
a partition expires at its time, the start of its day, plus `timePartitioning.expirationMs`, whenever its rows came
(cloud.google.com/bigquery/docs/reference/rest/v2/tables#TimePartitioning).
"""

# ruff: noqa: S608 - every name in the SQL is quoted, every value a literal of ours
from __future__ import annotations

from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush

from localcloud.bigquery.partitions import Partition, partition_at
from localcloud.bigquery.schemas import quoted
from localcloud.bigquery.tables import Resource, TableRef, Tables


def sweep(tables: Tables) -> None:
    """Drop what has expired by the server's clock: asked at every request, it looks only where something may have."""
    now = tables.clock.now()
    while tables.due and tables.due[0][0] <= now:
        tables.unswept.add(heappop(tables.due)[1])
    for ref in sorted(tables.unswept):
        _sweep(tables, ref, now)
        tables.unswept.discard(ref)


def _sweep(tables: Tables, ref: TableRef, now: datetime) -> None:
    resource = tables.expiring.get(ref)
    if resource is None:  # dropped, or it keeps everything by now
        return
    ends, newest = _ends(resource), _newest_expired(resource, now)
    if tables.find(ref) is None:  # gone with its dataset
        del tables.expiring[ref]
    elif ends and ends <= now:
        tables.drop(ref)
    else:
        if newest:
            _drop_rows(tables, ref, newest)
            heappush(tables.due, (newest.end + _keeps(resource), ref))
        if ends:
            heappush(tables.due, (ends, ref))


def _ends(resource: Resource) -> datetime | None:
    at = resource.get("expirationTime")
    return datetime.fromtimestamp(int(at) / 1000, UTC) if at is not None else None


def _keeps(resource: Resource) -> timedelta:
    return timedelta(milliseconds=int(resource["timePartitioning"]["expirationMs"]))


def _newest_expired(resource: Resource, now: datetime) -> Partition | None:
    """The newest partition whose time is over; `None` if partitions stay for good."""
    if (resource.get("timePartitioning") or {}).get("expirationMs") is None:
        return None
    return partition_at(resource, now - _keeps(resource))


def _drop_rows(tables: Tables, ref: TableRef, newest: Partition) -> None:
    expired = f"{quoted(newest.column)} < {newest.literal(newest.end)}"
    if tables.count(ref, expired):
        tables.engine.execute(f"DELETE FROM {ref.sql} WHERE {expired}")
        tables.row_counts.forget([ref])
