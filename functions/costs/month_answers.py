"""Finds the months of orgs for whoever asks: one bounded query, and none while the answer is kept."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from cloudact.warehouse.queries import Query, Value, load_query
from functions.costs.answers import CostAnswers, QueryAnswers

MOST_WEIGHT = 20_000  # months that an instance keeps, some 20 MiB
QUERY = "invoice_months"


@dataclass(frozen=True)
class Months:
    """Months from `first` to `last`, both inclusive and written YYYYMM."""

    first: str
    last: str


@dataclass(frozen=True)
class FoundMonths:
    """Rows of the view `invoice_months`, the newest month first."""

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
    return load_query(QUERY), {"org_slug": org_slug, "first_month": months.first, "last_month": months.last}


def _found(_: Months, rows: Iterable[Mapping[str, Any]]) -> FoundMonths:
    return FoundMonths(list(rows))
