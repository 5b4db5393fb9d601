"""Forecasts of a month: equal to a computation of their own, whatever is loaded, and unknown where too little is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudact.budgets.estimate import Rest
from cloudact.budgets.forecast import Began, MonthForecast, Reason, Stopped, Unknown, forecast_of
from cloudact.budgets.months import Month
from cloudact.budgets.spending import ALL, LoadedDay, Shares, Spending, added
from tests.cloudact.budgets import reference
from tests.cloudact.budgets.reference import Day

FIRST, TODAY = date(2026, 11, 1), date(2026, 11, 12)
BEGIN = date(2026, 9, 1)
DAY = timedelta(days=1)
AMOUNTS = st.decimals(-5, 10**9, places=9) | st.decimals(-(10**6), 0, places=9)
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
    """Costs of one or two providers: mostly whole weeks, and then days that lack or are not settled.

    One may begin within the month, or before it, and end weeks ago.
    """
    today = draw(st.dates(FIRST, date(2026, 12, 20)))
    amounts, days = {}, {}
    for provider in draw(st.sampled_from([["a"], ["a", "b"]])):
        span = [BEGIN + number * DAY for number in range((today - BEGIN).days + 1)]
        odd = draw(st.dictionaries(st.sampled_from(span[-50:]), DAYS, max_size=12))
        begins = draw(st.sampled_from([0, 0, 0, 45, 55, 63, 68]))
        states = {day: odd.get(day, Day("final")) for day in span[begins : len(span) - draw(st.integers(0, 20))]}
        gap = range(*draw(st.sampled_from([(0, 0), (0, 0), (50, 75), (70, 95)])))
        days[provider] = {
            day: state for day, state in states.items() if state is not None and (day - BEGIN).days not in gap
        }
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
    known_to = min(today, date(2026, 11, 30))
    read = {name: each for name, each in read.items() if any(day <= known_to for day in each)}
    expected = [reference.forecast(amounts[name], each, first, today) for name, each in read.items()]
    seen = [max(day for day in each if day <= date(2026, 12, 15)) for each in read.values()]
    are_gone = all(newest < min(FIRST, today - 14 * DAY) for newest in seen)
    if not expected or None in expected or are_gone:
        assert told.forecast is None
        assert told.unknown is not None
        return
    assert told.forecast is not None
    for place, total in enumerate(told.forecast):
        assert total == added(each[place] for each in expected if each)
    assert told.forecast.low <= told.forecast.amount <= told.forecast.high
    in_month = [day for day in reference.month_days(first) if day <= today]
    loaded = [amounts[name].get(day, Decimal()) for name in read for day in in_month]
    assert told.spent == (added(loaded) if any(day in each for each in read.values() for day in in_month) else None)


def of(costs: Mapping[date, Decimal], states: Mapping[date, Day] | None = None, today: date = TODAY) -> MonthForecast:
    states = {day: Day("final") for day in costs} if states is None else states
    return forecast_of(spending({"a": costs}, {"a": states}), Month(FIRST, today), "USD")


def numbers(told: MonthForecast) -> object:
    """Amount and both bounds."""
    return None if told.forecast is None else [*told.forecast]


def around(amount: object, by_weeks: int, share: str = "0.05") -> list[Decimal]:
    """Amount, give or take this share of the part that equal weeks tell."""
    spread = by_weeks * Decimal(share)
    return [Decimal(str(amount)), Decimal(str(amount)) - spread, Decimal(str(amount)) + spread]


def weekly(weekday: str, weekend: str, last: date = date(2026, 11, 11)) -> dict[date, Decimal]:
    days = (BEGIN + number * DAY for number in range((last - BEGIN).days + 1))
    return {day: Decimal(weekend if day.weekday() > 4 else weekday) for day in days}


def test_weekdays_count() -> None:
    """November has 21 working days and 9 of weekends; the run rate, which knows no weekdays, is told beside it."""
    told = of(weekly("100", "40"))
    assert numbers(told) == around(2460, 1540)
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
    assert numbers(measured) == [2460, 2460 - 77 - 100 + 75, 2460 + 77 - 100 + 120]
    told = of(costs, states | {yesterday: Day("raw")})
    assert numbers(told) == around(2460, 1640)
    assert (told.spent, told.rests_on[Rest.PROVISIONAL]) == (Decimal(880), 1)
    costs[yesterday] = Decimal(150)
    assert numbers(of(costs, states | {yesterday: Day("raw")})) == around(2510, 1690)


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
    assert numbers(of(costs)) == around(29 * 100 + Decimal(once), 1900)


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
    assert numbers(told) == around(800, 800)


@pytest.mark.parametrize(
    ("costs", "reason"),
    [
        ({}, Reason.NOTHING_LOADED),
        ({date(2026, 11, 11) - number * DAY: Decimal(1) for number in range(13)}, Reason.TOO_FEW_DAYS),
        (weekly("100", "40", last=date(2026, 10, 28)), Reason.STOPPED),
    ],
)
def test_too_little_is_unknown(costs: dict[date, Decimal], reason: Reason) -> None:
    """Nothing loaded, less than two weeks, or none since before the month: no forecast, and never one of zero."""
    told = of(costs)
    assert (told.forecast, told.unknown and told.unknown.reason) == (None, reason)


@pytest.mark.parametrize(("count", "share"), [(2, "0.1"), (3, "0.07"), (4, "0.05"), (5, "0.05")])
def test_equal_weeks_are_no_certainty(count: int, share: str) -> None:
    """Fourteen settled days make a forecast, which says how many weeks it rests on: the fewer, the wider its range."""
    told = of({date(2026, 11, 11) - number * DAY: Decimal(1) for number in range(7 * count)})
    assert (numbers(told), told.weeks) == (around(30, 19, share), min(count, 4))


def test_few_weeks_that_differ_differ_by_chance() -> None:
    """Two weeks of 40 and 30 a day: twice their difference is given or taken, since four weeks differ by more."""
    costs = {date(2026, 11, 11) - number * DAY: Decimal(40 - 10 * (number // 7)) for number in range(14)}
    assert numbers(of(costs)) == [400 + 19 * 35, 400 + 19 * 15, 400 + 19 * 55]


def together(states: Mapping[str, Mapping[date, Day]], cost: int = 10) -> MonthForecast:
    """Forecast of providers whose every loaded day costs as much."""
    costs = {name: dict.fromkeys(days, Decimal(cost)) for name, days in states.items()}
    return forecast_of(spending(costs, states), Month(FIRST, TODAY), "USD")


def final(first: date, last: date) -> dict[date, Day]:
    return {first + number * DAY: Day("final") for number in range((last - first).days + 1)}


def test_a_provider_that_has_stopped_counts_with_what_it_has() -> None:
    """It is expected to cost nothing more, whatever of its last days is not settled, and the answer names it.

    A provider without a day for two weeks may still come again: its days are missing until then.
    """
    month, last = Month(FIRST, date(2026, 11, 20)), date(2026, 11, 5)
    gone = final(BEGIN, last) | {last: Day("raw")}
    states = {"a": final(BEGIN, date(2026, 11, 19)), "b": gone}
    costs = {name: dict.fromkeys(days, Decimal(10)) for name, days in states.items()}
    told = forecast_of(spending(costs, states), month, "USD")
    assert numbers(told) == around(300 + 50, 110)
    assert (told.stopped, told.unknown, told.weeks) == ([Stopped("b", last)], None, 4)
    assert sum(told.rests_on.values()) == 30 + 5
    assert told.run_rate == 350
    alone = forecast_of(spending(costs, states), month, "USD", provider="b")
    assert (numbers(alone), alone.stopped) == ([50] * 3, told.stopped)
    day_before = forecast_of(spending(costs, states), Month(FIRST, date(2026, 11, 19)), "USD")
    assert (day_before.stopped, day_before.forecast and day_before.forecast.amount) == ([], Decimal(600))


def test_a_provider_that_stopped_before_the_month_hides_nothing() -> None:
    """It has no part in the month; alone it is unknown, and says that it has stopped."""
    states = {"a": final(BEGIN, date(2026, 11, 11)), "b": final(BEGIN, date(2026, 10, 20))}
    told = together(states)
    assert (numbers(told), told.spent, told.run_rate) == (around(300, 190), Decimal(110), Decimal(300))
    assert told.stopped == [Stopped("b", date(2026, 10, 20))]
    alone = together({"b": states["b"]})
    assert (alone.forecast, alone.spent, alone.unknown) == (None, None, Unknown(Reason.STOPPED, "b"))


def test_a_provider_that_costs_nothing_is_not_hidden_by_one_that_has_stopped() -> None:
    """Only the one that has stopped was ever charged: the month of the other is nothing, and known."""
    today = date(2026, 11, 20)
    states = {"a": final(BEGIN, date(2026, 11, 19)), "b": final(BEGIN, date(2026, 10, 12))}
    costs = {"b": dict.fromkeys(states["b"], Decimal(100))}
    told = forecast_of(spending(costs, states), Month(FIRST, today), "USD")
    assert (told.spent, numbers(told), told.unknown) == (Decimal(), [0] * 3, None)
    assert (told.stopped, told.rests_on[Rest.FINAL]) == ([Stopped("b", date(2026, 10, 12))], 19)
    alone = forecast_of(spending(costs, states), Month(FIRST, today), "USD", provider="b")
    assert (alone.spent, alone.unknown) == (None, Unknown(Reason.STOPPED, "b"))


OCTOBER, BREAK = date(2026, 10, 1), date(2026, 10, 12)


@pytest.mark.parametrize(
    ("again", "last", "today", "is_stopped"),
    [
        (date(2026, 11, 3), date(2026, 11, 19), date(2026, 11, 20), False),
        (date(2026, 11, 3), date(2026, 11, 3), date(2026, 11, 4), False),
        (date(2026, 11, 3), date(2026, 11, 19), date(2027, 3, 1), False),
        (date(2026, 11, 15), date(2026, 11, 30), date(2026, 12, 1), False),
        (date(2026, 11, 16), date(2026, 11, 30), date(2026, 12, 1), True),  # no later day than this is read
        (date(2026, 11, 3), date(2026, 11, 2), date(2026, 10, 26), False),  # never again, and nobody knows yet
        (date(2026, 11, 3), date(2026, 11, 2), date(2026, 10, 27), True),
        (date(2026, 11, 3), date(2026, 11, 2), date(2026, 11, 20), True),
    ],
)
def test_a_gap_at_the_end_of_a_month_is_no_end(again: date, last: date, today: date, *, is_stopped: bool) -> None:
    """What is loaded in the fortnight after a month was not gone in it: the days between are missing, and expected."""
    states = {"a": final(BEGIN, BREAK) | final(again, last)}
    costs = {"a": dict.fromkeys(states["a"], Decimal(100))}
    told = forecast_of(spending(costs, states), Month(OCTOBER, today), "USD")
    assert numbers(told) == ([1200] * 3 if is_stopped else around(3100, 1900))
    assert told.stopped == ([Stopped("a", BREAK)] if is_stopped else [])
    assert told.rests_on[Rest.MISSING] + told.rests_on[Rest.TO_COME] == (0 if is_stopped else 19)
    assert told.spent == 1200


def test_a_month_that_was_loaded_to_its_end_has_not_stopped() -> None:
    """Whoever was loaded up to its last day is whole in it, whatever came after."""
    told = forecast_of(
        spending({"a": {OCTOBER: Decimal(7)}}, {"a": final(BEGIN, date(2026, 10, 31))}),
        Month(OCTOBER, date(2026, 11, 30)),
        "USD",
    )
    assert (numbers(told), told.stopped) == ([7] * 3, [])


def test_credits_may_be_larger_or_smaller() -> None:
    """Four equal weeks of a hundred a day in credits: a twentieth more and less, as for costs."""
    told = of({BEGIN + number * DAY: Decimal(-100) for number in range(72)})
    assert numbers(told) == [-3000, -3000 - 95, -3000 + 95]


def test_days_before_the_first_one_are_nothing() -> None:
    """A provider that began on the third has 28 days in November: nothing is expected of the first and the second."""
    today = date(2026, 11, 20)
    states = {"a": final(date(2026, 11, 3), date(2026, 11, 19))}
    costs = {"a": dict.fromkeys(states["a"], Decimal(10))}
    told = forecast_of(spending(costs, states), Month(FIRST, today), "USD")
    assert numbers(told) == around(280, 110, "0.1")
    assert (told.run_rate, told.rests_on[Rest.MISSING], sum(told.rests_on.values())) == (Decimal(280), 0, 28)
    assert told.began == [Began("a", date(2026, 11, 3))]
    assert together({"a": final(FIRST, date(2026, 11, 11))}).began == []


def test_a_provider_that_comes_again_after_weeks_says_from_when_on_it_counts() -> None:
    """The days of its absence count as nothing where no day before them is read: the answer names the first that is."""
    states = {"a": final(date(2026, 6, 1), date(2026, 9, 10)) | final(date(2026, 11, 5), date(2026, 11, 11))}
    states["b"] = final(BEGIN, date(2026, 11, 11))
    assert together(states).began == [Began("a", date(2026, 11, 5))]


def test_a_month_that_is_over_and_final_is_what_it_was() -> None:
    """No weeks are needed where every day is known."""
    told = forecast_of(spending({"a": {FIRST: Decimal(7)}}, {"a": {
        day: Day("final") for day in reference.month_days(FIRST)
    }}), Month(FIRST, date(2027, 3, 1)), "USD")  # fmt: skip
    assert (told.spent, numbers(told)) == (Decimal(7), [7] * 3)
