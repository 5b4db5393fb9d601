"""What a billing export holds of one UTC day before anything is left out: where its rows lie, how many, their cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal
from typing import TYPE_CHECKING

from cloudact.runs.result import SourceDay
from providers.gcp.columns import CREDITS
from providers.gcp.export import ExportTable
from providers.gcp.statement import Statement, parameters, rows_of_day

if TYPE_CHECKING:
    from google.cloud.bigquery import Row

EARLY_DAYS = 400  # a charge that is made in advance, for a year at most, is exported before its usage begins
_EXACT = Context(prec=200)


@dataclass(frozen=True)
class Reach:
    """The partitions that hold rows of a day: `early_days` before it, and `late_days` from it on."""

    early_days: int = 1
    late_days: int = 1


@dataclass
class Facts:
    """Counts and sums of the day's rows; `kept` are those exported no later than what was loaded before."""

    rows: int = 0
    cost: dict[str, Decimal] = field(default_factory=dict)
    oldest: datetime | None = None
    newest: datetime | None = None
    kept_rows: int = 0
    kept_cost: dict[str, Decimal] = field(default_factory=dict)
    filtered_rows: int = 0

    def add(self, row: Row) -> None:
        """Adds a row of `compile_facts`, which has one currency."""
        currency = row["currency"] or ""
        self.rows += row["source_rows"]
        self.kept_rows += row["kept_rows"]
        self.filtered_rows += row["filtered_rows"]
        self.cost[currency] = _EXACT.add(self.cost.get(currency, Decimal()), row["cost"])
        self.kept_cost[currency] = _EXACT.add(self.kept_cost.get(currency, Decimal()), row["kept_cost"])
        self.oldest = min(filter(None, (self.oldest, row["oldest"])), default=None)
        self.newest = max(filter(None, (self.newest, row["newest"])), default=None)

    def source(self, export: ExportTable) -> SourceDay:
        """The facts as the fingerprint stores them."""
        return SourceDay(
            table=str(export),
            created=export.created,
            keeps_days=export.keeps / timedelta(days=1) if export.keeps else None,
            rows=self.rows,
            cost=dict(sorted(self.cost.items())),
            oldest=self.oldest,
            newest=self.newest,
        )


def compile_reach(source: ExportTable, *, day: date, snapshot: datetime, late_days: int) -> Statement:
    """Compiles a query of one row: `first_partition` and `last_partition` with rows of `day`, NULL without any.

    Read are 400 partitions before the day and all after it, but only of two small columns: history that was copied
    into a table lies in the partition of the copy's day. What Google exported more than `late_days` after the day does
    not count.
    """
    from google.cloud.bigquery import ScalarQueryParameter

    start = _midnight(day)
    moments = {
        "earliest_partition": start - timedelta(days=EARLY_DAYS),
        "next_partition": _midnight(snapshot.astimezone(UTC).date()) + timedelta(days=1),
        "day_start": start,
        "day_end": start + timedelta(days=1),
        "late_end": start + timedelta(days=late_days),
        "snapshot": snapshot,
    }
    sql = f"""SELECT MIN(_PARTITIONTIME) AS first_partition, MAX(_PARTITIONTIME) AS last_partition
FROM {source.quoted}
WHERE _PARTITIONTIME >= @earliest_partition
  AND _PARTITIONTIME < @next_partition
  AND usage_start_time >= @day_start
  AND usage_start_time < @day_end
  AND export_time <= @snapshot
  AND (_PARTITIONTIME < @late_end OR export_time < @late_end)"""  # noqa: S608 - checked identifiers only
    return Statement(sql, tuple(ScalarQueryParameter(name, "TIMESTAMP", at) for name, at in moments.items()))


def compile_facts(
    source: ExportTable,
    *,
    day: date,
    snapshot: datetime,
    reach: Reach,
    inactive_projects: Sequence[str],
    loaded_until: datetime | None,
) -> Statement:
    """Compiles a query of one row a currency: `source_rows`, net `cost`, `oldest` and `newest` export time.

    `kept_rows` and `kept_cost` are of what was exported until `loaded_until`, `filtered_rows` of `inactive_projects`.
    """
    from google.cloud.bigquery import ScalarQueryParameter

    sql = f"""WITH export_row AS (
  SELECT
    currency,
    export_time,
    IFNULL(export_time <= @loaded_until, FALSE) AS kept,
    IFNULL(project.id IN UNNEST(@inactive_projects), FALSE) AS filtered,
    IFNULL(CAST(cost AS BIGNUMERIC), CAST(0 AS BIGNUMERIC)) + {CREDITS} AS net_cost
  {rows_of_day(source).replace(chr(10), chr(10) + "  ")}
)
SELECT
  currency,
  COUNT(*) AS source_rows,
  CAST(SUM(net_cost) AS NUMERIC) AS cost,
  MIN(export_time) AS oldest,
  MAX(export_time) AS newest,
  COUNTIF(kept) AS kept_rows,
  IFNULL(CAST(SUM(IF(kept, net_cost, NULL)) AS NUMERIC), 0) AS kept_cost,
  COUNTIF(filtered) AS filtered_rows
FROM export_row
GROUP BY currency"""  # noqa: S608 - checked identifiers and fixed text only
    common = parameters(
        day, snapshot, reach.late_days, list(inactive_projects), early_days=reach.early_days, always=True
    )
    return Statement(sql, (*common, ScalarQueryParameter("loaded_until", "TIMESTAMP", loaded_until)))


def reach_of(row: Row, day: date) -> Reach:
    """The reach that the row of `compile_reach` describes."""
    if row["first_partition"] is None:
        return Reach()
    first, last = (row[name].astimezone(UTC).date() for name in ("first_partition", "last_partition"))
    return Reach(max((day - first).days, 1), max((last - day).days + 1, 1))


def facts_of(rows: Iterable[Row]) -> Facts:
    """The facts in the rows of `compile_facts`."""
    facts = Facts()
    for row in rows:
        facts.add(row)
    return facts


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
