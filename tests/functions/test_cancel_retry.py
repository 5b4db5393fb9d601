"""Cancel, retry and sweep: how a run ends before its time, goes on, or is given up."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import run_v2
from werkzeug.test import TestResponse

from cloudact import clients
from cloudact.error_codes import Code, stored_code
from cloudact.errors import Stop
from cloudact.runs.ledger import RunEvent, StepEvent
from cloudact.runs.load import Outcome, RunLoad
from cloudact.runs.run import Run, Status
from functions.auth.service_accounts import Caller
from functions.composition import compose
from functions.ops_routes import private_app
from functions.routes import public_app
from functions.runs.queue import second_task_id
from jobs.claim import claim
from jobs.container import Execution
from localcloud.google_apis.rest.faults import Fault
from localcloud.onboarding import OnboardedOrg
from localcloud.stack import SCHEDULER
from tests.conftest import NOON, Local, NewOrgs, billing_run, load_fixture_export
from tests.jobs.conftest import RunJob, detail, run_job, table
from tests.jobs.empty_days import empty_part

__all__ = ["run_job"]
AUDIENCE = "http://ops.test"


def post(api: FlaskClient, org: OnboardedOrg, run: Run, verb: str, **options: Any) -> TestResponse:
    path = f"/api/v1/pipelines/{org.org_slug}/runs/{run.run_id}/{verb}"
    return api.post(path, headers={"X-API-Key": org.api_key}, **options)


def trigger(api: FlaskClient, org: OnboardedOrg, run: Run) -> TestResponse:
    path = f"/api/v1/pipelines/run/{org.org_slug}/gcp/cost/billing"
    return api.post(path, headers={"X-API-Key": org.api_key}, json={"date": run.date.isoformat()})


def tell(local: Local, run: Run, status: Status, **event: Any) -> None:
    error = Stop(stored_code("x"), "It failed.", "Do.") if status is Status.FAILED else None
    local.ledger.append_run(run, RunEvent(status, error=error, **event), local.clock())


def tasks_of(local: Local, run: Run) -> list[str]:
    request = {"parent": local.settings.queue_path, "response_view": "FULL"}
    tasks = clients.tasks(local.settings).list_tasks(request=request)
    return [task.name for task in tasks if f'\\"{run.org_slug}\\"'.encode() in task.http_request.body]


@pytest.fixture
def org(new_org: NewOrgs) -> OnboardedOrg:
    return new_org(accounts=())


@pytest.fixture
def export(local: Local, org: OnboardedOrg) -> None:
    """The org's export has rows, which a run could load."""
    load_fixture_export(local, org)


@pytest.fixture
def ops(local: Local) -> FlaskClient:
    settings = local.settings.model_copy(update={"ops_audience": AUDIENCE})
    return private_app(compose(settings, local.clock), Caller(settings)).test_client()


def token(local: Local, service_account: str = SCHEDULER, audience: str = AUDIENCE, lifetime_s: int = 3600) -> str:
    asked = {"service_account": service_account, "audience": audience, "lifetime_s": lifetime_s}
    answer = requests.post(f"{local.settings.run_endpoint}/local/oidc_token", json=asked, timeout=5)
    return str(answer.json()["token"])


def swept(local: Local, ops: FlaskClient) -> dict[str, list[str]]:
    now, local.clock.now = local.clock.now, datetime.now(UTC)  # tokens are signed and verified in real time
    bearer = token(local)
    local.clock.now = now
    answer = ops.post("/ops/sweep", headers={"Authorization": f"Bearer {bearer}"})
    assert answer.status_code == 200, answer.get_json()
    found: dict[str, list[str]] = answer.get_json()
    return found


def named(found: dict[str, list[str]]) -> set[str]:
    """All runs that a sweep did something about."""
    return {run_id for ids in found.values() for run_id in ids}


@pytest.mark.usefixtures("export")
def test_a_pending_run_is_cancelled(api: FlaskClient, local: Local, org: OnboardedOrg, run_job: RunJob) -> None:
    """Its task is deleted, and should it be delivered all the same, it does nothing."""
    run = billing_run(org)
    trigger(api, org, run)
    assert len(tasks_of(local, run)) == 1
    answer = post(api, org, run, "cancel")
    assert (answer.status_code, answer.get_json()["status"]) == (202, "CANCELLED")
    assert tasks_of(local, run) == []
    assert run_job(run) == 0
    assert (local.ledger.status(run), table(local, org)) == (Status.CANCELLED, [])


