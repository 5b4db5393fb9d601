"""Webhooks and what they are told: signed, once, repeated until they hear it, and never in anybody's way."""

import json
import logging
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cloudact import clients
from cloudact.error_codes import Code, stored_code
from cloudact.errors import ConfigError, Stop
from cloudact.installation import ORIGINAL
from cloudact.logs import JsonLines
from cloudact.notify.notifications import Event, run_failed
from cloudact.notify.notifier import open_notifier
from cloudact.notify.signing import Signing
from cloudact.notify.webhooks import Webhooks
from cloudact.orgs.integrations import Integrations
from cloudact.runs.ledger import RunEvent
from cloudact.runs.load import Outcome, RunLoad
from cloudact.runs.run import Run, Status
from cloudact.settings import ROOT, Settings
from functions.composition import compose
from functions.orgs.redirects import redirects
from functions.orgs.webhook_urls import PATTERN, webhook_url
from functions.routes import public_app
from functions.runs.quota_notices import threshold
from functions.web.probes import Probes, may_be_asked
from localcloud.google_apis.rest.faults import Fault
from localcloud.onboarding import OnboardedOrg, add_member
from localcloud.wire.listener import HttpAnswer, HttpRequest, Listener
from providers import PROVIDERS
from providers.provider import ids
from tests.conftest import FIXTURE_DAY, NOON, Local, NewOrgs, billing_run
from tests.functions.operators import Operator, problem
from tests.functions.test_cancel_retry import ops, swept
from tests.jobs.conftest import AFTERWARDS, RunJob, run_job
from tests.localcloud.google_apis.conftest import Target, target
from tests.sessions import bearer

__all__ = ["ops", "run_job", "target"]
OURS = ("cloudact", "functions", "stamina")  # the loggers of our own lines, and of those about our tries
EXAMPLE = re.search(
    r"```python\n(.*?def verify.*?)```", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), re.DOTALL
)


@dataclass
class Customer:
    """An org, what it can do about its webhook, and what its receiver has heard."""

    local: Local
    api: FlaskClient
    org: OnboardedOrg
    target: Target
    secret: str = ""

    def call(self, method: str, path: str = "", **options: Any) -> TestResponse:
        options = {"headers": {"X-API-Key": self.org.api_key}} | options
        return self.api.open(f"/api/v1/organizations/{self.org.org_slug}/webhook{path}", method=method, **options)

    def put(self, **body: Any) -> dict[str, Any]:
        answer = self.call("PUT", json={"url": self.target.url} | body)
        assert answer.status_code == 200, answer.get_json()
        told: dict[str, Any] = answer.get_json()
        self.secret = told["signing_secret"]
        return told

    def tasks(self) -> list[Any]:
        request = {"parent": self.local.settings.webhook_queue_path, "response_view": "FULL"}
        tasks = clients.tasks(self.local.settings).list_tasks(request=request)
        return [task for task in tasks if f'"{self.org.org_slug}"'.encode() in task.http_request.body]

    def deliver(self) -> list[dict[str, Any]]:
        """Sends what waits, whenever it is due, and answers all that was ever heard."""
        dispatcher = self.local.google.dispatcher
        wait([sent for task in self.tasks() if (sent := dispatcher.dispatch_now(task.name))], timeout=10)
        return [json.loads(request.body) for request in self.target.requests]

    def trigger(self, day: int) -> TestResponse:
        path = f"/api/v1/pipelines/run/{self.org.org_slug}/gcp/cost/billing"
        date = FIXTURE_DAY.replace(day=day).isoformat()
        return self.api.post(path, headers={"X-API-Key": self.org.api_key}, json={"date": date})


@pytest.fixture
def customers(local: Local, api: FlaskClient, new_org: NewOrgs, target: Target) -> Callable[..., Customer]:
    return lambda **wanted: Customer(local, api, new_org(**wanted), target)


@pytest.fixture
def customer(customers: Callable[..., Customer]) -> Customer:
    """An org that is told of everything."""
    found = customers()
    found.put()
    return found


@pytest.fixture
def no_queue(local: Local) -> Iterator[None]:
    """Cloud Tasks takes nothing."""
    local.google.faults.add(Fault(api="tasks", method="CreateTask", kind="error", status=503))
    yield
    local.google.faults.clear()


