"""Every endpoint by every way of not being allowed in: the specified refusal, which tells nothing of other orgs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cloudact import clients
from cloudact.orgs.org import key_hash
from cloudact.runs.ledger import RunEvent
from cloudact.runs.run import Status
from functions.auth.api_keys import OTHER_ORG
from functions.routes import PUBLIC
from functions.web.endpoints import Endpoint
from localcloud.google_apis.sessions import ALGORITHM
from localcloud.onboarding import OnboardedOrg
from tests.conftest import FIXTURE_DAY, NOON, Local, NewApi, NewOrgs, billing_run
from tests.sessions import bearer

GUARDED = [(endpoint, base) for endpoint in PUBLIC if not endpoint.public for base in endpoint.bases]
NO_RUN = "00000000-0000-5000-8000-000000000000"
ACCEPTED = {
    "backfill": {"pipeline": "gcp_billing", "start_date": "2026-11-01", "end_date": "2026-11-02"},
    "put_webhook": {"url": "https://example.com/cloudact"},
    "set_up": {"credential": "x"},
    "put_labels": {"labels": []},
    "put_member": {"role": "member"},
    "put_budgets": {"budgets": []},
    "put_balances": {"balances": []},
    "add_invoices": {"number": "A-1", "issuer": "gcp", "month": "2026-09", "total": "1", "currency": "USD"},
}
"""What each endpoint would take: who sends anything else is told so before anybody looks who it is."""
QUERIES = {"remove_invoice": {"issuer": "gcp", "number": "A-1"}}
"""Query strings of endpoints that need one."""


@dataclass(frozen=True)
class Street:
    """An org with a run, whose doors are tried, and somebody else's org."""

    local: Local
    org: OnboardedOrg
    other: OnboardedOrg
    run_id: str

    def stored_key(self, column: str) -> dict[str, str]:
        key = f"{self.org.org_slug}_api_{column:x<43}"
        row = {"key_hash": key_hash(key), "key_prefix": "x", "created_at": NOON.isoformat(), column: NOON.isoformat()}
        self.local.warehouse.append("org_api_keys_secure", [{"org_slug": self.org.org_slug} | row], [key])
        return {"X-API-Key": key}

    def forged(self) -> dict[str, str]:
        issuer = self.local.google.sessions
        url, key = self.local.google.url, ec.generate_private_key(ec.SECP256R1())
        claims = jwt.decode(issuer.token(url, self.org.user_id), options={"verify_signature": False})
        return {"Authorization": f"Bearer {jwt.encode(claims, key, ALGORITHM, {'kid': issuer.key_id})}"}


@pytest.fixture(scope="module")
def street(session_cloud: Local, orgs: NewOrgs) -> Street:
    session_cloud.clock.now = NOON
    org, other = (orgs(org_slug=slug, accounts=()) for slug in ("doors_org", "doors_other"))
    run = billing_run(org)
    session_cloud.ledger.append_run(run, RunEvent(Status.PENDING), NOON)
    return Street(session_cloud, org, other, run.run_id)


Refused = tuple[int, str]
KEY_REFUSED: Refused = (401, "Invalid or inactive API key")
SESSION_REFUSED: Refused = (401, "Invalid session token")
WAYS: dict[str, tuple[Callable[[Street], dict[str, str]], Refused]] = {
    "no key": (lambda _: {}, (401, "X-API-Key header is required")),
    "empty key": (lambda _: {"X-API-Key": ""}, (401, "X-API-Key header is required")),
    "unknown key": (lambda street: {"X-API-Key": f"{street.org.org_slug}_api_{'x' * 43}"}, KEY_REFUSED),
    "revoked key": (lambda street: street.stored_key("revoked_at"), KEY_REFUSED),
    "expired key": (lambda street: street.stored_key("expires_at"), KEY_REFUSED),
    "unknown key of another org": (lambda _: {"X-API-Key": f"doors_other_api_{'x' * 43}"}, (403, OTHER_ORG)),
    "another org's key": (lambda street: {"X-API-Key": street.other.api_key}, (403, OTHER_ORG)),
    "non-member": (lambda street: bearer(street.local, street.other.user_id), (403, OTHER_ORG)),
    "nobody's member": (lambda street: bearer(street.local, "nobody"), (403, OTHER_ORG)),
    "expired session": (
        lambda street: bearer(street.local, street.org.user_id, exp=NOON.timestamp() - 60),
        SESSION_REFUSED,
    ),
    "wrongly signed session": (lambda street: street.forged(), SESSION_REFUSED),
    "no token": (lambda _: {"Authorization": "Bearer "}, SESSION_REFUSED),
}


