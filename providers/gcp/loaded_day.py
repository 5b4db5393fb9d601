"""What the org's table has of one day already, and the day as it stays where its source has lost rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cloudact.error_codes import Code
from cloudact.errors import Retry
from cloudact.runs.result import Difference, Earlier, SourceDay, exact_sum
from providers.source import Table
from providers.tally import Tally

BILLING = Table("gcp_billing_daily_raw", money="net_cost", as_of="source_max_export_time")
KEY = ("billing_account_id", "project_id", "service_id", "sku_id", "cost_type", "adjustment_id", "currency")
"""What every export tells of a row. A charge that differs in one of these from all that is loaded is not loaded."""


@dataclass(frozen=True)
class LoadedDay:
    """The table's rows of the day, and how many rows of the export they are the sum of."""

    rows: int
    source_rows: int
    cost: dict[str, Decimal]
    newest: datetime | None

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]]) -> LoadedDay:
        """From `gcp_billing_daily_raw_loaded.sql`, one row a currency."""
        told = list(rows)
        return cls(
            rows=sum(row["row_count"] for row in told),
            source_rows=sum(row["source_rows"] for row in told),
            cost={row["currency"] or "": row["net_cost"] for row in told},
            newest=max((row["newest"] for row in told if row["newest"]), default=None),
        )

    def source(self, earlier: Earlier, table: str) -> SourceDay | None:
        """What the day was read from: as the last run told, if its rows are still there, else as they tell themselves.

        `None` where there is nothing to lose. Results from before runs told it, and ends that the sweep has told,
        know neither the table nor rows that were left out.
        """
        if not self.rows:
            return None
        told = earlier.result.fingerprint if earlier.result else None
        if told and told.source and (content := told.tables.get(table)) and content.rows == self.rows:
            return told.source
        return SourceDay(
            table=None, created=None, keeps_days=None,
            rows=self.source_rows, cost=self.cost, oldest=None, newest=self.newest,
        )  # fmt: skip


def _tally() -> Tally:
    return Tally(money=BILLING.money, as_of=BILLING.as_of)


@dataclass
class KeptDay:
    """The rows that are loaded, and after them those of the source that are surely new.

    `unseen_only`: of the source's rows only charges count as new of which the loaded day has none, by `KEY`.
    """

    loaded: LoadedDay
    unseen_only: bool
    kept: Tally = field(default_factory=_tally)
    added: Tally = field(default_factory=_tally)
    held_back: Tally = field(default_factory=_tally)
    source_rows: int = 0  # of the export, that were added

    def rows(self, kept: Iterable[pa.RecordBatch], found: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Raises `Retry` where the table is no longer what it was when the source was asked for what is newer."""
        seen: set[str] = set()
        for batch in kept:
            self.kept.add(batch)
            if self.unseen_only:
                seen.update(_keys(batch).to_pylist())
            yield batch
        if (self.kept.rows, self.kept.newest) != (self.loaded.rows, self.loaded.newest):
            raise Retry(Code.DAY_CHANGED, "The day's rows have changed while they were read.", "It is tried again.")
        yield from self._new(found, seen)

    def _new(self, found: Iterable[pa.RecordBatch], seen: set[str]) -> Iterator[pa.RecordBatch]:
        for batch in found:
            known = pc.is_in(_keys(batch), pa.array(sorted(seen), pa.string()))
            self.held_back.add(batch.filter(known))
            new = batch.filter(pc.invert(known))
            self.source_rows += pc.sum(new.column("source_row_count")).as_py() or 0
            self.added.add(new)
            yield new

    def source(self, before: SourceDay) -> SourceDay:
        """What the day has been read from by now. It keeps the name of the first table: the rows that stay are its."""
        update = {
            "rows": before.rows + self.source_rows,
            "cost": exact_sum(before.cost, _money(self.added).cost),
            "newest": max(filter(None, (before.newest, self.added.newest)), default=None),
        }
        return before.model_copy(update=update)

    def told(self) -> tuple[Difference | None, Difference | None]:
        """What was added, and what was held back; `None` where nothing."""
        return _told(self.added), _told(self.held_back)


def _told(tally: Tally) -> Difference | None:
    return _money(tally) if tally.rows else None


def _money(tally: Tally) -> Difference:
    return Difference(rows=tally.rows, cost=dict(sorted(tally.sums.items())))


def _keys(batch: pa.RecordBatch) -> pa.Array:
    """Older tables lack cost_type, and nothing but regular costs has none."""
    parts = [
        pc.fill_null(batch.column(name), "regular" if name == "cost_type" else "\x00") for name in KEY
    ]  # fmt: skip
    return pc.binary_join_element_wise(*parts, "\x1f")
