"""What a run does for months after its load: for whom, how often, and never against the load."""

import datetime as dt

from flask.testing import FlaskClient

from cloudact.runs.run import Run, TriggerType
from jobs.months import tie_months
from localcloud.onboarding import OnboardedOrg
from providers.org_day import OrgDay
from tests.conftest import NOON, Local, NewOrgs, billing_run, load_fixture_export
from tests.jobs.conftest import RunJob, detail
from tests.log_lines import written_lines

YESTERDAY = NOON.date() - dt.timedelta(days=1)


def tell(api: FlaskClient, org: OnboardedOrg, **fields: str) -> None:
    sent = {"number": "G-1", "issuer": "gcp", "month": "2026-10", "total": "1", "currency": "USD"} | fields
    path = f"/api/v1/organizations/{org.org_slug}/invoices"
    assert api.post(path, headers={"X-API-Key": org.api_key}, json=sent).status_code in (200, 201)


def tie(local: Local, run: Run) -> None:
    tie_months(OrgDay(run, run.org_slug, local.warehouse), local.clock, lambda: None)


def carried(local: Local, run: Run) -> bool:
    """Whether the run has begun to carry invoices."""
    return local.warehouse.job(f"invoices_{run.run_id}") is not None


def test_whose_turn_it_is(local: Local, api: FlaskClient, new_org: NewOrgs) -> None:
    """Runs of yesterday do it, and planned ones of months that are over; no backfill, and none for a silent org."""
    silent, org = new_org(), new_org()
    tell(api, org)
    planned, over = TriggerType.RESTATEMENT, dt.date(2026, 10, 31)
    turns = [
        (YESTERDAY, TriggerType.BACKFILL, True), (YESTERDAY - dt.timedelta(days=1), planned, False),
        (over, TriggerType.BACKFILL, False), (over - dt.timedelta(days=1), planned, True),
    ]  # fmt: skip
    for day, trigger, expected in turns:
        runs = [billing_run(each, day, trigger_type=trigger) for each in (org, silent)]
        for run in runs:
            tie(local, run)
        assert [carried(local, run) for run in runs] == [expected, False]


def test_trouble_never_fails_a_run(local: Local, api: FlaskClient, new_org: NewOrgs, run_job: RunJob) -> None:
    """A run whose months cannot be tied, here for want of views, has loaded its day all the same; the log says why."""
    org = new_org()
    load_fixture_export(local, org)
    tell(api, org)
    with written_lines() as lines:
        assert run_job(billing_run(org, YESTERDAY)) == 0
    (told,) = lines.of("months_not_tied")
    assert (told["severity"], told["org_slug"]) == ("WARNING", org.org_slug)
    assert "closable_months" in told["why"]
    assert detail(local, billing_run(org, YESTERDAY))["status"] == "SUCCESS"


def test_invoices_are_carried_once(local: Local, api: FlaskClient, new_org: NewOrgs) -> None:
    """Each row that was told is carried by the next run, a correction too; a run tried again carries nothing."""
    org = new_org()
    tell(api, org)
    tell(api, new_org(), number="OTHER-1")
    run, later = billing_run(org, YESTERDAY), billing_run(org, YESTERDAY, generation=2)
    for _ in range(2):
        tie(local, run)
    tell(api, org, total="2")
    tie(local, later)
    rows = local.query(f"SELECT number, total FROM {org.org_slug}.invoices ORDER BY recorded_at")
    assert [(row["number"], int(row["total"])) for row in rows] == [("G-1", 1), ("G-1", 2)]
