"""Answer to a question about costs as a page shows it: for each currency a chart, its groups, and its periods."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from functions.console.cost_address import CostAddress, words_of
from functions.console.cost_chart import Chart, chart_of, paints, series_of
from functions.console.cost_words import (
    NamePart,
    amount,
    completeness_words,
    days_words,
    difference,
    name_parts,
    percent_more,
    period_label,
    period_words,
    share,
)
from functions.costs.answer import CostAnswer, Group, State, Sums
from functions.costs.question import DAY, Basis, Days, Granularity, Question
from functions.costs.shapes import plain

ROOM = 36_000  # bytes of all charts and tables of a page, as 60 kB are all of it; the first chart stands in any case
SECTION_BYTES, ROW_BYTES, PERIOD_BYTES, CELL_BYTES = 1_200, 240, 60, 9  # of the markup around the words
MOST_ROWS = 60  # groups of a page


@dataclass(frozen=True)
class Change:
    """Amount of the days before, and the difference; all in words."""

    before: str
    difference: str
    percent: str


@dataclass(frozen=True)
class GroupRow:
    """Group with its sum. `exact` is the API's number; `query` shows the group alone, and is empty where it cannot."""

    paint: str
    parts: Sequence[NamePart]
    exact: str
    total: str
    share: str
    change: Change | None
    query: str


@dataclass(frozen=True)
class PeriodRow:
    """Period with the amounts of the groups, in their order, and the sum; `note` says what its days lack.

    `query` shows its days one by one, and is empty where there is nothing finer.
    """

    words: str
    query: str
    note: str
    amounts: Sequence[str]
    total: str


@dataclass(frozen=True)
class Section:
    """Sums in one currency or unit. `left_out` says what a page has no room for; the file has it."""

    name: str
    exact: str
    total: str
    change: Change | None
    label: str
    chart: Chart | None
    rows: Sequence[GroupRow]
    periods: Sequence[PeriodRow]
    columns: Sequence[GroupRow]
    left_out: str


@dataclass(frozen=True)
class Report:
    """Answer to a question. `open_days` says which days of which providers are not final, and why."""

    sections: Sequence[Section]
    grouped: str
    previous: str
    period: str
    is_final: bool
    open_days: Sequence[str]
    has_open: bool
    has_missing: bool
    lacks_previous: bool


def report_of(answer: CostAnswer, address: CostAddress, providers: Mapping[str, str]) -> Report:
    """Report of the answer; its links change the address. `providers` are names by id."""
    question, states = answer.question, states_of(answer)
    reader = _Reader(question, states, address, providers)
    room, sections = ROOM, list[Section]()
    for sums in answer.sums:
        sections.append(reader.section(sums, room, is_first=not sections))
        room -= _weight(sections[-1])
    marks = {state for each in states for state in each}
    return Report(
        sections=sections,
        grouped=words_of(each.word for each in question.group_by),
        previous=days_words(question.previous) if question.previous else "",
        period=question.granularity.value,
        is_final=answer.is_final,
        open_days=completeness_words(answer.days, providers),
        has_open=bool(marks - {State.FINAL, State.MISSING}),
        has_missing=State.MISSING in marks,
        lacks_previous=any(day.state is State.MISSING and day.date < question.days.first for day in answer.days),
    )


def states_of(answer: CostAnswer) -> list[frozenset[State]]:
    """States of the days of each period."""
    question = answer.question
    found: dict[dt.date, set[State]] = {}
    for day in answer.days:
        if day.date in question.days:
            found.setdefault(question.granularity.first_day(day.date), set()).add(day.state)
    return [frozenset(found.get(period, ())) for period in question.periods]


def change_of(now: Decimal, before: Decimal, *, is_quantity: bool = False) -> Change:
    """Change of an amount, in words."""
    return Change(
        amount(before, is_quantity=is_quantity),
        difference(now, before, is_quantity=is_quantity),
        percent_more(now, before),
    )


def period_note(states: frozenset[State]) -> str:
    """What the days of a period are not yet, in two words; empty where all are final."""
    if State.MISSING in states:
        return "not loaded" if states == {State.MISSING} else "not all loaded"
    return "may change" if states - {State.FINAL} else ""


