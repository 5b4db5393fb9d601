"""The page *Backfill*: what a backfill would run, as a calendar, and then the backfill itself."""

import calendar
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response, request

from cloudact.error_codes import Code
from functions.console.actions import done
from functions.console.collaborators import Console
from functions.console.forms import read_form
from functions.console.pages import page
from functions.console.sessions import Visit, visit
from functions.console.words import SKIPPED
from functions.runs.backfill import backfill_requested
from functions.web.answers import Backfilled
from functions.web.inputs import BackfillBody, Reprocess
from functions.web.problems import Problem

FIRST_SHOWN = 30  # days that the form begins with
REPROCESS = {
    Reprocess.NONE: "only dates that never ran",
    Reprocess.FAILED: "also dates whose last run failed",
    Reprocess.COMPLETED: "also dates that are loaded",
}


@dataclass(frozen=True)
class PlannedDay:
    """Date of a plan: `run`, or why not."""

    date: dt.date
    kind: str
    words: str


@dataclass(frozen=True)
class PlannedMonth:
    """Month of a plan, in weeks from Monday to Sunday; `None` for a day of another month, or of no plan."""

    name: str
    weeks: Sequence[Sequence[PlannedDay | None]]


@dataclass(frozen=True)
class Plan:
    """Answer to a dry run."""

    months: Sequence[PlannedMonth]
    run: int
    skipped: Mapping[str, int]
    remaining: int


def show_backfill(console: Console, org: str, pipeline: str) -> Response:
    """200 with the form and, once its dates are chosen, with what they would run."""
    visited, now = visit(console, org), console.clock()
    entry = next((each for each in console.runs.registry.entries if each.id == pipeline and each.enabled), None)
    if entry is None:
        raise Problem(404, f"Unknown pipeline: {pipeline[:64]}.", code=Code.PIPELINE_UNKNOWN)
    yesterday = now.date() - dt.timedelta(days=1)
    first = request.args.get("first") or (yesterday - dt.timedelta(days=FIRST_SHOWN - 1)).isoformat()
    last = request.args.get("last") or yesterday.isoformat()
    reprocess = request.args.get("reprocess") or Reprocess.NONE.value
    plan, problem = None, ""
    if "first" in request.args:
        try:
            plan = _plan(_answer(console, visited, _body(pipeline, request.args, dry_run=True), now))
        except Problem as err:
            if err.status >= 500:
                raise
            problem = err.detail
    return page(
        console,
        visited,
        "backfill.html",
        entry=entry,
        first=first,
        last=last,
        reprocess=reprocess,
        choices=REPROCESS,
        marks={"run": "runs"} | SKIPPED,
        plan=plan,
        problem=problem,
        today=now.date(),
    )


def run_backfill(console: Console, org: str, pipeline: str) -> Response:
    """303 to the list of the runs that were started, or to the form, which says why there are none."""
    visited, now = visit(console, org), console.clock()
    form = read_form(console, visited.session)
    back = f"/console/{org}/runs?pipeline={pipeline}&trigger=backfill"
    return done(
        console,
        lambda: backfill_requested(console.runs, visited.actor, _body(pipeline, form, dry_run=False), now),
        back,
        _sentence,
    )


def _body(pipeline: str, fields: Mapping[str, str], *, dry_run: bool) -> BackfillBody:
    return BackfillBody.model_validate(
        {
            "pipeline": pipeline,
            "start_date": fields.get("first"),
            "end_date": fields.get("last"),
            "reprocess": fields.get("reprocess") or Reprocess.NONE.value,
            "dry_run": dry_run,
        }
    )


def _answer(console: Console, visited: Visit, body: BackfillBody, now: dt.datetime) -> Backfilled:
    return Backfilled.model_validate_json(backfill_requested(console.runs, visited.actor, body, now).get_data())


def _sentence(answer: Mapping[str, Any]) -> str:
    run, left = len(answer["run"]), answer["remaining"]
    if not run:
        return "Nothing was started: no date is left to run, or the quota of today is used up."
    later = f" {left} more wait for another day's quota: send the same again tomorrow." if left else ""
    return f"{run} {'run was' if run == 1 else 'runs were'} started.{later}"


def _plan(answer: Backfilled) -> Plan:
    days = {date: PlannedDay(date, "run", "runs") for date in answer.run}
    days |= {each.date: PlannedDay(each.date, each.reason, SKIPPED[each.reason]) for each in answer.skip}
    counts: dict[str, int] = {}
    for each in answer.skip:
        counts[SKIPPED[each.reason]] = counts.get(SKIPPED[each.reason], 0) + 1
    return Plan(_months(days), len(answer.run), counts, answer.remaining)


def _months(days: Mapping[dt.date, PlannedDay]) -> list[PlannedMonth]:
    months = sorted({(date.year, date.month) for date in days}, reverse=True)
    return [
        PlannedMonth(
            f"{dt.date(year, month, 1):%B %Y}",
            [week for week in _weeks(days, year, month) if any(week)],
        )
        for year, month in months
    ]


def _weeks(days: Mapping[dt.date, PlannedDay], year: int, month: int) -> list[list[PlannedDay | None]]:
    weeks = calendar.Calendar().monthdatescalendar(year, month)
    return [[days.get(date) if date.month == month else None for date in week] for week in weeks]
