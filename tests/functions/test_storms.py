"""What storms cost: queries and MiB billed of 300 requests of each kind that is refused, or starts nothing."""

import datetime as dt
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from gc import collect
from threading import Event
from typing import Any
from weakref import ref

import pytest
import requests
from flask import Response
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cloudact.error_codes import Code
from cloudact.warehouse.bigquery import MIB
from functions.auth.limits import ADMISSIONS, ANSWER_TTL, LOOK_UPS
from functions.composition import Rooms, compose
from functions.routes import public_app
from functions.runs.admission_facts import AdmissionFacts, Admissions
from functions.runs.recent_answers import RecentAnswers
from functions.web.problems import Problem
from localcloud.google_apis.rest.faults import Fault
from localcloud.onboarding import OnboardedOrg
from tests.conftest import FIXTURE_DAY, Local, NewOrgs, SteppedClock
from tests.functions.operators import Operator, problem
from tests.sessions import bearer

STORM = 300
DAY = FIXTURE_DAY.isoformat()
BILLING = "gcp/cost/billing"
BACKFILL = {"pipeline": "gcp_billing", "start_date": "2026-11-01", "end_date": DAY}
UNKNOWN_PIPELINE = (
    "Unknown pipeline: gcp/cost/x. Available: gcp/cost/billing, openai//usage_cost, anthropic//usage_cost"
)


@dataclass
class Instance:
    """An instance of `api` that knows nobody yet, and what it has cost: queries at BigQuery, and MiB billed."""

    local: Local
    rooms: Rooms
    client: FlaskClient = field(init=False)

    def __post_init__(self) -> None:
        self.client = public_app(self.rooms).test_client()

    def trigger(self, org: str, headers: dict[str, str], path: str = BILLING, **options: Any) -> TestResponse:
        options = options or {"json": {"date": DAY}}
        return self.client.post(f"/api/v1/pipelines/run/{org}/{path}", headers=headers, **options)

    def backfill(self, org: str, headers: dict[str, str], **body: Any) -> TestResponse:
        return self.client.post(f"/api/v1/pipelines/{org}/backfill", headers=headers, json=BACKFILL | body)

    def get(self, path: str, headers: dict[str, str]) -> TestResponse:
        return self.client.get(f"/api/v1/{path}", headers=headers)

    def cost(self, send: Callable[[int], TestResponse], times: int = STORM) -> tuple[int, int, Counter[int]]:
        """Queries and MiB of so many requests, and how often each status was answered."""
        counts = f"{self.local.settings.bigquery_endpoint}/local/requests"
        requests.delete(counts, timeout=5)
        before = self.rooms.runs.warehouse.bytes_billed
        answers = Counter(send(number).status_code for number in range(times))
        counted = requests.get(counts, timeout=5).json()["requests"]
        assert set(counted) <= {"jobs.query", "tabledata.insertAll"}
        return counted.get("jobs.query", 0), (self.rooms.runs.warehouse.bytes_billed - before) // MIB, answers


@pytest.fixture
def instance(local: Local) -> Instance:
    return Instance(local, compose(local.settings, local.clock))


@pytest.fixture
def org(new_org: NewOrgs) -> OnboardedOrg:
    return new_org()


def key(org: OnboardedOrg) -> dict[str, str]:
    return {"X-API-Key": org.api_key}


def unknown(org: str, number: int) -> dict[str, str]:
    return {"X-API-Key": f"{org}_api_{number:043}"}


def told(kind: str, cost: tuple[int, int, Counter[int]]) -> None:
    """Prints what a kind costs, for the table of docs/operations.md."""
    print(f"{kind:40} {cost[0]:4} queries {cost[1]:7,} MiB {dict(cost[2])}")  # noqa: T201


