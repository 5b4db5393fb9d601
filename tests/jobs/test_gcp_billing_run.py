"""A whole run of gcp_billing on the local cloud: what it loads, what it tells, and how it fails."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
import requests

from cloudact import clients
from cloudact.orgs.vault import Vault
from cloudact.pipelines.config import Step
from cloudact.runs.run import Run
from jobs.attempt import work
from jobs.claim import claim
from jobs.composition import compose
from jobs.container import Execution
from jobs.day_load import Loaded
from jobs.progress import StepProgress
from localcloud.google_apis.rest.faults import Fault
from localcloud.onboarding import OnboardedOrg
from localcloud.processes import free_port
from tests.conftest import FIXTURE_DAY, Local, NewOrgs, billing_run, fixture, load_fixture_export, load_rows
from tests.fault_proxy import Doorman
from tests.jobs.billing.exact_totals import day_groups, groups_of
from tests.jobs.conftest import AFTERWARDS, RunJob, detail, table, whole_detail

SOURCES = {
    "v1": "gcp_billing_export_v1_012345_6789AB_CDEF01",
    "resource_v1": "gcp_billing_export_resource_v1_012345_6789AB_CDEF01",
}


@pytest.fixture(scope="module")
def loaded(shared_local: Local, orgs: NewOrgs, run_job: RunJob) -> OnboardedOrg:
    """An org whose run has loaded the fixture's day; tests only read it."""
    org = orgs()
    load_fixture_export(shared_local, org)
    assert run_job(billing_run(org), execution="runner-1") == 0
    return org


def test_loaded_totals_are_exact(local: Local, loaded: OnboardedOrg) -> None:
    """Every group of the day equals an independent Decimal computation to the last digit."""
    source = fixture("gcp_billing_export_v1.rows.json")
    assert groups_of(table(local, loaded)) == day_groups(source, FIXTURE_DAY, AFTERWARDS)


