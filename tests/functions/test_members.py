"""Members of an org as the org itself sees and changes them: who may, and that it is never without an owner."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from functions.composition import compose
from functions.routes import public_app
from localcloud.onboarding import OnboardedOrg
from tests.conftest import NOON, Local, NewOrgs
from tests.functions.operators import Operator
from tests.sessions import bearer

ADMIN, MEMBER = "auth0|ada", "mia"


@pytest.fixture
def org(local: Local, new_org: NewOrgs) -> OnboardedOrg:
    """An org with its owner, an admin and a member."""
    org = new_org()
    for user, role in ((ADMIN, "admin"), (MEMBER, "member")):
        answer = Operator(local).call("PUT", f"/{org.org_slug}/members/{user}", json={"role": role})
        assert answer.status_code == 200
    return org


def call(
    api: FlaskClient, org: OnboardedOrg, method: str, user_id: str = "", role: str = "", /, **headers: str
) -> TestResponse:
    path = f"/api/v1/organizations/{org.org_slug}/members" + (f"/{user_id}" if user_id else "")
    body: dict[str, Any] = {"json": {"role": role}} if role else {}
    return api.open(path, method=method, headers=headers or {"X-API-Key": org.api_key}, **body)


def roles(api: FlaskClient, org: OnboardedOrg) -> dict[str, str]:
    return {each["user_id"]: each["role"] for each in call(api, org, "GET").get_json()["members"]}


def test_everybody_sees_the_members(api: FlaskClient, local: Local, org: OnboardedOrg) -> None:
    """A member, an admin and a key read the same list, by one query: ids, roles and since when, and nothing else."""
    for headers in ({}, bearer(local, MEMBER), bearer(local, ADMIN)):
        call(api, org, "GET", **headers)
        requests.delete(f"{local.settings.bigquery_endpoint}/local/requests", timeout=5)
        body = call(api, org, "GET", **headers).get_json()
        counted = requests.get(f"{local.settings.bigquery_endpoint}/local/requests", timeout=5).json()["requests"]
        assert counted == {"jobs.query": 1}
        assert body["org_slug"] == org.org_slug
        expected = sorted([(ADMIN, "admin"), (org.user_id, "owner"), (MEMBER, "member")])
        assert [(each["user_id"], each["role"]) for each in body["members"]] == expected
        assert {name for each in body["members"] for name in each} == {"user_id", "role", "since"}


def test_roles_are_given_and_taken(api: FlaskClient, local: Local, org: OnboardedOrg) -> None:
    """An admin adds somebody, gives them another role and takes them out; they may act within a minute, and not."""
    admin, quota = bearer(local, ADMIN), f"/api/v1/organizations/{org.org_slug}/quota"
    answer = call(api, org, "PUT", "new|one", "member", **admin)
    assert (answer.status_code, answer.get_json()) == (
        200,
        {"org_slug": org.org_slug, "user_id": "new|one", "role": "member", "message": "new|one is member now."},
    )
    assert call(api, org, "PUT", "new|one", "admin", **admin).get_json()["role"] == "admin"
    assert api.get(quota, headers=bearer(local, "new|one")).status_code == 200
    rows = f"SELECT role FROM organizations.org_members WHERE org_slug = '{org.org_slug}' AND user_id = 'new|one'"
    assert call(api, org, "PUT", "new|one", "admin", **admin).status_code == 200
    assert len(local.query(rows)) == 2, "what was so before is no change"
    assert call(api, org, "DELETE", "new|one", **admin).get_json()["role"] is None
    local.clock.advance(seconds=61)
    assert api.get(quota, headers=bearer(local, "new|one")).status_code == 403
    assert call(api, org, "DELETE", "new|one", **admin).get_json()["code"] == "member_unknown"


@pytest.mark.parametrize(
    ("who", "method", "user", "role", "refusal"),
    [
        (MEMBER, "PUT", "x", "member", (403, "role_required")),
        (MEMBER, "DELETE", ADMIN, "", (403, "role_required")),
        (MEMBER, "DELETE", "nobody", "", (403, "role_required")),
        (ADMIN, "PUT", ADMIN, "owner", (403, "role_required")),
        (ADMIN, "PUT", "{owner}", "member", (403, "role_required")),
        (ADMIN, "DELETE", "{owner}", "", (403, "role_required")),
        ("", "PUT", "x", "owner", (403, "role_required")),
        ("", "DELETE", "{owner}", "", (403, "role_required")),
        ("{owner}", "DELETE", "{owner}", "", (409, "member_last_owner")),
        ("{owner}", "PUT", "{owner}", "admin", (409, "member_last_owner")),
        (ADMIN, "DELETE", "nobody", "", (404, "member_unknown")),
        (ADMIN, "PUT", "x", "king", (400, "field_invalid")),
        (ADMIN, "PUT", "a b", "admin", (400, "field_invalid")),
        (ADMIN, "PUT", "x" * 129, "admin", (400, "field_invalid")),
    ],
)
def test_what_is_refused(
    api: FlaskClient, local: Local, org: OnboardedOrg, who: str, method: str, user: str, role: str, refusal: Any
) -> None:
    """Members change nobody, admins and keys no owner, and the only owner stays one; nothing is changed."""
    who, user = who.format(owner=org.user_id), user.format(owner=org.user_id)
    before = roles(api, org)
    answer = call(api, org, method, user, role, **(bearer(local, who) if who else {}))
    assert (answer.status_code, answer.get_json()["code"]) == refusal
    assert roles(api, org) == before


def test_everybody_may_leave(api: FlaskClient, local: Local, org: OnboardedOrg) -> None:
    """A member leaves by themself; an owner does once there is another."""
    assert call(api, org, "DELETE", MEMBER, **bearer(local, MEMBER)).status_code == 200
    owner = bearer(local, org.user_id)
    assert call(api, org, "PUT", ADMIN, "owner", **owner).status_code == 200
    assert call(api, org, "DELETE", org.user_id, **owner).status_code == 200
    assert roles(api, org) == {ADMIN: "owner"}


def test_a_role_of_a_minute_ago_is_none(api: FlaskClient, local: Local, org: OnboardedOrg) -> None:
    """Who was an admin when they were last looked up, and is none any more, changes nobody."""
    admin = bearer(local, ADMIN)
    assert call(api, org, "GET", **admin).status_code == 200
    assert call(api, org, "PUT", ADMIN, "member").status_code == 200
    assert call(api, org, "PUT", "x", "admin", **admin).get_json()["code"] == "role_required"
    assert call(api, org, "DELETE", ADMIN).status_code == 200
    assert call(api, org, "PUT", "x", "admin", **admin).get_json()["code"] == "org_forbidden"


def test_two_owners_who_leave_at_once(local: Local, org: OnboardedOrg) -> None:
    """Of two owners who leave in the same moment, at two instances, one stays."""
    Operator(local).call("PUT", f"/{org.org_slug}/members/{ADMIN}", json={"role": "owner"})
    instances = [public_app(compose(local.settings, local.clock)).test_client() for _ in range(2)]
    with ThreadPoolExecutor(2) as threads:
        answers = [
            threads.submit(call, api, org, "DELETE", user, **bearer(local, user))
            for api, user in zip(instances, (ADMIN, org.user_id), strict=True)
        ]
    assert sorted(each.result().status_code for each in answers) == [200, 409]
    assert [*roles(instances[0], org).values()].count("owner") == 1
    assert local.clock.now == NOON


def test_another_org_s_members(api: FlaskClient, local: Local, org: OnboardedOrg, new_org: NewOrgs) -> None:
    """An owner of one org neither sees nor changes the members of another."""
    other = new_org()
    for method, user, role in (("GET", "", ""), ("PUT", other.user_id, "owner"), ("DELETE", MEMBER, "")):
        answer = call(api, org, method, user, role, **bearer(local, other.user_id))
        assert (answer.status_code, answer.get_json()["code"]) == (403, "org_forbidden")
    assert roles(api, other) == {other.user_id: "owner"}
