"""POST /pipelines/{org}/backfill: which dates run, how many a day, and that nothing is lost on the way."""

import datetime as dt
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient
from google.cloud.tasks_v2 import Task

from cloudact import clients
from cloudact.orgs.integrations import Integrations
from cloudact.runs.ledger import RunEvent
from cloudact.runs.run import Run, Status, TriggerType
from functions.composition import compose
from functions.routes import public_app
from functions.runs.queue import run_in
from localcloud.google_apis.rest.faults import Fault
from localcloud.onboarding import OnboardedOrg
from tests.conftest import NOON, Local, NewOrgs, billing_run
from tests.functions.operators import problem
from tests.sessions import bearer

TODAY = NOON.date()


def ago(days: int) -> str:
    return (TODAY - dt.timedelta(days=days)).isoformat()


def ask(api: FlaskClient, org: OnboardedOrg, start: str, end: str, **body: Any) -> Any:
    path = f"/api/v1/pipelines/{org.org_slug}/backfill"
    asked = {"pipeline": "gcp_billing", "start_date": start, "end_date": end} | body
    return api.post(path, headers={"X-API-Key": org.api_key}, json=asked)


def reasons(answer: Any) -> dict[str, str]:
    return {skip["date"]: skip["reason"] for skip in answer.get_json()["skip"]}


def queued(local: Local, org: OnboardedOrg) -> list[Run]:
    request = {"parent": local.settings.queue_path, "response_view": Task.View.FULL, "page_size": 1000}
    tasks = [task for task in clients.tasks(local.settings).list_tasks(request=request) if org.org_slug in task.name]
    return [run_in(task.http_request.body) for task in tasks]


def has(
    local: Local, org: OnboardedOrg, days_ago: int, status: Status, requested: int = 0, generation: int = 1
) -> None:
    """A run of that date, requested so many days ago."""
    at = NOON - dt.timedelta(days=requested)
    run = billing_run(org, TODAY - dt.timedelta(days=days_ago), generation=generation, requested_at=at)
    run = run.model_copy(update={"trigger_type": TriggerType.SCHEDULE})
    local.ledger.append_run(run, RunEvent(status, started_at=at), at)


def test_ninety_days_with_a_limit_of_25(api: FlaskClient, local: Local, new_org: NewOrgs) -> None:
    """25 run today, the newest first, and the other 65 are listed; over the next days all run, each once."""
    org = new_org(daily_limit=25)
    first = ask(api, org, ago(90), ago(1))
    told = first.get_json()
    assert first.status_code == 202
    assert told["run"] == [ago(days) for days in range(1, 26)]
    assert reasons(first) == {ago(days): "quota" for days in range(26, 91)}
    assert (told["remaining"], first.headers["RateLimit"].split(";")[1]) == (65, "r=0")
    done: Counter[dt.date] = Counter()
    start, end = ago(90), ago(1)
    for _ in range(4):
        runs = [run for run in queued(local, org) if run.requested_at == local.clock()]
        done.update(run.date for run in runs)
        now = local.clock()
        local.ledger.append_runs([(run, RunEvent(Status.SUCCESS, started_at=now)) for run in runs], now)
        local.clock.advance(days=1)
        answer = ask(api, org, start, end)
        assert answer.status_code == 202
    assert (len(done), set(done.values())) == (90, {1})
    assert answer.get_json()["run"] == []
    assert set(reasons(answer).values()) == {"already_completed"}


def test_completed_days_again(api: FlaskClient, local: Local, new_org: NewOrgs) -> None:
    """Reprocessing ten days at four a day reaches each of them in three days, though all stay completed."""
    org = new_org(daily_limit=4)
    for days in range(1, 11):
        has(local, org, days, Status.SUCCESS)
    start, end = ago(10), ago(1)
    done: list[str] = []
    for _ in range(3):
        local.clock.advance(days=1)
        told = ask(api, org, start, end, reprocess="completed").get_json()
        done += told["run"]
        assert told["remaining"] == 6
        now = local.clock()
        runs = [run for run in queued(local, org) if run.requested_at == now]
        local.ledger.append_runs([(run, RunEvent(Status.SUCCESS, started_at=now)) for run in runs], now)
    assert (len(done), set(done)) == (12, {(TODAY - dt.timedelta(days=days)).isoformat() for days in range(1, 11)})


def test_a_dry_run(api: FlaskClient, local: Local, new_org: NewOrgs) -> None:
    """200 with the dates that would run; nothing is queued and nothing counts."""
    org = new_org(daily_limit=3)
    answer = ask(api, org, ago(5), ago(1), dry_run=True)
    assert (answer.status_code, answer.get_json()["run"]) == (200, [ago(1), ago(2), ago(3)])
    assert reasons(answer) == {ago(4): "quota", ago(5): "quota"}
    assert (queued(local, org), local.admissions.quota(org.org_slug, TODAY)[1]) == ([], 0)


