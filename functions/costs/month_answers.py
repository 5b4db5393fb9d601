"""Finds the months of orgs for whoever asks: one bounded query, and none while the answer is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cloudact.warehouse.queries import Value, load_query
from functions.costs.answers import CostAnswers, KeptAnswers

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


class MonthAnswers:
    """Finds the months of orgs. Its queries count among those of questions about costs."""

    def __init__(self, answers: CostAnswers) -> None:
        self._answers = answers
        self._kept = KeptAnswers[FoundMonths](MOST_WEIGHT)

    def etag(self, org_slug: str, months: Months) -> str:
        """Text that is equal as long as no load has changed the org's tables, within a UTC day. Raises `Retry`."""
        return self._answers.etag(org_slug, months)

    def find(self, org_slug: str, months: Months, etag: str) -> tuple[FoundMonths, int]:
        """Months of this state, and the bytes that the query has processed: 0 where they were kept.

        Raises what `CostAnswers.rows` raises.
        """
        kept = self._kept.get(etag)
        if kept is not None:
            return kept, 0
        values: dict[str, Value] = {"org_slug": org_slug, "first_month": months.first, "last_month": months.last}
        rows, processed = self._answers.rows(org_slug, load_query(QUERY), values)
        found = FoundMonths(rows)
        self._kept.put(etag, found)
        return found, processed
