"""What a look at one run reads: the partition of the day it was asked for, if whoever looks knows that day."""

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from cloudact.runs.ledger import RunEvent
from cloudact.runs.result import Results
from cloudact.runs.run import Run, Status
from functions.composition import compose
from functions.routes import public_app
from localcloud.onboarding import OnboardedOrg
from tests.conftest import NOON, Local, NewOrgs, billing_run
from tests.fault_proxy import Doorman

DAY = dt.timedelta(days=1)
DAYS = 60
Partitions = list[tuple[dt.date, dt.date]]


class Watched(Doorman):
    """BigQuery, as seen from its door: which days the looks at runs are bound to."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.looks: Partitions = []

    def _forward(self, door: Any, body: bytes) -> Any:
        asked = json.loads(body) if door.path.partition("?")[0].endswith("/queries") else {}
        if asked.get("labels", {}).get("query") in ("run_detail", "last_look"):
            told = {each["name"]: each["parameterValue"]["value"] for each in asked["queryParameters"]}
            self.looks.append((dt.date.fromisoformat(told["first_day"]), dt.date.fromisoformat(told["last_day"])))
        return super()._forward(door, body)


@pytest.fixture
def door(local: Local) -> Iterator[Watched]:
    door = Watched(local.settings.bigquery_endpoint)
    yield door
    door.close()


@pytest.fixture
def api(local: Local, door: Watched) -> FlaskClient:
    changed = local.settings.model_copy(update={"bigquery_endpoint": door.url})
    return public_app(compose(changed, local.clock)).test_client()


@pytest.fixture
def org(new_org: NewOrgs) -> OnboardedOrg:
    return new_org()


@pytest.fixture
def runs(local: Local, org: OnboardedOrg) -> list[Run]:
    """A run of each of sixty days, the newest first, with three events each."""
    runs = [billing_run(org, (NOON - (n + 1) * DAY).date(), requested_at=NOON - n * DAY) for n in range(DAYS)]
    for status in (Status.PENDING, Status.RUNNING, Status.FAILED):
        started = None if status is Status.PENDING else NOON
        local.ledger.append_runs([(run, RunEvent(status, started_at=started)) for run in runs], NOON)
    return runs


def look(api: FlaskClient, org: OnboardedOrg, run: Run, day: dt.date | str | None, verb: str = "") -> Any:
    query = {"requested_date": str(day)} if day else {}
    path = f"/api/v1/pipelines/{org.org_slug}/runs/{run.run_id}{verb}"
    return api.open(path, method="POST" if verb else "GET", query_string=query, headers={"X-API-Key": org.api_key})


def events(local: Local, org: OnboardedOrg, looks: Partitions) -> int:
    """How many of the org's events lie in the partitions that were read."""
    sql = """SELECT COUNT(*) AS events FROM organizations.pipeline_run_events
        WHERE org_slug = '{}' AND requested_date BETWEEN '{}' AND '{}'"""
    return sum(int(local.query(sql.format(org.org_slug, *look))[0]["events"]) for look in looks)


def test_who_knows_the_day_reads_it_alone(
    local: Local, org: OnboardedOrg, runs: list[Run], api: FlaskClient, door: Watched
) -> None:
    """One partition of sixty, three events of 180, for a detail, a cancel and a retry of a run of a month ago."""
    old, day = runs[45], runs[45].requested_date
    assert look(api, org, old, day).get_json()["requested_date"] == day.isoformat()
    assert look(api, org, old, day, "/cancel").status_code == 409
    assert look(api, org, old, day, "/retry").status_code == 202
    assert door.looks == [(day, day)] * 3
    assert events(local, org, door.looks) == 3 * 3
    door.looks.clear()
    assert look(api, org, old, None).status_code == 200
    assert events(local, org, door.looks) == 3 * DAYS + 1  # the retry's own


def test_a_wrong_day_costs_more_and_loses_nothing(org: OnboardedOrg, runs: list[Run], api: FlaskClient) -> None:
    """The run is found all the same; no day, a day to come and the first of all are as good."""
    for day in (NOON.date(), NOON.date() + DAY, dt.date(2015, 1, 1), dt.date(9999, 12, 31)):
        assert look(api, org, runs[45], day).status_code == 200
    refused = look(api, org, runs[45], "yesterday")
    assert (refused.status_code, "requested_date" in refused.get_json()["detail"]) == (400, True)


def test_runs_of_these_days(org: OnboardedOrg, runs: list[Run], api: FlaskClient, door: Watched) -> None:
    """Most are looked at without a day by people, soon after they were asked for: three days suffice."""
    assert look(api, org, runs[2], None).status_code == 200
    assert door.looks == [(NOON.date() - 2 * DAY, NOON.date())]


def test_a_run_of_both_sides_of_midnight(local: Local, org: OnboardedOrg, api: FlaskClient, door: Watched) -> None:
    """The row that waits in one day is not shown where the other day's has begun, whichever day is told."""
    before, after = (billing_run(org, requested_at=NOON - n * DAY) for n in (1, 0))
    local.ledger.append_run(before, RunEvent(Status.RUNNING, started_at=NOON), NOON)
    local.ledger.append_run(after, RunEvent(Status.PENDING), NOON)
    for day in (before.requested_date, after.requested_date):
        assert look(api, org, before, day).get_json()["status"] == "RUNNING"
    assert door.looks[0] == (before.requested_date, before.requested_date)


def test_location_leads_to_the_day(
    local: Local, org: OnboardedOrg, runs: list[Run], api: FlaskClient, door: Watched
) -> None:
    """That of a run which yesterday's request has started is of yesterday."""
    local.ledger.append_run(
        runs[1].model_copy(update={"generation": 2}), RunEvent(Status.RUNNING, started_at=NOON), NOON
    )
    path = f"/api/v1/pipelines/run/{org.org_slug}/gcp/cost/billing"
    headers = {"X-API-Key": org.api_key}
    answer = api.post(path, json={"date": runs[1].date.isoformat()}, headers=headers)
    assert (answer.status_code, answer.get_json()["requested_date"]) == (200, runs[1].requested_date.isoformat())
    assert api.get(answer.headers["Location"], headers=headers).get_json()["status"] == "RUNNING"
    assert door.looks == [(runs[1].requested_date, runs[1].requested_date)]


def test_the_last_look_for_late_rows(local: Local, org: OnboardedOrg, door: Watched) -> None:
    """Yesterday's run has looked, so three partitions suffice; after a gap it is looked for further back."""
    changed = local.settings.model_copy(update={"bigquery_endpoint": door.url})
    results = Results(compose(changed, local.clock).runs.warehouse)
    run = billing_run(org)
    for days, spans in ((40, 3), (1, 1)):
        found = f'{{"source": "t", "at": "{(NOON - days * DAY).isoformat()}", "watermark": null, "stale": {{}}}}'
        told = f'{RESULT}, "look": {found}}}'
        earlier = billing_run(org, generation=days + 1, requested_at=NOON - days * DAY)
        local.ledger.append_run(earlier, RunEvent(Status.SUCCESS, started_at=NOON, result=told), NOON)
        door.looks.clear()
        last = results.last_scan(run)
        assert last
        assert last.at == NOON - days * DAY
        assert len(door.looks) == spans
    assert door.looks == [(NOON.date() - 2 * DAY, NOON.date())]


RESULT = """{"fingerprint": {"rows": 0, "cost": {}, "source_as_of": null, "tables": {}}, "previous": null,
    "difference": null, "unchanged": false, "completeness": "final\""""
