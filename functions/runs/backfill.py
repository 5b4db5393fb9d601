"""POST /pipelines/{org}/backfill: many dates of one pipeline, as many as the day's quota allows, new ones first.

An equal request, today or tomorrow, continues where the last one ended: dates that have run, or run now, are skipped.
"""

import datetime as dt
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from flask import Response, request

from cloudact import logs
from cloudact.error_codes import Code
from cloudact.orgs.org import Subscription
from cloudact.pipelines.registry import Entry, Registry
from cloudact.runs.ledger import Generation, RunEvent
from cloudact.runs.run import Run, Status, TriggerType
from functions.auth.authenticate import Actor, let_in, presented
from functions.runs.admission import Admitted, SlotOwners, admit
from functions.runs.collaborators import Runs
from functions.runs.new_run import new_run
from functions.runs.start import check_tenant, count_admission, rate_limit
from functions.web.answers import Backfilled, Skipped, answered
from functions.web.inputs import BackfillBody, Reprocess, in_body
from functions.web.parameters import no_query, runnable
from functions.web.problems import Problem, bad_request

log = logging.getLogger(__name__)
MOST_DATES = 366
AT_ONCE = 8  # admissions; each mostly waits for Cloud Tasks


def backfill(api: Runs, org: str) -> Response:
    """202 with the dates that run and those that do not, and why; 200 for a dry run, which starts nothing."""
    now, credential = api.clock(), presented(api.auth, org)
    no_query(request)
    body = in_body(request, BackfillBody)
    dates = _dates(body, now.date())
    entry = _entry(api.registry, body.pipeline)
    return _answered(api, let_in(api.auth, org, credential), entry, dates, body, now)


def backfill_requested(api: Runs, actor: Actor, body: BackfillBody, now: dt.datetime) -> Response:
    """202 or 200 as `backfill`, for a caller who was let in and a body that was read."""
    dates = _dates(body, now.date())
    return _answered(api, actor, _entry(api.registry, body.pipeline), dates, body, now)


def _answered(
    api: Runs, actor: Actor, entry: Entry, dates: Sequence[dt.date], body: BackfillBody, now: dt.datetime
) -> Response:
    org = actor.org_slug
    asked = api.recent.asked(org, "backfill", body, now)
    api.recent.raise_refusal(asked)
    if kept := api.recent.answer(asked):
        return kept
    count_admission(api, org)
    with api.recent.keeping_refusals(asked):
        answer, left = _carry_out(api, actor, entry, dates, body, now)
    response = answered(answer, 200 if body.dry_run else 202, left)
    if body.dry_run or not answer.run:
        return api.recent.keep(asked, response)
    api.fruitless.give_back(org)
    return response


def _carry_out(
    api: Runs, actor: Actor, entry: Entry, dates: Sequence[dt.date], body: BackfillBody, now: dt.datetime
) -> tuple[Backfilled, Mapping[str, str]]:
    """Starts what is due and the quota allows, or nothing in a dry run. Returns the answer, and what is left."""
    org = actor.org_slug
    facts = api.admissions.facts(org_slug=org, today=now.date(), integration=entry.required_integration)
    subscription = check_tenant(facts, entry)
    latest = _latest(api, org, entry, dates, now.date())
    gone = {date: reason for date in dates if (reason := _gone(entry, facts.oldest_date, date, now.date()))}
    done = {date: reason for date in dates if (reason := _done(latest.get(date), date, body))}
    skipped = done | gone
    due = _in_turn([date for date in dates if date not in skipped], latest)
    wanted = [_run(actor, entry, date, latest.get(date), body, now) for date in due]
    free = max(subscription.daily_limit - facts.pipelines_today, 0)
    admitted = wanted[:free] if body.dry_run else _start(api, wanted[:free], subscription, facts.pipelines_today)
    run = sorted((each.date for each in admitted), reverse=True)
    skipped |= {each.date: "quota" for each in wanted if each.date not in run}
    answer = Backfilled(
        run=run,
        skip=[Skipped.model_validate({"date": date, "reason": skipped[date]}) for date in dates if date in skipped],
        remaining=len(wanted) - len(run),
    )
    used = facts.pipelines_today + (0 if body.dry_run else len(run))
    api.quota_notices.used(org, facts.webhook, used, subscription.daily_limit)
    return answer, rate_limit(subscription.daily_limit, used, now)


