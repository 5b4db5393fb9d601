"""POST /ops/sweep: settles runs that never started or stopped reporting. Safe to call at any time, twice at once."""

import logging
from collections.abc import Mapping
from typing import Any

from flask import Response, jsonify

from cloudact.errors import Retry, RunError
from cloudact.ledger import RunEvent
from cloudact.run_load import RunLoad
from cloudact.runs import Run, Status
from functions.composition import Api
from functions.queue import second_task_id
from functions.runs import run_of
from functions.settle import CANCELLED

log = logging.getLogger(__name__)
NEVER_STARTED = Retry("never_started", "The run was queued twice and never started.", "Start the run again.")
LOST = Retry("lost", "The run stopped reporting and was given up.", "Start the run again.")


def sweep(api: Api) -> Response:
    """Looks at every silent run once; one that cannot be settled now is left to the next sweep."""
    done: dict[str, list[str]] = {"enqueued": [], "settled": [], "left": []}
    for row in api.ledger.silent(api.clock()):
        what = "left"
        fields = {"run_id": row["run_id"], "org_slug": row["org_slug"]}
        try:
            what = _settle(api, row)
        except Retry as err:
            log.warning("a silent run is left to the next sweep", extra={"fields": fields}, exc_info=err)
        except Exception as err:  # one run that cannot be understood must not keep the others from being settled
            log.error("a silent run cannot be settled", extra={"fields": fields}, exc_info=err)
        done[what].append(row["run_id"])
    if done["enqueued"] or done["settled"]:
        log.warning("the sweep found silent runs", extra={"fields": {name: len(ids) for name, ids in done.items()}})
    return jsonify(done)


def _settle(api: Api, row: Mapping[str, Any]) -> str:
    run = run_of(api.registry, row)
    if row["status"] == Status.PENDING and row["enqueued"] < 2:
        _enqueue_again(api, run)
        return "enqueued"
    error = NEVER_STARTED if row["status"] == Status.PENDING else LOST
    event = _outcome(api, run, row, error)
    api.ledger.append_run(run, event, api.clock())
    return "settled"


def _enqueue_again(api: Api, run: Run) -> None:
    task_id = second_task_id(run.run_id)
    api.queue.create(task_id, run)  # "exists" is fine: a sweep died between this and the event
    api.ledger.append_run(run, RunEvent(Status.PENDING, key="/again", task_id=task_id), api.clock())


def _outcome(api: Api, run: Run, row: Mapping[str, Any], error: RunError) -> RunEvent:
    """What the run's load says: loaded is SUCCESS, whoever died after it; else it never will load and has failed."""
    settled = RunLoad(api.warehouse, run.run_id).settle(error.code, tick=_later)
    started_at = row["started_at"]
    if settled.rows is not None:
        return RunEvent(Status.SUCCESS, started_at=started_at, rows=settled.rows)
    if settled.reason == CANCELLED:  # a cancel died before it could say so
        return RunEvent(Status.CANCELLED, started_at=started_at)
    return RunEvent(Status.FAILED, started_at=started_at, error=error)


def _later() -> None:
    raise Retry("still_loading", "BigQuery is still loading the rows.")
