"""POST /pipelines/run/{org}/{provider}/{domain}/{pipeline}: from a request to an admitted run."""

import datetime as dt
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from flask import Response, jsonify, request

from cloudact.clock import next_midnight
from cloudact.ledger import AdmissionFacts, RunEvent
from cloudact.orgs import IntegrationStatus, Subscription
from cloudact.registry import Entry, UnknownPipeline
from cloudact.runs import Run, Status, TriggerType
from functions.admission import admit, next_generation
from functions.auth import authorize, presented_key_hash
from functions.composition import Api
from functions.parameters import body_object, date_of, only_known
from functions.problems import Problem, bad_request

log = logging.getLogger(__name__)
Parsed = TypeVar("Parsed")


@dataclass(frozen=True)
class Wanted:
    """What the body and the query ask for."""

    date: dt.date
    force_refresh: bool


def trigger(api: Api, org: str, path: str) -> Response:
    """Admits a run and answers 202, or 200 with the run that already answers the request."""
    now = api.clock()
    hashed = presented_key_hash()
    wanted, wrong_body = _attempt(lambda: _wanted(now.date()))
    entry, wrong_path = _attempt(lambda: _entry(api, path))
    facts = _facts(api, hashed, org, now.date(), entry, wanted)
    api.keys.remember(hashed, facts.api_key)
    authorize(org, facts.api_key, now)
    if wanted is None or entry is None:
        raise wrong_body or wrong_path or AssertionError
    subscription = _check_tenant(facts, entry)
    generation = next_generation(facts.latest, wanted.date, wanted.force_refresh)
    left = _rate_limit(subscription.daily_limit, facts.pipelines_today, now)
    if generation is None:
        assert facts.latest is not None  # noqa: S101 - only an existing run answers a request
        return _existing(_run(org, entry, wanted, facts.latest.generation, now), facts.latest.status, left)
    return _start(api, _run(org, entry, wanted, generation, now), subscription, facts.pipelines_today)


def _attempt(parse: Callable[[], Parsed]) -> tuple[Parsed | None, Problem | None]:
    """The one read that authenticates comes before any complaint about the request, so complaints are kept."""
    try:
        return parse(), None
    except Problem as problem:
        return None, problem


def _wanted(today: dt.date) -> Wanted:
    body = body_object(request, allowed=("date", "force_refresh"))
    only_known(request.args, allowed=("date",))
    dates = [date_of("date", given["date"], today) for given in (body, request.args) if given.get("date") is not None]
    if len(set(dates)) > 1:
        raise bad_request("date in the body and date in the query differ; give it once.")
    force = body.get("force_refresh", False)
    if not isinstance(force, bool):
        raise bad_request("force_refresh must be true or false.")
    return Wanted(dates[0] if dates else today - dt.timedelta(days=1), force)


def _entry(api: Api, path: str) -> Entry:
    try:
        return api.registry.resolve(path.split("/"))
    except UnknownPipeline as err:
        raise Problem(404, str(err)[:500]) from err


def _facts(
    api: Api, hashed: str, org: str, today: dt.date, entry: Entry | None, wanted: Wanted | None
) -> AdmissionFacts:
    complete = entry is not None and wanted is not None
    return api.ledger.admission(
        hashed,
        org,
        today,
        entry.id if entry and complete else None,
        entry.required_integration if entry else None,
        wanted.date if wanted and complete else None,
    )


def _check_tenant(facts: AdmissionFacts, entry: Entry) -> Subscription:
    subscription = facts.subscription
    if subscription is None or not subscription.active:
        status = subscription.status if subscription else "NONE"
        raise Problem(403, f"Subscription is not active. Current status: {status}")
    if facts.integration_status != IntegrationStatus.VALID:
        raise bad_request(f'Required integration "{entry.required_integration}" is not configured.')
    return subscription


def _run(org: str, entry: Entry, wanted: Wanted, generation: int, now: dt.datetime) -> Run:
    return Run(
        org_slug=org,
        pipeline=entry.id,
        provider=entry.provider,
        domain=entry.domain,
        name=entry.pipeline,
        date=wanted.date,
        generation=generation,
        trigger_type=TriggerType.API,
        triggered_by="api_key",
        requested_at=now,
        force_refresh=wanted.force_refresh,
    )


def _start(api: Api, run: Run, subscription: Subscription, used: int) -> Response:
    limit = subscription.daily_limit
    admitted = admit(api.queue, run, limit, used)
    if admitted is None:
        raise _quota_exceeded(limit, run.requested_at)
    left = _rate_limit(limit, used + 1, run.requested_at)
    if not admitted.new:
        return _existing(run, Status.PENDING, left)
    _tell(api, run)
    message = f"Pipeline {run.provider}/{run.name} triggered successfully for {run.org_slug} (async mode)"
    return _answer(202, run, Status.PENDING, message, left)


def _tell(api: Api, run: Run) -> None:
    """The task is the commit; should this event be lost, the job's own first event makes the run visible."""
    try:
        api.ledger.append_run(run, RunEvent(Status.PENDING), run.requested_at)
    except Exception as err:
        log.error("PENDING could not be recorded", extra={"fields": {"run_id": run.run_id}}, exc_info=err)


def _existing(run: Run, status: Status, left: Mapping[str, str]) -> Response:
    done = "already completed; set force_refresh to run again"
    what = done if status is Status.SUCCESS else "already running"
    message = f"Pipeline {run.provider}/{run.name} for {run.org_slug} {run.date.isoformat()} is {what}"
    return _answer(200, run, status, message, left)


def _answer(code: int, run: Run, status: Status, message: str, left: Mapping[str, str]) -> Response:
    answer = jsonify(
        status=status.value,
        run_id=run.run_id,
        pipeline_logging_id=run.run_id,
        pipeline_id=run.pipeline_id,
        org_slug=run.org_slug,
        pipeline=run.pipeline,
        date=run.date.isoformat(),
        deduplicated=code == 200,
        message=message,
    )
    answer.status_code = code
    answer.headers["Location"] = f"/api/v1/pipelines/{run.org_slug}/runs/{run.run_id}"
    answer.headers.extend(left)
    return answer


def _rate_limit(limit: int, used: int, now: dt.datetime) -> Mapping[str, str]:
    """The fields of the IETF draft `draft-ietf-httpapi-ratelimit-headers`: what is left of the UTC day."""
    left, seconds = max(limit - used, 0), _seconds_left(now)
    return {"RateLimit": f'"day";r={left};t={seconds}', "RateLimit-Policy": f'"day";q={limit};w=86400'}


def _quota_exceeded(limit: int, now: dt.datetime) -> Problem:
    detail = f"Daily quota exceeded ({limit} pipelines/day). Wait for the next day or upgrade."
    return Problem(429, detail, {"Retry-After": str(_seconds_left(now)), **_rate_limit(limit, limit, now)})


def _seconds_left(now: dt.datetime) -> int:
    return math.ceil((next_midnight(now) - now).total_seconds())
