"""GET /pipelines/{org}/runs and /runs/{run_id}: a list of runs, newest first, and one run with its steps."""

import base64
import datetime as dt
import re

from flask import Response, request

from cloudact import logs
from cloudact.runs.result import HalfLoad, Result
from cloudact.runs.run import FIRST_DATE, Status
from functions.auth.authenticate import authenticate, own_org
from functions.runs.collaborators import Runs
from functions.runs.run_answers import error_answer, run_answer, step_answer
from functions.runs.run_rows import After, DetailedRun, Filters, ListedRun, StoredRun
from functions.web.answers import (
    Answer,
    OlderRun,
    OlderStatus,
    RunDetail,
    RunPage,
    answered,
)
from functions.web.inputs import RunQuery, RunsQuery, in_query
from functions.web.problems import Problem, bad_request

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
    authenticate(api.auth, org)
    return _page(api, org)


def list_own_runs(api: Runs) -> Response:
    """200 with a page of runs at the older path, where the credential says which org is meant."""
    return _page(api, own_org(api.auth))


def show_run(api: Runs, org: str, run_id: str) -> Response:
    """200 with one run and its steps. A final run never changes, so it carries a strong ETag."""
    authenticate(api.auth, org)
    run = find_run(api, org, run_id)
    steps = [step_answer(step, run) for step in api.rows.steps(run)]
    succeeded, failed = run.status is Status.SUCCESS, run.status is Status.FAILED
    detail = RunDetail(
        **dict(run_answer(run)),
        pipeline_version=run.pipeline_version,
        steps=steps,
        error=error_answer(run),
        result=Result.model_validate_json(run.result) if run.result and succeeded else None,
        half_loaded=HalfLoad.model_validate_json(run.result) if run.result and failed else None,
    )
    return _conditional(run, detail)


def show_own_run(api: Runs, pipeline_logging_id: str) -> Response:
    """200 with one run at the older path, in the older shape."""
    run = find_run(api, own_org(api.auth), pipeline_logging_id)
    older = OlderRun(
        pipeline_logging_id=run.run_id,
        pipeline_id=run.pipeline_id,
        status=OLDER_WORDS[run.status],
        start_time=run.started_at,
        end_time=run.completed_at,
        duration_ms=run.duration_ms,
    )
    return _conditional(run, older)


def _page(api: Runs, org: str) -> Response:
    query = in_query(request.args, RunsQuery)
    after, offset = _after(query), query.offset or 0
    today = api.clock().date()
    runs, total = api.rows.page(org, _filters(query), today, limit=query.limit, offset=offset, after=after)
    more = len(runs) == query.limit and (total is None or offset + query.limit < total)
    counted = {} if after or total is None else {"total": total}
    page = RunPage(
        runs=[run_answer(run) for run in runs],
        limit=query.limit,
        offset=offset,
        next_cursor=_cursor(runs[-1]) if more else None,
        **counted,
    )
    return answered(page)


def _conditional(run: StoredRun, shape: Answer) -> Response:
    answer = answered(shape)
    if run.status.final:
        answer.headers["Cache-Control"] = "private, no-cache"
        answer.add_etag()
        answer.make_conditional(request)
    return answer


def find_run(api: Runs, org: str, run_id: str) -> DetailedRun:
    """Run of the org, or 404; the query string may name the day of its request."""
    query = in_query(request.args, RunQuery)
    run = api.rows.find(org, _uuid(run_id), api.clock().date(), query.requested_date)
    if run is None:
        raise Problem(404, f"Run not found: {run_id}")
    logs.bind(run_id=run.run_id)
    return run


def _filters(query: RunsQuery) -> Filters:
    if query.start_date and query.end_date and query.start_date > query.end_date:
        raise bad_request("start_date must not be after end_date.")
    return Filters(
        first_day=query.start_date,
        last_day=query.end_date,
        statuses=(query.status,) if query.status else (),
        pipeline=query.pipeline_id,
        date=query.date,
        trigger_type=query.trigger_type,
    )


def _cursor(run: ListedRun) -> str:
    return base64.urlsafe_b64encode(f"{run.created_at.isoformat()} {run.run_id}".encode()).decode().rstrip("=")


def _after(query: RunsQuery) -> After | None:
    text = query.cursor
    if text is None:
        return None
    if query.offset is not None:
        raise bad_request("cursor and offset exclude each other; give one of them.")
    try:
        at, run_id = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().split(" ")
        created_at = dt.datetime.fromisoformat(at)
    except ValueError as err:
        raise bad_request(NO_CURSOR) from err
    if not _UUID.fullmatch(run_id) or created_at.utcoffset() != dt.timedelta(0) or created_at.year < FIRST_DATE.year:
        raise bad_request(NO_CURSOR)
    return After(created_at, run_id)


def _uuid(text: str) -> str:
    if not _UUID.fullmatch(text):
        raise Problem(404, f"Run not found: {text[:64]}")
    return text.lower()