def test_a_running_run_is_cancelled(api: FlaskClient, local: Local, org: OnboardedOrg) -> None:
    """A run at work is CANCELLED at once, its step too, and from then on it cannot load."""
    run = billing_run(org)
    tell(local, run, Status.RUNNING, started_at=NOON, execution="runner-gone", execution_tasks=1)
    step = StepEvent(0, "extract", "bigquery_query", Status.RUNNING, 0, "1")
    local.ledger.append_step(run, step, NOON)
    assert post(api, org, run, "cancel").status_code == 202
    path = f"/api/v1/pipelines/{org.org_slug}/runs/{run.run_id}"
    shown = api.get(path, headers={"X-API-Key": org.api_key}).get_json()
    assert (shown["status"], shown["steps"][0]["status"], shown["error"]) == ("CANCELLED", "CANCELLED", None)
    assert RunLoad(local.warehouse, run.run_id).outcome(tick=lambda: None).status is Status.CANCELLED  # type: ignore[union-attr]


def test_cancelling_stops_the_container(local: Local, org: OnboardedOrg) -> None:
    """The Cloud Run execution that works on the run is cancelled with it, within ten seconds."""
    settings = local.settings.model_copy(update={"job": f"sleeper-{org.org_slug.replace('_', '-')}"})
    options: dict[str, Any] = {"transport": "rest", "credentials": AnonymousCredentials()}
    options["client_options"] = ClientOptions(api_endpoint=settings.run_endpoint)
    parent = f"projects/{settings.project}/locations/{settings.location}"
    container = {"image": "any", "command": ["sleep", "60"]}
    task = run_v2.TaskTemplate(containers=[container], max_retries=0)
    job = run_v2.Job(template={"template": task})
    jobs = run_v2.JobsClient(**options)
    jobs.create_job(parent=parent, job=job, job_id=settings.job).result()
    execution = jobs.run_job(name=f"{parent}/jobs/{settings.job}").metadata.name
    run = billing_run(org)
    tell(local, run, Status.RUNNING, started_at=NOON, execution=execution.rpartition("/")[2], execution_tasks=1)
    api = public_app(compose(settings, local.clock)).test_client()
    assert post(api, org, run, "cancel").status_code == 202
    executions, deadline = run_v2.ExecutionsClient(**options), time.monotonic() + 60
    while not executions.get_execution(name=execution).cancelled_count:
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("status", [Status.SUCCESS, Status.FAILED, Status.CANCELLED])
def test_a_final_run_cannot_be_cancelled(api: FlaskClient, local: Local, org: OnboardedOrg, status: Status) -> None:
    """409 says what the run is already."""
    tell(local, billing_run(org), status, started_at=NOON)
    answer = post(api, org, billing_run(org), "cancel")
    assert (answer.status_code, answer.get_json()["detail"]) == (409, f"The run is {status} already.")


def test_a_run_that_has_loaded_cannot_be_cancelled(api: FlaskClient, local: Local, org: OnboardedOrg) -> None:
    """Between its load and its last event a run is past cancelling: the table has its rows already."""
    run = billing_run(org)
    tell(local, run, Status.RUNNING, started_at=NOON)
    load_nothing(local, org, run)
    answer = post(api, org, run, "cancel")
    assert (answer.status_code, "can no longer be cancelled" in answer.get_json()["detail"]) == (409, True)


def load_nothing(local: Local, org: OnboardedOrg, run: Run) -> None:
    """Loads an empty day as this run, and says nothing of it."""
    with TemporaryDirectory() as folder:
        part = empty_part(local, org.org_slug, "gcp_billing_daily_raw", Path(folder) / "day.parquet")
        RunLoad(local.warehouse, run.run_id).load([part], run.date, tick=lambda: None)


