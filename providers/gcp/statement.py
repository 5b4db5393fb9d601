"""Compiles one run's operations into one GoogleSQL statement over a billing export.

The text holds only checked identifiers and the expressions of `columns`; every value is a parameter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, get_args

from providers.gcp.columns import COLUMNS, LISTS
from providers.gcp.export import ExportTable
from providers.gcp.steps import Operation

if TYPE_CHECKING:
    from google.cloud.bigquery import ArrayQueryParameter, ScalarQueryParameter

OPERATIONS: tuple[str, ...] = get_args(Operation)
SEEN_LATE = timedelta(hours=6)  # a row may become visible after rows with a later export_time


@dataclass(frozen=True)
class Statement:
    """GoogleSQL and the named parameters it takes."""

    sql: str
    parameters: tuple[ScalarQueryParameter | ArrayQueryParameter, ...]


def compile_statement(
    source: ExportTable,
    *,
    operations: Sequence[str],
    day: date,
    snapshot: datetime,
    late_days: int,
    inactive_projects: Sequence[str],
    early_days: int = 1,
    exported_after: datetime | None = None,
) -> Statement:
    """Compiles a query of the rows of `day` (UTC, by `usage_start_time`) with `columns.COLUMNS`, in that order.

    `operations`, in any order: `filter_date_range` is what a run is, so it applies even if not named;
    `filter_active_projects` drops the rows of `inactive_projects`; `aggregate_by_service` sums the rows that
    are equal in every dimension, without it each export row is a row of the result. Only rows exported until
    `snapshot` (aware) count, so a repeated run reads the same; `late_days` (≥ 1) is how many days of delivery are
    read, the first of them `day` itself, and `early_days` (≥ 1) how many before it. With `exported_after` (aware)
    only rows count that were exported later. Raises ValueError for an unknown operation or late_days.
    """
    _check(operations)
    if late_days < 1:
        raise ValueError(f"late_days is {late_days}: at least 1 is needed to see the day's own partition.")
    drop = list(inactive_projects) if "filter_active_projects" in operations else []
    rows = f"SELECT\n{_list(_over_export(source))}\n{rows_of_day(source)}"
    if drop:
        rows += "\n  AND (project.id IS NULL OR project.id NOT IN UNNEST(@inactive_projects))"
    if exported_after:
        rows += "\n  AND export_time > @exported_after"
    result = _summed() if "aggregate_by_service" in operations else _alone()
    listed, export_row = (
        sql.replace("\n", "\n  ") for sql in (rows, f"SELECT\n{_list(_over_lists(source))}\nFROM listed")
    )
    sql = f"WITH listed AS (\n  {listed}\n),\nexport_row AS (\n  {export_row}\n)\n{result}"
    return Statement(sql, parameters(day, snapshot, late_days, drop, early_days=early_days, after=exported_after))


def compile_late_dates(
    source: ExportTable, *, day: date, snapshot: datetime, watermark: datetime | None, late_days: int
) -> Statement:
    """Compiles a query of one row for each UTC day with rows exported since the watermark, and their newest export.

    Only partitions that can hold such rows are read, `late_days` of them at most: from the day before the
    watermark's on, since partitions are Pacific days. Without a watermark the look begins in the day before `day`.
    """
    rows = f"""FROM {source.quoted}
WHERE _PARTITIONTIME >= @first_partition
  AND _PARTITIONTIME < @end_partition
  AND export_time > @exported_after
  AND export_time <= @snapshot"""
    columns = "DATE(usage_start_time) AS usage_date, MAX(export_time) AS newest_export_time"
    parameters = _late_parameters(day, snapshot, watermark, late_days)
    return Statement(f"SELECT {columns}\n{rows}\nGROUP BY usage_date", parameters)


def _late_parameters(
    day: date, snapshot: datetime, watermark: datetime | None, late_days: int
) -> tuple[ScalarQueryParameter, ...]:
    from google.cloud.bigquery import ScalarQueryParameter

    midnight = datetime.combine(day, time(), UTC)
    seen = watermark - SEEN_LATE if watermark else midnight - timedelta(days=1)
    first = datetime.combine(seen.astimezone(UTC), time(), UTC) - timedelta(days=1 if watermark else 0)
    moments = {
        "first_partition": max(first, midnight - timedelta(days=late_days)),
        "end_partition": datetime.combine(snapshot.astimezone(UTC), time(), UTC) + timedelta(days=1),
        "exported_after": seen,
        "snapshot": snapshot,
    }
    return tuple(ScalarQueryParameter(name, "TIMESTAMP", moment) for name, moment in moments.items())


def _check(operations: Sequence[str]) -> None:
    unknown = [name for name in operations if name not in OPERATIONS]
    if unknown:
        raise ValueError(f"Unknown operation {unknown[0]!r}. Allowed: {', '.join(OPERATIONS)}.")


def _over_export(source: ExportTable) -> Iterable[str]:
    """Names what one row of the export gives: columns, and the lists that other columns take from."""
    told = [c for c in COLUMNS if c.parts and not c.of_lists]
    told += [c for c in LISTS if c.known(source.columns)]
    return (f"{c.over(source.columns)} AS {c.name}" for c in told)


def _over_lists(source: ExportTable) -> Iterable[str]:
    return (f"{c.over(source.columns)} AS {c.name}" if c.of_lists else c.name for c in COLUMNS if c.parts)


def rows_of_day(source: ExportTable) -> str:
    """The clauses FROM and WHERE of a day's rows; `parameters` has their values."""
    # The export is partitioned by its delivery in Pacific days: a UTC day begins in the partition before it.
    # Constant bounds on _PARTITIONTIME are what prunes; usage_start_time alone would scan the whole table.
    return f"""FROM {source.quoted}
WHERE _PARTITIONTIME >= @first_partition
  AND _PARTITIONTIME < @end_partition
  AND usage_start_time >= @day_start
  AND usage_start_time < @day_end
  AND export_time <= @snapshot"""


def _summed() -> str:
    # GROUP BY takes NULLs as one group of their own: a tax row (project NULL) joins no project.
    totals = [f"{c.total} AS {c.name}" if c.total else c.name for c in COLUMNS]
    dimensions = [c.name for c in COLUMNS if c.total is None]
    return f"SELECT\n{_list(totals)}\nFROM export_row\nGROUP BY\n{_list(dimensions)}"


def _alone() -> str:
    return f"SELECT\n{_list(f'{c.single} AS {c.name}' if c.single else c.name for c in COLUMNS)}\nFROM export_row"


def _list(items: Iterable[str]) -> str:
    return ",\n".join(f"  {item}" for item in items)


def parameters(
    day: date,
    snapshot: datetime,
    late_days: int,
    drop: list[str],
    *,
    early_days: int = 1,
    after: datetime | None = None,
    always: bool = False,
) -> tuple[ScalarQueryParameter | ArrayQueryParameter, ...]:
    """Query parameters of `rows_of_day`, of inactive projects if there are any (or `always`), and of `after`."""
    from google.cloud.bigquery import ArrayQueryParameter, ScalarQueryParameter

    start = datetime.combine(day, time(), UTC)
    moments = {
        "first_partition": start - timedelta(days=early_days),
        "end_partition": start + timedelta(days=late_days),
        "day_start": start,
        "day_end": start + timedelta(days=1),
        "snapshot": snapshot,
    } | ({"exported_after": after} if after else {})
    scalars = tuple(ScalarQueryParameter(name, "TIMESTAMP", moment) for name, moment in moments.items())
    lists = (ArrayQueryParameter("inactive_projects", "STRING", drop),) if drop or always else ()
    return (*scalars, *lists)
