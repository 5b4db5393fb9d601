"""`/ops/orgs`: how an org comes, is changed, goes and comes back; once, whoever calls at the same time or dies."""

import itertools
import logging
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from multiprocessing.process import BaseProcess
from threading import Barrier
from typing import Any

import pytest
from flask.testing import FlaskClient

from cloudact import clients
from cloudact.error_codes import stored_code
from cloudact.errors import Stop
from cloudact.orgs.integrations import Integrations
from cloudact.settings import Settings
from functions.auth.service_accounts import Caller
from functions.composition import compose
from functions.ops_routes import private_app
from functions.orgs.onboarding import Onboarding
from functions.orgs.tenant import Tenant, Tenants
from tests.conftest import Local, NewOrgs, SteppedClock
from tests.fault_proxy import Doorman
from tests.functions.operators import AUDIENCE, Operator, operator_token, problem
from tests.log_lines import written_lines
from tests.processes import started_processes
from tests.sessions import bearer

SLUGS = (f"new_{number}" for number in itertools.count(1))
TENANT_TABLES = ("org_profiles", "org_subscriptions", "org_api_keys_secure", "org_integrations", "org_api_key_uses")


@pytest.fixture
def ops(local: Local) -> Operator:
    return Operator(local)


@pytest.fixture
def slug() -> str:
    return next(SLUGS)


def quota(api: FlaskClient, org: str, key: str) -> int:
    return api.get(f"/api/v1/organizations/{org}/quota", headers={"X-API-Key": key}).status_code


def rows(local: Local, table: str, org: str) -> list[dict[str, Any]]:
    return local.query(f"SELECT * FROM organizations.{table} WHERE org_slug = '{org}'")


class Unreadable(Tenants):
    """Cannot be read, and will not be until a person changes something."""

    def read(self, org_slug: str) -> Tenant:
        raise Stop(stored_code("tables_forbidden"), f"BigQuery refuses to show {org_slug}.", "Ask.")


def test_a_key_is_shown_whatever_comes_of_looking(local: Local, slug: str, caplog: pytest.LogCaptureFixture) -> None:
    """The org is there and its key is shown this once: that it cannot be read yet is logged, and no 500."""
    settings = local.settings.model_copy(update={"ops_audience": AUDIENCE})
    parts = compose(settings, local.clock)
    app = private_app(
        parts.replaced(operations=replace(parts.operations, tenants=Unreadable(parts.runs.warehouse))), Caller(settings)
    )
    headers = {"Authorization": f"Bearer {operator_token(local)}"}
    answer = app.test_client().post("/ops/orgs", json={"org_slug": slug}, headers=headers)
    assert (answer.status_code, bool(answer.get_json()["api_key"])) == (201, True)
    assert [fields["error"] for line in caplog.records if (fields := getattr(line, "fields", {})).get("error")] == [
        "Stop"
    ]


def test_an_org_is_onboarded(ops: Operator, api: FlaskClient, local: Local, slug: str) -> None:
    """201 with the org and its first key, which opens it; the dataset is labelled, and has its tables."""
    answer = ops.onboard(slug, name="New Inc", plan="PROFESSIONAL")
    told = answer.get_json()
    assert answer.status_code == 201, told
    assert told | {
        "name": "New Inc", "dataset": slug, "status": "ACTIVE", "plan": "PROFESSIONAL", "subscription_status": "ACTIVE",
        "daily_limit": 25,
    } == told  # fmt: skip
    assert (told["changed"], answer.headers["Cache-Control"]) == (True, "no-store")
    assert len(told["api_key"].removeprefix(f"{slug}_api_")) == 43
    assert quota(api, slug, told["api_key"]) == 200
    bigquery = clients.bigquery(local.settings)
    assert bigquery.get_dataset(slug).labels == {
        "cloudact_org": slug,
        "cloudact_installation": local.settings.installation,
    }
    assert "gcp_billing_daily_raw" in {table.table_id for table in bigquery.list_tables(slug)}


