"""`/integrations`: a credential is proven before it replaces another, judged again when asked, and never shown."""

import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cloudact import clients
from cloudact.orgs.integrations import Integrations
from cloudact.orgs.vault import Vault
from functions.composition import compose
from functions.routes import public_app
from jobs.attempt import work
from jobs.composition import compose as compose_job
from jobs.container import Execution
from localcloud.google_apis.rest.faults import Fault as GoogleFault
from localcloud.integrations import ProviderAccount, new_admin_key, new_service_account, register_admin_key
from localcloud.onboarding import OnboardedOrg, add_member
from localcloud.processes import free_port
from localcloud.providers.faults import Fault
from providers.gcp.export import from_table
from tests.conftest import FIXTURE_DAY, Local, NewOrgs, billing_run, load_fixture_export
from tests.functions.operators import Operator, problem
from tests.jobs.exports import DAY_MS, Exports
from tests.sessions import bearer

PROVIDERS = {"gcp": "GCP_SA", "openai": "OPENAI", "anthropic": "ANTHROPIC"}
PIPELINES = {"gcp": "gcp/cost/billing", "openai": "openai/usage_cost", "anthropic": "anthropic/usage_cost"}
NOTHING: dict[str, Any] = {
    "auth": None,
    "credential_name": None,
    "fingerprint": None,
    "settings": {},
    "validated_at": None,
    "last_error": None,
}
SCOPES = "You have insufficient permissions for this operation. Missing scopes: api.usage.read."
NOBODY = f"http://127.0.0.1:{free_port()}"


@pytest.fixture
def org(new_org: NewOrgs) -> OnboardedOrg:
    return new_org()


def call(api: FlaskClient, org: OnboardedOrg, method: str, path: str = "", **options: Any) -> TestResponse:
    headers = options.pop("headers", None) or {"X-API-Key": org.api_key}
    slug = options.pop("slug", org.org_slug)
    return api.open(f"/api/v1/integrations/{slug}{path}", method=method, headers=headers, **options)


def set_up(api: FlaskClient, org: OnboardedOrg, provider: str, credential: Any, **body: Any) -> TestResponse:
    text = json.dumps({"credential": credential, **body})
    return call(api, org, "POST", f"/{provider}/setup", data=text, content_type="application/json")


def validate(api: FlaskClient, org: OnboardedOrg, provider: str, **options: Any) -> TestResponse:
    return call(api, org, "POST", f"/{provider}/validate", **options)


def trigger(api: FlaskClient, org: OnboardedOrg, provider: str) -> TestResponse:
    path = f"/api/v1/pipelines/run/{org.org_slug}/{PIPELINES[provider]}"
    return api.post(path, json={"date": FIXTURE_DAY.isoformat()}, headers={"X-API-Key": org.api_key})


def handed_over(org: OnboardedOrg, provider: str) -> Any:
    """The org's credential as its customer has it."""
    credential = org.credentials[PROVIDERS[provider]]
    return credential.get("api_key") or credential


def source(org: OnboardedOrg, **changes: Any) -> dict[str, Any]:
    project = org.credentials["GCP_SA"]["project_id"]
    return {"source_project": project, "source_dataset": "billing_export"} | changes


def rows(local: Local, org: OnboardedOrg) -> list[dict[str, Any]]:
    sql = f"SELECT * FROM organizations.org_integrations WHERE org_slug = '{org.org_slug}' ORDER BY updated_at"
    return local.query(sql)


def post(url: str, path: str, body: dict[str, Any]) -> None:
    requests.post(f"{url}{path}", json=body, timeout=5).raise_for_status()


def new_key(local: Local, integration: str, **account: Any) -> str:
    """An admin key that its provider knows."""
    key = new_admin_key(integration)
    register_admin_key(local.settings, ProviderAccount(integration, seed=7, **account), key)
    return key["api_key"]


