"""GET /pipelines/{org}/runs and /runs/{run_id}: what happened, newest first, and one run with its steps."""

import base64
import datetime as dt
import json
import re
from collections.abc import Mapping
from typing import Any

from flask import Response, request

from cloudact import logs
from cloudact.error_codes import Code
from cloudact.runs.ledger import After, Filters
from cloudact.runs.result import Result, plain
from cloudact.runs.run import FIRST_DATE, Run, Status, TriggerType
from cloudact.runs.run_cost import Cost
from functions.auth.authenticate import authenticate, own_org
from functions.runs.collaborators import Runs
from functions.web.answers import (
    Answer,
    CostEstimate,
    Message,
    OlderRun,
    RunAnswer,
    RunDetail,
    RunError,
    RunPage,
    Step,
    answered,
)
from functions.web.inputs import RunQuery, RunsQuery, in_query
from functions.web.problems import Problem, bad_request

OLDER_WORDS = {Status.SUCCESS: "COMPLETE"}
NO_CURSOR = "cursor must be the next_cursor of an earlier page."
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


def list_runs(api: Runs, org: str) -> Response:
    """A page of the org's runs."""
    authenticate(api.auth, org)
    return _page(api, org)


def list_own_runs(api: Runs) -> Response:
    """The same at the older path, where the credential says which org is meant."""
    return _page(api, own_org(api.auth))


def show_run(api: Runs, org: str, run_id: str) -> Response:
    """One run with its steps. A final run never changes, so it carries a strong ETag."""
    authenticate(api.auth, org)
    row = find_run(api, org, run_id)
    steps = [_step(step, row) for step in api.ledger.steps(org, row["run_id"], row["requested_date"])]
    result = Result.model_validate_json(row["result"]) if row["result"] else None
    return _conditional(row, RunDetail(**_fields(row), steps=steps, error=_error(row), result=result))


def show_own_run(api: Runs, pipeline_logging_id: str) -> Response:
    """One run at the older path, in the older shape."""
    org = own_org(api.auth)
    row = find_run(api, org, pipeline_logging_id)
    fields = _fields(row)
    older = {name: fields[name] for name in OlderRun.model_fields}
    return _conditional(row, OlderRun(**older | {"status": OLDER_WORDS.get(row["status"], row["status"])}))


def _page(api: Runs, org: str) -> Response:
    query = in_query(request.args, RunsQuery)
    after, offset = _after(query), query.offset or 0
    today = api.clock().date()
    rows, total = api.ledger.page(org, _filters(query), today, limit=query.limit, offset=offset, after=after)
    more = len(rows) == query.limit and (total is None or offset + query.limit < total)
    told: dict[str, Any] = {
        "runs": [RunAnswer(**_fields(row)) for row in rows],
        "total": total,
        "limit": query.limit,
        "offset": offset,
        "next_cursor": _cursor(rows[-1]) if more else None,
    }
    return answered(RunPage(**{name: value for name, value in told.items() if name != "total" or after is None}))


def _conditional(row: Mapping[str, Any], shape: Answer) -> Response:
    answer = answered(shape)
    if Status(row["status"]).final:
        answer.headers["Cache-Control"] = "private, no-cache"
        answer.add_etag()
        answer.make_conditional(request)
    return answer


def find_run(api: Runs, org: str, run_id: str) -> Mapping[str, Any]:
    """The org's run, or 404; the query string may tell the day it was asked for."""
    query = in_query(request.args, RunQuery)
    row = api.ledger.run(org, _uuid(run_id), api.clock().date(), query.requested_date)
    if row is None:
        raise Problem(404, f"Run not found: {run_id}")
    logs.bind(run_id=row["run_id"])
    return row


def run_of(row: Mapping[str, Any]) -> Run:
    """The run that a row of the ledger tells of; its pipeline may have left the registry since."""
    return Run(
        org_slug=row["org_slug"],
        pipeline=row["pipeline"],
        provider=row["provider"],
        domain=row["domain"],
        name=row["pipeline_id"].removeprefix(f"{row['org_slug']}-{row['provider']}-"),
        date=row["date"],
        generation=row["generation"],
        trigger_type=TriggerType(row["trigger_type"]),
        triggered_by=row["triggered_by"],
        requested_at=row["created_at"],
        force_refresh=json.loads(row["parameters"])["force_refresh"],
    )


def _fields(row: Mapping[str, Any]) -> dict[str, Any]:
    """A run's fields as clients see them, the older names beside the newer."""
    same = RunAnswer.model_fields.keys() & row.keys()
    return {name: row[name] for name in same} | {
        "pipeline_logging_id": row["run_id"],
        "duration_seconds": None if row["duration_ms"] is None else row["duration_ms"] / 1000,
        "parameters": json.loads(row["parameters"]),
        "start_time": row["started_at"],
        "end_time": row["completed_at"],
        "cost_estimate": _cost(row),
    }


def _cost(row: Mapping[str, Any]) -> CostEstimate | None:
    cost = Cost.of_row(row)
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


def _step(row: Mapping[str, Any], run: Mapping[str, Any]) -> Step:
    """A step as clients see it. One that was at work when the run was settled ended with it."""
    cut_off = row["status"] == Status.RUNNING and Status(run["status"]).final
    told = {  # by its content: a repeated append may be two rows; and a retry tells the same again
        (message["occurred_at"], message["level"], message["text"]): None
        for message in row["messages"] or []
        if message["attempt"] == row["attempt"]
    }
    ended = {"status": run["status"], "completed_at": run["completed_at"]} if cut_off else {}
    same = Step.model_fields.keys() & row.keys() - {"messages"}
    messages = [Message(at=at, level=level, text=text) for at, level, text in told]
    return Step(**{name: row[name] for name in same} | ended, messages=messages)


def _error(row: Mapping[str, Any]) -> RunError | None:
    if row["status"] != Status.FAILED:
        return None
    return RunError(
        code=row["error_code"] or Code.UNKNOWN,
        message=row["error_message"] or "The run failed without saying why.",
        retryable=bool(row["error_retryable"]),
        hint=row["error_hint"],
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


def _cursor(row: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(f"{row['created_at'].isoformat()} {row['run_id']}".encode()).decode().rstrip("=")


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
