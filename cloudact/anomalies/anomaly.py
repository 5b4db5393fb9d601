"""An anomaly: what has changed, since when and by how much. Knows no transport."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from cloudact.anomalies.judgement import Direction, Judgement
from cloudact.anomalies.series import Layer, Series


class Kind(StrEnum):
    """Kind of an anomaly."""

    RISE = "rise"
    FALL = "fall"
    NEW_SERVICE = "new_service"
    NEW_MODEL = "new_model"
    SILENCE = "silence"


NEW = {Layer.SERVICE: Kind.NEW_SERVICE, Layer.MODEL: Kind.NEW_MODEL}


def kind_of(series: Series, judgement: Judgement) -> Kind:
    """Kind of what a judgement says of a series."""
    if judgement.direction is Direction.UP:
        return NEW.get(series.layer, Kind.RISE) if judgement.is_first else Kind.RISE
    return Kind.FALL if judgement.amount else Kind.SILENCE


@dataclass
class Anomaly:
    """Anomaly of one series. `first` is its first day's judgement; `difference` is the sum of its days.

    `is_masked`: the total of that day hides most of it, since other costs went the other way.
    """

    kind: Kind
    series: Series
    currency: str
    direction: Direction
    since: date
    first: Judgement
    is_masked: bool
    last: date = field(init=False)
    days: int = 0
    difference: Decimal = Decimal()

    def __post_init__(self) -> None:
        self.last = self.since
        self.add(self.since, self.first)

    def is_outgrown_by(self, judgement: Judgement, times: Decimal) -> bool:
        """Whether a day differs so many times as much as the first one: then it is news again."""
        return judgement.difference * self.direction > times * abs(self.first.difference)

    def add(self, day: date, judgement: Judgement) -> None:
        """Makes a day part of the anomaly."""
        self.last = day
        self.days += 1
        self.difference += judgement.difference