@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED])
def test_a_run_that_ended_badly_is_retried(api: FlaskClient, local: Local, org: OnboardedOrg, status: Status) -> None:
    """The next generation starts, says that it is a retry, and counts; the old one cannot be retried again."""
    tell(local, billing_run(org), status, started_at=NOON)
    answer = post(api, org, billing_run(org), "retry")
    again = billing_run(org, generation=2)
    assert (answer.status_code, answer.get_json()["run_id"]) == (202, again.run_id)
    stored = local.runs.find(org.org_slug, again.run_id, NOON.date())
    assert stored
    assert stored.trigger_type == "retry"
    second = post(api, org, billing_run(org), "retry")
    assert (second.status_code, again.run_id in second.get_json()["detail"]) == (409, True)


@pytest.mark.parametrize("status", [Status.PENDING, Status.RUNNING, Status.SUCCESS])
def test_what_cannot_be_retried(api: FlaskClient, local: Local, org: OnboardedOrg, status: Status) -> None:
    """Only FAILED and CANCELLED runs can be retried."""
    tell(local, billing_run(org), status, started_at=None if status is Status.PENDING else NOON)
    answer = post(api, org, billing_run(org), "retry")
    assert answer.status_code == 409
    assert answer.get_json()["detail"].endswith(f"this one is {status}.")


@pytest.mark.parametrize("verb", ["cancel", "retry"])
def test_settling_is_for_the_org_only(api: FlaskClient, org: OnboardedOrg, new_org: NewOrgs, verb: str) -> None:
    """Another org's key, an unknown run and a body with fields are refused."""
    run, other = billing_run(org), new_org()
    path = f"/api/v1/pipelines/{org.org_slug}/runs/{run.run_id}/{verb}"
    assert api.post(path).status_code == 401
    assert api.post(path, headers={"X-API-Key": other.api_key}).status_code == 403
    assert post(api, org, run, verb).status_code == 404
    assert post(api, org, run, verb, json={"why": "x"}).status_code == 400


def lose_tasks(local: Local) -> None:
    """The queue's tasks are gone, as when Cloud Tasks gave up on them."""
    clients.tasks(local.settings).purge_queue(name=local.settings.queue_path)


def test_a_run_that_never_started(api: FlaskClient, local: Local, org: OnboardedOrg, ops: FlaskClient) -> None:
    """After fifteen minutes it is queued once more, after fifteen more it is FAILED; sweeping again changes nothing."""
    run = billing_run(org)
    trigger(api, org, run)
    lose_tasks(local)
    local.clock.advance(minutes=14)
    assert run.run_id not in named(swept(local, ops))
    local.clock.advance(minutes=1)
    assert run.run_id in swept(local, ops)["enqueued"]
    assert run.run_id not in named(swept(local, ops))
    assert any(second_task_id(run.run_id) in name for name in tasks_of(local, run))
    lose_tasks(local)
    local.clock.advance(minutes=15)
    assert run.run_id in swept(local, ops)["settled"]
    told = detail(local, run)
    assert (told["status"], told["error_code"], told["error_retryable"]) == ("FAILED", "never_started", True)
    assert run.run_id not in named(swept(local, ops))


def test_a_run_that_waits_in_the_queue_is_left_alone(
    api: FlaskClient, local: Local, org: OnboardedOrg, ops: FlaskClient
) -> None:
    """A long queue is no reason to give up: what still has its task is waiting, however long."""
    run = billing_run(org)
    trigger(api, org, run)
    local.clock.advance(hours=2)
    assert run.run_id in swept(local, ops)["waiting"]
    assert (len(tasks_of(local, run)), local.ledger.status(run)) == (1, Status.PENDING)


def test_a_container_that_died_before_its_first_word(local: Local, org: OnboardedOrg, ops: FlaskClient) -> None:
    """A claimed run that never said RUNNING is given up at once: no other container could work on it."""
    run = billing_run(org)
    tell(local, run, Status.PENDING)
    claim(local.warehouse, run, Execution("runner-dead", 0, 0, last_attempt=True), NOON)
    local.clock.advance(minutes=15)
    assert run.run_id in swept(local, ops)["settled"]
    assert detail(local, run)["error_code"] == "lost"