def _dates(body: BackfillBody, today: dt.date) -> list[dt.date]:
    first, last = runnable("start_date", body.start_date, today), runnable("end_date", body.end_date, today)
    if first > last:
        raise bad_request("start_date must not be after end_date.", Code.FIELDS_CONFLICT)
    if (last - first).days >= MOST_DATES:
        detail = f"start_date and end_date must not lie more than {MOST_DATES} dates apart."
        raise bad_request(detail, Code.FIELDS_CONFLICT)
    return [last - dt.timedelta(days=n) for n in range((last - first).days + 1)]


def _entry(registry: Registry, pipeline: str) -> Entry:
    enabled = {entry.id: entry for entry in registry.entries if entry.enabled}
    if pipeline not in enabled:
        detail = f"Unknown pipeline: {pipeline}. Available: {', '.join(enabled)}"
        raise Problem(404, detail, code=Code.PIPELINE_UNKNOWN)
    return enabled[pipeline]


def _latest(
    api: Runs, org: str, entry: Entry, dates: Sequence[dt.date], today: dt.date
) -> Mapping[dt.date, Generation]:
    wanted = [(org, entry.id, date) for date in dates]
    return {each.date: each for each in api.ledger.generations(wanted, today)}


def _gone(entry: Entry, oldest_date: dt.date | None, date: dt.date, today: dt.date) -> str | None:
    """Reason why the provider can have nothing of the date; `None` where it can."""
    if entry.max_age_days is not None and (today - date).days > entry.max_age_days:
        return "too_old"
    return "before_export" if oldest_date is not None and date < oldest_date else None


def _done(latest: Generation | None, date: dt.date, body: BackfillBody) -> str | None:
    """Reason why the date need not be run; `None` where it must."""
    if latest is None:
        return None
    if not latest.status.final:
        return "already_running"
    if latest.status is Status.SUCCESS:
        provisional = latest.requested_date <= date  # it saw an unfinished day
        return None if provisional or body.reprocess is Reprocess.COMPLETED else "already_completed"
    return "failed_before" if body.reprocess is Reprocess.NONE else None


def _in_turn(dates: Sequence[dt.date], latest: Mapping[dt.date, Generation]) -> list[dt.date]:
    """Runs in the order of their start: those that never ran, then those requested longest ago.

    A request that takes days so gets to the end of its dates.
    """
    return sorted(dates, key=lambda date: latest[date].requested_date if date in latest else dt.date.min)


def _run(
    actor: Actor, entry: Entry, date: dt.date, latest: Generation | None, body: BackfillBody, now: dt.datetime
) -> Run:
    return new_run(
        entry,
        actor.org_slug,
        date,
        latest.generation + 1 if latest else 1,
        trigger_type=TriggerType.BACKFILL,
        triggered_by=actor.name,
        requested_at=now,
        force_refresh=body.reprocess is Reprocess.COMPLETED,
    )


def _start(api: Runs, runs: Sequence[Run], subscription: Subscription, used: int) -> list[Run]:
    """Admits the runs, and returns those that got a slot.

    A few at a time: each is recorded PENDING before its task fires.
    """
    owners = SlotOwners()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        admit_one = partial(
            logs.with_context(admit),
            api.queue,
            daily_limit=subscription.daily_limit,
            pipelines_today=used,
            owners=owners,
        )
        few = (runs[first : first + AT_ONCE] for first in range(0, len(runs), AT_ONCE))
        return [run for each in few for run in _start_few(api, each, partial(threads.submit, admit_one))]


def _start_few(api: Runs, runs: Sequence[Run], ask: Callable[[Run], Future[Admitted | None]]) -> list[Run]:
    """Admits a few runs at once. Those admitted are recorded even where another admission raises."""
    futures = [(run, ask(run)) for run in runs]
    admitted = [(run, slot) for run, future in futures if not future.exception() and (slot := future.result())]
    if admitted:
        api.recent.changed(runs[0].org_slug)
        _record_pending(api, admitted)
    for _, future in futures:
        future.result()
    return [run for run, _ in admitted]


def _record_pending(api: Runs, admitted: Sequence[tuple[Run, Admitted]]) -> None:
    """Records runs as PENDING.

    The tasks are what starts them: if this is lost, each job's first event makes its run visible.
    """
    events = [(run, RunEvent(Status.PENDING, task_id=slot.task_id)) for run, slot in admitted]
    try:
        api.ledger.append_runs(events, api.clock())
    except Exception as err:
        fields = {"run_ids": [run.run_id for run, _ in admitted]}
        log.error("PENDING could not be recorded", extra={"fields": fields}, exc_info=err)
