"""Minutes of a crontab line: https://cloud.google.com/scheduler/docs/configuring/cron-job-schedules.

Numbers alone; `infra/rehearsal` judges lines as Google does.
"""

import re
from dataclasses import dataclass
from datetime import datetime

_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))  # minute, hour, day, month, weekday
_PART = re.compile(r"(?:\*|(\d+)(?:-(\d+))?)(?:/([1-9]\d*))?")


@dataclass(frozen=True)
class Crontab:
    """A schedule: the numbers that each of its five fields allows, and whether day and weekday restrict."""

    fields: tuple[frozenset[int], ...]
    either_day: bool

    @classmethod
    def read(cls, line: str) -> "Crontab":
        """Schedule of a crontab line. Raises ValueError if it is none."""
        fields = line.split()
        if len(fields) != len(_BOUNDS):
            raise ValueError(f"a schedule has five fields, not {line!r}")
        allowed = [_numbers(field, *bounds) for field, bounds in zip(fields, _BOUNDS, strict=True)]
        allowed[4] = frozenset(number % 7 for number in allowed[4])  # 7 is Sunday too
        return cls(tuple(allowed), "*" not in (fields[2][0], fields[4][0]))

    def matches(self, at: datetime) -> bool:
        """Whether the minute of `at` is one of the schedule's."""
        minutes, hours, days, months, weekdays = self.fields
        day, weekday = at.day in days, at.isoweekday() % 7 in weekdays
        on_day = (day or weekday) if self.either_day else (day and weekday)
        return at.minute in minutes and at.hour in hours and at.month in months and on_day


def _numbers(field: str, lowest: int, highest: int) -> frozenset[int]:
    return frozenset().union(*(_part(part, lowest, highest) for part in field.split(",")))


def _part(part: str, lowest: int, highest: int) -> range:
    match = _PART.fullmatch(part)
    if match is None:
        raise ValueError(f"{part!r} is no part of a schedule")
    first = lowest if match[1] is None else int(match[1])
    last = highest if match[1] is None else int(match[2] or match[1])
    if not lowest <= first <= last <= highest:
        raise ValueError(f"{part!r} is not between {lowest} and {highest}")
    return range(first, last + 1, int(match[3] or 1))
