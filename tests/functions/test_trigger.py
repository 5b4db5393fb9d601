"""POST /pipelines/run/…: what is admitted, what is refused, in which order, and what it costs."""

import gzip
from datetime import timedelta
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import requests
import yaml
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cloudact import clients
from cloudact.error_codes import stored_code
from cloudact.errors import Stop
from cloudact.orgs.integrations import Integrations
from cloudact.orgs.org import key_hash
from cloudact.runs.ledger import RunEvent
from cloudact.runs.run import Status, run_id
from functions.composition import compose
from functions.routes import public_app
from functions.runs.admission import probe_order
from localcloud.google_apis.rest.faults import Fault
from localcloud.onboarding import OnboardedOrg
from localcloud.processes import free_port
from tests.conftest import FIXTURE_DAY, Local, NewOrgs, billing_run

DAY = FIXTURE_DAY.isoformat()


def post(api: FlaskClient, org: OnboardedOrg, path: str = "gcp/cost/billing", **options: Any) -> TestResponse:
    headers = {"X-API-Key": org.api_key} | options.pop("headers", {})
    if not {"json", "data", "query_string"} & set(options):
        options["json"] = {"date": DAY}
    return api.post(f"/api/v1/pipelines/run/{org.org_slug}/{path}", headers=headers, **options)


def problem(answer: TestResponse) -> tuple[int, str]:
    assert answer.mimetype == "application/problem+json"
    document = answer.get_json()
    assert document["status"] == answer.status_code
    return answer.status_code, document["detail"]


def test_a_run_is_admitted(api: FlaskClient, new_org: NewOrgs) -> None:
    """202 tells the run, where to look, and what is left of the day."""
    org = new_org()
    answer = post(api, org)
    expected = run_id(org.org_slug, "gcp_billing", FIXTURE_DAY, 1)
    assert answer.status_code == 202
    assert answer.get_json() == {
        "status": "PENDING",
        "run_id": expected,
        "pipeline_logging_id": expected,
        "pipeline_id": f"{org.org_slug}-gcp-billing",
        "org_slug": org.org_slug,
        "pipeline": "gcp_billing",
        "date": DAY,
        "requested_date": "2026-11-12",
        "deduplicated": False,
        "message": f"Pipeline gcp/billing triggered successfully for {org.org_slug} (async mode)",
    }
    assert answer.headers["Location"] == f"/api/v1/pipelines/{org.org_slug}/runs/{expected}?requested_date=2026-11-12"
    assert answer.headers["RateLimit"] == '"day";r=24;t=43200'
    assert answer.headers["RateLimit-Policy"] == '"day";q=25;w=86400'


@pytest.mark.parametrize("path", ["gcp/cost/billing", "gcp//billing", "gcp/billing"])
def test_all_path_forms_name_the_same_run(api: FlaskClient, new_org: NewOrgs, path: str) -> None:
    """With a domain, with an empty one and without, the same pipeline is started."""
    answer = post(api, new_org(), path)
    assert (answer.status_code, answer.get_json()["pipeline"]) == (202, "gcp_billing")


@pytest.mark.parametrize("options", [{"json": {}}, {"data": b""}, {"query_string": ""}])
def test_the_date_defaults_to_yesterday(api: FlaskClient, new_org: NewOrgs, options: dict[str, Any]) -> None:
    """Without a date, with or without a body, yesterday (UTC) is loaded."""
    assert post(api, new_org(), **options).get_json()["date"] == "2026-11-11"


def with_parameters(local: Local, folder: Path, **keys: object) -> FlaskClient:
    """The function `api` with other parameters in the file of gcp_billing."""
    copytree(local.settings.configs_dir, folder, dirs_exist_ok=True)
    file = folder / "gcp" / "cost" / "billing.yml"
    raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    raw["parameters"] = [{"name": "date", "type": "string", **keys}]
    file.write_text(yaml.safe_dump(raw), encoding="utf-8")
    settings = local.settings.model_copy(update={"configs_dir": folder})
    return public_app(compose(settings, local.clock)).test_client()


def test_the_pipelines_file_says_which_date_is_the_default(local: Local, new_org: NewOrgs, tmp_path: Path) -> None:
    """`default: today` makes a trigger without a date one of today."""
    api = with_parameters(local, tmp_path, default="today")
    assert post(api, new_org(), json={}).get_json()["date"] == "2026-11-12"


def test_a_date_may_be_required(local: Local, new_org: NewOrgs, tmp_path: Path) -> None:
    """`required: true` refuses a trigger without a date, and nothing else."""
    api, org = with_parameters(local, tmp_path, required=True), new_org()
    assert problem(post(api, org, json={})) == (400, "date is required by this pipeline; give it in the body.")
    assert post(api, org).status_code == 202


