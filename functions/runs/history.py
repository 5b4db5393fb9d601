"""GET /pipelines/{org}/runs and /runs/{run_id}: a list of runs, newest first, and one run with its steps."""

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from flask import Response, request

from cloudact import logs
from cloudact.error_codes import Code
from cloudact.runs.result import HalfLoad, Result
from cloudact.runs.run import FIRST_DATE, Status
from functions.auth.authenticate import let_in, own_org, presented, presented_without_org
from functions.runs.collaborators import Runs
from functions.runs.live import Outcome, etag_of, news
from functions.runs.run_answers import error_answer, run_answer, step_answer
from functions.runs.run_pages import After, Filters
from functions.runs.run_rows import DetailedRun, ListedRun, StoredRun
from functions.web import bodies
from functions.web.answers import (
    Answer,
    CountedRuns,
    OlderRun,
    OlderStatus,
    RunDetail,
    RunPage,
    answered,
)
from functions.web.cursors import pointing_at, text_of
from functions.web.inputs import RunDetailQuery, RunQuery, RunsQuery, in_query
from functions.web.problems import Problem, bad_request
from functions.web.waiting import apply_preference, places, preferred_wait_s

OLDER_WORDS: dict[Status, OlderStatus] = {
    Status.PENDING: "PENDING",
    Status.RUNNING: "RUNNING",
    Status.SUCCESS: "COMPLETE",
    Status.FAILED: "FAILED",
    Status.CANCELLED: "CANCELLED",
}
NO_CURSOR = "cursor must be the next_cursor of an earlier page."
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


def list_runs(api: Runs, org: str) -> Response:
    """200 with a page of the org's runs."""
    credential, wanted = presented(api.auth, org), _page_query()
    let_in(api.auth, org, credential)
    return _page(api, org, wanted)


def list_own_runs(api: Runs) -> Response:
    """200 with a page of runs at the older path, where the credential says which org is meant."""
    credential, wanted = presented_without_org(api.auth), _page_query()
    return _page(api, own_org(api.auth, credential), wanted)


def show_run(api: Runs, org: str, run_id: str) -> Response:
    """200 with one run and its steps, or 304 where its ETag is what the request knows, which may be waited for."""
    credential, query = presented(api.auth, org), in_query(request.args, RunDetailQuery)
    wanted = _wanted(run_id, query)
    let_in(api.auth, org, credential)
    wait_s = preferred_wait_s(request) if query.wait is None else query.wait
    if not wait_s:
        detail = run_detail(api, org, wanted)
        return _shown(detail, etag_of(detail), query.since)
    logs.bind(wait_s=wait_s)  # the latency of such a request says nothing
    outcome = wait_for_run(api, org, wanted, request.if_none_match.contains_weak, wait_s)
    logs.bind(run_id=outcome.reading.detail.run_id)
    answer = _shown(outcome.reading.detail, outcome.reading.etag, query.since)
    if outcome.again_s is None:
        apply_preference(request, answer)
    else:
        answer.headers["Retry-After"] = str(outcome.again_s)
    return answer


def wait_for_run(api: Runs, org: str, wanted: "WantedRun", known: Callable[[str], bool], wait_s: int) -> Outcome:
    """Run once its ETag is none that is `known`, or after the seconds. Raises a 404 `Problem`."""

    def load(requested_date: dt.date | None) -> RunDetail:
        return run_detail(api, org, replace(wanted, requested_date=requested_date or wanted.requested_date))

    return api.live.wait(
        (org, wanted.run_id.lower()),
        load,
        known,
        within_s=wait_s,
        places=places(bodies.threads()),
        connection=bodies.connection_of(request),
    )


def run_detail(api: Runs, org: str, wanted: "WantedRun") -> RunDetail:
    """One run of the org with its steps, as its endpoint shows it. Raises a 404 `Problem`."""
    run = find_run(api, org, wanted)
    steps = [step_answer(step, run) for step in api.rows.steps(run)]
    succeeded, failed = run.status is Status.SUCCESS, run.status is Status.FAILED
    return RunDetail(
        **dict(run_answer(run)),
        pipeline_version=run.pipeline_version,
        steps=steps,
        error=error_answer(run),
        result=Result.model_validate_json(run.result) if run.result and succeeded else None,
        half_loaded=HalfLoad.model_validate_json(run.result) if run.result and failed else None,
    )


def _shown(detail: RunDetail, etag: str, since: dt.datetime | None) -> Response:
    """Answer with the run, or the part of it that is new; its ETag is the whole run's in both cases."""
    answer = answered(news(detail, since) if since else detail)
    answer.set_etag(etag)
    return _revalidated(answer)


