"""Stacked bars of costs as numbers of an SVG. Amounts become pixels here, in floats: nobody adds these again.

Each series is one silhouette, from the zero line to where it and all below it end, so a year of days is some kilobytes;
the outermost is drawn first, and those below lie on it.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from functions.console.cost_words import short
from functions.costs.answer import Group, Kind, State

TOP, HEIGHT = 10, 192  # pixels above the bars, and of the bars; what is below them belongs to the template
SLOT = 10  # units that a period is wide; the picture is stretched to its window
SERIES = 10  # groups with a colour or pattern of their own
OTHER_PAINT, NO_PAINT = "so", "su"  # classes of what has no name
MOST_TICKS = 5
MOST_LABELS = 5
EDGE = 0.94  # of the width: a name beyond it would be cut off
MOST_GAPS = 120  # periods whose bars have a gap between them
MOST_HINTS = 93  # periods that say what they are where the mouse is
OPEN = frozenset(State) - {State.FINAL, State.MISSING}


@dataclass(frozen=True)
class Tick:
    """Line of the scale at `y` pixels, and its number, whose foot is at `foot`."""

    y: str
    foot: str
    words: str


@dataclass(frozen=True)
class Silhouette:
    """Series of the chart, and all that lies below it. `paint` is a class of the style sheet."""

    paint: str
    path: str


@dataclass(frozen=True)
class Span:
    """Part of the width, in percent."""

    x: str
    width: str


@dataclass(frozen=True)
class Hatch:
    """Part of the bars that may still change: from `y` pixels, `height` high."""

    span: Span
    y: str
    height: str


@dataclass(frozen=True)
class Hint:
    """Words of one period, where the mouse is."""

    span: Span
    words: str


@dataclass(frozen=True)
class Label:
    """Name of a period below its bar."""

    x: str
    words: str


@dataclass(frozen=True)
class Chart:
    """Picture of the sums of one currency or unit. `open_spans` may still change, `missing_spans` lack a day."""

    width: int
    zero: str
    ticks: Sequence[Tick]
    silhouettes: Sequence[Silhouette]
    labels: Sequence[Label]
    hints: Sequence[Hint]
    open_spans: Sequence[Hatch]
    missing_spans: Sequence[Span]
    is_dense: bool
    before: str


@dataclass(frozen=True)
class Series:
    """Amounts of one colour, one for each period."""

    paint: str
    amounts: Sequence[Decimal]


_Stack = tuple[Series, list[float], list[float]]


def paints(groups: Sequence[Group]) -> list[str]:
    """Class of each group's colour: the largest have their own, all other ones that of *other*."""
    found, own = [], 0
    for group in groups:
        own += group.kind is Kind.GROUP
        shown = f"s{own}" if own <= SERIES else OTHER_PAINT
        found.append({Kind.GROUP: shown, Kind.UNATTRIBUTED: NO_PAINT, Kind.OTHER: OTHER_PAINT}[group.kind])
    return found


def series_of(painted: Iterable[tuple[str, Sequence[Decimal]]]) -> list[Series]:
    """Series in the order of the stack, amounts of one colour added."""
    found: dict[str, Sequence[Decimal]] = {}
    for paint, amounts in painted:
        before = found.get(paint)
        found[paint] = [a + b for a, b in zip(before, amounts, strict=True)] if before else amounts
    return [Series(paint, amounts) for paint, amounts in found.items()]


def chart_of(
    series: Sequence[Series],
    labels: Sequence[str],
    hints: Sequence[str],
    states: Sequence[frozenset[State]],
    before: Sequence[Decimal] = (),
) -> Chart:
    """Chart of series of one length, with the label, words and states of each period.

    `before` are the amounts that a line shows over the bars, one for each of the first periods.
    """
    count = len(labels)
    tops, bottoms = _stacks(series, count)
    line = [float(each) for each in before]
    scale = _Scale.of(min(map(min, [*bottoms, [0.0, *line]])), max(map(max, [*tops, [0.0, *line]])))
    stacks = list(zip(series, tops, bottoms, strict=True))
    return Chart(
        width=count * SLOT,
        zero=_pixels(TOP + scale.y(0)),
        ticks=[_tick(TOP + scale.y(float(tick)), tick) for tick in scale.ticks()],
        silhouettes=[
            Silhouette(each.paint, path)
            for each, top, bottom in reversed(stacks)
            for path in (_path(top, scale, count), _path(bottom, scale, count))
            if path
        ],
        labels=_labels(labels),
        hints=[Hint(_span(at, at, count), words) for at, words in enumerate(hints)] if count <= MOST_HINTS else [],
        open_spans=[_hatch(scale, each, stacks, count) for each in _runs([bool(each & OPEN) for each in states])],
        missing_spans=[_span(each[0], each[-1], count) for each in _runs([State.MISSING in each for each in states])],
        is_dense=count > MOST_GAPS,
        before=_line(line, scale),
    )