def events(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The lines that alerts match."""
    told = [getattr(record, "fields", {}) | {"severity": record.levelname} for record in caplog.records]
    return [fields for fields in told if "event" in fields]


def documented() -> Callable[[str, str, bytes], bool]:
    """What docs/api.md tells customers to do: the document's own lines."""
    names: dict[str, Any] = {}
    assert EXAMPLE
    exec(EXAMPLE[1], names)  # noqa: S102
    verify: Callable[[str, str, bytes], bool] = names["verify"]
    return verify


def verifies(secret: str, request: Any, body: bytes | None = None) -> bool:
    """Whether a receiver that does so believes the request."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    return documented()(secret, headers["cloudact-signature"], request.body if body is None else body)


def test_the_documented_check(customer: Customer) -> None:
    """The signature verifies by the document's own lines; another body, secret or time does not."""
    customer.local.clock.now = datetime.now(UTC)
    customer.call("POST", "/test")
    customer.deliver()
    request = customer.target.requests[0]
    assert verifies(customer.secret, request)
    assert not verifies(customer.secret, request, request.body + b" ")
    assert not verifies(customer.secret[:-1], request)
    signing = Signing(lambda: b"m" * 32, ORIGINAL)
    old = signing.header("acmecorp", 1, int(time.time()) - 100_000, b"{}")
    request.headers["CloudAct-Signature"] = old
    assert not verifies(signing.secret("acmecorp", 1), request, b"{}")


@pytest.mark.parametrize("header", ["", "t=1", "v1=", "t=1,v1=é", "t=é,v1=ab", "t=\udcff,v1=\udcff", ",,=,v1", "v1=٣"])
def test_the_documented_check_of_nonsense(header: str) -> None:
    """A header that nobody signed, in whatever characters, is no signature; it is no error either."""
    assert documented()("whsec_x", header, b"{}") is False


def test_setting_and_removing(customer: Customer) -> None:
    """The secret is shown where the webhook is set, and only there; setting the same again keeps it."""
    first = customer.put()
    shown = customer.call("GET").get_json()
    assert shown == {name: value for name, value in first.items() if name != "signing_secret"}
    assert (shown["url"], shown["events"][0], len(shown["events"])) == (customer.target.url, "run_failed", 10)
    assert customer.put(events=["quota_near"])["signing_secret"] == first["signing_secret"]
    rotated = customer.put(rotate_secret=True)["signing_secret"]
    for _ in range(2):
        assert customer.call("DELETE").get_json()["url"] is None
    assert customer.call("GET").get_json() == {
        "org_slug": customer.org.org_slug,
        "url": None,
        "events": [],
        "updated_at": None,
    }
    assert customer.call("POST", "/test").status_code == 404
    assert len({first["signing_secret"], rotated, customer.put()["signing_secret"]}) == 3


def test_each_org_has_its_own_secret(customer: Customer, customers: Callable[..., Customer]) -> None:
    """Nothing secret is stored: orgs' secrets are derived, and differ."""
    other = customers()
    other.put()
    assert other.secret != customer.secret
    stored = customer.local.query(
        f"SELECT * FROM organizations.org_webhooks WHERE org_slug = '{customer.org.org_slug}'"
    )
    assert customer.secret.removeprefix("whsec_") not in repr(stored)


def test_only_admins_change_it(customer: Customer) -> None:
    """A member may look and test; setting and removing is for owners, admins and keys."""
    add_member(customer.local.settings, customer.org.org_slug, "webhook-member", "member")
    member: dict[str, Any] = {"headers": bearer(customer.local, "webhook-member")}
    assert customer.call("GET", **member).status_code == 200
    assert customer.call("PUT", json={"url": "https://example.com"}, **member).status_code == 403
    assert customer.call("DELETE", **member).status_code == 403


HOSTILE = [
    "http://example.com", "ftp://example.com", "https://", "https:///x", "https://localhost/", "https://localhost.",
    "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0x7f.1/",
    "https://[::1]/", "https://[::ffff:169.254.169.254]/", "https://169.254.169.254/computeMetadata/v1/",
    "https://metadata.google.internal/", "https://metadata/", "https://db.local/", "https://a.localhost/",
    "https://user:pass@example.com/", "https://example.com@127.0.0.1/", "https://example.com#@evil.com",
    "https://example.com\\@evil.com/", "https://exa mple.com/", "https://example.com/\r\nX: y", "https://ex\tample.com/",
    "https://example..com/", "https://-a.com/", "https://example.com:0/", "https://example.com:99999/",
    "https://example.com:x/", "https://ⓔxample.com/", "https://example.com。/", "HTTPS//example.com", "javascript:1",
    "//example.com", "https://1.2.3.4.in-addr.arpa/", "https://example.com/" + "x" * 2000, "", None, 7, ["https://a.com"],
    "http://127.0.0.1@evil.com/", "http://127.0.0.2/", "http://127.0.0.1.evil.com/",
]  # fmt: skip


@pytest.mark.parametrize("url", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_addresses(url: Any) -> None:
    """No IP address, inner name, password, or other protocol; not even where receivers on this machine are allowed."""
    with pytest.raises(ValueError, match="must"):
        webhook_url(url, allow_http=True)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://a-b.example.co.uk:8443/x?y=%20z",
        "https://xn--bcher-kva.example/",
        "https://A.io?x",
    ],
)
def test_good_addresses(url: str) -> None:
    """Public names, with port, path and query; the document's pattern fits all that is accepted."""
    assert webhook_url(url) == url
    assert re.match(PATTERN, url)