def knock(
    api: FlaskClient, endpoint: Endpoint, base: str, headers: dict[str, str], org: str, run_id: str
) -> TestResponse:
    parts = {"<org>": org, "<path:path>": "gcp/cost/billing", "<provider>": "gcp", "<rest:user_id>": "u"}
    parts |= {"<run_id>": run_id, "<pipeline_logging_id>": run_id}
    path = base + endpoint.path
    for part, value in parts.items():
        path = path.replace(part, value)
    assert "<" not in path, "a part of a path that this test does not know yet"
    body: dict[str, Any] = {"json": ACCEPTED.get(endpoint.name, {})} if endpoint.body else {}
    return api.open(path, method=endpoint.method, headers=headers, query_string=QUERIES.get(endpoint.name), **body)


def told(answer: TestResponse) -> tuple[Any, ...]:
    """All that an answer tells, but for what the request itself said."""
    document = answer.get_json()
    own = {name: value for name, value in document.items() if name not in ("instance", "request_id")}
    headers = {name: value for name, value in answer.headers if name not in ("X-Request-ID", "Content-Length", "Date")}
    return answer.status_code, own, headers


@pytest.mark.parametrize("way", WAYS)
def test_a_closed_door(new_api: NewApi, street: Street, way: str) -> None:
    """The refusal of every endpoint is the specified one, and the very same whether or not the org and the run exist.

    A key that begins with another org's slug is the other org's, whether or not there is such a key.
    """
    present, expected = WAYS[way]
    headers = present(street)
    for endpoint, base in GUARDED:
        if "<org>" not in endpoint.path and expected == (403, OTHER_ORG) and way != "nobody's member":
            continue  # without an org in its path it is the caller's own
        try_door(new_api(), street, endpoint, base, headers, expected)


def try_door(
    api: FlaskClient, street: Street, endpoint: Endpoint, base: str, headers: dict[str, str], expected: Refused
) -> None:
    """Asserts the refusal of one endpoint, by an instance that remembers nobody."""
    answer = knock(api, endpoint, base, headers, street.org.org_slug, street.run_id)
    assert (answer.status_code, answer.get_json()["detail"]) == expected, endpoint.name
    refused = (answer.mimetype, "WWW-Authenticate" in answer.headers)
    assert refused == ("application/problem+json", expected[0] == 401), endpoint.name
    assert told(knock(api, endpoint, base, headers, street.org.org_slug, NO_RUN)) == told(answer), endpoint.name
    elsewhere = knock(api, endpoint, base, headers, "doors_nowhere", street.run_id)
    if "<org>" in endpoint.path and headers.get("X-API-Key", "").startswith(street.org.org_slug):
        assert (elsewhere.status_code, elsewhere.get_json()["detail"]) == (403, OTHER_ORG), endpoint.name
        others = knock(api, endpoint, base, headers, street.other.org_slug, street.run_id)
        assert told(elsewhere) == told(others), endpoint.name
    else:
        assert told(elsewhere) == told(answer), endpoint.name


def test_an_unknown_key_of_an_org_that_does_not_exist(api: FlaskClient, street: Street) -> None:
    """It is refused in the very words for an unknown key of an org that exists."""
    path = "/api/v1/organizations/{}/quota"
    answers = [
        api.get(path.format(org), headers={"X-API-Key": f"{org}_api_{'x' * 43}"})
        for org in (street.org.org_slug, "doors_nowhere")
    ]
    assert told(answers[0]) == told(answers[1])
    assert answers[0].status_code == 401


