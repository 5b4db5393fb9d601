"""The demo: what a client of the service does, over HTTP, and what the analyst then finds in BigQuery."""

import time
from typing import Any

import requests
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud.bigquery import Client, QueryJobConfig, ScalarQueryParameter

from localcloud.onboarding import OnboardedOrg
from localcloud.stack import Stack

WITHIN_S = 120.0
FINAL = {"SUCCESS", "FAILED", "CANCELLED"}
COSTS = {
    "provider": """
SELECT ProviderName AS what, BillingCurrency AS currency, SUM(BilledCost) AS cost
FROM `{dataset}.focus_costs` WHERE x_UsageDate = @date GROUP BY what, currency ORDER BY cost DESC
""",
    "model": """
SELECT
  CONCAT(ProviderName, ' ', IFNULL(x_Model, '(no model)')) AS what, BillingCurrency AS currency, SUM(BilledCost) AS cost
FROM `{dataset}.focus_costs` WHERE x_UsageDate = @date AND x_Provider != 'gcp'
GROUP BY what, currency ORDER BY cost DESC
""",
    "project or workspace": """
SELECT
  CONCAT(ProviderName, ' ', IFNULL(SubAccountName, '(none)')) AS what,
  BillingCurrency AS currency,
  SUM(BilledCost) AS cost
FROM `{dataset}.focus_costs` WHERE x_UsageDate = @date GROUP BY what, currency ORDER BY cost DESC
""",
}


def run_demo(stack: Stack) -> bool:
    """Triggers every pipeline of every demo org for yesterday; whether all of them succeeded."""
    session = requests.Session()
    pipelines = session.get(f"{stack.api_url}/api/v1/validator/pipelines", timeout=10).json()["pipelines"]
    started = [
        _trigger(session, stack, org, pipeline) for org in stack.orgs for pipeline in pipelines if pipeline["enabled"]
    ]
    runs = [_follow(session, stack, org, run) for org, run in started]
    for org in stack.orgs:
        _print_costs(stack, org, runs[0]["date"])
    return bool(runs) and all(run["status"] == "SUCCESS" for run in runs)


def _trigger(
    session: requests.Session, stack: Stack, org: OnboardedOrg, pipeline: dict[str, Any]
) -> tuple[OnboardedOrg, dict[str, Any]]:
    path = f"/api/v1/pipelines/run/{org.org_slug}/{pipeline['provider']}/{pipeline['domain']}/{pipeline['pipeline']}"
    answer = session.post(f"{stack.api_url}{path}", headers={"X-API-Key": org.api_key}, timeout=30)
    print(f"POST {path}\n  {answer.status_code} {answer.json().get('message') or answer.json().get('detail')}")
    answer.raise_for_status()
    return org, answer.json()


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
    print(f"  {detail['rows_processed']} rows in {detail['duration_seconds']} s, {detail['bytes_billed']} bytes billed")
    for step in detail["steps"]:
        print(f"    {step['step_name']:<10} {step['status']:<8} {step['rows_processed'] or ''}")
        for message in step["messages"]:
            print(f"      {message['text']}")
    if detail["error"]:
        print(f"  {detail['error']['code']}: {detail['error']['message']} {detail['error']['hint']}")


def _print_costs(stack: Stack, org: OnboardedOrg, day: str) -> None:
    """What the day cost, from the one view over all providers."""
    options = ClientOptions(api_endpoint=stack.bigquery_url)
    client = Client(project=stack.project, credentials=AnonymousCredentials(), client_options=options)
    config = QueryJobConfig(query_parameters=[ScalarQueryParameter("date", "DATE", day)])
    for group, sql in COSTS.items():
        rows = list(client.query_and_wait(sql.format(dataset=org.org_slug), job_config=config))
        print(f"\n{org.org_slug}: cost of {day} by {group}")
        for row in rows:
            print(f"  {row.what:<40.40} {row.cost:>22f} {row.currency}")
