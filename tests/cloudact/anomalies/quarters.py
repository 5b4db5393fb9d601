"""Invented orgs with anomalies planted in a quarter of days: weekdays, noise, growth, month-ends, changed keys."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from cloudact.anomalies.anomaly import Anomaly, Kind
from cloudact.anomalies.cost_days import Cell, CostDays, Window
from cloudact.anomalies.judgement import Direction
from cloudact.anomalies.series import Layer

DAYS = 91
TRAFFIC = (1.0, 1.04, 1.05, 1.03, 0.98, 0.62, 0.58)
WORK = (1.0, 1.06, 1.08, 1.02, 0.9, 0.12, 0.1)
STEADY = (1.0,) * 7
GCP = (
    ("Compute Engine", 400, STEADY, 0.04),
    ("BigQuery", 120, WORK, 0.12),
    ("Cloud Storage", 45, STEADY, 0.02),
    ("Cloud Run", 80, TRAFFIC, 0.08),
    ("Networking", 35, TRAFFIC, 0.1),
    ("Cloud SQL", 60, STEADY, 0.03),
)
AI = (
    ("openai", "OpenAI API", "gpt-5", 150, TRAFFIC, 0.12),
    ("openai", "OpenAI API", "gpt-5-mini", 60, TRAFFIC, 0.12),
    ("openai", "OpenAI API", "text-embedding-3-large", 14, TRAFFIC, 0.2),
    ("anthropic", "Claude API", "claude-opus-5", 130, WORK, 0.18),
    ("anthropic", "Claude API", "claude-sonnet-5", 90, TRAFFIC, 0.12),
    ("anthropic", "Claude API", "claude-haiku-5", 16, TRAFFIC, 0.2),
)


@dataclass(frozen=True)
class Planted:
    """Anomaly that was planted: the cells that it is in, its days, and what a finding of it may say."""

    name: str
    cells: Callable[[Cell], bool]
    first: date
    last: date
    kinds: frozenset[Kind]
    layers: frozenset[Layer]

    def is_found_by(self, anomaly: Anomaly) -> bool:
        """Whether the anomaly is this one, begun on its first day: so it is told once that day is settled."""
        return anomaly.since == self.first and self.explains(anomaly)

    def is_told_best_by(self, anomaly: Anomaly) -> bool:
        """Whether it is also told at the layer and by the kind that were planted."""
        return self.is_found_by(anomaly) and anomaly.kind in self.kinds and anomaly.series.layer in self.layers

    def explains(self, anomaly: Anomaly) -> bool:
        """Whether the anomaly is of these days, cells and direction, if perhaps a second one of the same."""
        goes_down = any(kind in (Kind.FALL, Kind.SILENCE) for kind in self.kinds)
        return (
            self.first <= anomaly.since <= self.last
            and (anomaly.direction is Direction.DOWN) is goes_down
            and any(map(self.cells, anomaly.series.cells))
            and anomaly.series.layer is not Layer.TOTAL
        )


@dataclass(frozen=True)
class Quarter:
    """Costs of an org, the quarter that is looked at, and what was planted in it."""

    costs: CostDays
    window: Window
    planted: list[Planted]


def quarter(seed: int, begins: date = date(2026, 7, 1)) -> Quarter:
    """Quarter of an org that depends on nothing but the seed."""
    random = Random(seed)
    window = Window.ending(begins + timedelta(days=DAYS - 1), DAYS)
    days = [window.first + timedelta(days=number) for number in range((window.last - window.first).days + 1)]
    lines = list(_lines(random, begins + timedelta(days=random.randrange(DAYS))))
    planted = list(_planted(random, begins))
    amounts: dict[Cell, dict[date, Decimal]] = {cell: {} for cell, *_ in lines}
    common = {day: random.gauss(0, 0.03) for day in days}
    for cell, scale, week, noise, growth, active in lines:
        for number, day in enumerate(days):
            level = scale * week[day.weekday()] * (1 + growth * number / 30) + scale * _month_edge(cell, day)
            amount = level * math.exp(random.gauss(0, noise) + common[day]) if active(day) else 0.0
            if amount:
                amounts[cell][day] = _exact(amount)
    for each in planted:
        _plant(each, amounts, days, random)
    settled = frozenset(days)
    costs = CostDays({"USD": amounts}, dict.fromkeys(("gcp", "openai", "anthropic"), settled), {})
    return Quarter(costs, window, planted)


Line = tuple[Cell, float, tuple[float, ...], float, float, Callable[[date], bool]]


def _lines(random: Random, rotated: date) -> Iterator[Line]:
    for service, scale, week, noise in GCP:
        growth = random.uniform(-0.02, 0.12)
        for project, share in (("shop-prod", 0.6), ("shop-data", 0.3), ("shop-dev", 0.1)):
            cell = Cell("gcp", service, None, project, None)
            yield cell, scale * share * random.uniform(0.7, 1.4), week, noise * 1.3, growth, _always
    for provider, service, model, scale, week, noise in AI:
        growth = random.uniform(0, 0.2)
        for project, share in (("search", 0.5), ("assistant", 0.35), ("labs", 0.15)):
            size = scale * share * random.uniform(0.7, 1.4)
            for key, part in (("a", 0.7), ("b", 0.3)):
                own = f"key_{provider}_{project}_{key}"
                line = (size * part, week, noise * 1.5, growth)
                if (project, key) != ("search", "a"):
                    yield Cell(provider, service, model, project, own), *line, _always
                    continue
                yield Cell(provider, service, model, project, own), *line, lambda day: day < rotated
                yield Cell(provider, service, model, project, f"{own}2"), *line, lambda day: day >= rotated


def _always(_: date) -> bool:
    return True


def _month_edge(cell: Cell, day: date) -> float:
    """What the reports of the month before add, in parts of a usual day."""
    return 2.0 if cell.service == "BigQuery" and day.day == 1 else 0.0


ANY = frozenset(Layer)
UP, DOWN = frozenset({Kind.RISE}), frozenset({Kind.FALL})
PLANS: tuple[tuple[str, Callable[[Cell], bool], int, frozenset[Kind], frozenset[Layer]], ...] = (
    ("spike of a service", lambda c: c.service == "Compute Engine", 1, UP, frozenset({Layer.SERVICE})),
    ("new level of a model", lambda c: c.model == "claude-sonnet-5", 25, UP, frozenset({Layer.MODEL})),
    ("key that runs away", lambda c: c.api_key == "key_openai_labs_a", 3, UP, frozenset({Layer.API_KEY})),
    (
        "new service",
        lambda c: c.service == "Cloud Spanner",
        91,
        frozenset({Kind.NEW_SERVICE}),
        frozenset({Layer.SERVICE}),
    ),
    ("new model", lambda c: c.model == "gpt-6", 91, frozenset({Kind.NEW_MODEL}), frozenset({Layer.MODEL})),
    (
        "silence of a service",
        lambda c: c.service == "Cloud Run",
        4,
        frozenset({Kind.SILENCE}),
        frozenset({Layer.SERVICE}),
    ),
    ("masked rise", lambda c: c.model == "gpt-5-mini", 2, UP, frozenset({Layer.MODEL})),
    ("masked fall", lambda c: c.model == "gpt-5", 2, DOWN, frozenset({Layer.MODEL})),
    ("rise of a provider", lambda c: c.provider == "anthropic", 2, UP, frozenset({Layer.PROVIDER, Layer.SERVICE})),
)
TOGETHER = {"masked fall": "masked rise"}


def _planted(random: Random, begins: date) -> Iterator[Planted]:
    slots = [begins + timedelta(days=10 * number + random.randrange(4)) for number in range(len(PLANS))]
    random.shuffle(slots)
    at: dict[str, date] = {}
    for (name, cells, length, kinds, layers), slot in zip(PLANS, slots, strict=True):
        at[name] = _workday(at[TOGETHER[name]] if name in TOGETHER else slot)
        yield Planted(name, cells, at[name], at[name] + timedelta(days=length - 1), kinds, layers)


def _workday(day: date) -> date:
    """The day, or the Monday after, and none that a month begins with."""
    day += timedelta(days=(7 - day.weekday()) % 7 if day.weekday() > 4 else 0)
    return day + timedelta(days=1) if day.day == 1 else day


def _plant(planted: Planted, amounts: dict[Cell, dict[date, Decimal]], days: list[date], random: Random) -> None:
    lasting = [day for day in days if planted.first <= day <= planted.last]
    if planted.name == "new service":
        amounts[Cell("gcp", "Cloud Spanner", None, "shop-dev", None)] = {
            day: _exact(random.uniform(60, 75)) for day in lasting
        }
        return
    if planted.name == "new model":
        cell = Cell("openai", "OpenAI API", "gpt-6", "labs", "key_openai_labs_b")
        amounts[cell] = {day: _exact(random.uniform(60, 75)) for day in lasting}
        return
    factor = {
        "spike of a service": Decimal("1.9"),
        "new level of a model": Decimal("2.1"),
        "key that runs away": Decimal(6),
        "silence of a service": Decimal(0),
        "masked rise": Decimal("2.3"),
        "masked fall": Decimal("0.35"),
        "rise of a provider": Decimal(2),
    }[planted.name]
    for cell in filter(planted.cells, amounts):
        for day in lasting:
            if day in amounts[cell]:
                amounts[cell][day] *= factor


def _exact(amount: float) -> Decimal:
    return Decimal(f"{amount:.9f}")
