"""Stored budgets and prepaid balances of orgs. Versions are only added; the highest counts."""

from dataclasses import dataclass
from datetime import datetime

from cloudact.budgets.balance import Balance, balances_of, balances_text
from cloudact.budgets.budget import Budget, RecordedBudget, budgets_of, budgets_text, recorded
from cloudact.clock import Clock
from cloudact.warehouse.bigquery import Warehouse
from functions.costs.stored_versions import StoredVersion, VersionStore


@dataclass(frozen=True)
class StoredBudgets(StoredVersion):
    """A version of an org's budgets; 0 is before there were any."""

    budgets: tuple[RecordedBudget, ...] = ()

    @property
    def text(self) -> str:
        """JSON text of the budgets."""
        return budgets_text(self.budgets)

    @property
    def plain(self) -> tuple[Budget, ...]:
        """Budgets as they were put."""
        return tuple(budget.plain for budget in self.budgets)


@dataclass(frozen=True)
class StoredBalances(StoredVersion):
    """A version of an org's prepaid balances; 0 is before there were any."""

    balances: tuple[Balance, ...] = ()

    @property
    def text(self) -> str:
        """JSON text of the balances."""
        return balances_text(self.balances)


def _budgets(version: int, recorded_at: datetime | None, recorded_by: str | None, text: str) -> StoredBudgets:
    return StoredBudgets(version, recorded_at, recorded_by, budgets_of(text))


def _balances(version: int, recorded_at: datetime | None, recorded_by: str | None, text: str) -> StoredBalances:
    return StoredBalances(version, recorded_at, recorded_by, balances_of(text))


class BudgetStore(VersionStore[StoredBudgets]):
    """Reads and adds budgets; raises `Retry` while BigQuery cannot be reached."""

    def __init__(self, warehouse: Warehouse, clock: Clock) -> None:
        super().__init__("budgets", _budgets, warehouse, clock)

    def add(self, org_slug: str, budgets: tuple[Budget, ...], before: StoredBudgets, by: str) -> StoredBudgets:
        """Adds the version after `before`. Raises `ChangedMeanwhile` where somebody else has added it."""
        version = before.version + 1
        new = StoredBudgets(version, self._clock(), by, recorded(budgets, before.budgets, version))
        return self.write(org_slug, new)


class BalanceStore(VersionStore[StoredBalances]):
    """Reads and adds prepaid balances; raises `Retry` while BigQuery cannot be reached."""

    def __init__(self, warehouse: Warehouse, clock: Clock) -> None:
        super().__init__("balances", _balances, warehouse, clock)

    def add(self, org_slug: str, balances: tuple[Balance, ...], before: StoredBalances, by: str) -> StoredBalances:
        """Adds the version after `before`. Raises `ChangedMeanwhile` where somebody else has added it."""
        return self.write(org_slug, StoredBalances(before.version + 1, self._clock(), by, balances))
