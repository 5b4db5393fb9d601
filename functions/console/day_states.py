"""States of a pipeline's dates, each in one word, as calendars show them."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cloudact.runs.result import Completeness
from cloudact.runs.run import Status
from functions.console.rows import PipelineDay

FINAL, CHANGING, LACKING, RUNNING, FAILED, NONE = "final", "changing", "lacking", "running", "failed", "none"
WORDS = {
    FINAL: "complete",
    CHANGING: "loaded, may still change",
    LACKING: "loaded, the source lacks a part",
    RUNNING: "waiting or running",
    FAILED: "failed, nothing loaded",
    NONE: "never loaded",
}
_LACKING = (Completeness.PARTIAL, Completeness.FROZEN)
Days = Mapping[str, Mapping[dt.date, PipelineDay]]
"""Dates by pipeline and date."""


@dataclass(frozen=True)
class Legend:
    """State with its words, for the line below a calendar."""

    state: str
    words: str


@dataclass(frozen=True)
class DayMark:
    """Date of a strip of days, ten units wide, at `x`."""

    date: dt.date
    state: str
    words: str
    x: int


LEGEND = tuple(Legend(state, words) for state, words in WORDS.items())


def by_pipeline(rows: Iterable[PipelineDay]) -> Days:
    """Rows by pipeline and date."""
    found: dict[str, dict[dt.date, PipelineDay]] = {}
    for row in rows:
        found.setdefault(row.pipeline, {})[row.date] = row
    return found


def state_of(day: PipelineDay | None) -> str:
    """State of a date: of its newest run while that goes on, else of what is loaded, whatever failed since."""
    if day is None:
        return NONE
    if not day.status.final:
        return RUNNING
    if day.loaded_at is None:
        return FAILED if day.status is Status.FAILED else NONE
    if day.completeness in _LACKING:
        return LACKING
    return FINAL if day.completeness == Completeness.FINAL else CHANGING


def last_days(days: Mapping[dt.date, PipelineDay], today: dt.date, number: int) -> list[DayMark]:
    """Days of one pipeline, `number` of them until yesterday, the oldest first."""
    dates = span(today - dt.timedelta(days=number), today - dt.timedelta(days=1))
    states = [state_of(days.get(date)) for date in dates]
    return [
        DayMark(date, state, WORDS[state], n * 10) for n, (date, state) in enumerate(zip(dates, states, strict=True))
    ]


def loaded_days(days: Mapping[dt.date, PipelineDay], marks: Iterable[DayMark]) -> int:
    """Number of these days that anything was ever loaded of."""
    return sum(mark.date in days and days[mark.date].loaded_at is not None for mark in marks)


def span(first: dt.date, last: dt.date) -> list[dt.date]:
    """Days from the first to the last, inclusive."""
    return [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]
