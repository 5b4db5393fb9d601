"""Tools about one day of a pipeline: `explain_day`, `why_did_it_not_run`.

What they say and advise is made of fixed sentences; words of providers stand beside them, marked as untrusted.
"""

import datetime as dt
from collections.abc import Iterator

from cli.failures import Failure
from cli.json_object import JsonObject
from cli.mcp.answers import (
    CurrencyTotal,
    DayChange,
    DayTold,
    Finding,
    RunFailure,
    RunStory,
    ToolProblem,
    Untrusted,
    WhyTold,
)
from cli.mcp.arguments import DayAsked
from cli.mcp.problems import problem_of
from cli.mcp.reading import Reading
from cli.mcp.runs import line_of
from cli.pipeline_names import id_of_pipeline

MOST_RUNS = 5
_RUNS_BY_ITSELF_DAYS = 7  # dates that the daily call looks at, yesterday the first (docs/runs.md, Daily call)
_MAY_RUN = ("TRIAL", "ACTIVE")
_GOING_ON = ("PENDING", "RUNNING")
_NO_RUN_ADVICE = "Start it: cloudact run PIPELINE --date DATE. A person has to do that; this server only reads."


def explain_day(reading: Reading, asked: DayAsked) -> DayTold:
    """Tells a day's state and cost, which runs have read it, and what each has changed and why, or its error."""
    pipeline = _pipeline(reading, asked.pipeline)
    runs, more = _runs(reading, pipeline["id"], asked.date)
    costs, problem = _costs_of_day(reading, pipeline["provider"], asked.date)
    states = [day["state"] for day in costs.get("completeness", []) if day["provider"] == pipeline["provider"]]
    return DayTold(
        org_slug=reading.api.org,
        pipeline=pipeline["id"],
        provider=pipeline["provider"],
        date=asked.date,
        state=states[0] if states else None,
        is_final=states[:1] == ["final"],
        costs=[CurrencyTotal.model_validate(sums) for sums in costs.get("results", [])],
        costs_problem=problem,
        runs=[_story(_detail(reading, run)) for run in runs],
        more_runs=more,
    )


def why_did_it_not_run(reading: Reading, asked: DayAsked) -> WhyTold:
    """Tells whether a pipeline has loaded a day; if not, what keeps it from that, and what a person can do."""
    pipeline = _pipeline(reading, asked.pipeline)
    quota = reading.settings("quota")
    today = dt.date.fromisoformat(quota["usage_date"])
    runs, _ = _runs(reading, pipeline["id"], asked.date, limit=1)
    newest = _detail(reading, runs[0]) if runs else None
    ran = _succeeded(reading, pipeline["id"], asked.date)
    findings = [
        *_of_runs(newest, ran),
        *_of_pipeline(pipeline),
        *_of_integration(reading, pipeline["provider"]),
        *_of_quota(quota),
        *_of_date(asked.date, today, asked_before=bool(runs)),
    ]
    blocking = [each for each in findings if each.blocking]
    if not (ran or blocking):
        findings.append(_unknown())
    return WhyTold(
        org_slug=reading.api.org,
        pipeline=pipeline["id"],
        provider=pipeline["provider"],
        date=asked.date,
        today=today,
        ran=ran,
        findings=sorted(findings, key=lambda each: not each.blocking),
    )


def _pipeline(reading: Reading, name: str) -> JsonObject:
    return reading.public("validator", "pipelines", id_of_pipeline(reading.api, name))


def _succeeded(reading: Reading, pipeline: str, date: dt.date) -> bool:
    found, _ = _runs(reading, pipeline, date, status="SUCCESS", limit=1)
    return bool(found)


def _runs(reading: Reading, pipeline: str, date: dt.date, **filters: object) -> tuple[list[JsonObject], bool]:
    query = {"pipeline_id": pipeline, "date": date, "limit": MOST_RUNS, "total": "false", **filters}
    page = reading.of_org("pipelines", "runs", query=query)
    return page["runs"], page["next_cursor"] is not None


def _detail(reading: Reading, run: JsonObject) -> JsonObject:
    query = {"requested_date": run["requested_date"]}
    return reading.of_org("pipelines", "runs", run["run_id"], query=query)


def _costs_of_day(reading: Reading, provider: str, date: dt.date) -> tuple[JsonObject, ToolProblem | None]:
    query = {"start": date, "end": date, "provider": provider, "limit": 1}
    try:
        return reading.of_org("costs", query=query), None
    except Failure as failure:
        return {}, problem_of(reading, failure)


def _story(run: JsonObject) -> RunStory:
    half = run["half_loaded"]
    return RunStory(
        **line_of(run),
        change=_change(run["result"]) if run["result"] else None,
        failure=_failure(run["error"]) if run["error"] else None,
        half_loaded_tables=list(half["replaced"]) if half else [],
    )


def _change(result: JsonObject) -> DayChange:
    difference, gap = result.get("difference"), result.get("gap")
    return DayChange(
        completeness=result["completeness"],
        unchanged=result["unchanged"],
        cause=result.get("cause"),
        cost=result["fingerprint"]["cost"],
        rows=result["fingerprint"]["rows"],
        rows_changed=difference and difference["rows"],
        cost_changed=difference and difference["cost"],
        gap=Untrusted.of(gap and gap["text"]),
    )