def test_what_is_run_again(api: FlaskClient, local: Local, new_org: NewOrgs) -> None:
    """What never ran, or saw an unfinished day, always; what failed or succeeded if asked; what is under way never."""
    org = new_org()
    for days, status in enumerate((Status.SUCCESS, Status.FAILED, Status.CANCELLED, Status.RUNNING), start=1):
        has(local, org, days, status, generation=3)
    has(local, org, 6, Status.SUCCESS, requested=6)
    expected = {
        "none": ([5, 6], {1: "already_completed", 2: "failed_before", 3: "failed_before", 4: "already_running"}),
        "failed": ([2, 3, 5, 6], {1: "already_completed", 4: "already_running"}),
        "completed": ([1, 2, 3, 5, 6], {4: "already_running"}),
    }
    for reprocess, (run, skip) in expected.items():
        answer = ask(api, org, ago(6), ago(1), reprocess=reprocess, dry_run=True)
        assert answer.get_json()["run"] == [ago(days) for days in run], reprocess
        assert reasons(answer) == {ago(days): reason for days, reason in skip.items()}
    ask(api, org, ago(6), ago(1), reprocess="completed")
    runs = queued(local, org)
    assert {(run.date.isoformat(), run.generation) for run in runs} == {
        (ago(1), 4), (ago(2), 4), (ago(3), 4), (ago(5), 1), (ago(6), 2),
    }  # fmt: skip
    assert {(run.trigger_type, run.force_refresh) for run in runs} == {(TriggerType.BACKFILL, True)}


def test_runs_are_seen_and_count(api: FlaskClient, local: Local, new_org: NewOrgs) -> None:
    """Each is PENDING at once and takes one of the day's runs, so a second request runs nothing."""
    org = new_org(daily_limit=10)
    run = ask(api, org, ago(4), ago(1)).get_json()["run"]
    path = f"/api/v1/pipelines/{org.org_slug}/runs?trigger_type=backfill"
    listed = api.get(path, headers={"X-API-Key": org.api_key}).get_json()["runs"]
    assert sorted(each["date"] for each in listed) == sorted(run)
    assert {each["status"] for each in listed} == {"PENDING"}
    assert local.admissions.quota(org.org_slug, TODAY)[1] == 4
    again = ask(api, org, ago(4), ago(1))
    assert (again.get_json()["run"], set(reasons(again).values())) == ([], {"already_running"})


def test_the_quota_is_exact_beside_triggers(local: Local, new_org: NewOrgs) -> None:
    """Three backfills and nine triggers at once admit exactly as many runs as the day allows."""
    org = new_org(daily_limit=10)
    app = public_app(compose(local.settings, local.clock))

    def one(number: int) -> None:
        if number % 4 == 0:
            ask(app.test_client(), org, ago(40 * number + 30), ago(40 * number + 10))
        else:
            path = f"/api/v1/pipelines/run/{org.org_slug}/gcp/cost/billing"
            app.test_client().post(path, headers={"X-API-Key": org.api_key}, json={"date": ago(number + 500)})

    with ThreadPoolExecutor(12) as threads:
        list(threads.map(one, range(12)))
    runs = queued(local, org)
    assert (len(runs), len({run.run_id for run in runs})) == (10, 10)


def test_cloud_tasks_fails_on_the_way(api: FlaskClient, local: Local, new_org: NewOrgs) -> None:
    """503; what was admitted is told, and the same request goes on with the rest."""
    org = new_org(daily_limit=20)
    local.google.faults.add(Fault(kind="error", status=503, seed=3, api="tasks", method="CreateTask", probability=0.6))
    answer = ask(api, org, ago(15), ago(1))
    local.google.faults.clear()
    assert answer.status_code == 503
    before = len(queued(local, org))
    assert 0 < before < 15
    assert local.admissions.quota(org.org_slug, TODAY)[1] == before
    again = ask(api, org, ago(15), ago(1))
    assert (again.status_code, len(again.get_json()["run"])) == (202, 15 - before)
    assert len({run.date for run in queued(local, org)}) == len(queued(local, org)) == 15


def calls(local: Local) -> tuple[int, int, int]:
    """How often a task was created, or refused; one was read; rows were told."""
    google = local.google.traffic.summary()
    bigquery = requests.get(f"{local.settings.bigquery_endpoint}/local/requests", timeout=5).json()["requests"]
    created, read = (google.get(f"tasks.{method}", {}).get("calls", 0) for method in ("CreateTask", "GetTask"))
    return created, read, bigquery.get("tabledata.insertAll", 0)


def count_from_now_on(local: Local) -> None:
    local.google.traffic.reset()
    requests.delete(f"{local.settings.bigquery_endpoint}/local/requests", timeout=5)


def test_what_a_backfill_costs(api: FlaskClient, local: Local, new_org: NewOrgs) -> None:
    """One call for each slot of an empty day; runs are told eight at a time, so each is seen within seconds.

    One insert more tells, before the answer, that the key was used, and one of what is told of the quota.
    """
    org = new_org(daily_limit=100)
    count_from_now_on(local)
    assert len(ask(api, org, ago(100), ago(1)).get_json()["run"]) == 100
    created, read, told = calls(local)
    assert (len(queued(local, org)), created, read, told) == (100, 100, 0, 13 + 1 + 1)


