"""What a forecast must be, computed anew: in fractions, day by day, with a loop for each of the last weeks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from typing import NamedTuple

Shares = tuple[Decimal, Decimal, Decimal]  # mean, least, greatest


class Day(NamedTuple):
    """A loaded day: `final`, `settled` or `raw`, and what days of its age had of their final cost, if that is known."""

    state: str
    shares: Shares | None = None


class Told(NamedTuple):
    amount: Decimal
    low: Decimal
    high: Decimal


def rounded(number: Fraction) -> Decimal:
    """Nine decimals, half away from zero."""
    with localcontext() as context:
        context.prec = 200
        exact = Decimal(number.numerator) / Decimal(number.denominator)
        return exact.quantize(Decimal("1e-9"), ROUND_HALF_UP)


def divided(amount: Decimal, by: Decimal) -> Decimal:
    return rounded(Fraction(amount) / Fraction(by))


def month_days(first: date) -> list[date]:
    days = [first]
    while (days[-1] + timedelta(days=1)).month == first.month:
        days.append(days[-1] + timedelta(days=1))
    return days


def forecast(amounts: Mapping[date, Decimal], days: Mapping[date, Day], first: date, today: date) -> Told | None:
    """Amount and bounds of the month of one provider, or `None`.

    It has no days before its first one, and none after its last one if that is more than two weeks ago. Days after the
    month tell whether it is loaded again, as far as they begin a new one's first half.
    """
    month_end = month_days(first)[-1]
    known_to = min(month_end, today)
    last_loaded = max(day for day in days if day <= month_end + timedelta(days=15))
    ended = last_loaded < min(today - timedelta(days=14), month_end)
    days = {day: state for day, state in days.items() if day <= known_to}

    def cost(day: date) -> Decimal:
        return amounts.get(day, Decimal()) if day in days else Decimal()

    def by_itself(day: date) -> Told | None:
        state = days.get(day)
        if state is None or (state.state == "raw" and state.shares is None):
            return None
        if state.state == "final" or state.shares is None:
            return Told(cost(day), cost(day), cost(day))
        mean, least, greatest = state.shares
        ends = [divided(cost(day), least), divided(cost(day), greatest)]
        return Told(divided(cost(day), mean), min(ends), max(ends))

    told = [each for day in month_days(first) if (each := by_itself(day))]
    open_days = [day for day in month_days(first) if day >= min(days) and by_itself(day) is None]
    sums = [Decimal(), Decimal(), Decimal()]
    for each in told:
        sums = [one + other for one, other in zip(sums, each, strict=True)]
    if ended:
        sums = [each + sum((cost(day) for day in open_days), Decimal()) for each in sums]
    elif open_days:
        of_weeks = _by_weeks(open_days, days, by_itself, cost)
        if len(of_weeks) < 2:
            return None
        newest = rounded((Fraction(of_weeks[0]) + Fraction(of_weeks[1])) / 2)
        times, least = {2: ("2", "0.1"), 3: ("1.3", "0.07"), 4: ("1", "0.05")}[len(of_weeks)]
        differ = Fraction(max(of_weeks) - min(of_weeks)) * Fraction(times)
        spread = rounded(max(differ, abs(Fraction(newest)) * Fraction(least)))
        there = sum((cost(day) for day in open_days), Decimal())
        low = newest - spread if newest < 0 else max(newest - spread, min(there, *of_weeks))
        sums = [sums[0] + newest, sums[1] + low, sums[2] + newest + spread]
    return Told(*sums)


def _by_weeks(
    open_days: list[date],
    days: Mapping[date, Day],
    by_itself: Callable[[date], Told | None],
    cost: Callable[[date], Decimal],
) -> list[Decimal]:
    """What the open days would cost by each of the last four whole weeks of the last six."""
    settled = {day for day, state in days.items() if state.state in ("final", "settled")}
    if not settled or max(settled) < max(days) - timedelta(days=14):
        return []

    def known(day: date) -> Decimal:
        told = by_itself(day)
        assert told
        return told.amount

    def usual(day: date) -> Decimal:
        """The first and the last day of a month are cut to what the weekday has cost at most within four weeks.

        Another day is cut where it stands three times as high as all around it, or as low.
        """
        near = [day + timedelta(days=7 * number) for number in (-4, -3, -2, -1, 1, 2, 3, 4)]
        others = [known(each) for each in near if each in settled and not _edge(each)]
        if not others:
            return known(day)
        if _edge(day):
            return min([known(day), max(others)])
        beside = [known(each) for each in (day - timedelta(days=1), day + timedelta(days=1)) if each in settled]
        largest = max(abs(Fraction(each)) for each in [*others, *beside])
        if Fraction(known(day)) - Fraction(max([*others, *beside])) > 2 * largest:
            return max(others)
        if Fraction(min([*others, *beside])) - Fraction(known(day)) > 2 * largest:
            return min(others)
        return known(day)

    def monthly(day: date) -> Decimal:
        if not _edge(day):
            return Decimal()
        same = [each for each in settled if (each.year, each.month) == _month_before(day) and _edge(each)]
        same = [each for each in same if (each.day == 1) == (day.day == 1)]
        return known(same[0]) - usual(same[0]) if same else Decimal()

    found: list[Decimal] = []
    for number in range(6):
        ends = max(settled) - timedelta(days=7 * number)
        week = {ends - timedelta(days=back) for back in range(7)}
        if week <= settled and len(found) < 4:
            by_weekday = {day.isoweekday(): usual(day) for day in week}
            of_days = (_at_least(by_weekday[day.isoweekday()] + monthly(day), day, days, cost) for day in open_days)
            found.append(sum(of_days, Decimal()))
    return found


def _at_least(amount: Decimal, day: date, days: Mapping[date, Day], cost: Callable[[date], Decimal]) -> Decimal:
    return max(amount, cost(day)) if day in days else amount


def _edge(day: date) -> bool:
    return 1 in (day.day, (day + timedelta(days=1)).day)


def _month_before(day: date) -> tuple[int, int]:
    return (day.year - 1, 12) if day.month == 1 else (day.year, day.month - 1)
