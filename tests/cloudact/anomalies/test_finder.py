"""What is an anomaly, what is none, and which series is told of one, by small made-up costs."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from cloudact.anomalies.anomaly import Anomaly, Kind
from cloudact.anomalies.cost_days import Cell, CostDays, Window
from cloudact.anomalies.finder import find_anomalies
from cloudact.anomalies.series import Layer

LAST = date(2026, 11, 20)  # a Friday
WINDOW = Window.ending(LAST, 10)
DAYS = [WINDOW.first + timedelta(days=number) for number in range((LAST - WINDOW.first).days + 1)]
THE_DAY = date(2026, 11, 18)
Costs = dict[Cell, Callable[[date], int | Decimal]]
A, B = Cell("gcp", "Cloud Run", None, "shop", None), Cell("gcp", "BigQuery", None, "shop", None)
CHAT = Cell("openai", "OpenAI API", "gpt-6", "search", "key_1")
SMALL = Cell("openai", "OpenAI API", "gpt-6-mini", "search", "key_2")


def costs_of(costs: Costs, days: Iterable[date] = DAYS, currency: str = "USD") -> CostDays:
    amounts = {cell: {day: Decimal(cost(day)) for day in DAYS if cost(day)} for cell, cost in costs.items()}
    settled = {cell.provider: frozenset(days) for cell in costs}
    return CostDays({currency: amounts}, settled, {})


def found(costs: CostDays) -> list[Anomaly]:
    return find_anomalies(costs, WINDOW)


def told(costs: CostDays) -> list[tuple[Kind, Layer, date]]:
    return [(each.kind, each.series.layer, each.since) for each in found(costs)]


def always(amount: int | Decimal) -> Callable[[date], int | Decimal]:
    return lambda _: amount


def but(usual: int, amount: int | Decimal, *days: date) -> Callable[[date], int | Decimal]:
    """The usual amount, but another on these days."""
    return lambda day: amount if day in days else usual


def since(first: date, before: int, after: int) -> Callable[[date], int]:
    return lambda day: after if day >= first else before


@pytest.mark.parametrize(("amount", "is_told"), [(150, False), (151, True), (100, False), (59, True), (60, False)])
def test_what_never_varies_is_judged_by_share(amount: int, is_told: bool) -> None:
    """Where the deviation is nil a series within a provider may rise by half, and fall by two fifths."""
    assert bool(told(costs_of({A: but(100, amount, THE_DAY), B: always(3000)}))) is (is_told and abs(amount - 100) > 62)


@pytest.mark.parametrize(("amount", "is_told"), [(15, False), (16, True)])
def test_small_amounts_are_no_anomalies(amount: int, is_told: bool) -> None:
    """A rise that is worth ten units or less is none, however large its share is."""
    assert bool(told(costs_of({A: but(5, amount, THE_DAY), B: always(100)}))) is is_told


def test_amounts_are_exact() -> None:
    """What was to be expected is the exact median, to the last of 38 digits."""
    tiny = Decimal("0.000000001")
    large = Decimal("12345678901234567890123456789.123456788")
    (anomaly,) = found(costs_of({A: lambda d: 3 * large if d == THE_DAY else large + tiny * (d.toordinal() % 14 < 7)}))
    assert anomaly.first.expected == large + tiny / 2
    assert anomaly.first.difference == 2 * large - tiny / 2


def test_currencies_are_judged_apart() -> None:
    """A rise in one currency does not need to be one in another, and amounts of both are never added."""
    dollars, euros = costs_of({A: but(100, 300, THE_DAY)}), costs_of({B: always(100)}, currency="EUR")
    both = replace(dollars, amounts={**dollars.amounts, **euros.amounts})
    assert [(each.currency, each.first.amount) for each in found(both)] == [("USD", Decimal(300))]


def test_a_day_is_judged_when_it_is_settled() -> None:
    """A day that is not settled is not judged, nor compared with; a day after it may be."""
    costs = {A: but(100, 300, THE_DAY, THE_DAY + timedelta(days=1))}
    settled = [day for day in DAYS if day != THE_DAY]
    assert told(costs_of(costs, settled)) == [(Kind.RISE, Layer.SERVICE, THE_DAY + timedelta(days=1))]


@pytest.mark.parametrize(("weeks", "is_told"), [(3, False), (4, True)])
def test_a_young_account_is_not_judged(weeks: int, is_told: bool) -> None:
    """With less than four known same weekdays nothing is told, of new services neither."""
    days = [day for day in DAYS if day >= THE_DAY - timedelta(days=7 * weeks)]
    assert bool(told(costs_of({A: but(100, 300, THE_DAY), B: since(THE_DAY, 0, 200)}, days))) is is_told


def test_a_new_provider_is_no_rise_of_the_total() -> None:
    """The total has the providers only that are known for long enough."""
    costs = costs_of({A: always(100), CHAT: since(THE_DAY, 0, 900)})
    costs = replace(costs, settled={**costs.settled, "openai": frozenset(d for d in DAYS if d >= THE_DAY)})
    assert told(costs) == []


def test_a_cause_is_told_once() -> None:
    """A key's rise is one of its model, project, service, provider and total: told is the key."""
    other = CHAT._replace(sub_account="labs", api_key="key_9")
    costs = costs_of({A: always(50), CHAT: but(30, 300, THE_DAY), other: always(60), SMALL: always(40)})
    (anomaly,) = found(costs)
    assert (anomaly.series.layer, anomaly.series.key) == (Layer.API_KEY, ("openai", "search", "key_1"))


