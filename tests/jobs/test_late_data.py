"""The look for late rows of earlier dates that the run of yesterday takes."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from cloudact.runs.late_data import LateDataScan, Load
from cloudact.runs.result import Result
from cloudact.runs.run import Run, TriggerType
from localcloud.onboarding import OnboardedOrg
from tests.conftest import Local, NewOrgs, billing_run, load_fixture_export, load_rows
from tests.jobs.conftest import AFTERWARDS, RunJob, detail

FIRST_DAY = date(2026, 11, 30)
DELIVERED = datetime(2026, 12, 3, 11, tzinfo=UTC)  # the fixture's last row


def daily(org: OnboardedOrg, day: date, **changes: Any) -> Run:
    """The scheduled run of this day, asked for the morning after."""
    morning = datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC) + timedelta(hours=6)
    return billing_run(org, day, **{"trigger_type": TriggerType.SCHEDULE, "requested_at": morning} | changes)


def look_of(local: Local, run: Run) -> LateDataScan | None:
    return Result.model_validate_json(detail(local, run)["result"]).look


def stale_of(local: Local, run: Run) -> list[date]:
    look = look_of(local, run)
    assert look
    return sorted(look.stale)


def warnings_of(local: Local, run: Run) -> list[str]:
    told = [message for step in detail(local, run)["steps"] for message in step["messages"]]
    return [message["text"] for message in told if message["level"] == "WARNING"]


def exported(row: dict[str, Any], usage: str, at: str) -> dict[str, Any]:
    """The row, used and delivered at other times."""
    return row | {"usage_start_time": f"{usage} UTC", "export_time": f"{at} UTC", "_partition_date": at[:10]}


def loaded(run_job: RunJob, org: OnboardedOrg, *dates: date) -> None:
    """Dates that someone has run."""
    for day in dates:
        run_job(daily(org, day, trigger_type=TriggerType.API, requested_at=datetime(2026, 11, 30, tzinfo=UTC)))


def test_stale_dates_are_named_until_they_are_loaded(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """Dates with newer rows than those that were loaded are named by each look, until a run has loaded them."""
    org = new_org()
    row = load_fixture_export(local, org)[0]
    load_rows(local, org, [exported(row, "2026-11-30 05:00:00", "2026-11-30 09:00:00.123456")])
    loaded(run_job, org, date(2026, 11, 9), date(2026, 11, 10), date(2026, 8, 1))
    days = [daily(org, FIRST_DAY + timedelta(days=number)) for number in range(4)]
    run_job(days[0])
    assert stale_of(local, days[0]) == []
    first = look_of(local, days[0])
    assert first
    assert (first.watermark, first.at) == (DELIVERED, AFTERWARDS)
    late = [
        exported(row, "2026-11-10 05:00:00", "2026-12-04 01:00:00"),
        exported(row, "2026-11-09 23:30:00", "2026-12-04 02:00:00.000001"),
        exported(row, "2026-11-20 05:00:00", "2026-12-04 01:00:00"),  # never loaded: nobody has asked for it
        exported(row, "2026-12-01 05:00:00", "2026-12-04 01:30:00"),  # loaded by the very run that looks
        exported(row, "2026-12-03 05:00:00", "2026-12-04 01:30:00"),  # not over yet: tomorrow's
        exported(row, "2026-08-01 05:00:00", "2026-12-04 01:30:00"),  # a run of that date would not see it
    ]
    load_rows(local, org, late)
    run_job(days[1])
    assert stale_of(local, days[1]) == [date(2026, 11, 9), date(2026, 11, 10)]
    assert "New rows of 2026-08-01 came too late to be loaded: more than 60 days." in warnings_of(local, days[1])
    run_job(daily(org, date(2026, 11, 10), generation=2, requested_at=days[1].requested_at))
    run_job(days[2])
    assert stale_of(local, days[2]) == [date(2026, 11, 9)]
    run_job(daily(org, date(2026, 11, 9), generation=2, requested_at=days[2].requested_at))
    run_job(days[3])
    last = look_of(local, days[3])
    assert last
    assert (last.stale, last.watermark) == ({}, datetime(2026, 12, 4, 2, 0, 0, 1, tzinfo=UTC))


def test_a_row_that_becomes_visible_late(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """A row with an export_time shortly before the watermark is found, though a look has passed it."""
    org = new_org()
    row = load_fixture_export(local, org)[0]
    loaded(run_job, org, date(2026, 11, 20))
    run_job(daily(org, FIRST_DAY))
    load_rows(local, org, [exported(row, "2026-11-20 05:00:00", "2026-12-03 10:59:59")])
    after = daily(org, FIRST_DAY + timedelta(days=1))
    run_job(after)
    assert stale_of(local, after) == [date(2026, 11, 20)]


@pytest.fixture(scope="module")
def looked(shared_local: Local, orgs: NewOrgs, run_job: RunJob) -> Run:
    """The run of its yesterday that an org has started itself; tests leave that day as it is."""
    org = orgs()
    load_fixture_export(shared_local, org)
    run = daily(org, FIRST_DAY, trigger_type=TriggerType.API)
    run_job(run)
    return run


def test_another_export_is_looked_into_anew(local: Local, looked: Run) -> None:
    """What was seen of one table says nothing of another."""
    look = look_of(local, looked)
    assert look
    assert look.source.endswith(".billing_export.gcp_billing_export_v1_012345_6789AB_CDEF01")
    assert look.still_stale({}) == {}


def test_whoever_asks_for_yesterday_looks(local: Local, looked: Run, run_job: RunJob) -> None:
    """An org that runs its yesterdays itself is looked after too; a run of an older date does not pay for a look."""
    assert look_of(local, looked)
    requested_at = datetime(2026, 12, 1, 6, tzinfo=UTC)
    older = looked.model_copy(
        update={"date": date(2026, 11, 10), "trigger_type": TriggerType.SCHEDULE, "requested_at": requested_at}
    )
    run_job(older)
    assert '"look"' not in detail(local, older)["result"]


@pytest.mark.parametrize(
    ("started", "as_of", "has"),
    [(9, 8, True), (7, 6, True), (7, None, False), (7, 5, False), (9, None, True)],
    ids=["both", "read the row", "nothing known", "read less", "came when it was there"],
)
def test_when_a_load_has_a_row(started: int, as_of: int | None, has: bool) -> None:
    """A row exported at six and seen at eight: read by whoever started since, or has read as new a row."""
    six, eight = (datetime(2026, 12, 4, hour, tzinfo=UTC) for hour in (6, 8))
    load = Load(eight.replace(hour=started), (as_of and eight.replace(hour=as_of)) or None)
    assert load.has(six, eight) is has