def _stacks(series: Sequence[Series], count: int) -> tuple[list[list[float]], list[list[float]]]:
    """Upper ends of what is above zero, and lower ends of what is below, of each series and all before it."""
    tops, bottoms = [[0.0] * count], [[0.0] * count]
    for each in series:
        numbers = [float(number) for number in each.amounts]
        tops.append([end + max(number, 0.0) for end, number in zip(tops[-1], numbers, strict=True)])
        bottoms.append([end + min(number, 0.0) for end, number in zip(bottoms[-1], numbers, strict=True)])
    return tops[1:], bottoms[1:]


@dataclass(frozen=True)
class _Scale:
    low: int  # of steps
    high: int
    step: Decimal

    @classmethod
    def of(cls, low: float, high: float) -> "_Scale":
        low = low if -low * HEIGHT > high else 0.0  # less than a pixel below zero takes no room
        wide = (high - low) or 1.0
        power = Decimal(10) ** math.floor(math.log10(wide / MOST_TICKS))
        step = next(power * each for each in (1, 2, 5, 10) if wide / float(power * each) <= MOST_TICKS)
        return cls(math.floor(low / float(step)), max(math.ceil(high / float(step)), 1 if low >= 0 else 0), step)

    def y(self, number: float) -> float:
        return HEIGHT * (self.high - number / float(self.step)) / (self.high - self.low)

    def ticks(self) -> list[Decimal]:
        return [self.step * each for each in range(self.low, self.high + 1)]


def _tick(y: float, number: Decimal) -> Tick:
    return Tick(_pixels(y), _pixels(y + 4), short(number))


def _path(ends: Sequence[float], scale: _Scale, count: int) -> str:
    """Bars from the zero line to these ends; empty where there is none."""
    zero = _pixels(scale.y(0))
    ys = [_pixels(scale.y(end)) for end in ends]
    if all(y == zero for y in ys):
        return ""
    bar = SLOT if count > MOST_GAPS else round(SLOT * (0.8 if count >= SLOT else 0.3 + 0.05 * count), 2)
    gap = round((SLOT - bar) / 2, 3)
    parts = [f"M0 {zero}"]
    for y in ys:
        parts.append(f"V{y}h{SLOT}" if not gap else f"h{SLOT}" if y == zero else f"h{gap:g}V{y}h{bar:g}V{zero}h{gap:g}")
    return "".join(parts) + f"V{zero}z"


def _line(ends: Sequence[float], scale: _Scale) -> str:
    """Steps from one end to the next."""
    ys = [_pixels(scale.y(end)) for end in ends]
    return f"M0 {ys[0]}" + "".join(f"V{y}h{SLOT}" for y in ys) if ys else ""


def _labels(words: Sequence[str]) -> list[Label]:
    count, step = len(words), math.ceil(len(words) / MOST_LABELS)
    centres = {at: (at + 0.5) / count for at in range(0, count, step)}
    return [Label(_percent(x), words[at]) for at, x in centres.items() if x < EDGE or count <= MOST_LABELS]


def _runs(marked: Sequence[bool]) -> list[list[int]]:
    """Numbers of neighbouring periods that are marked."""
    return [[at for at, _ in run] for is_marked, run in groupby(enumerate(marked), lambda each: each[1]) if is_marked]


def _hatch(scale: "_Scale", run: Sequence[int], stacks: Sequence[_Stack], count: int) -> Hatch:
    tops, bottoms = ([ends[at] for _, *both in stacks[-1:] for ends in [both[side]] for at in run] for side in (0, 1))
    top, bottom = scale.y(max(tops, default=0.0)), scale.y(min(bottoms, default=0.0))
    return Hatch(_span(run[0], run[-1], count), _pixels(TOP + top), _pixels(bottom - top))


def _span(first: int, last: int, count: int) -> Span:
    return Span(_percent(first / count), _percent((last + 1 - first) / count))


def _percent(part: float) -> str:
    return f"{round(part * 100, 3):g}%"


def _pixels(number: float) -> str:
    return f"{round(number, 1):g}"
