"""From HTTP to BigQuery: trigger, queue, container, ledger, table; and the real bq reads the same."""

import json
import os
import subprocess
import sys
from concurrent.futures import wait
from pathlib import Path
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient

from cloudact import clients
from localcloud.onboarding import OnboardedOrg
from tests.conftest import FIXTURE_DAY, NOON, Local, NewOrgs, org_with_its_own_queue
from tests.real_bq import needs_bq, rows_by_bq

WITHIN_S = 60.0


def trigger(api: FlaskClient, org: OnboardedOrg) -> dict[str, Any]:
    path = f"/api/v1/pipelines/run/{org.org_slug}/gcp/cost/billing"
    answer = api.post(path, headers={"X-API-Key": org.api_key}, json={"date": FIXTURE_DAY.isoformat()})
    assert answer.status_code == 202
    run: dict[str, Any] = answer.get_json()
    return run


def detail(api: FlaskClient, org: OnboardedOrg, run: dict[str, Any]) -> dict[str, Any]:
    path = f"/api/v1/pipelines/{org.org_slug}/runs/{run['run_id']}"
    answer: dict[str, Any] = api.get(path, headers={"X-API-Key": org.api_key}).get_json()
    return answer


def deliver(local: Local) -> None:
    """Lets the three seconds pass, the queue fire, and the containers that it starts end."""
    local.clock.advance(seconds=3)
    wait(local.google.dispatcher.dispatch_due(), timeout=WITHIN_S)
    assert local.google.region.wait_idle(WITHIN_S)


@pytest.fixture
def org(local: Local, new_org: NewOrgs) -> OnboardedOrg:
    return org_with_its_own_queue(local, new_org)


def test_a_run_from_http_to_bigquery(api: FlaskClient, local: Local, org: OnboardedOrg) -> None:
    """PENDING until the queue fires, then a container of its own brings it to SUCCESS, and the rows are there."""
    run = trigger(api, org)
    assert detail(api, org, run)["status"] == "PENDING"
    deliver(local)
    done = detail(api, org, run)
    assert (done["status"], [step["status"] for step in done["steps"]]) == ("SUCCESS", ["SUCCESS"] * 3)
    rows = local.query(f"SELECT COUNT(*) AS n FROM {org.org_slug}.gcp_billing_daily_raw")
    assert rows == [{"n": done["rows_processed"]}]
    assert done["rows_processed"] > 0


def test_a_task_delivered_twice(api: FlaskClient, local: Local, org: OnboardedOrg) -> None:
    """jobs.run called twice for one task gives two executions and one effect."""
    run = trigger(api, org)
    body = {"overrides": {"containerOverrides": [{"env": [{"name": "CLOUDACT_RUN", "value": message(local, org)}]}]}}
    for _ in range(2):
        again = requests.post(
            local.settings.job_run_url, json=body, headers={"Authorization": "Bearer ya29.local"}, timeout=10
        )
        assert again.status_code == 200
    deliver(local)
    assert detail(api, org, run)["status"] == "SUCCESS"
    events = local.query(
        f"SELECT execution, status FROM organizations.pipeline_run_events WHERE run_id = '{run['run_id']}'"
    )
    assert len({event["execution"] for event in events if event["execution"]}) == 1
    assert sorted(event["status"] for event in events) == ["PENDING", "RUNNING", "SUCCESS"]


def message(local: Local, org: OnboardedOrg) -> str:
    """What the queue carries for this org."""
    request = {"parent": local.settings.queue_path, "response_view": "FULL"}
    task = next(t for t in clients.tasks(local.settings).list_tasks(request=request) if org.org_slug in t.name)
    overrides = json.loads(task.http_request.body)["overrides"]["containerOverrides"]
    return str(overrides[0]["env"][0]["value"])


def test_a_wrong_message_is_seen(local: Local) -> None:
    """A message that holds no run ends with exit code 2 and says what is wrong.

    The local cloud's jobs are those of the image, in which pyarrow finds no numpy.
    """
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": ".", "CLOUDACT_RUN": '{"org_slug": "x"}'}
    command = [sys.executable, "-X", "importtime", "-m", "localcloud.job"]
    done = subprocess.run(command, env=env | local.settings.to_env(), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "CLOUDACT_RUN does not hold a run" in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert ("pyarrow.lib" in imported, "numpy" in imported) == (True, False)


@needs_bq
def test_the_real_bq_reads_tables_and_views(api: FlaskClient, local: Local, org: OnboardedOrg, tmp_path: Path) -> None:
    """Google's own bq reads the loaded rows and the ledger's views from the local BigQuery."""
    run = trigger(api, org)
    deliver(local)
    assert detail(api, org, run)["status"] == "SUCCESS"
    sql = (
        "SELECT r.status, COUNT(*) AS n FROM organizations.pipeline_runs r "
        f"JOIN {org.org_slug}.gcp_billing_daily_raw c ON c.run_id = r.run_id "
        f"WHERE r.requested_date = '{NOON.date()}' GROUP BY r.status"
    )
    rows = int(detail(api, org, run)["rows_processed"])
    assert rows_by_bq(local.settings, tmp_path, sql) == [{"status": "SUCCESS", "n": str(rows)}]
