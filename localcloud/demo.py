"""The demo: what a client of the service does, over HTTP, and what a person then reads in a terminal."""

import datetime as dt
import textwrap
import time
from typing import Any

import requests

from localcloud.demo_costs import read_costs, report
from localcloud.onboarding import OnboardedOrg
from localcloud.stack import Stack

WITHIN_S = 120.0
FINAL = {"SUCCESS", "FAILED", "CANCELLED"}
WIDTH = 80


def run_demo(stack: Stack) -> bool:
    """Triggers every pipeline of every demo org for yesterday; whether all of them succeeded."""
    session = requests.Session()
    pipelines = session.get(f"{stack.api_url}/api/v1/validator/pipelines", timeout=10).json()["pipelines"]
    started = [
        _trigger(session, stack, org, pipeline) for org in stack.orgs for pipeline in pipelines if pipeline["enabled"]
    ]
    print()
    runs = [_follow(session, stack, org, run) for org, run in started]
    yesterday = dt.date.fromisoformat(runs[0]["date"])
    for org in stack.orgs:
        print(report(org, yesterday, read_costs(stack, org, yesterday)))
    _say_where_to_look(stack, yesterday)
    return bool(runs) and all(run["status"] == "SUCCESS" for run in runs)


def _trigger(
    session: requests.Session, stack: Stack, org: OnboardedOrg, pipeline: dict[str, Any]
) -> tuple[OnboardedOrg, dict[str, Any]]:
    names = [pipeline[name] for name in ("provider", "domain", "pipeline") if pipeline[name]]
    path = f"/api/v1/pipelines/run/{org.org_slug}/{'/'.join(names)}"
    answer = session.post(f"{stack.api_url}{path}", headers={"X-API-Key": org.api_key}, timeout=30)
    print(f"POST {path}\n{_wrapped(f'{answer.status_code} {_said(answer.json())}', '  ')}")
    answer.raise_for_status()
    return org, answer.json()


def _said(answer: dict[str, Any]) -> str:
    return str(answer.get("message") or answer.get("detail"))


def _follow(session: requests.Session, stack: Stack, org: OnboardedOrg, run: dict[str, Any]) -> dict[str, Any]:
    """Polls the detail until the run is final, and prints each status when it changes."""
    seen, deadline = None, time.monotonic() + WITHIN_S
    url = f"{stack.api_url}/api/v1/pipelines/{org.org_slug}/runs/{run['run_id']}"
    while time.monotonic() < deadline:
        answer = session.get(url, headers={"X-API-Key": org.api_key}, timeout=30)
        detail: dict[str, Any] = answer.json() if answer.ok else {"status": None}
        if detail["status"] and detail["status"] != seen:
            seen = detail["status"]
            print(f"{detail['pipeline_id']} {detail['date']}  {seen}")
        if seen in FINAL:
            _print_run(detail)
            return detail
        time.sleep(0.3)
    print(f"{run['pipeline_id']} has not ended within {WITHIN_S:.0f} s")
    return run


def _print_run(detail: dict[str, Any]) -> None:
    """Rows, seconds and steps in a line; of the messages what the comparison says, and what went wrong."""
    steps = ", ".join(
        f"{step['step_name']} {step['rows_processed'] or step['status'].lower()}" for step in detail["steps"]
    )
    rows = f"{detail['rows_processed']} rows in {detail['duration_seconds']} s"
    print(_wrapped(f"{rows}: {steps}", "  "))
    for step in detail["steps"]:
        for message in step["messages"]:
            if step["step_name"] == "reconcile" or message["level"] == "WARNING":
                print(_wrapped(message["text"], "  "))
    if detail["error"]:
        error = detail["error"]
        print(_wrapped(f"{error['code']}: {error['message']} {error['hint']}", "  "))


def _say_where_to_look(stack: Stack, month: dt.date) -> None:
    """A line is what is typed, under it what one sees."""
    org = stack.orgs[0].org_slug
    print(f"""
Where to look next, while `make up` keeps the local cloud running:

  {stack.api_url}/console
    all of it in a browser: one click signs in the demo owner

  export CLOUDACT_CONFIG=.local/stack.json
  bin/cloudact costs --by provider --since 30d --org {org}
    what it pays, by the API
  bin/cloudact unit-costs --since 30d --org {org}
    what a million tokens costs, by model
  bin/cloudact budgets --org {org}
    what it wants to spend this month, and will; `runway` has what it paid ahead
  bin/cloudact runs --org {org}
    its runs, newest first; `bin/cloudact show RUN --org {org}` has one
  .venv/bin/python -m focus check --project {stack.project} \\
    --bigquery $(jq -r .bigquery_url .local/stack.json) \\
    --org {org} --month {month:%Y-%m}
    the rules of FOCUS, over the costs of a month

  README.md, "Use it": an org of your own; docs/local-cloud.md: costs by SQL""")


def _wrapped(text: str, indent: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent + "  ", break_on_hyphens=False)
