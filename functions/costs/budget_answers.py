"""GET /costs/{org}/budgets, /forecast, /runway: how budgets stand, what a month will cost, how long balances last."""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from flask import Response, request
from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema

from cloudact.budgets.balance import Balance, counting
from cloudact.budgets.budget import Scope
from cloudact.budgets.estimate import Range, Rest
from cloudact.budgets.forecast import MonthForecast, Reason, Unknown, forecast_of
from cloudact.budgets.months import Month
from cloudact.budgets.parts import FIRST_MONTH, MONTH
from cloudact.budgets.runway import Runway, read_from, runway_of
from cloudact.budgets.spending import ALL, Spending
from cloudact.budgets.standing import Plans, Standing
from cloudact.costs.dimensions import LABEL, LABEL_NAME
from cloudact.costs.labels import Label, label_named
from cloudact.error_codes import Code
from functions.auth.authenticate import let_in, presented
from functions.costs.collaborators import OrgCosts
from functions.costs.endpoints import measured, refusing, revalidated
from functions.costs.plans import SpendingQuestion
from functions.costs.shapes import Amount, plain, plain_or_none
from functions.web.answers import Answer
from functions.web.inputs import Input, in_query
from functions.web.parameters import no_query
from functions.web.problems import Problem, bad_field

PROVIDER = "provider"
_GROUPED = rf"({PROVIDER}|{LABEL}{LABEL_NAME})"


def _month(value: object, info: ValidationInfo) -> str:
    if not isinstance(value, str) or not re.fullmatch(MONTH, value, re.ASCII) or value < FIRST_MONTH:
        raise bad_field(info.field_name, f"must be a month written YYYY-MM, from {FIRST_MONTH} to the current one")
    return value


def _grouped(value: object, info: ValidationInfo) -> str:
    if not isinstance(value, str) or not re.fullmatch(_GROUPED, value, re.ASCII):
        raise bad_field(info.field_name, f"must be {PROVIDER} or {LABEL}<name>")
    return value


class MonthQuery(Input):
    """Which month is meant."""

    month: Annotated[
        str | None, BeforeValidator(_month), WithJsonSchema({"type": "string", "pattern": f"^{MONTH}$"})
    ] = Field(default=None, description="UTC month, YYYY-MM; default: the current one", examples=["2026-11"])

    def of(self, today: dt.date) -> Month:
        """Month that is meant. Raises 400 for one that has not begun."""
        if self.month is None:
            return Month.of(today)
        month = Month.named(self.month, today)
        if month.first > today:
            raise bad_field("month", f"must be a month written YYYY-MM, from {FIRST_MONTH} to the current one")
        return month


class ForecastQuery(MonthQuery):
    """Which month is meant, and what its costs are grouped by."""

    group_by: Annotated[
        str, BeforeValidator(_grouped), WithJsonSchema({"type": "string", "pattern": f"^{_GROUPED}$"})
    ] = Field(default=PROVIDER, description=f"{PROVIDER}, or {LABEL}<name> of the organization's labels")


class AmountRange(Answer):
    """Amount, and between what it lies."""

    amount: Amount
    low: Amount
    high: Amount


class RestsOn(Answer):
    """What costs rest on: how many days of providers, each for each provider, and how many whole weeks before.

    A provider has no days before its first loaded one, nor after its last one if it is not loaded any more.
    """

    final: int = Field(description="days that do not change any more")
    settling: int = Field(description="days that were read long enough after their end, or whose age was measured")
    provisional: int = Field(description="days that are loaded, and nobody knows how much of them")
    missing: int = Field(description="days that are over and not loaded")
    to_come: int = Field(description="today, where it is not loaded, and later days")
    weeks: int = Field(description="whole weeks that days which are not known are taken from: 4, or fewer")


