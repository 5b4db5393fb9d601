"""Finds anomalies in an org's costs: day by day, each cause once, at the layer that explains it best. Pure.

A day's findings depend on the days before it alone, so whoever looks a day later finds them again.
"""

import decimal
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import islice

from cloudact.anomalies.anomaly import Anomaly, Kind, kind_of
from cloudact.anomalies.cost_days import DAY, Cell, CostDays, Window
from cloudact.anomalies.currency_costs import CurrencyCosts
from cloudact.anomalies.judgement import (
    NOTHING,
    Amounts,
    Direction,
    Judgement,
    deviations_of,
    is_usual_there,
    judged,
    median,
    month_before,
)
from cloudact.anomalies.sensitivity import Sensitivity
from cloudact.anomalies.series import CHANGING, PARTS, TELLING, Layer, Series

EXACT = decimal.Context(prec=80)  # sums of NUMERIC, by two and by six, lose no digit


def find_anomalies(costs: CostDays, window: Window) -> list[Anomaly]:
    """Anomalies that began on the window's days, the newest first, and of a day the largest first."""
    with decimal.localcontext(EXACT):
        by_currency = [CurrencyCosts(costs, currency, window.sensitivity) for currency in sorted(costs.amounts)]
        found = [each for of_one in by_currency for each in _anomalies(of_one, window) if each.since >= window.begins]
        return sorted(found, key=lambda each: (each.since, abs(each.first.difference)), reverse=True)


def _anomalies(costs: CurrencyCosts, window: Window) -> Sequence[Anomaly]:
    """All anomalies of the days that are judged, in the order in which they began."""
    found: list[Anomaly] = []
    for number in range((window.last - window.judged_from).days + 1):
        day = window.judged_from + number * DAY
        since = day - timedelta(days=costs.by.gap_days)
        found += _Day(costs, day, [each for each in found if each.last >= since]).new()
    return found


