"""POST …/cancel and …/retry: ends a run early, or requests the next generation of one that ended badly."""

import datetime as dt
import logging
from functools import partial

from flask import Response, request

from cloudact.error_codes import Code
from cloudact.runs.ledger import RunEvent
from cloudact.runs.load import Outcome, RunLoad
from cloudact.runs.run import Status, TriggerType
from cloudact.runs.run_log import log_run_ended
from functions.auth.authenticate import Actor, let_in, presented
from functions.runs.collaborators import Runs
from functions.runs.history import WantedRun, find_run, wanted_run
from functions.runs.queue import second_task_id
from functions.runs.run_rows import DetailedRun
from functions.runs.start import check_tenant, count_admission, resolve, start
from functions.web.answers import Cancelled, answered
from functions.web.parameters import no_body
from functions.web.problems import Problem

log = logging.getLogger(__name__)


def cancel(api: Runs, org: str, run_id: str) -> Response:
    """202 after the run was settled as CANCELLED: it will not load any more.

    409 where it is final or was decided otherwise.
    """
    credential = presented(api.auth, org)
    no_body(request)
    wanted = wanted_run(run_id)
    let_in(api.auth, org, credential)
    return cancel_run(api, org, wanted)


def cancel_run(api: Runs, org: str, wanted: WantedRun) -> Response:
    """202 or 409 as `cancel`, for a caller who was let in."""
    stored = find_run(api, org, wanted)
    if stored.status.final:
        raise Problem(409, f"The run is {stored.status} already.", code=Code.RUN_FINAL)
    run = stored.run
    wish = Outcome(Status.CANCELLED, at=api.clock())
    outcome = RunLoad(api.warehouse, run.run_id).settle(wish, tick=_too_late, begun=_too_late)
    if outcome.status is not Status.CANCELLED:
        _too_late()
    event = RunEvent(Status.CANCELLED, started_at=stored.started_at, cost=stored.cost)
    at = outcome.at or api.clock()
    api.ledger.append_run(run, event, at)
    api.recent.changed(org)
    log_run_ended(run, event, at)
    _stop(api, stored)
    message = f"Pipeline {run.provider}/{run.name} for {run.org_slug} {run.date.isoformat()} is cancelled"
    ended = Cancelled(status=Status.CANCELLED, run_id=run.run_id, pipeline_logging_id=run.run_id, message=message)
    return answered(ended, 202)


def retry(api: Runs, org: str, run_id: str) -> Response:
    """202 with the next generation of a FAILED or CANCELLED run; 409 for any other, or if a newer one exists."""
    now, credential = api.clock(), presented(api.auth, org)
    no_body(request)
    wanted = wanted_run(run_id)
    return retry_run(api, let_in(api.auth, org, credential), wanted, now)


def retry_run(api: Runs, actor: Actor, wanted: WantedRun, now: dt.datetime) -> Response:
    """202, 200 or 409 as `retry`, for a caller who was let in."""
    org = actor.org_slug
    asked = api.recent.asked(org, "retry", wanted.run_id.lower(), now)
    api.recent.raise_refusal(asked)
    count_admission(api, org)
    stored = find_run(api, org, wanted)
    if stored.status not in (Status.FAILED, Status.CANCELLED):
        detail = f"Only a FAILED or CANCELLED run can be retried; this one is {stored.status}."
        raise Problem(409, detail, code=Code.RUN_NOT_RETRYABLE)
    old = stored.run
    entry = resolve(api.registry, [old.provider, old.domain, old.name])
    facts = api.admissions.facts(
        org_slug=org, today=now.date(), pipeline=entry.id, integration=entry.required_integration, date=old.date
    )
    with api.recent.keeping_refusals(asked):
        subscription = check_tenant(facts, entry)
        if facts.latest and facts.latest.generation > old.generation:
            detail = f"A newer run of this pipeline and date exists: {facts.latest.run_id}"
            raise Problem(409, detail, code=Code.RUN_SUPERSEDED)
        return start(api, old.again(TriggerType.RETRY, actor.name, now), subscription, facts)


def _too_late() -> None:
    raise Problem(409, "The run is ending and can no longer be cancelled.", code=Code.RUN_ENDING)


def _stop(api: Runs, run: DetailedRun) -> None:
    """Deletes the task and cancels the execution. The run is cancelled already, so a failure here is only logged."""
    first = None if run.batch_id else run.task_id  # a batch starts other runs too
    tasks = filter(None, (first, second_task_id(run.run_id) if run.enqueued > 1 else None))
    stops = [partial(api.queue.delete, task_id) for task_id in {*tasks}]
    if run.execution and run.execution_tasks == 1:  # a batch works for other runs too
        stops.append(partial(api.queue.cancel_execution, run.execution))
    for stop in stops:
        try:
            stop()
        except Exception as err:
            fields = {"run_id": run.run_id}
            log.error("a cancelled run could not be stopped", extra={"fields": fields}, exc_info=err)
