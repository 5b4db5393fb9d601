"""Collaborators of the endpoints of budgets, forecasts and prepaid balances, and what they read: one bounded query."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from cloudact.budgets.months import Month
from cloudact.budgets.spending import Spending
from cloudact.budgets.spending_rows import spending_of
from cloudact.budgets.statement import statement_of_spending
from cloudact.clock import Clock
from cloudact.costs.labels import Label
from cloudact.warehouse.queries import Query, Value
from functions.costs.answers import CostAnswers, QueryAnswers
from functions.costs.stored_budgets import BalanceStore, BudgetStore

MOST_WEIGHT = 50_000  # amounts and days that an instance keeps, some 10 MiB


@dataclass(frozen=True)
class SpendingQuestion:
    """Question about what was spent on these days, first and last, with the values of labels that count (None: all).

    States of days are read up to `seen_until`.
    """

    days: tuple[date, date]
    labels: Sequence[Label] = ()
    chosen: Sequence[str] | None = None
    seen_until: date | None = None

    @classmethod
    def of_month(
        cls, month: Month, labels: Sequence[Label] = (), chosen: Sequence[str] | None = None
    ) -> "SpendingQuestion":
        """Question about what tells the costs of a month."""
        return cls((month.read_from, month.known_until), labels, chosen, month.seen_until)

    def statement(self, org_slug: str) -> tuple[Query, dict[str, Value]]:
        """Query of an org's spending, with its parameters."""
        return statement_of_spending(org_slug, *self.days, self.labels, self.chosen, seen_until=self.seen_until)


SpendingAnswers: TypeAlias = QueryAnswers[SpendingQuestion, Spending]


def spending_answers(answers: CostAnswers, clock: Clock) -> SpendingAnswers:
    """Reads what orgs have spent."""
    return QueryAnswers(
        answers,
        MOST_WEIGHT,
        lambda org_slug, asked: asked.statement(org_slug),
        lambda _, rows: spending_of(rows, clock().date()),
    )


@dataclass(frozen=True)
class OrgPlans:
    """Collaborators of budgets and prepaid balances. `providers` are the ids of those that there are."""

    budgets: BudgetStore
    balances: BalanceStore
    spending: SpendingAnswers
    providers: Sequence[str]
