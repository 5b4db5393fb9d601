"""Bars of costs: what is drawn is as high as what it costs, above and below zero, and a year of days is small."""

import re
from decimal import Decimal

import pytest

from functions.console.cost_chart import HEIGHT, MOST_GAPS, TOP, Chart, Series, chart_of
from functions.console.cost_words import amount, percent_more, share, short
from functions.costs.answer import State

FINAL = frozenset({State.FINAL})


def drawn(count: int, *amounts: tuple[int, ...], before: tuple[int, ...] = ()) -> Chart:
    """Chart of series of whole numbers, one colour each."""
    series = [Series(f"s{n}", [Decimal(each) for each in one]) for n, one in enumerate(amounts, 1)]
    words = [str(n) for n in range(count)]
    return chart_of(series, words, words, [FINAL] * count, [Decimal(each) for each in before])


def ends(path: str, zero: float) -> list[float]:
    """Heights in pixels that the path goes to, without the zero line."""
    return [float(y) for y in re.findall(r"V([\d.]+)", path) if float(y) != zero]


def test_a_bar_ends_where_its_sum_does() -> None:
    """Each series ends at the sum of itself and all below it; credits go below zero, and the outermost is first."""
    chart = drawn(2, (30, 10), (20, -10), (50, 0))
    zero = float(chart.zero) - TOP
    unit = (float(chart.ticks[0].y) - float(chart.ticks[-1].y)) / 150  # pixels of 1, from -50 to 100
    assert [(tick.words) for tick in chart.ticks] == ["\u221250", "0", "50", "100"]
    sums = [(each.paint, [round((zero - y) / unit) for y in ends(each.path, zero)]) for each in chart.silhouettes]
    assert sums == [("s3", [100, 10]), ("s3", [-10]), ("s2", [50, 10]), ("s2", [-10]), ("s1", [30, 10])]


def test_what_may_change_is_hatched_as_high_as_it_is() -> None:
    """Neighbouring days that may change are one hatch, from their highest bar to the zero line; a gap is a line."""
    states = [FINAL, frozenset({State.SETTLING}), frozenset({State.PROVISIONAL}), frozenset({State.MISSING})]
    series = [Series("s1", [Decimal(each) for each in (100, 25, 50, 0)])]
    chart = chart_of(series, ["a", "b", "c", "d"], ["", "", "", ""], states)
    (hatch,) = chart.open_spans
    assert (hatch.span.x, hatch.span.width, hatch.y, hatch.height) == ("25%", "50%", f"{TOP + HEIGHT / 2:g}", "96")
    assert [(each.x, each.width) for each in chart.missing_spans] == [("75%", "25%")]


def test_a_year_is_small() -> None:
    """Four hundred days of eleven groups are drawn in 40 kB, without gaps; fewer days have gaps."""
    year = drawn(400, *[tuple(range(n, 400 + n)) for n in range(11)])
    assert sum(len(each.path) for each in year.silhouettes) < 40_000
    assert (year.is_dense, year.hints) == (True, [])
    assert len(year.labels) <= 5
    assert not drawn(MOST_GAPS, tuple(range(MOST_GAPS))).is_dense


@pytest.mark.parametrize("amounts", [(), ((0, 0, 0),)])
def test_nothing_is_drawn_of_nothing(amounts: tuple[tuple[int, ...], ...]) -> None:
    """Days without costs have a scale and no bars."""
    chart = drawn(3, *amounts)
    assert chart.silhouettes == []
    assert len(chart.ticks) > 1


def test_less_than_a_pixel_below_zero_takes_no_room() -> None:
    """A credit of a cent beside thousands leaves the scale at zero; one alone has a scale."""
    assert drawn(2, (5000, -1)).ticks[0].words == "0"
    assert drawn(1, (-1,)).ticks[0].words == "\u22121"


def test_the_days_before_fit_on_the_scale() -> None:
    """A line of larger days before is drawn within the picture."""
    chart = drawn(2, (1, 2), before=(9, 4))
    assert min(ends(chart.before, -1)) >= 0
    assert chart.before.count("h") == 2


@pytest.mark.parametrize(
    ("exact", "words"),
    [("1284.205", "1,284.20"), ("-3", "\u22123.00"), ("0.0049", "<0.01"), ("-0.001", "\u2212<0.01"), ("0", "0.00")],
)
def test_amounts_in_words(exact: str, words: str) -> None:
    """An amount has two decimals, a true minus, and is not nothing where it is less than a cent."""
    assert amount(Decimal(exact)) == words


def test_numbers_in_words() -> None:
    """Quantities are whole, scales short; what grew from nothing is new; credits have no share."""
    assert amount(Decimal("1200000"), is_quantity=True) == "1,200,000"
    assert [short(Decimal(each)) for each in ("0", "2.5", "12000", "-1500000")] == ["0", "2.5", "12k", "\u22121.5M"]
    assert percent_more(Decimal(3), Decimal(0)) == "new"
    assert percent_more(Decimal(-1), Decimal(-2)) == "+50.0\xa0%"
    assert percent_more(Decimal(100), Decimal("100.01")) == "0.0\xa0%"
    assert share(Decimal(-1), Decimal(5)) == "\u2013"
