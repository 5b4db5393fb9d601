"""Amounts, periods and days of costs as pages show them: rounded for people, beside exact ones in the file and API."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from functions.console.cost_address import word_of
from functions.console.readable import NBSP, NO_VALUE
from functions.costs.answer import DayState, Group, Kind, State
from functions.costs.question import DAY, Days, Granularity, Question

MINUS = "\u2212"
CENT = Decimal("0.01")
STATE_WORDS: Mapping[State, str] = {
    State.MISSING: "not loaded",
    State.HALF_LOADED: "loaded without the newest costs",
    State.PROVISIONAL: "loaded before the day was over",
    State.SETTLING: "may still change",
    State.UNKNOWN: "loaded before there was a history",
}
_UNITS = ((Decimal(10) ** 12, "T"), (Decimal(10) ** 9, "B"), (Decimal(10) ** 6, "M"), (Decimal(10) ** 3, "k"))


def amount(exact: Decimal, *, is_quantity: bool = False) -> str:
    """`1,284.20`, `-3.00`, `<0.01` of what is less than a cent; a whole quantity without decimals."""
    sign = MINUS if exact < 0 else ""
    size = abs(exact)
    if is_quantity and size == size.to_integral_value():
        return f"{sign}{size:,.0f}"
    return f"{sign}<{CENT}" if 0 < size < CENT else f"{sign}{size:,.2f}"


def difference(now: Decimal, before: Decimal, *, is_quantity: bool = False) -> str:
    """`+12.30`, or `-3.00`; `0.00` where nothing has changed."""
    change = now - before
    return f"{'+' if change > 0 else ''}{amount(change, is_quantity=is_quantity)}"


def percent_more(now: Decimal, before: Decimal) -> str:
    """`+12.3 %` of what it was before, `new` where that was nothing."""
    if not before:
        return "new" if now else NO_VALUE
    change = (now - before) / abs(before) * 100
    shown = f"{abs(change):,.1f}{NBSP}%"
    return shown if shown.startswith(f"0.0{NBSP}") else f"{MINUS if change < 0 else '+'}{shown}"


def share(part: Decimal, whole: Decimal) -> str:
    """`12.3 %` of the whole; a dash where there is none."""
    if whole <= 0 or part < 0:
        return NO_VALUE
    return f"{part / whole * 100:.1f}{NBSP}%"


def short(number: Decimal) -> str:
    """Number of an axis: `0`, `2.5`, `12k`, `1.5M`."""
    sign, size = (MINUS if number < 0 else ""), abs(number)
    for unit, letter in _UNITS:
        if size >= unit:
            return f"{sign}{_bare(size / unit)}{letter}"
    return f"{sign}{_bare(size)}"


def _bare(number: Decimal) -> str:
    text = f"{number.normalize():f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


@dataclass(frozen=True)
class NamePart:
    """Value of one dimension. `id` is what the name stands for, empty without a name; `is_none` where there is none."""

    text: str
    id: str = ""
    is_none: bool = False


def name_parts(group: Group, providers: Mapping[str, str]) -> list[NamePart]:
    """What a group is, a part for each dimension; one part in our own words where it is no single group."""
    if group.kind is Kind.OTHER:
        count = f"{group.group_count:,} {'group' if group.group_count == 1 else 'groups'}"
        return [NamePart("Other", f"{count} beyond the largest", is_none=True)]
    if group.kind is Kind.UNATTRIBUTED:
        return [NamePart("Unattributed", " and ".join(f"no {word_of(word)}" for word in group.key), is_none=True)]
    return [_part(word, value, group.names.get(word), providers) for word, value in group.key.items()] or [
        NamePart("All costs")
    ]


def _part(word: str, value: str | None, name: str | None, providers: Mapping[str, str]) -> NamePart:
    if value is None:
        return NamePart(f"no {word_of(word)}", is_none=True)
    if word == "provider":
        return NamePart(providers.get(value, value))
    return NamePart(name, value) if name and name != value else NamePart(value)


def plain_name(parts: Iterable[NamePart]) -> str:
    """Parts of a name in one line."""
    return " · ".join(part.text for part in parts)


def period_words(question: Question, first: dt.date) -> str:
    """`Sun 1 Nov` of a day, with its year where days are of several; `2 - 8 Nov 2026` of a week, `Nov 2026`."""
    if question.granularity is Granularity.MONTH:
        return f"{first:%b %Y}"
    if question.granularity is Granularity.WEEK:
        return days_words(Days(first, first + 6 * DAY))
    year = f" {first.year}" if question.days.first.year != question.days.last.year else ""
    return f"{first:%a} {first.day} {first:%b}{year}"


def period_label(granularity: Granularity, first: dt.date) -> str:
    """Period below a chart: `1 Nov`, or `Nov 2026` of a month."""
    return f"{first:%b}{NBSP}{first:%Y}" if granularity is Granularity.MONTH else f"{first.day}{NBSP}{first:%b}"


def days_words(days: Days) -> str:
    """`1 - 30 Nov 2026`, `28 Oct - 3 Nov 2026`, `1 Nov 2026`; the dash is NO_VALUE's."""
    first, last = days.first, days.last
    end = f"{last.day} {last:%b %Y}"
    if first == last:
        return end
    if first.year != last.year:
        return f"{first.day} {first:%b %Y} {NO_VALUE} {end}"
    return f"{first.day} {first:%b} {NO_VALUE} {end}" if first.month != last.month else f"{first.day} {NO_VALUE} {end}"


def completeness_words(days: Sequence[DayState], providers: Mapping[str, str]) -> list[str]:
    """A line for each provider with days that are not final: how many, which ones, and why."""
    found: dict[str, dict[State, list[dt.date]]] = {}
    for day in days:
        if day.state is not State.FINAL:
            found.setdefault(day.provider, {}).setdefault(day.state, []).append(day.date)
    lines = []
    for provider, states in found.items():
        words = [_of_state(state, states[state]) for state in STATE_WORDS if state in states]
        lines.append(f"{providers.get(provider, provider)}: {', '.join(words)}")
    return lines


def _of_state(state: State, dates: Sequence[dt.date]) -> str:
    span = Days(dates[0], dates[-1])
    count = f"{len(dates)} {'day' if len(dates) == 1 else 'days'}"
    where = days_words(span) if len(span) == len(dates) else f"between {days_words(span)}"
    return f"{count} {STATE_WORDS[state]} ({where})"
