"""The timeline of an org: what is in it, in which order, how it is paged, and who sees it."""

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient

from cloudact.error_codes import Code
from cloudact.errors import Stop
from cloudact.notify.event_log import Delivery, EventLog
from cloudact.notify.notifications import Event, Notification, dates_given_up, quota_used
from cloudact.orgs.integrations import Integration, Integrations
from cloudact.orgs.org import IntegrationStatus
from cloudact.runs.ledger import RunEvent
from cloudact.runs.result import ChangeCause, Completeness, Difference, Fingerprint, Previous, Result
from cloudact.runs.run import Run, Status, TriggerType
from localcloud.onboarding import OnboardedOrg, add_member
from tests.conftest import NOON, Local, NewOrgs, billing_run
from tests.sessions import bearer

DAY, DATE = timedelta(days=1), date(2026, 9, 1)


def timeline(api: FlaskClient, org: OnboardedOrg, /, **query: Any) -> list[dict[str, Any]]:
    answer = asked(api, org, **query)
    assert answer.status_code == 200, answer.get_json()
    entries: list[dict[str, Any]] = answer.get_json()["entries"]
    return entries


def asked(api: FlaskClient, org: OnboardedOrg, /, **query: Any) -> Any:
    path = f"/api/v1/organizations/{org.org_slug}/timeline"
    return api.get(path, headers={"X-API-Key": org.api_key}, query_string=query)


def what(entry: dict[str, Any]) -> str:
    """Kind of an entry, and what it says in a word."""
    said = (entry["run"] or {}).get("status") or (entry["credential"] or {}).get("what") or entry["event"]["type"]
    return f"{entry['kind']} {said}"


def restated(org: OnboardedOrg, at: datetime) -> tuple[Run, RunEvent]:
    """A restatement that has found more rows."""
    fingerprint = Fingerprint(rows=12, cost={"USD": Decimal("5.71")}, source_as_of=at, tables={})
    before = replace_rows(fingerprint)
    result = Result(
        fingerprint=fingerprint, previous=Previous(run_id="r", generation=1, fingerprint=before),
        difference=Difference(rows=2, cost={"USD": Decimal("3.71")}), unchanged=False,
        completeness=Completeness.FINAL, cause=ChangeCause.LATE_ROWS,
    )  # fmt: skip
    run = billing_run(org, at.date() - 7 * DAY, trigger_type=TriggerType.RESTATEMENT, generation=2, requested_at=at)
    return run, RunEvent(Status.SUCCESS, started_at=at, rows=12, result=result.text)


def replace_rows(fingerprint: Fingerprint) -> Fingerprint:
    return fingerprint.model_copy(update={"rows": 10, "cost": {"USD": Decimal("2.00")}})


def key_row(local: Local, org: OnboardedOrg, letter: str, **columns: str) -> None:
    row = {"org_slug": org.org_slug, "key_hash": letter * 64, "key_prefix": f"{org.org_slug}_api_{letter * 4}"}
    local.warehouse.append("org_api_keys_secure", [row | columns], [f"{org.org_slug}/{letter}"])


def credentials(local: Local, org: OnboardedOrg) -> None:
    """An integration that is set up, judged, refused, mended and removed, a minute each, a day before noon."""
    at = NOON - DAY
    first = Integration(
        org_slug=org.org_slug, integration="INVENTED", status=IntegrationStatus.VALID, ciphertext="secret-1",
        fingerprint="f" * 16, credential_name="the reader", updated_at=at,
    )  # fmt: skip
    rows = [first, replace(first, validated_at=at, updated_at=at + timedelta(microseconds=1))]
    invalid = replace(first, status=IntegrationStatus.INVALID, last_error="no", updated_at=at + timedelta(minutes=1))
    rows += [invalid, replace(invalid, updated_at=at + timedelta(minutes=1, microseconds=1))]
    rows.append(replace(first, ciphertext="secret-2", updated_at=at + timedelta(minutes=2)))
    rows.append(replace(first, ciphertext="secret-3", updated_at=at + timedelta(minutes=3)))
    rows.append(replace(first, ciphertext="secret-4", fingerprint="0" * 16, updated_at=at + timedelta(minutes=4)))
    rows.append(Integration(org_slug=org.org_slug, integration="INVENTED", updated_at=at + timedelta(minutes=5)))
    Integrations(local.warehouse, local.clock).add(rows)