def test_the_same_call_again_changes_nothing(ops: Operator, local: Local, slug: str) -> None:
    """200 says so, without a key; and what it would have changed is named with the way to do it."""
    assert ops.onboard(slug).get_json()["plan"] == "STARTER"
    before = [rows(local, table, slug) for table in TENANT_TABLES]
    again = ops.onboard(slug, name="Other", plan="SCALE")
    assert (again.status_code, again.get_json()["changed"], "api_key" in again.get_json()) == (200, False, False)
    assert f"Its plan stays STARTER: POST /ops/orgs/{slug}/subscription changes it." in again.get_json()["message"]
    assert f"Its name stays {slug}." in again.get_json()["message"]
    assert [rows(local, table, slug) for table in TENANT_TABLES] == before


def test_calls_at_the_same_time_make_one_org_and_one_key(local: Local, slug: str) -> None:
    """Of parallel calls with different facts one decides, one shows the key, and no other key exists."""
    operators = [Operator(local) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        plans = ["STARTER", "SCALE"] * 2
        answers = list(pool.map(lambda o, p: o.onboard(slug, plan=p, name=p), operators, plans))
    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [201]
    assert len({(a.get_json()["plan"], a.get_json()["name"]) for a in answers}) == 1
    assert len({tuple(sorted(row.items())) for row in rows(local, "org_profiles", slug)}) == 1
    assert len({row["key_hash"] for row in rows(local, "org_api_keys_secure", slug)}) == 1


def onboard_in_an_instance_of_its_own(settings: Settings, slug: str) -> None:
    onboarding = compose(settings, SteppedClock()).operations.onboarding
    onboarding.onboard(slug, "Decided", onboarding.plans.get("SCALE"))
    os._exit(0)


@pytest.fixture
def door(local: Local) -> Iterator[Doorman]:
    door = Doorman(local.settings.bigquery_endpoint)
    yield door
    door.close()


KEYS = "org_api_keys_secure/insertAll"
CRASHES = [
    (3, "after", True),  # it is decided
    (8, "after", True),  # some tables exist
    pytest.param("org_subscriptions/insertAll", "before", True, marks=pytest.mark.bench),
    pytest.param("org_profiles/insertAll", "after", True, marks=pytest.mark.bench),
    pytest.param(KEYS, "before", False, marks=pytest.mark.bench),  # the key is decided, and the only copy is lost
    (KEYS, "after", False),
]


@pytest.mark.parametrize(("point", "moment", "key_shown"), CRASHES)
def test_a_crash_half_way(
    local: Local, ops: Operator, api: FlaskClient, slug: str, door: Doorman, point: Any, moment: str, key_shown: bool
) -> None:
    """The call again completes what is missing, as first decided; a key that was lost with its instance is replaced."""
    victim: list[BaseProcess] = []
    at = door.at if isinstance(point, int) else door.at_first
    at(point, moment, lambda: os.kill(victim[0].pid or 0, signal.SIGKILL))
    with started_processes() as start:
        settings = local.settings.model_copy(update={"bigquery_endpoint": door.url})
        victim.append(start(onboard_in_an_instance_of_its_own, settings, slug))
        victim[0].join(60)
    assert victim[0].exitcode == -signal.SIGKILL
    answer = ops.onboard(slug, name="Decided", plan="SCALE")
    assert (answer.status_code, answer.get_json()["plan"]) == (201 if key_shown else 200, "SCALE")
    key = answer.get_json().get("api_key") or ops.call("POST", f"/{slug}/api-key").get_json()["api_key"]
    assert quota(api, slug, key) == 200
    assert "gcp_billing_daily_raw" in {table.table_id for table in clients.bigquery(local.settings).list_tables(slug)}
    assert ops.onboard(slug, name="Decided", plan="SCALE").get_json()["changed"] is False


HOSTILE: list[Any] = [
    None, 7, [], {}, "", "ab", "x" * 51, "_abc", "runs", "Organizations",
    "INFORMATION_SCHEMA", "Information_Schema", "SELECT", "a-b-c", "a b c", "abc\n", "abc\x00",
    "../etc", "a' OR 1=1 --", "`; DROP TABLE x", "äöü", "acme\u202e", "acme/x",
]  # fmt: skip


@pytest.mark.parametrize("slug", HOSTILE)
def test_hostile_slugs(ops: Operator, slug: Any) -> None:
    """What can name no org is refused by naming the rule."""
    status, detail = problem(ops.onboard(slug))
    assert (status, detail.startswith("org_slug must be 3 to 50 letters")) == (400, True)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"plan": "GOLD"}, "plan must be one of STARTER, PROFESSIONAL, SCALE."),
        ({"plan": ["STARTER"]}, "plan must be one of STARTER, PROFESSIONAL, SCALE."),
        ({"name": ""}, "name must be 1 to 200 characters without control characters."),
        ({"name": "a\x00b"}, "name must be 1 to 200 characters without control characters."),
        ({"name": 5}, "name must be 1 to 200 characters without control characters."),
        ({"reactivate": "yes"}, "reactivate must be true or false."),
        ({"daily_limit": 1000}, "Unknown field 'daily_limit'. Allowed: org_slug, name, plan, reactivate."),
    ],
)
def test_bad_facts(ops: Operator, slug: str, body: dict[str, Any], told: str) -> None:
    """Each mistake is named, and nothing is made."""
    assert problem(ops.onboard(slug, **body)) == (400, told)
    assert problem(ops.call("GET", f"/{slug}")) == (404, f"The organization {slug} is not onboarded.")


