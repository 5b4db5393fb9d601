"""POST /pipelines/run/{org}/{provider}/{domain}/{pipeline}: from a request to an admitted run."""

import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from flask import Response, request

from cloudact.pipelines.registry import Entry, Registry
from cloudact.runs.ledger import AdmissionFacts
from cloudact.runs.run import Run
from functions.auth.authenticate import Actor, Credential, admitted_actor, not_refused_lately, presented
from functions.runs.collaborators import Runs
from functions.runs.slots import next_generation
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


def trigger(api: Runs, org: str, path: str) -> Response:
    """Admits a run and answers 202, or 200 with the run that already answers the request."""
    now = api.clock()
    credential = presented(api.auth)
    entry, wrong_path = _attempt(lambda: resolve(api.registry, path.split("/")))
    wanted, wrong_body = _attempt(lambda: _wanted(api.registry, entry, now.date()))
    not_refused_lately(api.auth, credential)
    facts = _facts(api, credential, org, now.date(), entry, wanted)
    actor = admitted_actor(api.auth, org, credential, facts, now)
    if wanted is None or entry is None:
        raise wrong_body or wrong_path or AssertionError
    subscription = check_tenant(facts, entry)
    generation = next_generation(facts.latest, wanted.date, wanted.force_refresh)
    left = rate_limit(subscription.daily_limit, facts.pipelines_today, now)
    if generation is None:
        assert facts.latest is not None  # noqa: S101 - only an existing run answers a request
        latest = facts.latest
        run = _run(actor, entry, wanted, latest.generation, now)
        return existing(run, latest.status, left, latest.requested_date)
    return start(api, _run(actor, entry, wanted, generation, now), subscription, facts)


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
    api: Runs, credential: Credential, org: str, today: dt.date, entry: Entry | None, wanted: Wanted | None
) -> AdmissionFacts:
    complete = entry is not None and wanted is not None
    return api.ledger.admission(
        credential.key_hash,
        org,
        today,
        entry.id if entry and complete else None,
        entry.required_integration if entry else None,
        wanted.date if wanted and complete else None,
        credential.user_id,
    )


def _run(actor: Actor, entry: Entry, wanted: Wanted, generation: int, now: dt.datetime) -> Run:
    return Run(
        org_slug=actor.org_slug,
        pipeline=entry.id,
        provider=entry.provider,
        domain=entry.domain,
        name=entry.pipeline,
        date=wanted.date,
        generation=generation,
        trigger_type=actor.trigger_type,
        triggered_by=actor.name,
        requested_at=now,
        force_refresh=wanted.force_refresh,
    )
