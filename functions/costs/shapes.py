"""Shapes of answers about costs. Amounts are decimal numbers as text: no digit is lost or made up."""

import datetime as dt
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Annotated, Literal, TypeAlias, TypedDict, cast

from pydantic import Field

from functions.costs.answer import ZERO, CostAnswer, DayState, Group, Kind, State, Sums, TokenGroup, Tokens, added
from functions.costs.question import Days
from functions.costs.unit_costs import Saving, per_million, savings
from functions.web.answers import Answer

Length: TypeAlias = Literal["day", "week", "month"]
Cost: TypeAlias = Literal["billed", "effective", "list", "contracted"]
Amount: TypeAlias = Annotated[str, Field(description="a decimal number", examples=["12.345678901"])]
_PREVIOUS = "of the period before; null where nothing is compared"


class Range(Answer):
    """UTC days, inclusive."""

    start: dt.date = Field(examples=["2025-10-01"])
    end: dt.date = Field(examples=["2025-10-31"])


class CostGroup(Answer):
    """Costs of one group."""

    kind: Kind = Field(
        description="unattributed: what none of the dimensions is told of; other: all groups beyond `limit`, together"
    )
    key: dict[str, str | None] | None = Field(
        description="value of each dimension; null where the provider tells none; `other` has no key",
        examples=[{"service": "Compute Engine", "region": None}],
    )
    names: dict[str, str] = Field(
        description="names of ids, where they are known", examples=[{"sub_account": "Search"}]
    )
    group_count: int = Field(description="1, or how many groups `other` has")
    total: Amount
    previous_total: Amount | None = Field(description=_PREVIOUS)
    amounts: list[Amount] = Field(description="one for each of `periods`", examples=[["12.345678901", "0"]])


class CostSums(Answer):
    """Groups of one currency, or of one unit of consumption: amounts of different ones are never added."""

    currency: str | None = Field(description="ISO 4217; null for quantities", examples=["USD"])
    unit: str | None = Field(description="unit of quantities; null for costs", examples=["Tokens"])
    group_count: int = Field(description="of all groups, those of `other` too")
    total: Amount
    previous_total: Amount | None = Field(description=_PREVIOUS)
    amounts: list[Amount] = Field(description="of all groups together, one for each of `periods`")
    groups: list[CostGroup] = Field(description="the largest first, then unattributed, then other")


class DayCompleteness(Answer):
    """State of a provider's UTC day."""

    provider: str = Field(description="id of the provider")
    date: dt.date = Field(examples=["2025-11-25"])
    state: State = Field(description="of these, `final` alone means that the day's costs do not change any more")
    generation: int | None = Field(description="number of the newest run that has read the day", examples=[2])


class Costs(Answer):
    """Costs of an organization."""

    org_slug: str = Field(examples=["acmecorp"])
    start: dt.date = Field(examples=["2025-11-01"])
    end: dt.date = Field(examples=["2025-11-25"])
    previous: Range | None = Field(description="days that are compared with; null without `compare`")
    granularity: Length
    basis: Literal["usage", "invoice_month"]
    metric: Literal["billed", "effective", "list", "contracted", "consumed"]
    group_by: list[str] = Field(examples=[["provider", "model"]])
    periods: list[dt.date] = Field(
        description="first day of each period; the first and the last one may be cut by start and end"
    )
    results: list[CostSums] = Field(description="one for each currency or unit; empty where nothing was found")
    is_final: bool = Field(description="whether all days are final")
    completeness: list[DayCompleteness] = Field(
        description="each day that has begun, of every provider that has any of them and that the filters let count"
    )


class UnitCost(Answer):
    """Tokens, what they cost, and what a million of them costs."""

    cost: Amount = Field(description="of the charges whose number of tokens is known")
    tokens: Amount
    cost_per_million: Amount | None = Field(
        description="1000000 * cost / tokens, rounded half away from zero to nine decimals; null without tokens"
    )


class TokenCost(UnitCost):
    """Costs of one type of token of a model, or of all types beyond the 500 that cost most (`other`)."""

    kind: Kind
    key: dict[str, str | None] | None = Field(examples=[{"model": "m-1", "token_type": "output"}])
    names: dict[str, str]
    token_direction: str | None = Field(description="Input or Output, where it is known", examples=["Output"])
    token_cache_action: str | None = Field(description="Uncached, Read or Write, where it is known", examples=["Read"])
    currency: str = Field(examples=["USD"])
    cost_without_tokens: Amount = Field(description="of charges whose number of tokens nobody tells: not in `cost`")
    previous: UnitCost | None = Field(description="of the period before; null without `compare`")


class CacheSaving(Answer):
    """Savings by the prompt cache of a model: what its tokens would have cost at the price of uncached input."""

    key: dict[str, str | None] = Field(description="as in unit_costs, without token_type")
    input_kind: Literal["text", "audio", "image"]
    currency: str = Field(examples=["USD"])
    read_tokens: Amount
    written_tokens: Amount
    cost: Amount = Field(description="of the tokens that were read from the cache or written to it")
    uncached_cost_per_million: Amount
    saved: Amount = Field(description="below zero where writing cost more than reading saved")


