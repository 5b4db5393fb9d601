"""The page *Calendar*: thirteen months of every pipeline, each day's state in one picture and by month in a table."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from flask import Response, request

from functions.console.collaborators import Console
from functions.console.day_states import LEGEND, WORDS, Days, by_pipeline, span, state_of
from functions.console.pages import page
from functions.console.rows import PipelineDay
from functions.console.runs_page import run_path
from functions.console.sessions import visit
from functions.web.parameters import any_date

MONTHS = 13
CELL = ".8"  # of a unit of the picture


@dataclass(frozen=True)
class Squares:
    """Days of one state, as the path of a picture in units of a day."""

    state: str
    path: str


@dataclass(frozen=True)
class MonthName:
    """Name of a month above its first week."""

    name: str
    x: int


@dataclass(frozen=True)
class Picture:
    """Calendar of one pipeline: a column a week, a row a day of the week, Monday first. `label` says it in words."""

    pipeline: str
    name: str
    squares: Sequence[Squares]
    label: str


@dataclass(frozen=True)
class MonthCell:
    """Month of one pipeline in the table."""

    loaded: int
    days: int
    failed: int
    query: str


@dataclass(frozen=True)
class MonthRow:
    """Month of the table, with a cell for each pipeline."""

    name: str
    query: str
    cells: Sequence[MonthCell]


@dataclass(frozen=True)
class DayCell:
    """Date of one month and pipeline."""

    date: dt.date
    state: str
    words: str
    path: str


@dataclass(frozen=True)
class DayRow:
    """Date of one month, with a cell for each pipeline."""

    date: dt.date
    cells: Sequence[DayCell]


def show_calendar(console: Console, org: str) -> Response:
    """200 with the state of every day; with `month` the days of that month too."""
    visited = visit(console, org)
    today = console.clock().date()
    first = _first_month(today)
    month = any_date("month", f"{request.args['month']}-01") if request.args.get("month") else None
    days = by_pipeline(console.rows.days(org, first, today))
    names = {entry.id: entry.name for entry in console.runs.registry.entries if entry.enabled or entry.id in days}
    start = first - dt.timedelta(days=first.weekday())
    return page(
        console,
        visited,
        "calendar.html",
        pictures=[_picture(each, names[each], days.get(each, {}), first, today, start) for each in names],
        months=[MonthName(f"{each:%b}", (each - start).days // 7) for each in _months(first, today)],
        weeks=(today - start).days // 7 + 1,
        rows=[_row(each, names, days, today) for each in reversed(_months(first, today))],
        pipelines=list(names.values()),
        month=f"{month:%B %Y}" if month else "",
        day_rows=_day_rows(org, month, names, days, today) if month else [],
        legend_states=LEGEND,
    )


def _first_month(today: dt.date) -> dt.date:
    months = today.year * 12 + today.month - 1 - (MONTHS - 1)
    return dt.date(months // 12, months % 12 + 1, 1)


def _months(first: dt.date, today: dt.date) -> list[dt.date]:
    return [date for date in span(first, today) if date.day == 1]


def _picture(
    pipeline: str, name: str, known: Mapping[dt.date, PipelineDay], first: dt.date, today: dt.date, start: dt.date
) -> Picture:
    paths: dict[str, list[str]] = {}
    dates = span(first, today - dt.timedelta(days=1))
    for date in dates:
        week, weekday = divmod((date - start).days, 7)
        paths.setdefault(state_of(known.get(date)), []).append(f"M{week} {weekday}h{CELL}v{CELL}h-{CELL}z")
    squares = [Squares(state, "".join(paths[state])) for state in WORDS if state in paths]
    label = ", ".join(f"{len(paths[each.state])} {WORDS[each.state]}" for each in squares)
    return Picture(pipeline, name, squares, f"{name}, {len(dates)} days: {label}")


def _row(month: dt.date, names: Iterable[str], days: Days, today: dt.date) -> MonthRow:
    dates = _dates(month, today)
    cells = []
    for pipeline in names:
        known = days.get(pipeline, {})
        states = Counter(state_of(known.get(date)) for date in dates)
        loaded = sum(date in known and known[date].loaded_at is not None for date in dates)
        cells.append(MonthCell(loaded, len(dates), states["failed"], f"?month={month:%Y-%m}#days"))
    return MonthRow(f"{month:%b %Y}", f"?month={month:%Y-%m}#days", cells)


def _dates(month: dt.date, today: dt.date) -> list[dt.date]:
    """Days of the month that are over."""
    after = (month.replace(day=28) + dt.timedelta(days=4)).replace(day=1)
    return span(month, min(after, today) - dt.timedelta(days=1))


def _day_rows(org: str, month: dt.date, names: Iterable[str], days: Days, today: dt.date) -> list[DayRow]:
    return [
        DayRow(date, [_day_cell(org, date, days.get(pipeline, {}).get(date)) for pipeline in names])
        for date in reversed(_dates(month, today))
    ]


def _day_cell(org: str, date: dt.date, day: PipelineDay | None) -> DayCell:
    state = state_of(day)
    return DayCell(date, state, WORDS[state], run_path(org, day.run_id, day.requested_date) if day else "")
