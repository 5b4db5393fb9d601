"""Costs by day as the finder reads them: amounts of cells, days that are settled, and names. Knows no warehouse."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from cloudact.anomalies.sensitivity import DEFAULT, Sensitivity

DAY = timedelta(days=1)
SHOWN_DAYS = 30  # on which an anomaly that is shown began
TOLD_DAYS = 10  # on which one that is told began: a day is settled within these, after an outage too
MOST_CELLS = 500  # of a currency that keep their model, sub-account and key: bounds rows, 50,000 a currency


class Cell(NamedTuple):
    """Smallest part of an org's costs that is looked at; `None` where the provider tells none."""

    provider: str
    service: str
    model: str | None
    sub_account: str | None
    api_key: str | None


@dataclass(frozen=True)
class Window:
    """UTC days of one look, all inclusive. Days are judged from before `begins`: what is shown then began then."""

    begins: date
    last: date
    sensitivity: Sensitivity = DEFAULT

    @classmethod
    def ending(cls, last: date, days: int, sensitivity: Sensitivity = DEFAULT) -> "Window":
        """Window of as many days."""
        return cls(last - (days - 1) * DAY, last, sensitivity)

    @property
    def judged_from(self) -> date:
        """First day that is judged: what began earlier has become normal, or ended, when the window begins."""
        return self.begins - self.sensitivity.settles_days * DAY

    @property
    def first(self) -> date:
        """First day whose costs are read."""
        return self.judged_from - self.sensitivity.weeks * 7 * DAY

    def values(self, org_slug: str) -> dict[str, Any]:
        """Values of the parameters of `sql/queries/cost_cells.sql` for an org."""
        return {"org_slug": org_slug, "first_day": self.first, "last_day": self.last, "most_cells": MOST_CELLS}


@dataclass(frozen=True)
class CostDays:
    """Costs of an org. `amounts` are by currency, cell and day; no entry is no cost. `settled` are days by provider.

    `names` are those of sub-accounts and keys, by provider, word (`sub_account`, `api_key`) and id.
    """

    amounts: Mapping[str, Mapping[Cell, Mapping[date, Decimal]]]
    settled: Mapping[str, frozenset[date]]
    names: Mapping[tuple[str, str, str], str]


def cost_days(rows: Iterable[Mapping[str, Any]]) -> CostDays:
    """Costs that the rows of `sql/queries/cost_cells.sql` tell."""
    amounts: dict[str, dict[Cell, dict[date, Decimal]]] = {}
    settled: dict[str, set[date]] = {}
    names: dict[tuple[str, str, str], str] = {}
    for row in rows:
        if row["part"] == "day":
            settled.setdefault(row["provider"], set()).add(row["usage_date"])
            continue
        cell = Cell(*(row[field] for field in Cell._fields))
        amounts.setdefault(row["currency"], {}).setdefault(cell, {})[row["usage_date"]] = row["amount"]
        for word in ("sub_account", "api_key"):
            if row[word] is not None and row[f"{word}_name"] is not None:
                names[cell.provider, word, row[word]] = row[f"{word}_name"]
    return CostDays(amounts, {provider: frozenset(days) for provider, days in settled.items()}, names)
