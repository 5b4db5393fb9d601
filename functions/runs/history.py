"""GET /pipelines/{org}/runs and /runs/{run_id}: a list of runs, newest first, and one run with its steps."""

import base64
import datetime as dt
import re
from collections.abc import Iterable

from flask import Response, request

from cloudact import logs
from cloudact.error_codes import Code
from cloudact.runs.result import Result, plain
from cloudact.runs.run import FIRST_DATE, Status, TriggerType
from cloudact.runs.run_cost import Cost
from functions.auth.authenticate import authenticate, own_org
from functions.runs.collaborators import Runs
from functions.runs.run_rows import After, DetailedRun, Filters, ListedRun, StoredRun, StoredStep
from functions.web.answers import (
    Answer,
    CostEstimate,
    Message,
    OlderRun,
    OlderStatus,
    RunAnswer,
    RunDetail,
    RunError,
    RunPage,
    RunParameters,
    Step,
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
    steps = [_step(step, run) for step in api.rows.steps(run)]
    result = Result.model_validate_json(run.result) if run.result else None
    detail = RunDetail(
        **dict(_run(run)), pipeline_version=run.pipeline_version, steps=steps, error=_error(run), result=result
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
        runs=[_run(run) for run in runs],
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


def _run(run: ListedRun) -> RunAnswer:
    """Run as clients see it, the older names beside the newer."""
    return RunAnswer(
        run_id=run.run_id,
        pipeline_logging_id=run.run_id,
        org_slug=run.org_slug,
        pipeline_id=run.pipeline_id,
        pipeline=run.pipeline,
        provider=run.provider,
        domain=run.domain,
        status=run.status,
        date=run.date,
        requested_date=run.requested_date,
        generation=run.generation,
        trigger_type=TriggerType(run.trigger_type),
        triggered_by=run.triggered_by,
        created_at=run.created_at,
        started_at=run.started_at,
        completed_at=run.completed_at,
        duration_seconds=None if run.duration_ms is None else run.duration_ms / 1000,
        rows_processed=run.rows_processed,
        bytes_billed=run.bytes_billed,
        cost_estimate=_cost(run.cost),
        error_message=run.error_message,
        parameters=RunParameters.model_validate_json(run.parameters),
        start_time=run.started_at,
        end_time=run.completed_at,
        duration_ms=run.duration_ms,
    )


def _cost(cost: Cost | None) -> CostEstimate | None:
    if cost is None:
        return None
    return CostEstimate(
        currency="USD",
        total=plain(cost.total_usd),
        bigquery=plain(cost.bigquery_usd),
        compute=plain(cost.compute_usd),
        vcpu_seconds=plain(cost.vcpu_seconds),
        memory_gib_seconds=plain(cost.memory_gib_seconds),
        bytes_billed=cost.service_bytes_billed,
        prices_of=cost.prices_of,
    )


def _step(step: StoredStep, run: ListedRun) -> Step:
    """Step as clients see it. A step that was at work when the run was settled ended with it."""
    cut_off = step.status is Status.RUNNING and run.status.final
    return Step(
        step_logging_id=step.step_logging_id,
        step_index=step.step_index,
        step_name=step.step_name,
        step_type=step.step_type,
        status=run.status if cut_off else step.status,
        started_at=step.started_at,
        completed_at=run.completed_at if cut_off else step.completed_at,
        duration_ms=step.duration_ms,
        rows_processed=step.rows_processed,
        progress=step.progress,
        error_message=step.error_message,
        messages=[Message(at=at, level=level, text=text) for at, level, text in _messages(step)],
    )


def _messages(step: StoredStep) -> Iterable[tuple[dt.datetime, str | None, str]]:
    """Messages of a step's last try, each once: an append may be two rows, and a retry repeats its text."""
    last = [each for each in step.messages or () if each.attempt == step.attempt]
    return dict.fromkeys((each.occurred_at, each.level, each.text) for each in last)


def _error(run: ListedRun) -> RunError | None:
    if run.status is not Status.FAILED:
        return None
    return RunError(
        code=run.error_code or Code.UNKNOWN,
        message=run.error_message or "The run failed without saying why.",
        retryable=bool(run.error_retryable),
        hint=run.error_hint,
    )


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