def test_totals_of_a_detailed_export_are_exact(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """And so does every group of the detailed export."""
    org = new_org(source={"source_table": SOURCES["resource_v1"]})
    source = load_fixture_export(local, org, "resource_v1")
    assert run_job(billing_run(org)) == 0
    assert groups_of(table(local, org)) == day_groups(source, FIXTURE_DAY, AFTERWARDS)


class LoadsNothing:
    """A processor whose steps all go well, and which forgets to load."""

    bytes_billed = 0
    loaded: Loaded | None = None

    def run(self, step: Step, progress: StepProgress) -> int | None:  # noqa: ARG002 - the engine's protocol
        return 7

    def close(self) -> None:
        """Nothing is left."""


def test_a_run_that_loaded_nothing_is_no_success(local: Local, new_org: NewOrgs) -> None:
    """Steps that end without a load end the run as FAILED: nobody takes an empty day for a day without costs."""
    run = billing_run(new_org())
    job = replace(compose(local.settings, lambda: AFTERWARDS), processor=lambda *_: LoadsNothing())
    assert work(job, run, Execution("runner-abc", 0, 0, last_attempt=True)) == 0
    told = detail(local, run)
    assert (told["status"], told["error_code"], told["rows_processed"]) == ("FAILED", "nothing_loaded", None)


def test_a_run_tells_its_story(local: Local, loaded: OnboardedOrg) -> None:
    """The ledger holds status, times, rows and bytes, and each step with what came out of it."""
    told = detail(local, billing_run(loaded))
    rows = len(table(local, loaded))
    assert (told["status"], told["rows_processed"], told["started_at"]) == ("SUCCESS", rows, AFTERWARDS)
    assert told["bytes_billed"] >= 10 * 2**20
    assert [(step["step_name"], step["status"], step["rows_processed"]) for step in told["steps"]] == [
        ("extract", "SUCCESS", None),
        ("transform", "SUCCESS", rows),
        ("load", "SUCCESS", rows),
    ]
    assert "Reading the standard export" in told["steps"][0]["messages"][0]["text"]
    assert (
        told["steps"][2]["messages"][0]["text"] == "Pages with rows, by the column and row by row: the export 1 and 0."
    )


def test_rows_carry_org_run_and_first_start(local: Local, loaded: OnboardedOrg) -> None:
    """Each row says whose it is, which run wrote it, and when that run first started."""
    carried = {(row["org_slug"], row["run_id"], row["ingested_at"]) for row in table(local, loaded)}
    assert carried == {(loaded.org_slug, billing_run(loaded).run_id, AFTERWARDS)}


def test_a_second_container_does_nothing(local: Local, loaded: OnboardedOrg, run_job: RunJob) -> None:
    """Of two executions of one run the second exits 0 and touches nothing, not even the story."""
    run = billing_run(loaded)
    before = table(local, loaded), whole_detail(local, run)
    assert run_job(run, execution="runner-2") == 0
    assert (table(local, loaded), whole_detail(local, run)) == before


def test_a_claimed_run_is_left_alone(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """A run that another execution has claimed and not finished is not worked on."""
    org = new_org()
    load_fixture_export(local, org)
    run = billing_run(org)
    claim(local.warehouse, run, Execution("runner-1", 0, 0, last_attempt=True), AFTERWARDS)
    assert run_job(run, execution="runner-2") == 0
    assert (table(local, org), local.ledger.status(run)) == ([], None)


def test_the_next_generation_replaces_the_day_and_no_other(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """A later generation sees late rows and replaces its own date's partition only."""
    org = new_org()
    rows = load_fixture_export(local, org)
    earlier = [
        row | {"usage_start_time": "2026-11-09 05:00:00 UTC", "_partition_date": "2026-11-09"} for row in rows[:2]
    ]
    load_rows(local, org, earlier)
    run_job(billing_run(org))
    run_job(billing_run(org, date(2026, 11, 9)))
    load_rows(local, org, [rows[0] | {"cost": 7.0, "export_time": "2026-11-12 01:00:00 UTC"}])
    run_job(billing_run(org, generation=2))
    by_day = {day: [r for r in table(local, org) if r["usage_date"] == day] for day in (FIXTURE_DAY, date(2026, 11, 9))}
    assert {r["run_id"] for r in by_day[FIXTURE_DAY]} == {billing_run(org, generation=2).run_id}
    assert {r["run_id"] for r in by_day[date(2026, 11, 9)]} == {billing_run(org, date(2026, 11, 9)).run_id}
    assert sum(r["source_row_count"] for r in by_day[date(2026, 11, 9)]) == 2


def test_a_day_without_rows(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """No rows is SUCCESS with 0 rows, a reason among the messages, and an empty partition."""
    org = new_org()
    load_fixture_export(local, org)
    empty = date(2026, 11, 2)
    run = billing_run(org, empty)
    assert run_job(run) == 0
    told = detail(local, run)
    assert (told["status"], told["rows_processed"]) == ("SUCCESS", 0)
    assert told["steps"][2]["messages"][0]["text"].startswith("No billing rows for this date.")
    assert table(local, org) == []


def test_a_day_that_became_empty_is_emptied(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """When all of a day's rows are of a project now inactive, the partition is emptied, and the count is told."""
    org = new_org()
    load_fixture_export(local, org)
    run_job(billing_run(org))
    assert table(local, org)
    change_integration(local, org, settings={"inactive_projects": ["acme-prod", "acme-dev", "acme-staging"]})
    run = billing_run(org, generation=2)
    run_job(run)
    left = table(local, org)
    assert all(row["project_id"] is None for row in left)
    messages = [m["text"] for step in detail(local, run)["steps"] for m in step["messages"]]
    assert any("export rows of 3 inactive projects were left out." in text for text in messages)


def change_integration(local: Local, org: OnboardedOrg, **changes: Any) -> None:
    """Sets the org's integration up anew: a newer row; `settings` are added to the old."""
    row = local.query(f"SELECT * FROM organizations.org_integrations WHERE org_slug = '{org.org_slug}'")[0]
    changed = {k: v.isoformat() if hasattr(v, "isoformat") else v for k, v in row.items()}
    settings = json.dumps(json.loads(row["settings"]) | changes.pop("settings", {}))
    changed |= {"settings": settings, "updated_at": "2099-01-01T00:00:00Z"} | changes
    local.warehouse.append("org_integrations", [changed], [f"{org.org_slug}/changed"])


def failure(local: Local, run: Run) -> tuple[str, str, bool]:
    told = detail(local, run)
    assert told["status"] == "FAILED"
    assert told["error_message"]
    assert told["error_hint"]
    return told["error_code"], told["error_message"], told["error_retryable"]


def test_a_missing_export(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """A missing dataset or table ends FAILED at once and is named."""
    org = new_org()
    assert run_job(billing_run(org), last=False) == 0
    code, message, retryable = failure(local, billing_run(org))
    assert (code, retryable) == ("source_not_found", False)
    assert "billing_export" in message


def test_the_export_is_found_by_its_family(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """Where the settings name no exact table, the only one of the family is taken, and two are an error."""
    org = new_org(source={"source_table": "gcp_billing_export"})
    load_fixture_export(local, org)
    assert run_job(billing_run(org)) == 0
    assert table(local, org)
    load_fixture_export(local, org, "resource_v1")
    run_job(billing_run(org, generation=2))
    assert "could be any of" in failure(local, billing_run(org, generation=2))[1]


def test_a_table_that_is_no_export(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """A table that lacks the export's columns is refused by naming them."""
    org = new_org(source={"source_table": "other"})
    project = org.credentials["GCP_SA"]["project_id"]
    customer = clients.bigquery(local.settings.model_copy(update={"project": project}))
    customer.create_dataset("billing_export", exists_ok=True)
    customer.query("CREATE TABLE billing_export.other (cost FLOAT64)").result()
    run_job(billing_run(org))
    code, message, _ = failure(local, billing_run(org))
    assert code == "source_unusable"
    assert "usage_start_time" in message


def test_a_missing_permission(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """Without bigquery.jobs.create the run is FAILED with Google's sentence and the roles to grant."""
    org = new_org()
    load_fixture_export(local, org)
    project = org.credentials["GCP_SA"]["project_id"]
    deny = {"project": project, "permission": "bigquery.jobs.create"}
    requests.post(f"{local.settings.bigquery_endpoint}/local/deny", json=deny, timeout=5).raise_for_status()
    run_job(billing_run(org))
    code, message, retryable = failure(local, billing_run(org))
    assert (code, retryable) == ("permission_denied", False)
    assert "bigquery.jobs.create" in message
    assert "BigQuery Job User" in detail(local, billing_run(org))["error_hint"]


def test_a_deleted_key(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """A key that Google no longer accepts ends FAILED, and the integration becomes INVALID."""
    org = new_org()
    email = {"email": org.credentials["GCP_SA"]["client_email"]}
    requests.delete(f"{local.settings.run_endpoint}/local/service_accounts", json=email, timeout=5).raise_for_status()
    run_job(billing_run(org))
    assert failure(local, billing_run(org))[0] == "credential_rejected"
    sql = "SELECT status, last_error FROM organizations.org_integrations WHERE org_slug = '{}' ORDER BY updated_at DESC"
    newest = local.query(sql.format(org.org_slug))[0]
    assert newest["status"] == "INVALID"
    assert newest["last_error"].startswith("Google does not accept the service account key")


def test_a_stolen_ciphertext(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """A credential encrypted for another org does not decrypt here."""
    org, other = new_org(), new_org()
    sql = f"SELECT ciphertext FROM organizations.org_integrations WHERE org_slug = '{other.org_slug}'"
    stolen = local.query(sql)[0]["ciphertext"]
    change_integration(local, org, ciphertext=stolen)
    run_job(billing_run(org))
    assert failure(local, billing_run(org))[0] == "credential_unreadable"


def test_a_broken_private_key(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """A key whose private part cannot be read ends FAILED at once, marks the integration, and shows nothing of it."""
    org = new_org()
    key = org.credentials["GCP_SA"] | {"private_key": "-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----"}
    vault = Vault(clients.kms(local.settings), local.settings.kms_key)
    change_integration(local, org, ciphertext=vault.encrypt(org.org_slug, "GCP_SA", json.dumps(key).encode()))
    assert run_job(billing_run(org), last=False) == 0
    code, message, _ = failure(local, billing_run(org))
    assert (code, "secret" in message) == ("credential_invalid", False)


@pytest.mark.parametrize(("status", "code"), [(429, "cloud_kms_unavailable"), (403, "misconfigured")])
def test_trouble_with_our_key_is_not_the_customer_s(
    local: Local, new_org: NewOrgs, run_job: RunJob, status: int, code: str
) -> None:
    """KMS being overloaded or refusing us is never told as a credential to set up again."""
    org = new_org()
    local.google.faults.add(Fault(api="kms", method="Decrypt", kind="error", status=status, times=10))
    run_job(billing_run(org))
    local.google.faults.clear()
    assert failure(local, billing_run(org))[0] == code


def test_a_day_does_not_shrink_by_itself(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """A result under half of 100 or more rows is refused and the day kept, unless the run is forced."""
    org = new_org(source={"source_table": SOURCES["resource_v1"]})
    rows = load_fixture_export(local, org, "resource_v1")
    many = [rows[0] | {"resource": {"name": f"disk-{n}", "global_name": None}} for n in range(120)]
    load_rows(local, org, many, "resource_v1")
    run_job(billing_run(org))
    before = table(local, org)
    change_integration(local, org, settings={"inactive_projects": ["acme-prod"]})
    run_job(billing_run(org, generation=2))
    assert failure(local, billing_run(org, generation=2))[0] == "result_shrunk"
    assert table(local, org) == before
    run_job(billing_run(org, generation=3, force_refresh=True))
    assert len(table(local, org)) < len(before) / 2


def test_a_query_that_would_cost_too_much(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """A query beyond maximum_bytes_billed is not run, and says so."""
    org = new_org()
    load_fixture_export(local, org)
    run_job(billing_run(org), max_bytes_billed=1024)
    assert failure(local, billing_run(org))[0] == "query_too_large"


def test_passing_trouble_is_tried_again(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """A failure that may pass leaves the run RUNNING and asks for another try; the next try brings it home."""
    org = new_org()
    load_fixture_export(local, org)
    run = billing_run(org)
    nobody = f"http://127.0.0.1:{free_port()}"
    assert run_job(run, last=False, kms_endpoint=nobody) == 1
    assert local.ledger.status(run) == "RUNNING"
    assert run_job(run, attempt=1) == 0
    assert local.ledger.status(run) == "SUCCESS"


def test_the_last_try_ends_the_run(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """At the last try passing trouble is FAILED, never left RUNNING, and is told to be worth trying again."""
    org = new_org()
    nobody = f"http://127.0.0.1:{free_port()}"
    assert run_job(billing_run(org), kms_endpoint=nobody) == 0
    assert failure(local, billing_run(org))[::2] == ("cloud_kms_unavailable", True)


def test_net_cost_is_cost_and_credits(local: Local, loaded: OnboardedOrg) -> None:
    """What is paid is the cost plus the (negative) credits, each credit counted once."""
    rows = table(local, loaded)
    assert sum((row["credits"] for row in rows), Decimal()) < 0
    assert all(row["net_cost"] == row["cost"] + row["credits"] for row in rows)


def passing_trouble(local: Local, project: str, path: str) -> None:
    """BigQuery answers the next request of the project to that path with an error that passes."""
    fault = {"path_regex": f"/projects/{project}/{path}$", "status": 400, "reason": "jobInternalError"}
    requests.post(f"{local.settings.bigquery_endpoint}/local/faults", json=fault, timeout=5).raise_for_status()


def test_a_load_step_is_repeated(
    local: Local, new_org: NewOrgs, loaded: OnboardedOrg, run_job: RunJob, doorman: Doorman
) -> None:
    """Trouble after the rows were fetched: they are fetched again from the same query, which is not paid for twice."""
    org = new_org()
    load_fixture_export(local, org)
    project = org.credentials["GCP_SA"]["project_id"]
    asked = f"GET /bigquery/v2/projects/{project}/queries"
    trouble = partial(passing_trouble, local, local.settings.project, "queries")
    doorman.at_first(asked, "after", lambda: doorman.at_first(asked, "after", trouble))
    run_job(billing_run(org), bigquery_endpoint=doorman.url)
    assert sum(line == f"POST /bigquery/v2/projects/{project}/jobs" for line in doorman.seen) == 1
    assert sum(line.startswith(asked) for line in doorman.seen) == 3  # the number of rows, and twice their page
    assert detail(local, billing_run(org))["status"] == "SUCCESS"
    own = {"org_slug": "", "run_id": ""}
    rows = [sorted(repr({**row, **own}) for row in table(local, each)) for each in (org, loaded)]
    assert rows[0] == rows[1] != []


def test_a_look_that_fails_costs_no_money(local: Local, new_org: NewOrgs, run_job: RunJob, doorman: Doorman) -> None:
    """Passing trouble with the look for late rows alone is a warning; the day is loaded, and the next look looks."""
    org = new_org()
    load_fixture_export(local, org)
    project = org.credentials["GCP_SA"]["project_id"]
    jobs = f"POST /bigquery/v2/projects/{project}/jobs"
    doorman.at_first(jobs, "after", lambda: passing_trouble(local, project, "jobs"))
    yesterday = billing_run(org, date(2026, 11, 11))
    run_job(yesterday, bigquery_endpoint=doorman.url)
    told = detail(local, yesterday)
    texts = [message["text"] for step in told["steps"] for message in step["messages"]]
    assert any(text.startswith("Late rows could not be looked for") for text in texts)
    assert told["status"] == "SUCCESS"
    assert '"look"' not in told["result"]