def test_the_date_may_come_in_the_query(api: FlaskClient, new_org: NewOrgs) -> None:
    """`?date=` works, alone or equal to the body's."""
    org = new_org()
    assert post(api, org, query_string={"date": DAY}).get_json()["date"] == DAY
    assert post(api, org, json={"date": DAY}, query_string={"date": DAY}).status_code == 200


def test_the_task_carries_the_run_to_the_job(api: FlaskClient, new_org: NewOrgs, local: Local) -> None:
    """The task on the queue, three seconds ahead, calls jobs.run with the run as override."""
    org = new_org()
    run = post(api, org).get_json()["run_id"]
    tasks = clients.tasks(local.settings).list_tasks(
        request={"parent": local.settings.queue_path, "response_view": "FULL"}
    )
    mine = [task for task in tasks if org.org_slug in task.name]
    assert len(mine) == 1
    assert mine[0].http_request.url == local.settings.job_run_url
    assert mine[0].schedule_time == local.clock() + timedelta(seconds=3)
    assert f'\\"org_slug\\":\\"{org.org_slug}\\"'.encode() in mine[0].http_request.body
    assert org.api_key.encode() not in mine[0].http_request.body
    stored = local.runs.find(org.org_slug, run, local.clock().date())
    assert stored
    assert stored.status is Status.PENDING


def test_the_same_request_again_is_the_same_run(api: FlaskClient, new_org: NewOrgs) -> None:
    """While a run is PENDING, asking again answers 200 with it, also when forced."""
    org = new_org()
    first = post(api, org).get_json()
    for body in ({"date": DAY}, {"date": DAY, "force_refresh": True}):
        again = post(api, org, json=body)
        assert (again.status_code, again.get_json()["deduplicated"]) == (200, True)
        assert again.get_json()["run_id"] == first["run_id"]
        assert again.get_json()["message"].endswith("is already running")
        assert again.headers["RateLimit"] == '"day";r=24;t=43200'


@pytest.mark.parametrize(
    ("status", "force", "code", "generation"),
    [
        (Status.RUNNING, True, 200, 1),
        (Status.SUCCESS, False, 200, 1),
        (Status.SUCCESS, True, 202, 2),
        (Status.FAILED, False, 202, 2),
        (Status.CANCELLED, False, 202, 2),
    ],
)
def test_what_a_new_request_does_with_an_old_run(
    api: FlaskClient, new_org: NewOrgs, local: Local, status: Status, force: bool, code: int, generation: int
) -> None:
    """Running and completed runs answer; failed, cancelled and forced ones start the next generation."""
    org = new_org()
    error = Stop(stored_code("x"), "y") if status is Status.FAILED else None
    event = RunEvent(status, started_at=local.clock(), rows=1, error=error)
    local.ledger.append_run(billing_run(org), event, local.clock())
    answer = post(api, org, json={"date": DAY, "force_refresh": force})
    assert (answer.status_code, answer.get_json()["run_id"]) == (
        code,
        run_id(org.org_slug, "gcp_billing", FIXTURE_DAY, generation),
    )


def test_an_unfinished_day_is_loaded_again(api: FlaskClient, new_org: NewOrgs, local: Local) -> None:
    """A run of today is provisional: a later request starts the next generation without force."""
    org, today = new_org(), local.clock().date()
    done = billing_run(org, today)
    local.ledger.append_run(done, RunEvent(Status.SUCCESS, started_at=local.clock(), rows=1), local.clock())
    answer = post(api, org, json={"date": today.isoformat()})
    assert (answer.status_code, answer.get_json()["run_id"]) == (
        202,
        run_id(org.org_slug, "gcp_billing", today, 2),
    )


def test_the_quota_ends_the_day(api: FlaskClient, new_org: NewOrgs) -> None:
    """After the last slot 429 says when to come back; a duplicate is still answered."""
    org = new_org(daily_limit=2)
    for day in ("2026-11-08", "2026-11-09"):
        assert post(api, org, json={"date": day}).status_code == 202
    refused = post(api, org)
    assert problem(refused) == (
        429,
        "Daily quota exceeded (2 pipelines/day). Wait for the next day or upgrade.",
    )
    assert refused.headers["Retry-After"] == "43200"
    assert refused.headers["RateLimit"] == '"day";r=0;t=43200'
    assert post(api, org, json={"date": "2026-11-08"}).status_code == 200