class NotKnown(Answer):
    """What is not known, and why."""

    reason: Reason = Field(
        description="nothing_loaded: no day was loaded; too_few_days: the provider has fewer than two whole weeks of "
        "settled days, or none lately; stopped: the provider is not loaded any more, and nothing of the month is; "
        "label_unknown, value_unknown: the budget covers nothing, since there is no such label any more, or no rule "
        "of it gives this value; balance_too_old: it was entered for a day more than 400 days ago"
    )
    provider: str | None = Field(description="provider that it lies with, where it is one's")


class StoppedProvider(Answer):
    """Provider that is not loaded any more: it counts with what is loaded of it, and nothing more is expected."""

    provider: str
    last_day: dt.date = Field(
        description="last UTC day that is loaded, more than 14 days ago; as seen 15 days after the month"
    )


class BegunProvider(Answer):
    """Provider that is loaded from a day of the month on: nothing is counted, or expected, of the days before."""

    provider: str
    first_day: dt.date = Field(
        description="first loaded UTC day of those that were read: of this month and the one before"
    )


class MonthCosts(Answer):
    """Costs of a month: what is spent and what it will be."""

    spent: Amount | None = Field(description="billed cost of the days that are loaded; null where none is")
    forecast: AmountRange | None = Field(
        description="of the whole month: what is loaded, by what days of the same age have still become, and the other "
        "days as in the two newest weeks, give or take what the last four differ by, or a part of it where they hardly "
        "do; null where not known"
    )
    run_rate: Amount | None = Field(
        description="mean of the month's known days times its days, or those that the provider has of it, weekdays "
        "left aside; null without a known day"
    )
    rests_on: RestsOn
    unknown: NotKnown | None = Field(description="why there is no forecast; null where there is one")
    stopped: list[StoppedProvider] = Field(description="providers of which nothing more is expected")
    began: list[BegunProvider] = Field(description="providers of which nothing is counted before a day of the month")


class BudgetStanding(MonthCosts):
    """Budget of a month, and how it stands."""

    name: str = Field(examples=["AI"])
    version: int = Field(description="version of the budgets in which this one last changed")
    of: Scope
    currency: str = Field(examples=["USD"])
    amount: Amount = Field(description="of the budget, in this month")
    spent_share: Amount | None = Field(description="spent / amount, rounded half away from zero to nine decimals")
    forecast_share: Amount | None = Field(description="forecast / amount, rounded alike")
    reached: list[int] = Field(description="of 50, 80 and 100 per cent, those that are spent", examples=[[50, 80]])
    is_forecast_over: bool | None = Field(description="whether the forecast is more than the amount; null: not known")
    other_currencies: list[str] = Field(description="in which the same was charged too; they do not count")


class BudgetStandings(Answer):
    """Standings of budgets in a month."""

    org_slug: str = Field(examples=["acmecorp"])
    month: str = Field(examples=["2026-11"])
    is_over: bool = Field(description="whether the month has ended")
    version: int = Field(description="version of the budgets, 0 before there were any")
    budgets: list[BudgetStanding] = Field(description="those that hold in the month, in their own order")


class ForecastGroup(MonthCosts):
    """Costs of a month of one provider, or of one value of a label."""

    key: dict[str, str | None] = Field(description="null: what no rule of the label is of", examples=[{"team": "a"}])


class CurrencyForecast(Answer):
    """Forecast in one currency."""

    currency: str = Field(description="ISO 4217", examples=["USD"])
    total: MonthCosts
    groups: list[ForecastGroup] = Field(description="those that have spent most first")


class Forecast(Answer):
    """What a month will cost."""

    org_slug: str = Field(examples=["acmecorp"])
    month: str = Field(examples=["2026-11"])
    is_over: bool = Field(description="whether the month has ended")
    group_by: str
    results: list[CurrencyForecast] = Field(description="one for each currency; amounts of different ones never add")