def test_this_machine_is_for_the_local_cloud() -> None:
    """Without the local cloud's setting http is refused, and the setting is refused without the local cloud."""
    with pytest.raises(ValueError, match="https://"):
        webhook_url("http://127.0.0.1:8000/")
    google = {"CLOUDACT_PROJECT": "p", "CLOUDACT_LOCATION": "l", "CLOUDACT_KMS_KEY": "k"}
    google |= {"CLOUDACT_INSTALLATION": "test"}
    google |= {"CLOUDACT_DISPATCHER_SERVICE_ACCOUNT": "d", "CLOUDACT_WEBHOOK_ALLOW_HTTP": "true"}
    with pytest.raises(ConfigError, match=r"CLOUDACT_WEBHOOK_ALLOW_HTTP: .* local cloud only"):
        Settings.from_env(google)


BAD_BODIES: list[tuple[dict[str, Any], str]] = [
    ({}, "url is required."), ({"url": "https://localhost"}, "url must have a public host name, not an IP address"),
    ({"url": "https://a.com", "events": []}, "events must be a list of run_failed,"),
    ({"url": "https://a.com", "events": ["ping"]}, "events must be a list of"),
    ({"url": "https://a.com", "events": [["run_failed"]]}, "events must be a list of"),
    ({"url": "https://a.com", "rotate_secret": 1}, "rotate_secret must be true or false."),
    ({"url": "https://a.com", "secret": "x"}, "Unknown field 'secret'."),
]  # fmt: skip


def test_bad_bodies(customer: Customer) -> None:
    """Each mistake is named, and the webhook stays as it was."""
    for body, detail in BAD_BODIES:
        status, told = problem(customer.call("PUT", json=body))
        assert (status, told.startswith(detail)) == (400, True), told
    assert customer.call("GET").get_json()["url"] == customer.target.url


def test_a_ping(customer: Customer) -> None:
    """It arrives as JSON without any credential of ours, and at most one in ten seconds is sent."""
    first, second = (customer.call("POST", "/test") for _ in range(2))
    assert (first.status_code, first.get_json()["deduplicated"]) == (202, False)
    assert second.get_json() == first.get_json() | {"deduplicated": True, "message": second.get_json()["message"]}
    heard = customer.deliver()
    assert heard == [
        {
            "id": first.get_json()["id"],
            "type": "ping",
            "version": 1,
            "created_at": "2026-11-12T12:00:00.000Z",
            "org_slug": customer.org.org_slug,
            "data": {"message": "This is a test."},
        }
    ]
    headers = {name.lower(): value for name, value in customer.target.requests[0].headers.items()}
    assert (headers["content-type"], "authorization" in headers) == ("application/json", False)
    customer.local.clock.advance(seconds=10)
    assert customer.call("POST", "/test").get_json()["deduplicated"] is False


def test_a_receiver_that_fails_is_asked_again(customer: Customer) -> None:
    """A 500 is no delivery: the task stays, to be sent again at least ten seconds later, the very same."""
    customer.target.statuses = [500, 200]
    customer.call("POST", "/test")
    customer.deliver()
    [task] = customer.tasks()
    assert (task.schedule_time - customer.local.clock()).total_seconds() >= 10
    customer.deliver()
    one, two = customer.target.requests
    signatures = [{k.lower(): v for k, v in each.headers.items()}["cloudact-signature"] for each in (one, two)]
    assert (one.body, signatures[0], customer.tasks()) == (two.body, signatures[1], [])


