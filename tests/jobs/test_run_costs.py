"""What a run has cost in its record: of one try, of several, and of one that was given up."""

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from cloudact.runs.run import MESSAGE_VARIABLE, Run
from cloudact.settings import ROOT
from localcloud.onboarding import OnboardedOrg
from localcloud.processes import free_port
from tests.conftest import Local, NewOrgs, billing_run, load_fixture_export
from tests.jobs.conftest import RunJob, whole_detail

MIB = 2**20


def shown(api: FlaskClient, org: OnboardedOrg, run: Run) -> dict[str, Any]:
    path = f"/api/v1/pipelines/{org.org_slug}/runs/{run.run_id}"
    answer: dict[str, Any] = api.get(path, headers={"X-API-Key": org.api_key}).get_json()
    return answer


@pytest.fixture(scope="module")
def priced(shared_local: Local, orgs: NewOrgs, run_job: RunJob) -> OnboardedOrg:
    """An org with a run that has ended; no test changes it."""
    org = orgs()
    load_fixture_export(shared_local, org)
    run_job(billing_run(org), job_cpu=Decimal(2), job_memory_gib=Decimal(4))
    return org


def test_a_run_tells_what_it_cost(api: FlaskClient, priced: OnboardedOrg) -> None:
    """Seconds and bytes of its container, priced by the deployment; the customer's bytes are another field."""
    answer = shown(api, priced, billing_run(priced))
    cost = answer["cost_estimate"]
    vcpu, gib = Decimal(cost["vcpu_seconds"]), Decimal(cost["memory_gib_seconds"])
    assert 0 < vcpu < 120
    assert gib == 2 * vcpu
    assert Decimal(cost["compute"]) == vcpu * Decimal("0.000018") + gib * Decimal("0.000002")
    assert cost["bytes_billed"] >= 10 * MIB
    assert cost["bytes_billed"] % MIB == 0
    assert abs(Decimal(cost["bigquery"]) - cost["bytes_billed"] * Decimal("6.25") / 2**40) < Decimal("1e-9")
    assert Decimal(cost["total"]) == Decimal(cost["compute"]) + Decimal(cost["bigquery"])
    assert (cost["currency"], cost["prices_of"]) == ("USD", "2026-11-27")
    assert answer["bytes_billed"] >= 10 * MIB


def test_tries_add_up(local: Local, api: FlaskClient, new_org: NewOrgs, run_job: RunJob) -> None:
    """A try that failed has told its cost; the next one adds its own to it, and the end has the sum."""
    org = new_org()
    load_fixture_export(local, org)
    run = billing_run(org)
    assert run_job(run, last=False, kms_endpoint=f"http://127.0.0.1:{free_port()}") == 1
    first = shown(api, org, run)
    assert first["status"] == "RUNNING"
    assert run_job(run, attempt=1) == 0
    both = shown(api, org, run)
    assert both["status"] == "SUCCESS"
    for name in ("vcpu_seconds", "bytes_billed", "total"):
        assert Decimal(both["cost_estimate"][name]) > Decimal(first["cost_estimate"][name]) > 0


def test_a_final_run_never_changes(local: Local, priced: OnboardedOrg, run_job: RunJob) -> None:
    """What is told after the end, by a container that comes late, changes no cost."""
    before = whole_detail(local, billing_run(priced))
    run_job(billing_run(priced), attempt=1)
    assert whole_detail(local, billing_run(priced)) == before


def test_a_run_that_waits_has_cost_nothing_yet(api: FlaskClient, new_org: NewOrgs) -> None:
    """Nobody has told, so nothing is said: null is not zero."""
    org = new_org()
    path = f"/api/v1/pipelines/run/{org.org_slug}/gcp/cost/billing"
    run_id = api.post(path, headers={"X-API-Key": org.api_key}).get_json()["run_id"]
    listed = api.get(f"/api/v1/pipelines/{org.org_slug}/runs", headers={"X-API-Key": org.api_key}).get_json()["runs"]
    assert [(run["run_id"], run["cost_estimate"]) for run in listed] == [(run_id, None)]


def test_every_line_of_a_container(local: Local, new_org: NewOrgs, tmp_path: Path) -> None:
    """Each line that a container writes says whose run, which execution and which try it is of, and holds no secret.

    Every line is written before its process ends, and no file is left behind.
    """
    org = new_org()
    load_fixture_export(local, org)
    run = billing_run(org)
    env = local.settings.to_env() | {MESSAGE_VARIABLE: run.model_dump_json()}
    env |= {"CLOUD_RUN_EXECUTION": "runner-xyz", "CLOUD_RUN_TASK_ATTEMPT": "0", "CLOUD_RUN_TASK_INDEX": "0"}
    env |= {"TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "jobs.main"], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["event"] for line in lines if "event" in line] == ["run_ended"]
    assert (lines[-1]["message"], list(tmp_path.iterdir())) == ("exit code 0", [])
    for line in lines:
        told = (line["run_id"], line["org_slug"], line["pipeline"], line["execution"], line["attempt"])
        assert told == (run.run_id, org.org_slug, "gcp_billing", "runner-xyz", 0)
    assert org.credentials["GCP_SA"]["private_key"][30:60] not in done.stdout + done.stderr
