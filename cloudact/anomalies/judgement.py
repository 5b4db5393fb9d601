"""Judges a day of one series by the same weekdays before it: median and median absolute deviation, exact."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import IntEnum

from cloudact.anomalies.cost_days import DAY
from cloudact.anomalies.sensitivity import Sensitivity

NOTHING = Decimal()
Amounts = Mapping[date, Decimal]


class Direction(IntEnum):
    """Where a day lies: above what was to be expected, below, or neither."""

    DOWN = -1
    NONE = 0
    UP = 1


@dataclass(frozen=True)
class Judgement:
    """Day of a series: its amount, what was to be expected by the same weekdays, and how far it may be from that."""

    amount: Decimal
    expected: Decimal
    threshold: Decimal
    direction: Direction
    is_first: bool  # nothing was charged on any day before that was read
    seen: int  # number of the same weekdays on which something was charged
    usual: Direction = Direction.NONE  # where it would lie if the month before had not had the same at its edge

    @property
    def difference(self) -> Decimal:
        """Amount above what was expected; below zero where it fell."""
        return self.amount - self.expected

    def goes(self, direction: Direction) -> bool:
        """Whether it goes at least half as far in this direction as would be an anomaly."""
        return self.difference * direction > self.threshold / 2

    def moves_with(self, other: "Judgement") -> bool:
        """Whether it changes at least half as much as the other does, by their own shares and in its direction."""
        if not other.expected:
            return False
        here, there = self.difference * other.expected * 2, other.difference * abs(self.expected)
        return (here - there) * other.direction >= 0


def same_weekdays(day: date, weeks: int) -> list[date]:
    """Same weekdays before a day, the newest first."""
    return [day - timedelta(days=7 * week) for week in range(1, weeks + 1)]


def median(values: Sequence[Decimal]) -> Decimal:
    """Median, exact: of an even number the mean of both in the middle. There is at least one."""
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def deviations_of(values: Sequence[Decimal]) -> list[Decimal]:
    """Absolute deviations from the median. There is at least one value."""
    middle = median(values)
    return [abs(each - middle) for each in values]


def judged(
    amounts: Amounts, day: date, known: Sequence[date], floor: Decimal, by: Sensitivity, *, is_narrow: bool = False
) -> Judgement:
    """Judges the day by the known same weekdays, the newest first; `floor` is the least difference that counts."""
    values = [amounts.get(each, NOTHING) for each in known]
    amount, expected = amounts.get(day, NOTHING), median(values)
    usual = _usual(amount, expected, values[:2])
    mads, share = by.bounds(is_above=amount > usual, is_narrow=is_narrow)
    threshold = max(mads * median(deviations_of(values)), share * abs(usual), floor)
    direction = (
        Direction.NONE if abs(amount - usual) <= threshold else Direction.UP if amount > usual else Direction.DOWN
    )
    is_first = bool(amount) and not any(value for each, value in amounts.items() if each < day)
    return Judgement(amount, usual, threshold, direction, is_first, sum(map(bool, values)))


def _usual(amount: Decimal, expected: Decimal, newest: Sequence[Decimal]) -> Decimal:
    """What both newest weekdays have had already is the new normal: growth, and a level that has held, are no news."""
    if amount > expected:
        return min(amount, max(expected, min(newest)))
    return max(amount, min(expected, max(newest)))


def month_before(day: date, edge_days: int) -> date | None:
    """Day of the month before that a day at either edge of its month is like; `None` for all other days."""
    first = day.replace(day=1)
    if day.day <= edge_days:
        return (first - DAY).replace(day=day.day)
    last = (first + timedelta(days=31)).replace(day=1) - DAY
    left = last - day
    return first - DAY - left if left.days < edge_days else None


def is_usual_there(judgement: Judgement, like: Judgement) -> bool:
    """Whether the month before went half as far at its edge, by amount or by share."""
    there, here = like.difference * judgement.direction * 2, abs(judgement.difference)
    return there >= here or (like.expected > 0 and there * judgement.expected >= here * like.expected)
