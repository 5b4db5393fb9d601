"""Budgets of the month and prepaid balances on the overview: what is spent of them, and what will be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from cloudact.budgets.balance import counting
from cloudact.budgets.budget import Scope
from cloudact.budgets.forecast import Reason, Unknown
from cloudact.budgets.months import Month
from cloudact.budgets.runway import LOW_DAYS, Runway, read_from, runway_of
from cloudact.budgets.spending import Spending
from cloudact.budgets.standing import Plans, Standing
from functions.console.cost_address import CostAddress
from functions.console.cost_words import amount
from functions.console.readable import NBSP, NO_VALUE
from functions.console.rows import Planned
from functions.costs.plans import SpendingQuestion
from functions.costs.question import DAY, Days

MOST_SHOWN = 10
BAR = 1000  # thousandths of a bar
WHY: Mapping[Reason, str] = {
    Reason.NOTHING_LOADED: "no day is loaded",
    Reason.TOO_FEW_DAYS: "fewer than two whole weeks are settled",
    Reason.STOPPED: "its days are not loaded any more",
    Reason.LABEL_UNKNOWN: "there is no such label any more",
    Reason.VALUE_UNKNOWN: "no rule of the label gives this value any more",
    Reason.BALANCE_TOO_OLD: "it was entered more than 400 days ago",
}


@dataclass(frozen=True)
class BudgetRow:
    """Budget in words. `state` is a word with its class, empty where nobody knows; `note` says why that is."""

    name: str
    of: str
    query: str
    state: str
    kind: str
    spent: str
    share: str
    width: int
    amount: str
    currency: str
    forecast: str
    bounds: str
    note: str


@dataclass(frozen=True)
class RunwayRow:
    """Prepaid balance in words; `until` is the day on which it runs out."""

    provider: str
    state: str
    kind: str
    left: str
    currency: str
    daily: str
    until: str
    bounds: str
    note: str


@dataclass(frozen=True)
class BudgetCard:
    """Card of the overview. `refusal` says why nothing could be read; `more` budgets have no room."""

    month: str
    budgets: Sequence[BudgetRow]
    runways: Sequence[RunwayRow]
    more: int
    refusal: str


def spending_question(planned: Planned, today: date) -> SpendingQuestion | None:
    """Question that tells how the org's budgets and balances stand; `None` where it has none that count."""
    month, plans, balances = Month.of(today), _plans(planned), counting(planned.balances, today)
    first = [month.read_from] if plans.holding(month) else []
    first += [read_from(balances, today)] if balances else []
    return SpendingQuestion((min(first), month.known_until), plans.labels, plans.chosen) if first else None


def budget_card(planned: Planned, spending: Spending, today: date, names: Mapping[str, str]) -> BudgetCard:
    """Card of what was spent. `names` are those of providers by id."""
    month = Month.of(today)
    standings = _plans(planned).standing(spending, month)
    runways = [runway_of(each, spending, today) for each in counting(planned.balances, today)]
    return BudgetCard(
        f"{month.first:%B}",
        [_budget(each, today, names) for each in standings[:MOST_SHOWN]],
        [_runway(each, names) for each in runways[:MOST_SHOWN]],
        len(standings[MOST_SHOWN:]) + len(runways[MOST_SHOWN:]),
        "",
    )


def refused_budgets(today: date, refusal: str) -> BudgetCard:
    """Card that says why nothing is known of budgets."""
    return BudgetCard(f"{today:%B}", [], [], 0, refusal)


def scope_words(of: Scope, names: Mapping[str, str]) -> str:
    """What a budget is of: `all costs`, `OpenAI`, `label team: search`."""
    if of.label is not None:
        return f"label {of.label}: {of.value or 'unattributed'}"
    return names.get(of.provider, of.provider) if of.provider else "all costs"


def _plans(planned: Planned) -> Plans:
    return Plans.of(planned.budgets, planned.labels)


