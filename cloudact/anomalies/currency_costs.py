"""Costs of an org in one currency, as the finder asks for them: sums of cells by day, and which days are known."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property

from cloudact.anomalies.cost_days import Cell, CostDays
from cloudact.anomalies.judgement import NOTHING, Amounts, same_weekdays
from cloudact.anomalies.sensitivity import Sensitivity
from cloudact.anomalies.series import Series, series_of


@dataclass
class CurrencyCosts:
    """Costs in one currency. Sums of series, and the known days before a day, are made once."""

    costs: CostDays
    currency: str
    by: Sensitivity
    _known: dict[tuple[frozenset[str], date], Sequence[date]] = field(default_factory=dict, init=False, repr=False)

    @property
    def cells(self) -> Mapping[Cell, Amounts]:
        """Amounts of each cell by day."""
        return self.costs.amounts[self.currency]

    @cached_property
    def series(self) -> Sequence[Series]:
        """Series of all layers."""
        return series_of(self.cells)

    @cached_property
    def sums(self) -> Mapping[Series, Amounts]:
        """Amounts of each series by day."""
        return {series: self.sum(series.cells) for series in self.series}

    def sum(self, cells: Iterable[Cell]) -> Amounts:
        """Amounts of these cells by day."""
        amounts: dict[date, Decimal] = {}
        for cell in cells:
            for day, amount in self.cells[cell].items():
                amounts[day] = amounts.get(day, NOTHING) + amount
        return amounts

    def known(self, providers: Collection[str], day: date) -> Sequence[date]:
        """Same weekdays before a day on which all of these providers are settled, the newest first."""
        asked = frozenset(providers), day
        if asked not in self._known:
            settled = [self.settled(provider) for provider in providers]
            days = same_weekdays(day, self.by.weeks)
            self._known[asked] = tuple(each for each in days if all(each in of_one for of_one in settled))
        return self._known[asked]

    def settled(self, provider: str) -> frozenset[date]:
        """Settled days of a provider."""
        return self.costs.settled.get(provider, frozenset())
