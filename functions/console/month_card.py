"""Costs of the month to date on the overview: by day and provider, against the same days of the month before."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from cloudact.costs.dimensions import Dimension
from cloudact.errors import Retry
from functions.console.collaborators import Console
from functions.console.cost_address import CostAddress
from functions.console.cost_chart import OTHER_PAINT, Chart, Series, chart_of
from functions.console.cost_report import Change, change_of, period_note, states_of
from functions.console.cost_words import (
    NamePart,
    amount,
    completeness_words,
    days_words,
    name_parts,
    period_label,
    period_words,
)
from functions.costs.answer import CostAnswer, Group, Kind, State, Sums, added
from functions.costs.endpoints import refusing
from functions.costs.question import DAY, Days, Question, next_month
from functions.web.problems import Problem

BY = (Dimension("provider"), Dimension("service"), Dimension("model"))
GROUPS = 300  # movers are sought among so many; beyond that a group moves little
MOVERS = 5
MOST_SUMS = 2  # currencies; the page Costs has the others
AWAY = "The costs are not available at the moment."


@dataclass(frozen=True)
class MonthRow:
    """Provider's costs of the month, or what has moved most. `query` is of the page *Costs*."""

    paint: str
    parts: Sequence[NamePart]
    total: str
    change: Change
    query: str


@dataclass(frozen=True)
class MonthSums:
    """Costs of the month in one currency. `label` says the chart in words."""

    currency: str
    total: str
    change: Change
    chart: Chart
    label: str
    providers: Sequence[MonthRow]
    movers: Sequence[MonthRow]


@dataclass(frozen=True)
class MonthCard:
    """Card of the overview. `refusal` says why there are no costs, where they cannot be read."""

    heading: str
    days: str
    before: str
    query: str
    sums: Sequence[MonthSums]
    open_days: Sequence[str]
    has_open: bool
    has_missing: bool
    refusal: str


@dataclass(frozen=True)
class Months:
    """Days of a month to date, and the same days of the month before, as far as it has them."""

    now: Days
    before: Days

    @classmethod
    def until(cls, last: dt.date) -> "Months":
        """Month of the day, up to it."""
        now = Days(last.replace(day=1), last)
        first = (now.first - DAY).replace(day=1)
        return cls(now, Days(first, min(first + (len(now) - 1) * DAY, next_month(first) - DAY)))


def month_card(console: Console, org: str) -> MonthCard:
    """Card of the month up to yesterday: one question, whose answer the cost API keeps until a load changes it."""
    months = Months.until(console.clock().date() - DAY)
    names = {each.id: each.name for each in console.integrations.providers}
    question = Question(days=Days(months.before.first, months.now.last), group_by=BY, limit=GROUPS)
    try:
        with refusing():
            answer = console.costs.answers.ask(org, question).answer
    except (Problem, Retry) as err:
        return _card(months, refusal=err.detail if isinstance(err, Problem) else AWAY)
    months = months.until(_last_loaded(answer, months.now))
    of_month = replace(answer, question=replace(question, days=months.now))
    states = states_of(of_month)
    marks = {state for each in states for state in each}
    return replace(
        _card(months, refusal=""),
        sums=[_sums(each, answer, months, states, names) for each in answer.sums[:MOST_SUMS]],
        open_days=completeness_words([day for day in answer.days if day.date in months.now], names),
        has_open=bool(marks - {State.FINAL, State.MISSING}),
        has_missing=State.MISSING in marks,
    )


def _last_loaded(answer: CostAnswer, days: Days) -> dt.date:
    """Last of the days that any provider has: a month is not compared with days that nobody has loaded yet."""
    loaded = (day.date for day in answer.days if day.state is not State.MISSING and day.date in days)
    return max(loaded, default=days.last)


def _card(months: Months, refusal: str) -> MonthCard:
    now, before = days_words(months.now), days_words(months.before)
    address = CostAddress().of_days(months.now).but(group_by="provider")
    return MonthCard(f"{months.now.first:%B}", now, before, address.query, [], [], False, False, refusal)