@pytest.mark.parametrize("fired", [True, False])
def test_what_the_rest_of_a_day_costs(api: FlaskClient, local: Local, new_org: NewOrgs, fired: bool) -> None:
    """A slot that others have is tried and read at most once, however many runs look for a free one."""
    org = new_org(daily_limit=100)
    assert len(ask(api, org, ago(200), ago(151)).get_json()["run"]) == 50
    if fired:
        clients.tasks(local.settings).purge_queue(name=local.settings.queue_path)
    count_from_now_on(local)
    assert len(ask(api, org, ago(100), ago(1)).get_json()["run"]) == 50
    created, read, _ = calls(local)
    assert 50 <= created <= 100
    assert read == created - 50
    assert len({run.date for run in queued(local, org)}) == (50 if fired else 100)


def test_how_far_back_a_provider_goes(local: Local, new_org: NewOrgs) -> None:
    """Dates before what the provider keeps are skipped, and take nothing of the quota."""
    from localcloud.integrations import ProviderAccount

    org = new_org(daily_limit=5, accounts=(ProviderAccount("ANTHROPIC", 1),))
    api = public_app(compose(local.settings, local.clock)).test_client()
    answer = ask(api, org, ago(367), ago(364), pipeline="anthropic_usage_cost", dry_run=True)
    assert answer.get_json()["run"] == [ago(364), ago(365)]
    assert reasons(answer) == {ago(366): "too_old", ago(367): "too_old"}


def test_what_was_before_the_export(api: FlaskClient, local: Local, new_org: NewOrgs) -> None:
    """Dates of which the export can have no rows are skipped, even if they have run, and take nothing of the quota."""
    org = new_org(daily_limit=2)
    has(local, org, 6, Status.SUCCESS)
    integrations = Integrations(local.warehouse, local.clock)
    integrations.change(replace(integrations.find(org.org_slug, "GCP_SA"), oldest_date=TODAY - dt.timedelta(days=4)))
    answer = ask(api, org, ago(6), ago(3), reprocess="completed")
    assert answer.get_json()["run"] == [ago(3), ago(4)]
    assert reasons(answer) == {ago(5): "before_export", ago(6): "before_export"}
    assert answer.get_json()["remaining"] == 0


def test_the_day_changes(api: FlaskClient, local: Local, new_org: NewOrgs) -> None:
    """Today is the UTC day: tomorrow is refused until midnight, and with midnight the quota is whole again."""
    org = new_org(daily_limit=1)
    local.clock.now = dt.datetime(2026, 11, 12, 23, 59, 59, tzinfo=dt.UTC)
    assert ask(api, org, ago(0), ago(-1)).status_code == 400
    assert ask(api, org, ago(1), ago(0)).get_json()["run"] == [ago(0)]
    local.clock.advance(seconds=1)
    assert ask(api, org, ago(1), ago(-1)).get_json()["run"] == [ago(-1)]


def test_what_is_refused(api: FlaskClient, new_org: NewOrgs) -> None:
    """In the words and the order of a trigger."""
    org, suspended = new_org(), new_org(status="SUSPENDED")
    wrong: dict[str, tuple[str, str, dict[str, Any]]] = {
        "start_date must not be after end_date.": (ago(1), ago(2), {}),
        "start_date and end_date must not lie more than 366 dates apart.": (ago(367), ago(1), {}),
        "reprocess must be one of none, failed, completed.": (ago(2), ago(1), {"reprocess": "all"}),
        "dry_run must be true or false.": (ago(2), ago(1), {"dry_run": 1}),
        "start_date must be a date written YYYY-MM-DD.": ("yesterday", ago(1), {}),
    }
    for detail, (start, end, body) in wrong.items():
        assert problem(ask(api, org, start, end, **body)) == (400, detail)
    assert problem(ask(api, org, ago(1), ago(1), pipeline="gcp"))[0] == 404
    assert problem(ask(api, suspended, ago(1), ago(1)))[0] == 403
    assert ask(api, org, ago(366), ago(1), dry_run=True).status_code == 200
    missing = api.post(f"/api/v1/pipelines/{org.org_slug}/backfill", headers={"X-API-Key": org.api_key}, json={})
    assert problem(missing) == (400, "pipeline is required.")


def test_a_member_may_ask(api: FlaskClient, local: Local, new_org: NewOrgs) -> None:
    """Runs of a person are recorded as theirs."""
    org = new_org()
    asked = {"pipeline": "gcp_billing", "start_date": ago(1), "end_date": ago(1)}
    path = f"/api/v1/pipelines/{org.org_slug}/backfill"
    assert api.post(path, headers=bearer(local, org.user_id), json=asked).status_code == 202
    assert [run.triggered_by for run in queued(local, org)] == [org.user_id]
