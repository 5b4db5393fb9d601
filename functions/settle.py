"""POST …/cancel and …/retry: ends a run before its time, or asks for the next generation of one that ended badly."""

import logging
from collections.abc import Mapping
from typing import Any

from flask import Response, jsonify, request

from cloudact.errors import Retry
from cloudact.ledger import RunEvent
from cloudact.run_load import RunLoad
from cloudact.runs import Status, TriggerType
from functions.auth import authorize, presented_key_hash
from functions.composition import Api
from functions.parameters import body_object, only_known
from functions.problems import Problem
from functions.runs import find_run, run_of
from functions.start import check_tenant, start

log = logging.getLogger(__name__)
CANCELLED = "cancelled"


def cancel(api: Api, org: str, run_id: str) -> Response:
    """202: the run will not load any more. 409 where it is final, or BigQuery has its rows already."""
    authorize(org, api.keys.find(presented_key_hash()), api.clock())
    _no_input()
    row = find_run(api, org, run_id)
    if Status(row["status"]).final:
        raise Problem(409, f"The run is {row['status']} already.")
    settled = RunLoad(api.warehouse, row["run_id"]).settle(CANCELLED, tick=_too_late)
    if settled.rows is not None:
        _too_late()
    run = run_of(api.registry, row)
    api.ledger.append_run(run, RunEvent(Status.CANCELLED, started_at=row["started_at"]), api.clock())
    _stop(api, row)
    message = f"Pipeline {run.provider}/{run.name} for {run.org_slug} {run.date.isoformat()} is cancelled"
    answer = jsonify(status=Status.CANCELLED.value, run_id=run.run_id, pipeline_logging_id=run.run_id, message=message)
    answer.status_code = 202
    return answer


def retry(api: Api, org: str, run_id: str) -> Response:
    """202 with the next generation of a FAILED or CANCELLED run; 409 for any other, or if a newer one exists."""
    now, hashed = api.clock(), presented_key_hash()
    authorize(org, api.keys.find(hashed), now)
    _no_input()
    row = find_run(api, org, run_id)
    if row["status"] not in (Status.FAILED, Status.CANCELLED):
        raise Problem(409, f"Only a FAILED or CANCELLED run can be retried; this one is {row['status']}.")
    entry, old = api.registry.get(row["pipeline"]), run_of(api.registry, row)
    facts = api.ledger.admission(hashed, org, now.date(), entry.id, entry.required_integration, old.date)
    subscription = check_tenant(facts, entry)
    if facts.latest and facts.latest.generation > old.generation:
        raise Problem(409, f"A newer run of this pipeline and date exists: {facts.latest.run_id}")
    return start(api, old.again(TriggerType.RETRY, "api_key", now), subscription, facts.pipelines_today)


def _no_input() -> None:
    body_object(request, allowed=())
    only_known(request.args, allowed=())


def _too_late() -> None:
    raise Problem(409, "The run is loading its rows and can no longer be cancelled.")


def _stop(api: Api, row: Mapping[str, Any]) -> None:
    """Saves the work that is left. The run is cancelled already, so whatever cannot be reached is only logged."""
    try:
        if row["task_id"]:
            api.queue.delete(row["task_id"])
        if row["execution"] and row["execution_tasks"] == 1:  # a batch works for other runs too
            api.queue.cancel_execution(row["execution"])
    except Retry as err:
        log.warning("a cancelled run goes on for a while", extra={"fields": {"run_id": row["run_id"]}}, exc_info=err)