def instance(local: Local, **settings: Any) -> FlaskClient:
    """Another instance of the function, with other settings."""
    return public_app(compose(local.settings.model_copy(update=settings), local.clock)).test_client()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_from_nothing_to_a_run(api: FlaskClient, org: OnboardedOrg, local: Local, provider: str) -> None:
    """Removed, an integration starts no run; set up again it is VALID, and a run reads with it."""
    load_fixture_export(local, org)
    assert call(api, org, "DELETE", f"/{provider}").status_code == 200
    refusal = (400, f'Required integration "{PROVIDERS[provider]}" is not configured.')
    assert problem(trigger(api, org, provider)) == refusal
    metadata = source(org) if provider == "gcp" else {}
    answer = set_up(api, org, provider, handed_over(org, provider), credential_name="reader", metadata=metadata)
    told = answer.get_json()
    assert answer.status_code == 201, told
    assert told == {
        "integration": PROVIDERS[provider], "provider": provider, "status": "VALID", "auth": "key",
        "takes": ["key_file", "keyless"] if provider == "gcp" else ["key"],
        "credential_name": "reader",
        "fingerprint": told["fingerprint"], "settings": metadata, "validated_at": "2026-11-12T12:00:00.000Z",
        "last_error": None, "success": True, "validation_status": "VALID", "validation_error": None,
        "message": f"The integration {PROVIDERS[provider]} is set up.",
    }  # fmt: skip
    assert len(told["fingerprint"]) == 16
    assert told in call(api, org, "GET").get_json()["integrations"]
    assert trigger(api, org, provider).status_code == 202
    parts: Any = {"gcp": {}}.get(provider, {"provider": provider, "domain": "", "name": "usage_cost"})
    run = billing_run(org, pipeline=f"{provider}_{'billing' if provider == 'gcp' else 'usage_cost'}", **parts)
    assert work(compose_job(local.settings, local.clock), run, Execution("runner-1", 0, 0, True)) == 0
    assert local.ledger.status(run) == "SUCCESS"


def test_all_integrations_are_listed(api: FlaskClient, org: OnboardedOrg) -> None:
    """Every integration there can be is told of, set up or not."""
    call(api, org, "DELETE", "/openai")
    listed = call(api, org, "GET").get_json()
    assert listed["org_slug"] == org.org_slug
    assert [row["status"] for row in listed["integrations"]] == ["VALID", "NOT_CONFIGURED", "VALID"]
    assert {name: listed["integrations"][1][name] for name in NOTHING} == NOTHING


def test_one_of_them(api: FlaskClient, org: OnboardedOrg) -> None:
    """Each is answered alone as the list has it, also one that is not set up; a provider that is none is 404."""
    call(api, org, "DELETE", "/openai")
    listed = call(api, org, "GET").get_json()["integrations"]
    assert [call(api, org, "GET", f"/{provider}").get_json() for provider in PROVIDERS] == listed
    assert problem(call(api, org, "GET", "/aws")) == (404, "Unknown provider: aws. Available: gcp, openai, anthropic")
    assert problem(call(api, org, "GET", "/gcp?x=1"))[0] == 400


