"""The ledger: appends what happens to runs and steps, and tells where they stand. Owns the event rows' shape."""

import datetime as dt
import json
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from cloudact.errors import RunError
from cloudact.notify.webhooks import Webhook, webhook_of
from cloudact.orgs.members import Membership, Role
from cloudact.orgs.org import ALLOWED_WORDS, ApiKey, Subscription, subscription_status
from cloudact.runs.run import FIRST_DATE, NAMESPACE, Run, Status, run_id, step_logging_id
from cloudact.runs.run_cost import Cost
from cloudact.warehouse.bigquery import Warehouse

RETENTION = dt.timedelta(days=400)  # how far back lists and details look
UNSETTLED = dt.timedelta(days=7)  # how far back the sweep looks; it runs every five minutes
START_WITHIN = dt.timedelta(minutes=15)
# A batch waits for room among hundreds of others, and one that works says something every 20 seconds. Enqueueing a run
# alone costs a call of jobs.run, and a region accepts some tens a minute: that is for batches that are surely lost.
BATCHED_START_WITHIN = dt.timedelta(hours=3)
SPEAK_WITHIN = dt.timedelta(minutes=10)
FRESH = dt.timedelta(days=2)  # most runs that anyone looks at
RECENT = dt.timedelta(days=30)  # nearly all
ROWS_AT_ONCE = 500  # of one streaming insert, as BigQuery recommends
DATES_AT_ONCE = 20_000  # of 90 bytes at most: a query has 10 MB
GENERATIONS = 200  # looked up in one query; only a date that was repeated more often needs another


@dataclass(frozen=True)
class Latest:
    """The newest generation of an (org, pipeline, date)."""

    run_id: str
    status: Status
    generation: int
    requested_date: dt.date


@dataclass(frozen=True)
class AdmissionFacts:
    """What one query tells about a request; `None` where nothing is stored."""

    api_key: ApiKey | None
    subscription: Subscription | None
    integration_status: str | None
    pipelines_today: int
    latest: Latest | None
    memberships: tuple[Membership, ...] = ()
    webhook: Webhook | None = None
    oldest_date: dt.date | None = None  # before it the provider of the integration has nothing

    def allow(self, org_slug: str) -> bool:
        """Whether whoever asks belongs to the org: for strangers nothing more is looked up."""
        own_key = self.api_key is not None and self.api_key.org_slug == org_slug
        return own_key or any(each.org_slug == org_slug for each in self.memberships)


@dataclass(frozen=True)
class Filters:
    """What a list is narrowed to; days are UTC days of the request, inclusive."""

    first_day: dt.date | None = None
    last_day: dt.date | None = None
    statuses: tuple[Status, ...] = ()
    pipeline: str | None = None
    date: dt.date | None = None
    trigger_type: str | None = None


@dataclass(frozen=True)
class After:
    """The last run of the page before."""

    created_at: dt.datetime
    run_id: str


@dataclass(frozen=True)
class StepEvent:
    """Something that happened to a step. `key` tells events of one step and attempt apart."""

    index: int
    name: str
    type: str
    status: Status
    attempt: int
    key: str
    rows: int | None = None
    progress: str | None = None
    level: str | None = None
    text: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class RunEvent:
    """Something that happened to a run."""

    status: Status
    key: str = ""
    started_at: dt.datetime | None = None
    task_id: str | None = None
    batch_id: str | None = None
    batch_index: int | None = None
    execution: str | None = None
    execution_tasks: int | None = None
    attempt: int | None = None
    rows: int | None = None
    bytes_billed: int | None = None
    error: RunError | None = None
    result: str | None = None
    cost: Cost | None = None


@dataclass(frozen=True)
class Unsettled:
    """Runs without a final status: those that have been silent for too long, and how all of them are."""

    silent: list[dict[str, Any]]
    oldest_pending_at: dt.datetime | None = None
    stuck_runs: int = 0