def _budget(standing: Standing, today: date, names: Mapping[str, str]) -> BudgetRow:
    budget, costs = standing.budget, standing.costs
    state, kind = _state(standing)
    share = standing.spent_share
    return BudgetRow(
        name=budget.name,
        of=scope_words(budget.of, names),
        query=_query(budget.of, today),
        state=state,
        kind=kind,
        spent=_known(costs.spent),
        share=NO_VALUE if share is None else f"{share * 100:,.0f}{NBSP}%",
        width=round(min(max(share or Decimal(), Decimal()), Decimal(1)) * BAR),
        amount=amount(standing.amount),
        currency=budget.currency,
        forecast=_known(costs.forecast.amount if costs.forecast else None),
        bounds=f"{amount(costs.forecast.low)} to {amount(costs.forecast.high)}" if costs.forecast else "",
        note="; ".join(filter(None, (_why(costs.unknown, names), *_others(standing, names)))),
    )


def _state(standing: Standing) -> tuple[str, str]:
    if 100 in standing.reached:  # per cent
        return "Used up", "failed"
    unknown = standing.costs.unknown
    if unknown is not None and unknown.reason.is_of_nothing:
        return "Covers nothing", "rise"
    if standing.is_forecast_over is None:
        return "", ""
    return ("Will be exceeded", "rise") if standing.is_forecast_over else ("Will hold", "success")


def _others(standing: Standing, names: Mapping[str, str]) -> Sequence[str]:
    others = standing.other_currencies
    notes = [f"costs in {', '.join(others)} do not count"] if others else []
    notes += [
        f"{names.get(each.provider, each.provider)} was last loaded for {each.last_day.day} "
        f"{each.last_day:%b}: nothing more is expected of it"
        for each in standing.costs.stopped
    ]
    notes += [
        f"{names.get(each.provider, each.provider)} is loaded from {each.first_day.day} {each.first_day:%b} on: "
        "nothing is counted of the days before"
        for each in standing.costs.began
    ]
    return notes


def _query(of: Scope, today: date) -> str:
    first = today.replace(day=1)
    address = CostAddress().of_days(Days(first, max(first, today - DAY)))
    key = {f"label:{of.label}": of.value} if of.label else {"provider": of.provider} if of.provider else {}
    alone = address.only(key)
    return alone.query if alone else address.but(group_by="provider").query


def _runway(runway: Runway, names: Mapping[str, str]) -> RunwayRow:
    balance, state, kind = runway.balance, "", ""
    if runway.days_left is not None:
        state = "Used up" if runway.left is not None and runway.left <= 0 else _days(runway.days_left)
        kind = (
            "failed"
            if runway.days_left <= min(LOW_DAYS)
            else "rise"
            if runway.days_left <= max(LOW_DAYS)
            else "success"
        )
    bounds = [f"{each.day} {each:%b %Y}" for each in (runway.earliest, runway.latest) if each]
    return RunwayRow(
        provider=names.get(balance.provider, balance.provider),
        state=state,
        kind=kind,
        left=_known(runway.left),
        currency=balance.currency,
        daily=_known(runway.daily_rate),
        until=f"{runway.runs_out.day} {runway.runs_out:%b %Y}" if runway.runs_out else NO_VALUE,
        bounds=" to ".join(bounds) if len(bounds) == 2 else "",
        note=_why(runway.unknown, names) or ("" if runway.runs_out else "lasts for more than five years"),
    )


def _days(count: int) -> str:
    return f"{count}{NBSP}day{'' if count == 1 else 's'}"


def _known(exact: Decimal | None) -> str:
    return NO_VALUE if exact is None else amount(exact)


def _why(unknown: Unknown | None, names: Mapping[str, str]) -> str:
    if unknown is None:
        return ""
    if unknown.reason.is_of_nothing:
        return WHY[unknown.reason]
    of = f"{names.get(unknown.provider, unknown.provider)}: " if unknown.provider else ""
    return f"not known: {of}{WHY[unknown.reason]}"
