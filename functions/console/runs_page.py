"""The page *Runs*: a list with its filters in the address, counts by status, and what hides all if it is empty."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import Response, request

from cloudact.runs.run import Status
from functions.console.collaborators import Console
from functions.console.hiding import Hiding
from functions.console.pages import page
from functions.console.run_filters import (
    AFTER,
    BY_SERVICE,
    LABELS,
    NOT,
    STATUS_CHOICES,
    TRIGGER_CHOICES,
    Choice,
    RunFilters,
)
from functions.console.sessions import visit
from functions.console.words import STATUS, TRIGGER, status_kind
from functions.runs.history import next_cursor_of, read_cursor
from functions.runs.run_answers import run_answer
from functions.runs.run_pages import StatusPage
from functions.web.answers import RunAnswer

LIMIT = 25


@dataclass(frozen=True)
class RunLine:
    """Run of the list."""

    run: RunAnswer
    path: str
    status: str
    kind: str
    trigger: str
    selectable: bool

    @classmethod
    def of(cls, run: RunAnswer) -> "RunLine":
        """Line of a run as the API answers it."""
        path = run_path(run.org_slug, run.run_id, run.requested_date)
        selectable = run.status is not Status.SUCCESS
        return cls(run, path, STATUS[run.status], status_kind(run.status), TRIGGER[run.trigger_type], selectable)


@dataclass(frozen=True)
class StatusLink:
    """Count of one status, or of all, as a link to these runs; `None` where they were not counted in time."""

    words: str
    kind: str
    runs: int | None
    query: str
    chosen: bool


def run_path(org: str, run_id: str, requested_date: dt.date) -> str:
    """Address of a run's page."""
    return f"/console/{org}/runs/{run_id}?requested_date={requested_date.isoformat()}"


def show_runs(console: Console, org: str) -> Response:
    """200 with a page of the org's runs."""
    visited = visit(console, org)
    filters = RunFilters.read(request.args, console.runs.registry)
    after = read_cursor(request.args[AFTER]) if request.args.get(AFTER) else None
    today = console.clock().date()
    found = console.runs.pages.with_counts(org, filters.of_list(), today, LIMIT, after)
    lines = [RunLine.of(run_answer(run)) for run in found.runs]
    unfinished = any(not line.run.status.final for line in lines)
    return page(
        console,
        visited,
        "runs.html",
        filters=filters,
        lines=lines,
        selectable=any(line.selectable for line in lines),
        own=request.full_path.removesuffix("?"),
        total=found.total,
        links=_links(filters, found),
        hiding=_hiding(console, org, filters, today) if not lines and filters.any else [],
        refreshing=unfinished and after is None,
        later=after is not None,
        next_query=filters.query(**{AFTER: next_cursor_of(found.runs[-1])}) if found.more else "",
        pipelines=[Choice(entry.id, entry.name) for entry in console.runs.registry.entries],
        statuses=STATUS_CHOICES,
        triggers=TRIGGER_CHOICES,
        noise=_noise(filters),
    )


def _links(filters: RunFilters, found: StatusPage) -> Sequence[StatusLink]:
    chosen = filters.text("status")
    counts: Mapping[Status, int] = found.by_status
    total = sum(counts.values()) if counts else None
    every = StatusLink("All", "all", total, filters.query(status=""), not chosen)
    each = [
        StatusLink(words, status_kind(status), counts.get(status), filters.query(status=status.value), chosen == status)
        for status, words in STATUS.items()
    ]
    return [every, *each]


def _hiding(console: Console, org: str, filters: RunFilters, today: dt.date) -> list[Hiding]:
    facets = console.rows.facets(org, today, filters.shown_days(today), filters.day("date"))
    return [
        Hiding(f"{LABELS[name]}: {filters.words_of(name)}", filters.without(name).query())
        for name in filters.hiding(facets)
    ]


def _noise(filters: RunFilters) -> Choice:
    """Link that hides what the service itself has started, or shows it again."""
    if filters.text("trigger") == NOT + BY_SERVICE:
        return Choice(filters.query(trigger=""), "Show runs of the daily call")
    return Choice(filters.query(trigger=NOT + BY_SERVICE), "Hide runs of the daily call")
