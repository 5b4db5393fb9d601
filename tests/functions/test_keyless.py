"""Without a key: an org's own service account, bound to it by its name, from the commands to the costs and back."""

import json
import logging
from dataclasses import asdict
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cloudact import clients
from cloudact.orgs.integrations import Integrations
from cloudact.orgs.org import Onboarded
from cloudact.orgs.vault import Vault
from functions.composition import compose
from functions.routes import public_app
from jobs.attempt import work
from jobs.composition import compose as compose_job
from jobs.container import Execution
from localcloud.google_apis.rest.faults import Fault
from localcloud.integrations import let_act_as, new_keyless_account
from localcloud.onboarding import OnboardedOrg
from localcloud.processes import free_port
from providers.gcp.keyless import account_id
from tests.conftest import Local, NewOrgs, billing_run, load_fixture_export
from tests.functions.operators import Operator, problem


@pytest.fixture
def org(new_org: NewOrgs, local: Local) -> OnboardedOrg:
    org = new_org()
    load_fixture_export(local, org)
    return org


def project_of(org: OnboardedOrg) -> str:
    return org.credentials["GCP_SA"]["project_id"]


@pytest.fixture
def credential(org: OnboardedOrg, local: Local) -> dict[str, str]:
    """A service account that the org has made and lets our reader act as."""
    return new_keyless_account(local.settings, Onboarded(org.org_slug, 1, local.settings.installation), project_of(org))


def call(api: FlaskClient, org: OnboardedOrg, method: str, path: str, **options: Any) -> TestResponse:
    headers = {"X-API-Key": org.api_key}
    return api.open(f"/api/v1/integrations/{org.org_slug}{path}", method=method, headers=headers, **options)


def set_up(api: FlaskClient, org: OnboardedOrg, credential: Any, **body: Any) -> TestResponse:
    return call(api, org, "POST", "/gcp/setup", json={"credential": credential, **body})


def run(local: Local, org: OnboardedOrg, generation: int = 1, *, last: bool = True, **settings: Any) -> dict[str, Any]:
    """One container's work on a run, as the ledger tells of it."""
    asked = billing_run(org, generation=generation)
    job = compose_job(local.settings.model_copy(update=settings), local.clock)
    work(job, asked, Execution(f"runner-{generation}", 0, 0, last))
    told = local.runs.find(org.org_slug, asked.run_id, local.clock().date())
    assert told
    return asdict(told)


def stored(local: Local, org: OnboardedOrg) -> dict[str, Any]:
    """The newest row of the org's integration."""
    where = f"org_slug = '{org.org_slug}' AND integration = 'GCP_SA'"
    sql = f"SELECT * FROM organizations.org_integrations WHERE {where} ORDER BY updated_at DESC LIMIT 1"
    return local.query(sql)[0]


def costs(local: Local, org: OnboardedOrg) -> list[dict[str, Any]]:
    columns = "sku_id, usage_date, project_id, net_cost, source_row_count"
    return sorted(local.query(f"SELECT {columns} FROM {org.org_slug}.gcp_billing_daily_raw"), key=repr)


def test_from_the_commands_to_the_costs(
    api: FlaskClient, org: OnboardedOrg, credential: dict[str, str], local: Local
) -> None:
    """The account that the commands make is accepted, validated, and a run with it loads what one with the key did."""
    assert run(local, org)["status"] == "SUCCESS"
    with_key = costs(local, org)
    shown = call(api, org, "GET", "/gcp/keyless", query_string={"project": project_of(org)}).get_json()
    assert shown["credential"] == credential
    told = set_up(api, org, shown["credential"], metadata={}).get_json()
    assert (told["status"], told["auth"], told["settings"]) == ("VALID", "keyless", {})
    assert call(api, org, "POST", "/gcp/validate").get_json() == told
    assert told in call(api, org, "GET", "").get_json()["integrations"]
    local.query(f"DELETE FROM {org.org_slug}.gcp_billing_daily_raw WHERE TRUE")
    assert run(local, org, 2)["status"] == "SUCCESS"
    assert costs(local, org) == with_key != []