def test_the_next_day_has_a_new_quota(api: FlaskClient, new_org: NewOrgs, local: Local) -> None:
    """At 00:00 UTC all slots are free again."""
    org = new_org(daily_limit=1)
    assert post(api, org).status_code == 202
    local.clock.advance(hours=12)
    assert post(api, org, json={"date": "2026-11-09"}).status_code == 202


BAD_BODIES = [
    ({"data": b"{", "content_type": "application/json"}, 400, "The body is not valid JSON."),
    ({"data": b"[1]", "content_type": "application/json"}, 400, "The body must be a JSON object."),
    ({"data": b"\xff", "content_type": "application/json"}, 400, "The body is not valid JSON."),
    ({"data": b"[" * 100_000, "content_type": "application/json"}, 400, "The body is not valid JSON."),
    ({"data": b"date=1"}, 415, "The body must be JSON with Content-Type: application/json."),
    ({"json": {"date": "2026-02-30"}}, 400, "date must be a date written YYYY-MM-DD."),
    ({"json": {"date": "20261110"}}, 400, "date must be a date written YYYY-MM-DD."),
    ({"json": {"date": 20261110}}, 400, "date must be a date written YYYY-MM-DD."),
    ({"json": {"date": []}}, 400, "date must be a date written YYYY-MM-DD."),
    ({"json": {"date": {}}}, 400, "date must be a date written YYYY-MM-DD."),
    ({"json": {"force_refresh": None}}, 400, "force_refresh must be true or false."),
    (
        {"data": b'{"date": "2026-11-10", "date": "2026-11-09"}', "content_type": "application/json"},
        400,
        "A field stands twice in the body; give it once.",
    ),
    ({"query_string": "date=2026-11-10&date=2026-11-09"}, 400, "date is given more than once."),
    ({"data": b"1" * 5000, "content_type": "application/json"}, 400, "The body is not valid JSON."),
    (
        {"json": {"date": "2014-12-31"}},
        400,
        "date must lie between 2015-01-01 and today (2026-11-12 UTC).",
    ),
    (
        {"json": {"date": "2026-11-13"}},
        400,
        "date must lie between 2015-01-01 and today (2026-11-12 UTC).",
    ),
    ({"json": {"force_refresh": "yes"}}, 400, "force_refresh must be true or false."),
    ({"json": {"day": DAY}}, 400, "Unknown field 'day'. Allowed: date, force_refresh."),
    (
        {"json": {"date": DAY}, "query_string": {"date": "2026-11-09"}},
        400,
        "date in the body and date in the query differ; give it once.",
    ),
    ({"data": b"x" * 300_000, "content_type": "application/json"}, 413, "The body is larger than 256 KiB."),
]


@pytest.mark.parametrize(("options", "status", "detail"), BAD_BODIES)
def test_bad_bodies(
    api: FlaskClient, unchanged_org: OnboardedOrg, options: dict[str, Any], status: int, detail: str
) -> None:
    """Each mistake in a body is named in one plain sentence."""
    assert problem(post(api, unchanged_org, **options)) == (status, detail)


@pytest.mark.parametrize("encoding", ["gzip", "gzip, gzip"])
def test_a_body_is_never_decompressed(api: FlaskClient, unchanged_org: OnboardedOrg, encoding: str) -> None:
    """Whatever encoding a request names, its body is read as it is: a few kB cannot become more."""
    org = unchanged_org
    headers = {"X-API-Key": org.api_key, "Content-Encoding": encoding}
    refused = post(api, org, headers=headers, data=gzip.compress(bytes(2**20)), content_type="application/json")
    assert problem(refused) == (400, "The body is not valid JSON.")


def test_who_may_not(api: FlaskClient, new_org: NewOrgs) -> None:
    """No key, an unknown key and another org's key are refused as specified, and tell nothing of other orgs."""
    org, other = new_org(), new_org()
    missing = api.post(f"/api/v1/pipelines/run/{org.org_slug}/gcp/cost/billing")
    assert problem(missing) == (401, "X-API-Key header is required")
    assert "WWW-Authenticate" in missing.headers
    assert problem(post(api, org, headers={"X-API-Key": "x"})) == (401, "Invalid or inactive API key")
    denied = (403, "Access denied: this key belongs to another organization")
    assert problem(post(api, org, headers={"X-API-Key": other.api_key})) == denied
    nowhere = OnboardedOrg("nowhere_at_all", org.api_key, {})
    assert problem(post(api, nowhere)) == denied