def test_unknown_keys(instance: Instance, org: OnboardedOrg) -> None:
    """Each is looked up in one table, 10 MiB, and after twenty none; one more every six seconds."""
    cost = instance.cost(lambda n: instance.trigger(org.org_slug, unknown(org.org_slug, n)))
    told("unknown keys, trigger", cost)
    assert cost == (20, 200, {401: 20, 429: 280})
    refused = instance.trigger(org.org_slug, unknown(org.org_slug, STORM))
    assert (refused.status_code, refused.get_json()["code"]) == (429, "look_ups_limited")
    assert refused.headers["Retry-After"] == "6"
    instance.local.clock.advance(seconds=6)
    later = instance.cost(lambda n: instance.trigger(org.org_slug, unknown(org.org_slug, 1000 + n)))
    assert later == (1, 10, {401: 1, 429: 299})


def test_unknown_keys_elsewhere(instance: Instance, org: OnboardedOrg) -> None:
    """Other endpoints, with an org in the path or without, share the same bound."""
    paths = ["/api/v1/pipelines/runs", f"/api/v1/organizations/{org.org_slug}/quota"]
    cost = instance.cost(lambda n: instance.client.get(paths[n % 2], headers=unknown(org.org_slug, n)))
    told("unknown keys, list and quota", cost)
    assert cost == (20, 200, {401: 20, 429: 280})


NO_READ: list[tuple[str, Callable[[Instance, str, int], TestResponse], int]] = [
    ("malformed keys", lambda it, org, n: it.trigger(org, {"X-API-Key": f"{org}_api_{n}"}), 401),
    ("keys of another org's prefix", lambda it, org, n: it.trigger(org, unknown("another_org", n)), 403),
    ("no slug in the path", lambda it, _, n: it.trigger("a-b", unknown("a_b", n)), 400),
    ("refused body", lambda it, org, n: it.trigger(org, unknown(org, n), json={"date": "x"}), 400),
    ("refused query", lambda it, org, n: it.trigger(org, unknown(org, n), query_string={"day": "x"}), 400),
    ("refused path", lambda it, org, n: it.trigger(org, unknown(org, n), "gcp/cost/x"), 404),
    ("refused body, backfill", lambda it, org, n: it.backfill(org, unknown(org, n), pipeline="x"), 404),
    ("refused path, run", lambda it, org, n: it.get(f"pipelines/{org}/runs/x", unknown(org, n)), 404),
    ("refused query, keyless", lambda it, org, n: it.get(f"integrations/{org}/gcp/keyless?x=", unknown(org, n)), 400),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "send", "status"), NO_READ, ids=[kind for kind, _, _ in NO_READ])
def test_what_is_refused_anyway(
    instance: Instance, org: OnboardedOrg, kind: str, send: Callable[[Instance, str, int], TestResponse],
    status: int,
) -> None:  # fmt: skip
    """Nothing is read for it, whoever sends it."""
    cost = instance.cost(lambda n: send(instance, org.org_slug, n))
    told(kind, cost)
    assert cost == (0, 0, {status: STORM})


def test_a_known_key_is_never_held_up(instance: Instance, org: OnboardedOrg) -> None:
    """In the midst of a storm, and with facts older than a minute, it is read again and let in, at every endpoint."""
    assert instance.trigger(org.org_slug, key(org)).status_code == 202
    for turn in range(3):
        instance.local.clock.advance(minutes=2)
        instance.cost(lambda n: instance.trigger(org.org_slug, unknown(org.org_slug, n)), 40)
        assert instance.trigger(org.org_slug, unknown(org.org_slug, 1000 + turn)).status_code == 429
        quota = f"/api/v1/organizations/{org.org_slug}/quota"
        assert instance.client.get(quota, headers=key(org)).status_code == 200
        assert instance.trigger(org.org_slug, key(org)).status_code == 200


