"""Members of an org as the org itself sees and changes them: who may, and that it is never without an owner."""

from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from typing import Any
from urllib.parse import quote

import pytest
import requests
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from functions.composition import compose
from functions.routes import public_app
from localcloud.onboarding import OnboardedOrg
from tests.conftest import NOON, Local, NewOrgs
from tests.functions.fleet import profile
from tests.functions.operators import Operator
from tests.served import fronted
from tests.sessions import bearer

ADMIN, MEMBER = "auth0|ada", "mia"


@pytest.fixture
def org(local: Local, new_org: NewOrgs) -> OnboardedOrg:
    """An org with its owner, an admin and a member."""
    return with_members(local, new_org(accounts=()))


def with_members(local: Local, org: OnboardedOrg) -> OnboardedOrg:
    operator = Operator(local)
    for user, role in ((ADMIN, "admin"), (MEMBER, "member")):
        answer = operator.call("PUT", f"/{org.org_slug}/members/{user}", json={"role": role})
        assert answer.status_code == 200
    return org


@pytest.fixture(scope="module")
def closed(session_cloud: Local, orgs: NewOrgs) -> OnboardedOrg:
    """An org with its owner, an admin and a member, which no test changes."""
    session_cloud.clock.now = NOON
    return with_members(session_cloud, orgs(accounts=()))


@pytest.fixture(scope="module")
def open_to_all(session_cloud: Local, orgs: NewOrgs) -> OnboardedOrg:
    """An org to which anybody is added."""
    session_cloud.clock.now = NOON
    return orgs(accounts=())


def call(
    api: FlaskClient, org: OnboardedOrg, method: str, user_id: str = "", role: str = "", /, **headers: str
) -> TestResponse:
    path = f"/api/v1/organizations/{org.org_slug}/members" + (f"/{user_id}" if user_id else "")
    body: dict[str, Any] = {"json": {"role": role}} if role else {}
    return api.open(path, method=method, headers=headers or {"X-API-Key": org.api_key}, **body)


def roles(api: FlaskClient, org: OnboardedOrg) -> dict[str, str]:
    return {each["user_id"]: each["role"] for each in call(api, org, "GET").get_json()["members"]}


def test_everybody_sees_the_members(api: FlaskClient, local: Local, closed: OnboardedOrg) -> None:
    """A member, an admin and a key read the same list, by one query: ids, roles and since when, and nothing else."""
    org = closed
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
        (ADMIN, "PUT", "%2F" * 129, "admin", (400, "field_invalid")),
        (ADMIN, "PUT", "caf%C3%A9", "admin", (400, "field_invalid")),
        (ADMIN, "PUT", "%2E%2E", "admin", (400, "field_invalid")),
        (ADMIN, "DELETE", f"x%2F..%2F{MEMBER}", "", (400, "field_invalid")),
        (ADMIN, "DELETE", f"./{MEMBER}", "", (400, "field_invalid")),
        (ADMIN, "DELETE", f"x//{MEMBER}", "", (400, "field_invalid")),
        (ADMIN, "DELETE", f"/{MEMBER}", "", (400, "field_invalid")),
        (ADMIN, "DELETE", f"{MEMBER}%2F", "", (404, "member_unknown")),
        (ADMIN, "DELETE", f"{MEMBER}%252F", "", (404, "member_unknown")),
    ],
)
def test_what_is_refused(
    api: FlaskClient, local: Local, closed: OnboardedOrg, who: str, method: str, user: str, role: str, refusal: Any
) -> None:
    """Members change nobody, admins and keys no owner, and the only owner stays one; nothing is changed."""
    org = closed
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


@pytest.mark.parametrize(
    "user",
    ["a/b", "https://idp.example/users/7", "/", "a/", "//a", "50%", "a%2Fb", "q?role=owner#x&y;z", "a\\b+c", "/" * 128],
)
def test_any_id_is_a_segment_of_the_path(api: FlaskClient, local: Local, open_to_all: OnboardedOrg, user: str) -> None:
    """Whatever characters an id has, percent-encoded it is given a role and taken out, by the org and by an operator.

    What is like it once a slash is taken away is another person.
    """
    org, sent = open_to_all, quote(user, safe="")
    assert call(api, org, "PUT", quote(user.replace("/", "") or "x"), "admin").status_code == 200
    before = roles(api, org)
    answer = call(api, org, "PUT", sent, "member")
    assert (answer.status_code, answer.get_json()["user_id"]) == (200, user)
    assert roles(api, org) == before | {user: "member"}
    assert call(api, org, "DELETE", f"{sent}/").status_code == 200
    operator, path = Operator(local), f"/{org.org_slug}/members/{sent}"
    assert operator.call("PUT", path, json={"role": "owner"}).get_json()["user_id"] == user
    assert operator.call("DELETE", path).status_code == 200
    assert roles(api, org) == {each: role for each, role in before.items() if each != user}


def test_an_id_on_the_wire(local: Local, org: OnboardedOrg) -> None:
    """An encoded slash comes through Cloud Run's front; where something has decoded it, nobody is changed."""
    with fronted(local, local.settings, "no-check") as fronts:
        base = f"{fronts.api_url}/api/v1/organizations/{org.org_slug}/members"
        given = requests.put(f"{base}/a%2Fb", json={"role": "member"}, headers={"X-API-Key": org.api_key}, timeout=30)
        decoded = requests.delete(f"{base}/a/b", headers={"X-API-Key": org.api_key}, timeout=30)
        listed = requests.get(base, headers={"X-API-Key": org.api_key}, timeout=30).json()["members"]
    assert (given.status_code, given.json()["user_id"]) == (200, "a/b")
    assert (decoded.status_code, decoded.json()["code"]) == (400, "field_invalid")
    assert "a/b" in [each["user_id"] for each in listed]


