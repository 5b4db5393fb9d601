"""The look for late rows of earlier dates that the scheduled run of yesterday takes."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from cloudact.results import Result
from cloudact.runs import Run, TriggerType
from infra.local.onboarding import OnboardedOrg
from tests.conftest import Local, NewOrgs, billing_run, load_fixture_export, load_rows
from tests.jobs.conftest import RunJob, detail

FIRST_DAY = date(2026, 11, 30)


def daily(org: OnboardedOrg, day: date, **changes: Any) -> Run:
    """The scheduled run of this day, asked for the morning after."""
    morning = datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC) + timedelta(hours=6)
    return billing_run(org, day, **{"trigger_type": TriggerType.SCHEDULE, "requested_at": morning} | changes)


def late_of(local: Local, run: Run) -> tuple[list[date] | None, datetime | None]:
    found = Result.model_validate_json(detail(local, run)["result"])
    return found.stale_dates, found.watermark


def exported(row: dict[str, Any], usage: str, at: str) -> dict[str, Any]:
    """The row, used and delivered at other times."""
    return row | {"usage_start_time": f"{usage} UTC", "export_time": f"{at} UTC", "_partition_date": at[:10]}


def test_stale_dates_are_found_once(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """The first look only notes the newest export; the next names dates with newer rows, and the one after none."""
    org = new_org()
    row = load_fixture_export(local, org)[0]
    load_rows(local, org, [exported(row, "2026-11-30 05:00:00", "2026-11-30 09:00:00.123456")])
    days = [daily(org, FIRST_DAY + timedelta(days=number)) for number in range(3)]
    run_job(days[0])
    seen = late_of(local, days[0])
    assert seen[0] == []
    assert seen[1] == datetime(2026, 12, 3, 11, tzinfo=UTC)  # of the fixture's last row
    late = [
        exported(row, "2026-11-10 05:00:00", "2026-12-04 01:00:00"),
        exported(row, "2026-11-09 23:30:00", "2026-12-04 02:00:00.000001"),
        exported(row, "2026-12-01 05:00:00", "2026-12-04 01:30:00"),  # loaded by the very run that looks
        exported(row, "2026-12-03 05:00:00", "2026-12-04 01:30:00"),  # not over yet: tomorrow's
        exported(row, "2026-08-01 05:00:00", "2026-12-04 01:30:00"),  # a run of that date would not see it
    ]
    load_rows(local, org, late)
    run_job(days[1])
    assert late_of(local, days[1]) == (
        [date(2026, 11, 9), date(2026, 11, 10)],
        datetime(2026, 12, 4, 2, 0, 0, 1, tzinfo=UTC),
    )
    run_job(days[2])
    assert late_of(local, days[2]) == ([], datetime(2026, 12, 4, 2, 0, 0, 1, tzinfo=UTC))


def test_only_the_scheduled_run_of_yesterday_looks(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """Neither a person's run nor one of an older date pays for the query, and neither tells a watermark."""
    org = new_org()
    load_fixture_export(local, org)
    for run in (
        daily(org, FIRST_DAY, trigger_type=TriggerType.API),
        daily(org, date(2026, 11, 10), requested_at=datetime(2026, 12, 1, 6, tzinfo=UTC)),
    ):
        run_job(run)
        assert "watermark" not in detail(local, run)["result"]
