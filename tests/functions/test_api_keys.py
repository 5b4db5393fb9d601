"""API keys: what opens an org and for how long, how one follows another, and what is remembered of them."""

import datetime as dt
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cloudact.orgs.org import fingerprint, key_hash
from cloudact.warehouse.bigquery import Access, Warehouse
from functions.auth.api_keys import KeyCache
from functions.auth.cache import CAPACITY
from functions.auth.key_uses import KeyUses
from functions.auth.stored_callers import StoredCallers
from functions.composition import compose
from functions.routes import public_app
from localcloud.onboarding import OnboardedOrg, add_member
from tests.conftest import NOON, Local, NewOrgs
from tests.functions.operators import Operator, problem
from tests.sessions import bearer

REFUSED = (401, "Invalid or inactive API key")


@pytest.fixture
def org(new_org: NewOrgs) -> OnboardedOrg:
    return new_org()


def call(api: FlaskClient, org: OnboardedOrg, path: str, key: str = "", **options: Any) -> TestResponse:
    headers = options.pop("headers", None) or {"X-API-Key": key or org.api_key}
    method = "POST" if path == "api-key/rotate" else "GET"
    path = f"/api/v1/organizations/{org.org_slug}/{path}"
    return api.open(path, method=method, headers=headers, **options)


def rotate(api: FlaskClient, org: OnboardedOrg, key: str = "", **body: Any) -> str:
    answer = call(api, org, "api-key/rotate", key, json=body)
    assert answer.status_code == 201, answer.get_json()
    return str(answer.get_json()["api_key"])


def opens(local: Local, org: OnboardedOrg, key: str) -> bool:
    """Whether an instance that remembers nothing lets the key in."""
    answer = call(public_app(compose(local.settings, local.clock)).test_client(), org, "quota", key)
    assert answer.status_code == 200 or problem(answer) == REFUSED
    return answer.status_code == 200


def test_a_key_is_shown_by_its_fingerprint(api: FlaskClient, org: OnboardedOrg) -> None:
    """Fingerprint, prefix, times and last use of the newest key and of all that work; never a key."""
    answer = call(api, org, "api-key")
    told = answer.get_json()
    assert told["fingerprint"] == fingerprint(key_hash(org.api_key))
    assert org.api_key.startswith(told["prefix"])
    assert (told["expires_at"], told["last_used_day"]) == (None, None)
    assert told["keys"] == [{name: told[name] for name in told if name not in ("org_slug", "keys")}]
    assert org.api_key not in answer.get_data(as_text=True)