WITH_ORG = [endpoint for endpoint, base in GUARDED if "<org>" in endpoint.path]


def test_what_is_no_slug(new_api: NewApi, street: Street) -> None:
    """400 with a code of its own, for people and for keys, also where an endpoint has no field that could be wrong."""
    for endpoint in WITH_ORG:
        api = new_api()
        for headers in ({"X-API-Key": street.org.api_key}, bearer(street.local, street.org.user_id)):
            answer = knock(api, endpoint, endpoint.bases[0], headers, "no-slug", NO_RUN)
            assert (answer.status_code, answer.get_json()["code"]) == (400, "slug_invalid"), endpoint.name


def test_two_credentials(new_api: NewApi, street: Street) -> None:
    """400 with a code of its own at every endpoint, though both would be let in."""
    both = {"X-API-Key": street.org.api_key} | bearer(street.local, street.org.user_id)
    for endpoint, base in GUARDED:
        answer = knock(new_api(), endpoint, base, both, street.org.org_slug, street.run_id)
        assert (answer.status_code, answer.get_json()["code"]) == (400, "credentials_two"), endpoint.name


def test_another_org_s_run_at_the_older_path(api: FlaskClient, street: Street) -> None:
    """A run of another org is not found, in the words for a run that does not exist."""
    for headers in ({"X-API-Key": street.other.api_key}, bearer(street.local, street.other.user_id)):
        for path in ("/api/v1/pipelines/runs", f"/api/v1/pipelines/{street.other.org_slug}/runs"):
            answers = [api.get(f"{path}/{run_id}", headers=headers) for run_id in (street.run_id, NO_RUN)]
            details = [answer.get_json()["detail"] for answer in answers]
            assert [answer.status_code for answer in answers] == [404, 404]
            assert details == [f"Run not found: {street.run_id}", f"Run not found: {NO_RUN}"]


def test_nothing_happened(local: Local, street: Street) -> None:
    """Nobody who was refused started, ended or changed anything."""
    tasks = clients.tasks(local.settings).list_tasks(request={"parent": local.settings.queue_path})
    assert not [task.name for task in tasks if "-doors_" in task.name]
    events = "SELECT DISTINCT run_id, status FROM organizations.pipeline_run_events WHERE org_slug LIKE 'doors_%'"
    assert local.query(events) == [{"run_id": street.run_id, "status": "PENDING"}]


# Input that no client of good will sends

HOSTILE = [
    "' OR 1=1 --", "'; DROP TABLE organizations.org_profiles; --", '"}]}', "../../etc/passwd", "..%2f..", "%00", "a\0b",
    "${7*7}", "{{7*7}}",
    "\u202eslug", "\uff41\uff43\uff4d\uff45", "acme\u0301", "💥" * 20, "x" * 3000, "-1", "1e999", "9" * 400,
    "NaN", "null", "\r\nSet-Cookie: a=b", "<script>", "`whoami`",
]  # fmt: skip


def is_refused(answer: TestResponse) -> bool:
    return 400 <= answer.status_code < 500 and answer.mimetype == "application/problem+json"