class UnitCosts(Answer):
    """Costs of tokens by model and type, and what caches have saved."""

    org_slug: str = Field(examples=["acmecorp"])
    start: dt.date = Field(examples=["2025-11-01"])
    end: dt.date = Field(examples=["2025-11-25"])
    previous: Range | None
    metric: Cost
    group_by: list[str] = Field(examples=[["provider", "model", "token_type"]])
    unit_costs: list[TokenCost] = Field(description="those that cost most first")
    cache_savings: list[CacheSaving] = Field(
        description="of models with tokens of the cache, where uncached input of the same days tells the price"
    )
    is_final: bool
    completeness: list[DayCompleteness]


def plain(amount: Decimal) -> str:
    """Decimal number without exponent and without zeros at its end."""
    text = f"{amount:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) if amount else "0"


def costs_of(org_slug: str, answer: CostAnswer) -> Costs:
    """Answer as the API shows it."""
    question = answer.question
    return Costs(
        org_slug=org_slug,
        start=question.days.first,
        end=question.days.last,
        previous=range_of(question.previous),
        granularity=cast("Length", question.granularity.value),
        basis=question.basis.value,
        metric=question.metric.value,
        group_by=[each.word for each in question.group_by],
        periods=list(question.periods),
        results=[_sums(each) for each in answer.sums],
        is_final=answer.is_final,
        completeness=list(completeness_of(answer.days)),
    )


def range_of(days: Days | None) -> Range | None:
    """Days as the API shows them."""
    return Range(start=days.first, end=days.last) if days else None


def completeness_of(days: Iterable[DayState]) -> Iterator[DayCompleteness]:
    """States of days as the API shows them."""
    for day in days:
        yield DayCompleteness(provider=day.provider, date=day.date, state=day.state, generation=day.generation)


def plain_or_none(amount: Decimal | None) -> str | None:
    """Decimal number as text, or `None`."""
    return None if amount is None else plain(amount)


def _sums(sums: Sums) -> CostSums:
    return CostSums(
        currency=sums.currency,
        unit=sums.unit,
        group_count=sums.group_count,
        total=plain(sums.total),
        previous_total=plain_or_none(sums.previous),
        amounts=[plain(each) for each in sums.amounts],
        groups=[_group(each) for each in sums.groups],
    )


def _group(group: Group) -> CostGroup:
    return CostGroup(
        kind=group.kind,
        key=None if group.kind is Kind.OTHER else dict(group.key),
        names=dict(group.names),
        group_count=group.group_count,
        total=plain(group.total),
        previous_total=plain_or_none(group.previous),
        amounts=[plain(each) for each in group.amounts],
    )


def unit_costs_of(org_slug: str, answer: CostAnswer) -> UnitCosts:
    """Costs of tokens as the API shows them."""
    question = answer.question
    in_order = sorted(
        ((sums.currency or "", group) for sums in answer.sums for group in sums.groups),
        key=lambda each: (each[1].kind is Kind.OTHER, -each[1].total),
    )
    return UnitCosts(
        org_slug=org_slug,
        start=question.days.first,
        end=question.days.last,
        previous=range_of(question.previous),
        metric=cast("Cost", question.metric.value),
        group_by=[each.word for each in question.group_by],
        unit_costs=[_token_cost(currency, group, group.tokens) for currency, group in in_order if group.tokens],
        cache_savings=[_saving(each) for each in savings(answer)],
        is_final=answer.is_final,
        completeness=list(completeness_of(answer.days)),
    )


def _token_cost(currency: str, group: Group, tokens: TokenGroup) -> TokenCost:
    return TokenCost(
        kind=group.kind,
        key=None if group.kind is Kind.OTHER else dict(group.key),
        names=dict(group.names),
        token_direction=tokens.direction,
        token_cache_action=tokens.cache_action,
        currency=currency,
        cost_without_tokens=plain(added([group.total, tokens.now.cost.copy_negate()])),
        previous=UnitCost(**_unit_cost(tokens.previous)) if tokens.previous else None,
        **_unit_cost(tokens.now),
    )


def _unit_cost(tokens: Tokens) -> "_UnitCost":
    return {
        "cost": plain(tokens.cost),
        "tokens": plain(tokens.count),
        "cost_per_million": plain_or_none(per_million(tokens)),
    }


def _saving(saving: Saving) -> CacheSaving:
    return CacheSaving(
        key=dict(saving.key),
        input_kind=saving.input_kind,
        currency=saving.currency,
        read_tokens=plain(saving.tokens.get("Read", ZERO)),
        written_tokens=plain(saving.tokens.get("Write", ZERO)),
        cost=plain(saving.cached_cost),
        uncached_cost_per_million=plain(saving.uncached_per_million),
        saved=plain(saving.saved),
    )


class _UnitCost(TypedDict):
    cost: str
    tokens: str
    cost_per_million: str | None
