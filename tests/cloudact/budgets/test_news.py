"""What is news of budgets and balances: thresholds to the last digit, months that matter, days that are left."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cloudact.budgets.balance import Balance
from cloudact.budgets.budget import Budget, budgets_text, recorded
from cloudact.budgets.estimate import Rest
from cloudact.budgets.news import Watched, low_days
from cloudact.budgets.runway import HORIZON_DAYS, read_from, runway_of
from cloudact.budgets.spending import ALL, LoadedDay, Spending
from cloudact.budgets.statement import MOST_ROWS

DAY = timedelta(days=1)
BEGIN, LAST = date(2026, 9, 1), date(2026, 11, 30)
FINAL = LoadedDay(is_final=True, is_settled=True)


def rows(cost: str, last: date) -> Iterator[dict[str, Any]]:
    """Every day at the same cost, final."""
    nothing = {"label": 0, "value": None, "provider": "starling", "is_half_loaded": False, "currency": "USD"}
    for number in range((last - BEGIN).days + 1):
        day = BEGIN + number * DAY
        yield {"part": "amount", "usage_date": day, "amount": Decimal(cost), **nothing}
        yield {"part": "day", "usage_date": day, "state": "final", "age_minutes": 9000, **nothing}


def watched(today: date, amount: str = "300", **more: Any) -> Watched:
    budget = Budget(name="All", currency="USD", amount=Decimal(amount), first_month="2026-10", **more)
    text = budgets_text(recorded([budget], (), 1))
    return Watched.read({"budgets": text, "balances": None, "labels": None}, today)


@pytest.mark.parametrize(
    ("amount", "reached"),
    [("300", [50, 80, 100]), ("300.000000001", [50, 80]), ("375", [50, 80]), ("375.000000001", [50]), ("600.1", [])],
)
def test_thresholds_are_reached_to_the_last_digit(amount: str, reached: list[int]) -> None:
    """Thirty days at ten are 100 % of 300, 80 % of 375 and 50 % of 600; a billionth less is not there yet."""
    (standing,), _ = watched(LAST + DAY, amount, last_month="2026-11").found(rows("10", LAST))
    assert (standing.costs.spent, standing.reached) == (Decimal(300), reached)


@pytest.mark.parametrize(
    ("today", "months"),
    [
        (date(2026, 12, 1), ["2026-11", "2026-12"]),
        (date(2026, 12, 10), ["2026-11", "2026-12"]),
        (date(2026, 12, 11), ["2026-12"]),
        (date(2026, 10, 2), ["2026-10"]),  # the budget holds from October on
    ],
)
def test_the_month_before_is_looked_at_while_its_days_come(today: date, months: list[str]) -> None:
    """In a month's first ten days, and as far as a budget holds in it; the query reads what both need."""
    found = watched(today)
    assert [month.name for month in found.months] == months
    _, values = found.statement("an_org")
    first = values["first_day"]
    assert isinstance(first, date)
    assert (first <= min(month.read_from for month in found.months), values["last_day"]) == (True, today)


def test_a_month_has_an_amount_of_its_own() -> None:
    """An override counts in its month alone."""
    more = {"months": [{"month": "2026-11", "amount": "1000"}]}
    november, december = watched(date(2026, 12, 5), "10", **more).found(rows("10", date(2026, 12, 4)))[0]
    assert (november.amount, november.reached) == (Decimal(1000), [])
    assert (december.amount, december.reached) == (Decimal(10), [50, 80, 100])


def test_days_of_the_next_month_end_a_gap() -> None:
    """A provider that was not loaded from the middle of a month to its end, and is again, has not stopped in it."""
    all_days = rows("10", date(2026, 12, 5))
    told = [row for row in all_days if not date(2026, 11, 12) < row["usage_date"] < date(2026, 12, 3)]
    november, _ = watched(date(2026, 12, 6)).found(told)[0]
    assert (november.costs.stopped, november.costs.rests_on[Rest.MISSING], november.costs.spent) == (
        [],
        18,
        Decimal(120),
    )


def test_rows_that_were_cut_off_tell_nothing() -> None:
    """One row more than a statement may answer is none of its sums, and no standing that is too low."""
    all_rows = list(rows("10", LAST))
    more = [*all_rows, *[all_rows[0]] * (MOST_ROWS + 1 - len(all_rows))]
    with pytest.raises(ValueError, match="more than 60000 amounts"):
        watched(LAST).found(more)
    assert watched(LAST).found(more[1:])


def balance(amount: str, as_of: date = date(2026, 11, 1), provider: str = "starling") -> Balance:
    return Balance.model_validate(
        {"provider": provider, "currency": "USD", "amount": amount, "as_of": as_of.isoformat()}
    )


def spending(cost: str, last: date = LAST, first: date = BEGIN) -> Spending:
    days = [first + number * DAY for number in range((last - first).days + 1)]
    return Spending(
        {(ALL, "USD"): {"starling": dict.fromkeys(days, Decimal(cost))}}, {"starling": dict.fromkeys(days, FINAL)}
    )


