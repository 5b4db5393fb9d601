"""POST /pipelines/run/{org}/{provider}/{domain}/{pipeline}: from a request to an admitted run."""

import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from flask import Response, request

from cloudact.pipelines.registry import Entry, Registry
from cloudact.runs.run import Run
from functions.auth.authenticate import Actor, Credential, admitted_actor, not_refused_lately, presented
from functions.composition import Api
from functions.runs.admission_facts import AdmissionFacts
from functions.runs.new_run import new_run
from functions.runs.slots import answered_by, next_generation
from functions.runs.start import check_tenant, existing, rate_limit, resolve, start
from functions.web.inputs import TriggerBody, TriggerQuery, in_body, in_query
from functions.web.parameters import runnable
from functions.web.problems import Problem, bad_request

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
    credential = presented(api)
    entry, wrong_path = _attempt(lambda: resolve(api.registry, path.split("/")))
    wanted, wrong_body = _attempt(lambda: _wanted(api.registry, entry, now.date()))
    not_refused_lately(api, credential)
    facts = _facts(api, credential, org, now.date(), entry, wanted)
    actor = admitted_actor(api, org, credential, facts.caller, now)
    if wanted is None or entry is None:
        raise wrong_body or wrong_path or AssertionError
    subscription = check_tenant(facts, entry)
    latest = facts.latest
    if latest and answered_by(latest, wanted.date, wanted.force_refresh):
        left = rate_limit(subscription.daily_limit, facts.pipelines_today, now)
        run = _run(actor, entry, wanted, latest.generation, now)
        return existing(run, latest.status, left, latest.requested_date)
    return start(api, _run(actor, entry, wanted, next_generation(latest), now), subscription, facts)


def _attempt(parse: Callable[[], Parsed]) -> tuple[Parsed | None, Problem | None]:
    """The one read that authenticates comes before any complaint about the request, so complaints are kept."""
    try:
        return parse(), None
    except Problem as problem:
        return None, problem


def _wanted(registry: Registry, entry: Entry | None, today: dt.date) -> Wanted:
    body, query = in_body(request, TriggerBody), in_query(request.args, TriggerQuery)
    dates = {runnable("date", date, today) for date in (body.date, query.date) if date is not None}
    if len(dates) > 1:
        raise bad_request("date in the body and date in the query differ; give it once.")
    date = dates.pop() if dates else registry.default_date(entry, today) if entry else today
    if date is None:
        raise bad_request("date is required by this pipeline; give it in the body.")
    return Wanted(date, body.force_refresh)


def _facts(
    api: Api, credential: Credential, org: str, today: dt.date, entry: Entry | None, wanted: Wanted | None
) -> AdmissionFacts:
    known = entry if wanted else None
    return api.admissions.facts(
        org_slug=org,
        today=today,
        pipeline=known.id if known else None,
        integration=entry.required_integration if entry else None,
        date=wanted.date if wanted and entry else None,
        key_hash=credential.key_hash,
        user_id=credential.user_id,
    )


def _run(actor: Actor, entry: Entry, wanted: Wanted, generation: int, now: dt.datetime) -> Run:
    return new_run(
        entry,
        actor.org_slug,
        wanted.date,
        generation,
        trigger_type=actor.trigger_type,
        triggered_by=actor.name,
        requested_at=now,
        force_refresh=wanted.force_refresh,
    )
