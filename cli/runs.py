"""`run`, `runs`, `show`, `cancel`, `retry`."""

import re
import sys
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import click

from cli.consent import confirm, yes_option
from cli.failures import EndedBadly, Usage
from cli.http import Answer
from cli.json_object import JsonObject
from cli.screen import facts, say, table
from cli.session import Api, asks_api
from cli.watch import follow

_PIPELINE = re.compile(r"[\w-]+(/[\w-]*)?/[\w-]+", re.ASCII)
_PIPELINE_ID = re.compile(r"[\w-]+", re.ASCII)
_Decorated = Callable[[Callable[..., object]], Callable[..., object]]
DAY = click.DateTime(formats=["%Y-%m-%d"])
RUN_ID: _Decorated = click.argument("run_id", type=click.UUID)
FACTS = (
    "run_id", "pipeline_id", "date", "status", "generation", "trigger_type", "triggered_by", "created_at", "started_at",
    "completed_at", "duration_seconds", "rows_processed", "bytes_billed", "pipeline_version",
)  # fmt: skip
COLUMNS = ("RUN", "PIPELINE", "DATE", "STATUS", "ROWS", "SECONDS", "BY", "REQUESTED")


def wait_options(command: Callable[..., object]) -> Callable[..., object]:
    """Options `--wait` and `--timeout`."""
    timeout = click.option(
        "--timeout", type=click.FloatRange(min=0), default=3600.0, show_default=True, help="Seconds that --wait waits."
    )
    wait = click.option("--wait", is_flag=True, help="Follow the run until it ends; exit code 1 unless it succeeds.")
    return wait(timeout(command))


@click.command()
@click.argument("pipeline")
@click.option("--date", type=DAY, help="The UTC date to load, YYYY-MM-DD; yesterday, if left out.")
@click.option("--force", is_flag=True, help="Run it anew although it has succeeded.")
@wait_options
@asks_api
def run(api: Api, pipeline: str, date: datetime | None, force: bool, wait: bool, timeout: float) -> None:
    """Start a run of PIPELINE: provider/domain/pipeline, such as gcp/cost/billing, or an id such as gcp_billing.

    `cloudact pipelines` lists them; a domain that is empty is left out.
    The same pipeline and date is the same run: asked for again, it answers with that.
    """
    body = {"date": _day(date), "force_refresh": force or None}
    started = api.call("POST", "pipelines", "run", api.org, *_path(api, pipeline), body=_given(body))
    _started(api, started, timeout if wait else None)


@click.command()
@click.argument("pipeline")
@click.option("--from", "start_date", type=DAY, required=True, help="The first UTC date to load, YYYY-MM-DD.")
@click.option("--to", "end_date", type=DAY, required=True, help="The last one, inclusive; at most 366 dates.")
@click.option(
    "--reprocess",
    type=click.Choice(["none", "failed", "completed"]),
    default="none",
    show_default=True,
    help="Run dates again whose last run failed, or that are complete too.",
)
@click.option("--dry-run", is_flag=True, help="Tell what would be run, and start nothing.")
@asks_api
def backfill(api: Api, pipeline: str, start_date: datetime, end_date: datetime, reprocess: str, dry_run: bool) -> None:
    """Load many dates of PIPELINE, an id such as gcp_billing: the newest first, as far as the day's quota goes.

    Dates that the quota leaves are listed; the same command goes on with them another day. Dates of which the provider
    can have nothing are skipped: too_old, before_export.
    """
    dates = {"start_date": _day(start_date), "end_date": _day(end_date)}
    body = {"pipeline": pipeline, "reprocess": reprocess, "dry_run": dry_run, **dates}
    api.screen.answer(api.call("POST", "pipelines", api.org, "backfill", body=body), _show_backfill)


@click.command()
@RUN_ID
@wait_options
@asks_api
def retry(api: Api, run_id: UUID, wait: bool, timeout: float) -> None:
    """Run a FAILED or CANCELLED run again: its next generation."""
    _started(api, _call(api, "POST", run_id, "retry"), timeout if wait else None)


@click.command()
@RUN_ID
@wait_options
@asks_api
def show(api: Api, run_id: UUID, wait: bool, timeout: float) -> None:
    """Show a run with its steps and messages."""
    detail = _call(api, "GET", run_id)
    if wait:
        return _end(api, _follow(api, detail.body, timeout))
    return api.screen.answer(detail, _show_run)


@click.command()
@RUN_ID
@yes_option
@asks_api
def cancel(api: Api, run_id: UUID, yes: bool) -> None:
    """Cancel a run before its end: it will not load any more. Asks first."""
    confirm(f"Cancel the run {run_id} of {api.org}?", yes=yes)
    api.screen.answer(_call(api, "POST", run_id, "cancel"), lambda body: say(body["message"]))