def test_every_credential_is_proven(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """`skip_validation` may be sent as false, as clients do; anything else is refused, and nothing is stored."""
    assert set_up(api, org, "openai", new_key(local, "OPENAI"), skip_validation=False).status_code == 200
    before = rows(local, org)
    told = "skip_validation must be false or left out: a credential is stored once its provider has accepted it."
    for sent in (True, None, 0, "false"):
        assert problem(set_up(api, org, "openai", new_key(local, "OPENAI"), skip_validation=sent)) == (400, told)
    assert rows(local, org) == before


def test_a_key_file_as_text(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """The key file's text is the same as its JSON object; the credential that is replaced was configured: 200."""
    load_fixture_export(local, org)
    key = org.credentials["GCP_SA"]
    answers = [set_up(api, org, "gcp", given) for given in (key, json.dumps(key, indent=2))]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert len({answer.get_json()["fingerprint"] for answer in answers}) == 1


def test_what_is_left_out_stays(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """A new key keeps name and settings of the one before, unless told; `{}` clears the settings."""
    given = {"credential_name": "analytics", "metadata": {"api": "analytics"}}
    assert set_up(api, org, "anthropic", new_key(local, "ANTHROPIC"), **given).status_code == 200
    kept = set_up(api, org, "anthropic", new_key(local, "ANTHROPIC")).get_json()
    assert (kept["credential_name"], kept["settings"]) == ("analytics", {"api": "analytics"})
    cleared = set_up(api, org, "anthropic", new_key(local, "ANTHROPIC"), metadata={}).get_json()
    assert (cleared["credential_name"], cleared["settings"]) == ("analytics", {})


def test_the_generation_that_runs_read_is_asked(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """With `api: analytics` a key without the right to analytics is refused, though it reads the reports."""
    key = new_admin_key("ANTHROPIC")["api_key"]
    known = {"key": key, "kind": "anthropic", "seed": 1, "scopes": ["org:admin"]}
    post(local.providers.anthropic_url, "/local/keys", known)
    assert set_up(api, org, "anthropic", key).status_code == 200
    assert problem(set_up(api, org, "anthropic", key, metadata={"api": "analytics"}))[0] == 400


def elliptic() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    parts = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(*parts).decode()


BROKEN = "-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----"
WRONG_KEYS: list[tuple[str, Any, str]] = [
    ("openai", "sk-proj-abcdefghijkl", "This is a project key"),
    ("openai", "sk-ant-admin01-abcdef", "This is a key of Anthropic."),
    ("openai", "sk-admin-unknown-to-all", "OpenAI refuses the key: it is wrong, or was revoked."),
    ("openai", "sk-admin-a\r\nX-Evil: 1", "This is no key of OpenAI"),
    ("openai", "sk-admin-\ud800\u0000", "The body holds half of a surrogate pair"),
    ("gcp", '{"private_key": "\\ud800"}', "The service account key is not JSON."),
    ("openai", "   ", "credential must be the service account key"),
    ("openai", {"api_key": "sk-admin-abcdefgh"}, "This is no key of OpenAI"),
    ("anthropic", "sk-ant-api03-abcdef", "If this is a workspace's API key"),
    ("anthropic", "sk-ant-admin01-unknown", "Anthropic refuses the key"),
    ("anthropic", 7, "credential must be the service account key"),
    ("anthropic", None, "credential must be the service account key"),
    ("gcp", "sk-admin-abcdefgh", "The service account key is not JSON."),
    ("gcp", "[" * 50_000, "The service account key is not JSON."),
    ("gcp", "[]", "The service account key is not usable: file."),
    ("gcp", {}, "The service account key is not usable: client_email, private_key, project_id, type."),
    ("gcp", {"type": "authorized_user"}, "The service account key is not usable"),
    ("gcp", {"private_key": BROKEN}, "The private key in the service account key cannot be read."),
    ("gcp", {"private_key": elliptic()}, "The private key in the service account key cannot be read."),
    ("gcp", {"private_key": "x" * 4_000}, "The service account key is not usable: private_key."),
    ("gcp", {"project_id": "p`; DROP TABLE x; --"}, "The service account key is not usable: project_id."),
    ("gcp", {"project_id": "../../other"}, "The service account key is not usable: project_id."),
    ("gcp", {"project_id": "acme'\n"}, "The service account key is not usable: project_id."),
    ("gcp", {"client_email": "nobody@acme.iam.gserviceaccount.com"}, "Google does not accept the service account key"),
    ("gcp", {"more": "x" * 200_000}, "credential must be at most 60 KiB."),
]


def test_wrong_credentials_keep_the_old_one(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """Whatever is no credential, or none that its provider accepts, is 400 with a reason, and nothing is stored."""
    load_fixture_export(local, org)
    before = rows(local, org)
    for provider, wrong, told in WRONG_KEYS:
        whole = provider == "gcp" and isinstance(wrong, dict) and len(wrong) == 1 and "type" not in wrong
        given = org.credentials["GCP_SA"] | wrong if whole else wrong
        status, detail = problem(set_up(api, org, provider, given))
        assert (status, told in detail) == (400, True), (provider, str(wrong)[:50], detail)
        assert "secret" not in detail
        local.clock.advance(seconds=30)  # an org may not try as often as it likes
    assert rows(local, org) == before
    assert trigger(api, org, "openai").status_code == 202


HALF = "The body holds half of a surrogate pair, which is no character."
BAD_BODIES: list[tuple[str, dict[str, Any], str]] = [
    ("gcp", {"metadata": {"table": "x"}},
     "Unknown field 'table' in metadata. Allowed: source_project, source_dataset, source_table, inactive_projects."),
    ("gcp", {"metadata": {"source_project": "a`b"}}, "metadata.source_project must be a Google Cloud project id"),
    ("gcp", {"metadata": {"source_project": "acme-billing\n"}}, "metadata.source_project must be"),
    ("gcp", {"metadata": {"source_dataset": "d-x"}}, "metadata.source_dataset must be a BigQuery dataset's name"),
    ("gcp", {"metadata": {"source_dataset": "d.x"}}, "metadata.source_dataset must be"),
    ("gcp", {"metadata": {"source_table": "t`; DROP TABLE x"}}, "metadata.source_table must be a BigQuery table's"),
    ("gcp", {"metadata": {"source_table": "{org_slug}"}}, "metadata.source_table must be"),
    ("gcp", {"metadata": {"source_table": None}}, "metadata.source_table must be"),
    ("gcp", {"metadata": {"source_table": ""}}, "metadata.source_table must be"),
    ("gcp", {"metadata": {"inactive_projects": "acme"}}, "metadata.inactive_projects must be a list"),
    ("gcp", {"metadata": {"inactive_projects": ["a' OR 1=1"]}}, "metadata.inactive_projects must be a list"),
    ("gcp", {"metadata": {"inactive_projects": ["acme"] * 1001}}, "metadata.inactive_projects must be a list"),
    ("openai", {"metadata": {"api": "x"}}, "Unknown field 'api' in metadata. Allowed: none."),
    ("anthropic", {"metadata": {"api": "both"}}, "metadata.api must be reports or analytics."),
    ("anthropic", {"metadata": {"api": {}}}, "metadata.api must be reports or analytics."),
    ("anthropic", {"metadata": []}, "metadata must be a JSON object."),
    ("anthropic", {"metadata": {"api": "\ud800"}}, HALF),
    ("anthropic", {"metadata": {"\ud800": "reports"}}, HALF),
    ("openai", {"metadata": {"a\udfff": 1}}, HALF),
    ("gcp", {"metadata": {"inactive_projects": ["acme-\ud800"]}}, HALF),
    ("gcp", {"credential_name": "\ud800"}, HALF),
    ("gcp", {"\ud800": 1}, HALF),
    ("gcp", {"credential": {"private_key": "\ud800"}}, HALF),
    ("gcp", {"credential": {"\ud800": 1}}, HALF),
    ("anthropic", {"credential_name": "a\0b"}, "credential_name must be 1 to 100 characters"),
    ("anthropic", {"credential_name": 7}, "credential_name must be 1 to 100 characters"),
    ("anthropic", {"credential_name": "x" * 101}, "credential_name must be 1 to 100 characters"),
    ("anthropic", {"key": "x"},
     "Unknown field 'key'. Allowed: credential, credential_name, metadata, skip_validation."),
]  # fmt: skip


def test_bodies_that_are_not_understood(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """Each field's refusal names it and what is allowed; no provider is asked, nothing is stored."""
    before = rows(local, org)
    for provider, body, told in BAD_BODIES:
        status, detail = problem(set_up(api, org, provider, **{"credential": handed_over(org, provider)} | body))
        assert (status, detail.startswith(told)) == (400, True), (body, detail)
        local.clock.advance(seconds=30)  # an org may not try as often as it likes
    missing = call(api, org, "POST", "/gcp/setup", json={})
    assert problem(missing) == (400, "credential is required.")
    assert problem(call(api, org, "POST", "/gcp/setup", data="x"))[0] == 415
    assert rows(local, org) == before


def test_a_key_file_cannot_send_us_elsewhere(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """Addresses in the key file are neither used nor stored."""
    load_fixture_export(local, org)
    evil = {"token_uri": "http://169.254.169.254/", "universe_domain": "evil.example", "auth_uri": "http://evil"}
    assert set_up(api, org, "gcp", org.credentials["GCP_SA"] | evil).status_code == 200
    vault = Vault(clients.kms(local.settings), local.settings.kms_key)
    stored = vault.decrypt(org.org_slug, "GCP_SA", rows(local, org)[-1]["ciphertext"])
    assert set(json.loads(stored)) == {"type", "project_id", "private_key_id", "private_key", "client_email"}


def test_what_a_run_needs_of_google(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """No export, more than one, no right to run or to read: 400 with what to do; then 200 when it is mended."""
    key, project = org.credentials["GCP_SA"], org.credentials["GCP_SA"]["project_id"]
    missing = set_up(api, org, "gcp", key)
    assert (missing.get_json()["code"], problem(missing)[0]) == ("source_not_found", 400)
    load_fixture_export(local, org)
    bigquery = local.settings.bigquery_endpoint
    for permission in ("bigquery.jobs.create", "bigquery.tables.getData"):
        post(bigquery, "/local/deny", {"project": project, "permission": permission})
        denied = set_up(api, org, "gcp", key)
        assert denied.get_json()["code"] == "permission_denied"
        assert "Grant the service account BigQuery Job User" in problem(denied)[1]
        requests.delete(f"{bigquery}/local/deny", timeout=5)
    family = {"source_table": "gcp_billing_export"}
    assert set_up(api, org, "gcp", key, metadata=source(org, **family)).status_code == 200
    load_fixture_export(local, org, "resource_v1")
    assert "could be any of" in problem(set_up(api, org, "gcp", key))[1]


def test_the_question_to_google_costs_nothing(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """A setup runs no query in the customer's project: one look at the table, one dry run; three at our own."""
    load_fixture_export(local, org)
    call(api, org, "GET")
    requests.delete(f"{local.settings.bigquery_endpoint}/local/requests", timeout=5)
    assert set_up(api, org, "gcp", org.credentials["GCP_SA"]).status_code == 200
    counted = requests.get(f"{local.settings.bigquery_endpoint}/local/requests", timeout=5).json()["requests"]
    assert counted == {"jobs.query": 3, "tables.get": 1, "jobs.insert": 1, "tabledata.insertAll": 1}


@pytest.mark.parametrize("provider", ["openai", "anthropic", "gcp", "kms", "overloaded"])
def test_passing_trouble(org: OnboardedOrg, local: Local, provider: str) -> None:
    """A provider, or a service of ours, that cannot be reached is 503 with Retry-After; nothing is stored."""
    load_fixture_export(local, org)
    before = rows(local, org)
    endpoints: dict[str, dict[str, Any]] = {
        **{name: {"provider_urls": json.dumps({name: NOBODY})} for name in ("openai", "anthropic")},
        "gcp": {"token_uri": NOBODY, "timeout_factor": 1.0}, "kms": {"kms_endpoint": NOBODY}, "overloaded": {},
    }  # fmt: skip
    api = instance(local, **endpoints[provider])
    asked = provider if provider in PROVIDERS else "openai"
    for again in (False, True) if provider == "kms" else (False,):
        if provider == "overloaded":
            local.providers.faults.add(Fault(path_regex="costs", status=429, retry_after=77, times=6))
        answer = validate(api, org, asked) if again else set_up(api, org, asked, handed_over(org, asked))
        local.providers.faults.clear()
        assert answer.status_code == 503, answer.get_json()
        assert answer.headers["Retry-After"] == ("77" if provider == "overloaded" else "10")
        assert "Please send the same request again." in problem(answer)[1]
    assert rows(local, org) == before


def test_a_row_that_cannot_be_written(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """While BigQuery takes no rows the answer is 503, and the old credential stays in force."""
    before = call(api, org, "GET").get_json()
    fault = {"method": "POST", "path_regex": ".*org_integrations/insertAll", "status": 400, "reason": "jobBackendError"}
    post(local.settings.bigquery_endpoint, "/local/faults", fault)
    answer = set_up(api, org, "openai", new_key(local, "OPENAI"))
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    assert call(api, org, "GET").get_json() == before


def test_our_own_rights_are_not_the_customers_fault(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """Where Cloud KMS refuses us, the integration is not called INVALID."""
    before = rows(local, org)
    local.google.faults.add(GoogleFault(api="kms", method="Decrypt", kind="error", status=403))
    answer = validate(api, org, "openai")
    local.google.faults.clear()
    assert (answer.status_code, rows(local, org)) == (500, before)


def test_validating_again(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """A revoked key becomes INVALID with the reason, and starts no run; given back it is VALID, and starts one."""
    key = {"key": handed_over(org, "openai"), "kind": "openai", "seed": 1}
    post(local.providers.openai_url, "/local/keys", key | {"revoked": True})
    told = validate(api, org, "openai").get_json()
    assert (told["status"], told["validation_status"], told["success"]) == ("INVALID", "INVALID", False)
    assert told["last_error"].startswith("OpenAI refuses the key: it is wrong, or was revoked.")
    assert told["validation_error"] == told["last_error"]
    assert told["message"] == "The integration OPENAI does not work; validation_error says why."
    assert call(api, org, "GET", "/openai").get_json() == told | {"success": True}
    assert trigger(api, org, "openai").status_code == 400
    post(local.providers.openai_url, "/local/keys", key)
    answer = validate(api, org, "openai")
    assert (answer.status_code, answer.get_json()["status"], answer.get_json()["last_error"]) == (200, "VALID", None)
    assert answer.get_json() in call(api, org, "GET").get_json()["integrations"]
    assert trigger(api, org, "openai").status_code == 202


@pytest.mark.parametrize("body", [{"error": SCOPES}, {"detail": SCOPES}, {"error": {"message": SCOPES}}])
def test_a_refusal_is_told_at_once(api: FlaskClient, org: OnboardedOrg, local: Local, body: dict[str, Any]) -> None:
    """Whatever its envelope, one question tells which scope is missing, and the set-up before stays in force."""
    before = rows(local, org)
    local.providers.log.reset()
    local.providers.faults.add(Fault(path_regex="costs", status=403, body=body))
    answer = set_up(api, org, "openai", new_key(local, "OPENAI"))
    assert (answer.status_code, answer.json and answer.json["code"]) == (400, "permission_denied")
    assert "it lacks api.usage.read" in problem(answer)[1]
    assert (len(local.providers.log.summary()["requests"]), rows(local, org)) == (1, before)


def test_a_refusal_that_is_not_about_the_key(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """At set-up it is told as it is; a validation that meets it says nothing of the credential in force."""
    fault = Fault(
        path_regex="cost_report", status=403, body={"error": {"type": "forbidden", "message": "Request not allowed"}}
    )
    local.providers.faults.add(fault)
    answer = set_up(api, org, "anthropic", new_key(local, "ANTHROPIC"))
    assert (answer.status_code, answer.json and answer.json["code"]) == (400, "anthropic_not_allowed")
    before = rows(local, org)
    local.providers.faults.add(fault)
    answer = validate(api, org, "anthropic")
    assert ("Request not allowed" in problem(answer)[1], rows(local, org)) == (True, before)
    assert answer.status_code == 503


def test_the_analytics_take_a_key_of_their_own(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """A key of Claude Enterprise with read:analytics opens the analytics alone; the hint names both."""
    key = "sk-ant-api01-" + "aB3_" * 20
    account = {"key": key, "kind": "anthropic", "seed": 3, "scopes": ["read:analytics"]}
    post(local.providers.anthropic_url, "/local/keys", account)
    refused = set_up(api, org, "anthropic", key, metadata={"api": "reports"})
    assert "If this is a key of Claude Enterprise, it reads the analytics" in problem(refused)[1]
    assert set_up(api, org, "anthropic", key, metadata={"api": "analytics"}).status_code == 200
    post(local.providers.anthropic_url, "/local/keys", account | {"scopes": []})
    refused = set_up(api, org, "anthropic", key)
    assert "creates an analytics key with the scope read:analytics" in problem(refused)[1]


def test_how_old_the_export_is(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """Told by the table when it is set up or validated; a judgement of another kind keeps it, a removal ends it."""
    load_fixture_export(local, org)
    project = org.credentials["GCP_SA"]["project_id"]
    client = clients.bigquery(local.settings.model_copy(update={"project": project}))
    (listed,) = client.list_tables("billing_export")
    expected = from_table(client.get_table(listed)).oldest_date
    assert expected
    assert validate(api, org, "gcp").status_code == 200
    set_up(api, org, "gcp", handed_over(org, "gcp"), metadata=source(org))
    integrations = Integrations(local.warehouse, local.clock)
    integrations.mark_invalid(integrations.of(org.org_slug, "GCP_SA"), "refused")
    call(api, org, "DELETE", "/gcp")
    told = [row["oldest_date"] for row in rows(local, org) if row["integration"] == "GCP_SA"]
    assert told == [None, expected, expected, expected, None]


def test_a_table_that_loses_its_past(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """Partitions that will be deleted are told at set-up and when it is validated, and not of any other table."""
    exports = Exports(local, org)
    exports.make("keeps")
    exports.make("loses", expiration_ms=60 * DAY_MS)
    told = [
        set_up(api, org, "gcp", handed_over(org, "gcp"), metadata=source(org, source_table=table)).get_json()
        for table in ("keeps", "loses")
    ]
    assert "warnings" not in told[0]
    (warning,) = told[1]["warnings"]
    assert "loses deletes partitions after 60 days. Dates older than that will be frozen" in warning
    assert validate(api, org, "gcp").get_json()["warnings"] == [warning]


@pytest.mark.parametrize(
    ("layout", "found"),
    [
        ({"type_": "MONTH"}, "a partition for each month of ingestion"),
        ({"type_": "YEAR"}, "a partition for each year of ingestion"),
        ({"field": "usage_start_time"}, "partitioned by its column usage_start_time"),
    ],
)
def test_a_table_of_another_layout(
    api: FlaskClient, org: OnboardedOrg, local: Local, layout: dict[str, Any], found: str
) -> None:
    """It is refused at set-up by what it is, with what is needed; hours are as good as days."""
    exports = Exports(local, org)
    exports.make("other", **layout)
    answer = set_up(api, org, "gcp", handed_over(org, "gcp"), metadata=source(org, source_table="other"))
    assert (answer.status_code, answer.get_json()["code"]) == (400, "source_unusable")
    assert found in answer.get_json()["detail"]
    assert "Name the table that Cloud Billing itself writes" in answer.get_json()["detail"]
    exports.make("hours", type_="HOUR")
    assert (
        set_up(api, org, "gcp", handed_over(org, "gcp"), metadata=source(org, source_table="hours")).status_code < 300
    )


def test_a_ciphertext_of_another_org(api: FlaskClient, org: OnboardedOrg, new_org: NewOrgs, local: Local) -> None:
    """A credential that was encrypted for another org is found unreadable."""
    integrations = Integrations(local.warehouse, local.clock)
    stolen = integrations.find(new_org().org_slug, "OPENAI")
    integrations.change(replace(stolen, org_slug=org.org_slug))
    told = validate(api, org, "openai").get_json()
    assert (told["status"], told["last_error"]) == ("INVALID", "The stored credential cannot be decrypted.")


def test_a_judgement_does_not_outlive_a_set_up(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """A credential that was set up, or removed, while the one before it was judged stays as it is."""
    integrations = Integrations(local.warehouse, local.clock)
    judged = integrations.find(org.org_slug, "OPENAI")
    new = set_up(api, org, "openai", new_key(local, "OPENAI")).get_json()
    integrations.judge(judged, "refused")
    assert new in call(api, org, "GET").get_json()["integrations"]
    call(api, org, "DELETE", "/openai")
    integrations.judge(judged, None)
    assert trigger(api, org, "openai").status_code == 400


def test_set_ups_at_the_same_time(org: OnboardedOrg, local: Local) -> None:
    """Of parallel set-ups, clocks in step, one counts whole: its name with its credential, for every reader."""
    keys = {name: new_key(local, "OPENAI") for name in "abcd"}
    apis = [instance(local) for _ in keys]
    with ThreadPoolExecutor(4) as pool:
        names = list(keys)
        answers = pool.map(lambda api, name: set_up(api, org, "openai", keys[name], credential_name=name), apis, names)
        fingerprints = {told["credential_name"]: told["fingerprint"] for told in (a.get_json() for a in answers)}
    listed = [call(api, org, "GET").get_json()["integrations"][1] for api in apis]
    assert all(told == listed[0] for told in listed)
    assert fingerprints[listed[0]["credential_name"]] == listed[0]["fingerprint"]
    stored = Integrations(local.warehouse, local.clock).of(org.org_slug, "OPENAI")
    vault = Vault(clients.kms(local.settings), local.settings.kms_key)
    plaintext = vault.decrypt(org.org_slug, "OPENAI", stored.ciphertext)
    assert plaintext.decode() == keys[listed[0]["credential_name"]]


def test_removing(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """The credential is gone, however often it is removed; there is nothing to validate, and no run starts."""
    answers = [call(api, org, "DELETE", "/gcp") for _ in range(2)]
    expected = {
        "integration": "GCP_SA",
        "provider": "gcp",
        "status": "NOT_CONFIGURED",
        **NOTHING,
        "takes": ["key_file", "keyless"],
        "success": True,
        "validation_status": "NOT_CONFIGURED",
        "validation_error": None,
        "message": "The integration GCP_SA is not set up.",
    }
    assert [(answer.status_code, answer.get_json()) for answer in answers] == [(200, expected)] * 2
    newest = rows(local, org)[-1]
    assert (len(rows(local, org)), newest["ciphertext"], newest["fingerprint"]) == (4, None, None)
    refusal = (400, 'Required integration "GCP_SA" is not configured.')
    assert problem(validate(api, org, "gcp")) == problem(trigger(api, org, "gcp")) == refusal


def test_roles(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """Owners and admins set up and remove; members may look and validate."""
    people = {"member": f"member-of-{org.org_slug}", "admin": f"admin-of-{org.org_slug}"}
    for role, person in people.items():
        add_member(local.settings, org.org_slug, person, role)
    member, admin = (bearer(local, person) for person in people.values())
    body = {"credential": new_key(local, "OPENAI")}
    assert [call(api, org, "GET", path, headers=member).status_code for path in ("", "/gcp")] == [200, 200]
    assert validate(api, org, "openai", headers=member).status_code == 200
    for method, path in (("POST", "/openai/setup"), ("DELETE", "/openai")):
        options = {"json": body} if method == "POST" else {}
        denied = problem(call(api, org, method, path, headers=member, **options))
        assert denied == (403, "Only owners and admins of the organization may do this.")
        assert call(api, org, method, path, headers=admin, **options).status_code == 200


def test_what_is_wrong_first_decides(api: FlaskClient, org: OnboardedOrg, new_org: NewOrgs) -> None:
    """413, 401, 400 for the slug, 403, 400 for the body, 404 for the provider; whatever else is wrong too."""
    stranger, path, bad = {"X-API-Key": new_org().api_key}, "/aws/setup", {"json": {"x": 1}}
    answers = [
        call(api, org, "POST", path, slug="a-b", headers={"X-API-Key": "no"}, data=b"x" * (256 * 1024 + 1)),
        call(api, org, "POST", path, slug="a-b", headers={"X-API-Key": "no"}, **bad),
        call(api, org, "POST", path, slug="a-b", **bad),
        call(api, org, "POST", path, headers=stranger, **bad),
        call(api, org, "POST", path, **bad),
        set_up(api, org, "aws", "x"),
    ]
    assert [problem(answer)[0] for answer in answers] == [413, 401, 400, 403, 400, 404]
    told = "Unknown provider: aws. Available: gcp, openai, anthropic"
    others = validate(api, org, "aws"), call(api, org, "DELETE", "/aws")
    assert [problem(answer) for answer in (answers[-1], *others)] == [(404, told)] * 3


def test_another_orgs_integrations(api: FlaskClient, org: OnboardedOrg, new_org: NewOrgs) -> None:
    """A stranger is told the same for an org that exists as for one that does not."""
    headers = {"X-API-Key": new_org().api_key}
    for method, path in (
        ("GET", ""),
        ("GET", "/gcp"),
        ("POST", "/gcp/setup"),
        ("POST", "/gcp/validate"),
        ("DELETE", "/gcp"),
    ):
        denied = problem(call(api, org, method, path, headers=headers))
        assert denied == (403, "Access denied: this key belongs to another organization")
        assert denied == problem(call(api, org, method, path, headers=headers, slug="nowhere_at_all"))


def test_an_org_that_is_gone(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """A key that is still remembered stores nothing for an org that was off-boarded."""
    assert call(api, org, "GET").status_code == 200
    assert Operator(local).offboard(org.org_slug).status_code == 200
    before = rows(local, org)
    assert set_up(api, org, "openai", new_key(local, "OPENAI")).status_code == 404
    assert rows(local, org) == before


def test_no_secret_is_told(api: FlaskClient, org: OnboardedOrg, local: Local, caplog: pytest.LogCaptureFixture) -> None:
    """Neither tables, logs nor answers hold a credential, accepted or refused, of any provider."""
    caplog.set_level(logging.DEBUG)
    load_fixture_export(local, org)
    key = new_service_account(local.settings, org.credentials["GCP_SA"]["project_id"])
    unknown = key | {"client_email": "nobody@acme.iam.gserviceaccount.com"}
    wrong = [new_admin_key(name)["api_key"] for name in ("OPENAI", "ANTHROPIC")]
    given = [("gcp", key), ("gcp", unknown), ("gcp", json.dumps(key) + "x"), ("openai", wrong[0])]
    given += [("anthropic", wrong[1]), ("openai", new_key(local, "OPENAI")), ("anthropic", wrong[0])]
    told = "".join(set_up(api, org, provider, credential).get_data(as_text=True) for provider, credential in given)
    told += "".join(validate(api, org, provider).get_data(as_text=True) for provider in PROVIDERS)
    told += call(api, org, "GET").get_data(as_text=True) + repr(rows(local, org)) + caplog.text
    told += "".join(repr(vars(record)) for record in caplog.records)
    secrets = [credential for _, credential in given if isinstance(credential, str)]
    secrets += [line for line in key["private_key"].splitlines() if not line.startswith("-")]
    assert not [secret[:12] for secret in secrets if secret in told]


@pytest.mark.bench
def test_a_set_up_answers_in_time(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """A provider that keeps silent is given up within 15 seconds."""
    local.providers.faults.add(Fault(path_regex="costs", delay_s=6, times=2))
    started = time.monotonic()
    answer = set_up(api, org, "openai", handed_over(org, "openai"))
    local.providers.faults.clear()
    assert (answer.status_code, time.monotonic() - started < 15) == (503, True)