def test_rotation_has_a_grace_period(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """The new key is shown once; the old one works for 24 hours, and not a moment longer."""
    answer = call(api, org, "api-key/rotate")
    new = answer.get_json()["api_key"]
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    assert answer.get_json()["old_keys_valid_until"] == "2026-11-13T12:00:00.000Z"
    assert [key["expires_at"] for key in call(api, org, "api-key", new).get_json()["keys"]] == [
        None,
        "2026-11-13T12:00:00.000Z",
    ]
    local.clock.advance(hours=24, seconds=-1)
    assert (opens(local, org, org.api_key), opens(local, org, new)) == (True, True)
    local.clock.advance(seconds=1)
    assert (opens(local, org, org.api_key), opens(local, org, new)) == (False, True)


def test_no_grace_and_an_end(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """`grace_hours` 0 ends the old key at once; `expires_in_days` ends the new one by itself."""
    new = rotate(api, org, grace_hours=0, expires_in_days=1)
    assert (opens(local, org, org.api_key), opens(local, org, new)) == (False, True)
    local.clock.advance(days=1)
    assert not opens(local, org, new)


def test_a_longer_grace_never_gives_back(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """A key that was about to end ends then, whatever a later rotation grants."""
    second = rotate(api, org, grace_hours=1)
    rotate(api, org, second, grace_hours=168)
    local.clock.advance(hours=1)
    assert (opens(local, org, org.api_key), opens(local, org, second)) == (False, True)


BAD_ROTATIONS = [
    *(({"grace_hours": bad}, "grace_hours must be a whole number from 0 to 168.") for bad in (169, -1, 1.5, True, "1")),
    ({"expires_in_days": 10**400}, "expires_in_days must be a whole number from 1 to 3650."),
    ({"key": "x"}, "Unknown field 'key'. Allowed: grace_hours, expires_in_days."),
]


def test_bad_rotations(api: FlaskClient, org: OnboardedOrg) -> None:
    """What a rotation cannot mean is named, and no key is issued."""
    for body, told in BAD_ROTATIONS:
        assert problem(call(api, org, "api-key/rotate", json=body)) == (400, told)
    assert len(call(api, org, "api-key").get_json()["keys"]) == 1


def test_rotations_at_the_same_time_come_one_after_the_other(org: OnboardedOrg, local: Local) -> None:
    """Each of parallel rotations shows a key of its own, and all but the last of them end after the grace period."""
    apis = [public_app(compose(local.settings, local.clock)).test_client() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        keys = list(pool.map(lambda api: rotate(api, org), apis))
    assert len(set(keys)) == 4
    assert all(opens(local, org, key) for key in keys)
    local.clock.advance(hours=24)
    assert sorted(opens(local, org, key) for key in (org.api_key, *keys)) == [False] * 4 + [True]


def test_a_rotation_whose_answer_got_lost(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """Asking again is another rotation: the key that nobody has seen ends with the old one."""
    fault = {"method": "POST", "path_regex": ".*org_api_keys_secure/insertAll", "status": 400, "reason": "invalid"}
    requests.post(f"{local.settings.bigquery_endpoint}/local/faults", json=fault, timeout=5).raise_for_status()
    assert call(api, org, "api-key/rotate").status_code == 500
    new = rotate(api, org)
    keys = call(api, org, "api-key", new).get_json()["keys"]
    assert [key["expires_at"] is None for key in keys] == [True, False, False]


def test_people_who_may_rotate(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """Owners and admins may; members may only look."""
    add_member(local.settings, org.org_slug, "member-of-" + org.org_slug, "member")
    member, owner = bearer(local, "member-of-" + org.org_slug), bearer(local, org.user_id)
    assert call(api, org, "api-key", headers=member).status_code == 200
    assert call(api, org, "api-key/rotate", headers=member).status_code == 403
    assert call(api, org, "api-key/rotate", headers=owner).status_code == 201


def test_another_orgs_keys(api: FlaskClient, org: OnboardedOrg, new_org: NewOrgs) -> None:
    """Another org's key neither reads nor rotates, and is told nothing else than for an org that does not exist."""
    stranger = new_org()
    for path in ("api-key", "api-key/rotate", "quota"):
        denied = problem(call(api, org, path, stranger.api_key))
        assert denied == (403, "Access denied: this key belongs to another organization")
        assert denied == problem(call(api, OnboardedOrg("nowhere_at_all", "", {}), path, stranger.api_key))
        assert problem(call(api, org, path, "x")) == REFUSED


def test_operators_revoke_and_replace(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """A revoked key stops within 60 s where it is remembered and at once elsewhere; the new one was shown to ops."""
    ops, old = Operator(local), fingerprint(key_hash(org.api_key))
    assert call(api, org, "quota").status_code == 200
    new = ops.call("POST", f"/{org.org_slug}/api-key", json={"grace_hours": 1}).get_json()["api_key"]
    path = f"/{org.org_slug}/api-keys/"
    assert [ops.call("DELETE", path + old).get_json()["changed"] for _ in range(2)] == [True, False]
    assert (opens(local, org, org.api_key), opens(local, org, new)) == (False, True)
    local.clock.advance(seconds=59)
    assert call(api, org, "quota").status_code == 200
    local.clock.advance(seconds=1)
    assert problem(call(api, org, "quota")) == REFUSED
    assert problem(ops.call("DELETE", path + "f" * 16)) == (404, f"API key not found: {'f' * 16}")


def test_a_revoked_key_stays_revoked(org: OnboardedOrg, local: Local) -> None:
    """No row that comes later, a rotation's for one, gives a revoked key back."""
    instance = compose(local.settings, local.clock)
    read_before = instance.keys.tenants.read(org.org_slug)
    instance.keys.issued_keys.revoke(read_before.api_keys)
    instance.keys.issued_keys.next(read_before, org.org_slug, dt.timedelta(hours=24), None)
    assert not opens(local, org, org.api_key)


def used(local: Local, org: OnboardedOrg) -> Any:
    instance = compose(local.settings, local.clock)
    return instance.keys.tenants.last_used(org.org_slug, local.clock().date()).get(fingerprint(key_hash(org.api_key)))


def test_the_last_used_day(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """A use is recorded once per key, day and instance, before the answer; unknown keys are not."""
    for _ in range(3):
        call(api, org, "quota")
    call(api, org, "quota", "unknown")
    recorded = local.query("SELECT used_on FROM organizations.org_api_key_uses WHERE org_slug = " + f"'{org.org_slug}'")
    assert recorded == [{"used_on": NOON.date()}]
    assert call(api, org, "api-key").get_json()["last_used_day"] == "2026-11-12"
    local.clock.advance(days=3)
    call(api, org, "quota")
    assert used(local, org) == dt.date(2026, 11, 15)


def test_a_run_tells_which_key_asked_for_it(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """An admitted trigger records no use of its own: its event names the key, which counts as one."""
    headers, path = {"X-API-Key": org.api_key}, f"/api/v1/pipelines/run/{org.org_slug}/gcp/cost/billing"
    assert api.post(path, headers=headers).status_code == 202
    assert local.query(f"SELECT 1 FROM organizations.org_api_key_uses WHERE org_slug = '{org.org_slug}'") == []
    run = api.get(f"/api/v1/pipelines/{org.org_slug}/runs", headers=headers).get_json()["runs"][0]
    assert run["triggered_by"] == f"api_key:{fingerprint(key_hash(org.api_key))}"
    assert used(local, org) == NOON.date()


def test_a_use_that_cannot_be_recorded(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """The request does not notice, the next ones do not try, and one a minute later does."""
    fault = {"method": "POST", "path_regex": ".*org_api_key_uses/insertAll", "status": 400, "reason": "invalid"}
    requests.post(f"{local.settings.bigquery_endpoint}/local/faults", json=fault, timeout=5).raise_for_status()
    for _ in range(2):
        assert (call(api, org, "quota").status_code, used(local, org)) == (200, None)
    local.clock.advance(seconds=60)
    assert (call(api, org, "quota").status_code, used(local, org)) == (200, NOON.date())


def test_a_record_that_hangs(org: OnboardedOrg, local: Local, new_org: NewOrgs) -> None:
    """The request that waits for it goes on after a moment, and those that follow do not wait at all."""
    stopped, asked = Event(), []

    class Hanging(Warehouse):
        def append(self, table: str, rows: Any, ids: Any, late: Collection[str] = ()) -> None:
            asked.append(table)
            stopped.wait(10)
            super().append(table, rows, ids, late)

    parts = compose(local.settings, local.clock)
    warehouse = Hanging(Access.of(local.settings), installation=local.settings.installation)
    uses = KeyUses(warehouse, parts.keys.auth.keys, local.clock, within_s=0.05)
    hanging = public_app(parts.replaced(key_uses=uses)).test_client()
    assert [call(hanging, each, "quota").status_code for each in (org, new_org())] == [200, 200]
    assert (asked, used(local, org)) == (["org_api_key_uses"], None)
    stopped.set()
    vars(uses)["_threads"].shutdown()
    assert used(local, org) == NOON.date()


def test_a_flood_of_unknown_keys(org: OnboardedOrg, local: Local) -> None:
    """Wrong keys are kept in bounded number, and drive out no right one."""
    keys, hashed = KeyCache(StoredCallers(local.warehouse).api_keys, local.clock), key_hash(org.api_key)
    key = keys.get(hashed)
    for number in range(CAPACITY + 10):
        keys.put(f"{number:064x}", None, local.clock())
    assert keys.peek(hashed) == (key,) != (None,)
    assert len(keys) == CAPACITY + 1


def test_a_key_is_read_once_a_minute(org: OnboardedOrg, local: Local) -> None:
    """Known and unknown keys cost one query a minute each."""
    keys = KeyCache(StoredCallers(local.warehouse).api_keys, local.clock)
    requests.delete(f"{local.settings.bigquery_endpoint}/local/requests", timeout=5)
    for _ in range(2):
        for hashed in [key_hash(org.api_key), key_hash("x")] * 3:
            keys.get(hashed)
        local.clock.advance(seconds=60)
    counted = requests.get(f"{local.settings.bigquery_endpoint}/local/requests", timeout=5).json()["requests"]
    assert counted == {"jobs.query": 4}
