"""Shapes of answers about costs. Amounts are decimal numbers as text: no digit is lost or made up."""

import datetime as dt
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from functions.costs.answer import CostAnswer, DayState, Group, Kind, State, Sums
from functions.costs.question import Days
from functions.web.answers import Answer

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
    granularity: Literal["day", "week", "month"]
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
        granularity=question.granularity.value,
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
