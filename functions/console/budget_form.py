"""Forms of a budget and of a prepaid balance: their fields as texts, what they are, and each mistake at its field."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from cloudact.budgets.balance import Balance
from cloudact.budgets.budget import Budget
from cloudact.runs.result import plain
from functions.costs.mistakes import rule_words

BUDGET = ("name", "of", "label", "value", "currency", "amount", "first_month", "last_month", "months")
BALANCE = ("provider", "currency", "amount", "as_of")
PROVIDER, LABEL = "provider:", "label"
MONTHS = "This needs a month and its amount in each line, such as 2026-12 36000."
PATTERNS: Mapping[str, str] = {
    "currency": "A currency has three capital letters, such as USD.",
    "first_month": "A month is written such as 2026-11.",
    "last_month": "A month is written such as 2026-11.",
    "label": "A label has small letters, digits and underscores, and begins with a letter.",
    "months": MONTHS,
}
Part = TypeVar("Part", bound=BaseModel)


@dataclass(frozen=True)
class PartForm:
    """Texts and mistakes by field. `was` names what is changed, and is empty for a new one."""

    texts: Mapping[str, str]
    was: str = ""
    mistakes: Mapping[str, str] = field(default_factory=dict)


def form_of(budget: Budget) -> PartForm:
    """Form that shows the budget."""
    of = budget.of
    texts = {
        "name": budget.name,
        "of": f"{PROVIDER}{of.provider}" if of.provider else LABEL if of.label else "",
        "label": of.label or "",
        "value": of.value or "",
        "currency": budget.currency,
        "amount": plain(budget.amount),
        "first_month": budget.first_month,
        "last_month": budget.last_month or "",
        "months": "\n".join(f"{each.month} {plain(each.amount)}" for each in budget.months),
    }
    return PartForm(texts, budget.name)


def empty_form(names: tuple[str, ...], **texts: str) -> PartForm:
    """Form of something new, of which some texts are proposed."""
    return PartForm(dict.fromkeys(names, "") | texts)


def read_texts(form: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    """Texts of a form that somebody has sent."""
    return {name: form.get(name, "") for name in names}


def budget_of(texts: Mapping[str, str]) -> tuple[Budget | None, Mapping[str, str]]:
    """Budget that the texts are, or else the mistakes by field."""
    months = [line.split() for line in texts["months"].splitlines() if line.strip()]
    if any(len(each) != len(("month", "amount")) for each in months):
        return None, {"months": MONTHS}
    document: dict[str, Any] = {name: texts[name] for name in ("name", "currency", "amount", "first_month")}
    document |= {"last_month": texts["last_month"]} if texts["last_month"] else {}
    document["months"] = [{"month": month, "amount": amount} for month, amount in months]
    if texts["of"].startswith(PROVIDER):
        document["of"] = {"provider": texts["of"].removeprefix(PROVIDER)}
    elif texts["of"] == LABEL:
        document["of"] = {"label": texts["label"], "value": texts["value"]}
    return _judged(Budget, document)


def balance_of(texts: Mapping[str, str]) -> tuple[Balance | None, Mapping[str, str]]:
    """Balance that the texts are, or else the mistakes by field."""
    return _judged(Balance, texts)


def _judged(kind: type[Part], document: Mapping[str, Any]) -> tuple[Part | None, Mapping[str, str]]:
    try:
        return kind.model_validate(document), {}
    except ValidationError as err:
        errors = err.errors(include_url=False, include_input=False)
        return None, dict(reversed([_mistake(each["loc"], each["msg"]) for each in errors]))


def _mistake(loc: tuple[int | str, ...], message: str) -> tuple[str, str]:
    """Field and sentence."""
    names = [str(part) for part in loc if isinstance(part, str)]
    name = "months" if "months" in names else names[-1] if names else ""
    if not name:
        name = "months" if "month from" in message or "months" in message or "for a month" in message else "last_month"
    if "pattern" in message:
        return name, PATTERNS.get(name, f"This {rule_words(message)}.")
    return name, f"This {rule_words(message)}."
