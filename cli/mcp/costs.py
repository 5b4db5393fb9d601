"""Tools about costs. Amounts are the API's; only changes are computed."""

import datetime as dt
from collections.abc import Sequence
from decimal import Context, Decimal
from itertools import groupby, pairwise

from cli.failures import RefusedByApi, Unreachable
from cli.json_object import JsonObject
from cli.mcp.answers import (
    LONGEST_TEXT,
    AnomaliesTold,
    BudgetsTold,
    CacheSaving,
    Change,
    ChangeTold,
    CostsTold,
    DayRange,
    ForecastTold,
    InvoicedMonth,
    LabelLine,
    LabelsTold,
    Mover,
    Residual,
    TokenCost,
    UnitCostsTold,
)
from cli.mcp.arguments import (
    MOST_GROUPS,
    AnomaliesAsked,
    ChangeAsked,
    CostsAsked,
    ForecastAsked,
    GroupsAsked,
    MonthAsked,
    NoArguments,
    TokensAsked,
)
from cli.mcp.reading import Reading

_EXACT = Context(prec=200)  # sums of the API have more digits than Decimal's default of 28
_MOST_TOLD = 500  # groups that the API tells one by one
_MOST_MONTHS = 60
MOST_LISTED = 50
_DAY = dt.timedelta(days=1)
_NO_MONTH = "These days have no whole month, or their costs are not those that are billed: a residual is of a month."
_NOT_TOLD = "No invoice counts for these months, so nobody knows what it has more than the loaded costs."
_UNKNOWN = "The residual of some months is not known yet; their parts say why."
_REFUSED = "The residual is not told: {why}"
_KNOWN = "The residual is of whole months and all costs of a provider, whatever this question filters."


def costs(reading: Reading, asked: GroupsAsked) -> CostsTold:
    """Tells costs by up to three dimensions and by periods: the largest groups one by one, and the rest together."""
    query = {
        **_question(asked),
        "group_by": ",".join(asked.group_by) or None,
        "granularity": asked.granularity,
        "metric": asked.metric,
        "basis": asked.basis,
        "limit": asked.limit,
        "compare": _compared(asked.compare),
    }
    body = reading.of_org("costs", query=query)
    return CostsTold.model_validate(body | _framed(reading, asked, body))


def unit_costs(reading: Reading, asked: TokensAsked) -> UnitCostsTold:
    """Tells what a million tokens costs by provider, model and token type, and what prompt caches have saved."""
    query = {**_question(asked), "group_by": asked.group_by, "compare": _compared(asked.compare)}
    body = reading.of_org("costs", "unit-costs", query=query)
    rows, savings = body["unit_costs"], body["cache_savings"]
    cut = {
        "unit_costs": [TokenCost.model_validate(each) for each in rows[: asked.limit]],
        "unit_costs_left_out": max(len(rows) - asked.limit, 0),
        "cache_savings": [CacheSaving.model_validate(each) for each in savings[:MOST_GROUPS]],
        "cache_savings_left_out": max(len(savings) - MOST_GROUPS, 0),
    }
    return UnitCostsTold.model_validate(body | cut | _framed(reading, asked, body))


def explain_cost_change(reading: Reading, asked: ChangeAsked) -> ChangeTold:
    """Compares days with the days before: how much costs have changed, and which groups have changed most."""
    query = {
        **_question(asked),
        "group_by": ",".join(asked.group_by),
        "granularity": "month",
        "metric": asked.metric,
        "limit": _MOST_TOLD,
        "compare": _compared(True),
    }
    body = reading.of_org("costs", query=query)
    changes = [_change(sums, asked.limit) for sums in body["results"]]
    return ChangeTold.model_validate(body | {"changes": changes} | _framed(reading, asked, body))


def list_labels(reading: Reading, _asked: NoArguments) -> LabelsTold:
    """Lists the organization's own labels, such as team, by which costs can be grouped and filtered."""
    body = reading.settings("labels")
    return LabelsTold.model_validate(body | {"labels": [_label(each) for each in body["labels"]]})


def anomalies(reading: Reading, asked: AnomaliesAsked) -> AnomaliesTold:
    """Lists what was unusual in the costs of 30 days: against the same weekdays before, on settled days alone."""
    body = reading.of_org("costs", "anomalies", query={"end": asked.end})
    found = body["anomalies"]
    cut = {"anomalies": found[:MOST_LISTED], "anomalies_left_out": max(len(found) - MOST_LISTED, 0)}
    return AnomaliesTold.model_validate(body | cut)


def budgets(reading: Reading, asked: MonthAsked) -> BudgetsTold:
    """Tells how each budget stands in a month: what is spent of it, and the forecast with its range."""
    return BudgetsTold.model_validate(reading.of_org("costs", "budgets", query={"month": asked.month}))


