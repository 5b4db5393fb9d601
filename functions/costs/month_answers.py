"""Finds the months of orgs for whoever asks: one bounded query, and none while the answer is kept."""

from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

from cloudact.warehouse.queries import Query, Value, load_query
from functions.costs.answers import CostAnswers, QueryAnswers
from functions.costs.question import DAY, INVOICE_DAYS_AFTER, INVOICE_DAYS_BEFORE

MOST_WEIGHT = 20_000  # months that an instance keeps, some 20 MiB
QUERY = "invoice_months"


@dataclass(frozen=True)
class Months:
    """Months from `first` to `last`, both inclusive and written YYYYMM."""

    first: str
    last: str

    @property
    def read_from(self) -> date:
        """First day whose charges may be billed in these months, as for costs by the month of the invoice."""
        return _first_day(self.first) - INVOICE_DAYS_BEFORE * DAY

    @property
    def read_until(self) -> date:
        """Last day of these."""
        last = _first_day(self.last)
        return last.replace(day=monthrange(last.year, last.month)[1]) + INVOICE_DAYS_AFTER * DAY


@dataclass(frozen=True)
class FoundMonths:
    """Rows as the view `invoice_months` has them, the newest month first."""

    rows: Sequence[Mapping[str, Any]]

    @property
    def weight(self) -> int:
        """Number of rows, and one."""
        return 1 + len(self.rows)


MonthAnswers: TypeAlias = QueryAnswers[Months, FoundMonths]


def month_answers(answers: CostAnswers) -> MonthAnswers:
    """Finds months of orgs."""
    return QueryAnswers(answers, MOST_WEIGHT, _statement, _found)


def _statement(org_slug: str, months: Months) -> tuple[Query, dict[str, Value]]:
    values: dict[str, Value] = {"org_slug": org_slug, "first_month": months.first, "last_month": months.last}
    return load_query(QUERY), values | {"first_day": months.read_from, "last_day": months.read_until}


def _first_day(month: str) -> date:
    return date(int(month[:4]), int(month[4:]), 1)


def _found(_: Months, rows: Iterable[Mapping[str, Any]]) -> FoundMonths:
    return FoundMonths(list(rows))