def test_revoked_and_expired_keys(api: FlaskClient, new_org: NewOrgs, local: Local) -> None:
    """A revoked key, an expired key and an unknown one get the very same answer."""
    org = new_org()
    for column in ("revoked_at", "expires_at"):
        key = f"{org.org_slug}_api_{column}"
        row = {
            "org_slug": org.org_slug,
            "key_hash": key_hash(key),
            "key_prefix": "x",
            "created_at": local.clock().isoformat(),
            column: local.clock().isoformat(),
        }
        local.warehouse.append("org_api_keys_secure", [row], [key])
        assert problem(post(api, org, headers={"X-API-Key": key})) == (401, "Invalid or inactive API key")


@pytest.mark.parametrize("slug", ["a", "_abc", "runs", "a-b-c", "ä" * 5, "x" * 51, "a' OR 1=1"])
def test_bad_slugs(api: FlaskClient, unchanged_org: OnboardedOrg, slug: str) -> None:
    """A slug that can name no org is refused by naming the rule."""
    status, detail = problem(post(api, OnboardedOrg(slug, unchanged_org.api_key, {})))
    assert (status, detail.startswith("org_slug must be 3 to 50 letters")) == (400, True)


def test_unknown_pipelines(api: FlaskClient, unchanged_org: OnboardedOrg) -> None:
    """What does not exist is 404 with what is available."""
    org = unchanged_org
    available = "gcp/cost/billing, openai//usage_cost, anthropic//usage_cost"
    for path in ("gcp/cost/x", "openai/cost/usage_cost", "gcp/cost/billing/extra"):
        assert problem(post(api, org, path)) == (404, f"Unknown pipeline: {path}. Available: {available}")


@pytest.mark.parametrize(
    ("stored", "told"),
    [
        ("TRIAL", None), ("trialing", None), ("ACTIVE", None), ("active", None), ("SUSPENDED", "SUSPENDED"),
        ("past_due", "SUSPENDED"), ("incomplete", "SUSPENDED"), ("paused", "SUSPENDED"), ("CANCELLED", "CANCELLED"),
        ("canceled", "CANCELLED"), ("nonsense", "nonsense"),
    ],
)  # fmt: skip
def test_subscriptions(api: FlaskClient, new_org: NewOrgs, stored: str, told: str | None) -> None:
    """Only ACTIVE and TRIAL subscriptions may run, in whichever of the two vocabularies they are stored."""
    answer = post(api, new_org(status=stored))
    if told:
        assert problem(answer) == (403, f"Subscription is not active. Current status: {told}")
    else:
        assert answer.status_code == 202


def test_the_integration_must_be_valid(api: FlaskClient, new_org: NewOrgs, local: Local) -> None:
    """An integration that the provider has refused blocks the pipeline that needs it."""
    org = new_org()
    integrations = Integrations(local.warehouse, local.clock)
    integrations.mark_invalid(integrations.of(org.org_slug, "GCP_SA"), "refused")
    assert problem(post(api, org)) == (400, 'Required integration "GCP_SA" is not configured.')


def test_the_order_of_checks(api: FlaskClient, new_org: NewOrgs) -> None:
    """A request that is wrong in every way is told the first thing first, then the next."""
    org = new_org(status="SUSPENDED", daily_limit=0)
    stranger = new_org()
    wrong = {"json": {"date": "x"}}
    assert post(api, org, "gcp/x", headers={"X-API-Key": ""}, **wrong).status_code == 401
    assert post(api, OnboardedOrg("a", stranger.api_key, {}), "gcp/x", **wrong).status_code == 400
    assert post(api, org, "gcp/x", headers={"X-API-Key": stranger.api_key}, **wrong).status_code == 403
    assert problem(post(api, org, "gcp/x", **wrong)) == (400, "date must be a date written YYYY-MM-DD.")
    assert post(api, org, "gcp/x").status_code == 404
    assert post(api, org).status_code == 403


def days_of_free_slots(org: OnboardedOrg, limit: int) -> list[str]:
    """Dates whose runs each look first at a slot that none of the others looks at first."""
    dates = [FIXTURE_DAY - timedelta(days=number) for number in range(limit)]
    first = {next(probe_order(run_id(org.org_slug, "gcp_billing", date, 1), limit)): date for date in dates}
    return [date.isoformat() for date in first.values()]


def test_a_trigger_costs_one_query_one_insert_and_one_task(api: FlaskClient, new_org: NewOrgs, local: Local) -> None:
    """On the wire: one BigQuery query, one streaming insert, one Cloud Tasks call; a key's first use one query more."""
    org = new_org(daily_limit=30)
    for day, queries in zip(days_of_free_slots(org, 30), (2, 1, 1), strict=False):
        requests.delete(f"{local.settings.bigquery_endpoint}/local/requests", timeout=5)
        local.google.traffic.reset()
        assert post(api, org, json={"date": day}).status_code == 202
        counted = requests.get(f"{local.settings.bigquery_endpoint}/local/requests", timeout=5).json()["requests"]
        assert counted == {"jobs.query": queries, "tabledata.insertAll": 1}
        assert local.google.traffic.summary() == {"tasks.CreateTask": {"calls": 1, "200": 1}}
        local.clock.advance(minutes=2)  # what is remembered of the key is older than a minute then


