"""Reads what orgs have spent, for budgets, forecasts and prepaid balances: one bounded query, none while it is kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from cloudact.budgets.spending import Spending
from cloudact.budgets.spending_rows import spending_of
from cloudact.budgets.statement import statement_of_spending
from cloudact.clock import Clock
from cloudact.costs.labels import Label
from functions.costs.answers import CostAnswers, KeptAnswers

MOST_WEIGHT = 50_000  # amounts and days that an instance keeps, some 10 MiB


@dataclass(frozen=True)
class KeptSpending:
    """What was read, as it is kept."""

    spending: Spending

    @property
    def weight(self) -> int:
        """Number of amounts and days."""
        amounts = sum(len(days) for each in self.spending.amounts.values() for days in each.values())
        return 1 + amounts + sum(len(days) for days in self.spending.days.values())


class SpendingAnswers:
    """Reads what orgs have spent. Its queries count among those of questions about costs."""

    def __init__(self, answers: CostAnswers, clock: Clock) -> None:
        self._answers = answers
        self._clock = clock
        self._kept = KeptAnswers[KeptSpending](MOST_WEIGHT)

    def etag(self, org_slug: str, *question: object) -> str:
        """Text that is equal as long as no load has changed the org's tables, within a UTC day. Raises `Retry`."""
        return self._answers.etag(org_slug, question)

    def read(
        self,
        org_slug: str,
        etag: str,
        days: tuple[date, date],
        labels: Sequence[Label] = (),
        chosen: Sequence[str] | None = None,
    ) -> tuple[Spending, int]:
        """Costs of these days, first and last, and the bytes that the query has processed: 0 where they were kept.

        `chosen` are the values of labels that count; `None`: all. Raises what `CostAnswers.rows` raises.
        """
        kept = self._kept.get(etag)
        if kept is not None:
            return kept.spending, 0
        query, values = statement_of_spending(org_slug, *days, labels, chosen)
        rows, processed = self._answers.rows(org_slug, query, values)
        spending = spending_of(rows, self._clock().date())
        self._kept.put(etag, KeptSpending(spending))
        return spending, processed