@pytest.fixture
def org(local: Local, new_org: NewOrgs) -> OnboardedOrg:
    """An org in which something of every kind has happened, hours after each other."""
    org = new_org()
    events = EventLog(local.warehouse, local.clock)
    failed = billing_run(org, requested_at=NOON - timedelta(hours=1))
    local.ledger.append_run(failed, RunEvent(Status.FAILED, error=Stop(Code.CREDENTIAL_REJECTED, "No.")), NOON)
    events.told(quota_used(org.org_slug, Event.QUOTA_REACHED, 6, 6, NOON - timedelta(hours=2)), Delivery.QUEUED)
    events.looked(*looked(org), Delivery.DELIVERED, _no_posts())
    fell = {"pipeline": "gcp_billing", "costs": [{"currency": "USD", "before": "10", "after": "1"}]}
    events.told(Notification(Event.COST_FELL, org.org_slug, "k", NOON - timedelta(hours=3), fell), Delivery.NONE)
    given_up = [billing_run(org, day, requested_at=NOON - timedelta(hours=7)) for day in (DATE, DATE + DAY)]
    events.told(dates_given_up(given_up), Delivery.NONE)
    for told in (Event.PING, Event.INTEGRATION_INVALID):
        events.told(Notification(told, org.org_slug, "k", NOON, {}), Delivery.QUEUED)
    local.ledger.append_run(*restated(org, NOON - timedelta(hours=4)), NOON)
    _budget(local, org, NOON - timedelta(hours=5))
    revoked = (NOON - timedelta(hours=6)).isoformat()
    key_row(local, org, "a", created_at=(NOON - 2 * DAY).isoformat(), revoked_at=revoked)
    key_row(local, org, "b", created_at=(NOON - 3 * DAY).isoformat(), expires_at=(NOON + DAY).isoformat())
    credentials(local, org)
    return org


def looked(org: OnboardedOrg) -> tuple[str, str, str, datetime]:
    """What a look records of the quota's event."""
    event = quota_used(org.org_slug, Event.QUOTA_REACHED, 6, 6, NOON - timedelta(hours=2))
    return org.org_slug, event.id, event.event, event.created_at


def _no_posts() -> Any:
    from cloudact.notify.event_log import Posts

    return Posts(1)


def _budget(local: Local, org: OnboardedOrg, at: datetime) -> None:
    """An event of a budget, with a hostile name."""
    budget = {"name": "<b>all</b>", "version": 1, "of": {"provider": None, "label": None, "value": None}}
    data = {
        "budget": budget,
        "month": "2026-11",
        "threshold": 80,
        "cost": {"spent": "810", "budget": "1000", "currency": "USD"},
    }
    row = {
        "occurred_on": at.date().isoformat(), "org_slug": org.org_slug, "event_id": f"{org.org_slug}/budget",
        "event": "budget_threshold", "occurred_at": at.isoformat(), "data": json.dumps(data),
        "recorded_at": at.isoformat(), "delivery": "none",
    }  # fmt: skip
    local.warehouse.append("org_events", [row], [f"{org.org_slug}/budget"])


ALL = [
    "run FAILED", "quota quota_reached", "anomaly cost_fell", "restatement SUCCESS", "budget budget_threshold",
    "credential key_revoked", "given_up dates_given_up", "credential removed", "credential set_up",
    "credential changed", "credential valid", "credential invalid", "credential set_up", "credential key_made",
    "credential key_made",
]  # fmt: skip


def test_everything_in_one_list(api: FlaskClient, org: OnboardedOrg) -> None:
    """Every kind once for each thing that happened, the newest first; a judgement that changes nothing is nothing."""
    entries = timeline(api, org, limit=100)
    assert [what(each) for each in entries] == ALL
    assert [each["at"] for each in entries] == sorted((each["at"] for each in entries), reverse=True)
    assert len({each["id"] for each in entries}) == len(ALL)
    run, quota, _, restatement, budget, key, given_up, removed = entries[:8]
    assert (run["run"]["error_code"], run["run"]["change"]) == ("credential_rejected", None)
    assert quota["event"]["data"]["pipelines_today"] == 6
    assert restatement["run"]["change"] == {"cause": "late_rows", "rows": 2, "cost": {"USD": "3.71"}}
    assert budget["event"]["data"]["budget"]["name"] == "<b>all</b>"
    assert (key["credential"]["integration"], key["credential"]["fingerprint"]) == (None, "a" * 16)
    assert given_up["event"]["data"]["dates"] == ["2026-09-01", "2026-09-02"]
    assert removed["credential"]["integration"] == "INVENTED"