def show_own_run(api: Runs, pipeline_logging_id: str) -> Response:
    """200 with one run at the older path, in the older shape."""
    credential, wanted = presented_without_org(api.auth), wanted_run(pipeline_logging_id)
    run = find_run(api, own_org(api.auth, credential), wanted)
    older = OlderRun(
        pipeline_logging_id=run.run_id,
        pipeline_id=run.pipeline_id,
        status=OLDER_WORDS[run.status],
        start_time=run.started_at,
        end_time=run.completed_at,
        duration_ms=run.duration_ms,
    )
    return _conditional(run, older)


@dataclass(frozen=True)
class PageQuery:
    """Page of a list, as the query string asks for it. `counted`: with the number of all that match."""

    filters: Filters
    limit: int
    offset: int
    after: After | None
    counted: bool


def _page_query() -> PageQuery:
    query = in_query(request.args, RunsQuery)
    return PageQuery(
        _filters(query), query.limit, query.offset or 0, _after(query), query.total and query.cursor is None
    )


def _page(api: Runs, org: str, wanted: PageQuery) -> Response:
    today = api.clock().date()
    if wanted.after:
        page = api.pages.after(org, wanted.filters, today, wanted.limit, wanted.after)
    elif wanted.offset:
        page = api.pages.at(org, wanted.filters, today, wanted.limit, wanted.offset)
    else:
        page = api.pages.first(org, wanted.filters, today, wanted.limit, counted=wanted.counted)
    answer = RunPage(
        runs=[run_answer(run) for run in page.runs],
        limit=wanted.limit,
        offset=wanted.offset,
        next_cursor=next_cursor_of(page.runs[-1]) if page.more else None,
        **_total(page.total) if wanted.counted else {},
    )
    return answered(answer)


def _total(total: int | None) -> CountedRuns:
    return {"total": total, "total_is": "unknown" if total is None else "exact"}


def _conditional(run: StoredRun, shape: Answer) -> Response:
    """Answer of the older path. A final run never changes, so it carries a strong ETag."""
    answer = answered(shape)
    if not run.status.final:
        return answer
    answer.add_etag()
    return _revalidated(answer)


def _revalidated(answer: Response) -> Response:
    """Answer that may be kept and asked for again: 304 where its ETag is what the request knows."""
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.make_conditional(request)
    return answer


@dataclass(frozen=True)
class WantedRun:
    """Run that a request is about: its id as it was sent, and the day of its request, if it names one."""

    run_id: str
    requested_date: dt.date | None


def wanted_run(run_id: str) -> WantedRun:
    """Run that the path and the query string name. Raises 400, and 404 for what can be no run's id."""
    return _wanted(run_id, in_query(request.args, RunQuery))


def read_wanted(run_id: str, requested_date: str | None) -> WantedRun:
    """Run of this id, requested on the day of this text, if it is given. Raises as `wanted_run`."""
    return _wanted(run_id, RunQuery.model_validate({"requested_date": requested_date} if requested_date else {}))


def _wanted(run_id: str, query: RunQuery) -> WantedRun:
    if not _UUID.fullmatch(run_id):
        raise Problem(404, f"Run not found: {run_id[:64]}", code=Code.RUN_UNKNOWN)
    return WantedRun(run_id, query.requested_date)


def find_run(api: Runs, org: str, wanted: WantedRun) -> DetailedRun:
    """Run of the org, or 404."""
    run = api.rows.find(org, wanted.run_id.lower(), api.clock().date(), wanted.requested_date)
    if run is None:
        raise Problem(404, f"Run not found: {wanted.run_id}", code=Code.RUN_UNKNOWN)
    logs.bind(run_id=run.run_id)
    return run


def _filters(query: RunsQuery) -> Filters:
    if query.start_date and query.end_date and query.start_date > query.end_date:
        raise bad_request("start_date must not be after end_date.", Code.FIELDS_CONFLICT)
    return Filters(
        first_day=query.start_date,
        last_day=query.end_date,
        statuses=(query.status,) if query.status else (),
        pipeline=query.pipeline_id,
        date=query.date,
        trigger_types=(query.trigger_type,) if query.trigger_type else (),
    )


def next_cursor_of(run: ListedRun) -> str:
    """Cursor of the page that follows this run."""
    return pointing_at(f"{run.created_at.isoformat()} {run.run_id}")


def _after(query: RunsQuery) -> After | None:
    if query.cursor is None:
        return None
    if query.offset is not None:
        raise bad_request("cursor and offset exclude each other; give one of them.", Code.FIELDS_CONFLICT)
    return read_cursor(query.cursor)


def read_cursor(text: str) -> After:
    """Last run of the page before, of its cursor. Raises 400 for any other text."""
    try:
        at, run_id = text_of(text).split(" ")
        created_at = dt.datetime.fromisoformat(at)
    except ValueError as err:
        raise bad_request(NO_CURSOR, Code.PAGE_CURSOR_INVALID) from err
    if not _UUID.fullmatch(run_id) or created_at.utcoffset() != dt.timedelta(0) or created_at.year < FIRST_DATE.year:
        raise bad_request(NO_CURSOR, Code.PAGE_CURSOR_INVALID)
    return After(created_at, run_id)