def test_who_may_not(local: Local, ops: Operator, slug: str) -> None:
    """Without a token that `ops` accepts no path below /ops/orgs does or tells anything."""
    calls = [("POST", ""), ("GET", f"/{slug}"), ("DELETE", f"/{slug}"), ("POST", f"/{slug}/subscription"),
             ("POST", f"/{slug}/api-key"), ("DELETE", f"/{slug}/api-keys/0")]  # fmt: skip
    for method, path in calls:
        assert ops.client.open(f"/ops/orgs{path}", method=method, json={"org_slug": slug}).status_code == 401
    assert rows(local, "org_profiles", slug) == []


def test_an_org_whose_slug_is_reserved_by_now(ops: Operator, api: FlaskClient, local: Local) -> None:
    """An org that was onboarded before its slug was a reserved word is served, shown, changed and off-boarded."""
    onboarding = compose(local.settings, local.clock).operations.onboarding
    done = onboarding.onboard("natural", "Natural", onboarding.plans.get(onboarding.plans.default))
    assert done.key is not None
    assert quota(api, "natural", done.key.api_key) == 200
    assert ops.call("GET", "/natural").status_code == 200
    assert ops.call("POST", "/natural/subscription", json={"status": "SUSPENDED"}).status_code == 200
    assert ops.call("PUT", "/natural/members/ada", json={"role": "owner"}).status_code == 200
    assert problem(ops.onboard("natural"))[0] == 400
    assert ops.offboard("natural").status_code == 200


def test_slugs_that_differ_only_in_case(ops: Operator, slug: str) -> None:
    """A second org whose slug looks the same is refused, since labels and people cannot tell them apart."""
    assert ops.onboard(slug).status_code == 201
    told = f"The slug {slug.upper()} differs only in case from that of the organization {slug}."
    assert problem(ops.onboard(slug.upper())) == (409, told)
    assert problem(ops.call("GET", f"/{slug.upper()}"))[0] == 404


class MeetingAfterReading(Tenants):
    """Reads orgs, and then waits for another who has read too."""

    meeting: Barrier

    def read(self, org_slug: str) -> Tenant:
        tenant = super().read(org_slug)
        if tenant.profile is None and not self.meeting.broken:
            self.meeting.wait(20)
        return tenant