def test_no_secret_is_in_it(api: FlaskClient, org: OnboardedOrg) -> None:
    """Neither a ciphertext nor more than sixteen characters of a key's hash."""
    text = asked(api, org, limit=100).get_data(as_text=True)
    assert "secret-" not in text
    assert "a" * 17 not in text


@pytest.mark.parametrize("limit", [1, 4, 100])
def test_pages_follow_each_other(api: FlaskClient, local: Local, org: OnboardedOrg, limit: int) -> None:
    """Whatever a page holds, all pages together are the list, each by two queries at most."""
    found, cursor = list[str](), dict[str, str]()
    asked(api, org)
    while cursor is not None:
        url = f"{local.settings.bigquery_endpoint}/local/requests"
        requests.delete(url, timeout=5)
        body = asked(api, org, limit=limit, **cursor).get_json()
        assert requests.get(url, timeout=5).json()["requests"].get("jobs.query", 0) <= 2
        assert len(body["entries"]) <= limit
        found += map(what, body["entries"])
        if body["next_cursor"] is None:
            break
        cursor = {"cursor": body["next_cursor"]}
    assert found == ALL


def test_filters(api: FlaskClient, org: OnboardedOrg) -> None:
    """Kinds, of which there may be several, and days; what nobody has is an empty page by one query."""
    assert [what(each) for each in timeline(api, org, kind=["run", "quota"])] == ALL[:2]
    yesterday = (NOON - DAY).date().isoformat()
    assert [what(each) for each in timeline(api, org, start_date=yesterday, end_date=yesterday)] == ALL[7:13]
    assert timeline(api, org, end_date="2026-01-01") == []
    assert [what(each) for each in timeline(api, org, kind="given_up")] == ["given_up dates_given_up"]
    both = timeline(api, org, kind="credential", start_date=NOON.date().isoformat())
    assert [what(each) for each in both] == ["credential key_revoked"]


def test_what_is_still_to_come_has_not_happened(api: FlaskClient, local: Local, org: OnboardedOrg) -> None:
    """A key's end is in the list once it has come."""
    assert "credential key_expired" not in map(what, timeline(api, org))
    local.clock.advance(days=1, seconds=1)
    assert what(timeline(api, org)[0]) == "credential key_expired"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"kind": "runs"}, "field_invalid"),
        ({"kind": ["run", "x"]}, "field_invalid"),
        ({"start_date": "2026-13-01"}, "field_invalid"),
        ({"start_date": "2026-11-02", "end_date": "2026-11-01"}, "fields_conflict"),
        ({"limit": "101"}, "field_invalid"),
        ({"cursor": "x"}, "page_cursor_invalid"),
        ({"cursor": "MjAyNi0xMS0xMlQxMjowMDowMCswMDowMCA8"}, "page_cursor_invalid"),
        ({"offset": "1"}, "field_unknown"),
    ],
)
def test_what_cannot_be_understood(api: FlaskClient, org: OnboardedOrg, query: dict[str, Any], code: str) -> None:
    """It is refused by name."""
    answer = asked(api, org, **query)
    assert (answer.status_code, answer.get_json()["code"]) == (400, code)


def test_who_sees_it(api: FlaskClient, local: Local, org: OnboardedOrg, new_org: NewOrgs) -> None:
    """Every member of the org sees what its key sees; nobody of another org does, and theirs is their own."""
    other, path = new_org(), f"/api/v1/organizations/{org.org_slug}/timeline"
    add_member(local.settings, org.org_slug, "timeline-member", "member")
    seen = api.get(path, headers=bearer(local, "timeline-member"), query_string={"limit": 100}).get_json()["entries"]
    assert seen == timeline(api, org, limit=100)
    for headers in ({"X-API-Key": other.api_key}, bearer(local, other.user_id)):
        assert api.get(path, headers=headers).status_code == 403
    assert timeline(api, other) == []
    assert date(2026, 11, 12) == NOON.date()