def test_members_are_listed_in_pages(api: FlaskClient, local: Local, new_org: NewOrgs) -> None:
    """Pages follow each other by cursor, whatever the ids: each member once, by one query, and no page is large."""
    org, path = new_org(accounts=()), "/api/v1/organizations/{}/members"
    users = sorted([*(f"{'<&/' * 40}{number:03}" for number in range(205)), org.user_id])
    columns = {"org_slug": org.org_slug, "created_at": NOON.isoformat()}
    rows = [columns | {"user_id": each, "role": "member"} for each in users if each != org.user_id]
    rows.append(columns | {"user_id": users[100] + "x", "role": "removed"})
    local.warehouse.append("org_members", rows, [each["user_id"] for each in rows])
    shown, query = list[list[str]](), dict[str, Any](limit=100)
    while query:
        url = f"{local.settings.bigquery_endpoint}/local/requests"
        answer = api.get(path.format(org.org_slug), headers={"X-API-Key": org.api_key}, query_string={"limit": 1})
        requests.delete(url, timeout=5)
        answer = api.get(path.format(org.org_slug), headers={"X-API-Key": org.api_key}, query_string=query)
        assert requests.get(url, timeout=5).json()["requests"] == {"jobs.query": 1}
        assert len(answer.data) <= 60_000
        body = answer.get_json()
        shown.append([each["user_id"] for each in body["members"]])
        query = {"limit": 100, "cursor": body["next_cursor"]} if body["next_cursor"] else {}
    assert [len(page) for page in shown] == [100, 100, 6]
    assert [user for page in shown for user in page] == users
    assert len(api.get(path.format(org.org_slug), headers={"X-API-Key": org.api_key}).get_json()["members"]) == 20


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"cursor": "x"}, "page_cursor_invalid"),
        ({"cursor": ""}, "page_cursor_invalid"),
        ({"cursor": "w6k"}, "page_cursor_invalid"),
        ({"cursor": "YWxp!!!Y2U"}, "page_cursor_invalid"),
        ({"cursor": "YWxpY2U="}, "page_cursor_invalid"),
        ({"limit": 0}, "field_invalid"),
        ({"limit": 101}, "field_invalid"),
        ({"offset": 1}, "field_unknown"),
    ],
)
def test_a_page_that_is_none(api: FlaskClient, closed: OnboardedOrg, query: dict[str, Any], code: str) -> None:
    """What cannot be understood is refused by name, as by the other lists."""
    path = f"/api/v1/organizations/{closed.org_slug}/members"
    answer = api.get(path, headers={"X-API-Key": closed.api_key}, query_string=query)
    assert (answer.status_code, answer.get_json()["code"]) == (400, code)


def test_another_org_s_members(api: FlaskClient, local: Local, closed: OnboardedOrg, new_org: NewOrgs) -> None:
    """An owner of one org neither sees nor changes the members of another."""
    org, other = closed, new_org(accounts=())
    for method, user, role in (("GET", "", ""), ("PUT", other.user_id, "owner"), ("DELETE", MEMBER, "")):
        answer = call(api, org, method, user, role, **bearer(local, other.user_id))
        assert (answer.status_code, answer.get_json()["code"]) == (403, "org_forbidden")
    assert roles(api, other) == {other.user_id: "owner"}


def test_members_are_onboarded_while_their_org_is(local: Local) -> None:
    """Whatever onboardings an org has had, its members are onboarded where its current profile is active."""
    was = [(status, generation) for generation in (1, 2) for status in ("ACTIVE", "OFFBOARDED")]
    histories = [chosen for count in range(len(was) + 1) for chosen in combinations(was, count)]
    named = {f"was_{number}": history for number, history in enumerate(histories)}
    profiles = [
        profile(slug, NOON) | {"status": status, "generation": generation}
        for slug, history in named.items()
        for status, generation in history
    ]
    local.warehouse.append("org_profiles", profiles, map(str, profiles))
    members = [{"org_slug": slug, "user_id": "was", "role": "member", "created_at": NOON.isoformat()} for slug in named]
    local.warehouse.append("org_members", members, named)
    found = local.query(
        "SELECT member.org_slug AS slug, onboarded, IFNULL(status = 'ACTIVE', FALSE) AS expected "
        "FROM organizations.org_memberships AS member "
        "LEFT JOIN organizations.org_current_profiles AS org ON org.org_slug = member.org_slug WHERE user_id = 'was'"
    )
    assert [each["slug"] for each in found if each["onboarded"] != each["expected"]] == []
    assert {named[each["slug"]] for each in found if each["onboarded"]} == {
        history for history in histories if history and ("OFFBOARDED", history[-1][1]) not in history
    }
    assert len(found) == len(histories)
    ended = [profile(slug, NOON) | {"status": "OFFBOARDED", "generation": 3} for slug in named]
    local.warehouse.append("org_profiles", ended, map(str, ended))
    assert not any(
        each["onboarded"]
        for each in local.query("SELECT onboarded FROM organizations.org_memberships WHERE user_id = 'was'")
    )