class Ledger:
    """Reads and appends; raises `Retry` while BigQuery cannot be reached."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def admission(
        self,
        key_hash: str | None,
        org_slug: str,
        today: dt.date,
        pipeline: str | None,
        integration: str | None,
        day: dt.date | None,
        user_id: str | None = None,
    ) -> AdmissionFacts:
        """Everything admission asks for, in one query; without a pipeline, caller and org only.

        Run ids are computed, so the newest generation is found by looking for ids, which reads only their blocks.
        """
        first = 1
        while True:
            ids = _ids(org_slug, pipeline, day, first)
            row = self._warehouse.rows(
                "admission",
                key_hash=key_hash,
                user_id=user_id,
                org_slug=org_slug,
                today=today,
                integration=integration,
                date=day or today,
                run_ids=ids,
            )[0]
            facts = _admission_facts(org_slug, row, key_hash)
            newest = facts.latest.generation if facts.latest else 0
            if newest < first + GENERATIONS - 1 or not facts.allow(org_slug):
                return facts
            first += GENERATIONS - 1  # the last one again, so that the newest is always among those looked for

    def api_key(self, key_hash: str) -> ApiKey | None:
        """The stored facts of a key."""
        rows = self._warehouse.rows("api_key", key_hash=key_hash)
        return _api_key(rows[0], key_hash) if rows else None

    def quota(self, org_slug: str, today: dt.date) -> tuple[Subscription | None, int]:
        """What the org may do in a UTC day, and how many runs were asked for today."""
        row = self._warehouse.rows("quota", org_slug=org_slug, today=today)[0]
        return _subscription(row["subscription"]) if row["subscription"] else None, row["pipelines_today"]

    def memberships(self, user_id: str) -> tuple[Membership, ...]:
        """The orgs that a user belongs to."""
        return _memberships(self._warehouse.rows("memberships", user_id=user_id))

    def page(
        self,
        org_slug: str,
        filters: Filters,
        today: dt.date,
        *,
        limit: int,
        offset: int = 0,
        after: After | None = None,
    ) -> tuple[list[dict[str, Any]], int | None]:
        """Up to `limit` runs, newest first, and how many match in all; with `after`, that number is not counted.

        A page after another reads a week of days, and widens only until it is full.
        """
        earliest = max(filters.first_day or dt.date.min, today - RETENTION)
        latest = min(filters.last_day or today, today, after.created_at.date() if after else today)
        if latest < earliest:
            return [], None if after else 0
        if after is None:
            rows = self._list(org_slug, filters, earliest, latest, limit, offset, None)
            return rows, (int(rows[0]["total"]) if rows else self._count(org_slug, filters, earliest, latest, offset))
        span = dt.timedelta(days=7)
        while True:
            first = latest - min(span, latest - earliest)
            rows = self._list(org_slug, filters, first, latest, limit, 0, after)
            if len(rows) == limit or first == earliest:
                return rows, None
            span *= 4

    def _count(self, org_slug: str, filters: Filters, first: dt.date, last: dt.date, offset: int) -> int:
        rows = self._list(org_slug, filters, first, last, 1, 0, None) if offset else []
        return int(rows[0]["total"]) if rows else 0

    def _list(
        self,
        org_slug: str,
        filters: Filters,
        first: dt.date,
        last: dt.date,
        limit: int,
        offset: int,
        after: After | None,
    ) -> list[dict[str, Any]]:
        return self._warehouse.rows(
            "run_list",
            org_slug=org_slug,
            first_day=first,
            last_day=last,
            statuses=[status.value for status in filters.statuses],
            pipeline=filters.pipeline,
            date=filters.date,
            trigger_type=filters.trigger_type,
            before_at=after.created_at if after else None,
            before_id=after.run_id if after else None,
            counted_total=after is None,
            row_limit=limit,
            row_offset=offset,
        )

    def run(
        self, org_slug: str, run_id: str, today: dt.date, requested_date: dt.date | None = None
    ) -> dict[str, Any] | None:
        """One run, or `None` where the org has none of this id.

        Who knows the day it was asked for reads that day's partition alone. A run that has not begun there may be one
        that was asked for on both sides of midnight (docs/adr/0001), so the days beside it are looked at too; else, and
        for who was wrong about the day, it is looked for from today backwards.
        """
        day = dt.timedelta(days=1)
        if requested_date and FIRST_DATE < requested_date <= today:
            row = self._look_up(org_slug, run_id, requested_date, requested_date)
            if row and row["started_at"]:
                return row
            if row := self._look_up(org_slug, run_id, requested_date - day, requested_date + day):
                return row
        last = today
        for span in (FRESH, RECENT, RETENTION):
            if row := self._look_up(org_slug, run_id, today - span, last):
                return row
            last = today - span - day
        return None

    def _look_up(self, org_slug: str, run_id: str, first: dt.date, last: dt.date) -> dict[str, Any] | None:
        rows = self._warehouse.rows("run_detail", org_slug=org_slug, run_id=run_id, first_day=first, last_day=last)
        return rows[0] if rows else None

    def steps(self, org_slug: str, run_id: str, requested_date: dt.date) -> list[dict[str, Any]]:
        """The run's steps in their order, each with its messages."""
        return self._warehouse.rows("run_steps", org_slug=org_slug, run_id=run_id, requested_date=requested_date)

    def status(self, run: Run) -> Status | None:
        """Where a run stands; `None` before its first event can be read."""
        rows = self._warehouse.rows(
            "run_status", org_slug=run.org_slug, run_id=run.run_id, requested_date=run.requested_date
        )
        return Status(rows[0]["status"]) if rows else None

    def cost(self, run: Run) -> Cost | None:
        """What the run's tries have cost so far; `None` where none has told."""
        rows = self._warehouse.rows(
            "run_status", org_slug=run.org_slug, run_id=run.run_id, requested_date=run.requested_date
        )
        return Cost.of_row(rows[0]) if rows else None

    def unsettled(self, now: dt.datetime) -> Unsettled:
        """Silent are runs that should have started, or said something, by now; at most 500, others at another time.

        Stuck are those of them that had started. The oldest pending one counts from when it was put into the queue;
        runs that wait in a batch are left out.
        """
        rows = self._warehouse.rows(
            "sweep",
            first_day=now.date() - UNSETTLED,
            last_day=now.date(),
            pending_before=now - START_WITHIN,
            batched_before=now - BATCHED_START_WITHIN,
            running_before=now - SPEAK_WITHIN,
            turn=str(uuid.uuid5(NAMESPACE, now.isoformat())),  # run_ids are UUIDs, so any place is as likely
        )
        silent = [row for row in rows if row["silent"]]
        return Unsettled(silent, rows[0]["oldest_pending_at"], rows[0]["stuck_runs"]) if rows else Unsettled(silent)

    def daily_plan(self, first_day: dt.date, today: dt.date) -> list[dict[str, Any]]:
        """What is known of everyone who may run pipelines, and of their dates from the first day on."""
        return self._warehouse.rows("daily_plan", allowed=sorted(ALLOWED_WORDS), first_day=first_day, today=today)

    def generations(self, wanted: Collection[tuple[str, str, dt.date]], today: dt.date) -> list[dict[str, Any]]:
        """The newest generation of each (org, pipeline, date), and when the last run that loaded it started."""
        rows: list[dict[str, Any]] = []
        rest = iter(sorted(wanted))
        while chunk := list(islice(rest, DATES_AT_ONCE)):
            rows += self._warehouse.rows(
                "generations",
                org_slugs=sorted({org_slug for org_slug, _, _ in chunk}),
                keys=[f"{org_slug} {pipeline} {date}" for org_slug, pipeline, date in chunk],
                first_day=min(date for _, _, date in chunk),  # a run cannot have been requested before its date
                today=today,
            )
        return rows

    def append_run(self, run: Run, event: RunEvent, at: dt.datetime) -> None:
        """Appends one event of a run; appending the same again changes nothing."""
        self.append_runs([(run, event)], at)

    def append_runs(self, events: Iterable[tuple[Run, RunEvent]], at: dt.datetime) -> None:
        """The same for one event of each of many runs."""
        rest = iter(events)
        while chunk := list(islice(rest, ROWS_AT_ONCE)):
            rows = [_run_event_row(run, event, at) for run, event in chunk]
            self._warehouse.append("pipeline_run_events", rows, [row["event_id"] for row in rows])

    def append_step(self, run: Run, event: StepEvent, at: dt.datetime) -> None:
        """Appends one event of a step."""
        row = {**_identity(run), **_step_row(run, event), "occurred_at": at.isoformat()}
        row["event_id"] = f"{run.run_id}/{event.index}/{event.attempt}/{event.key}"
        self._warehouse.append("pipeline_step_events", [row], [row["event_id"]])