def test_a_rise_of_everything_is_told_of_the_whole() -> None:
    """Where all parts rise it is the whole that has risen."""
    costs = {A: but(100, 200, THE_DAY), B: but(80, 160, THE_DAY), CHAT: but(90, 180, THE_DAY)}
    assert told(costs_of(costs)) == [(Kind.RISE, Layer.TOTAL, THE_DAY)]


def test_two_causes_are_two_anomalies() -> None:
    """Two of many services that rise on one day are told apart, the larger first."""
    many: Costs = {Cell("gcp", f"Service {number}", None, "shop", None): always(100) for number in range(8)}
    costs = many | {A: but(60, 300, THE_DAY), B: but(60, 250, THE_DAY)}
    assert [each.series.key[1] for each in found(costs_of(costs))] == ["Cloud Run", "BigQuery"]


def test_what_masks_one_another_is_found() -> None:
    """One model takes another's work: the total does not move, both are told, and that they are masked."""
    costs = costs_of({A: always(500), CHAT: since(THE_DAY, 200, 20), SMALL: since(THE_DAY, 50, 230)})
    anomalies = found(costs)
    assert {(each.kind, each.series.layer, each.series.key[-1]) for each in anomalies} == {
        (Kind.FALL, Layer.MODEL, "gpt-6"),
        (Kind.RISE, Layer.API_KEY, "key_2"),
    }
    assert all(each.is_masked for each in anomalies)


def test_new_and_silent_ones_are_kinds_of_their_own() -> None:
    """A service or model without any cost before is new; what costs nothing any more is silent."""
    costs = {A: since(THE_DAY, 80, 0), B: always(100), CHAT: since(THE_DAY, 0, 70), SMALL: always(90)}
    assert {(kind, layer) for kind, layer, _ in told(costs_of(costs))} == {
        (Kind.SILENCE, Layer.SERVICE),
        (Kind.NEW_MODEL, Layer.MODEL),
    }


def test_a_changed_key_is_no_anomaly() -> None:
    """A key that another takes the place of is neither silent nor new."""
    other = CHAT._replace(api_key="key_3")
    assert told(costs_of({CHAT: since(THE_DAY, 100, 0), other: since(THE_DAY, 0, 100), A: always(50)})) == []


def test_an_anomaly_is_one_for_all_of_its_days() -> None:
    """Days in a row, with a weekend in between too, are one anomaly with the sum of their differences."""
    first, pause = date(2026, 11, 12), (date(2026, 11, 14), date(2026, 11, 15))
    (anomaly,) = found(costs_of({A: lambda d: 300 if d >= first and d not in pause else 100, B: always(100)}))
    assert (anomaly.since, anomaly.last, anomaly.days, anomaly.difference) == (first, LAST, 7, Decimal(1400))


def test_what_grows_to_thrice_its_size_is_news_again() -> None:
    """A small anomaly does not hide a large one of the same series a week later, or on the next day."""
    for pause in (1, 7):
        first = THE_DAY - timedelta(days=pause)
        amounts = {first: 160, THE_DAY: 900}
        anomalies = found(costs_of({A: lambda day, amounts=amounts: amounts.get(day, 100), B: always(100)}))  # type: ignore[misc]
        assert [(each.since, each.days) for each in anomalies] == [(THE_DAY, 1), (first, 1)]


def test_a_new_level_becomes_normal() -> None:
    """What two same weekdays running have had is no anomaly any more, nor is its growth."""
    window = Window.ending(LAST, 40)
    days = [window.first + timedelta(days=number) for number in range((LAST - window.first).days + 1)]
    amounts = {A: {day: Decimal(300 if day >= date(2026, 10, 20) else 100) for day in days}}
    (anomaly,) = find_anomalies(CostDays({"USD": amounts}, {"gcp": frozenset(days)}, {}), window)
    assert (anomaly.since, anomaly.last) == (date(2026, 10, 20), date(2026, 11, 2))


def test_months_edges_are_compared_with_months_edges() -> None:
    """What is charged on each first of a month is no anomaly; what is charged on one of them is."""
    window = Window.ending(date(2026, 11, 10), 12)
    days = [window.first + timedelta(days=number) for number in range((window.last - window.first).days + 1)]
    for edges, count in (({1}, 0), (set(), 1)):
        amounts = {
            A: {d: Decimal(400 if d.day in edges or d == date(2026, 11, 1) else 100) for d in days},
            B: dict.fromkeys(days, Decimal(50)),
        }
        assert len(find_anomalies(CostDays({"USD": amounts}, {"gcp": frozenset(days)}, {}), window)) == count


def test_credits_do_not_upset_it() -> None:
    """Costs below zero are judged as others are: a usual one is no anomaly, and one that is missing is a rise."""
    credit = B._replace(service="Credits")
    assert told(costs_of({A: always(300), credit: always(-100)})) == []
    assert told(costs_of({A: always(300), credit: but(-100, 0, THE_DAY)})) == [(Kind.RISE, Layer.SERVICE, THE_DAY)]
