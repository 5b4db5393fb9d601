"""What a provider's days cost, or will cost: as loaded, as restatements of other days tell, or as its last weeks were.

Exact decimals: each quotient is rounded once, to nine decimals, and sums are exact.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from cloudact.budgets.months import (
    DAY,
    FEWEST_WEEKS,
    LEAST_SPREAD,
    NEWEST,
    SPAN_OF_WEEKS,
    STALE_DAYS,
    TIMES_ALONE,
    TIMES_SPREAD,
    WEEKS,
)
from cloudact.budgets.spending import NOTHING, Amounts, LoadedDay, added, less, product, quotient, rounded

Week = Mapping[int, Decimal]  # amounts by weekday, Monday is 0


class Range(NamedTuple):
    """Amount, and between what it lies."""

    amount: Decimal
    low: Decimal
    high: Decimal


def total(ranges: Iterable[Range]) -> Range:
    """Exact sums of amounts and of both bounds."""
    found = list(ranges)
    return Range(*(added(each[place] for each in found) for place in range(3)))


class Rest(StrEnum):
    """What the amount of a day rests on."""

    FINAL = "final"
    SETTLING = "settling"  # read long enough after its end, or others of its age were measured
    PROVISIONAL = "provisional"  # loaded, and nobody knows how much of it
    MISSING = "missing"  # over, and not loaded
    TO_COME = "to_come"


@dataclass(frozen=True)
class Series:
    """Costs of one provider in one currency, of all or of a part: amounts by day, and the days that are loaded.

    `known_until` is the last day that counts, and `today` the day of whoever looks. One day at least is loaded by then.
    Later loaded days tell that the provider goes on, and nothing else.
    """

    amounts: Amounts
    loaded: Mapping[date, LoadedDay]
    known_until: date
    today: date

    @cached_property
    def first_day(self) -> date:
        """First day that is loaded."""
        return min(self.loaded)

    @cached_property
    def last_day(self) -> date:
        """Last day that is loaded, of those that count."""
        return max(filter(self._is_loaded, self.loaded))

    @cached_property
    def has_stopped(self) -> bool:
        """Whether it is loaded no more: it was disconnected, or has failed for so long that nobody knows."""
        newest = max(self.loaded)
        return newest < self.known_until and (self.today - newest).days > STALE_DAYS

    @property
    def is_charged(self) -> bool:
        """Whether there are costs of any day that counts."""
        return any(map(self._is_loaded, self.amounts))

    def has(self, day: date) -> bool:
        """Whether the day is one of the provider's: none before its first loaded one, and none after it has stopped."""
        return self.first_day <= day and not (self.has_stopped and day > self.last_day)

    def spent(self, days: Iterable[date]) -> Decimal:
        """Sum of what is loaded of these days."""
        return added(self.amounts.get(day, NOTHING) for day in days)

    def rest(self, day: date) -> Rest:
        """What the day's amount rests on."""
        known = self.loaded.get(day) if day <= self.known_until else None
        if known is None:
            return Rest.MISSING if day < self.today else Rest.TO_COME
        if known.is_final:
            return Rest.FINAL
        return Rest.SETTLING if known.is_settled or known.shares else Rest.PROVISIONAL

    def range(self, day: date) -> Range | None:
        """Amount of a day by what is loaded of it; `None` where the last weeks must tell."""
        if self.rest(day) not in (Rest.FINAL, Rest.SETTLING):
            return None
        amount, shares = self.amounts.get(day, NOTHING), self.loaded[day].shares
        if shares is None:
            return Range(amount, amount, amount)
        bounds = sorted((quotient(amount, shares.greatest), quotient(amount, shares.least)))
        return Range(quotient(amount, shares.median), *bounds)

    @cached_property
    def weeks(self) -> Sequence[Week]:
        """The last whole weeks of days that are known, at most four, the newest first; none where they are stale."""
        settled = [day for day in self.loaded if self._is_settled(day)]
        if not settled or self.has_stopped or (self.last_day - max(settled)).days > STALE_DAYS:
            return []
        last = max(settled)
        whole = (self._week(last - number * 7 * DAY) for number in range(SPAN_OF_WEEKS))
        return [week for week in whole if week is not None][:WEEKS]

    def _week(self, last: date) -> Week | None:
        days = [last - number * DAY for number in range(7)]
        if not all(self._is_settled(day) for day in days):
            return None
        return {day.weekday(): self._usual(day) for day in days}

    def _amount(self, day: date) -> Decimal:
        """What a settled day costs."""
        found = self.range(day)
        return NOTHING if found is None else found.amount

    def _usual(self, day: date) -> Decimal:
        """What a settled day costs, without what comes once: that is not expected of every week.

        The first and the last of a month cost no more than other same weekdays around them. Any other day that is more
        than twice as far from these and from the days beside it as they are large costs as the nearest of them.
        """
        amount = self._amount(day)
        near = [day + number * 7 * DAY for number in range(-WEEKS, WEEKS + 1) if number]
        others = [self._amount(each) for each in near if self._is_settled(each) and not is_edge(each)]
        if not others:
            return amount
        if is_edge(day):
            return min(amount, max(others))
        around = others + [self._amount(each) for each in (day - DAY, day + DAY) if self._is_settled(each)]
        reach = product(TIMES_ALONE, max(map(abs, around)))
        if amount > added((max(around), reach)):
            return max(others)
        return min(others) if amount < less(min(around), reach) else amount

    def _monthly(self, day: date) -> Decimal:
        """What the first, or last, day of the month before has cost beyond its weekday: most likely this one's too."""
        before = edge_before(day)
        if before is None or not self._is_settled(before):
            return NOTHING
        return less(self._amount(before), self._usual(before))

    def _is_settled(self, day: date) -> bool:
        return self._is_loaded(day) and self.loaded[day].is_settled

    def expected(self, days: Iterable[date]) -> Range | None:
        """Amount of days as in the two newest weeks, give or take what the dearest and the cheapest of all differ by.

        The fewer weeks there are, the wider: two or three differ by less than four, and equal ones are no certainty.
        A day costs no less than what is loaded of it, so that all of them cost no less than that at the least, too,
        unless credits make the amount less than nothing.
        `None` where fewer than two weeks are known.
        """
        wanted, weeks = list(days), self.weeks
        if not wanted:
            return Range(NOTHING, NOTHING, NOTHING)
        if len(weeks) < FEWEST_WEEKS:
            return None
        sums = [added(self.as_in(week, day) for day in wanted) for week in weeks]
        amount = quotient(added(sums[:NEWEST]), Decimal(NEWEST))
        differ = product(less(max(sums), min(sums)), TIMES_SPREAD[len(sums)])
        spread = rounded(max(differ, product(abs(amount), LEAST_SPREAD[len(sums)])))
        low = less(amount, spread)
        if amount >= NOTHING:  # credits may be larger than they were; costs are not below the cheapest week's and zero
            low = max(low, min(*sums, self.spent(day for day in wanted if self._is_loaded(day))))
        return Range(amount, low, added((amount, spread)))

    def as_in(self, week: Week, day: date) -> Decimal:
        """What a day costs by a week: its weekday, and what is monthly; no less than is loaded of it."""
        amount = added((week[day.weekday()], self._monthly(day)))
        return max(amount, self.amounts.get(day, NOTHING)) if self._is_loaded(day) else amount

    def _is_loaded(self, day: date) -> bool:
        return day in self.loaded and day <= self.known_until

    def of(self, days: Iterable[date]) -> Range | None:
        """Amount of those of these days that are its own; `None` where too little is known.

        Where it has stopped, what is loaded and nothing more.
        """
        wanted = list(filter(self.has, days))
        told = {day: found for day in wanted if (found := self.range(day)) is not None}
        others = [day for day in wanted if day not in told]
        expected = Range(*[self.spent(others)] * 3) if self.has_stopped else self.expected(others)
        return None if expected is None else total([*told.values(), expected])


def is_edge(day: date) -> bool:
    """Whether it is the first or the last day of a month, on which fees and monthly jobs come."""
    return day.day == 1 or (day + DAY).day == 1


def edge_before(day: date) -> date | None:
    """First day of the month before, of a first one; last day of it, of a last one; else `None`."""
    last = day.replace(day=1) - DAY
    if day.day == 1:
        return last.replace(day=1)
    return last if is_edge(day) else None


def counts(rests: Iterable[Rest]) -> dict[Rest, int]:
    """Number of days that rest on each."""
    found = list(rests)
    return {rest: found.count(rest) for rest in Rest}


def mean_week(weeks: Sequence[Week]) -> Week:
    """Mean of each weekday in the newest two."""
    return {weekday: quotient(added(week[weekday] for week in weeks[:NEWEST]), Decimal(NEWEST)) for weekday in range(7)}


def week_total(week: Week) -> Decimal:
    """Sum of its days."""
    return added(week.values())