def failing(customer: Customer) -> Run:
    """A run that the billing export's absence will make fail."""
    customer.local.clock.now = AFTERWARDS
    return billing_run(customer.org, requested_at=AFTERWARDS)


def test_a_run_that_failed(customer: Customer, run_job: RunJob, caplog: pytest.LogCaptureFixture) -> None:
    """The job tells its org what the run's detail tells, once, and the log in words that alerts match."""
    run = failing(customer)
    assert run_job(run) == 0
    [heard] = customer.deliver()
    assert (heard["type"], heard["data"]["run_id"]) == ("run_failed", run.run_id)
    assert heard["data"]["error"]["code"] == "source_not_found"
    assert (heard["data"]["date"], heard["data"]["pipeline"]) == ("2026-11-10", "gcp_billing")
    [line] = events(caplog)
    told = {name: line[name] for name in ("event", "severity", "org_slug", "run_id", "code", "delivery")}
    assert told == {
        "event": "run_failed", "severity": "ERROR", "org_slug": customer.org.org_slug, "run_id": run.run_id,
        "code": "source_not_found", "delivery": "queued",
    }  # fmt: skip


def test_told_by_job_and_sweep(customer: Customer, ops: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    """A container that died between telling and recording is followed by the sweep, which tells the same event."""
    local, run = customer.local, billing_run(customer.org)
    local.ledger.append_run(run, RunEvent(Status.RUNNING, started_at=NOON), NOON)
    failed = Outcome(Status.FAILED, error=Stop(Code.QUERY_TOO_LARGE, "Too large.", "Ask."), at=NOON)
    RunLoad(local.warehouse, run.run_id).settle(failed, tick=lambda: None)
    assert failed.error
    open_notifier(local.settings, local.warehouse, local.clock, ids(PROVIDERS)).notify(
        run_failed(run, failed.error, NOON)
    )
    local.clock.advance(minutes=11)
    assert run.run_id in swept(local, ops)["settled"]
    [heard] = customer.deliver()
    assert (heard["data"]["run_id"], heard["created_at"]) == (run.run_id, "2026-11-12T12:00:00.000Z")
    told = [line["delivery"] for line in events(caplog) if line["event"] == "run_failed"]
    assert told == ["queued", "repeated"]
    assert swept(local, ops)["settled"] == []
    assert len(customer.deliver()) == 1


def test_a_lost_run_is_told_by_the_sweep(customer: Customer, ops: FlaskClient) -> None:
    """A run that nobody else can tell of any more is told of by the sweep."""
    run = billing_run(customer.org)
    customer.local.ledger.append_run(run, RunEvent(Status.RUNNING, started_at=NOON), NOON)
    customer.local.clock.advance(minutes=11)
    swept(customer.local, ops)
    [heard] = customer.deliver()
    assert (heard["data"]["run_id"], heard["data"]["error"]["code"]) == (run.run_id, "lost")


@pytest.mark.parametrize("trouble", ["error", "lost_reply"])
def test_who_tells_of_an_end_tries_three_times(
    customer: Customer, ops: FlaskClient, caplog: pytest.LogCaptureFixture, trouble: Any
) -> None:
    """Two failures, or answers that get lost, are outlasted; what may be a task of one's own is told as new."""
    run = billing_run(customer.org)
    customer.local.ledger.append_run(run, RunEvent(Status.RUNNING, started_at=NOON), NOON)
    customer.local.clock.advance(minutes=11)
    customer.local.google.faults.add(Fault(api="tasks", method="CreateTask", kind=trouble, status=503, times=2))
    assert run.run_id in swept(customer.local, ops)["settled"]
    assert customer.local.google.faults.in_force()[0]["struck"] == 2
    customer.local.google.faults.clear()
    assert [each["data"]["run_id"] for each in customer.deliver()] == [run.run_id]
    assert [line["delivery"] for line in events(caplog) if line["event"] == "run_failed"] == ["queued"]


def test_a_job_tries_three_times_too(customer: Customer, run_job: RunJob, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody tells again of a run that is FAILED, so the job outlasts two failures."""
    run = failing(customer)
    customer.local.google.faults.add(Fault(api="tasks", method="CreateTask", kind="error", status=503, times=2))
    assert run_job(run) == 0
    customer.local.google.faults.clear()
    assert [line["delivery"] for line in events(caplog)] == ["queued"]
    assert len(customer.deliver()) == 1


def test_a_request_tries_once(customer: Customer) -> None:
    """Whoever waits for an answer does not wait for a second try."""
    customer.local.google.faults.add(Fault(api="tasks", method="CreateTask", kind="error", status=503, times=1))
    assert customer.call("POST", "/test").status_code == 503
    customer.local.google.faults.clear()
    assert customer.call("POST", "/test").get_json()["deduplicated"] is False


@pytest.mark.usefixtures("no_queue")
def test_a_failed_run_waits_for_nobody(customer: Customer, run_job: RunJob, caplog: pytest.LogCaptureFixture) -> None:
    """Cloud Tasks being down keeps no run from being FAILED; the line in the log says what was not delivered."""
    run = failing(customer)
    assert run_job(run) == 0
    assert customer.local.ledger.status(run) == Status.FAILED
    assert [(line["event"], line["delivery"]) for line in events(caplog)] == [("run_failed", "failed")]


def test_a_run_that_is_tried_again_is_not_told_of(customer: Customer, run_job: RunJob) -> None:
    """A failure that another try follows is no event."""
    openai = {"pipeline": "openai_usage_cost", "provider": "openai", "domain": "", "name": "usage_cost"}
    run = failing(customer).model_copy(update=openai)
    assert run_job(run, last=False, provider_urls='{"openai": "http://127.0.0.1:9"}', provider_attempts=1) == 1
    assert customer.deliver() == []


def test_an_integration_that_became_invalid(customer: Customer, caplog: pytest.LogCaptureFixture) -> None:
    """All runs that find one credential refused tell of it once; found valid and refused again is another event."""
    notifier = open_notifier(customer.local.settings, customer.local.warehouse, customer.local.clock, ids(PROVIDERS))
    integrations = Integrations(customer.local.warehouse, customer.local.clock, notifier.tell_invalid)
    usable = integrations.of(customer.org.org_slug, "GCP_SA")
    for _ in range(2):
        integrations.mark_invalid(usable, "Google refuses the key.")
    invalid = integrations.find(customer.org.org_slug, "GCP_SA")
    integrations.mark_invalid(invalid, "Google still refuses the key.")
    [heard] = customer.deliver()
    assert heard["type"] == "integration_invalid"
    assert heard["data"] == {
        "integration": "GCP_SA", "provider": "gcp", "fingerprint": usable.fingerprint,
        "error_message": "Google refuses the key.",
    }  # fmt: skip
    integrations.judge(integrations.find(customer.org.org_slug, "GCP_SA"), None)
    customer.local.clock.advance(seconds=1)
    integrations.mark_invalid(integrations.of(customer.org.org_slug, "GCP_SA"), "Refused again.")
    assert [each["data"]["error_message"] for each in customer.deliver()][1:] == ["Refused again."]
    assert {line["severity"] for line in events(caplog)} == {"WARNING"}


def test_validating_tells_too(customer: Customer) -> None:
    """A credential that `validate` finds refused is told of as one that a run finds refused."""
    key = customer.org.credentials["OPENAI"]["api_key"]
    revoked = {"key": key, "kind": "openai", "seed": 1, "revoked": True}
    requests.post(f"{customer.local.providers.openai_url}/local/keys", json=revoked, timeout=5).raise_for_status()
    path = f"/api/v1/integrations/{customer.org.org_slug}/openai/validate"
    for _ in range(2):
        assert customer.api.post(path, headers={"X-API-Key": customer.org.api_key}).get_json()["status"] == "INVALID"
    assert [each["type"] for each in customer.deliver()] == ["integration_invalid"]


def test_a_quota_that_comes_to_an_end(customers: Callable[..., Customer], caplog: pytest.LogCaptureFixture) -> None:
    """At four fifths and at the last run, once each a day, whatever number of instances sees it; and again tomorrow."""
    customer = customers(daily_limit=6)
    customer.put()
    for day in range(1, 9):
        customer.trigger(day)
        customer.api = public_app(compose(customer.local.settings, customer.local.clock)).test_client()
    heard = sorted(customer.deliver(), key=lambda each: int(each["data"]["pipelines_today"]))
    assert [(each["type"], each["data"]["pipelines_today"]) for each in heard] == [
        ("quota_near", 5),
        ("quota_reached", 6),
    ]
    assert heard[0]["data"]["resets_at"] == "2026-11-13T00:00:00.000Z"
    told = [(line["event"], line["delivery"]) for line in events(caplog)]
    assert [each for each in told if each[1] == "queued"] == [("quota_near", "queued"), ("quota_reached", "queued")]
    customer.local.clock.advance(days=1)
    for day in range(7, 13):
        customer.trigger(day)
    assert len(customer.deliver()) == 4


def test_thresholds() -> None:
    """Four fifths are rounded up; the last run is not also near the last; no limit is never reached."""
    assert [threshold(used, 6) for used in (4, 5, 6)] == [None, Event.QUOTA_NEAR, Event.QUOTA_REACHED]
    assert [threshold(1, limit) for limit in (0, 1, 2)] == [None, Event.QUOTA_REACHED, None]
    assert [threshold(used, 25) for used in (19, 20, 24, 25, 26)] == [
        None, Event.QUOTA_NEAR, Event.QUOTA_NEAR, Event.QUOTA_REACHED, Event.QUOTA_REACHED
    ]  # fmt: skip


def test_what_a_trigger_costs(customers: Callable[..., Customer]) -> None:
    """One task more for the trigger that crosses a threshold, and for no other."""
    customer = customers(daily_limit=6)
    customer.put()
    costs = []
    for day in range(1, 7):
        customer.local.google.traffic.reset()
        requests.delete(f"{customer.local.settings.bigquery_endpoint}/local/requests", timeout=5)
        assert customer.trigger(day).status_code == 202
        counted = requests.get(f"{customer.local.settings.bigquery_endpoint}/local/requests", timeout=5).json()
        assert counted["requests"] == {"jobs.query": 1, "tabledata.insertAll": 1}
        costs.append(customer.local.google.traffic.summary()["tasks.CreateTask"]["200"])
    assert costs == [1, 1, 1, 1, 2, 2]


def test_a_trigger_waits_for_no_webhook(customers: Callable[..., Customer], caplog: pytest.LogCaptureFixture) -> None:
    """Where notifications cannot be queued, or not be signed, triggers are admitted as ever."""
    customer = customers(daily_limit=1)
    customer.put()
    settings = customer.local.settings
    for number, broken in enumerate(
        ({"webhook_queue": "nowhere"}, {"webhook_secret": settings.webhook_secret[:-1] + "9"})
    ):
        customer.local.clock.now = NOON.replace(day=12 + number)
        customer.api = public_app(compose(settings.model_copy(update=broken), customer.local.clock)).test_client()
        assert customer.trigger(1 + number).status_code == 202
        assert events(caplog)[-1]["delivery"] == "failed"


def test_only_chosen_events_are_sent(customers: Callable[..., Customer], caplog: pytest.LogCaptureFixture) -> None:
    """What an org did not choose is in the log only, as is everything of an org without a webhook."""
    customer = customers(daily_limit=1)
    customer.put(events=["run_failed"])
    customer.trigger(1)
    assert (customer.deliver(), [line["delivery"] for line in events(caplog)]) == ([], ["none"])


def test_no_address_is_logged(customer: Customer, caplog: pytest.LogCaptureFixture) -> None:
    """Addresses may hold a receiver's own secret, so no log line holds one; nor a signing secret."""
    caplog.set_level(logging.DEBUG)
    caplog.clear()
    customer.put(url=f"{customer.target.url}?token=receivers-own")
    caplog.clear()  # the client libraries' and the test client's own words
    notifier = open_notifier(customer.local.settings, customer.local.warehouse, customer.local.clock, ids(PROVIDERS))
    notifier.notify(run_failed(billing_run(customer.org), Stop(stored_code("x"), "y"), NOON))
    ours = [vars(record) for record in caplog.records if record.name.startswith(OURS)]
    assert ours
    assert "receivers-own" not in repr(ours)
    assert customer.secret not in repr(ours)


@pytest.mark.parametrize("status", [400, 403, 503])
def test_what_google_quotes_is_not_logged(customer: Customer, caplog: pytest.LogCaptureFixture, status: int) -> None:
    """Cloud Tasks may name the address when it refuses a task; whoever tells keeps that to themselves."""

    def quoting(request: HttpRequest) -> HttpAnswer:
        url = json.loads(request.body)["task"]["httpRequest"]["url"]
        told = {"error": {"code": status, "message": f"HttpRequest.url is invalid: {url}"}}
        return HttpAnswer(status, json.dumps(told).encode())

    customer.put(url=f"{customer.target.url}?token=receivers-own")
    google = Listener(quoting, port=0)
    google.start()
    settings = customer.local.settings.model_copy(update={"tasks_endpoint": google.url})
    caplog.clear()
    notifier = open_notifier(settings, customer.local.warehouse, customer.local.clock, ids(PROVIDERS))
    assert not notifier.notify(run_failed(billing_run(customer.org), Stop(stored_code("x"), "y"), NOON))
    customer.api = public_app(compose(settings, customer.local.clock)).test_client()
    assert customer.call("POST", "/test").status_code in (500, 503)
    google.stop()
    lines = [JsonLines().format(record) for record in caplog.records if record.name.startswith(OURS)]
    assert [line for line in lines if "could not be queued" in line and "Cloud Tasks" in line]
    assert "receivers-own" not in "".join(lines)


def test_an_org_that_leaves(customer: Customer) -> None:
    """Off-boarding ends the webhook; who comes back starts with a new secret."""
    before = customer.secret
    assert Operator(customer.local).offboard(customer.org.org_slug).status_code == 200
    rows = customer.local.query(
        "SELECT url, key_version FROM organizations.org_webhooks"
        f" WHERE org_slug = '{customer.org.org_slug}' ORDER BY updated_at"
    )
    assert [row["url"] for row in rows] == [customer.target.url, None]
    signing = compose(customer.local.settings).webhooks.signing
    assert signing.secret(customer.org.org_slug, rows[-1]["key_version"] + 1) != before


def test_without_a_secret_there_are_no_webhooks(customer: Customer) -> None:
    """A deployment without a secret to sign with says so, and still logs events; a short secret is a mistake."""
    settings = customer.local.settings.model_copy(update={"webhook_secret": ""})
    customer.api = public_app(compose(settings, customer.local.clock)).test_client()
    refused = customer.call("PUT", json={"url": "https://example.com"})
    assert problem(refused) == (409, "Webhooks are not available in this deployment.")
    with pytest.raises(ConfigError):
        Signing(lambda: b"short", ORIGINAL).secret("acmecorp", 1)


@dataclass
class Redirecting:
    """A receiver that sends whoever calls it elsewhere; it knows HEAD too."""

    url: str
    elsewhere: str
    server: ThreadingHTTPServer


@pytest.fixture
def redirecting(target: Target) -> Iterator[Redirecting]:
    class Handler(BaseHTTPRequestHandler):
        def _redirect(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(307)
            self.send_header("Location", target.url)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_POST = _redirect  # noqa: N815 - names given by http.server

        def log_message(self, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield Redirecting(f"http://127.0.0.1:{server.server_port}/hook", target.url, server)
    server.shutdown()
    server.server_close()


def test_a_receiver_that_redirects_is_refused(customer: Customer, redirecting: Redirecting) -> None:
    """Set-up asks the address once, without a body, and says what is wrong; the webhook stays as it was."""
    answer = problem(customer.call("PUT", json={"url": redirecting.url}))
    assert answer == (400, "url answers with a redirect; set the address that it leads to.")
    assert customer.call("GET").get_json()["url"] == customer.target.url
    assert customer.target.requests == []


def test_what_a_redirect_would_carry_away(customer: Customer, redirecting: Redirecting) -> None:
    """One that begins to redirect later: the third party gets the event and its signature, which fit no other event,
    and neither a credential nor the secret."""
    customer.local.clock.now = datetime.now(UTC)
    Webhooks(customer.local.warehouse, customer.local.clock).put(customer.org.org_slug, redirecting.url, ["run_failed"])
    customer.call("POST", "/test")
    [heard] = customer.deliver()
    [request] = customer.target.requests
    told = {name.lower(): value for name, value in request.headers.items()}
    assert not {"authorization", "cookie", "x-api-key"} & set(told)
    sent = repr(told) + json.dumps(heard)
    assert customer.secret.removeprefix("whsec_") not in sent
    assert customer.org.api_key not in sent
    assert verifies(customer.secret, request)
    assert not verifies(customer.secret, request, request.body.replace(b"ping", b"run_failed"))


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1:1/", "https://localhost/", "https://no-such-host.invalid/", "http://127.0.0.1:1/"],
)
def test_nobody_inner_is_asked(url: str) -> None:
    """An address that leads to this machine, or to nobody, is not called, and is no redirect."""
    assert redirects(url, Probes(10)) is False


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("127.0.0.1", False), ("10.0.0.1", False), ("169.254.169.254", False), ("0.1.2.3", False),
        ("100.64.0.1", False), ("192.168.1.1", False), ("172.16.0.1", False), ("224.0.0.1", False),
        ("239.1.1.1", False), ("240.0.0.1", False), ("255.255.255.255", False), ("198.18.0.1", False),
    ],
)  # fmt: skip
def test_who_may_be_asked(address: str, public: bool) -> None:
    """Public hosts; no inner network, no group of hosts, nothing that is reserved."""
    assert may_be_asked(address) is public


def resolver(*addresses: str, asked: list[dict[str, Any]]) -> Callable[..., list[Any]]:
    """Answers as `getaddrinfo` does, and keeps what it was asked for."""

    def look_up(_host: str, port: int, **wanted: Any) -> list[Any]:
        asked.append(wanted)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    return look_up


@pytest.mark.parametrize("addresses", [("127.0.0.1",), ("127.0.0.1", "8.8.8.8"), ()])
def test_every_address_of_a_name_is_looked_at(addresses: tuple[str, ...], redirecting: Redirecting) -> None:
    """One inner address among them, or no IPv4 address at all, and nobody is asked; not even locally."""
    asked: list[dict[str, Any]] = []
    url = f"http://hooks.example.com:{redirecting.server.server_port}/"
    assert redirects(url, Probes(10, resolver(*addresses, asked=asked)), allow_http=True) is False
    assert asked == [{"family": socket.AF_INET, "type": socket.SOCK_STREAM}]


def test_a_name_is_resolved_once(redirecting: Redirecting) -> None:
    """What was looked at is called, wherever the name would lead the second time."""
    asked: list[dict[str, Any]] = []
    probes = Probes(10, resolver("127.0.0.1", asked=asked))
    assert redirects(redirecting.url, probes, allow_http=True) is True
    assert len(asked) == 1


def test_the_machine_s_own_receivers(redirecting: Redirecting) -> None:
    """They are asked where the local cloud allows them, and only there."""
    assert (redirects(redirecting.url, Probes(10), allow_http=True), redirects(redirecting.url, Probes(10))) == (
        True,
        False,
    )


@contextmanager
def dripping(answer: bytes, pause_s: float) -> Iterator[str]:
    """A receiver whose answer comes byte by byte, and that then says nothing more."""
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        with suppress(OSError):
            caller, _ = listener.accept()
            with caller:
                for number in range(len(answer)):
                    caller.sendall(answer[number : number + 1])
                    over.wait(pause_s)
                over.wait(10)

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/hook"
    over.set()
    with suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(10)


LINE = b"HTTP/1.1 307 Temporary Redirect\r\n"


@pytest.mark.parametrize(
    ("answer", "pause_s", "within_s", "seen"),
    [
        (LINE, 0, 10, True),
        (LINE, 0.1, 0.5, False),
        (b"x" * 5000, 0, 10, False),
        (b"HTTP/1.1 307" + b"7" * 5000, 0, 10, False),
        (b"\r\n" + LINE, 0, 10, False),
    ],
    ids=["whole", "slow", "endless", "endless line", "nonsense"],
)
def test_only_the_first_line_counts_and_only_in_time(
    answer: bytes, pause_s: float, within_s: float, seen: bool
) -> None:
    """Headers are not waited for; a byte now and then buys no time; a line without an end is left."""
    with dripping(answer, pause_s) as url:
        assert redirects(url, Probes(within_s), allow_http=True) is seen


def test_a_resolver_that_hangs(redirecting: Redirecting) -> None:
    """Nobody waits for it longer than for a receiver, and it holds no more than its few threads: others are not asked
    meanwhile, and are asked again when it is over."""
    over, asked = threading.Event(), []

    def hang(_host: str, port: int, **_: Any) -> list[Any]:
        asked.append(port)
        over.wait(10)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    places = threading.BoundedSemaphore(2)
    for _ in range(3):
        assert redirects(redirecting.url, Probes(0.05, hang, places), allow_http=True) is False
    assert (len(asked), over.is_set()) == (2, False)
    over.set()
    assert all(places.acquire(timeout=10) for _ in range(2))
    for _ in range(2):
        places.release()
    assert redirects(redirecting.url, Probes(10, hang, places), allow_http=True) is True
