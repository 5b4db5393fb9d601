"""How much is found of what was planted in twenty quarters, and how often what is found was not: the note's figures."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest

from cloudact.anomalies.cost_days import TOLD_DAYS, CostDays, Window
from cloudact.anomalies.finder import find_anomalies
from tests.cloudact.anomalies.quarters import Quarter, quarter

SEEDS = range(1, 21)


@pytest.fixture(scope="module")
def quarters() -> list[Quarter]:
    return [quarter(seed) for seed in SEEDS]


def test_what_is_planted_is_found_on_its_first_day(quarters: list[Quarter], capsys: pytest.CaptureFixture[str]) -> None:
    """All that is planted is found when its first day is settled, with at most one false alarm for an org and month."""
    found_at_once, told_best, planted, again, false = 0, 0, 0, 0, Counter[tuple[int, int]]()
    for number, each in enumerate(quarters, start=1):
        anomalies = find_anomalies(each.costs, each.window)
        for what in each.planted:
            planted += 1
            found_at_once += any(map(what.is_found_by, anomalies))
            told_best += any(map(what.is_told_best_by, anomalies))
            again += max(sum(map(what.explains, anomalies)) - 1, 0)
        for anomaly in anomalies:
            if not any(what.explains(anomaly) for what in each.planted):
                false[number, anomaly.since.month] += 1
    months = 3 * len(quarters)
    figures = (
        f"planted {planted}, found on the first day {found_at_once}, at the planted layer {told_best}, "
        f"told twice {again}; false alarms {sum(false.values())} in {months} months, "
        f"at most {max(false.values())} in one"
    )
    with capsys.disabled():
        print(f"\n{figures}", end="")  # noqa: T201
    assert found_at_once == planted == 180
    assert told_best >= 0.95 * planted
    assert again <= 0.1 * planted
    assert max(false.values()) <= 1


def test_a_later_look_finds_the_same(quarters: list[Quarter]) -> None:
    """Looks on the days after, each at what is settled by then, tell the same event of the same anomaly, none twice."""
    each = quarters[0]
    whole = {(one.series.layer, one.series.key, one.kind, one.since) for one in find_anomalies(each.costs, each.window)}
    told = set()
    first = each.window.begins + timedelta(days=20)
    for number in range(25):
        last = first + timedelta(days=number)
        window = Window.ending(last, TOLD_DAYS)
        anomalies = find_anomalies(_until(each.costs, last), window)
        told |= {(one.series.layer, one.series.key, one.kind, one.since) for one in anomalies}
    assert told == {one for one in whole if first - timedelta(days=TOLD_DAYS - 1) <= one[3] <= last}
    assert len(told) >= 3


def _until(costs: CostDays, last: date) -> CostDays:
    settled = {provider: frozenset(day for day in days if day <= last) for provider, days in costs.settled.items()}
    return replace(costs, settled=settled)