@dataclass
class _Day:
    """One day that is judged. `going_on` are anomalies that may still last."""

    costs: CurrencyCosts
    day: date
    going_on: Sequence[Anomaly]
    explained: dict[Direction, set[Cell]] = field(default_factory=lambda: {direction: set() for direction in Direction})

    @property
    def by(self) -> Sensitivity:
        return self.costs.by

    @cached_property
    def newest(self) -> Mapping[tuple[Series, Direction], Anomaly]:
        """Newest anomaly of each series that may still last."""
        return {(each.series, each.direction): each for each in self.going_on}

    @cached_property
    def providers(self) -> frozenset[str]:
        """Providers that are known for long enough: those of the total."""
        providers = {cell.provider for cell in self.costs.cells}
        return frozenset(each for each in providers if len(self.costs.known((each,), self.day)) >= self.by.fewest)

    @cached_property
    def floor(self) -> Decimal:
        """Least difference that counts."""
        usual = NOTHING
        for series in self.costs.series:
            if series.layer is Layer.PROVIDER and series.provider in self.providers:
                known = self.costs.known((series.provider,), self.day)
                usual += abs(median([self.costs.sums[series].get(each, NOTHING) for each in known]))
        return max(self.by.floor, self.by.floor_share * usual)

    @cached_property
    def judgements(self) -> Mapping[Series, Judgement]:
        """Judgements of all series whose providers have settled."""
        found = ((series, self.judge(series, series.cells)) for series in self.costs.series)
        return {series: judgement for series, judgement in found if judgement is not None}

    def judge(self, series: Series, cells: Collection[Cell]) -> Judgement | None:
        """Judgement of these cells of a series; `None` while they cannot be judged."""
        providers = self.providers if series.layer is Layer.TOTAL else {cell.provider for cell in cells}
        of_day = [self.day in self.costs.settled(provider) for provider in providers]
        if not of_day or not all(of_day):
            return None
        known = self.costs.known(providers, self.day)
        if len(known) < self.by.fewest:
            return None
        counted = [cell for cell in cells if cell.provider in providers]
        amounts = self.costs.sums[series] if len(counted) == len(series.cells) else self.costs.sum(counted)
        is_narrow = series.layer > Layer.PROVIDER
        judgement = judged(amounts, self.day, known, self.floor, self.by, is_narrow=is_narrow)
        if judgement.direction and self._is_noise(judgement, amounts, providers, is_narrow=is_narrow):
            return replace(judgement, direction=Direction.NONE)
        if judgement.direction and self._is_usual(judgement, amounts, providers):
            return replace(judgement, direction=Direction.NONE, usual=judgement.direction)
        return judgement

    def _is_noise(self, judgement: Judgement, amounts: Amounts, providers: Collection[str], *, is_narrow: bool) -> bool:
        """Whether all weekdays that cost as much vary as much, too: eight days alone may agree by chance."""
        deviations: list[Decimal] = []
        for number in range(7):
            known = self.costs.known(providers, self.day + number * DAY)
            values = [amounts.get(each, NOTHING) for each in known if each < self.day]
            if number == 0 or (values and median(values) * 2 >= judgement.expected):
                deviations += deviations_of(values)
        mads, _ = self.by.bounds(is_above=judgement.direction is Direction.UP, is_narrow=is_narrow)
        return abs(judgement.difference) <= mads * median(deviations)

    def _is_usual(self, judgement: Judgement, amounts: Amounts, providers: Collection[str]) -> bool:
        like = month_before(self.day, self.by.edge_days)
        if like is None or not all(like in self.costs.settled(provider) for provider in providers):
            return False
        known = self.costs.known(providers, like)
        if len(known) < self.by.fewest:
            return False
        return is_usual_there(judgement, judged(amounts, like, known, self.floor, self.by))

    def new(self) -> Iterator[Anomaly]:
        """Anomalies that begin on this day; those that go on get the day."""
        self._leave_usual_out()
        self._continue()
        for direction in (Direction.UP, Direction.DOWN):
            yield from islice(self._new(direction), self.by.most_a_day)

    def _leave_usual_out(self) -> None:
        """What is usual at the edge of a month explains that wider series differ there."""
        for series, judgement in self.judgements.items():
            if judgement.usual and series.layer in (Layer.SERVICE, Layer.MODEL):
                self.explained[judgement.usual] |= series.cells

    def _continue(self) -> None:
        """Gives the day to anomalies that have hardly paused: what explains one day explains the next."""
        for anomaly in self.newest.values():
            judgement = self.judgements.get(anomaly.series)
            if judgement is None or (self.day - anomaly.last).days > self.by.held_days:
                continue
            if anomaly.is_outgrown_by(judgement, self.by.outgrows):
                continue
            if judgement.direction is anomaly.direction:
                anomaly.add(self.day, judgement)
            if judgement.goes(anomaly.direction):
                self.explained[anomaly.direction] |= anomaly.series.cells

    def _new(self, direction: Direction) -> Iterator[Anomaly]:
        """Takes the largest difference, tells what explains it, and looks at what is left without that."""
        candidates = [series for series, found in self.judgements.items() if found.direction is direction]
        put_off: list[Series] = []
        while left := self._left(candidates, direction):
            beginning = [series for series in left if self._may_begin(series, left[series])]
            if not beginning:
                return
            largest = max(
                [series for series in beginning if series not in put_off] or beginning,
                key=lambda series: abs(left[series].difference),
            )
            best = self._best(largest, left, direction)
            if best not in put_off and self._has_causes_of_its_own(best, left[best], beginning):
                put_off += [largest, best]
                continue
            self.explained[direction] |= best.cells
            anomaly, judgement = self.newest.get((best, direction)), self.judgements[best]
            if anomaly is None or anomaly.is_outgrown_by(judgement, self.by.outgrows):
                yield self._anomaly(best, direction)
            else:
                anomaly.add(self.day, judgement)

    def _left(self, candidates: Iterable[Series], direction: Direction) -> dict[Series, Judgement]:
        """Candidates that still differ without what is explained."""
        found = {}
        for series in candidates:
            cells = series.cells - self.explained[direction]
            judgement = self.judge(series, cells) if cells else None
            if judgement is not None and judgement.direction is direction and self._has_a_past(series, judgement):
                found[series] = judgement
        return found

    def _has_a_past(self, series: Series, judgement: Judgement) -> bool:
        """Whether its same weekdays tell something. A key that is some days old differs from them each day.

        That a key falls tells nothing: another may have taken its place.
        """
        if series.layer is Layer.API_KEY and judgement.direction is Direction.DOWN:
            return False
        return series.layer not in CHANGING or judgement.is_first or judgement.seen >= self.by.fewest

    def _may_begin(self, series: Series, judgement: Judgement) -> bool:
        """Keys are changed, projects made: that one begins is no anomaly, but may be what explains one."""
        return series.layer not in CHANGING or judgement.seen >= self.by.fewest

    def _best(self, largest: Series, left: Mapping[Series, Judgement], direction: Direction) -> Series:
        """Series that has nearly all of the difference and costs the least otherwise."""
        enough = abs(left[largest].difference) * self.by.explains
        explaining = [
            series
            for series in left
            if self._shared(largest, series, direction) >= enough
            and not self._moves_without(largest, left[largest], series)
        ]
        return min(explaining, key=lambda series: self._rank(series, left[series]), default=largest)

    def _shared(self, largest: Series, series: Series, direction: Direction) -> Decimal:
        """Difference that both have."""
        cells = (largest.cells & series.cells) - self.explained[direction]
        judgement = self.judge(series, cells) if cells else None
        return NOTHING if judgement is None else judgement.difference * direction

    def _moves_without(self, largest: Series, judgement: Judgement, series: Series) -> bool:
        """Whether what is left of the largest without the other moves too, though it need not be an anomaly."""
        cells = largest.cells - series.cells - self.explained[judgement.direction]
        rest = self.judge(largest, cells) if cells else None
        return rest is not None and rest.moves_with(judgement)

    def _rank(self, series: Series, judgement: Judgement) -> tuple[Decimal, int]:
        """Rank of what explains a difference, the best first; of equals the wider where something begins or ends."""
        kind = kind_of(series, judgement)
        if kind in (Kind.NEW_SERVICE, Kind.NEW_MODEL):
            return Decimal(-1), series.layer
        return abs(judgement.expected), series.layer if kind is Kind.SILENCE else TELLING.index(series.layer)

    def _has_causes_of_its_own(self, largest: Series, judgement: Judgement, beginning: Iterable[Series]) -> bool:
        """Whether narrower series differ while most of this one does not: then these are what has changed."""
        narrower = [series for series in beginning if series.cells < largest.cells]
        return bool(narrower) and not self._is_broad(largest, judgement)

    def _is_broad(self, largest: Series, judgement: Judgement) -> bool:
        for layer in PARTS[largest.layer]:
            parts = [series for series in self.costs.series if series.layer is layer and series.cells <= largest.cells]
            found = [self.judgements[series] for series in parts if series in self.judgements]
            usual = sum((abs(each.expected) for each in found), NOTHING)
            moved = sum((abs(each.expected) for each in found if each.moves_with(judgement)), NOTHING)
            if len(found) > 1 and moved >= self.by.broad * usual:
                return True
        return False

    def _anomaly(self, series: Series, direction: Direction) -> Anomaly:
        judgement = self.judgements[series]
        total = next((self.judgements[each] for each in self.judgements if each.layer is Layer.TOTAL), None)
        masked = total is not None and total.difference * direction < abs(judgement.difference) / 2
        kind = kind_of(series, judgement)
        return Anomaly(kind, series, self.costs.currency, direction, self.day, judgement, masked)
