"""What a run does for months after its load: for whom, how often, and never against the load."""

import datetime as dt
import itertools
from typing import Any

from flask.testing import FlaskClient

from cloudact import clients
from cloudact.runs.run import Run, TriggerType
from jobs.months import tie_months
from localcloud.onboarding import OnboardedOrg
from providers.org_day import OrgDay
from tests.conftest import NOON, Local, NewOrgs, billing_run, load_fixture_export
from tests.jobs.conftest import RunJob, detail
from tests.log_lines import written_lines

YESTERDAY = NOON.date() - dt.timedelta(days=1)
EARLIER = itertools.count(1)


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
    """Runs of yesterday and of months that are over do it, others not; nor any for an org that has told no invoice."""
    silent, org = new_org(), new_org()
    tell(api, org)
    days = {YESTERDAY: True, YESTERDAY - dt.timedelta(days=1): False, dt.date(2026, 10, 31): True}
    for day, expected in days.items():
        runs = [billing_run(each, day) for each in (org, silent)]
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


class Google:
    """October of an org at Google: a day's rows as they are in its table, and each day final in the history."""

    def __init__(self, local: Local, org: OnboardedOrg) -> None:
        self._local, self._org = local, org

    def run(self, sql: str) -> None:
        clients.bigquery(self._local.settings).query_and_wait(sql.replace("org_dataset", self._org.org_slug))

    def charge(self, day: str, month: str, cost: str, cost_type: str = "regular", sku: str = "S-1") -> None:
        self.run(
            "INSERT INTO org_dataset.gcp_billing_daily_raw (usage_date, invoice_month, sku_id, cost_type, currency, "
            "cost, credits, net_cost, org_slug, run_id, ingested_at) "
            f"VALUES ('{day}', '{month}', '{sku}', '{cost_type}', 'USD', {cost}, 0, {cost}, "
            f"'{self._org.org_slug}', 'r', TIMESTAMP '2026-11-01 00:00:00 UTC')"
        )

    def read(self, first: dt.date, last: dt.date, at: dt.datetime = NOON) -> None:
        """Records that each of these days was found final, and changed, then."""
        self.run(
            "INSERT INTO org_dataset.day_history (usage_date, org_slug, provider, pipeline, run_id, generation, "
            "trigger_type, read_at, recorded_at, is_changed, cause, completeness, rows_before, rows_after) "
            f"SELECT day, '{self._org.org_slug}', 'gcp', 'gcp_billing', 'r', {next(EARLIER)}, 'schedule', "
            f"TIMESTAMP '{at}', TIMESTAMP '{at}', TRUE, 'late_rows', 'final', 0, 1 "
            f"FROM UNNEST(GENERATE_DATE_ARRAY('{first}', '{last}')) AS day"
        )

    def month(self, month: str = "202610") -> dict[str, Any]:
        sql = f"SELECT * FROM {self._org.org_slug}.invoice_months WHERE invoice_month = '{month}'"
        (found,) = self._local.query(sql)
        return found


def test_a_month_of_google(local: Local, api: FlaskClient, new_org: NewOrgs) -> None:
    """What Google bills in a month is in it: late usage of the month before, tax, and the first hours of the next UTC
    month, but not usage that comes into the next invoice. A day that changes is copied again; then the month closes."""
    org = new_org(views=True)
    google = Google(local, org)
    google.charge("2026-10-05", "202610", "100")
    google.charge("2026-10-05", "202610", "-2", "adjustment")
    google.charge("2026-10-01", "202610", "19", "tax")
    google.charge("2026-09-29", "202610", "7")
    google.charge("2026-11-01", "202610", "3")
    google.charge("2026-10-31", "202611", "1000")
    google.read(dt.date(2026, 10, 1), dt.date(2026, 10, 31))
    google.read(dt.date(2026, 11, 1), dt.date(2026, 11, 1))
    tell(api, org, total="129.00", tax="19")
    tie(local, billing_run(org, YESTERDAY))
    month = google.month()
    assert (month["status"], month["cost"], month["residual"], month["unexplained"]) == ("provisional", 127, 2, 2)
    assert (month["usage_cost"], month["tax_cost"], month["adjustment_cost"]) == (110, 19, -2)
    assert (month["credit_cost"], month["provider_total"]) == (None, None)

    google.charge("2026-10-20", "202610", "2", sku="S-2")
    local.clock.advance(days=1)
    google.read(dt.date(2026, 10, 20), dt.date(2026, 10, 20), local.clock())
    local.clock.advance(minutes=1)
    tie(
        local,
        billing_run(org, dt.date(2026, 10, 20), generation=2, requested_at=local.clock(), trigger_type=TriggerType.API),
    )
    closed = google.month()
    assert (closed["status"], closed["cost"], closed["residual"], closed["parts"]) == ("closed", 129, 0, [])
    assert closed["checksum"] != month["checksum"]

    # The same sum at another SKU: no amount tells it, the checksum does.
    google.run("UPDATE org_dataset.gcp_billing_daily_raw SET sku_id = 'S-9' WHERE usage_date = '2026-10-20'")
    (change,) = local.query(f"SELECT * FROM {org.org_slug}.closed_month_changes WHERE usage_date >= '2026-09-01'")
    assert (change["usage_date"], change["cost_change"], change["closed_cost"]) == (dt.date(2026, 10, 20), 0, 2)
    assert google.month() == closed