def _ids(org_slug: str, pipeline: str | None, day: dt.date | None, first: int) -> list[str]:
    if pipeline is None or day is None:
        return []
    return [run_id(org_slug, pipeline, day, generation) for generation in range(first, first + GENERATIONS)]


def _api_key(row: Mapping[str, Any], hashed: str | None) -> ApiKey | None:
    """Found by its hash already; compared once more, since an index need not compare in constant time."""
    key = ApiKey(**row)
    return key if hashed is not None and key.matches(hashed) else None


def _admission_facts(org_slug: str, row: Mapping[str, Any], hashed: str | None) -> AdmissionFacts:
    latest, integration = row["latest"], row["integration"] or {"status": None, "oldest_date": None}
    return AdmissionFacts(
        api_key=_api_key(row["api_key"], hashed) if row["api_key"] else None,
        subscription=_subscription(row["subscription"]) if row["subscription"] else None,
        integration_status=integration["status"],
        pipelines_today=row["pipelines_today"],
        latest=Latest(**latest | {"status": Status(latest["status"])}) if latest else None,
        memberships=_memberships(row["memberships"]),
        webhook=webhook_of(org_slug, row["webhook"]) if row["webhook"] else None,
        oldest_date=integration["oldest_date"],
    )


def _memberships(rows: Sequence[Mapping[str, Any]]) -> tuple[Membership, ...]:
    return tuple(Membership(row["org_slug"], Role(row["role"]), row["onboarded"]) for row in rows)


