"""The ledger: appends events of runs and steps, and reads their state. Owns the shape of the event rows.

Queries that only the functions need are in `functions.runs` and `functions.schedule`.
"""

import datetime as dt
import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from cloudact.errors import RunError
from cloudact.runs.run import Run, Status, step_logging_id
from cloudact.runs.run_cost import Cost, CostColumns
from cloudact.warehouse.bigquery import Warehouse

RETENTION = dt.timedelta(days=400)  # how far back lists and details look
MOST_LOOKUPS = dt.timedelta(days=2)  # most runs that anyone looks at
NEARLY_ALL_LOOKUPS = dt.timedelta(days=30)  # nearly all
ROWS_AT_ONCE = 500  # of one streaming insert, as BigQuery recommends
DATES_AT_ONCE = 20_000  # of 90 bytes at most: a query has 10 MB
GENERATIONS = 200  # looked up in one query; only a date that was repeated more often needs another
LATE_COLUMNS = frozenset({"pipeline_version"})  # a new job may run before its migration has
EventRow = dict[str, object]


@dataclass(frozen=True)
class StepEvent:
    """Event of a step. `key` distinguishes events of one step and attempt."""

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
    """Event of a run."""

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
    pipeline_version: str | None = None
    cost: Cost | None = None


@dataclass(frozen=True)
class Generation:
    """Newest generation of an (org, pipeline, date), and a summary of all of them.

    `loaded_on`: day of the last request that loaded the date after it was over; `asked_on`: day of the service's last
    own request; `loaded_at`: start of the last run that loaded it; `source_as_of`: newest row that any load has read;
    `given_up_at`: when the service last stopped repeating a run of it that kept failing.
    """

    org_slug: str
    pipeline: str
    date: dt.date
    generation: int
    status: Status
    requested_date: dt.date
    loaded_on: dt.date | None
    asked_on: dt.date | None
    loaded_at: dt.datetime | None
    source_as_of: dt.datetime | None
    given_up_at: dt.datetime | None


@dataclass(frozen=True)
class _Standing(CostColumns):
    status: Status


class Ledger:
    """Appends events, and runs the reads that both processes need; raises `Retry` while BigQuery cannot be reached."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def status(self, run: Run) -> Status | None:
        """Status of a run; `None` before its first event can be read."""
        standing = self._standing(run)
        return standing.status if standing else None

    def cost(self, run: Run) -> Cost | None:
        """Cost of the run's tries so far; `None` where no event has one."""
        standing = self._standing(run)
        return standing.cost if standing else None

    def _standing(self, run: Run) -> _Standing | None:
        day = run.requested_date
        rows = self._warehouse.read(
            _Standing, "run_status", org_slug=run.org_slug, run_id=run.run_id, requested_date=day
        )
        return rows[0] if rows else None

    def generations(self, wanted: Collection[tuple[str, str, dt.date]], today: dt.date) -> Iterator[Generation]:
        """Newest generation of each (org, pipeline, date) that has any."""
        rest = iter(sorted(wanted))
        while chunk := list(islice(rest, DATES_AT_ONCE)):
            yield from self._warehouse.read(
                Generation,
                "generations",
                org_slugs=sorted({org_slug for org_slug, _, _ in chunk}),
                keys=[f"{org_slug} {pipeline} {date}" for org_slug, pipeline, date in chunk],
                first_day=min(date for _, _, date in chunk),  # a run cannot have been requested before its date
                today=today,
            )

    def append_run(self, run: Run, event: RunEvent, at: dt.datetime) -> None:
        """Appends one event of a run; appending an equal event again changes nothing."""
        self.append_runs([(run, event)], at)

    def append_runs(self, events: Iterable[tuple[Run, RunEvent]], at: dt.datetime) -> None:
        """Appends one event each of many runs, 500 rows a call."""
        rest = iter(events)
        while chunk := list(islice(rest, ROWS_AT_ONCE)):
            rows = [_run_event_row(run, event, at) for run, event in chunk]
            self._warehouse.append("pipeline_run_events", rows, [str(row["event_id"]) for row in rows], LATE_COLUMNS)

    def append_step(self, run: Run, event: StepEvent, at: dt.datetime) -> None:
        """Appends one event of a step."""
        self.append_steps(run, [(event, at)])

    def append_steps(self, run: Run, events: Iterable[tuple[StepEvent, dt.datetime]]) -> None:
        """Appends events of a run's steps, at most 500, in one call; without any there is no call."""
        rows = [_step_event_row(run, event, at) for event, at in events]
        if rows:
            self._warehouse.append("pipeline_step_events", rows, [str(row["event_id"]) for row in rows])


def _step_event_row(run: Run, event: StepEvent, at: dt.datetime) -> EventRow:
    event_id = f"{run.run_id}/{event.index}/{event.attempt}/{event.key}"
    return {**_identity(run), **_step_row(run, event), "occurred_at": at.isoformat(), "event_id": event_id}


def _run_event_row(run: Run, event: RunEvent, at: dt.datetime) -> EventRow:
    identity = _identity(run)
    event_id = f"{identity['run_id']}/{event.status}/{event.attempt or 0}{event.key}"
    return {**identity, **_run_row(run, event), "occurred_at": at.isoformat(), "event_id": event_id}


def _identity(run: Run) -> EventRow:
    return {"requested_date": run.requested_date.isoformat(), "org_slug": run.org_slug, "run_id": run.run_id}


def _run_row(run: Run, event: RunEvent) -> EventRow:
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
        **({"pipeline_version": event.pipeline_version} if event.pipeline_version else {}),
        **(event.cost.row if event.cost else {}),
        **_error_columns(event.error),
    }


def _error_columns(error: RunError | None) -> EventRow:
    if error is None:
        return {}
    return {
        "error_code": error.code,
        "error_message": error.message,
        "error_retryable": error.retryable,
        "error_hint": error.hint,
    }


def _step_row(run: Run, event: StepEvent) -> EventRow:
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
