"""`/organizations/{org}/timeline`: runs, restatements, dates given up, credentials, and events, in one list."""

import datetime as dt
import json
import re
from dataclasses import dataclass
from typing import Annotated

from flask import Response, request
from pydantic import BeforeValidator, Field, JsonValue, ValidationInfo, WithJsonSchema

from cloudact.clock import Clock
from cloudact.error_codes import Code
from cloudact.runs.result import ChangeCause
from cloudact.runs.run import FIRST_DATE, Status, TriggerType
from functions.auth.authenticate import Authentication, let_in, presented
from functions.orgs.timeline_pages import LastShown, TimelineFilters, TimelineKind, TimelinePages, TimelineRow
from functions.web.answers import Answer, Instant, answered
from functions.web.cursors import pointing_at, text_of
from functions.web.inputs import Day, Input, in_query, whole
from functions.web.problems import bad_field, bad_request

NO_CURSOR = "cursor must be the next_cursor of an earlier page."
_ENTRY = re.compile(r"[\w./-]{1,200}", re.ASCII)
_KINDS = [kind.value for kind in TimelineKind]


def _kinds(value: object, info: ValidationInfo) -> tuple[TimelineKind, ...]:
    words = value if isinstance(value, list) else []
    if any(word not in _KINDS for word in words):
        raise bad_field(info.field_name, f"must be one of {', '.join(_KINDS)}")
    return tuple(dict.fromkeys(map(TimelineKind, words)))


class TimelineQuery(Input):
    """Filters of the timeline; days are UTC days, inclusive."""

    kind: Annotated[
        tuple[TimelineKind, ...],
        BeforeValidator(_kinds),
        WithJsonSchema({"type": "array", "items": {"type": "string", "enum": _KINDS}}),
    ] = Field(default=(), description="may be given several times; default: all")
    start_date: Day | None = Field(default=None)
    end_date: Day | None = Field(default=None)
    limit: Annotated[int, whole(1, 100), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 100})] = 20
    cursor: str | None = Field(default=None, description="next_cursor of the page before")


class DayChange(Answer):
    """What a run has changed of its date."""

    cause: ChangeCause | str | None = Field(description="null where nobody knows, and where nothing has changed")
    rows: int | None = Field(description="more rows than before; null where nothing is known to compare with")
    cost: dict[str, str] = Field(description="by currency, decimal numbers", examples=[{"USD": "3.71"}])


class TimelineRun(Answer):
    """A run, or a restatement, in short; its detail is at `/pipelines/{org}/runs/{run_id}`."""

    run_id: str
    requested_date: dt.date
    pipeline: str = Field(description="registry id")
    date: dt.date = Field(description="the UTC date whose costs are loaded")
    generation: int
    status: Status
    trigger_type: TriggerType | str
    triggered_by: str = Field(description="a key's name or a person's id; never an address")
    rows_processed: int | None
    error_code: str | None
    change: DayChange | None = Field(description="null unless it has replaced the date")


class TimelineCredential(Answer):
    """A change of an integration's credential, or of an API key. No secret is in it."""

    what: str = Field(
        description="Extensible enum: set_up, changed, removed, invalid or valid of an integration; key_made, "
        "key_revoked or key_expired",
        examples=["set_up"],
    )
    integration: str | None = Field(description="null for an API key")
    name: str | None = Field(description="what its owner calls it; of an API key how it begins")
    fingerprint: str | None


class TimelineEvent(Answer):
    """An event as webhooks post it."""

    type: str = Field(examples=["quota_near"])
    data: dict[str, JsonValue]


class TimelineEntry(Answer):
    """What has happened. One of the last three is set, by its kind."""

    id: str
    at: Instant = Field(description="of a run: when it was asked for")
    kind: TimelineKind = Field(description="run and restatement have `run`, credential has its own, others an `event`")
    run: TimelineRun | None
    credential: TimelineCredential | None
    event: TimelineEvent | None


class Timeline(Answer):
    """What has happened in an org, the newest first."""

    org_slug: str = Field(examples=["acmecorp"])
    entries: list[TimelineEntry]
    next_cursor: str | None = Field(description="for the next page; null on the last one")


@dataclass(frozen=True)
class OrgTimeline:
    """The collaborators of the timeline."""

    auth: Authentication
    pages: TimelinePages
    clock: Clock


def show_timeline(room: OrgTimeline, org: str) -> Response:
    """200 with a page of what has happened, for every member."""
    credential, query = presented(room.auth, org), in_query(request.args, TimelineQuery)
    if query.start_date and query.end_date and query.start_date > query.end_date:
        raise bad_request("start_date must not be after end_date.", Code.FIELDS_CONFLICT)
    after = read_cursor(query.cursor) if query.cursor is not None else None
    let_in(room.auth, org, credential)
    filters = TimelineFilters(query.kind, query.start_date, query.end_date)
    found = room.pages.page(org, filters, room.clock(), query.limit, after)
    cursor = next_cursor_of(found.rows[-1]) if found.more else None
    return answered(Timeline(org_slug=org, entries=[*map(entry_of, found.rows)], next_cursor=cursor))


def next_cursor_of(row: TimelineRow) -> str:
    """Cursor of the page that follows this entry."""
    return pointing_at(f"{row.happened_at.isoformat()} {row.entry_id}")


def read_cursor(text: str) -> LastShown:
    """Last entry of the page before, of its cursor. Raises 400 for any other text."""
    try:
        at, entry_id = text_of(text).split(" ")
        shown = LastShown(dt.datetime.fromisoformat(at), entry_id)
    except ValueError as err:
        raise bad_request(NO_CURSOR, Code.PAGE_CURSOR_INVALID) from err
    if not _ENTRY.fullmatch(entry_id) or shown.at.utcoffset() != dt.timedelta(0) or shown.at.year < FIRST_DATE.year:
        raise bad_request(NO_CURSOR, Code.PAGE_CURSOR_INVALID)
    return shown


def entry_of(row: TimelineRow) -> TimelineEntry:
    """Entry as clients see it."""
    is_event = row.data is not None
    return TimelineEntry(
        id=row.entry_id,
        at=row.happened_at,
        kind=row.kind,
        run=_run(row),
        credential=_credential(row) if row.kind is TimelineKind.CREDENTIAL else None,
        event=TimelineEvent(type=row.what, data=json.loads(row.data or "{}")) if is_event else None,
    )


def _run(row: TimelineRow) -> TimelineRun | None:
    if row.run_id is None or row.pipeline is None or row.date is None:
        return None
    return TimelineRun(
        run_id=row.run_id,
        requested_date=row.day,
        pipeline=row.pipeline,
        date=row.date,
        generation=row.generation or 1,
        status=Status(row.what.upper()),
        trigger_type=row.trigger_type or "",
        triggered_by=row.triggered_by or "",
        rows_processed=row.rows_processed,
        error_code=row.error_code,
        change=_change(row),
    )


def _change(row: TimelineRow) -> DayChange | None:
    """Change of a run that has replaced its date."""
    if row.unchanged is not False:
        return None
    differs = json.loads(row.difference or "null") or {"rows": None, "cost": {}}
    cost = {currency: str(amount) for currency, amount in differs["cost"].items()}
    return DayChange(cause=row.cause, rows=differs["rows"], cost=cost)


def _credential(row: TimelineRow) -> TimelineCredential:
    return TimelineCredential(what=row.what, integration=row.integration, name=row.name, fingerprint=row.fingerprint)
