"""Collaborators of the endpoints of budgets, forecasts and prepaid balances; built, and imported, when first needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from cloudact.clock import Clock
from cloudact.warehouse.bigquery import Warehouse
from functions.costs.answers import CostAnswers

if TYPE_CHECKING:
    from functions.costs.spending_answers import SpendingAnswers
    from functions.costs.stored_budgets import BalanceStore, BudgetStore


@dataclass(frozen=True)
class OrgPlans:
    """Collaborators of budgets and prepaid balances. `providers` are the ids of those that there are."""

    warehouse: Warehouse
    answers: CostAnswers
    clock: Clock
    providers: Sequence[str]

    @cached_property
    def budgets(self) -> "BudgetStore":
        """Store of budgets."""
        from functions.costs.stored_budgets import BudgetStore

        return BudgetStore(self.warehouse, self.clock)

    @cached_property
    def balances(self) -> "BalanceStore":
        """Store of prepaid balances."""
        from functions.costs.stored_budgets import BalanceStore

        return BalanceStore(self.warehouse, self.clock)

    @cached_property
    def spending(self) -> "SpendingAnswers":
        """Costs that budgets, forecasts and balances are of."""
        from functions.costs.spending_answers import SpendingAnswers

        return SpendingAnswers(self.answers, self.clock)
