"""Runways of prepaid balances: what is left of each, and when it runs out at the rate of the last weeks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from cloudact.budgets.balance import Balance
from cloudact.budgets.estimate import Range, Rest, Series, Week, counts, mean_week, week_total
from cloudact.budgets.forecast import Reason, Unknown
from cloudact.budgets.months import DAY, FEWEST_WEEKS, LEAST_SPREAD, NEWEST, SPAN_OF_WEEKS, STALE_DAYS
from cloudact.budgets.spending import NOTHING, Of, Spending, added, less, product, quotient

MOST_DAYS: Final = 400  # of costs that are read for a balance
HORIZON_DAYS: Final = 5 * 366  # after which a date says nothing
ONE: Final = Decimal(1)
LOW_DAYS: Final = (14, 3)  # days left that are told when they are reached


@dataclass(frozen=True)
class Runway:
    """What is left of a balance. `spent` is what is loaded since, `None` where nothing is; then nothing is known.

    `runs_out` is the day on which it is used up at the rate of the two newest weeks, `earliest` and `latest` those at
    the rate of the dearest and the cheapest of four, or at that of weeks that are a little dearer and cheaper than the
    newest, and never on the wrong side of it; `None` where that is more than five years away, or not known.
    """

    balance: Balance
    today: date
    spent: Decimal | None
    daily_rate: Decimal | None
    runs_out: date | None
    earliest: date | None
    latest: date | None
    rests_on: Mapping[Rest, int]
    weeks: int
    unknown: Unknown | None

    @property
    def left(self) -> Decimal | None:
        """What is left, exactly, of what is loaded; below zero where more was spent."""
        return None if self.spent is None else less(self.balance.amount, self.spent)

    @property
    def days_left(self) -> int | None:
        """Days until it runs out, 0 on that day and after it."""
        if self.left is not None and self.left <= NOTHING:
            return 0
        return None if self.runs_out is None else max(0, (self.runs_out - self.today).days)


def read_from(balances: Sequence[Balance], today: date) -> date:
    """First day whose costs are read for these balances."""
    rate = today - (STALE_DAYS + SPAN_OF_WEEKS * 7) * DAY
    oldest = min((each.as_of for each in balances), default=today)
    return max(min(oldest, rate), today - MOST_DAYS * DAY)


def runway_of(balance: Balance, spending: Spending, today: date) -> Runway:
    """What is left of a balance, and how long it lasts."""
    if (today - balance.as_of).days > MOST_DAYS:
        return _unknown(balance, today, Reason.BALANCE_TOO_OLD)
    loaded = spending.days.get(balance.provider, {})
    if not loaded:
        return _unknown(balance, today, Reason.NOTHING_LOADED)
    amounts = spending.by_provider(Of(), balance.currency).get(balance.provider, {})
    series = Series(amounts, loaded, today, today)
    days = [balance.as_of + number * DAY for number in range((today - balance.as_of).days + 1)]
    spent, rests, weeks = series.spent(days), counts(series.rest(day) for day in days), series.weeks
    if len(weeks) < FEWEST_WEEKS:
        unknown = Unknown(Reason.STOPPED if series.has_stopped else Reason.TOO_FEW_DAYS, balance.provider)
        return Runway(balance, today, spent, None, None, None, None, rests, len(weeks), unknown)
    mean = mean_week(weeks)
    possible = [*weeks, *(_times(mean, ONE + share) for share in (LEAST_SPREAD[len(weeks)], -LEAST_SPREAD[len(weeks)]))]
    dearest, cheapest = max(possible, key=week_total), min(possible, key=week_total)
    runs_out = _runs_out(balance, series, mean, lambda found: found.amount)
    earliest, latest = _around(
        runs_out,
        _runs_out(balance, series, dearest, lambda found: found.high),
        _runs_out(balance, series, cheapest, lambda found: found.low),
    )
    return Runway(
        balance=balance,
        today=today,
        spent=spent,
        daily_rate=quotient(added(week_total(week) for week in weeks[:NEWEST]), Decimal(7 * NEWEST)),
        runs_out=runs_out,
        earliest=earliest,
        latest=latest,
        rests_on=rests,
        weeks=len(weeks),
        unknown=None,
    )


def _unknown(balance: Balance, today: date, reason: Reason) -> Runway:
    return Runway(balance, today, None, None, None, None, None, counts([]), 0, Unknown(reason, balance.provider))


def _times(week: Week, factor: Decimal) -> Week:
    return {weekday: product(amount, factor) for weekday, amount in week.items()}


def _around(runs_out: date | None, earliest: date | None, latest: date | None) -> tuple[date | None, date | None]:
    """Earliest and latest day, moved to `runs_out` where they are beyond it; `None` is later than any day.

    A dear week may have cheap days where a balance ends in the middle of one.
    """
    after = date.max
    first, last = min(earliest or after, runs_out or after), max(latest or after, runs_out or after)
    return (None if first == after else first), (None if last == after else last)


def _runs_out(balance: Balance, series: Series, week: Week, bound: Callable[[Range], Decimal]) -> date | None:
    """First day after whose costs nothing is left; of days that are over the first since which nothing is."""
    left, day = balance.amount, balance.as_of
    since: date | None = None
    while (day - series.today).days <= HORIZON_DAYS:
        found = series.range(day)
        usual = series.as_in(week, day)
        left = less(left, usual if found is None else bound(found))
        since = (since or day) if left <= NOTHING else None
        if since is not None and day >= series.today:
            return since
        day += DAY
    return None