@pytest.mark.parametrize("caller", ["key", "person"])
def test_a_storm_keeps_no_right_caller_out(instance: Instance, local: Local, new_org: NewOrgs, caller: str) -> None:
    """Who is new to the instance in a storm is looked up with all the others at once, and let in after six seconds."""
    org = new_org()
    right = key(org) if caller == "key" else bearer(local, org.user_id)

    def forged(number: int) -> dict[str, str]:
        return unknown(org.org_slug, number) if caller == "key" else bearer(local, f"nobody-{number}")

    quota = f"organizations/{org.org_slug}/quota"
    instance.cost(lambda n: instance.get(quota, forged(n)))
    refused = instance.get(quota, right)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "6")
    local.clock.advance(seconds=6)
    cost = instance.cost(lambda n: instance.get(quota, forged(STORM + n)))
    assert cost[:2] == (1, 10)
    assert instance.cost(lambda _: instance.get(quota, right), 1) == (1, 20, {200: 1})  # the query of the quota alone
    assert instance.cost(lambda n: instance.get(quota, forged(2 * STORM + n)))[:2] == (0, 0)


def test_right_keys_cost_no_token(instance: Instance, new_org: NewOrgs) -> None:
    """Any number of keys that open an org may be new to an instance at once."""
    orgs = [new_org(accounts=()) for _ in range(LOOK_UPS.burst + 5)]
    for org in orgs:
        path = f"/api/v1/organizations/{org.org_slug}/quota"
        assert instance.client.get(path, headers=key(org)).status_code == 200


def test_keys_and_people_do_not_hold_each_other_up(instance: Instance, local: Local, org: OnboardedOrg) -> None:
    """A storm of unknown keys does not hold up people whom the instance does not know yet."""
    instance.cost(lambda n: instance.trigger(org.org_slug, unknown(org.org_slug, n)), 40)
    strangers = instance.cost(lambda n: instance.trigger(org.org_slug, bearer(local, f"stranger-{n}")), 1)
    assert strangers[2] == {403: 1}
    assert instance.trigger(org.org_slug, bearer(local, org.user_id)).status_code == 202


def test_strangers_with_sessions(instance: Instance, local: Local, org: OnboardedOrg) -> None:
    """People who belong to no org are looked up in two tables, and after twenty none; one of them once in a while."""
    cost = instance.cost(lambda n: instance.trigger(org.org_slug, bearer(local, f"nobody-{n}")))
    told("strangers' sessions, trigger", cost)
    assert cost == (20, 200, {403: 20, 429: 280})
    local.clock.advance(minutes=5)
    same = bearer(local, "nobody-again")
    assert instance.cost(lambda _: instance.trigger(org.org_slug, same)) == (1, 10, {403: STORM})


def test_who_was_a_member(instance: Instance, local: Local, new_org: NewOrgs) -> None:
    """Somebody whose membership has ended makes one admission, and is then looked up like any stranger."""
    org = new_org(daily_limit=0)
    session = bearer(local, org.user_id)
    assert instance.trigger(org.org_slug, session).status_code == 429
    local.clock.advance(seconds=1)
    Operator(local).call("DELETE", f"/{org.org_slug}/members/{org.user_id}")
    cost = instance.cost(lambda n: vary(instance, session, org.org_slug, 10 * n + 1), 50)
    told("an ex-member's varied triggers", cost)
    assert cost == (1, 60, {403: 50})
    local.clock.advance(seconds=5)
    assert instance.cost(lambda n: vary(instance, session, org.org_slug, 10 * n + 1), 50) == (1, 10, {403: 50})


def test_members_of_another_org(instance: Instance, local: Local, org: OnboardedOrg, new_org: NewOrgs) -> None:
    """Somebody else's member is looked up once a minute."""
    session = bearer(local, new_org().user_id)
    assert instance.cost(lambda _: instance.trigger(org.org_slug, session)) == (1, 10, {403: STORM})


@pytest.mark.parametrize("caller", ["key", "person"])
def test_a_quota_that_is_used_up(
    instance: Instance, local: Local, new_org: NewOrgs, caller: str
) -> None:  # fmt: skip
    """The refusal is given again for five seconds without a query, to keys and people; then it is looked up."""
    org = new_org(daily_limit=1)
    who = key(org) if caller == "key" else bearer(local, org.user_id)
    assert instance.trigger(org.org_slug, who, json={"date": "2026-11-09"}).status_code == 202
    cost = instance.cost(lambda _: instance.trigger(org.org_slug, who))
    told(f"quota used up, {caller}", cost)
    assert cost == (1, 60, {429: STORM})
    refused = instance.trigger(org.org_slug, who)
    assert problem(refused) == (429, "Daily quota exceeded (1 pipelines/day). Wait for the next day or upgrade.")
    assert (refused.headers["Retry-After"], refused.headers["RateLimit"]) == ("43200", '"day";r=0;t=43200')
    assert instance.trigger(org.org_slug, who, json={"date": "2026-11-09"}).status_code == 200
    local.clock.advance(seconds=ANSWER_TTL.total_seconds())
    assert instance.cost(lambda _: instance.trigger(org.org_slug, who), 2)[0] == 1


