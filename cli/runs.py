"""`run`, `backfill`, `runs`, `show`, `cancel`, `retry`."""

import sys
from collections.abc import Callable, Mapping

import click

from cli.completion import complete_pipeline, complete_words
from cli.consent import confirm, yes_option
from cli.days import DAY
from cli.failures import EndedBadly
from cli.http import Answer
from cli.json_object import JsonObject
from cli.pages import after_option, say_more
from cli.pipeline_names import id_of_pipeline, path_of_pipeline
from cli.readable import ago, duration
from cli.run_ids import RUN_ID, RunId, call_run, find_run, shortened
from cli.screen import facts, on_terminal, say, table
from cli.session import Api, asks_api
from cli.watch import follow

FACTS = (
    "run_id", "pipeline_id", "date", "status", "generation", "trigger_type", "triggered_by", "created_at", "started_at",
    "completed_at", "duration_seconds", "rows_processed", "bytes_billed", "pipeline_version",
)  # fmt: skip
COLUMNS = ("RUN", "PIPELINE", "DATE", "STATUS", "ROWS", "TOOK", "BY", "REQUESTED")
LEFT_OUT_FIRST = ("BY", "ROWS", "TOOK", "REQUESTED")  # where a terminal is narrow
STATUSES = ("PENDING", "RUNNING", "SUCCESS", "FAILED", "CANCELLED")
TRIGGERS = ("api", "user", "schedule", "backfill", "retry", "restatement")
PIPELINE: Callable[[Callable[..., object]], Callable[..., object]] = click.argument(
    "pipeline", shell_complete=complete_pipeline
)


def wait_options(command: Callable[..., object]) -> Callable[..., object]:
    """Options `--wait` and `--timeout`."""
    timeout = click.option(
        "--timeout", type=click.FloatRange(min=0), default=3600.0, show_default=True, help="Seconds that --wait waits."
    )
    wait = click.option("--wait", is_flag=True, help="Follow the run until it ends; exit code 1 unless it succeeds.")
    return wait(timeout(command))


@click.command()
@PIPELINE
@click.option(
    "--date", type=DAY, help="The UTC date to load: YYYY-MM-DD, yesterday, 3d (days ago); yesterday, if left out."
)
@click.option("--force", is_flag=True, help="Run it anew although it has succeeded.")
@wait_options
@asks_api
def run(api: Api, pipeline: str, date: str | None, force: bool, wait: bool, timeout: float) -> None:
    """Start a run of PIPELINE: provider/domain/pipeline, such as gcp/cost/billing, or an id such as gcp_billing.

    `cloudact pipelines` lists them; a domain that is empty is left out.
    The same pipeline and date is the same run: asked for again, it answers with that.
    """
    body = {"date": date, "force_refresh": force or None}
    started = api.call("POST", "pipelines", "run", api.org, *path_of_pipeline(api, pipeline), body=_given(body))
    _started(api, started, timeout if wait else None)


@click.command()
@PIPELINE
@click.option(
    "--from",
    "start_date",
    type=DAY,
    required=True,
    help="The first UTC date to load: YYYY-MM-DD, yesterday, 30d (days ago).",
)
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
def backfill(api: Api, pipeline: str, start_date: str, end_date: str, reprocess: str, dry_run: bool) -> None:
    """Load many dates of PIPELINE, named as for `run`: the newest first, as far as the day's quota goes.

    Dates that the quota leaves are listed; the same command goes on with them another day. Dates of which the provider
    can have nothing are skipped: too_old, before_export.
    """
    dates = {"start_date": start_date, "end_date": end_date}
    body = {"pipeline": id_of_pipeline(api, pipeline), "reprocess": reprocess, "dry_run": dry_run, **dates}
    api.screen.answer(api.call("POST", "pipelines", api.org, "backfill", body=body), _show_backfill)


@click.command()
@RUN_ID
@wait_options
@asks_api
def retry(api: Api, run_id: str, wait: bool, timeout: float) -> None:
    """Run a FAILED or CANCELLED run again: its next generation. RUN_ID may be its first characters."""
    _started(api, call_run(api, "POST", find_run(api, run_id), "retry"), timeout if wait else None)


@click.command()
@RUN_ID
@wait_options
@asks_api
def show(api: Api, run_id: str, wait: bool, timeout: float) -> None:
    """Show a run with its steps and messages. RUN_ID may be its first characters."""
    detail = call_run(api, "GET", find_run(api, run_id))
    if wait:
        return _end(api, _follow(api, detail.body, timeout))
    return api.screen.answer(detail, _show_run)


@click.command()
@RUN_ID
@yes_option
@asks_api
def cancel(api: Api, run_id: str, yes: bool) -> None:
    """Cancel a run before its end: it will not load any more. Asks first. RUN_ID may be its first characters."""
    found = find_run(api, run_id)
    confirm(f"Cancel the run {found.text} of {api.org}?", yes=yes)
    api.screen.answer(call_run(api, "POST", found, "cancel"), lambda body: say(body["message"]))