def test_slugs_that_differ_only_in_case_at_the_same_time(local: Local, slug: str) -> None:
    """Of two onboardings, neither of which can know of the other, one wins; the other leaves no dataset behind."""
    parts, slugs = compose(local.settings, local.clock), [slug, slug.upper()]
    tenants = MeetingAfterReading(parts.runs.warehouse)
    tenants.meeting = Barrier(2)

    def onboard(org_slug: str) -> str:
        plans, keys = parts.operations.onboarding.plans, parts.keys.issued_keys
        onboarding = Onboarding(parts.runs.warehouse, tenants, keys, plans, local.clock)
        try:
            onboarding.onboard(org_slug, "One", plans.get(plans.default))
        except Stop as err:
            return str(err.code)
        return "onboarded"

    with ThreadPoolExecutor(2) as pool:
        ended = dict(zip(slugs, pool.map(onboard, slugs), strict=True))
    assert sorted(ended.values()) == ["onboarded", "slug_taken"]
    datasets = {each.dataset_id for each in clients.bigquery(local.settings).list_datasets()}
    assert datasets & {*slugs} == {name for name, end in ended.items() if end == "onboarded"}
    assert local.query(f"SELECT org_slug FROM organizations.org_profiles WHERE LOWER(org_slug) = '{slug}'") == [
        {"org_slug": name} for name, end in ended.items() if end == "onboarded"
    ]


def test_a_dataset_that_is_not_the_orgs(ops: Operator, local: Local, slug: str) -> None:
    """A dataset of this name that we did not make for this org is left alone, and the slug with it."""
    clients.bigquery(local.settings).create_dataset(slug)
    told = f"A dataset named {slug} exists already and does not belong to this organization."
    assert problem(ops.onboard(slug)) == (409, told)
    assert list(clients.bigquery(local.settings).list_tables(slug)) == []
    assert problem(ops.call("GET", f"/{slug}"))[0] == 404


@pytest.mark.parametrize(
    ("word", "status", "blocked"),
    [
        ("trialing", "TRIAL", False), ("past_due", "SUSPENDED", True), ("CANCELLED", "CANCELLED", True),
    ],
)  # fmt: skip
def test_subscriptions_take_either_vocabulary(
    ops: Operator, api: FlaskClient, new_org: NewOrgs, word: str, status: str, blocked: bool
) -> None:
    """The billing provider's word and ours mean the same, and the next trigger knows; again it changes nothing."""
    org = new_org()
    changed = ops.call("POST", f"/{org.org_slug}/subscription", json={"status": word}).get_json()
    assert (changed["subscription_status"], changed["changed"], changed["plan"]) == (status, True, "PROFESSIONAL")
    path = f"/api/v1/pipelines/run/{org.org_slug}/gcp/cost/billing"
    assert api.post(path, headers={"X-API-Key": org.api_key}).status_code == (403 if blocked else 202)
    assert ops.call("POST", f"/{org.org_slug}/subscription", json={"status": word}).get_json()["changed"] is False
    back = ops.call("POST", f"/{org.org_slug}/subscription", json={"status": "active", "plan": "SCALE"}).get_json()
    assert (back["subscription_status"], back["plan"], back["daily_limit"]) == ("ACTIVE", "SCALE", 100)
    assert ops.call("GET", f"/{org.org_slug}").get_json()["daily_limit"] == 100


def test_bad_subscriptions(ops: Operator, slug: str) -> None:
    """Unknown words, unknown plans, nothing at all, and orgs that do not exist are told apart."""
    path = f"/{slug}/subscription"
    assert problem(ops.call("POST", path, json={}))[1] == "Give status, plan or both."
    assert problem(ops.call("POST", path, json={"status": "unpaid"}))[1].startswith(
        "status must be one of TRIAL, ACTIVE"
    )
    assert problem(ops.call("POST", path, json={"plan": "GOLD"}))[0] == 400
    assert problem(ops.call("POST", path, json={"plan": None, "status": None}))[0] == 400
    assert problem(ops.call("POST", path, json={"plan": "SCALE"})) == (
        404,
        f"The organization {slug} is not onboarded.",
    )