class BalanceRunway(Answer):
    """Prepaid balance, what is left of it, and how long that lasts."""

    provider: str
    currency: str = Field(examples=["USD"])
    amount: Amount = Field(description="that was left when `as_of` began")
    as_of: dt.date
    spent: Amount | None = Field(description="billed cost of the days since, as far as loaded; null where none is")
    left: Amount | None = Field(description="amount less spent")
    daily_rate: Amount | None = Field(description="mean of a day in the last weeks")
    days_left: int | None = Field(description="until it runs out")
    runs_out_on: dt.date | None = Field(
        description="UTC day whose costs use it up at the rate of the last weeks; days since as_of that are not loaded "
        "are taken from these too. null: not within five years, or not known"
    )
    earliest: dt.date | None = Field(
        description="the same at the rate of the dearest week, and of one a little dearer at the least"
    )
    latest: dt.date | None = Field(description="the same at the rate of the cheapest week, or a little cheaper")
    rests_on: RestsOn = Field(description="days since as_of")
    unknown: NotKnown | None


class Runways(Answer):
    """Runways of prepaid balances."""

    org_slug: str = Field(examples=["acmecorp"])
    today: dt.date
    version: int = Field(description="version of the balances, 0 before there were any")
    balances: list[BalanceRunway] = Field(description="the balance of each provider and currency that counts")


def show_standings(api: OrgCosts, org: str) -> Response:
    """200 with how each budget stands, or 304 where nothing has changed since the answer that the request knows."""
    credential, today = presented(api.auth, org), api.clock().date()
    month = in_query(request.args, MonthQuery).of(today)
    let_in(api.auth, org, credential)
    stored = api.plans.budgets.current(org)
    names_labels = any(each.of.label for each in stored.budgets)
    plans = Plans.of(stored.budgets, api.labels.current(org).labels if names_labels else ())
    etag = api.answers.etag(org, ("budgets", month, stored.etag, plans.labels))
    if request.if_none_match.contains_weak(etag):
        return revalidated(Response(status=304), etag)
    found, processed = Spending({}, {}), 0
    if plans.holding(month):
        asked = SpendingQuestion.of_month(month, plans.labels, plans.chosen)
        with refusing():
            found, processed = api.plans.spending.find(org, asked, etag)
    standings = [_standing(each) for each in plans.standing(found, month)]
    answer = BudgetStandings(
        org_slug=org, month=month.name, is_over=month.is_over, version=stored.version, budgets=standings
    )
    return measured(answer, etag, processed)


def show_forecast(api: OrgCosts, org: str) -> Response:
    """200 with what the month will cost, or 304 as for budgets."""
    credential, today = presented(api.auth, org), api.clock().date()
    query = in_query(request.args, ForecastQuery)
    month = query.of(today)
    let_in(api.auth, org, credential)
    labels = _labels(api, org, query.group_by)
    etag = api.answers.etag(org, ("forecast", month, query.group_by, labels))
    if request.if_none_match.contains_weak(etag):
        return revalidated(Response(status=304), etag)
    asked = SpendingQuestion.of_month(month, labels)
    with refusing():
        found, processed = api.plans.spending.find(org, asked, etag)
    word = query.group_by.removeprefix(LABEL)
    results = [_in_currency(found, month, currency, word, of_label=bool(labels)) for currency in found.currencies(ALL)]
    answer = Forecast(org_slug=org, month=month.name, is_over=month.is_over, group_by=query.group_by, results=results)
    return measured(answer, etag, processed)


def show_runway(api: OrgCosts, org: str) -> Response:
    """200 with what is left of prepaid balances and how long that lasts, or 304 as for budgets."""
    credential, today = presented(api.auth, org), api.clock().date()
    no_query(request)
    let_in(api.auth, org, credential)
    stored = api.plans.balances.current(org)
    balances = counting(stored.balances, today)
    etag = api.answers.etag(org, ("runway", stored.etag))
    if request.if_none_match.contains_weak(etag):
        return revalidated(Response(status=304), etag)
    found, processed = Spending({}, {}), 0
    if balances:
        with refusing():
            found, processed = api.plans.spending.find(org, SpendingQuestion((read_from(balances, today), today)), etag)
    told = [_runway(runway_of(each, found, today)) for each in balances]
    return measured(Runways(org_slug=org, today=today, version=stored.version, balances=told), etag, processed)


