"""The page *Pipelines*: what can be run, how it went last, and a form that runs it."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from flask import Response

from cloudact.orgs.org import IntegrationStatus
from cloudact.pipelines.registry import Entry
from cloudact.runs.run import FIRST_DATE, Status
from functions.console.actions import started
from functions.console.collaborators import Console
from functions.console.day_states import LEGEND, DayMark, Days, by_pipeline, last_days, loaded_days
from functions.console.forms import read_form
from functions.console.pages import page
from functions.console.rows import PipelineDay
from functions.console.runs_page import run_path
from functions.console.sessions import visit
from functions.console.words import INTEGRATION, STATUS, status_kind
from functions.orgs.integrations import IntegrationState, integration_states
from functions.runs.start import TriggerRequest, resolve, start_requested
from functions.web.parameters import any_date, runnable

DAYS = 35  # that are looked at
STRIP = 30  # that are shown


@dataclass(frozen=True)
class LastRun:
    """Newest run of a pipeline."""

    path: str
    status: str
    kind: str
    date: dt.date
    at: dt.datetime
    rows: int | None


@dataclass(frozen=True)
class PipelineCard:
    """Pipeline of the catalogue, for one org. `reason` says why it cannot be run now; empty if it can."""

    entry: Entry
    integration: str
    works: bool
    reason: str
    last: LastRun | None
    next_date: dt.date | None
    strip: Sequence[DayMark]
    loaded: int


def show_pipelines(console: Console, org: str) -> Response:
    """200 with all pipelines: whether they can be run, their last run, and the last thirty days."""
    visited = visit(console, org)
    today = console.clock().date()
    days = by_pipeline(console.rows.days(org, today - dt.timedelta(days=DAYS), today))
    states = {each.integration: each for each in integration_states(console.integrations, org)}
    cards = [_card(entry, org, days, states, today) for entry in console.runs.registry.entries]
    return page(
        console,
        visited,
        "pipelines.html",
        cards=cards,
        yesterday=today - dt.timedelta(days=1),
        today=today,
        first_date=FIRST_DATE,
        legend_states=LEGEND,
        strip_days=STRIP,
    )


def run_pipeline(console: Console, org: str, pipeline: str) -> Response:
    """303 to the run that was started or that answers already; to the pipelines, with the reason, where none was."""
    visited, now = visit(console, org), console.clock()
    form = read_form(console, visited.session)

    def act() -> Response:
        entry = resolve(console.runs.registry, _path_of(console, pipeline))
        date = runnable("date", any_date("date", form.get("date")), now.date())
        wanted = TriggerRequest(date, force_refresh=form.get("force") == "true")
        return start_requested(console.runs, org, visited.session.credential, entry, wanted, now)

    return started(console, org, act, f"/console/{org}/pipelines#{pipeline}")


def _path_of(console: Console, pipeline: str) -> list[str]:
    """Path of the pipeline with this id as triggers name it; of an unknown one the id, which is refused by its name."""
    known = {entry.id: entry.path.split("/") for entry in console.runs.registry.entries}
    return known.get(pipeline, [pipeline])


def _card(entry: Entry, org: str, days: Days, states: dict[str, IntegrationState], today: dt.date) -> PipelineCard:
    known = days.get(entry.id, {})
    state = states.get(entry.required_integration)
    status = state.status if state else IntegrationStatus.NOT_CONFIGURED
    works = status is IntegrationStatus.VALID
    newest = max(known.values(), key=lambda day: day.created_at, default=None)
    marks = last_days(known, today, STRIP)
    return PipelineCard(
        entry=entry,
        integration=INTEGRATION[status],
        works=works,
        reason=_reason(entry, works=works),
        last=_last(org, newest) if newest else None,
        next_date=today if entry.enabled and works and entry.schedule == "daily" else None,
        strip=marks,
        loaded=loaded_days(known, marks),
    )


def _reason(entry: Entry, *, works: bool) -> str:
    if not entry.enabled:
        return "This pipeline is not enabled."
    return "" if works else "Its integration does not work yet."


def _last(org: str, day: PipelineDay) -> LastRun:
    return LastRun(
        run_path(org, day.run_id, day.requested_date),
        STATUS[day.status],
        status_kind(day.status),
        day.date,
        day.completed_at or day.created_at,
        day.rows_processed if day.status is Status.SUCCESS else None,
    )