def test_off_boarding(ops: Operator, api: FlaskClient, local: Local, new_org: NewOrgs) -> None:
    """Keys, subscription and credential end; history and data stay; the same again changes nothing."""
    org = new_org()
    assert problem(ops.call("DELETE", f"/{org.org_slug}"))[0] == 400
    assert problem(ops.offboard(org.org_slug, confirm=org.org_slug.upper()))[0] == 400
    told = ops.offboard(org.org_slug).get_json()
    assert (told["status"], told["subscription_status"], told["changed"]) == ("OFFBOARDED", "CANCELLED", True)
    assert {each["integration"]: each["status"] for each in told["integrations"]} == dict.fromkeys(
        ("GCP_SA", "OPENAI", "ANTHROPIC"), "NOT_CONFIGURED"
    )
    assert quota(api, org.org_slug, org.api_key) == 401
    assert ops.offboard(org.org_slug).get_json()["changed"] is False
    with pytest.raises(Stop, match="is not onboarded"):
        Integrations(local.warehouse, local.clock).of(org.org_slug, "GCP_SA")
    for path in ("/subscription", "/api-key"):
        body = {"status": "active"} if path == "/subscription" else {}
        assert problem(ops.call("POST", f"/{org.org_slug}{path}", json=body))[0] == 409
    assert clients.bigquery(local.settings).get_dataset(org.org_slug)


def test_data_is_deleted_only_when_told(ops: Operator, local: Local, new_org: NewOrgs) -> None:
    """`delete_data` drops the dataset, also of an org that was off-boarded before."""
    org = new_org()
    ops.offboard(org.org_slug)
    assert ops.offboard(org.org_slug, delete_data=True).get_json()["changed"] is True
    assert org.org_slug not in {d.dataset_id for d in clients.bigquery(local.settings).list_datasets()}
    assert ops.offboard(org.org_slug, delete_data=True).get_json()["changed"] is False


def test_what_was_told_goes_with_the_data(ops: Operator, api: FlaskClient, local: Local, new_org: NewOrgs) -> None:
    """Invoices are deleted and labels emptied with the dataset, and of no other org; whoever comes back has none."""
    org, other = new_org(), new_org()
    invoice = {"number": "G-1", "issuer": "gcp", "month": "2026-10", "total": "1", "currency": "USD"}
    labels = {"labels": [{"name": "team", "rules": [{"value": "core"}]}]}
    budget = {"name": "core", "currency": "USD", "amount": "1", "first_month": "2026-10"}
    budgets, balance = (
        {"budgets": [budget]},
        {"provider": "gcp", "currency": "USD", "amount": "1", "as_of": "2026-10-01"},
    )
    balances = {"balances": [balance]}
    for each in (org, other):
        key = {"X-API-Key": each.api_key}
        assert api.post(f"/api/v1/organizations/{each.org_slug}/invoices", headers=key, json=invoice).status_code == 201
        for what, document in (("labels", labels), ("budgets", budgets), ("balances", balances)):
            told = api.put(f"/api/v1/organizations/{each.org_slug}/{what}", headers=key, json=document)
            assert told.status_code == 200, told.get_json()

    def rows(table: str) -> dict[str, list[str]]:
        found = local.query(f"SELECT org_slug, TO_JSON_STRING(t) AS text FROM organizations.{table} AS t")
        return {
            each.org_slug: [row["text"] for row in found if row["org_slug"] == each.org_slug] for each in (org, other)
        }

    documents = ("org_labels", "org_budgets", "org_balances")
    before = {table: rows(table) for table in ("org_invoices", *documents)}
    ops.offboard(org.org_slug)
    assert {table: rows(table) for table in before} == before
    ops.offboard(org.org_slug, delete_data=True)
    assert rows("org_invoices") == {org.org_slug: [], other.org_slug: before["org_invoices"][other.org_slug]}
    for table in documents:
        (emptied,) = rows(table)[org.org_slug]
        assert ('"[]"' in emptied, "core" in emptied) == (True, False)
        assert rows(table)[other.org_slug] == before[table][other.org_slug]
    back = ops.onboard(org.org_slug, reactivate=True).get_json()
    path, key = f"/api/v1/organizations/{org.org_slug}/labels", {"X-API-Key": back["api_key"]}
    assert api.get(path, headers=key).get_json()["labels"] == []
    assert api.put(path, headers=key, json=labels).status_code in (200, 201)