@pytest.mark.usefixtures("export")
def test_one_run_asked_for_on_two_days(
    api: FlaskClient, local: Local, org: OnboardedOrg, ops: FlaskClient, run_job: RunJob
) -> None:
    """Equal requests around midnight are one run; the row that nobody works for is closed, the other left to work."""
    today = billing_run(org)
    tomorrow = billing_run(org, requested_at=NOON + timedelta(days=1))
    tell(local, today, Status.PENDING)
    tell(local, tomorrow, Status.PENDING, key="/next-day")  # with the same key BigQuery may keep one row of the two
    run_job(today)
    local.clock.advance(days=1, minutes=1)
    assert tomorrow.run_id in swept(local, ops)["settled"]
    path = f"/api/v1/pipelines/{org.org_slug}/runs/{today.run_id}"
    shown = api.get(path, headers={"X-API-Key": org.api_key}).get_json()
    assert (shown["status"], len(table(local, org))) == ("SUCCESS", shown["rows_processed"])


@pytest.mark.usefixtures("export")
def test_everybody_tells_the_same_end(local: Local, api: FlaskClient, org: OnboardedOrg, run_job: RunJob) -> None:
    """A job that fails after a cancel has decided tells CANCELLED, and a cancel after a failure was decided is 409."""
    run = billing_run(org)
    RunLoad(local.warehouse, run.run_id).settle(Outcome(Status.CANCELLED, at=NOON), tick=lambda: None)
    run_job(run, max_bytes_billed=1)
    assert detail(local, run)["status"] == "CANCELLED"
    second = billing_run(org, generation=2)
    failed = Outcome(Status.FAILED, error=Stop(Code.QUERY_TOO_LARGE, "Too large.", "Ask."), at=NOON)
    RunLoad(local.warehouse, second.run_id).settle(failed, tick=lambda: None)
    tell(local, second, Status.RUNNING, started_at=NOON)
    assert post(api, org, second, "cancel").status_code == 409
    assert run_job(second, attempt=1) == 0
    assert (detail(local, second)["status"], detail(local, second)["error_code"]) == ("FAILED", "query_too_large")


def test_a_cancel_that_cannot_reach_the_queue(api: FlaskClient, local: Local, org: OnboardedOrg) -> None:
    """The run is cancelled all the same; the task that stays does nothing when it fires."""
    run = billing_run(org)
    trigger(api, org, run)
    local.google.faults.add(Fault(api="tasks", method="DeleteTask", kind="error", status=403, times=9))
    answer = post(api, org, run, "cancel")
    local.google.faults.clear()
    assert (answer.status_code, local.ledger.status(run)) == (202, Status.CANCELLED)


def test_a_pipeline_that_is_gone_is_not_retried(api: FlaskClient, local: Local, org: OnboardedOrg) -> None:
    """A run of a pipeline that is unknown by now cannot be retried, as it could not be triggered."""
    run = billing_run(org, pipeline="openai_tokens", provider="openai", domain="", name="tokens")
    tell(local, run, Status.FAILED, started_at=NOON)
    assert post(api, org, run, "retry").status_code == 404


def test_a_killed_container_is_settled_and_a_slow_one_is_not(
    local: Local, org: OnboardedOrg, new_org: NewOrgs, ops: FlaskClient
) -> None:
    """Ten minutes without an event is lost; a sign of life in a step keeps a run alive."""
    dead, slow = billing_run(org), billing_run(new_org())
    for run in (dead, slow):
        tell(local, run, Status.RUNNING, started_at=NOON)
    local.clock.advance(minutes=9)
    sign = StepEvent(0, "load", "bigquery_load", Status.RUNNING, 0, "1", progress="9000 rows read.")
    local.ledger.append_step(slow, sign, local.clock())
    local.clock.advance(minutes=1)
    found = swept(local, ops)
    assert dead.run_id in found["settled"]
    assert slow.run_id not in named(found)
    assert detail(local, dead)["error_code"] == "lost"


def test_a_lost_run_that_had_loaded_is_a_success(local: Local, org: OnboardedOrg, ops: FlaskClient) -> None:
    """A container that died after its load is told as what it is: the rows are in the table."""
    run = billing_run(org)
    tell(local, run, Status.RUNNING, started_at=NOON)
    load_nothing(local, org, run)
    local.clock.advance(minutes=11)
    assert run.run_id in swept(local, ops)["settled"]
    assert (detail(local, run)["status"], detail(local, run)["rows_processed"]) == ("SUCCESS", 0)