def _labels(api: OrgCosts, org: str, group_by: str) -> Sequence[Label]:
    """Label that is grouped by, if one is. Raises 400 where the org does not have it."""
    if group_by == PROVIDER:
        return ()
    name = group_by.removeprefix(LABEL)
    label = label_named(api.labels.current(org).labels, name)
    if label is None:
        detail = f"group_by names the label {name}, and the organization has none of this name."
        raise Problem(400, detail, code=Code.LABEL_UNKNOWN, field="group_by")
    return (label,)


def _in_currency(found: Spending, month: Month, currency: str, word: str, *, of_label: bool) -> CurrencyForecast:
    if of_label:
        values = [of for of, each in found.amounts if of != ALL and each == currency]
        told = [({word: of.value}, forecast_of(found, month, currency, of)) for of in values]
    else:
        names = sorted(found.by_provider(ALL, currency))
        told = [({word: name}, forecast_of(found, month, currency, ALL, name)) for name in names]
    told.sort(key=lambda each: (-(each[1].spent or 0), str(each[0][word] or "")))
    return CurrencyForecast(
        currency=currency,
        total=MonthCosts(**_costs(forecast_of(found, month, currency))),
        groups=[ForecastGroup(key=key, **_costs(costs)) for key, costs in told],
    )


def _standing(standing: Standing) -> BudgetStanding:
    budget = standing.budget
    return BudgetStanding(
        name=budget.name,
        version=budget.version,
        of=Scope(**dict(budget.of)),
        currency=budget.currency,
        amount=plain(standing.amount),
        spent_share=plain_or_none(standing.spent_share),
        forecast_share=plain_or_none(standing.forecast_share),
        reached=standing.reached,
        is_forecast_over=standing.is_forecast_over,
        other_currencies=list(standing.other_currencies),
        **_costs(standing.costs),
    )


def _costs(costs: MonthForecast) -> dict[str, Any]:
    return {
        "spent": plain_or_none(costs.spent),
        "forecast": _range(costs.forecast),
        "run_rate": plain_or_none(costs.run_rate),
        "rests_on": _rests_on(costs.rests_on, costs.weeks),
        "unknown": _not_known(costs.unknown),
        "stopped": [StoppedProvider(provider=each.provider, last_day=each.last_day) for each in costs.stopped],
        "began": [BegunProvider(provider=each.provider, first_day=each.first_day) for each in costs.began],
    }


def _range(found: Range | None) -> AmountRange | None:
    return (
        None if found is None else AmountRange(amount=plain(found.amount), low=plain(found.low), high=plain(found.high))
    )


def _rests_on(counts: Mapping[Rest, int], weeks: int) -> RestsOn:
    return RestsOn(**{rest.value: counts[rest] for rest in Rest}, weeks=weeks)


def _not_known(unknown: Unknown | None) -> NotKnown | None:
    return None if unknown is None else NotKnown(reason=unknown.reason, provider=unknown.provider)


def _runway(runway: Runway) -> BalanceRunway:
    balance: Balance = runway.balance
    return BalanceRunway(
        provider=balance.provider,
        currency=balance.currency,
        amount=plain(balance.amount),
        as_of=balance.as_of,
        spent=plain_or_none(runway.spent),
        left=plain_or_none(runway.left),
        daily_rate=plain_or_none(runway.daily_rate),
        days_left=runway.days_left,
        runs_out_on=runway.runs_out,
        earliest=runway.earliest,
        latest=runway.latest,
        rests_on=_rests_on(runway.rests_on, runway.weeks),
        unknown=_not_known(runway.unknown),
    )