def test_coming_back(ops: Operator, api: FlaskClient, new_org: NewOrgs) -> None:
    """An off-boarded org comes back only when that is said; with a key of its own, the old ones stay dead."""
    org = new_org()
    for _ in range(2):
        ops.offboard(org.org_slug)
        assert problem(ops.onboard(org.org_slug))[0] == 409
        back = ops.onboard(org.org_slug, plan="SCALE", reactivate=True)
        assert (back.status_code, back.get_json()["subscription_status"]) == (201, "ACTIVE")
        assert quota(api, org.org_slug, back.get_json()["api_key"]) == 200
        assert quota(api, org.org_slug, org.api_key) == 401
        assert ops.onboard(org.org_slug, plan="SCALE").get_json()["changed"] is False


def members(ops: Operator, org: str) -> dict[str, str]:
    return {each["user_id"]: each["role"] for each in ops.call("GET", f"/{org}").get_json()["members"]}


def test_members_are_listed(ops: Operator, new_org: NewOrgs, local: Local) -> None:
    """GET of an org has its people by user id, with their newest roles and since when; not who was removed."""
    org = new_org()
    for user, role in (("zoe", "member"), ("adam", "admin"), ("zoe", "owner"), ("gone", "admin")):
        local.clock.advance(seconds=1)
        assert ops.call("PUT", f"/{org.org_slug}/members/{user}", json={"role": role}).status_code == 200
    local.clock.advance(seconds=1)
    assert ops.call("DELETE", f"/{org.org_slug}/members/gone").status_code == 200
    assert members(ops, org.org_slug) == {"adam": "admin", org.user_id: "owner", "zoe": "owner"}
    told = ops.call("GET", f"/{org.org_slug}").get_json()["members"]
    assert [each["since"] for each in told if each["user_id"] == "zoe"] == ["2026-11-12T12:00:03.000Z"]


def test_off_boarding_ends_memberships(ops: Operator, api: FlaskClient, new_org: NewOrgs, local: Local) -> None:
    """Nobody is a member afterwards, not even who comes late, and an org that comes back starts without them."""
    org = new_org()
    path = f"/api/v1/organizations/{org.org_slug}/quota"
    session = bearer(local, org.user_id)
    assert api.get(path, headers=session).status_code == 200
    ops.offboard(org.org_slug)
    assert members(ops, org.org_slug) == {}
    assert ops.offboard(org.org_slug).get_json()["changed"] is False
    local.clock.advance(seconds=1)
    ops.call("PUT", f"/{org.org_slug}/members/late", json={"role": "admin"})
    assert ops.offboard(org.org_slug).get_json()["changed"] is True
    local.clock.advance(seconds=1)
    ops.call("PUT", f"/{org.org_slug}/members/later", json={"role": "admin"})
    assert ops.onboard(org.org_slug, reactivate=True).status_code == 201
    assert members(ops, org.org_slug) == {}
    local.clock.advance(minutes=2)
    denied = api.get(path, headers=session)
    assert problem(denied) == (403, "Access denied: this key belongs to another organization")
    ops.call("PUT", f"/{org.org_slug}/members/{org.user_id}", json={"role": "owner"})
    local.clock.advance(minutes=2)
    assert api.get(path, headers=session).status_code == 200