def _subscription(row: Mapping[str, Any]) -> Subscription:
    return Subscription(subscription_status(row["status"]), row["plan"], row["daily_limit"])


def _run_event_row(run: Run, event: RunEvent, at: dt.datetime) -> dict[str, Any]:
    identity = _identity(run)
    event_id = f"{identity['run_id']}/{event.status}/{event.attempt or 0}{event.key}"
    return {**identity, **_run_row(run, event), "occurred_at": at.isoformat(), "event_id": event_id}


def _identity(run: Run) -> dict[str, Any]:
    return {"requested_date": run.requested_date.isoformat(), "org_slug": run.org_slug, "run_id": run.run_id}


def _run_row(run: Run, event: RunEvent) -> dict[str, Any]:
    return {
        "status": event.status.value,
        "pipeline": run.pipeline,
        "pipeline_id": run.pipeline_id,
        "provider": run.provider,
        "domain": run.domain,
        "date": run.date.isoformat(),
        "generation": run.generation,
        "trigger_type": run.trigger_type.value,
        "triggered_by": run.triggered_by,
        "counted": run.trigger_type.counted,
        "requested_at": run.requested_at.isoformat(),
        "started_at": event.started_at.isoformat() if event.started_at else None,
        "task_id": event.task_id,
        "batch_id": event.batch_id,
        "batch_index": event.batch_index,
        "execution": event.execution,
        "execution_tasks": event.execution_tasks,
        "attempt": event.attempt,
        "rows_processed": event.rows,
        "bytes_billed": event.bytes_billed,
        "parameters": json.dumps({"date": run.date.isoformat(), "force_refresh": run.force_refresh}),
        "result": event.result,
        **(event.cost.row if event.cost else {}),
        **_error_columns(event.error),
    }


def _error_columns(error: RunError | None) -> dict[str, Any]:
    if error is None:
        return {}
    return {
        "error_code": error.code,
        "error_message": error.message,
        "error_retryable": error.retryable,
        "error_hint": error.hint,
    }


def _step_row(run: Run, event: StepEvent) -> dict[str, Any]:
    return {
        "step_logging_id": step_logging_id(run.run_id, event.index),
        "step_index": event.index,
        "step_name": event.name,
        "step_type": event.type,
        "status": event.status.value,
        "attempt": event.attempt,
        "rows_processed": event.rows,
        "progress": event.progress,
        "level": event.level,
        "text": event.text,
        "error_message": event.error,
    }
