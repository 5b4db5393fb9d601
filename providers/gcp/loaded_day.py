"""What the org's table has of one day already, and the day as it stays where its source has lost rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

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
class LoadedCurrency:
    """A row of `gcp_billing_daily_raw_loaded.sql`: what the day has in one currency, `None` where rows name none."""

    currency: str | None
    row_count: int
    source_rows: int
    net_cost: Decimal
    newest: datetime | None


@dataclass(frozen=True)
class LoadedDay:
    """The table's rows of the day, and how many rows of the export they are the sum of."""

    rows: int
    source_rows: int
    cost: dict[str, Decimal]
    newest: datetime | None

    @classmethod
    def of(cls, rows: Sequence[LoadedCurrency]) -> LoadedDay:
        """Adds up the rows of `gcp_billing_daily_raw_loaded.sql`."""
        return cls(
            rows=sum(row.row_count for row in rows),
            source_rows=sum(row.source_rows for row in rows),
            cost={row.currency or "": row.net_cost for row in rows},
            newest=max((row.newest for row in rows if row.newest), default=None),
        )

    def source(self, earlier: Earlier, table: str) -> SourceDay | None:
        """The source of the loaded rows: as the last run recorded it, if its rows are still there, else from the rows.

        `None` where nothing is loaded. Results of older versions, and of runs that the sweep has ended, name neither
        the table nor the rows that were left out.
        """
        if not self.rows:
            return None
        last = earlier.result.fingerprint if earlier.result else None
        if last and last.source and (content := last.tables.get(table)) and content.rows == self.rows:
            return last.source
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

    def rows(self, kept: Iterable[pa.RecordBatch], rows: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yields the loaded rows `kept`, then those of the source's `rows` that are surely new.

        Raises `Retry` where the table has changed since the source was asked for what is newer.
        """
        seen: set[str] = set()
        for batch in kept:
            self.kept.add(batch)
            if self.unseen_only:
                seen.update(_keys(batch).to_pylist())
            yield batch
        if (self.kept.rows, self.kept.newest) != (self.loaded.rows, self.loaded.newest):
            raise Retry(Code.DAY_CHANGED, "The day's rows have changed while they were read.", "It is tried again.")
        yield from self._new(rows, seen)

    def _new(self, rows: Iterable[pa.RecordBatch], seen: set[str]) -> Iterator[pa.RecordBatch]:
        for batch in rows:
            known = pc.is_in(_keys(batch), pa.array(sorted(seen), pa.string()))
            self.held_back.add(batch.filter(known))
            new = batch.filter(pc.invert(known))
            self.source_rows += pc.sum(new.column("source_row_count")).as_py() or 0
            self.added.add(new)
            yield new

    def source(self, before: SourceDay) -> SourceDay:
        """The source of the day with the added rows. It keeps the name of the first table, whose rows stay."""
        update = {
            "rows": before.rows + self.source_rows,
            "cost": exact_sum(before.cost, _money(self.added).cost),
            "newest": max(filter(None, (before.newest, self.added.newest)), default=None),
        }
        return before.model_copy(update=update)

    def differences(self) -> tuple[Difference | None, Difference | None]:
        """The rows that were added, and those that were held back; `None` for none."""
        return _difference(self.added), _difference(self.held_back)


def _difference(tally: Tally) -> Difference | None:
    return _money(tally) if tally.rows else None


def _money(tally: Tally) -> Difference:
    return Difference(rows=tally.rows, cost=dict(sorted(tally.sums.items())))


def _keys(batch: pa.RecordBatch) -> pa.Array:
    """The values of `KEY` of each row, joined; a missing cost_type is `regular`: older tables lack the column."""
    parts = [
        pc.fill_null(batch.column(name), "regular" if name == "cost_type" else "\x00") for name in KEY
    ]  # fmt: skip
    return pc.binary_join_element_wise(*parts, "\x1f")