def test_a_cancel_that_died_half_way(local: Local, org: OnboardedOrg, ops: FlaskClient) -> None:
    """A run that was fenced by a cancel which could not say so any more becomes CANCELLED."""
    run = billing_run(org)
    tell(local, run, Status.RUNNING, started_at=NOON)
    RunLoad(local.warehouse, run.run_id).settle(Outcome(Status.CANCELLED, at=NOON), tick=lambda: None)
    local.clock.advance(minutes=11)
    swept(local, ops)
    assert detail(local, run)["status"] == "CANCELLED"


@pytest.mark.usefixtures("export")
def test_a_swept_run_cannot_load(local: Local, org: OnboardedOrg, ops: FlaskClient, run_job: RunJob) -> None:
    """A container that was only slow to be seen finds its run settled and loads nothing."""
    run = billing_run(org)
    tell(local, run, Status.RUNNING, started_at=NOON)
    local.clock.advance(minutes=11)
    swept(local, ops)
    assert run_job(run) == 0
    assert (detail(local, run)["status"], table(local, org)) == ("FAILED", [])


def test_ops_is_for_named_callers_only(local: Local, ops: FlaskClient) -> None:
    """No token, a token for elsewhere, an expired one, one we did not issue: 401; another account's: 403."""

    def answer(bearer: str | None) -> int:
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        return ops.post("/ops/sweep", headers=headers).status_code

    local.clock.now = datetime.now(UTC)  # tokens are signed and verified in real time
    good = token(local)
    assert answer(good) == 200
    assert answer(token(local, lifetime_s=-60)) == 401
    assert answer(None) == 401
    assert answer("x.y.z") == 401
    assert answer(good[:-4] + "AAAA") == 401
    assert answer(token(local, audience="http://elsewhere")) == 401
    assert answer(token(local, service_account="someone@else.iam.gserviceaccount.com")) == 403


@pytest.mark.usefixtures("export")
def test_deliveries_in_any_order(local: Local, api: FlaskClient, org: OnboardedOrg, run_job: RunJob) -> None:
    """The second queueing's delivery before the first, both twice: one execution works, the others do nothing."""
    run = billing_run(org)
    trigger(api, org, run)
    outcomes = [run_job(run, execution=f"runner-{n}") for n in (2, 1, 2, 1)]
    assert outcomes == [0, 0, 0, 0]
    events = local.query(
        f"SELECT DISTINCT execution FROM organizations.pipeline_run_events WHERE run_id = '{run.run_id}'"
    )
    assert {event["execution"] for event in events} == {None, "runner-2"}


def test_a_run_that_cannot_be_understood_stops_no_sweep(
    local: Local, org: OnboardedOrg, new_org: NewOrgs, ops: FlaskClient
) -> None:
    """A run whose events make no sense is left alone, and every other is settled all the same."""
    strange, lost = billing_run(new_org()), billing_run(org)
    local.ledger.append_run(strange, RunEvent(Status.RUNNING, started_at=NOON), NOON)
    row = local.query(f"SELECT * FROM organizations.pipeline_run_events WHERE run_id = '{strange.run_id}'")[0]
    told = {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}
    told |= {"parameters": "", "event_id": "broken"}
    local.warehouse.append("pipeline_run_events", [told], [strange.run_id])
    tell(local, lost, Status.RUNNING, started_at=NOON)
    local.clock.advance(minutes=11)
    found = swept(local, ops)
    assert strange.run_id in found["left"]
    assert lost.run_id in found["settled"]


def test_a_run_of_a_pipeline_that_is_gone(local: Local, api: FlaskClient, org: OnboardedOrg, ops: FlaskClient) -> None:
    """A run whose pipeline has left the registry is settled and cancelled like any other."""
    lost, unwanted = (billing_run(org, pipeline="gone", generation=n) for n in (1, 2))
    for run in (lost, unwanted):
        tell(local, run, Status.RUNNING, started_at=NOON)
    assert post(api, org, unwanted, "cancel").status_code == 202
    local.clock.advance(minutes=11)
    assert lost.run_id in swept(local, ops)["settled"]