@pytest.mark.parametrize(
    ("amount", "left", "days_left", "low"),
    [
        ("450", "150", 14, [14]),
        ("460", "160", 15, []),
        ("340", "40", 3, [14, 3]),
        ("300.000000001", "0.000000001", 0, [14, 3]),
        ("300", "0", 0, [14, 3]),
        ("200", "-100", 0, [14, 3]),
    ],
)
def test_days_that_are_left(amount: str, left: str, days_left: int, low: list[int]) -> None:
    """Ten a day since the first: what is left is exact, and lasts for so many days; one of 14 or 3 is news."""
    found = runway_of(balance(amount), spending("10"), LAST + DAY)
    assert (found.left, found.days_left, list(low_days(found))) == (Decimal(left), days_left, low)


def test_one_that_was_used_up_says_when() -> None:
    """The day whose costs used it up is told, also if it is past."""
    assert runway_of(balance("95"), spending("10"), LAST + DAY).runs_out == date(2026, 11, 10)


def test_one_that_a_credit_has_filled_again_is_not_used_up() -> None:
    """What counts is the day since which nothing is left: credits that came later make a balance last longer."""
    costs = dict.fromkeys((LAST - number * DAY for number in range(60)), Decimal(10)) | {
        date(2026, 11, 16): Decimal(-190)
    }
    told = Spending({(ALL, "USD"): {"starling": costs}}, {"starling": dict.fromkeys(costs, FINAL)})
    found = runway_of(balance("120"), told, LAST + DAY)  # nothing was left from the twelfth to the fifteenth
    assert (found.left, found.runs_out) == (Decimal(20), LAST + 2 * DAY)
    used_up = runway_of(balance("95"), told, LAST + DAY)  # and again since the thirtieth
    assert (used_up.left, used_up.runs_out, used_up.days_left) == (Decimal(-5), LAST, 0)


def test_a_balance_runs_out_between_the_ends() -> None:
    """The dearest of four weeks costs nothing before its Saturday: the earliest day is not later than the likeliest."""
    today, costs = date(2026, 11, 29), {}
    for day in (today - number * DAY for number in range(1, 29)):
        is_new = (today - day).days <= 14
        costs[day] = Decimal(70 if is_new and day.weekday() == 0 else 71 if not is_new and day.weekday() == 5 else 0)
    told = Spending({(ALL, "USD"): {"starling": costs}}, {"starling": dict.fromkeys(costs, FINAL)})
    found = runway_of(balance("30", today), told, today)
    assert (found.earliest, found.runs_out, found.latest) == (today + DAY, today + DAY, today + DAY)


def test_equal_weeks_do_not_tell_the_day() -> None:
    """Ten a day for four weeks: between a twentieth more and a twentieth less a day; for two weeks, a tenth."""
    four, two = (
        runway_of(balance("1300"), spending("10", first=LAST - number * DAY), LAST + DAY) for number in (29, 13)
    )
    assert [each - LAST for each in (four.earliest, four.runs_out, four.latest) if each] == [
        96 * DAY,
        100 * DAY,
        106 * DAY,
    ]
    assert two.runs_out
    assert two.earliest
    assert two.latest
    assert two.earliest < two.runs_out < two.latest


def test_what_lasts_for_long_has_no_date() -> None:
    """More than five years, or at no cost for ever: no date, and nothing is low."""
    for found in (runway_of(balance("18700"), spending("10"), LAST), runway_of(balance("1"), spending("0"), LAST)):
        assert (found.unknown, found.runs_out, list(low_days(found))) == (None, None, [])
    assert HORIZON_DAYS == 5 * 366


@pytest.mark.parametrize(
    ("given", "costs", "reason"),
    [
        (balance("1", date(2025, 10, 26)), spending("10"), "balance_too_old"),
        (balance("1", provider="finch"), spending("10"), "nothing_loaded"),
        (balance("1"), spending("10", date(2026, 9, 13)), "stopped"),
        (balance("1"), spending("10", first=LAST - 12 * DAY), "too_few_days"),
    ],
)
def test_a_runway_that_is_not_known(given: Balance, costs: Spending, reason: str) -> None:
    """It has a reason and no date; what an old balance has spent since is not known either."""
    found = runway_of(given, costs, LAST + DAY)
    assert (found.unknown and found.unknown.reason.value, found.runs_out) == (reason, None)


def test_days_that_are_read_for_balances() -> None:
    """From the oldest one on, at most 400 days, and at least the weeks that tell a rate."""
    today = LAST + DAY
    assert read_from([balance("1", date(2026, 6, 1)), balance("1")], today) == date(2026, 6, 1)
    assert read_from([balance("1", today)], today) == today - 56 * DAY
    assert read_from([balance("1", date(2020, 1, 1))], today) == today - 400 * DAY
