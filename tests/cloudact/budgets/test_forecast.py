"""Forecasts of a month: equal to a computation of their own, whatever is loaded, and unknown where too little is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudact.budgets.estimate import Rest
from cloudact.budgets.forecast import MonthForecast, Reason, forecast_of
from cloudact.budgets.months import Month
from cloudact.budgets.spending import ALL, LoadedDay, Shares, Spending, added
from tests.cloudact.budgets import reference
from tests.cloudact.budgets.reference import Day

FIRST, TODAY = date(2026, 11, 1), date(2026, 11, 12)
BEGIN = date(2026, 9, 1)
DAY = timedelta(days=1)
AMOUNTS = st.decimals(-5, 10**9, places=9)
SHARES = (
    st.tuples(*[st.decimals("0.000000001", 2, places=9)] * 3).map(sorted).map(lambda each: (each[1], each[0], each[2]))
)
DAYS = st.one_of(
    st.sampled_from([Day("final"), Day("settled"), Day("raw"), None]),
    st.builds(Day, st.sampled_from(["settled", "raw"]), SHARES),
)


def spending(amounts: Mapping[str, Mapping[date, Decimal]], days: Mapping[str, Mapping[date, Day]]) -> Spending:
    loaded = {
        provider: {
            day: LoadedDay(
                state.state == "final", state.state != "raw", Shares(*state.shares) if state.shares else None
            )
            for day, state in each.items()
        }
        for provider, each in days.items()
    }
    return Spending({(ALL, "USD"): amounts}, loaded)


@st.composite
def months(draw: st.DrawFn) -> tuple[dict[str, dict[date, Decimal]], dict[str, dict[date, Day]], date, date]:
    """Costs of one or two providers: mostly whole weeks, and then days that lack or are not settled."""
    today = draw(st.dates(FIRST, date(2026, 12, 10)))
    amounts, days = {}, {}
    for provider in draw(st.sampled_from([["a"], ["a", "b"]])):
        span = [BEGIN + number * DAY for number in range((min(today, date(2026, 11, 30)) - BEGIN).days + 1)]
        odd = draw(st.dictionaries(st.sampled_from(span[-50:]), DAYS, max_size=12))
        states = {day: odd.get(day, Day("final")) for day in span[: len(span) - draw(st.integers(0, 20))]}
        days[provider] = {day: state for day, state in states.items() if state is not None}
        of_week = draw(st.lists(AMOUNTS, min_size=7, max_size=7))
        more = draw(st.dictionaries(st.sampled_from(span[-60:]), AMOUNTS, max_size=8))
        amounts[provider] = {day: more.get(day, of_week[day.weekday()]) for day in days[provider]}
    return amounts, days, FIRST, today


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(months())
def test_a_forecast_is_what_it_says(
    drawn: tuple[dict[str, dict[date, Decimal]], dict[str, dict[date, Day]], date, date],
) -> None:
    """Amount and both bounds equal a computation in fractions, to the last digit; one provider unknown, all unknown."""
    amounts, days, first, today = drawn
    month = Month(first, today)
    told = forecast_of(spending(amounts, days), month, "USD")
    read = {name: {day: state for day, state in each.items() if day >= month.read_from} for name, each in days.items()}
    expected = [reference.forecast(amounts[name], each, first, today) for name, each in read.items() if each]
    if not expected or None in expected:
        assert told.forecast is None
        assert told.unknown is not None
        return
    assert told.forecast is not None
    for place, total in enumerate(told.forecast):
        assert total == added(each[place] for each in expected if each)
    assert told.forecast.low <= told.forecast.amount <= told.forecast.high
    in_month = [day for day in reference.month_days(first) if day <= today]
    loaded = [amounts[name].get(day, Decimal()) for name in days for day in in_month]
    assert told.spent == (added(loaded) if any(day in each for each in days.values() for day in in_month) else None)


def of(costs: Mapping[date, Decimal], states: Mapping[date, Day] | None = None, today: date = TODAY) -> MonthForecast:
    states = {day: Day("final") for day in costs} if states is None else states
    return forecast_of(spending({"a": costs}, {"a": states}), Month(FIRST, today), "USD")


def numbers(told: MonthForecast) -> object:
    """Amount and both bounds."""
    return None if told.forecast is None else [*told.forecast]


def weekly(weekday: str, weekend: str, last: date = date(2026, 11, 11)) -> dict[date, Decimal]:
    days = (BEGIN + number * DAY for number in range((last - BEGIN).days + 1))
    return {day: Decimal(weekend if day.weekday() > 4 else weekday) for day in days}


def test_weekdays_count() -> None:
    """November has 21 working days and 9 of weekends; the run rate, which knows no weekdays, is told beside it."""
    told = of(weekly("100", "40"))
    assert numbers(told) == [2460] * 3
    assert told.spent == 8 * 100 + 3 * 40
    assert told.run_rate == Decimal("2509.090909091")  # 920 / 11 * 30
    assert told.weeks == 4
    assert told.rests_on == {
        Rest.FINAL: 11, Rest.SETTLING: 0, Rest.PROVISIONAL: 0, Rest.MISSING: 0, Rest.TO_COME: 19,
    }  # fmt: skip


def test_the_newest_weeks_go_on_and_all_four_tell_how_weeks_differ() -> None:
    """Of four weeks at 10, 20, 30 and 40 a day the newest two are repeated, give or take thirty a day."""
    costs = {}
    for number in range(28):
        costs[date(2026, 11, 11) - number * DAY] = Decimal(40 - 10 * (number // 7))
    told = of(costs)
    spent = 7 * 40 + 4 * 30
    assert numbers(told) == [spent + 19 * 35, spent + 19 * 5, spent + 19 * 65]


def test_a_day_that_will_still_change() -> None:
    """What was there of other days at this age tells what it becomes; where nobody knows, it is as usual, or more."""
    costs = weekly("100", "40")
    yesterday = date(2026, 11, 11)
    costs[yesterday] = Decimal(60)
    states = {day: Day("final") for day in costs}
    shares = (Decimal("0.6"), Decimal("0.5"), Decimal("0.8"))
    measured = of(costs, states | {yesterday: Day("raw", shares)})
    assert numbers(measured) == [2460, 2460 - 100 + 75, 2460 - 100 + 120]
    told = of(costs, states | {yesterday: Day("raw")})
    assert numbers(told) == [2460] * 3
    assert (told.spent, told.rests_on[Rest.PROVISIONAL]) == (Decimal(880), 1)
    costs[yesterday] = Decimal(150)
    assert numbers(of(costs, states | {yesterday: Day("raw")})) == [2510] * 3


def test_a_month_costs_no_less_than_is_loaded() -> None:
    """Weeks that differ by more than they cost make the range no lower than what a day of today has cost by now."""
    costs = {TODAY - number * DAY: Decimal(10 if number < 15 else 500) for number in range(30)} | {TODAY: Decimal(700)}
    told = of(costs, {day: Day("raw" if day == TODAY else "final") for day in costs})
    assert told.spent is not None
    assert told.forecast is not None
    assert (told.spent, told.forecast.low) == (Decimal(11 * 10 + 700), told.spent)


@pytest.mark.parametrize("once", ["10000", "-3000"])
def test_what_comes_once_is_counted_once(once: str) -> None:
    """A purchase, or a credit, of one day is in the month, and is not expected of the weeks that follow."""
    costs = weekly("100", "100") | {date(2026, 11, 10): Decimal(once)}
    assert numbers(of(costs)) == [29 * 100 + Decimal(once)] * 3


def test_what_begins_goes_on() -> None:
    """A launch that makes each day five times as dear is expected to stay, as soon as a second day has shown it."""
    costs = weekly("100", "100") | {date(2026, 11, day): Decimal(500) for day in range(9, 12)}
    told = of(costs)
    assert told.forecast is not None
    newest = 3 * 300 + 4 * 100  # the mean of the two newest weeks: three days at 500 and 100, four at 100
    assert told.forecast.amount == 8 * 100 + 3 * 500 + 2 * newest + 4 * 100 + 300


@pytest.mark.parametrize(("day", "first"), [(31, date(2026, 11, 1)), (1, date(2026, 11, 1))])
def test_what_comes_once_a_month_comes_again(day: int, first: date) -> None:
    """A fee on the last day, or the first, of the month before is expected once more; no weekday is dearer for it."""
    costs = {BEGIN + number * DAY: Decimal(10) for number in range((first - BEGIN).days)}
    costs[date(2026, 10, day)] = Decimal(510)
    told = forecast_of(
        spending({"a": costs}, {"a": {each: Day("final") for each in costs}}), Month(first, first), "USD"
    )
    assert numbers(told) == [800] * 3


@pytest.mark.parametrize(
    ("costs", "reason"),
    [
        ({}, Reason.NOTHING_LOADED),
        ({date(2026, 11, 11) - number * DAY: Decimal(1) for number in range(13)}, Reason.TOO_FEW_DAYS),
        (weekly("100", "40", last=date(2026, 10, 28)), Reason.TOO_FEW_DAYS),
    ],
)
def test_too_little_is_unknown(costs: dict[date, Decimal], reason: Reason) -> None:
    """Nothing loaded, less than two weeks, or none of late: there is no forecast, and never one of zero."""
    told = of(costs)
    assert (told.forecast, told.unknown and told.unknown.reason) == (None, reason)


def test_two_weeks_are_enough() -> None:
    """Fourteen settled days make a forecast, and it says that it rests on two weeks."""
    told = of({date(2026, 11, 11) - number * DAY: Decimal(1) for number in range(14)})
    assert (numbers(told), told.weeks) == ([30] * 3, 2)


def test_a_month_that_is_over_and_final_is_what_it_was() -> None:
    """No weeks are needed where every day is known."""
    told = forecast_of(spending({"a": {FIRST: Decimal(7)}}, {"a": {
        day: Day("final") for day in reference.month_days(FIRST)
    }}), Month(FIRST, date(2027, 3, 1)), "USD")  # fmt: skip
    assert (told.spent, numbers(told)) == (Decimal(7), [7] * 3)
