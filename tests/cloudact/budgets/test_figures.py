"""How far forecasts of invented orgs are from what their month costs, and how often it lies in their range: ADR 42."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from statistics import median
from typing import NamedTuple

import pytest

from cloudact.budgets.forecast import forecast_of
from cloudact.budgets.months import Month
from cloudact.budgets.spending import ALL, LoadedDay, Spending, added
from tests.cloudact.anomalies.quarters import quarter

SEEDS = range(41, 81)  # the numbers were chosen on 1 to 40
FIRST, LAST = date(2026, 8, 1), date(2026, 8, 31)
DAY = timedelta(days=1)
FINAL = LoadedDay(is_final=True, is_settled=True)
Costs = Mapping[str, Mapping[date, Decimal]]  # by provider and day


class Figures(NamedTuple):
    """Of all orgs: error of amounts in per cent, the run rate's, truths within the range, and its width in per cent."""

    error: Decimal
    greatest: Decimal
    run_rate: Decimal
    within: int
    width: Decimal


@pytest.fixture(scope="module")
def orgs() -> list[Costs]:
    return [_by_provider(seed) for seed in SEEDS]


def _by_provider(seed: int) -> Costs:
    found: dict[str, dict[date, Decimal]] = {}
    for cell, days in quarter(seed).costs.amounts["USD"].items():
        of = found.setdefault(cell.provider, {})
        for day, amount in days.items():
            of[day] = of.get(day, Decimal()) + amount
    return found


def figures(orgs: list[Costs], on: int, first: date = date.min) -> Figures:
    """Figures on this day of August, of orgs whose first day is `first`, with all days before it final."""
    today = FIRST.replace(day=on)
    errors, rates, widths, within = [], [], [], 0
    for costs in orgs:
        known = {
            name: {day: each for day, each in days.items() if first <= day < today} for name, days in costs.items()
        }
        loaded = {name: dict.fromkeys(days, FINAL) for name, days in known.items()}
        told = forecast_of(Spending({(ALL, "USD"): known}, loaded), Month(FIRST, today), "USD")
        assert told.forecast
        assert told.run_rate
        truth = added(each for days in costs.values() for day, each in days.items() if max(first, FIRST) <= day <= LAST)
        errors.append(abs(told.forecast.amount - truth) / truth * 100)
        rates.append(abs(told.run_rate - truth) / truth * 100)
        widths.append((told.forecast.high - told.forecast.low) / truth * 100)
        within += told.forecast.low <= truth <= told.forecast.high
    return Figures(median(errors), max(errors), median(rates), within, median(widths))


def printed(title: str, days: Mapping[int, Figures], capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\n{title}")  # noqa: T201 - figures of the note
        for on, each in days.items():
            error = f"error {each.error:4.1f} %, at most {each.greatest:4.1f} %, run rate {each.run_rate:4.1f} %"
            print(f"day {on:2}: {error}, within {each.within}, width {each.width:4.1f} %")  # noqa: T201


def test_a_month_is_told_before_it_is_over(orgs: list[Costs], capsys: pytest.CaptureFixture[str]) -> None:
    """On the 2nd within 6 % in half of the orgs, on the 21st within 2 %; the range holds the truth in four of five."""
    found = {on: figures(orgs, on) for on in (2, 6, 11, 16, 21, 26)}
    printed("forecasts by four weeks", found, capsys)
    most = {2: "5.5", 6: "4.5", 11: "4", 16: "2.5", 21: "2", 26: "1"}
    assert all(each.error < Decimal(most[on]) for on, each in found.items())
    assert all(each.within >= 32 for each in found.values())
    assert found[2].width < 25
    assert found[26].width < 6


@pytest.mark.parametrize("weeks", [2, 3])
def test_few_weeks_promise_no_more_than_four(orgs: list[Costs], weeks: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Orgs whose first loaded day was two, or three, weeks ago: the range holds the truth as often as that of four."""
    found = {on: figures(orgs, on, FIRST.replace(day=on) - weeks * 7 * DAY) for on in (2, 11, 21)}
    printed(f"forecasts by {weeks} weeks", found, capsys)
    assert all(each.within >= 31 for each in found.values())
    assert all(each.width < 30 for each in found.values())