@dataclass(frozen=True)
class _Reader:
    """Makes words of one answer's sums."""

    question: Question
    states: Sequence[frozenset[State]]
    address: CostAddress
    providers: Mapping[str, str]

    def section(self, sums: Sums, room: int, *, is_first: bool) -> Section:
        """Section of at most about so many bytes; charts come before amounts by period, and sums before amounts."""
        colours = paints(sums.groups)
        most = max(1, min(MOST_ROWS, room // ROW_BYTES))
        rows = [self._row(sums, each, paint) for each, paint in zip(sums.groups[:most], colours, strict=False)]
        section = Section(
            name=_unit(sums),
            exact=plain(sums.total),
            total=_words(sums, sums.total),
            change=_change(sums, sums.total, sums.previous),
            label=self._label(sums),
            chart=None,
            rows=rows,
            periods=[],
            columns=[],
            left_out="",
        )
        charted = replace(section, chart=self._chart(sums, colours))
        section = charted if is_first or _weight(charted) <= room else section
        is_one = len(sums.groups) == 1
        narrow = replace(section, periods=self._periods(sums, is_wide=False))
        wide = replace(section, periods=self._periods(sums, is_wide=True), columns=rows)
        larger = [narrow] if is_one or len(rows) < len(sums.groups) else [wide, narrow]
        chosen = next((each for each in larger if _weight(each) <= room), section)
        return replace(chosen, left_out=self._left_out(chosen, len(sums.groups), is_one=is_one))

    def _left_out(self, section: Section, groups: int, *, is_one: bool) -> str:
        unit = self.question.granularity.value
        missing = [
            *([f"{groups - len(section.rows):,} of the groups"] if len(section.rows) < groups else []),
            *([] if section.chart else ["the chart"]),
            *([f"amounts by {unit}"] if not section.periods else []),
            *([f"each group by {unit}"] if section.periods and not section.columns and not is_one else []),
        ]
        return " and ".join(missing)

    def _row(self, sums: Sums, group: Group, paint: str) -> GroupRow:
        alone = self.address.only(group.key)
        return GroupRow(
            paint=paint,
            parts=name_parts(group, self.providers),
            exact=plain(group.total),
            total=_words(sums, group.total),
            share=share(group.total, sums.total),
            change=_change(sums, group.total, group.previous),
            query=alone.query if alone and set(alone.pairs) != set(self.address.pairs) else "",
        )

    def _chart(self, sums: Sums, colours: Sequence[str]) -> Chart:
        granularity = self.question.granularity
        hints = []
        for period, total, states in zip(self.question.periods, sums.amounts, self.states, strict=True):
            note = period_note(states)
            words = f"{period_words(self.question, period)}: {_words(sums, total)} {_unit(sums)}"
            hints.append(f"{words}, {note}" if note else words)
        series = series_of((paint, group.amounts) for paint, group in zip(colours, sums.groups, strict=True))
        return chart_of(series, [period_label(granularity, each) for each in self.question.periods], hints, self.states)

    def _periods(self, sums: Sums, *, is_wide: bool) -> list[PeriodRow]:
        """Rows of the periods, the newest first."""
        rows = [
            PeriodRow(
                words=period_words(self.question, period),
                query=self._days_of(period),
                note=period_note(self.states[at]),
                amounts=[_words(sums, group.amounts[at]) for group in sums.groups] if is_wide else [],
                total=_words(sums, total),
            )
            for at, (period, total) in enumerate(zip(self.question.periods, sums.amounts, strict=True))
        ]
        return rows[::-1]

    def _days_of(self, first: dt.date) -> str:
        question = self.question
        if question.granularity is Granularity.DAY or question.basis is Basis.INVOICE_MONTH:
            return ""
        last = question.granularity.next(first) - DAY
        days = Days(max(first, question.days.first), min(last, question.days.last))
        return self.address.of_days(days).but(granularity="").query

    def _label(self, sums: Sums) -> str:
        """Chart in a sentence, for who does not see it."""
        question = self.question
        total, highest = max(zip(sums.amounts, question.periods, strict=True))
        of = f"Bars by {question.granularity.value}, {days_words(question.days)}"
        most = f"most of it in {period_words(question, highest)} with {_words(sums, total)}"
        return f"{of}: {_words(sums, sums.total)} {_unit(sums)} in all, {most}"


def _weight(section: Section) -> int:
    """About as many bytes as the section has in a page."""
    weight = SECTION_BYTES + sum(ROW_BYTES + len(row.query) for row in section.rows)
    if section.chart:
        weight += sum(40 + len(each.path) for each in section.chart.silhouettes)
        weight += sum(80 + len(each.words) for each in section.chart.hints)
    for row in section.periods:
        weight += PERIOD_BYTES + len(row.query) + sum(CELL_BYTES + len(each) for each in (*row.amounts, row.total))
    return weight


def _unit(sums: Sums) -> str:
    return sums.currency or sums.unit or "units"


def _words(sums: Sums, exact: Decimal) -> str:
    return amount(exact, is_quantity=sums.currency is None)


def _change(sums: Sums, now: Decimal, before: Decimal | None) -> Change | None:
    return None if before is None else change_of(now, before, is_quantity=sums.currency is None)
