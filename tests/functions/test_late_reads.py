"""With a BigQuery that shows streamed rows only after some seconds, as Google's: nothing is lost, or done twice."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, TypeVar

import pytest
import requests
from flask.testing import FlaskClient

from cloudact.orgs.org import key_hash
from cloudact.runs.ledger import RunEvent
from cloudact.runs.run import Status
from functions.composition import compose
from functions.routes import public_app
from localcloud.onboarding import OnboardedOrg
from tests.conftest import NOON, Local, NewOrgs, billing_run
from tests.functions.fleet import new_fleet
from tests.functions.operators import Operator
from tests.functions.test_cancel_retry import ops, swept, tasks_of

__all__ = ["ops"]
WITHIN_S = 60.0
LATE = {"at_least_s": 0.4, "at_most_s": 1.2, "seed": 7}
Json = dict[str, Any]
Told = TypeVar("Told")


@pytest.fixture(autouse=True)
def org(local: Local, new_org: NewOrgs) -> Iterator[OnboardedOrg]:
    """An org, after which the local BigQuery is late; what it holds in the end becomes readable."""
    url, org = f"{local.settings.bigquery_endpoint}/local/streaming", new_org()
    requests.post(url, json=LATE, timeout=5).raise_for_status()
    yield org
    requests.delete(url, timeout=5).raise_for_status()


def until(look: Callable[[], Told | Literal[False] | None]) -> Told:
    """The first answer that is one."""
    deadline = time.monotonic() + WITHIN_S
    while not (told := look()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.2)  # each look is a query or more
    return told


def instance(local: Local) -> FlaskClient:
    """An instance of the API that remembers nothing."""
    return public_app(compose(local.settings, local.clock)).test_client()


def trigger(api: FlaskClient, org: OnboardedOrg, day: int = 10) -> Any:
    path, body = f"/api/v1/pipelines/run/{org.org_slug}/gcp/cost/billing", {"date": f"2026-11-{day:02d}"}
    return api.post(path, headers={"X-API-Key": org.api_key}, json=body)


def get(api: FlaskClient, org: OnboardedOrg, path: str) -> Any:
    return api.get(f"/api/v1{path}", headers={"X-API-Key": org.api_key})


def test_an_onboarding_tells_what_it_decided(local: Local) -> None:
    """All of the org is in the 201, and its key opens the API at once, at an instance that asks for the first time."""
    slug = f"late_{next(local.numbers)}"
    told = Operator(local).onboard(slug, name="Late Inc", plan="SCALE").get_json()
    facts = ("name", "dataset", "status", "plan", "subscription_status")
    assert tuple(told[fact] for fact in facts) == ("Late Inc", slug, "ACTIVE", "SCALE", "ACTIVE")
    seen = get(instance(local), OnboardedOrg(slug, told["api_key"], {}), f"/organizations/{slug}/quota")
    assert (seen.status_code, seen.get_json()["daily_limit"]) == (200, told["daily_limit"])


def test_changes_of_a_subscription_follow_each_other(local: Local) -> None:
    """A status set right after a plan keeps the plan; an off-boarding right after that ends the org."""
    operator, slug = Operator(local), f"late_{next(local.numbers)}"
    operator.onboard(slug, plan="STARTER")
    operator.call("POST", f"/{slug}/subscription", json={"plan": "SCALE"})
    told = operator.call("POST", f"/{slug}/subscription", json={"status": "SUSPENDED"}).get_json()
    assert (told["plan"], told["subscription_status"], told["changed"]) == ("SCALE", "SUSPENDED", True)
    ended = operator.offboard(slug).get_json()
    assert (ended["status"], ended["subscription_status"], ended["changed"]) == ("OFFBOARDED", "CANCELLED", True)
    again = operator.offboard(slug).get_json()
    assert (again["status"], again["changed"]) == ("OFFBOARDED", False)


def test_rotated_keys_work_at_once(local: Local, org: OnboardedOrg) -> None:
    """Two rotations in a row give two keys, which other instances know; the ones before end after their grace."""
    keys = []
    for _ in range(2):
        path = f"/api/v1/organizations/{org.org_slug}/api-key/rotate"
        keys.append(instance(local).post(path, headers={"X-API-Key": org.api_key}, json={}).get_json()["api_key"])
    for key in keys:
        shown = get(instance(local), OnboardedOrg(org.org_slug, key, {}), f"/organizations/{org.org_slug}/api-key")
        assert shown.status_code == 200
    assert [key["expires_at"] is None for key in shown.get_json()["keys"]] == [True, False, False]


def test_a_key_that_was_tried_too_early(local: Local) -> None:
    """It is unknown for five seconds after, not for a minute."""
    slug = f"late_{next(local.numbers)}"
    key = Operator(local).onboard(slug).get_json()["api_key"]
    early = compose(local.settings, local.clock)
    early.runs.auth.keys.put(key_hash(key), None, local.clock())
    app = public_app(early).test_client()
    assert get(app, OnboardedOrg(slug, key, {}), f"/pipelines/{slug}/runs").status_code == 401
    local.clock.advance(seconds=6)
    assert get(app, OnboardedOrg(slug, key, {}), f"/pipelines/{slug}/runs").status_code == 200


def test_a_set_up_is_found_by_the_next_run(local: Local, org: OnboardedOrg) -> None:
    """Another instance admits a run right after the set-up, and refuses one right after the removal."""
    path, headers = f"/api/v1/integrations/{org.org_slug}/openai", {"X-API-Key": org.api_key}
    run = f"/api/v1/pipelines/run/{org.org_slug}/openai/usage_cost"
    body = {"credential": org.credentials["OPENAI"]["api_key"]}
    assert instance(local).delete(path, headers=headers).get_json()["status"] == "NOT_CONFIGURED"
    assert instance(local).post(run, headers=headers).status_code == 400
    assert instance(local).post(f"{path}/setup", headers=headers, json=body).get_json()["status"] == "VALID"
    assert instance(local).post(f"{path}/validate", headers=headers).status_code == 200
    assert instance(local).post(run, headers=headers).status_code == 202


def test_a_webhook_is_tested_right_after(local: Local, org: OnboardedOrg) -> None:
    """Each rotation gives another secret, the ping right after finds the address, and after the removal nobody does."""
    path, headers = f"/api/v1/organizations/{org.org_slug}/webhook", {"X-API-Key": org.api_key}
    body = {"url": "https://example.com/cloudact", "rotate_secret": True}
    secrets = [instance(local).put(path, headers=headers, json=body).get_json()["signing_secret"] for _ in range(3)]
    assert len(set(secrets)) == 3
    assert instance(local).post(f"{path}/test", headers=headers).status_code == 202
    instance(local).delete(path, headers=headers)
    assert instance(local).post(f"{path}/test", headers=headers).status_code == 404


def test_a_run_is_admitted_once_seen_and_cancelled(local: Local, org: OnboardedOrg) -> None:
    """Equal requests are one run before it can be read; then it is in detail and list, and can be cancelled."""
    answers = [trigger(instance(local), org) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 200, 200]
    run_id = answers[0].get_json()["run_id"]
    path = f"/pipelines/{org.org_slug}/runs/{run_id}"
    shown = until(lambda: (seen := get(instance(local), org, path)).status_code == 200 and seen)
    assert shown.get_json()["status"] == "PENDING"
    listed = get(instance(local), org, f"/pipelines/{org.org_slug}/runs").get_json()
    assert ([run["run_id"] for run in listed["runs"]], listed["total"]) == ([run_id], 1)
    cancelled = instance(local).post(f"/api/v1{path}/cancel", headers={"X-API-Key": org.api_key})
    assert cancelled.status_code == 202
    until(lambda: get(instance(local), org, path).get_json()["status"] == "CANCELLED")


def test_the_quota_is_exact_all_the_same(local: Local, new_org: NewOrgs) -> None:
    """Of ten parallel requests for different dates as many are admitted as the day allows, and none after them."""
    small = new_org(daily_limit=4)
    until(lambda: local.admissions.quota(small.org_slug, NOON.date())[0])
    until(lambda: trigger(instance(local), small, 1).status_code == 202)
    instances = [instance(local) for _ in range(10)]
    with ThreadPoolExecutor(5) as pool:
        statuses = [answer.status_code for answer in pool.map(trigger, instances, [small] * 10, range(2, 12))]
    assert sorted(statuses) == [202] * 3 + [429] * 7
    assert trigger(instance(local), small, 12).status_code == 429
    until(lambda: local.admissions.quota(small.org_slug, NOON.date())[1] == 4)


def test_a_daily_call_twice_starts_nothing_twice(local: Local) -> None:
    """The second call plans what cannot be read yet and makes the very same batches, whose tasks exist."""
    fleet = new_fleet(local, batch_size=2)
    fleet.add([f"late{number}" for number in range(5)])
    until(lambda: [row.integrations for row in fleet.schedule.plan(NOON.date(), NOON.date())] == ["GCP_SA"] * 5)
    first, second = fleet.daily(), fleet.daily()
    assert (first["started"] > 0, second["started"]) == (True, 0)
    runs = [run.run_id for run in fleet.started()]
    assert len(runs) == len(set(runs)) == first["started"]


def test_a_sweep_twice_enqueues_once(local: Local, ops: FlaskClient, org: OnboardedOrg) -> None:
    """A run that never started is enqueued again by the first of two sweeps, though the second cannot read that."""
    run = billing_run(org)
    local.ledger.append_run(run, RunEvent(Status.PENDING, task_id="gone"), NOON)
    until(lambda: local.ledger.status(run))
    local.clock.advance(minutes=16)
    told = [swept(local, ops) for _ in range(2)]
    assert run.run_id in told[0]["enqueued"]
    assert run.run_id in [*told[1]["enqueued"], *told[1]["waiting"]]
    assert len(tasks_of(local, run)) == 1