def test_a_quota_that_became_free(instance: Instance, local: Local, new_org: NewOrgs) -> None:
    """Five seconds after the limit was raised, and at midnight at once, the same request is admitted."""
    org = new_org(daily_limit=1)
    for _ in range(2):
        answer = instance.trigger(org.org_slug, key(org), json={"date": "2026-11-08"})
    Operator(local).call("POST", f"/{org.org_slug}/subscription", json={"plan": "STARTER"})
    assert instance.trigger(org.org_slug, key(org)).status_code == 202
    midnight = new_org(daily_limit=1)
    local.clock.now = local.clock.now.replace(hour=23, minute=59, second=58)
    assert instance.trigger(midnight.org_slug, key(midnight)).status_code == 202
    for _ in range(2):
        answer = instance.trigger(midnight.org_slug, key(midnight), json={"date": "2026-11-09"})
        assert answer.status_code == 429
    local.clock.advance(seconds=2)
    assert instance.trigger(midnight.org_slug, key(midnight), json={"date": "2026-11-09"}).status_code == 202


def test_what_was_refused_is_told_to_nobody_else(instance: Instance, local: Local, new_org: NewOrgs) -> None:
    """A kept refusal is told to whoever may ask only: not to unknown keys, ended keys or strangers."""
    org, other = new_org(daily_limit=0), new_org()
    assert instance.trigger(org.org_slug, key(org)).status_code == 429
    assert instance.trigger(org.org_slug, unknown(org.org_slug, 1)).status_code == 401
    assert instance.trigger(org.org_slug, bearer(local, other.user_id)).status_code == 403
    ops = Operator(local)
    fingerprint = ops.call("GET", f"/{org.org_slug}").get_json()["api_keys"][0]["fingerprint"]
    local.clock.advance(seconds=58)
    assert instance.trigger(org.org_slug, key(org)).status_code == 429
    ops.call("DELETE", f"/{org.org_slug}/api-keys/{fingerprint}")
    local.clock.advance(seconds=3)
    assert instance.trigger(org.org_slug, key(org)).status_code in (401, 429)
    local.clock.advance(seconds=60)
    assert instance.trigger(org.org_slug, key(org)).status_code == 401


@pytest.mark.parametrize("wanted", [{"status": "SUSPENDED"}, {"accounts": ()}], ids=["suspended", "not configured"])
def test_other_refusals_of_an_org(instance: Instance, new_org: NewOrgs, wanted: dict[str, Any]) -> None:
    """A subscription or an integration that forbids a run is looked up once in five seconds too."""
    org, path = new_org(**wanted), "openai/usage_cost" if "accounts" in wanted else BILLING
    assert instance.client.get(f"/api/v1/organizations/{org.org_slug}/quota", headers=key(org)).status_code == 200
    cost = instance.cost(lambda _: instance.trigger(org.org_slug, key(org), path))
    told(f"refused, {next(iter(wanted))}", cost)
    assert cost[:2] == (1, 60)
    assert set(cost[2]) <= {400, 403}


def test_unknown_pipelines(instance: Instance, org: OnboardedOrg) -> None:
    """A pipeline that there is not is refused without a query, to whoever asks."""
    cost = instance.cost(lambda _: instance.trigger(org.org_slug, key(org), "gcp/cost/x"))
    told("unknown pipelines, own key", cost)
    assert cost == (0, 0, {404: STORM})
    assert problem(instance.trigger(org.org_slug, key(org), "gcp/cost/x")) == (404, UNKNOWN_PIPELINE)


