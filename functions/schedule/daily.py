"""POST /ops/daily: starts everything that is due, in batches.

Safe to call at any time, twice at once, or after a crash.

A batch's runs are recorded PENDING before its task is created, so a later call sees what an earlier one decided: it
creates the missing tasks by their names, and plans only what is in no batch yet.
"""

import datetime as dt
import logging
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import compress, islice

from flask import Response, request

from cloudact import logs
from cloudact.runs.batch import Batch, batches
from cloudact.runs.ledger import RunEvent
from cloudact.runs.run import Run, Status, TriggerType
from functions.runs.queue import DELAY, batch_task_id
from functions.schedule.collaborators import Schedule
from functions.schedule.due import plan
from functions.schedule.giving_up import give_up
from functions.schedule.pace import DAY
from functions.schedule.shapes import DailyPlan
from functions.schedule.state import read_state
from functions.web.answers import answered
from functions.web.parameters import no_input

log = logging.getLogger(__name__)
AT_ONCE = 4  # batches: each is a streaming insert and then a CreateTask, and mostly waits for Google


@dataclass(frozen=True)
class _Start:
    """Batch, its start, and the expected end of its last run. `new`: no event of it is recorded yet."""

    batch: Batch
    at: dt.datetime
    ends_at: dt.datetime
    new: bool


def daily(api: Schedule) -> Response:
    """200 with what was planned and started; raises `Retry` half-way where Google cannot be reached."""
    no_input(request)
    now = api.clock()
    state = read_state(api.rows, api.ledger, api.registry, now.date())
    pace = api.pace.seen(state.run_takes)
    runs = plan(state.pipelines, now, state.turns(pace.task_runs), pace.task_runs)
    found, new = list(state.unstarted(pace.task_runs)), list(batches(runs, pace.batch_tasks, pace.task_runs))
    expected = pace.starts([*found, *new], state.at_work(pace.task_runs))
    starts = _within_a_day(_starts(expected, len(found), now), now)
    created = list(_created(api, starts))
    answer = DailyPlan(
        planned=len(runs),
        started=sum(len(batch.items) for batch in created),
        batches=len(created),
        tasks=sum(len(batch.tasks) for batch in created),
        already=len(state.batched),
        waiting=sum(len(each.held) for each in state.pipelines),
        given_up=give_up(api, state.given_up),
        left=len(runs) - sum(len(start.batch.items) for start in starts if start.new),
        minutes=max((round((start.ends_at - now) / dt.timedelta(minutes=1)) for start in starts), default=0),
        orgs=len({run.org_slug for run in runs}),
        **_kinds(runs, now.date() - dt.timedelta(days=1)),
    )
    _log(answer)
    return answered(answer)


def _starts(
    expected: Iterable[tuple[Batch, dt.timedelta, dt.timedelta]], found: int, now: dt.datetime
) -> Iterator[_Start]:
    """Starts of all batches, as fast as the region's quotas allow: the `found` earlier ones come first."""
    for number, (batch, after, ends) in enumerate(expected):
        yield _Start(batch, now + DELAY + after, now + DELAY + ends, new=number >= found)


def _within_a_day(starts: Iterator[_Start], now: dt.datetime) -> list[_Start]:
    """Starts before tomorrow's daily call: later ones wait behind tomorrow's new day, not before it."""
    return [start for start in starts if not start.new or start.at < now + DAY]


def _log(answer: DailyPlan) -> None:
    fields = {"event": "daily_queued", **answer.model_dump()}
    if answer.left:
        log.warning("the region's quotas do not suffice for all daily runs of a day", extra={"fields": fields})
    else:
        log.info("the daily runs are queued", extra={"fields": fields})


def _created(api: Schedule, starts: Sequence[_Start]) -> Iterator[Batch]:
    """Starts whose task is new. A few at a time, so that an unreachable Google stops further ones."""

    def create(start: _Start) -> bool:
        if start.new:
            _record_pending(api, start)
        return api.queue.create_batch(start.batch, start.at)

    rest = iter(starts)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        while few := list(islice(rest, AT_ONCE)):
            yield from compress([start.batch for start in few], list(threads.map(logs.with_context(create), few)))


def _record_pending(api: Schedule, start: _Start) -> None:
    """Records the batch's runs as PENDING at its start: the sweep expects nothing of them before."""
    batch_id = start.batch.batch_id
    task_id = batch_task_id(batch_id)
    events = [
        (run, RunEvent(Status.PENDING, key=f"/{batch_id}", task_id=task_id, batch_id=batch_id, batch_index=index))
        for index, run in enumerate(start.batch.runs())
    ]
    api.ledger.append_runs(events, start.at)


def _kinds(runs: Sequence[Run], yesterday: dt.date) -> dict[str, int]:
    restatements = sum(run.trigger_type is TriggerType.RESTATEMENT for run in runs)
    old = sum(run.date < yesterday for run in runs)
    return {"catch_up": old - restatements, "restatements": restatements}