@pytest.fixture(scope="module")
def target(shared_local: Local, orgs: NewOrgs) -> OnboardedOrg:  # noqa: ARG001 - puts the clock back
    """An org in which nothing has been started."""
    return orgs(accounts=())


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_in_every_place(api: FlaskClient, local: Local, target: OnboardedOrg, text: str) -> None:
    """In a path, a query or a body: 4xx as a problem document, no header of the caller's making, no run, no task."""
    org = target
    key, base = {"X-API-Key": org.api_key}, "/api/v1/pipelines"
    answers = [
        api.get(f"{base}/{text.replace('/', '%2F')}/runs", headers=key),
        api.get(f"{base}/{org.org_slug}/runs/{text.replace('/', '%2F')}", headers=key),
        api.get(f"{base}/runs/{text.replace('/', '%2F')}", headers=key),
        api.post(f"{base}/run/{org.org_slug}/gcp/cost/{text}", headers=key, json={}),
        api.post(f"{base}/run/{text.replace('/', '%2F')}/gcp/cost/billing", headers=key, json={}),
        api.post(f"{base}/run/{org.org_slug}/gcp/cost/billing", headers=key, json={"date": text}),
        api.post(f"{base}/run/{org.org_slug}/gcp/cost/billing", headers=key, json={"force_refresh": text}),
        api.post(f"{base}/run/{org.org_slug}/gcp/cost/billing", headers=key, json={text: 1}),
        api.post(f"{base}/run/{org.org_slug}/gcp/cost/billing", headers=key, json=text),
        api.post(f"{base}/run/{org.org_slug}/gcp/cost/billing", headers=key, query_string={"date": text}),
        *(
            api.get(f"{base}/{org.org_slug}/runs", headers=key, query_string={name: text})
            for name in ("status", "start_date", "endDate", "date", "trigger_type", "limit", "offset", "cursor", "x")
        ),
    ]
    assert [(answer.status_code, answer.mimetype) for answer in answers if not is_refused(answer)] == []
    assert not [answer for answer in answers if "Set-Cookie" in answer.headers]
    assert untouched(local, org)


def untouched(local: Local, org: OnboardedOrg) -> bool:
    tasks = clients.tasks(local.settings).list_tasks(request={"parent": local.settings.queue_path})
    runs = local.query(f"SELECT run_id FROM organizations.pipeline_run_events WHERE org_slug = '{org.org_slug}'")
    return runs == [] and not [task for task in tasks if f"-{org.org_slug}-" in task.name]


BODIES = [
    (b"x" * 10_000_000, 413), (b'{"date": "' + b"2" * 300_000 + b'"}', 413),
    (b"[" * 200_000, 400), (b'{"a":' * 40_000 + b"1" + b"}" * 40_000, 400),
    (b'{"date": ' + b"[" * 9_000 + b"]" * 9_000 + b"}", 400),
    (b'{"date": "2026-11-10\\u0000"}', 400), (b'{"date": "\\ud800"}', 400), (b"\0" * 100, 400),
    (b'{"date": ' + b"9" * 5_000 + b"}", 400), (b'{"date": 1e400}', 400), (b'{"force_refresh": 1}', 400),
    (b'{"force_refresh": NaN}', 400), (b'{"date": -Infinity}', 400), (b"\xff\xfe{\0}\0", 400), (b'"date"', 400),
    (b'{"date": "2026-11-10"} {}', 400), (b'{"__proto__": {}, "date": "2026-11-10"}', 400),
]  # fmt: skip


@pytest.mark.parametrize(("body", "status"), BODIES, ids=range(len(BODIES)))
def test_hostile_bodies(api: FlaskClient, local: Local, target: OnboardedOrg, body: bytes, status: int) -> None:
    """Huge, deep, malformed or strange: a problem document from every endpoint that reads one, without effect."""
    org = target
    headers = {"X-API-Key": org.api_key, "Content-Type": "application/json"}
    for endpoint, base in GUARDED:
        if endpoint.method == "POST":
            run_id = billing_run(org, FIXTURE_DAY).run_id
            path = (base + endpoint.path).replace("<org>", org.org_slug).replace("<path:path>", "gcp/cost/billing")
            answer = api.post(path.replace("<run_id>", run_id), headers=headers, data=body)
            assert (answer.status_code, is_refused(answer)) == (status, True), endpoint.name
    assert untouched(local, org)


@pytest.mark.parametrize("name", ["X-API-Key", "Authorization", "If-None-Match", "Origin", "X-Request-ID", "Accept"])
def test_hostile_headers(api: FlaskClient, target: OnboardedOrg, name: str) -> None:
    """Whatever a header holds, the answer is a refusal or the list, never an error of ours."""
    org = target
    for text in ("\xff" * 50, "' OR 1=1", "x" * 20_000, "Bearer " + "é" * 9, "\t", '*, W/*, "', "Bearer a.b.c.d.e"):
        answer = api.get(f"/api/v1/pipelines/{org.org_slug}/runs", headers={"X-API-Key": org.api_key} | {name: text})
        assert answer.status_code in (200, 400, 401)