def test_dry_runs(instance: Instance, local: Local, org: OnboardedOrg) -> None:
    """The same dry run is computed once in five seconds; another one is not answered by it."""
    cost = instance.cost(lambda _: instance.backfill(org.org_slug, key(org), dry_run=True))
    told("dry-run backfills", cost)
    assert cost == (3, 70, {200: STORM})
    answers = [instance.backfill(org.org_slug, key(org), dry_run=True) for _ in range(2)]
    assert len(answers[0].get_json()["run"]) == 10
    assert answers[0].get_data() == answers[1].get_data()
    assert answers[0].headers["RateLimit"] == '"day";r=25;t=43200'
    assert len({answer.headers["X-Request-ID"] for answer in answers}) == 2
    other = instance.backfill(org.org_slug, key(org), dry_run=True, start_date=DAY)
    assert other.get_json()["run"] == [DAY]
    local.clock.advance(seconds=ANSWER_TTL.total_seconds())
    assert instance.cost(lambda _: instance.backfill(org.org_slug, key(org), dry_run=True), 2)[0] == 2


def test_backfills_without_quota(instance: Instance, new_org: NewOrgs) -> None:
    """A backfill that starts nothing is kept like a dry run; one that starts something never is."""
    org = new_org(daily_limit=1)
    assert len(instance.backfill(org.org_slug, key(org)).get_json()["run"]) == 1
    cost = instance.cost(lambda _: instance.backfill(org.org_slug, key(org)))
    told("backfills without quota", cost)
    assert cost == (2, 60, {202: STORM})


def test_retries_without_quota(instance: Instance, local: Local, new_org: NewOrgs) -> None:
    """A retry that the quota refuses is looked up once in five seconds."""
    org = new_org(daily_limit=1)
    run = instance.trigger(org.org_slug, key(org)).get_json()["run_id"]
    path = f"/api/v1/pipelines/{org.org_slug}/runs/{run}"
    day = {"requested_date": local.clock().date().isoformat()}
    assert instance.client.post(f"{path}/cancel", headers=key(org), query_string=day).status_code == 202
    cost = instance.cost(lambda _: instance.client.post(f"{path}/retry", headers=key(org), query_string=day))
    told("retries without quota", cost)
    assert cost == (3, 70, {429: STORM})


def vary(instance: Instance, who: dict[str, str], org: str, number: int) -> TestResponse:
    """A request that starts no run where the quota is used up: each time another one."""
    day = (FIXTURE_DAY - dt.timedelta(days=number)).isoformat()
    if number % 10 == 0:
        return instance.backfill(org, who, start_date=day, dry_run=True)
    return instance.trigger(org, who, json={"date": day})


def test_requests_that_vary(instance: Instance, local: Local, new_org: NewOrgs) -> None:
    """An org whose requests start nothing is refused after 240 of them, and its lists and other orgs are served."""
    org, other = new_org(daily_limit=0), new_org()
    quota = f"organizations/{org.org_slug}/quota"
    assert instance.get(quota, key(org)).status_code == 200
    cost = instance.cost(lambda n: instance.trigger(
        org.org_slug, key(org), json={"date": (FIXTURE_DAY - dt.timedelta(days=n)).isoformat()}
    ))  # fmt: skip
    told("varied triggers, quota used up", cost)
    assert cost == (ADMISSIONS.burst, ADMISSIONS.burst * 60, {429: STORM})
    local.clock.advance(seconds=59)
    nothing_read = instance.cost(lambda n: vary(instance, key(org), org.org_slug, n), 20)
    assert nothing_read == (0, 0, {429: 20})
    refused = instance.backfill(org.org_slug, key(org), dry_run=True)
    assert (refused.get_json()["code"], refused.headers["Retry-After"]) == ("admissions_limited", "61")
    assert instance.get(quota, key(org)).status_code == 200
    assert instance.trigger(other.org_slug, key(other)).status_code == 202
    local.clock.advance(seconds=61)
    assert instance.cost(lambda n: vary(instance, key(org), org.org_slug, n + 1), 5)[:2] == (1, 60)


