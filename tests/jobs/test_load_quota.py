"""The day's load jobs are used up: the run ends at once, keeps what was there, and the daily call takes it up again."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from cloudact.errors import Postponed
from cloudact.runs.result import HalfLoad
from cloudact.runs.run import Run, TriggerType
from functions.composition import compose
from functions.routes import public_app
from localcloud.onboarding import OnboardedOrg
from tests.conftest import Local, NewOrgs, billing_run, load_fixture_export
from tests.jobs.conftest import RunJob, detail, table
from tests.jobs.test_usage_cost_run import llm_run

REFUSED = {
    "method": "POST", "path_regex": "/upload/", "status": 403, "reason": "quotaExceeded", "times": 9,
    "message": "Quota exceeded: Your project exceeded quota for imports per project.",
}  # fmt: skip


@pytest.fixture(autouse=True)
def enough_afterwards(local: Local) -> Iterator[None]:
    yield
    for path in ("/local/load-quota", "/local/faults"):
        requests.delete(f"{local.settings.bigquery_endpoint}{path}", timeout=5).raise_for_status()


def load_jobs_left(local: Local, left: int) -> None:
    url = f"{local.settings.bigquery_endpoint}/local/load-quota"
    requests.put(url, json={"left": left}, timeout=5).raise_for_status()


def refuse_loads(local: Local) -> None:
    requests.post(f"{local.settings.bigquery_endpoint}/local/faults", json=REFUSED, timeout=5).raise_for_status()


@pytest.fixture
def org(local: Local, new_org: NewOrgs) -> OnboardedOrg:
    org = new_org()
    load_fixture_export(local, org)
    return org


def test_the_run_ends_at_once(
    local: Local, org: OnboardedOrg, run_job: RunJob, caplog: pytest.LogCaptureFixture
) -> None:
    """FAILED with a code of its own after one load job, though tries are left; the next generation loads the day.

    So it is whether the job fails or the call is refused.
    """
    assert run_job(billing_run(org)) == 0
    for generation, how in ((2, "the job fails"), (4, "the call is refused")):
        caplog.clear()
        before, again = table(local, org), billing_run(org, generation=generation, force_refresh=True)
        load_jobs_left(local, 0) if how == "the job fails" else refuse_loads(local)
        assert run_job(again, last=False) == 0, how
        told = detail(local, again)
        assert (told["status"], told["error_code"]) == ("FAILED", "load_quota_exceeded"), how
        assert told["error_retryable"], how
        assert table(local, org) == before, how
        jobs = [local.warehouse.job(f"load_{again.run_id}_{number}") for number in range(3)]
        kinds = [job.job_type for job in jobs if job]
        assert kinds == (["load", "query"] if how == "the job fails" else ["query"])
        assert [record for record in caplog.records if heard_of(record)], how
        enough = billing_run(org, generation=generation + 1, force_refresh=True)
        load_jobs_left(local, 1)
        requests.delete(f"{local.settings.bigquery_endpoint}/local/faults", timeout=5)
        assert run_job(enough) == 0, how
        assert detail(local, enough)["status"] == "SUCCESS", how
        assert {row["run_id"] for row in table(local, org)} == {enough.run_id}, how


def heard_of(record: object) -> bool:
    """Whether an org was told that a run has failed."""
    return getattr(record, "fields", {}).get("event") == "run_failed"


@pytest.mark.parametrize("trigger_type", [TriggerType.SCHEDULE, TriggerType.RESTATEMENT])
def test_nobody_is_woken_for_what_is_repeated(
    local: Local, org: OnboardedOrg, run_job: RunJob, trigger_type: TriggerType, caplog: pytest.LogCaptureFixture
) -> None:
    """Of the service's own run an org hears nothing: the next daily call repeats it."""
    load_jobs_left(local, 0)
    run = billing_run(org, trigger_type=trigger_type)
    assert run_job(run) == 0
    assert detail(local, run)["error_code"] == "load_quota_exceeded"
    assert not [record for record in caplog.records if heard_of(record)]


def test_half_of_the_tables(local: Local, org: OnboardedOrg, run_job: RunJob) -> None:
    """Where the quota ends between two tables the run says which one it has replaced."""
    run: Run = llm_run(org, "openai")
    load_jobs_left(local, 1)
    assert run_job(run, last=False) == 0
    told = detail(local, run)
    assert told["error_code"] == "load_quota_exceeded"
    assert told["error_message"].endswith("It had replaced the day before in openai_usage_daily_raw.")
    assert HalfLoad.model_validate_json(told["result"]).replaced == ("openai_usage_daily_raw",)
    shown = shown_to(local, org, run)
    assert (shown["result"], shown["half_loaded"]) == (None, {"replaced": ["openai_usage_daily_raw"]})
    sql = f"SELECT half_loaded FROM organizations.pipeline_runs WHERE run_id = '{run.run_id}'"
    assert local.query(sql) == [{"half_loaded": True}]


def shown_to(local: Local, org: OnboardedOrg, run: Run) -> Any:
    """The run's detail as its org reads it."""
    api = public_app(compose(local.settings, local.clock)).test_client()
    path = f"/api/v1/pipelines/{org.org_slug}/runs/{run.run_id}"
    return api.get(path, headers={"X-API-Key": org.api_key}).get_json()


def test_a_quota_of_queries(local: Local) -> None:
    """A query above a custom quota is passing trouble, which no waiting container repeats."""
    fault = {"path_regex": "/queries", "status": 403, "reason": "quotaExceeded"}
    requests.post(f"{local.settings.bigquery_endpoint}/local/faults", json=fault, timeout=5).raise_for_status()
    with pytest.raises(Postponed, match="A quota of BigQuery is used up") as raised:
        local.warehouse.rows("ready")
    assert raised.value.code == "bigquery_quota_exceeded"
