"""Answer to a question about costs: exact amounts by group and period, and how far the days have come.

Made from the rows of `sql/costs/groups.sql`. Knows no HTTP.
"""

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from enum import StrEnum
from functools import cached_property, reduce
from typing import Any

from cloudact.costs.dimensions import NAMED
from functions.costs.question import Days, Filter, Question
from functions.costs.statement import columns_of

ZERO = Decimal()
_EXACT = Context(prec=100)  # NUMERIC has 38 digits, Python's default 28
Row = Mapping[str, Any]


def added(amounts: Iterable[Decimal]) -> Decimal:
    """Exact sum."""
    return reduce(_EXACT.add, amounts, ZERO)


class Kind(StrEnum):
    """Kind of a group: one with a key, what has none of the question's dimensions, or the rest."""

    GROUP = "group"
    UNATTRIBUTED = "unattributed"
    OTHER = "other"


class State(StrEnum):
    """State of the costs of a provider's day; the first three are those of the view `settledness`."""

    FINAL = "final"
    SETTLING = "settling"
    PROVISIONAL = "provisional"
    HALF_LOADED = "half_loaded"  # its usage is newer than its costs, or has none
    UNKNOWN = "unknown"  # loaded before there was a history of days
    MISSING = "missing"


@dataclass(frozen=True)
class Tokens:
    """Tokens of some charges and what these cost; charges whose number of tokens nobody tells are not among them."""

    count: Decimal
    cost: Decimal


@dataclass(frozen=True)
class TokenGroup:
    """Tokens of one group, now and in the days before, and what they are in the words of FOCUS 1.5."""

    now: Tokens
    previous: Tokens | None
    direction: str | None
    cache_action: str | None


@dataclass(frozen=True)
class Group:
    """Amounts of one group, one for each period of the question, and of all of the days before, if it compares.

    `key` has the value of each dimension, `None` where the provider gives none, and `names` the names that are
    known; both are empty for the rest, which is `group_count` groups.
    """

    kind: Kind
    key: Mapping[str, str | None]
    names: Mapping[str, str]
    amounts: Sequence[Decimal]
    previous: Decimal | None
    group_count: int = 1
    tokens: TokenGroup | None = None

    @property
    def total(self) -> Decimal:
        """Sum of all periods."""
        return added(self.amounts)


@dataclass(frozen=True)
class Sums:
    """Groups in one currency, or in one unit of consumption: what is never added to that in another."""

    currency: str | None
    unit: str | None
    groups: Sequence[Group]

    @property
    def amounts(self) -> list[Decimal]:
        """Sum of all groups in each period."""
        return [added(each) for each in zip(*(group.amounts for group in self.groups), strict=True)]

    @property
    def total(self) -> Decimal:
        """Sum of all groups in all periods."""
        return added(group.total for group in self.groups)

    @property
    def previous(self) -> Decimal | None:
        """Sum of all groups in the days before."""
        told = [group.previous for group in self.groups if group.previous is not None]
        return added(told) if told else None

    @property
    def group_count(self) -> int:
        """Number of all groups, those within the rest too."""
        return sum(group.group_count for group in self.groups)


@dataclass(frozen=True)
class DayState:
    """State of one provider's UTC day. `generation` is the number of the newest run that has read it, if one has."""

    provider: str
    date: dt.date
    state: State
    generation: int | None


@dataclass(frozen=True)
class CostAnswer:
    """Answer to a question: sums by currency or unit, and the states of the days that they are made of."""

    question: Question
    sums: Sequence[Sums]
    days: Sequence[DayState]

    @property
    def is_final(self) -> bool:
        """Whether no day of the question, or of those before, will change any more."""
        return bool(self.days) and all(each.state is State.FINAL for each in self.days)

    @cached_property
    def weight(self) -> int:
        """Number of amounts and days: what memory it takes follows from that."""
        return len(self.days) + sum(len(sums.groups) * (len(self.question.periods) + 4) for sums in self.sums)


def answer_of(question: Question, rows: Iterable[Row], today: dt.date) -> CostAnswer:
    """Answer that the query's rows are; days after `today` have no state."""
    amounts: dict[tuple[str | None, str | None], list[Row]] = {}
    days = []
    for row in rows:
        if row["part"] == "amount":
            amounts.setdefault((row["currency"], row["unit"]), []).append(row)
        else:
            days.append(row)
    sums = [_sums(question, *of, amounts[of]) for of in sorted(amounts, key=lambda of: (of[0] or "", of[1] or ""))]
    return CostAnswer(question, sums, list(_states(question, days, today)))


def _sums(question: Question, currency: str | None, unit: str | None, rows: Sequence[Row]) -> Sums:
    groups: dict[tuple[int | None, bool], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["place"], row["is_unattributed"]), []).append(row)
    in_order = sorted(groups, key=lambda group: (group[0] is None, group[1], group[0] or 0))
    return Sums(currency, unit, [_group(question, groups[group]) for group in in_order])


def _group(question: Question, rows: Sequence[Row]) -> Group:
    first = rows[0]
    by_period = {row["period_start"]: row["amount"] for row in rows if not row["is_previous"]}
    previous = added(row["amount"] for row in rows if row["is_previous"])
    amounts = [by_period.get(period, ZERO) for period in question.periods]
    compared = previous if question.compared else None
    if first["place"] is None:
        tokens = _tokens(question, rows, {})
        return Group(Kind.OTHER, {}, {}, amounts, compared, first["group_count"] - question.limit, tokens)
    keys, names = json.loads(first["group_key"]), json.loads(first["names"])
    columns = zip(question.group_by, columns_of(question), strict=True)
    key = {each.word: keys[column] for each, column in columns}
    named = {word: names[word] for word in key if word in NAMED and names[word] is not None}
    kind = Kind.UNATTRIBUTED if first["is_unattributed"] and key else Kind.GROUP
    return Group(kind, key, named, amounts, compared, tokens=_tokens(question, rows, names))


def _tokens(question: Question, rows: Sequence[Row], names: Mapping[str, str | None]) -> TokenGroup | None:
    if not question.with_tokens:
        return None
    now, previous = (
        Tokens(
            added(row["tokens"] or ZERO for row in rows if row["is_previous"] is before),
            added(row["token_amount"] for row in rows if row["is_previous"] is before),
        )
        for before in (False, True)
    )
    of = (names.get("token_direction"), names.get("token_cache_action"))
    return TokenGroup(now, previous if question.compared else None, *of)


def _states(question: Question, rows: Iterable[Row], today: dt.date) -> Iterable[DayState]:
    """State of each day that has begun, of every provider that has any of them and that the filters let count."""
    found = {(row["provider"], row["usage_date"]): row for row in rows}
    counted = question.counted
    for provider in sorted({provider for provider, _ in found if is_wanted(question.filters, provider)}):
        for day in filter(question.counts, Days(counted.first, min(counted.last, today))):
            row = found.get((provider, day))
            yield DayState(provider, day, _state(row), row["generation"] if row else None)


def is_wanted(filters: Iterable[Filter], provider: str) -> bool:
    """Whether the filters let costs of this provider count."""
    of_provider = [each for each in filters if each.dimension.word == "provider"]
    return all((provider in each.values) is not each.excluded for each in of_provider)


def _state(row: Row | None) -> State:
    if row is None:
        return State.MISSING
    if row["is_half_loaded"]:
        return State.HALF_LOADED
    return State(row["settledness"]) if row["settledness"] else State.UNKNOWN