class InterruptedAfterReading(Tenants):
    """Reads an org, after which something else happens before anybody acts on what was read."""

    meanwhile: list[Callable[[], object]]

    def read(self, org_slug: str) -> Tenant:
        tenant = super().read(org_slug)
        while self.meanwhile:
            self.meanwhile.pop()()
        return tenant


def test_who_is_added_while_an_org_comes_back(ops: Operator, slug: str, local: Local) -> None:
    """Of two calls that bring an org back, the later one leaves alone who became a member after the first one."""
    org, parts = slug, compose(local.settings, local.clock)
    assert ops.onboard(org).status_code == 201
    ops.offboard(org)
    local.clock.advance(seconds=1)
    ops.call("PUT", f"/{org}/members/late", json={"role": "admin"})

    def come_back() -> None:
        local.clock.advance(seconds=1)
        assert ops.onboard(org, reactivate=True).status_code == 201
        local.clock.advance(seconds=1)
        assert ops.call("PUT", f"/{org}/members/new", json={"role": "owner"}).status_code == 200
        assert ops.call("PUT", f"/{org}/members/late", json={"role": "member"}).status_code == 200

    tenants = InterruptedAfterReading(parts.runs.warehouse)
    tenants.meanwhile = [come_back]
    plans = parts.operations.onboarding.plans
    other = Onboarding(parts.runs.warehouse, tenants, parts.keys.issued_keys, plans, local.clock)
    local.clock.advance(seconds=1)
    other.onboard(org, "Again", plans.get(plans.default), reactivate=True)
    assert members(ops, org) == {"late": "member", "new": "owner"}


def test_a_member_whose_row_is_ahead_of_the_clock(ops: Operator, new_org: NewOrgs, local: Local) -> None:
    """A membership that another instance wrote with a clock that is ahead ends too."""
    org = new_org()
    local.clock.advance(hours=1)
    ops.call("PUT", f"/{org.org_slug}/members/ahead", json={"role": "admin"})
    local.clock.advance(hours=-1)
    ops.offboard(org.org_slug)
    assert members(ops, org.org_slug) == {}


def test_a_key_issued_while_the_org_is_off_boarded(ops: Operator, local: Local, new_org: NewOrgs) -> None:
    """Whoever read the org before it went gets no key any more: the number after the last is taken."""
    org, instance = new_org(), compose(local.settings, local.clock)
    read_before = instance.keys.tenants.read(org.org_slug)
    ops.offboard(org.org_slug)
    with pytest.raises(Stop, match="was off-boarded"):
        instance.keys.issued_keys.next(read_before, org.org_slug, timedelta(0), None)
    assert instance.keys.tenants.read(org.org_slug).live_keys(local.clock()) == ()


def test_nothing_secret_is_stored_or_logged(ops: Operator, api: FlaskClient, local: Local, slug: str) -> None:
    """No key stands in any table, job, log line or later answer."""
    with written_lines(logging.DEBUG) as lines:
        keys = [ops.onboard(slug).get_json()["api_key"], ops.call("POST", f"/{slug}/api-key").get_json()["api_key"]]
        answers = [api.get(f"/api/v1/organizations/{slug}/api-key", headers={"X-API-Key": keys[0]}, buffered=True)]
        answers += [ops.call("GET", f"/{slug}"), ops.onboard(slug), ops.offboard(slug)]
    stored = [str(rows(local, table, slug)) for table in (*TENANT_TABLES, "org_members", "pipeline_run_events")]
    jobs = [str(job.to_api_repr()) for job in clients.bigquery(local.settings).list_jobs(max_results=50)]
    written = "".join([*stored, *jobs, *(answer.get_data(as_text=True) for answer in answers), *lines.text])
    assert slug in written
    assert not any(key.removeprefix(f"{slug}_api_")[4:] in written for key in keys)
