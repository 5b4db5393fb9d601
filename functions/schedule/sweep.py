"""POST /ops/sweep: settles runs that never started or stopped reporting. Safe to call at any time, twice at once.

It follows the deliveries of webhooks too, once an hour.
"""

import functools
import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime

from flask import Response

from cloudact.error_codes import Code
from cloudact.errors import Retry, RunError, Stop
from cloudact.notify.notifications import run_failed
from cloudact.runs.ledger import RunEvent
from cloudact.runs.load import Outcome, RunLoad
from cloudact.runs.run import Run, Status
from cloudact.runs.run_log import log_run_ended
from functions.runs.queue import batch_task_id, second_task_id
from functions.schedule.collaborators import Schedule
from functions.schedule.run_rows import Unsettled, UnsettledRun
from functions.schedule.shapes import Swept
from functions.web.answers import answered

log = logging.getLogger(__name__)
TIMEOUT_S = 120.0  # what is not settled by then is left to the next sweep
ENQUEUED_AT_MOST = 50  # of the 120 calls of jobs.run between two sweeps: users' triggers need some of them
NEVER_STARTED = Retry(Code.NEVER_STARTED, "The run was queued twice and never started.", "Start the run again.")
LOST = Retry(Code.LOST, "The run stopped reporting and was given up.", "Start the run again.")
TWICE = Stop(Code.DUPLICATE, "The same run was asked for on another day too, and is told of there.")


def sweep(api: Schedule) -> Response:
    """200 after every silent run was looked at once; one that cannot be settled now is left to the next sweep."""
    now = api.clock()
    unsettled = api.rows.unsettled(now)
    done: dict[str, list[str]] = {"enqueued": [], "settled": [], "waiting": [], "left": []}
    give_up = time.monotonic() + TIMEOUT_S
    owner = functools.cache(api.queue.owner)  # a batch is the task of up to 200 runs
    for silent in unsettled.silent:
        what = "left"
        fields = {"run_id": silent.run_id, "org_slug": silent.org_slug}
        try:
            room = len(done["enqueued"]) < ENQUEUED_AT_MOST
            what = _settle(api, silent, owner, room) if time.monotonic() < give_up else "left"
        except Retry as err:
            log.warning("a silent run is left to the next sweep", extra={"fields": fields}, exc_info=err)
        except Exception as err:  # one run that cannot be understood must not keep the others from being settled
            log.error("a silent run cannot be settled", extra={"fields": fields}, exc_info=err)
        done[what].append(silent.run_id)
    _log(unsettled, done, now)
    api.deliveries.follow()
    return answered(Swept.model_validate(done))


def _log(unsettled: Unsettled, done: Mapping[str, list[str]], now: datetime) -> None:
    """Logs one line, also where nothing was found: its absence is how a dead scheduler is noticed."""
    oldest_s = (now - unsettled.oldest_pending_at).total_seconds() if unsettled.oldest_pending_at else 0
    fields = {
        "event": "swept",
        **{name: len(ids) for name, ids in done.items()},
        "found": len(unsettled.silent),
        "oldest_pending_s": max(int(oldest_s), 0),
        "stuck_runs": unsettled.stuck_runs,
    }
    log.log(logging.WARNING if unsettled.silent else logging.INFO, "swept", extra={"fields": fields})


def _settle(api: Schedule, silent: UnsettledRun, owner: Callable[[str], str | None], room: bool) -> str:
    run = silent.run
    claimed_for = _claimed_for(api, run)
    if claimed_for not in (None, run.requested_date):
        event = RunEvent(Status.CANCELLED, key="/twice", error=TWICE)
        api.ledger.append_run(run, event, api.clock())
        return "settled"
    if silent.status is Status.PENDING and claimed_for is None:
        if any(owner(task) == starts for task, starts in _tasks(silent) if task):
            return "waiting"
        if silent.enqueued < 2:
            return _enqueue_again(api, run) if room else "left"
        _end(api, run, silent, NEVER_STARTED)
    else:
        _end(api, run, silent, LOST)
    return "settled"


def _tasks(silent: UnsettledRun) -> list[tuple[str | None, str]]:
    """Tasks that may still start the run, each with the id that it starts: the run's, or its batch's."""
    first = (silent.task_id, silent.run_id)
    if silent.batch_id:
        first = (batch_task_id(silent.batch_id), silent.batch_id)
    return [first, (second_task_id(silent.run_id), silent.run_id)]


def _claimed_for(api: Schedule, run: Run) -> object:
    """Request day of the container that has claimed the run; `None` while none has.

    Two equal requests right before and after midnight are one run with two rows: only one of them is worked for.
    """
    claim = api.warehouse.parameters(run.claim_id)
    return claim["requested_date"] if claim else None


def _enqueue_again(api: Schedule, run: Run) -> str:
    task_id = second_task_id(run.run_id)
    api.queue.create(task_id, run)  # "exists" is fine: a sweep died between this and the event
    api.ledger.append_run(run, RunEvent(Status.PENDING, key="/again", task_id=task_id), api.clock())
    return "enqueued"


def _end(api: Schedule, run: Run, silent: UnsettledRun, error: RunError) -> None:
    """Settles the run as FAILED unless its load decides otherwise, records the outcome and notifies."""
    wish = Outcome(Status.FAILED, error=error, at=api.clock())
    outcome = RunLoad(api.warehouse, run.run_id).settle(wish, tick=_later)
    event = RunEvent(
        outcome.status,
        started_at=silent.started_at,
        rows=outcome.rows,
        error=outcome.error,
        result=outcome.result,
        cost=silent.cost,
    )
    at = outcome.at or api.clock()
    if outcome.status is Status.FAILED and outcome.error:  # before the event: a sweep that dies in between comes again
        api.notifier.patient().notify(run_failed(run, outcome.error, at))
    api.ledger.append_run(run, event, at)
    log_run_ended(run, event, at)


def _later() -> None:
    raise Retry(Code.STILL_LOADING, "BigQuery is still loading the rows.")
