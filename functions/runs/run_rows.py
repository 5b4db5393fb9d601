"""Rows of runs and steps as the functions read them from the state views; one run, and its steps."""

import datetime as dt
import json
from dataclasses import dataclass

from cloudact.runs.ledger import MOST_LOOKUPS, NEARLY_ALL_LOOKUPS, RETENTION
from cloudact.runs.run import FIRST_DATE, Run, Status, TriggerType
from cloudact.runs.run_cost import CostColumns
from cloudact.warehouse.bigquery import Warehouse


@dataclass(frozen=True)
class StoredRun(CostColumns):
    """Run with the columns that every query returns.

    `trigger_type` and `parameters` are parsed where they are needed: a row that a newer revision wrote in words of its
    own must not keep the rows beside it from being read.
    """

    run_id: str
    org_slug: str
    pipeline_id: str
    pipeline: str
    provider: str
    domain: str
    status: Status
    date: dt.date
    generation: int
    trigger_type: str
    triggered_by: str
    requested_date: dt.date
    created_at: dt.datetime
    started_at: dt.datetime | None
    parameters: str

    @property
    def run(self) -> Run:
        """Run as it travels on the queue; its pipeline may have left the registry since. Raises `ValueError`."""
        return Run(
            org_slug=self.org_slug,
            pipeline=self.pipeline,
            provider=self.provider,
            domain=self.domain,
            name=self.pipeline_id.removeprefix(f"{self.org_slug}-{self.provider}-"),
            date=self.date,
            generation=self.generation,
            trigger_type=TriggerType(self.trigger_type),
            triggered_by=self.triggered_by,
            requested_at=self.created_at,
            force_refresh=json.loads(self.parameters)["force_refresh"],
        )


@dataclass(frozen=True)
class ListedRun(StoredRun):
    """Run of a page, with how it went. `duration_ms` is the time between start and end."""

    completed_at: dt.datetime | None
    duration_ms: int | None
    rows_processed: int | None
    bytes_billed: int | None
    error_code: str | None
    error_message: str | None
    error_retryable: bool | None
    error_hint: str | None


@dataclass(frozen=True)
class DetailedRun(ListedRun):
    """One run: its result as JSON too, and the task and execution that work on it. `enqueued` counts its tasks.

    `pipeline_version` is that of the file in its container; `None` before the container has recorded one, and for older
    runs.
    """

    pipeline_version: str | None
    result: str | None
    task_id: str | None
    batch_id: str | None
    enqueued: int
    execution: str | None
    execution_tasks: int | None


@dataclass(frozen=True)
class StoredMessage:
    """Message of a try of a step for the run's owner."""

    occurred_at: dt.datetime
    attempt: int
    level: str | None
    text: str


@dataclass(frozen=True)
class StoredStep:
    """Step of a run in its last try; its messages are of all tries."""

    step_logging_id: str
    step_index: int
    step_name: str
    step_type: str
    status: Status
    started_at: dt.datetime
    completed_at: dt.datetime | None
    duration_ms: int | None
    rows_processed: int | None
    progress: str | None
    error_message: str | None
    attempt: int
    messages: tuple[StoredMessage, ...] | None


class RunRows:
    """Reads runs of one org; raises `Retry` while BigQuery cannot be reached."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def find(
        self, org_slug: str, run_id: str, today: dt.date, requested_date: dt.date | None = None
    ) -> DetailedRun | None:
        """One run, or `None` where the org has none of this id.

        With the day of its request only that day's partition is read. A run that has not begun there may be one that
        was requested on both sides of midnight (docs/adr/0001), so the days beside it are read too. Otherwise, and for
        a wrong day, the run is looked for from today backwards.
        """
        day = dt.timedelta(days=1)
        if requested_date and FIRST_DATE < requested_date <= today:
            run = self._look_up(org_slug, run_id, requested_date, requested_date)
            if run and run.started_at:
                return run
            if run := self._look_up(org_slug, run_id, requested_date - day, requested_date + day):
                return run
        last = today
        for span in (MOST_LOOKUPS, NEARLY_ALL_LOOKUPS, RETENTION):
            if run := self._look_up(org_slug, run_id, today - span, last):
                return run
            last = today - span - day
        return None

    def _look_up(self, org_slug: str, run_id: str, first: dt.date, last: dt.date) -> DetailedRun | None:
        rows = self._warehouse.read(
            DetailedRun, "run_detail", org_slug=org_slug, run_id=run_id, first_day=first, last_day=last
        )
        return rows[0] if rows else None

    def steps(self, run: StoredRun) -> list[StoredStep]:
        """Steps of the run in their order, each with its messages."""
        return self._warehouse.read(
            StoredStep, "run_steps", org_slug=run.org_slug, run_id=run.run_id, requested_date=run.requested_date
        )