@click.command()
@click.option(
    "--status", shell_complete=complete_words(STATUSES), help="pending, running, success, failed or cancelled."
)
@click.option("--pipeline", shell_complete=complete_pipeline, help="A pipeline, named as for `run`.")
@click.option("--date", type=DAY, help="The UTC date that was loaded: YYYY-MM-DD, yesterday, 3d (days ago).")
@click.option("--start-date", type=DAY, help="The first UTC day of the requests.")
@click.option("--end-date", type=DAY, help="Their last UTC day, inclusive.")
@click.option(
    "--trigger",
    "trigger_type",
    shell_complete=complete_words(TRIGGERS),
    help="Who asked: api, user, schedule, backfill, retry or restatement.",
)
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="How many at most.")
@click.option("--offset", type=click.IntRange(min=0), help="How many to skip.")
@after_option
@asks_api
def runs(
    api: Api,
    /,
    status: str | None,
    pipeline: str | None,
    trigger_type: str | None,
    limit: int,
    **others: str | int | None,
) -> None:
    """List runs, newest first."""
    filters = {
        "status": status and status.upper(),
        "pipeline_id": id_of_pipeline(api, pipeline) if pipeline and "/" in pipeline else pipeline,
        "trigger_type": trigger_type and trigger_type.lower(),
        **others,
    }
    counted = None if api.screen.as_json else "false"  # only the document shows a total
    answer = api.call("GET", "pipelines", api.org, "runs", query={**filters, "limit": limit, "total": counted})
    api.screen.answer(answer, lambda page: _show_page(page, filtered=any(filters.values())))


def _started(api: Api, started: Answer, timeout_s: float | None) -> None:
    """Shows the run, or follows it to its end."""
    if timeout_s is None:
        api.screen.answer(started, _show_started)
        return
    if not api.screen.as_json:
        _show_started(started.body)
    _end(api, _follow(api, started.body, timeout_s))


def _follow(api: Api, run: JsonObject, timeout_s: float) -> Answer:
    def read(headers: Mapping[str, str]) -> Answer:
        return call_run(api, "GET", RunId(run["run_id"], run.get("requested_date")), headers=headers)

    return follow(read, run, timeout_s, as_json=api.screen.as_json)


def _end(api: Api, detail: Answer) -> None:
    api.screen.answer(detail, _show_run if sys.stdout.isatty() else _show_facts)  # lines have told of the steps
    if detail.body["status"] != "SUCCESS":
        raise EndedBadly(f"The run is {detail.body['status']}.")


def _show_started(body: JsonObject) -> None:
    say(body["message"])
    say(f"run {body['run_id']}")


def _show_backfill(body: JsonObject) -> None:
    dates = [(date, "run") for date in body["run"]] + [(skip["date"], skip["reason"]) for skip in body["skip"]]
    if dates:
        table(("DATE", ""), [list(each) for each in sorted(dates, reverse=True)])
    say(f"{len(body['run'])} to run, {len(body['skip'])} skipped, {body['remaining']} of them for another day.")


def _show_page(body: JsonObject, *, filtered: bool) -> None:
    if not body["runs"]:
        say("No runs match." if filtered else "No runs yet. `cloudact pipelines` lists what `cloudact run` starts.")
        return
    ids = [run["run_id"] for run in body["runs"]]
    shown = shortened(ids) if on_terminal() else ids  # a program gets the whole
    rows = [_row(run_id, run) for run_id, run in zip(shown, body["runs"], strict=True)]
    table(COLUMNS, rows, LEFT_OUT_FIRST)
    say_more(body)


def _row(run_id: str, run: JsonObject) -> list[object]:
    return [
        run_id,
        *(run[name] for name in ("pipeline", "date", "status", "rows_processed")),
        duration(run["duration_seconds"]),
        run["trigger_type"],
        ago(run["created_at"]),
    ]


def _show_run(run: JsonObject) -> None:
    _show_facts(run)
    if run["steps"]:
        say("")
        table(("STEP", "STATUS", "ROWS", "TOOK"), [_step(step) for step in run["steps"]])
    for step in run["steps"]:
        for message in step["messages"]:
            say(f"{step['step_name']}: {message['text']}")


def _show_facts(run: JsonObject) -> None:
    cost = run["cost_estimate"]
    estimate = f"{cost['total']} {cost['currency']}, at list prices of {cost['prices_of']}" if cost else None
    facts([*((name, run.get(name)) for name in FACTS), ("cost_estimate", estimate)])
    if run["error"]:
        facts((name, run["error"][name]) for name in ("code", "message", "hint"))


def _step(step: JsonObject) -> list[object]:
    took_ms = step["duration_ms"]
    took = None if took_ms is None else duration(took_ms / 1000)
    return [step["step_name"], step["status"], step["rows_processed"], took]


def _given(fields: JsonObject) -> JsonObject:
    return {name: value for name, value in fields.items() if value is not None}
