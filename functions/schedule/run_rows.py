"""Rows that schedule and sweep read of all orgs at once: the day's plan, and silent runs.

`daily_plan.sql` packs an org's dates into text, since a quarter of a million structs are slow; here it is unpacked.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from cloudact.orgs.org import ALLOWED_WORDS
from cloudact.runs.run import NAMESPACE, Status, TriggerType
from cloudact.warehouse.bigquery import Warehouse
from functions.runs.run_rows import StoredRun

UNSETTLED = dt.timedelta(days=7)  # how far back the sweep looks; it runs every five minutes
START_WITHIN = dt.timedelta(minutes=15)
# A batch waits for room among hundreds of others, and one that works says something every 20 seconds. Enqueueing a run
# alone costs a call of jobs.run, and a region accepts some tens a minute: that is for batches that are surely lost.
BATCHED_START_WITHIN = dt.timedelta(hours=3)
SPEAK_WITHIN = dt.timedelta(minutes=10)
POSTPONED = "POSTPONED"  # the query's word
NEVER = "-"  # the query's word
HALF = "half"  # the query's word


class BatchPlace(NamedTuple):
    """Place of a run of today in a batch, and how it was requested."""

    batch_id: str
    position: int
    trigger_type: TriggerType
    requested_at: dt.datetime


class OwnFailure(NamedTuple):
    """Run of the service's own that has failed: what of it differs from run to run."""

    generation: int
    trigger_type: TriggerType
    requested_at: dt.datetime


@dataclass(frozen=True)
class Owed:
    """What is owed of a date: runs of it have failed since a day, and none has loaded it after.

    `half_loaded`: one has replaced some tables and not the others. `last` is the service's own newest such run; `None`
    where only others have tried.
    """

    since: dt.date
    half_loaded: bool = False
    last: OwnFailure | None = None


@dataclass(frozen=True)
class DateState:
    """State of one date of an org's pipeline: its newest generation, and a summary of all of them.

    `loaded_on` is the day of the last request that loaded the date after it was over, `asked_on` that of the service's
    own last request. `postponed`: the newest run found the day's load jobs used up, and is to be repeated. `owed` is
    `None` where the last word is a load, or nothing has failed for the service.
    """

    date: dt.date
    generation: int
    status: Status
    loaded_on: dt.date | None
    asked_on: dt.date | None
    postponed: bool = False
    owed: Owed | None = None


@dataclass(frozen=True)
class PlannedDate(DateState):
    """State of a date as the plan has it. `place` is that of a run batched today."""

    place: BatchPlace | None = None


@dataclass(frozen=True)
class PlanRow:
    """Org and one of its pipelines, or an org that has run nothing lately.

    `integrations` are those that work; `daily_limit` is the plan's. `look` is the JSON of the last scan for late rows.
    `ended` counts the runs of yesterday's and today's requests that have ended by themselves, `took_ms` is their total
    duration in milliseconds.
    """

    org_slug: str
    since: dt.date
    daily_limit: int
    integrations: str
    pipeline: str | None
    known: str | None
    look: str | None
    ended: int | None
    took_ms: int | None

    @cached_property
    def dates(self) -> list[PlannedDate]:
        """Dates of the pipeline that have runs."""
        return [planned_date(text) for text in self.known.split(",")] if self.known else []


def planned_date(text: str) -> PlannedDate:
    """Unpacks `date generation status loaded_on asked_on owed [batch_id position trigger_type requested_at]`."""
    date, generation, status, loaded_on, asked_on, owed, *place = text.split(" ")
    return PlannedDate(
        date=dt.date.fromisoformat(date),
        generation=int(generation),
        status=Status.FAILED if status == POSTPONED else Status(status),
        loaded_on=_day(loaded_on),
        asked_on=_day(asked_on),
        postponed=status == POSTPONED,
        owed=_owed(owed),
        place=_place(*place) if place else None,
    )


def _place(batch_id: str, position: str, trigger_type: str, requested_at: str) -> BatchPlace:
    return BatchPlace(batch_id, int(position), TriggerType(trigger_type), dt.datetime.fromisoformat(requested_at))


def _owed(text: str) -> Owed | None:
    """Unpacks `since|half or whole|[generation|trigger_type|requested_at]`."""
    if text == NEVER:
        return None
    since, half, *last = text.split("|")
    return Owed(dt.date.fromisoformat(since), half == HALF, _own_failure(*last) if last[0] else None)


def _own_failure(generation: str, trigger_type: str, requested_at: str) -> OwnFailure:
    return OwnFailure(int(generation), TriggerType(trigger_type), dt.datetime.fromisoformat(requested_at))


def _day(text: str) -> dt.date | None:
    return None if text == NEVER else dt.date.fromisoformat(text)


@dataclass(frozen=True)
class UnsettledRun(StoredRun):
    """Run without a final status, and the task and batch that are to start it. `enqueued` counts its tasks."""

    enqueued: int
    task_id: str | None
    batch_id: str | None
    last_event_at: dt.datetime


@dataclass(frozen=True)
class _SweptRun(UnsettledRun):
    silent: bool
    oldest_pending_at: dt.datetime | None
    stuck_runs: int


@dataclass(frozen=True)
class Unsettled:
    """Runs without a final status: the silent ones, and figures of all of them."""

    silent: Sequence[UnsettledRun]
    oldest_pending_at: dt.datetime | None = None
    stuck_runs: int = 0


class ScheduleRows:
    """Reads over all orgs; raises `Retry` while BigQuery cannot be reached."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def plan(self, first_day: dt.date, today: dt.date) -> list[PlanRow]:
        """Plan rows of all orgs that may run pipelines: dates from the first day on, and older ones that are owed.

        Requests are read from as long before the first day: what has failed since then is found even where no call was
        made on the day it became too old.
        """
        return self._warehouse.read(
            PlanRow,
            "daily_plan",
            allowed=sorted(ALLOWED_WORDS),
            first_request=first_day - (today - first_day),
            first_day=first_day,
            today=today,
        )

    def unsettled(self, now: dt.datetime) -> Unsettled:
        """Silent runs: up to 500 that should have started, or sent a heartbeat, by now; others come another time.

        `stuck_runs` counts those of them that had started. `oldest_pending_at` is the time at which the oldest pending
        run was enqueued; runs that wait in a batch are left out.
        """
        rows = self._warehouse.read(
            _SweptRun,
            "sweep",
            first_day=now.date() - UNSETTLED,
            last_day=now.date(),
            pending_before=now - START_WITHIN,
            batched_before=now - BATCHED_START_WITHIN,
            running_before=now - SPEAK_WITHIN,
            turn=str(uuid.uuid5(NAMESPACE, now.isoformat())),  # run_ids are UUIDs, so any place is as likely
        )
        silent = [each for each in rows if each.silent]
        return Unsettled(silent, rows[0].oldest_pending_at, rows[0].stuck_runs) if rows else Unsettled(silent)