def _failure(error: JsonObject) -> RunFailure:
    return RunFailure(
        code=error["code"],
        retryable=error["retryable"],
        message=Untrusted.of(error["message"]),
        hint=Untrusted.of(error["hint"]),
    )


def _of_runs(newest: JsonObject | None, ran: bool) -> Iterator[Finding]:
    if newest is None:
        return
    status, run_id = newest["status"], newest["run_id"]
    if ran:
        says = "A run has loaded this day." + ("" if status == "SUCCESS" else f" The newest one is {status}.")
        yield Finding(
            code="it_ran",
            blocking=False,
            says=says,
            what_to_do="Nothing; explain_day tells what it found.",
            run_id=run_id,
        )
    if newest["half_loaded"]:
        yield Finding(
            code="half_loaded",
            blocking=True,
            says="The newest run failed after it had replaced some tables: the day is of two runs.",
            what_to_do="The daily call runs such a day before all else; cloudact retry RUN_ID does so at once.",
            run_id=run_id,
        )
    if status in _GOING_ON:
        yield Finding(
            code="in_progress",
            blocking=not ran,
            says="A run waits or is at work.",
            what_to_do="Ask again in some minutes; list_runs shows its status.",
            run_id=run_id,
        )
    elif status == "CANCELLED":
        yield Finding(
            code="run_cancelled",
            blocking=not ran,
            says="The newest run was cancelled.",
            what_to_do="If that was not meant: cloudact retry RUN_ID.",
            run_id=run_id,
        )
    elif status == "FAILED":
        yield _failed(newest, blocking=not ran)


def _failed(run: JsonObject, *, blocking: bool) -> Finding:
    error = run["error"] or {"code": "", "message": run["error_message"], "hint": None, "retryable": False}
    passes = (
        "It may pass by itself: the daily call tries again."
        if error["retryable"]
        else ("It does not pass by itself: follow the hint first.")
    )
    return Finding(
        code="run_failed",
        blocking=blocking,
        says="The newest run failed.",
        what_to_do=f"{passes} cloudact retry RUN_ID runs it at once.",
        run_id=run["run_id"],
        provider_code=error["code"] or None,
        told=Untrusted.of(error["message"]),
        hint=Untrusted.of(error["hint"]),
    )


def _of_pipeline(pipeline: JsonObject) -> Iterator[Finding]:
    if not pipeline["enabled"]:
        yield Finding(
            code="pipeline_disabled",
            blocking=True,
            says="The pipeline is switched off in this installation.",
            what_to_do="Ask whoever operates the service.",
        )


def _of_integration(reading: Reading, provider: str) -> Iterator[Finding]:
    state = reading.of_org("integrations", provider)
    if state["status"] == "NOT_CONFIGURED":
        yield Finding(
            code="integration_missing",
            blocking=True,
            says="No credential of the provider is set up.",
            what_to_do="An admin sets it up: cloudact integrations setup PROVIDER.",
        )
    elif state["status"] != "VALID":
        yield Finding(
            code="integration_invalid",
            blocking=True,
            says="The provider refuses the credential; no run starts until it is validated, or set up, again.",
            what_to_do="cloudact integrations validate PROVIDER, or an admin sets up another credential.",
            told=Untrusted.of(state["last_error"]),
        )


def _of_quota(quota: JsonObject) -> Iterator[Finding]:
    if quota["subscription_status"] not in _MAY_RUN:
        yield Finding(
            code="subscription_stopped",
            blocking=True,
            says="The subscription does not allow runs.",
            what_to_do="Ask whoever operates the service; cloudact quota shows the status.",
        )
    elif quota["remaining"] <= 0:
        yield Finding(
            code="quota_reached",
            blocking=False,
            says="No run can be started by hand today. Scheduled runs do not count, and go on.",
            what_to_do="Wait for the next UTC day.",
        )


def _of_date(date: dt.date, today: dt.date, *, asked_before: bool) -> Iterator[Finding]:
    age = (today - date).days
    if age < 1:
        yield Finding(
            code="day_not_over",
            blocking=not asked_before,
            says="The UTC day is not over. The schedule reads it on the day after.",
            what_to_do="Wait. A run of today by hand is provisional.",
        )
    elif asked_before:
        return
    elif age == 1:
        yield Finding(
            code="not_asked_yet",
            blocking=True,
            says="Nobody has asked for this day yet. The daily call does, at 06:00 UTC.",
            what_to_do=f"Wait for the daily call. {_NO_RUN_ADVICE}",
        )
    elif age <= _RUNS_BY_ITSELF_DAYS:
        yield Finding(
            code="owed",
            blocking=True,
            says="No run has been asked for. The daily call makes up for days of the last week, since the org exists.",
            what_to_do=f"If nothing else is named here, it comes with the next daily call. {_NO_RUN_ADVICE}",
        )
    else:
        yield Finding(
            code="never_asked",
            blocking=True,
            says="No run was asked for within 400 days, and the daily call does not look back so far.",
            what_to_do="Load it: cloudact backfill PIPELINE --from DATE --to DATE; --dry-run says first if it can be.",
        )


def _unknown() -> Finding:
    return Finding(
        code="nothing_found",
        blocking=False,
        says="Nothing that the API tells keeps the run from happening.",
        what_to_do=_NO_RUN_ADVICE,
    )
