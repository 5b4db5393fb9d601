"""Deliveries of webhooks: what an org is shown of them, and what is recorded before Cloud Tasks forgets it."""

from collections.abc import Callable
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient

from cloudact import clients
from cloudact.error_codes import Code
from cloudact.errors import Stop
from cloudact.notify.deliveries import LOOKS_AT_ONCE
from cloudact.notify.notifications import run_failed
from cloudact.notify.notifier import open_notifier
from localcloud.google_apis.rest.faults import Fault
from localcloud.onboarding import add_member
from providers import PROVIDERS
from providers.provider import ids
from tests.conftest import NOON, billing_run
from tests.functions.test_cancel_retry import ops, swept
from tests.functions.test_webhooks import Customer, customer, customers, no_queue
from tests.localcloud.google_apis.conftest import target
from tests.sessions import bearer

__all__ = ["customer", "customers", "no_queue", "ops", "target"]


def deliveries(customer: Customer, **options: Any) -> list[dict[str, Any]]:
    answer = customer.call("GET", "/deliveries", **options)
    assert answer.status_code == 200, answer.get_json()
    listed: list[dict[str, Any]] = answer.get_json()["deliveries"]
    return listed


def told(delivery: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(delivery[name] for name in ("type", "state", "attempts", "http_status", "error"))


def asked(customer: Customer, what: Callable[[], object]) -> dict[str, int]:
    """Requests to BigQuery meanwhile, by kind."""
    url = f"{customer.local.settings.bigquery_endpoint}/local/requests"
    requests.delete(url, timeout=5)
    what()
    counted: dict[str, int] = requests.get(url, timeout=5).json()["requests"]
    return counted


def test_a_post_from_the_queue_to_its_receiver(customer: Customer) -> None:
    """It waits, fails with the receiver's status, waits for the next time, and arrives; one query tells."""
    customer.target.statuses = [503, 200]
    event_id = customer.call("POST", "/test").get_json()["id"]
    [waiting] = deliveries(customer)
    assert (waiting["id"], told(waiting)) == (event_id, ("ping", "queued", 0, None, None))
    assert (waiting["created_at"], waiting["next_attempt_at"]) == (
        "2026-11-12T12:00:00.000Z",
        "2026-11-12T12:00:03.000Z",
    )
    customer.deliver()
    [failed] = deliveries(customer)
    assert told(failed) == ("ping", "trying", 1, 503, "refused")
    assert failed["last_attempt_at"] == "2026-11-12T12:00:00.000Z"
    assert failed["next_attempt_at"] >= "2026-11-12T12:00:10"
    customer.deliver()
    [arrived] = deliveries(customer)
    assert told(arrived) == ("ping", "delivered", 1, None, None), "nobody has recorded the first one"
    assert arrived["next_attempt_at"] is None
    assert asked(customer, lambda: deliveries(customer)) == {"jobs.query": 1}


def test_neither_address_nor_secret_nor_answer_is_told(customer: Customer) -> None:
    """A receiver's own token in the address, the signing secret and what it answers are in no answer and no row."""
    customer.put(url=f"{customer.target.url}?token=receivers-own")
    customer.target.statuses = [500]
    customer.call("POST", "/test")
    customer.deliver()
    text = customer.call("GET", "/deliveries").get_data(as_text=True)
    rows = repr(customer.local.query("SELECT * FROM organizations.org_events"))
    for hidden in ("receivers-own", customer.secret, customer.target.url):
        assert hidden not in text + rows


def test_a_receiver_that_is_not_there(customer: Customer) -> None:
    """Without an answer there is no status, and the error says so."""
    customer.put(url="http://127.0.0.1:9/hook")
    customer.call("POST", "/test")
    customer.deliver()
    assert [told(each) for each in deliveries(customer)] == [("ping", "trying", 1, None, "unreachable")]


@pytest.mark.usefixtures("no_queue")
def test_what_could_not_be_queued(customer: Customer) -> None:
    """Where Cloud Tasks takes nothing, the event is listed as one that failed, until somebody queues it."""
    notifier = open_notifier(customer.local.settings, customer.local.warehouse, customer.local.clock, ids(PROVIDERS))
    event = run_failed(billing_run(customer.org), Stop(Code.CREDENTIAL_REJECTED, "Refused."), NOON)
    assert not notifier.notify(event)
    assert [told(each) for each in deliveries(customer)] == [("run_failed", "failed", 0, None, None)]
    customer.local.google.faults.clear()
    assert notifier.notify(event)
    assert [told(each) for each in deliveries(customer)] == [("run_failed", "queued", 0, None, None)]


def test_what_is_queued_on_the_next_day_is_one_delivery(customer: Customer) -> None:
    """An event that the queue did not take, and that is told again a day later, is listed once, as it ended."""
    org = customer.org.org_slug
    rows = [
        {
            "occurred_on": f"2026-11-{day}", "org_slug": org, "event_id": f"{org}-twice", "event": "balance_low",
            "delivery": delivery, "occurred_at": f"2026-11-{day}T12:00:00Z", "recorded_at": f"2026-11-{day}T12:00:00Z",
            "data": "{}",
        }
        for day, delivery in (("11", "failed"), ("12", "delivered"))
    ]  # fmt: skip
    customer.local.warehouse.append("org_events", rows, [f"{org}-{row['delivery']}" for row in rows])
    assert [(each["type"], each["state"]) for each in deliveries(customer)] == [("balance_low", "delivered")]


def test_what_is_recorded_is_shown_while_cloud_tasks_is_away(customer: Customer, ops: FlaskClient) -> None:
    """The sweep has recorded the last post that failed; the list shows it though Cloud Tasks does not answer."""
    customer.target.statuses = [503, 503]
    customer.call("POST", "/test")
    customer.deliver()
    swept(customer.local, ops)
    customer.deliver()
    customer.local.google.faults.add(Fault(api="tasks", method="GetTask", kind="error", status=503))
    try:
        assert [told(each) for each in deliveries(customer)] == [("ping", "trying", 1, 503, "refused")]
    finally:
        customer.local.google.faults.clear()
    assert [told(each) for each in deliveries(customer)] == [("ping", "trying", 2, 503, "refused")]


def test_cloud_tasks_that_is_away_is_not_asked_for_each(customer: Customer) -> None:
    """Of many open deliveries few are looked at once it does not answer; all are listed as they are recorded."""
    local, org = customer.local, customer.org.org_slug
    columns = {
        "occurred_on": NOON.date().isoformat(), "org_slug": org, "event": "run_failed", "delivery": "queued",
        "occurred_at": NOON.isoformat(), "recorded_at": NOON.isoformat(), "data": "{}",
    }  # fmt: skip
    events = [f"{org}-away-{number}" for number in range(50)]
    local.warehouse.append("org_events", [columns | {"event_id": each} for each in events], events)
    local.google.faults.add(Fault(api="tasks", method="GetTask", kind="error", status=503, times=2 * LOOKS_AT_ONCE))
    try:
        assert [each["state"] for each in deliveries(customer, query_string={"limit": 50})] == ["queued"] * 50
    finally:
        local.google.faults.clear()


def forget(customer: Customer) -> None:
    """Cloud Tasks gives up what it has repeated for a day, or has delivered it without our looking."""
    for task in customer.tasks():
        clients.tasks(customer.local.settings).delete_task(name=task.name)


@pytest.mark.parametrize(
    ("seen_failing", "hours", "state"), [(False, 2, "delivered"), (True, 26, "given_up"), (False, 26, "unknown")]
)
def test_how_a_post_ended(customer: Customer, ops: FlaskClient, seen_failing: bool, hours: int, state: str) -> None:
    """Gone within a day is delivered; later it is given up if it was seen to fail, else nobody knows; for good."""
    customer.target.statuses = [503]
    customer.call("POST", "/test")
    if seen_failing:
        customer.deliver()
        swept(customer.local, ops)
    forget(customer)
    customer.local.clock.advance(hours=hours)
    swept(customer.local, ops)
    rows = customer.local.query(
        f"SELECT delivery FROM organizations.org_events WHERE org_slug = '{customer.org.org_slug}' ORDER BY recorded_at"
    )
    assert [row["delivery"] for row in rows] == ["queued", *(["trying"] if seen_failing else []), state]
    customer.local.clock.advance(days=3)
    assert [each["state"] for each in deliveries(customer)] == [state]


def test_the_sweep_looks_once_an_hour(customer: Customer, ops: FlaskClient) -> None:
    """One query an hour finds what is open, and what has not changed is not recorded again."""
    customer.target.statuses = [503]
    customer.call("POST", "/test")
    customer.deliver()
    swept(customer.local, ops)
    bare = asked(customer, lambda: swept(customer.local, ops))
    customer.local.clock.advance(minutes=61)
    assert asked(customer, lambda: swept(customer.local, ops))["jobs.query"] == bare["jobs.query"] + 1
    forget(customer)
    swept(customer.local, ops)
    assert (
        len(customer.local.query(f"SELECT 1 FROM organizations.org_events WHERE org_slug = '{customer.org.org_slug}'"))
        == 2
    )


def test_who_sees_deliveries(customer: Customer, customers: Callable[..., Customer]) -> None:
    """Every member of the org, and nobody of another; as many as are asked for, the newest first."""
    other = customers()
    add_member(customer.local.settings, customer.org.org_slug, "deliveries-member", "member")
    first = customer.call("POST", "/test").get_json()["id"]
    customer.local.clock.advance(seconds=10)
    second = customer.call("POST", "/test").get_json()["id"]
    member = {"headers": bearer(customer.local, "deliveries-member")}
    assert [each["id"] for each in deliveries(customer, **member)] == [second, first]
    assert [each["id"] for each in deliveries(customer, query_string={"limit": 1})] == [second]
    assert deliveries(other) == []
    assert customer.call("GET", "/deliveries", headers={"X-API-Key": other.org.api_key}).status_code == 403
    assert customer.call("GET", "/deliveries", query_string={"limit": 51}).get_json()["code"] == "field_invalid"


def test_events_are_recorded_without_a_webhook(customers: Callable[..., Customer]) -> None:
    """A quota that comes to an end is recorded with its numbers where nobody is told of it, and is no delivery."""
    customer = customers(daily_limit=1)
    assert customer.trigger(1).status_code == 202
    rows = customer.local.query(
        f"SELECT event, delivery, data FROM organizations.org_events WHERE org_slug = '{customer.org.org_slug}'"
    )
    assert [(row["event"], row["delivery"]) for row in rows] == [("quota_reached", "none")]
    assert '"pipelines_today": 1' in rows[0]["data"]
    assert deliveries(customer) == []