def _sums(
    sums: Sums, answer: CostAnswer, months: Months, states: Sequence[frozenset[State]], names: Mapping[str, str]
) -> MonthSums:
    reader = _Reader(sums, answer.question.periods, months, names)
    by_provider = reader.by_provider()
    totals = reader.now(sums.amounts)
    periods = list(months.now)
    unit = sums.currency or ""
    shown = replace(answer.question, days=months.now)
    hints = []
    for period, total, state in zip(periods, totals, states, strict=True):
        note = period_note(state)
        hints.append(f"{period_words(shown, period)}: {amount(total)} {unit}{f', {note}' if note else ''}")
    before = reader.before(sums.amounts)
    chart = chart_of(
        [Series(paint, reader.now(amounts)) for _, paint, amounts in by_provider],
        [period_label(shown.granularity, each) for each in periods],
        hints,
        states,
        (before + [Decimal()] * len(periods))[: len(periods)],
    )
    change = change_of(added(totals), added(before))
    label = f"Bars by day, {days_words(months.now)}: {amount(added(totals))} {unit}; {change.before} in the days before"
    return MonthSums(
        currency=unit,
        total=amount(added(totals)),
        change=change,
        chart=chart,
        label=label,
        providers=[reader.row(parts, paint, amounts, {}) for parts, paint, amounts in by_provider],
        movers=reader.movers(),
    )


@dataclass(frozen=True)
class _Reader:
    """Splits amounts of both months, and makes rows of them."""

    sums: Sums
    periods: Sequence[dt.date]
    months: Months
    names: Mapping[str, str]

    def now(self, amounts: Sequence[Decimal]) -> list[Decimal]:
        return [each for day, each in zip(self.periods, amounts, strict=True) if day in self.months.now]

    def before(self, amounts: Sequence[Decimal]) -> list[Decimal]:
        return [each for day, each in zip(self.periods, amounts, strict=True) if day in self.months.before]

    def by_provider(self) -> list[tuple[list[NamePart], str, list[Decimal]]]:
        """Name, colour and amounts of each provider, the largest of this month first, and of the rest."""
        found: dict[str | None, list[Sequence[Decimal]]] = {}
        for group in self.sums.groups:
            found.setdefault(None if group.kind is Kind.OTHER else group.key["provider"], []).append(group.amounts)
        added_up = {key: [added(each) for each in zip(*parts, strict=True)] for key, parts in found.items()}
        order = sorted(added_up, key=lambda key: (key is None, -added(self.now(added_up[key]))))
        return [
            ([NamePart(self.names.get(key, key) if key else "Other", is_none=key is None)], paint, added_up[key])
            for key, paint in zip(
                order, [f"s{n + 1}" if n < 10 else OTHER_PAINT for n in range(len(order))], strict=True
            )
        ]

    def movers(self) -> list[MonthRow]:
        """Groups whose costs have changed most, up or down."""
        told = [(abs(self._moved(group)), group) for group in self.sums.groups if group.kind is Kind.GROUP]
        moved = sorted((each for each in told if each[0]), key=lambda each: -each[0])[:MOVERS]
        return [self.row(self._known(group), "", group.amounts, group.key) for _, group in moved]

    def _moved(self, group: Group) -> Decimal:
        return added([*self.now(group.amounts), *(each.copy_negate() for each in self.before(group.amounts))])

    def _known(self, group: Group) -> list[NamePart]:
        """Model, or else service, with its provider beside it."""
        provider, *known = [part.text for part in name_parts(group, self.names) if not part.is_none]
        return [NamePart(known[-1], provider)] if known else [NamePart(provider)]

    def row(
        self, parts: Sequence[NamePart], paint: str, amounts: Sequence[Decimal], key: Mapping[str, str | None]
    ) -> MonthRow:
        """Row of these amounts; its link shows the group of this key, day by day, compared with the days before."""
        now, before = added(self.now(amounts)), added(self.before(amounts))
        alone = CostAddress().of_days(Days(self.months.before.first, self.months.now.last)).only(key)
        return MonthRow(paint, parts, amount(now), change_of(now, before), alone.query if alone else "")
