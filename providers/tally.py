"""Counts rows and adds up their money, exactly, while they pass."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Context, Decimal

import pyarrow as pa
import pyarrow.compute as pc

_EXACT = Context(prec=200)  # a day's sum of NUMERICs; the default would round to 28 digits


@dataclass
class Tally:
    """Sums of rows: of the column `money`, by `currency`; `newest` is the greatest value of the column `as_of`.

    `credits` are the sums of the rows below zero, added up only where those are what the provider gives as credits.
    """

    money: str | None = None
    as_of: str | None = None
    credits_below_zero: bool = False
    rows: int = 0
    sums: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    credits: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    newest: datetime | None = None

    def add(self, batch: pa.RecordBatch) -> None:
        """Counts a batch of rows; a row without money adds nothing, one without currency counts under ''."""
        self.rows += batch.num_rows
        names = batch.schema.names
        if self.money in names:
            self._add_money(batch.column(self.money), batch.column("currency"))
        if self.as_of in names and batch.num_rows:
            times = (self.newest, pc.max(batch.column(self.as_of)).as_py())
            self.newest = max((at for at in times if at), default=None)

    def _add_money(self, amounts: pa.Array, currencies: pa.Array) -> None:
        if pa.types.is_decimal(amounts.type):
            amounts = amounts.cast(pa.decimal256(76, amounts.type.scale))  # a sum of so few NUMERICs always fits
        for currency in currencies.unique().to_pylist():
            its = amounts.filter(pc.is_null(currencies) if currency is None else pc.equal(currencies, currency))
            _add(self.sums, currency or "", its)
            if self.credits_below_zero:
                _add(self.credits, currency or "", its.filter(pc.less(its, pa.scalar(0, its.type))))


def _add(sums: defaultdict[str, Decimal], currency: str, amounts: pa.Array) -> None:
    total = pc.sum(amounts).as_py()
    if total is not None:
        sums[currency] = _EXACT.add(sums[currency], total)