def forecast(reading: Reading, asked: ForecastAsked) -> ForecastTold:
    """Tells what a month will cost, with the range, in total and by provider or by a label of the organization."""
    body = reading.of_org("costs", "forecast", query={"month": asked.month, "group_by": asked.group_by})
    return ForecastTold.model_validate(body | {"results": [_cut(each) for each in body["results"]]})


def _cut(result: JsonObject) -> JsonObject:
    groups = result["groups"]
    return result | {"groups": groups[:MOST_GROUPS], "groups_left_out": max(len(groups) - MOST_GROUPS, 0)}


def _label(label: JsonObject) -> LabelLine:
    parts = (part for rule in label["rules"] for part in rule.get("shares") or [rule])
    values = list(dict.fromkeys(str(part["value"]) for part in parts))
    return LabelLine(name=label["name"], values=values[:MOST_LISTED], value_count=len(values))


def _question(asked: CostsAsked) -> JsonObject:
    query: JsonObject = {"start": asked.start, "end": asked.end}
    for each in asked.filters:
        word, _, key = each.dimension.partition(":")
        values = [f"{key}={value}" for value in each.values] if key else each.values
        query.setdefault(f"not_{word}" if each.exclude else word, []).extend(values)
    return query


def _compared(compare: bool) -> str | None:
    return "previous_period" if compare else None


def _change(sums: JsonObject, limit: int) -> Change:
    movers = sorted((_mover(group) for group in sums["groups"]), key=lambda each: -abs(Decimal(each.change)))
    named = [each for each in movers if each.kind != "other" and Decimal(each.change)][:limit]
    change = _difference(sums["total"], sums["previous_total"])
    told = Decimal()
    for each in named:
        told = _EXACT.add(told, Decimal(each.change))
    return Change(
        currency=sums["currency"],
        total=sums["total"],
        previous_total=sums["previous_total"] or "0",
        change=plain(change),
        movers=named,
        rest_groups=sums["group_count"] - len(named),
        rest_change=plain(_EXACT.subtract(change, told)),
    )


def _mover(group: JsonObject) -> Mover:
    before = group["previous_total"] or "0"
    change = plain(_difference(group["total"], before))
    return Mover.model_validate({**group, "previous_total": before, "change": change})


def _difference(now: str, before: str | None) -> Decimal:
    return _EXACT.subtract(Decimal(now), Decimal(before or 0))


def plain(amount: Decimal) -> str:
    """Decimal number without exponent and without zeros at its end, as the API writes it."""
    text = f"{amount:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) if amount else "0"


def _framed(reading: Reading, asked: CostsAsked, body: JsonObject) -> JsonObject:
    return {"completeness": ranges(body["completeness"]), "residual": _residual(reading, asked, body["metric"])}


def ranges(days: Sequence[JsonObject]) -> list[DayRange]:
    """Days that follow each other in one state, as one; by provider and day."""
    found: list[DayRange] = []
    in_order = sorted(days, key=lambda day: (day["provider"], day["date"]))
    for (provider, state), same in groupby(in_order, key=lambda day: (day["provider"], day["state"])):
        dates = [dt.date.fromisoformat(day["date"]) for day in same]
        ends = [at for at, (one, other) in enumerate(pairwise(dates), 1) if other - one != _DAY]
        first = 0
        for end in (*ends, len(dates)):
            some = dates[first:end]
            found.append(DayRange(provider=provider, state=state, first=some[0], last=some[-1], days=len(some)))
            first = end
    return found


def _residual(reading: Reading, asked: CostsAsked, metric: str) -> Residual:
    """Residuals of the whole months among the days; they are asked for only where there is such a month."""
    months = _whole_months(asked.start, asked.end)
    if not months or metric != "billed":
        return Residual(known=False, note=_NO_MONTH, months=[])
    try:
        body = reading.of_org("costs", "months", query={"start": min(months), "end": max(months)})
    except (RefusedByApi, Unreachable) as refused:  # the costs are there, and are what was asked for
        return Residual(known=False, note=_REFUSED.format(why=refused.detail[:LONGEST_TEXT]), months=[])
    told = [InvoicedMonth.model_validate(each) for each in body["months"] if each["invoice_total"] is not None]
    known = bool(told) and all(each.residual is not None for each in told)
    note = _KNOWN if known else _UNKNOWN if told else _NOT_TOLD
    return Residual(known=known, note=note, months=told[:_MOST_MONTHS])


def _whole_months(start: dt.date, end: dt.date) -> set[str]:
    days = [start + number * _DAY for number in range((end - start).days + 1)]
    first = {day.strftime("%Y-%m") for day in days if day.day == 1}
    return {day.strftime("%Y-%m") for day in days if (day + _DAY).day == 1} & first
