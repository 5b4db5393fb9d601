"""What the first demo org plans to spend: budgets, one of which the month will pass, and a prepaid balance."""

import datetime as dt
from decimal import Decimal
from typing import Final

from cloudact.budgets.balance import Balance
from cloudact.budgets.budget import Budget, Scope
from cloudact.clock import utc_now
from cloudact.settings import Settings
from cloudact.warehouse.bigquery import open_warehouse
from functions.costs.stored_budgets import BalanceStore, BudgetStore

BY: Final = "demo"


def plan_spending(settings: Settings, org_slug: str, today: dt.date) -> None:
    """Gives the org budgets and a prepaid balance, unless somebody has by now."""
    warehouse, month = open_warehouse(settings), f"{today:%Y-%m}"
    budgets, balances = BudgetStore(warehouse, utc_now), BalanceStore(warehouse, utc_now)
    if not (known := budgets.newest(org_slug)).version:
        budgets.add(org_slug, _budgets(month), known, BY)
    if not (entered := balances.newest(org_slug)).version:
        balances.add(org_slug, (_balance(today),), entered, BY)


def _budgets(month: str) -> tuple[Budget, ...]:
    amounts = {"All costs": ("30000", None), "Google Cloud": ("24000", "gcp"), "OpenAI": ("3500", "openai")}
    return tuple(
        Budget(
            name=name,
            of=Scope(provider=provider),
            currency="USD",
            amount=Decimal(amount),
            first_month=month,
        )
        for name, (amount, provider) in amounts.items()
    )


def _balance(today: dt.date) -> Balance:
    as_of = (today - dt.timedelta(days=20)).isoformat()
    return Balance.model_validate({"provider": "anthropic", "currency": "USD", "amount": "2000", "as_of": as_of})
