"""POST /pipelines/run/{org}/{provider}/{domain}/{pipeline}: from a request to an admitted run and its answer."""

import datetime as dt
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import Response, request

from cloudact import logs
from cloudact.clock import next_midnight
from cloudact.error_codes import Code
from cloudact.orgs.org import IntegrationStatus, Subscription
from cloudact.pipelines.registry import Entry, Registry, UnknownPipeline
from cloudact.runs.ledger import RunEvent
from cloudact.runs.run import Run, Status
from functions.auth.authenticate import Actor, PresentedCredential, admitted_actor, let_in, presented, recognize
from functions.auth.limits import too_many
from functions.runs.admission import admit, answered_by, next_generation
from functions.runs.admission_facts import AdmissionFacts
from functions.runs.collaborators import Runs
from functions.runs.new_run import new_run
from functions.web.answers import Started, answered
from functions.web.inputs import TriggerBody, TriggerQuery, in_body, in_query
from functions.web.parameters import runnable
from functions.web.problems import Problem, bad_request

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TriggerRequest:
    """Fields of the body and the query of a trigger."""

    date: dt.date
    force_refresh: bool


def trigger(api: Runs, org: str, path: str) -> Response:
    """202 after a run was admitted, or 200 with the run that already answers the request."""
    now = api.clock()
    credential = presented(api.auth, org)
    entry, requested = _wanted(api.registry, path, now.date())
    return start_requested(api, org, credential, entry, requested, now)


def start_requested(
    api: Runs,
    org: str,
    credential: PresentedCredential,
    entry: Entry,
    requested: TriggerRequest,
    now: dt.datetime,
) -> Response:
    """202 or 200 as `trigger`, for a credential that was judged by its form and a request that was read."""
    asked = api.recent.asked(org, "trigger", (entry.id, requested), now)
    if api.recent.refuses(asked):
        let_in(api.auth, org, credential)
        api.recent.raise_refusal(asked)
    recognize(api.auth, org, credential)
    count_admission(api, org)
    facts = _facts(api, credential, org, now.date(), entry, requested)
    actor = admitted_actor(api.auth, org, credential, facts.caller, now)
    with api.recent.keeping_refusals(asked):
        subscription = check_tenant(facts, entry)
        latest = facts.latest
        if latest and answered_by(latest, requested.date, requested.force_refresh):
            left = rate_limit(subscription.daily_limit, facts.pipelines_today, now)
            run = _run(actor, entry, requested, latest.generation, now)
            return existing(run, latest.status, left, latest.requested_date)
        return start(api, _run(actor, entry, requested, next_generation(latest), now), subscription, facts)


def _wanted(registry: Registry, path: str, today: dt.date) -> tuple[Entry, TriggerRequest]:
    """Pipeline and request of the path, query and body. Raises 400 or 415 for these before 404 for the pipeline."""
    try:
        entry = resolve(registry, path.split("/"))
    except Problem:
        _trigger_request(registry, None, today)
        raise
    return entry, _trigger_request(registry, entry, today)


def _trigger_request(registry: Registry, entry: Entry | None, today: dt.date) -> TriggerRequest:
    body, query = in_body(request, TriggerBody), in_query(request.args, TriggerQuery)
    dates = {runnable("date", date, today) for date in (body.date, query.date) if date is not None}
    if len(dates) > 1:
        raise bad_request("date in the body and date in the query differ; give it once.", Code.FIELDS_CONFLICT)
    date = dates.pop() if dates else registry.default_date(entry, today) if entry else today
    if date is None:
        detail = "date is required by this pipeline; give it in the body."
        raise Problem(400, detail, code=Code.FIELD_MISSING, field="date")
    return TriggerRequest(date, body.force_refresh)


def _facts(
    api: Runs,
    credential: PresentedCredential,
    org: str,
    today: dt.date,
    entry: Entry,
    requested: TriggerRequest,
) -> AdmissionFacts:
    return api.admissions.facts(
        org_slug=org,
        today=today,
        pipeline=entry.id,
        integration=entry.required_integration,
        date=requested.date,
        key_hash=credential.key_hash,
        user_id=credential.user_id,
    )


def _run(actor: Actor, entry: Entry, requested: TriggerRequest, generation: int, now: dt.datetime) -> Run:
    return new_run(
        entry,
        actor.org_slug,
        requested.date,
        generation,
        trigger_type=actor.trigger_type,
        triggered_by=actor.name,
        requested_at=now,
        force_refresh=requested.force_refresh,
    )


def resolve(registry: Registry, parts: Sequence[str]) -> Entry:
    """Enabled pipeline of this path, or 404."""
    try:
        return registry.resolve(parts)
    except UnknownPipeline as err:
        raise Problem(404, str(err)[:500], code=Code.PIPELINE_UNKNOWN) from err