def test_retries_that_vary(instance: Instance, org: OnboardedOrg) -> None:
    """Retries are bounded together with triggers, and are told so before the run is looked for."""
    for _ in range(ADMISSIONS.burst):
        instance.rooms.runs.fruitless.take(org.org_slug)
    path = f"/api/v1/pipelines/{org.org_slug}/runs/00000000-0000-0000-0000-00000000000"
    assert instance.get(f"organizations/{org.org_slug}/quota", key(org)).status_code == 200
    cost = instance.cost(lambda n: instance.client.post(f"{path}{n}/retry", headers=key(org)), 10)
    assert cost == (0, 0, {429: 10})


def test_requests_that_start_runs_are_bounded_by_the_quota_alone(instance: Instance, new_org: NewOrgs) -> None:
    """Triggers and backfills that start something leave the org all its tokens; one that finds its run takes one."""
    org = new_org()
    for _ in range(ADMISSIONS.burst - 1):
        instance.rooms.runs.fruitless.take(org.org_slug)
    for day in range(1, 4):
        date = f"2026-11-0{day}"
        assert instance.trigger(org.org_slug, key(org), json={"date": date}).status_code == 202
        assert instance.backfill(
            org.org_slug, key(org), start_date=f"2026-10-0{day}", end_date=f"2026-10-0{day}"
        ).get_json()["run"]
    answers = [instance.trigger(org.org_slug, key(org), json={"date": "2026-11-01"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]


def test_the_number_of_kept_answers_is_bounded(instance: Instance, org: OnboardedOrg) -> None:
    """Different requests drive out the oldest, and no more."""
    recent = instance.rooms.runs.recent
    now = instance.local.clock()
    for number in range(600):
        recent.keep(recent.asked(org.org_slug, "backfill", number, now), Response())
    assert recent.answer(recent.asked(org.org_slug, "backfill", 99, now)) is None
    assert recent.answer(recent.asked(org.org_slug, "backfill", 100, now)) is not None


def test_a_kept_refusal_keeps_nothing_of_its_request() -> None:
    """It is told as a new problem each time, and neither a frame nor a cause of the first one stays in memory."""
    recent, now = RecentAnswers(SteppedClock()), SteppedClock().now
    asked, request = recent.asked("acmecorp", "trigger", 1, now), Event()
    held = ref(request)

    def refuse(_body: Event) -> None:
        with recent.keeping_refusals(asked):
            try:
                raise KeyError(_body)
            except KeyError as err:
                raise Problem(403, "no", {"Retry-After": "1"}, code=Code.ROLE_REQUIRED, field="x") from err

    with suppress(Problem):
        refuse(request)
    del request
    told: list[Problem] = []
    for _ in range(2):
        with pytest.raises(Problem) as raised:
            recent.raise_refusal(asked)
        told.append(raised.value)
    assert told[0] is not told[1]
    first = told[0]
    facts = (first.status, first.detail, first.headers, first.code, first.field, first.__cause__)
    assert facts == (403, "no", {"Retry-After": "1"}, Code.ROLE_REQUIRED, "x", None)
    collect()
    assert held() is None


class Interrupted(Admissions):
    """Admissions between whose reading and whose answer something else happens."""

    meanwhile: Callable[[], object] = staticmethod(lambda: None)

    def facts(self, **asked: Any) -> AdmissionFacts:
        """Facts as they were before it happened."""
        facts = super().facts(**asked)
        self.meanwhile()
        return facts


@pytest.mark.parametrize("kind", ["trigger", "dry run"])
def test_what_has_changed_while_an_answer_was_on_its_way(
    instance: Instance, local: Local, org: OnboardedOrg, kind: str
) -> None:
    """A refusal, or a dry run, from facts before a change that was answered meanwhile is not told again after it."""
    admissions = Interrupted(local.warehouse)
    rooms = instance.rooms
    instance = Instance(local, rooms.replaced(runs=replace(rooms.runs, admissions=admissions)))
    integration = f"/api/v1/integrations/{org.org_slug}/openai"
    if kind == "trigger":
        assert instance.client.delete(integration, headers=key(org)).status_code == 200

    def set_up() -> None:
        body = {"credential": org.credentials["OPENAI"]["api_key"]}
        with ThreadPoolExecutor(1) as another:  # since Flask's request belongs to the thread
            answer = another.submit(
                public_app(rooms).test_client().post, f"{integration}/setup", headers=key(org), json=body
            )
            assert answer.result(10).status_code in (200, 201)

    def send() -> TestResponse:
        if kind == "trigger":
            return instance.trigger(org.org_slug, key(org), "openai/usage_cost")
        return instance.backfill(org.org_slug, key(org), pipeline="openai_usage_cost", dry_run=True)

    admissions.meanwhile = set_up
    assert send().status_code == (400 if kind == "trigger" else 200)
    admissions.meanwhile = lambda: None
    later = instance.cost(lambda _: send(), 1)
    assert later[0] >= 1
    assert later[2] == {202 if kind == "trigger" else 200: 1}


def test_a_cancelled_run_is_seen_at_once(instance: Instance, local: Local, org: OnboardedOrg) -> None:
    """A dry run right after a cancel has the date again."""
    run = instance.trigger(org.org_slug, key(org)).get_json()["run_id"]
    body = {"dry_run": True, "reprocess": "failed", "start_date": DAY}
    assert instance.backfill(org.org_slug, key(org), **body).get_json()["run"] == []
    path = f"/api/v1/pipelines/{org.org_slug}/runs/{run}/cancel"
    day = {"requested_date": local.clock().date().isoformat()}
    assert instance.client.post(path, headers=key(org), query_string=day).status_code == 202
    assert instance.backfill(org.org_slug, key(org), **body).get_json()["run"] == [DAY]


def test_a_backfill_that_dies_half_way_is_seen_at_once(instance: Instance, local: Local, org: OnboardedOrg) -> None:
    """A dry run right after it is without the dates that were admitted."""
    before = instance.backfill(org.org_slug, key(org), dry_run=True).get_json()["run"]
    fault = Fault(kind="error", status=403, seed=3, api="tasks", method="CreateTask", probability=0.6)
    local.google.faults.add(fault)
    assert instance.backfill(org.org_slug, key(org)).status_code >= 500
    local.google.faults.clear()
    after = instance.backfill(org.org_slug, key(org), dry_run=True).get_json()["run"]
    assert 0 < len(after) < len(before)


def test_a_storm_is_one_line_a_minute(instance: Instance, org: OnboardedOrg, caplog: pytest.LogCaptureFixture) -> None:
    """Operators are told, but not three hundred times."""
    for minutes in (0, 1):
        instance.local.clock.advance(minutes=minutes)
        instance.cost(lambda n: instance.trigger(org.org_slug, unknown(org.org_slug, n)), 60)
    events = [getattr(line, "fields", {}).get("event") for line in caplog.records]
    assert events.count("look_ups_limited") == 2


def test_what_this_instance_has_changed_is_seen_at_once(instance: Instance, org: OnboardedOrg) -> None:
    """A dry run after an admission, and a trigger after a set-up, are computed anew where these were made."""
    assert instance.backfill(org.org_slug, key(org), dry_run=True).get_json()["run"][0] == DAY
    assert instance.trigger(org.org_slug, key(org)).status_code == 202
    assert instance.backfill(org.org_slug, key(org), dry_run=True).get_json()["run"][0] == "2026-11-09"
    integration = f"/api/v1/integrations/{org.org_slug}/openai"
    assert instance.client.delete(integration, headers=key(org)).status_code == 200
    assert instance.trigger(org.org_slug, key(org), "openai/usage_cost").status_code == 400
    body = {"credential": org.credentials["OPENAI"]["api_key"]}
    assert instance.client.post(f"{integration}/setup", headers=key(org), json=body).status_code == 201
    assert instance.trigger(org.org_slug, key(org), "openai/usage_cost").status_code == 202
