"""GET /organizations/{org}/quota: what is left of the day."""

from typing import Any

import requests
from flask.testing import FlaskClient

from cloudact.runs.ledger import RunEvent
from cloudact.runs.run import Status, TriggerType
from localcloud.onboarding import OnboardedOrg
from tests.conftest import FIXTURE_DAY, Local, NewOrgs, billing_run
from tests.functions.operators import Operator, problem


def quota(api: FlaskClient, org: OnboardedOrg, **options: Any) -> Any:
    return api.get(f"/api/v1/organizations/{org.org_slug}/quota", headers={"X-API-Key": org.api_key}, **options)


def test_what_is_left_of_the_day(api: FlaskClient, new_org: NewOrgs) -> None:
    """Plan, status, what was used and what is left, and when the next day begins."""
    org = new_org(plan="STARTER", daily_limit=6, status="trialing")
    path = f"/api/v1/pipelines/run/{org.org_slug}/gcp/cost/billing"
    assert api.post(path, headers={"X-API-Key": org.api_key}).status_code == 202
    answer = quota(api, org)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.get_json() == {
        "org_slug": org.org_slug,
        "plan": "STARTER",
        "subscription_status": "TRIAL",
        "usage_date": "2026-11-12",
        "pipelines_today": 1,
        "daily_limit": 6,
        "remaining": 5,
        "resets_at": "2026-11-13T00:00:00.000Z",
    }


def test_what_counts(api: FlaskClient, new_org: NewOrgs, local: Local) -> None:
    """Scheduled runs do not count, yesterday's neither, and nothing is ever less than nothing left."""
    org = new_org(daily_limit=0)
    for number, trigger in enumerate([TriggerType.SCHEDULE, TriggerType.API]):
        run = billing_run(org, FIXTURE_DAY, generation=number + 1, trigger_type=trigger)
        local.ledger.append_run(run, RunEvent(Status.PENDING), local.clock())
    told = quota(api, org).get_json()
    assert (told["pipelines_today"], told["remaining"]) == (1, 0)
    local.clock.advance(hours=12)
    assert quota(api, org).get_json()["pipelines_today"] == 0


def test_a_suspended_org_may_look(api: FlaskClient, new_org: NewOrgs, local: Local) -> None:
    """A suspended org is told its quota and its status; it is runs that are blocked."""
    org = new_org(status="past_due")
    told = quota(api, org).get_json()
    assert (told["subscription_status"], told["remaining"]) == ("SUSPENDED", 25)
    assert local.admissions.quota("nowhere_at_all", local.clock().date()) == (None, 0)


def test_the_view_has_every_org(local: Local, new_org: NewOrgs) -> None:
    """An org that never ran has a row of today with nothing used, also while it is suspended; one that is off-boarded
    has none any more."""
    org, suspended, gone = new_org(daily_limit=6), new_org(daily_limit=2, status="SUSPENDED"), new_org()
    assert Operator(local).offboard(gone.org_slug).status_code == 200
    slugs = f"('{org.org_slug}', '{suspended.org_slug}', '{gone.org_slug}')"
    found = "SELECT *, CURRENT_DATE('UTC') AS today FROM organizations.org_usage_quotas"
    rows = local.query(f"{found} WHERE org_slug IN {slugs} ORDER BY daily_limit")
    told = [(row["org_slug"], row["usage_date"] == row["today"], row["pipelines_today"]) for row in rows]
    assert told == [(suspended.org_slug, True, 0), (org.org_slug, True, 0)]
    assert [row["daily_limit"] for row in rows] == [2, 6]


def test_unknown_parameters(api: FlaskClient, new_org: NewOrgs) -> None:
    """A parameter that is not understood is refused by name."""
    assert problem(quota(api, new_org(), query_string="date=2026-11-12"))[0] == 400


def test_it_costs_one_query(api: FlaskClient, new_org: NewOrgs, local: Local) -> None:
    """Once the key is known, the quota is one query."""
    org = new_org()
    quota(api, org)
    requests.delete(f"{local.settings.bigquery_endpoint}/local/requests", timeout=5)
    quota(api, org)
    counted = requests.get(f"{local.settings.bigquery_endpoint}/local/requests", timeout=5).json()["requests"]
    assert counted == {"jobs.query": 1}