def tasks_of(local: Local, org: OnboardedOrg) -> list[str]:
    tasks = clients.tasks(local.settings).list_tasks(request={"parent": local.settings.queue_path})
    return [task.name for task in tasks if f"-{org.org_slug}-" in task.name]


def test_when_the_queue_cannot_be_reached(api: FlaskClient, new_org: NewOrgs, local: Local) -> None:
    """Cloud Tasks being down is 503 with Retry-After, and nothing is recorded as admitted."""
    org = new_org()
    local.google.faults.add(Fault(api="tasks", method="CreateTask", kind="error", status=503, times=2))
    answer = post(api, org)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    runs = api.get(f"/api/v1/pipelines/{org.org_slug}/runs", headers={"X-API-Key": org.api_key})
    assert (runs.get_json()["total"], tasks_of(local, org)) == (0, [])
    assert post(api, org).status_code == 202


def test_a_lost_answer_of_the_queue(api: FlaskClient, new_org: NewOrgs, local: Local) -> None:
    """When the task was created and only the answer got lost, the run is admitted, once, and the caller told so."""
    org = new_org()
    local.google.faults.add(Fault(api="tasks", method="CreateTask", kind="lost_reply", times=1))
    answer = post(api, org)
    assert (answer.status_code, len(tasks_of(local, org))) == (202, 1)
    assert post(api, org).status_code == 200


def test_when_bigquery_cannot_be_reached(new_org: NewOrgs, local: Local) -> None:
    """BigQuery being away is 503 within the patience of a request, and nothing is admitted."""
    org = new_org()
    nobody = local.settings.model_copy(update={"bigquery_endpoint": f"http://127.0.0.1:{free_port()}"})
    answer = post(public_app(compose(nobody, local.clock, patience_s=1.0)).test_client(), org)
    assert (problem(answer)[0], answer.headers["Retry-After"], tasks_of(local, org)) == (503, "10", [])


def test_when_bigquery_is_overloaded(new_org: NewOrgs, local: Local) -> None:
    """BigQuery answering 503 again and again is 503, not an endless wait."""
    org, api = new_org(), public_app(compose(local.settings, local.clock, patience_s=1.0)).test_client()
    fault = {"method": "POST", "path_regex": ".*/queries", "status": 503, "times": 1000}
    faults = f"{local.settings.bigquery_endpoint}/local/faults"
    requests.post(faults, json=fault, timeout=5).raise_for_status()
    try:
        answer = post(api, org)
    finally:
        requests.delete(faults, timeout=5).raise_for_status()
    assert (problem(answer)[0], tasks_of(local, org)) == (503, [])


def test_an_event_that_cannot_be_appended(api: FlaskClient, new_org: NewOrgs, local: Local) -> None:
    """Once the task exists the run is admitted: a PENDING event that BigQuery refuses changes nothing of that."""
    org = new_org()
    fault = {"method": "POST", "path_regex": ".*/insertAll", "status": 404, "times": 1}
    requests.post(f"{local.settings.bigquery_endpoint}/local/faults", json=fault, timeout=5).raise_for_status()
    answer = post(api, org)
    assert (answer.status_code, len(tasks_of(local, org))) == (202, 1)


def test_request_ids(api: FlaskClient, new_org: NewOrgs) -> None:
    """A usable X-Request-ID is echoed, any other replaced, on refusals too."""
    org = new_org()
    assert post(api, org, headers={"X-Request-ID": "a.b-c_1"}).headers["X-Request-ID"] == "a.b-c_1"
    for bad in ("a b", "x" * 129, "é"):
        answer = post(api, org, headers={"X-Request-ID": bad.encode().decode("latin1")}, json={"x": 1})
        assert answer.headers["X-Request-ID"] != bad
        assert answer.get_json()["request_id"] == answer.headers["X-Request-ID"]


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/api/v1/nothing", 404), ("PUT", "/health", 405)])
def test_paths_and_methods_that_do_not_exist(api: FlaskClient, method: str, path: str, status: int) -> None:
    """404 and 405 are problem documents too; 405 says what is allowed."""
    answer = api.open(path, method=method)
    assert problem(answer)[0] == status
    assert ("Allow" in answer.headers) == (status == 405)