def test_the_commands(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """They name the org's account, our reader, the project and the dataset; each has a reason."""
    asked = {"project": "example.com:acme", "source_project": "acme-billing", "dataset": "export_eu"}
    shown = call(api, org, "GET", "/gcp/keyless", query_string=asked).get_json()
    name = account_id(Onboarded(org.org_slug, 1, local.settings.installation))
    assert shown["service_account"] == f"{name}@acme.example.com.iam.gserviceaccount.com"
    assert shown["reader"] == local.settings.reader_service_account
    commands = "\n".join(each["command"] for each in shown["commands"])
    for part in (f"create {name} --project=example.com:acme", "`acme-billing.export_eu`", shown["reader"]):
        assert part in commands
    assert all(each["why"] for each in shown["commands"])
    unfilled = call(api, org, "GET", "/gcp/keyless").get_json()
    assert "your-project-id.billing_export" in unfilled["commands"][3]["command"]


def test_what_is_asked_for_cannot_leave_the_commands(api: FlaskClient, org: OnboardedOrg) -> None:
    """Whatever is no name of a project or dataset is 400, so nothing of it reaches a shell."""
    wrong = {"project": ["a b", "a;id", "$(id)", "A", "a\n", "x" * 101], "dataset": ["a-b", "a`b", "é", "a" * 101]}
    for field, values in wrong.items():
        for value in values:
            answer = call(api, org, "GET", "/gcp/keyless", query_string={field: value})
            assert (problem(answer)[0], field in problem(answer)[1]) == (400, True), value
    assert problem(call(api, org, "GET", "/gcp/keyless", query_string={"key": "x"}))[0] == 400


def test_another_orgs_account(
    api: FlaskClient, org: OnboardedOrg, credential: dict[str, str], new_org: NewOrgs, local: Local
) -> None:
    """An account that is named for another org is refused at set-up, and, were it stored all the same, by every run."""
    thief = new_org()
    before = stored(local, thief)
    answer = set_up(api, thief, credential, metadata={"source_project": project_of(org)})
    assert (problem(answer)[0], answer.get_json()["code"]) == (400, "credential_invalid")
    assert f"does not belong to {thief.org_slug}: its name must be cloudact-" in problem(answer)[1]
    assert stored(local, thief) == before
    smuggle(local, thief, credential)
    told = run(local, thief)
    assert (told["status"], told["error_code"]) == ("FAILED", "credential_invalid")
    assert stored(local, thief)["status"] == "INVALID"
    assert costs(local, thief) == []


def smuggle(local: Local, org: OnboardedOrg, credential: dict[str, str]) -> None:
    """Stores a credential without asking whether it may be."""
    vault = Vault(clients.kms(local.settings), local.settings.kms_key)
    integrations = Integrations(local.warehouse, local.clock)
    found = integrations.find(org.org_slug, "GCP_SA")
    text = vault.encrypt(org.org_slug, "GCP_SA", json.dumps(credential).encode())
    integrations.change(type(found)(**vars(found) | {"ciphertext": text}))


def test_who_comes_back_under_the_same_name(
    api: FlaskClient, org: OnboardedOrg, credential: dict[str, str], local: Local
) -> None:
    """Off-boarding ends it, and the account of the org that left is not accepted from who has its slug afterwards."""
    assert set_up(api, org, credential).status_code == 200
    operator = Operator(local)
    assert operator.offboard(org.org_slug).status_code == 200
    assert run(local, org)["error_code"] == "org_unknown"
    local.clock.advance(minutes=2)  # until what is remembered of the org has passed
    back = operator.onboard(org.org_slug, reactivate=True)
    assert back.status_code in (200, 201), back.get_json()
    successor = OnboardedOrg(org.org_slug, back.get_json()["api_key"], org.credentials)
    answer = set_up(public_app(compose(local.settings, local.clock)).test_client(), successor, credential)
    assert (answer.status_code, answer.get_json()["code"]) == (400, "credential_invalid")
    assert account_id(Onboarded(org.org_slug, 2, local.settings.installation)) in problem(answer)[1]


WRONG: list[tuple[Any, str]] = [
    ({"service_account": 7}, "service_account must be a service account like"),
    ({"service_account": "cloudact-x@acme.iam.gserviceaccount.com/../x"}, "service_account must be"),
    ({"service_account": "cloudact-x@acme.iam.gserviceaccount.com\n"}, "service_account must be"),
    ({"service_account": "cloudact-x@evil.example"}, "service_account must be"),
    ({"service_account": "jo@example.com"}, "service_account must be"),
    ({}, "service_account must be"),
    ({"service_account": "a@b-c.iam.gserviceaccount.com", "key": "x"}, "Unknown field 'key' in a keyless credential."),
    ({"service_account": "someone-else@acme.iam.gserviceaccount.com"}, "This service account does not belong to"),
]


def test_what_is_no_keyless_credential(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """Each is 400 with a reason, nobody is asked, and the key before it stays in force."""
    before = stored(local, org)
    local.google.traffic.reset()
    for wrong, said in WRONG:
        answer = set_up(api, org, {"type": "keyless", **wrong})
        assert (problem(answer)[0], said in problem(answer)[1]) == (400, True), (wrong, problem(answer))
    assert "iam.GenerateAccessToken" not in str(local.google.traffic.summary())
    assert stored(local, org) == before


def test_what_google_refuses(api: FlaskClient, org: OnboardedOrg, credential: dict[str, str], local: Local) -> None:
    """No grant, no account, no API, no right to read or to query: 400 with what to do, and that it may take minutes."""
    email, reader = credential["service_account"], local.settings.reader_service_account
    let_act_as(local.settings, email, [])
    denied = set_up(api, org, credential)
    assert denied.get_json()["code"] == "permission_denied"
    assert f"`gcloud iam service-accounts add-iam-policy-binding {email}" in problem(denied)[1]
    assert f"--member=serviceAccount:{reader}" in problem(denied)[1]
    assert "takes Google some minutes to know" in problem(denied)[1]
    post(local, {"service_account": email, "api_disabled": True})
    assert "gcloud services enable iamcredentials.googleapis.com" in problem(set_up(api, org, credential))[1]
    requests.delete(f"{local.settings.iam_endpoint}/local/impersonation", json=credential, timeout=5)
    missing = set_up(api, org, credential)
    assert (missing.get_json()["code"], "does not exist" in problem(missing)[1]) == ("credential_rejected", True)
    let_act_as(local.settings, email, [reader])
    for permission in ("bigquery.jobs.create", "bigquery.tables.getData"):
        deny = {"project": project_of(org), "permission": permission, "principal": f"ya29.local-{email}"}
        requests.post(f"{local.settings.bigquery_endpoint}/local/deny", json=deny, timeout=5).raise_for_status()
        assert "A grant takes Google some minutes to know." in problem(set_up(api, org, credential))[1]
        requests.delete(f"{local.settings.bigquery_endpoint}/local/deny", timeout=5)
    assert set_up(api, org, credential).status_code == 200


def post(local: Local, account: dict[str, Any]) -> None:
    requests.post(f"{local.settings.iam_endpoint}/local/impersonation", json=account, timeout=5).raise_for_status()


def test_a_grant_that_was_taken_back(
    api: FlaskClient, org: OnboardedOrg, credential: dict[str, str], local: Local
) -> None:
    """The run is FAILED with the command that grants it again, the integration stays; without account it is INVALID."""
    email = credential["service_account"]
    assert set_up(api, org, credential).status_code == 200
    let_act_as(local.settings, email, [])
    told = run(local, org, last=False)
    assert (told["status"], told["error_code"], told["error_retryable"]) == ("FAILED", "permission_denied", False)
    assert f"add-iam-policy-binding {email}" in told["error_hint"]
    assert stored(local, org)["status"] == "VALID"
    assert call(api, org, "POST", "/gcp/validate").get_json()["status"] == "INVALID"
    let_act_as(local.settings, email, [local.settings.reader_service_account])
    assert call(api, org, "POST", "/gcp/validate").get_json()["status"] == "VALID"
    requests.delete(f"{local.settings.iam_endpoint}/local/impersonation", json=credential, timeout=5)
    assert run(local, org, 2)["error_code"] == "credential_rejected"
    assert (stored(local, org)["status"], stored(local, org)["auth"]) == ("INVALID", "keyless")


def test_from_a_key_to_none_and_back(
    api: FlaskClient, org: OnboardedOrg, credential: dict[str, str], local: Local
) -> None:
    """Each replaces the other, and the next run reads with what is in force."""
    told = []
    for generation, given in enumerate((credential, org.credentials["GCP_SA"], credential), start=1):
        local.google.traffic.reset()
        told.append(set_up(api, org, given).get_json()["auth"])
        assert run(local, org, generation)["status"] == "SUCCESS"
        tokens = json.dumps(local.google.traffic.summary()).count("iam.GenerateAccessToken")
        assert bool(tokens) == (told[-1] == "keyless")
    assert told == ["keyless", "key", "keyless"]
    assert call(api, org, "DELETE", "/gcp").get_json()["auth"] is None


@pytest.mark.parametrize("status", [500, 503, 429, None])
def test_passing_trouble(
    api: FlaskClient, org: OnboardedOrg, credential: dict[str, str], local: Local, status: int | None
) -> None:
    """While IAM is down or overloaded a set-up is 503, a run tries again, and nobody is called INVALID."""
    assert set_up(api, org, credential).status_code == 200
    settings = local.settings if status else local.settings.model_copy(update={"iam_endpoint": nobody()})
    if status:
        local.google.faults.add(Fault(api="iam", kind="error", status=status, times=50))
    told = problem(set_up(public_app(compose(settings, local.clock)).test_client(), org, credential))
    ran = run(local, org, iam_endpoint=settings.iam_endpoint)
    local.google.faults.clear()
    assert (told[0], "Please send the same request again." in told[1]) == (503, True)
    assert (ran["error_retryable"], stored(local, org)["status"]) == (True, "VALID")


def nobody() -> str:
    return f"http://127.0.0.1:{free_port()}"


def test_our_own_rights_are_not_the_customers_fault(
    api: FlaskClient, org: OnboardedOrg, credential: dict[str, str], local: Local
) -> None:
    """That we may not act as our own reader is told as ours, and the integration stays VALID."""
    assert set_up(api, org, credential).status_code == 200
    let_act_as(local.settings, local.settings.reader_service_account, [])
    validated, ran = call(api, org, "POST", "/gcp/validate"), run(local, org)
    let_act_as(local.settings, local.settings.reader_service_account, ["anonymous"])
    assert (validated.status_code, ran["error_code"]) == (500, "misconfigured")
    assert stored(local, org)["status"] == "VALID"


def test_an_installation_without_a_reader(org: OnboardedOrg, credential: dict[str, str], local: Local) -> None:
    """It says so, both to who asks for commands and to who sets up; keys go on working."""
    api = public_app(
        compose(local.settings.model_copy(update={"reader_service_account": ""}), local.clock)
    ).test_client()
    for answer in (call(api, org, "GET", "/gcp/keyless"), set_up(api, org, credential)):
        assert answer.get_json()["code"] == "keyless_unavailable"
        assert problem(answer)[0] == 400
    assert set_up(api, org, org.credentials["GCP_SA"]).status_code == 200


def test_no_token_is_told(
    api: FlaskClient, org: OnboardedOrg, credential: dict[str, str], local: Local, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither logs nor answers hold an access token, of the reader or of the account."""
    caplog.set_level(logging.DEBUG, logger="cloudact")
    told = set_up(api, org, credential).get_data(as_text=True)
    let_act_as(local.settings, credential["service_account"], [])
    told += set_up(api, org, credential).get_data(as_text=True) + repr(run(local, org)) + caplog.text
    assert "ya29" not in told
