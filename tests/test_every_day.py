"""Days go by at one org, from Cloud Scheduler's call to its table: every part is real, and time passes when told."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from cloudact.runs.result import Result
from cloudact.runs.run import Run, Status
from jobs.attempt import work
from jobs.composition import compose
from jobs.container import Execution
from localcloud.onboarding import NewOrg, OnboardedOrg, onboard
from tests.conftest import NOON, Local, billing_run, fixture, load_rows
from tests.functions.fleet import Fleet, new_fleet
from tests.jobs.test_late_data import exported

SIX = NOON.replace(hour=6)


@pytest.fixture
def fleet(local: Local) -> Fleet:
    local.clock.now = SIX
    return new_fleet(local)


@pytest.fixture
def org(fleet: Fleet) -> OnboardedOrg:
    """An org whose export has had a row for each of the last ten days since the morning after."""
    number = next(fleet.local.numbers)
    source = {
        "source_project": f"days-{number}-billing",
        "source_dataset": "billing_export",
        "source_table": "gcp_billing_export_v1_012345_6789AB_CDEF01",
    }
    org = onboard(fleet.settings, NewOrg(f"days_{number}", source, views=False))
    load_rows(fleet.local, org, [row_of(days_ago(days), days_ago(days - 1), hour=1) for days in range(10, 0, -1)])
    return org


def row_of(used: dt.date, delivered: dt.date, hour: int) -> dict[str, Any]:
    """A row of usage of that day, delivered at that hour."""
    row: dict[str, Any] = fixture("gcp_billing_export_v1.rows.json")[0]
    return exported(row, f"{used} 05:00:00", f"{delivered} {hour:02}:00:00")


def days_ago(days: int) -> dt.date:
    return NOON.date() - dt.timedelta(days=days)


def called(fleet: Fleet) -> list[Run]:
    """Cloud Scheduler calls, and what it starts runs to its end."""
    fleet.daily()
    return worked(fleet, fleet.fire())


def worked(fleet: Fleet, runs: list[Run]) -> list[Run]:
    for run in runs:
        assert work(compose(fleet.settings, fleet.local.clock), run, Execution("runner-abc", 0, 0, True)) == 0
    return runs


def result(fleet: Fleet, run: Run) -> Result:
    stored = fleet.runs.find(run.org_slug, run.run_id, run.requested_date)
    assert stored
    assert stored.status is Status.SUCCESS
    return Result.model_validate_json(stored.result or "")


def load_jobs(fleet: Fleet, runs: list[Run]) -> set[dt.date]:
    """The dates that were really loaded; for the others there is a fence, or nothing."""
    jobs = {run.date: fleet.warehouse.job(f"load_{run.run_id}_0") for run in runs}
    return {date for date, job in jobs.items() if job is not None and job.job_type == "load"}


def total(fleet: Fleet, org: OnboardedOrg, date: dt.date) -> Decimal:
    sql = f"SELECT SUM(net_cost) AS net_cost FROM {org.org_slug}.gcp_billing_daily_raw WHERE usage_date = '{date}'"
    return Decimal(fleet.local.query(sql)[0]["net_cost"])


def test_a_late_row_is_loaded_and_nothing_else(fleet: Fleet, org: OnboardedOrg) -> None:
    """A row of five days ago that comes after its load is in the table after the day's calls.

    The run's difference names its amount, and no unchanged date causes a load job.
    """
    worked(fleet, [billing_run(org, days_ago(days), requested_at=SIX) for days in (2, 3, 4, 6, 7)])
    assert load_jobs(fleet, called(fleet)) == {days_ago(1)}
    before = total(fleet, org, days_ago(4))
    fleet.local.clock.advance(days=1)
    tomorrow = days_ago(-1)
    load_rows(fleet.local, org, [row_of(days_ago(0), tomorrow, hour=1), row_of(days_ago(4), tomorrow, hour=4)])

    morning = called(fleet)
    assert (len(morning), load_jobs(fleet, morning)) == (4, {days_ago(0)})
    fleet.local.clock.advance(hours=3)
    (run,) = later = called(fleet)
    assert load_jobs(fleet, later) == {days_ago(4)}
    difference = result(fleet, run).difference
    assert difference
    (amount,) = difference.cost.values()
    assert amount == total(fleet, org, days_ago(4)) - before != 0
    assert called(fleet) == []
