"""GET /pipelines/{org}/runs and /runs/{run_id}: what happened, newest first, and one run with its steps."""

import base64
import datetime as dt
import json
import re
from collections.abc import Mapping
from typing import Any

from flask import Response, jsonify, request
from werkzeug.datastructures import MultiDict

from cloudact.ledger import After, Filters
from cloudact.runs import FIRST_DATE, Run, Status, TriggerType
from functions.access import authenticate
from functions.composition import Api
from functions.parameters import any_date, one_of, only_known, whole_number
from functions.problems import Problem, bad_request

FIELDS = (
    "status", "status_filter", "pipeline_id", "pipelineId", "start_date", "startDate", "end_date", "endDate",
    "date", "trigger_type", "limit", "offset", "cursor",
)  # fmt: skip
NO_CURSOR = "cursor must be the next_cursor of an earlier page."
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_PIPELINE = re.compile(r"[\w-]{1,101}", re.ASCII)
STATUSES = {status.value: status for status in Status} | {"COMPLETED": Status.SUCCESS, "COMPLETE": Status.SUCCESS}
TRIGGERS = {trigger.value: trigger.value for trigger in TriggerType}


def list_runs(api: Api, org: str) -> Response:
    """A page of the org's runs."""
    authenticate(api, org)
    args = request.args
    only_known(args, FIELDS)
    limit = whole_number("limit", args, 20, 1, 100)
    offset = whole_number("offset", args, 0, 0, 10_000_000)
    after = _after(args)
    rows, total = api.ledger.page(org, _filters(args), api.clock().date(), limit=limit, offset=offset, after=after)
    answer: dict[str, Any] = {"runs": [run_json(row) for row in rows]}
    if after is None:
        answer |= {"total": total}
    more = len(rows) == limit and (total is None or offset + limit < total)
    return jsonify(answer | {"limit": limit, "offset": offset, "next_cursor": _cursor(rows[-1]) if more else None})


def show_run(api: Api, org: str, run_id: str) -> Response:
    """One run with its steps. A final run never changes, so it carries a strong ETag."""
    authenticate(api, org)
    row = find_run(api, org, run_id)
    steps = api.ledger.steps(org, row["run_id"], row["requested_date"])
    answer = jsonify(run_json(row) | {"steps": [step_json(step, row) for step in steps], "error": _error(row)})
    if Status(row["status"]).final:
        answer.headers["Cache-Control"] = "private, no-cache"
        answer.add_etag()
        answer.make_conditional(request)
    return answer


def find_run(api: Api, org: str, run_id: str) -> Mapping[str, Any]:
    """The org's run, or 404."""
    row = api.ledger.run(org, _uuid(run_id), api.clock().date())
    if row is None:
        raise Problem(404, f"Run not found: {run_id}")
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


def run_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """A run as clients see it, with the older names beside the newer."""
    started, completed = _instant(row["started_at"]), _instant(row["completed_at"])
    return {
        "run_id": row["run_id"],
        "pipeline_logging_id": row["run_id"],
        **{name: row[name] for name in ("org_slug", "pipeline_id", "pipeline", "provider", "domain", "status")},
        "date": row["date"].isoformat(),
        **{name: row[name] for name in ("generation", "trigger_type", "triggered_by")},
        "created_at": _instant(row["created_at"]),
        "started_at": started,
        "completed_at": completed,
        "duration_seconds": None if row["duration_ms"] is None else row["duration_ms"] / 1000,
        **{name: row[name] for name in ("rows_processed", "bytes_billed", "error_message")},
        "parameters": json.loads(row["parameters"]),
        "start_time": started,
        "end_time": completed,
        "duration_ms": row["duration_ms"],
    }


def step_json(row: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, Any]:
    """A step as clients see it. One that was at work when the run was settled ended with it."""
    cut_off = row["status"] == Status.RUNNING and Status(run["status"]).final
    told = {  # by its content: a repeated append may be two rows; and a retry tells the same again
        (message["occurred_at"], message["level"], message["text"]): None
        for message in row["messages"] or []
        if message["attempt"] == row["attempt"]
    }
    return {
        **{name: row[name] for name in ("step_logging_id", "step_index", "step_name", "step_type")},
        "status": run["status"] if cut_off else row["status"],
        "started_at": _instant(row["started_at"]),
        "completed_at": _instant(run["completed_at"] if cut_off else row["completed_at"]),
        **{name: row[name] for name in ("duration_ms", "rows_processed", "progress", "error_message")},
        "messages": [{"at": _instant(at), "level": level, "text": text} for at, level, text in told],
    }


def _error(row: Mapping[str, Any]) -> dict[str, Any] | None:
    if row["status"] != Status.FAILED:
        return None
    names = {"code": "error_code", "message": "error_message", "retryable": "error_retryable", "hint": "error_hint"}
    return {name: row[column] for name, column in names.items()}


def _filters(args: MultiDict[str, str]) -> Filters:
    status = _either(args, "status", "status_filter")
    first, last = _either(args, "start_date", "startDate"), _either(args, "end_date", "endDate")
    filters = Filters(
        first_day=any_date("start_date", first) if first is not None else None,
        last_day=any_date("end_date", last) if last is not None else None,
        statuses=(one_of("status", MultiDict({"status": status}), STATUSES),) if status is not None else (),
        pipeline=_pipeline(_either(args, "pipeline_id", "pipelineId")),
        date=any_date("date", args["date"]) if "date" in args else None,
        trigger_type=one_of("trigger_type", args, TRIGGERS),
    )
    if filters.first_day and filters.last_day and filters.first_day > filters.last_day:
        raise bad_request("start_date must not be after end_date.")
    return filters


def _either(args: MultiDict[str, str], name: str, other: str) -> str | None:
    """The value under either of a filter's two names."""
    if name in args and args.get(other, args[name]) != args[name]:
        raise bad_request(f"{name} and {other} are the same filter and differ; give one of them.")
    return args.get(name, args.get(other))


def _pipeline(text: str | None) -> str | None:
    if text is not None and not _PIPELINE.fullmatch(text):
        raise bad_request("pipeline_id must be 1 to 101 letters, digits, underscores or hyphens.")
    return text


def _cursor(row: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(f"{row['created_at'].isoformat()} {row['run_id']}".encode()).decode().rstrip("=")


def _after(args: MultiDict[str, str]) -> After | None:
    text = args.get("cursor")
    if text is None:
        return None
    if "offset" in args:
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


def _instant(at: dt.datetime | None) -> str | None:
    return None if at is None else at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
