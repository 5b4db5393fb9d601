"""docs/budgets.md: what it shows of documents is what the API takes, and its answers have the fields of the shapes."""

from __future__ import annotations

import json
import re

from cloudact.budgets.balance import balances_of
from cloudact.budgets.budget import Budget
from cloudact.settings import ROOT
from functions.costs.budget_answers import BudgetStandings, Runways

TEXT = (ROOT / "docs" / "budgets.md").read_text(encoding="utf-8")
BUDGETS, STANDINGS, BALANCES, RUNWAYS = (json.loads(each) for each in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL))


def test_the_documents_are_what_the_api_takes() -> None:
    """Budgets of all costs, a provider and a label, and a balance."""
    assert [str(Budget(**each).of) for each in BUDGETS["budgets"]] == ["all costs", "provider openai", "team search"]
    (balance,) = balances_of(json.dumps(BALANCES["balances"]))
    assert balance.provider == "openai"


def test_the_answers_have_every_field() -> None:
    """No field is left out, and none is there that the API does not tell."""
    for shape, told in ((BudgetStandings, STANDINGS), (Runways, RUNWAYS)):
        shown = shape.model_validate(told).model_dump(mode="json", exclude_unset=True)
        assert shown == shape.model_validate(told).model_dump(mode="json") == told