@click.command()
@click.option("--status", help="PENDING, RUNNING, SUCCESS, FAILED or CANCELLED.")
@click.option("--pipeline", "pipeline_id", help="A pipeline's id, such as gcp_billing.")
@click.option("--date", type=DAY, help="The UTC date that was loaded.")
@click.option("--start-date", type=DAY, help="The first UTC day of the requests.")
@click.option("--end-date", type=DAY, help="Their last UTC day, inclusive.")
@click.option("--trigger", "trigger_type", help="Who asked: api, user, schedule, backfill, retry or restatement.")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="How many at most.")
@click.option("--offset", type=click.IntRange(min=0), help="How many to skip.")
@click.option("--cursor", help="Go on after an earlier page: its next_cursor.")
@asks_api
def runs(
    api: Api,
    /,
    date: datetime | None,
    start_date: datetime | None,
    end_date: datetime | None,
    **filters: str | int | None,
) -> None:
    """List runs, newest first."""
    days = {"date": _day(date), "start_date": _day(start_date), "end_date": _day(end_date)}
    api.screen.answer(api.call("GET", "pipelines", api.org, "runs", query={**days, **filters}), _show_page)


def _path(api: Api, pipeline: str) -> list[str]:
    """Provider, domain and pipeline; those of an id come from the catalogue."""
    if _PIPELINE.fullmatch(pipeline):
        return pipeline.split("/")
    if not _PIPELINE_ID.fullmatch(pipeline):
        raise Usage(f"PIPELINE is written gcp/cost/billing, provider/pipeline or gcp_billing, not {pipeline}")
    entry = api.call("GET", "validator", "pipelines", pipeline, public=True).body
    return [entry["provider"], entry["domain"], entry["pipeline"]]


def _started(api: Api, started: Answer, timeout_s: float | None) -> None:
    """Shows the run, or follows it to its end."""
    if timeout_s is None:
        api.screen.answer(started, _show_started)
        return
    if not api.screen.as_json:
        _show_started(started.body)
    _end(api, _follow(api, started.body, timeout_s))


def _follow(api: Api, run: JsonObject, timeout_s: float) -> Answer:
    def read() -> Answer:
        return _call(api, "GET", run["run_id"], requested_date=run.get("requested_date"))

    return follow(read, run, timeout_s, as_json=api.screen.as_json)


def _end(api: Api, detail: Answer) -> None:
    api.screen.answer(detail, _show_run if sys.stdout.isatty() else _show_facts)  # lines have told of the steps
    if detail.body["status"] != "SUCCESS":
        raise EndedBadly(f"The run is {detail.body['status']}.")


def _call(api: Api, method: str, run_id: object, *action: str, requested_date: str | None = None) -> Answer:
    """Calls an endpoint of a run with the day of its request, which lets the API find it at once."""
    query = {"requested_date": requested_date} if requested_date else None
    return api.call(method, "pipelines", api.org, "runs", str(run_id), *action, query=query)


def _show_started(body: JsonObject) -> None:
    say(body["message"])
    say(f"run {body['run_id']}")


def _show_backfill(body: JsonObject) -> None:
    dates = [(date, "run") for date in body["run"]] + [(skip["date"], skip["reason"]) for skip in body["skip"]]
    table(("DATE", ""), [list(each) for each in sorted(dates, reverse=True)])
    say(f"{len(body['run'])} to run, {len(body['skip'])} skipped, {body['remaining']} of them for another day.")


def _show_page(body: JsonObject) -> None:
    table(COLUMNS, [_row(run) for run in body["runs"]])
    if body.get("next_cursor"):
        say(f"There are more: --cursor {body['next_cursor']}")


def _row(run: JsonObject) -> list[object]:
    names = ("run_id", "pipeline", "date", "status", "rows_processed", "duration_seconds", "trigger_type", "created_at")
    return [run[name] for name in names]


def _show_run(run: JsonObject) -> None:
    _show_facts(run)
    if run["steps"]:
        say("")
        table(("STEP", "STATUS", "ROWS", "MS"), [_step(step) for step in run["steps"]])
    for step in run["steps"]:
        for message in step["messages"]:
            say(f"{step['step_name']}: {message['text']}")


def _show_facts(run: JsonObject) -> None:
    facts((name, run.get(name)) for name in FACTS)
    if cost := run["cost_estimate"]:
        facts([("cost_estimate", f"{cost['total']} {cost['currency']}, at list prices of {cost['prices_of']}")])
    if run["error"]:
        facts((name, run["error"][name]) for name in ("code", "message", "hint"))


def _step(step: JsonObject) -> list[object]:
    return [step["step_name"], step["status"], step["rows_processed"], step["duration_ms"]]


def _day(day: datetime | None) -> str | None:
    return day.date().isoformat() if day else None


def _given(fields: JsonObject) -> JsonObject:
    return {name: value for name, value in fields.items() if value is not None}