def count_admission(api: Runs, org: str) -> None:
    """Takes a token before facts are read, which whoever starts a run gives back. Raises 429 where there is none."""
    if wait := api.fruitless.take(org):
        detail = (
            "Too many requests of the organization started no run lately; please send the same request again later."
        )
        raise too_many(detail, wait, Code.ADMISSIONS_LIMITED)


def check_tenant(facts: AdmissionFacts, entry: Entry) -> Subscription:
    """Subscription of the org, if it and the required integration allow a run. Raises a `Problem` otherwise."""
    subscription = facts.subscription
    if subscription is None or not subscription.active:
        status = subscription.status if subscription else "NONE"
        detail = f"Subscription is not active. Current status: {status}"
        raise Problem(403, detail, code=Code.SUBSCRIPTION_INACTIVE)
    if facts.integration_status != IntegrationStatus.VALID:
        detail = f'Required integration "{entry.required_integration}" is not configured.'
        raise bad_request(detail, Code.INTEGRATION_MISSING)
    return subscription


def start(api: Runs, run: Run, subscription: Subscription, facts: AdmissionFacts) -> Response:
    """202 after the run took a slot, 200 if an identical request has one, 429 if none is free."""
    logs.bind(run_id=run.run_id)
    limit, used = subscription.daily_limit, facts.pipelines_today
    admitted = admit(api.queue, run, limit, used)
    if admitted is None:
        api.quota_notices.used(run.org_slug, facts.webhook, limit, limit)
        raise _quota_exceeded(limit, run.requested_at)
    api.recent.changed(run.org_slug)
    if admitted.new:
        api.fruitless.give_back(run.org_slug)
    left = rate_limit(limit, used + 1, run.requested_at)
    _record_pending(api, run, admitted.task_id)  # also for whoever was first: it may have died before it could
    api.quota_notices.used(run.org_slug, facts.webhook, used + 1, limit)
    if not admitted.new:
        return existing(run, Status.PENDING, left)
    message = f"Pipeline {run.provider}/{run.name} triggered successfully for {run.org_slug} (async mode)"
    return _answer(202, run, Status.PENDING, message, left)


def existing(run: Run, status: Status, left: Mapping[str, str], requested_date: dt.date | None = None) -> Response:
    """200 with the run that answers the request already, requested on that day, or on that of this request."""
    logs.bind(run_id=run.run_id)
    done = "already completed; set force_refresh to run again"
    what = done if status is Status.SUCCESS else "already running"
    message = f"Pipeline {run.provider}/{run.name} for {run.org_slug} {run.date.isoformat()} is {what}"
    return _answer(200, run, status, message, left, requested_date)


def rate_limit(limit: int, used: int, now: dt.datetime) -> Mapping[str, str]:
    """Fields of the IETF draft `draft-ietf-httpapi-ratelimit-headers`: the rest of the UTC day's quota."""
    left, seconds = max(limit - used, 0), _seconds_left(now)
    return {"RateLimit": f'"day";r={left};t={seconds}', "RateLimit-Policy": f'"day";q={limit};w=86400'}


def _record_pending(api: Runs, run: Run, task_id: str) -> None:
    """Records the run as PENDING.

    The task is what starts it: if this is lost, the job's first event makes the run visible.
    """
    try:
        api.ledger.append_run(run, RunEvent(Status.PENDING, task_id=task_id), run.requested_at)
    except Exception as err:
        log.error("PENDING could not be recorded", exc_info=err)


def _answer(
    code: int, run: Run, status: Status, message: str, left: Mapping[str, str], requested_date: dt.date | None = None
) -> Response:
    day = requested_date or run.requested_date
    answer = Started(
        status=status,
        run_id=run.run_id,
        pipeline_logging_id=run.run_id,
        pipeline_id=run.pipeline_id,
        org_slug=run.org_slug,
        pipeline=run.pipeline,
        date=run.date,
        requested_date=day,
        deduplicated=code == 200,
        message=message,
    )
    location = f"/api/v1/pipelines/{run.org_slug}/runs/{run.run_id}?requested_date={day}"
    return answered(answer, code, {"Location": location, **left})


def _quota_exceeded(limit: int, now: dt.datetime) -> Problem:
    detail = f"Daily quota exceeded ({limit} pipelines/day). Wait for the next day or upgrade."
    headers = {"Retry-After": str(_seconds_left(now)), **rate_limit(limit, limit, now)}
    return Problem(429, detail, headers, code=Code.QUOTA_EXCEEDED)


def _seconds_left(now: dt.datetime) -> int:
    return math.ceil((next_midnight(now) - now).total_seconds())
