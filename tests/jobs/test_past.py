"""Days whose source has lost rows: what is loaded stays, what is surely new is added, and both are told."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import stamina
from flask.testing import FlaskClient

from cloudact.runs.ledger import RunEvent
from cloudact.runs.result import Result
from cloudact.runs.run import Run, Status, TriggerType
from tests.conftest import Local, NewOrgs, billing_run
from tests.fault_proxy import Doorman
from tests.jobs.conftest import RunJob, detail, table
from tests.jobs.exports import DAY_MS, OLD, Exports, correction, row
from tests.jobs.test_gcp_billing_run import passing_trouble

DAY = date(2026, 10, 13)
LATE = "2026-11-28 09:00:00"
AT_LAST = f"{LATE} UTC"
BEFORE = "2026-01-01T00:00:00Z"


@pytest.fixture
def exports(local: Local, new_org: NewOrgs) -> Iterator[Exports]:
    exports = Exports(local, new_org())
    yield exports
    exports.let_clock_run()


class Day:
    """One day of an org, run again and again."""

    def __init__(self, exports: Exports, run_job: RunJob, day: date = DAY) -> None:
        self.exports, self._run_job, self.day, self.generation = exports, run_job, day, 0
        self._ended: dict[str, dict[str, Any]] = {}

    def run(self, **changes: Any) -> Run:
        self.generation += 1
        run = billing_run(self.exports.org, self.day, generation=self.generation, **changes)
        self._run_job(run)
        return run

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [each for each in table(self.exports.local, self.exports.org) if each["usage_date"] == self.day]

    @property
    def net(self) -> int | Decimal:
        return sum((each["net_cost"] for each in self.rows), Decimal())

    def _detail(self, run: Run) -> dict[str, Any]:
        """The run, which has ended and changes no more."""
        if run.run_id not in self._ended:
            self._ended[run.run_id] = detail(self.exports.local, run)
        return self._ended[run.run_id]

    def result(self, run: Run) -> Result:
        told = self._detail(run)
        assert told["status"] == "SUCCESS", told["error_message"]
        return Result.model_validate_json(told["result"])

    def warnings(self, run: Run) -> str:
        steps = self._detail(run)["steps"]
        return " ".join(m["text"] for step in steps for m in step["messages"] if m["level"] == "WARNING")


@pytest.fixture
def day(exports: Exports, run_job: RunJob) -> Day:
    """A day of 60 rows and 600 USD, loaded from a table that deletes partitions after 60 days."""
    exports.make(made=BEFORE, expiration_ms=60 * DAY_MS)
    exports.stop_clock("2026-10-14T06:00:00Z")
    exports.add([row(DAY, number) for number in range(60)])
    day = Day(exports, run_job)
    day.run()
    assert day.net == 600
    return day


def expire(day: Day) -> None:
    """The day's partitions go; those of November stay."""
    day.exports.stop_clock("2026-12-20T00:00:00Z")


def test_an_expired_day_is_kept_and_added_to(day: Day, api: FlaskClient) -> None:
    """Of an expired day a late correction is added to what is loaded, and the run says what is gone and what is new.

    GET …/runs/{id} has completeness and the gap with plain amounts. Run again and again, a correction counts once, and
    the next one too; a run that finds nothing loads nothing.
    """
    expire(day)
    day.exports.add([correction(DAY, LATE)])
    run = day.run()
    found = day.result(run)
    assert (day.net, len(day.rows), found.completeness) == (599, 61, "frozen")
    assert found.gap
    assert (found.gap.cause, found.gap.kept) == ("partitions_expired", True)
    assert str(found.gap.missing) == "60 rows (600 USD)"
    assert str(found.gap.added) == "1 rows (-1 USD)"
    assert found.difference
    assert found.difference.cost == {"USD": Decimal(-1)}
    assert "deletes partitions after 60 days" in day.warnings(run)
    assert "force_refresh" in day.warnings(run)
    shown = shown_by(api, day, run)
    assert shown["completeness"] == "frozen"
    assert shown["gap"]["missing"] == {"rows": 60, "cost": {"USD": "600"}}
    assert shown["fingerprint"]["source"]["rows"] == 61

    again = day.run()
    assert (day.net, day.result(again).unchanged, day.result(again).completeness) == (599, True, "frozen")
    day.exports.add([correction(DAY, "2026-11-29 10:00:00")])
    day.run()
    assert (day.net, len(day.rows)) == (598, 62)
    assert {each["run_id"] for each in day.rows} == {
        billing_run(day.exports.org, DAY, generation=number).run_id for number in (1, 2, 4)
    }


def shown_by(api: FlaskClient, day: Day, run: Run) -> dict[str, Any]:
    """The run's result, as the API has it."""
    org = day.exports.org
    answer = api.get(f"/api/v1/pipelines/{org.org_slug}/runs/{run.run_id}", headers={"X-API-Key": org.api_key})
    result: dict[str, Any] = answer.get_json()["result"]
    return result


def test_a_repeated_step_adds_once(day: Day, local: Local, run_job: RunJob, doorman: Doorman) -> None:
    """Trouble in the middle of the load step: it begins anew, and counts what it adds once."""
    expire(day)
    day.exports.add([correction(DAY, LATE)])
    run = billing_run(day.exports.org, DAY, generation=2)
    asked = f"GET /bigquery/v2/projects/{day.exports.client.project}/jobs"
    doorman.at_first(asked, "after", lambda: passing_trouble(local, local.settings.project, "queries"))
    run_job(run, bigquery_endpoint=doorman.url)
    found = day.result(run)
    assert (day.net, len(day.rows)) == (599, 61)
    assert found.fingerprint.source
    assert found.fingerprint.source.rows == 61
    assert found.gap
    assert str(found.gap.added) == "1 rows (-1 USD)"


def test_a_partition_that_expires_between_two_questions(day: Day, run_job: RunJob, doorman: Doorman) -> None:
    """Rows that go while a run reads the export are noticed; the next try finds the day frozen."""
    run = billing_run(day.exports.org, DAY, generation=2)
    asked = f"POST /bigquery/v2/projects/{day.exports.client.project}/jobs"
    doorman.at_first(asked, "before", lambda: expire(day))
    with stamina.set_testing(True, attempts=1):
        assert run_job(run, last=False, bigquery_endpoint=doorman.url) == 1
    assert day.net == 600
    assert run_job(run, attempt=1) == 0
    assert (day.net, day.result(run).completeness) == (600, "frozen")


def test_a_frozen_day_that_is_whole_again(day: Day) -> None:
    """Where the rows come back the day is loaded anew, and is no longer frozen."""
    expire(day)
    day.exports.add([correction(DAY, LATE)])
    day.run()
    day.exports.let_clock_run()
    day.exports.query("ALTER TABLE {old} SET OPTIONS (partition_expiration_days = NULL)")
    day.exports.add([row(DAY, number) for number in range(60)])
    run = day.run()
    assert (day.net, day.result(run).completeness, day.result(run).gap) == (599, "final", None)


def test_a_forced_run_replaces(day: Day) -> None:
    """force_refresh loads what the export has, and says that it is not all."""
    expire(day)
    day.exports.add([correction(DAY, LATE)])
    run = day.run(force_refresh=True)
    assert (day.net, day.result(run).completeness) == (-1, "partial")
    assert "60 rows (600 USD) of what was loaded before are no longer told" in day.warnings(run)
    assert day.result(day.run()).completeness == "partial"


@pytest.mark.parametrize("told", ["nothing", "before sources were told"])
def test_what_older_runs_have_told_is_enough(day: Day, told: str) -> None:
    """A day whose last run told no result, or one without its source, is compared by the rows that are loaded."""
    local = day.exports.local
    if told == "nothing":
        day.generation += 1
        local.ledger.append_run(
            billing_run(day.exports.org, DAY, generation=2), RunEvent(Status.SUCCESS, rows=60), local.clock()
        )
    else:
        result = json.loads(detail(local, billing_run(day.exports.org, DAY))["result"])
        result["fingerprint"].pop("source")
        day.generation += 1
        event = RunEvent(Status.SUCCESS, rows=60, result=json.dumps(result))
        local.ledger.append_run(billing_run(day.exports.org, DAY, generation=2), event, local.clock())
    expire(day)
    day.exports.add([correction(DAY, LATE)])
    run = day.run()
    assert (day.net, day.result(run).completeness) == (599, "frozen")


MakeRows = Callable[[date], list[dict[str, Any]]]
CHANGES: dict[str, tuple[str | None, MakeRows, int, str]] = {
    "emptied": ("TRUE", lambda _: [], 400, "frozen"),
    "one negative row instead": ("TRUE", lambda day: [correction(day, LATE)], 399, "frozen"),
    "rows of less, later": (
        "TRUE",
        lambda day: [row(day, n, cost=1.0, export_time=AT_LAST) for n in range(9)],
        409,
        "frozen",
    ),
    "one large row of few is gone": ("sku.id = 'SKU-000'", lambda _: [], 400, "frozen"),
    "another currency is gone": ("currency = 'EUR'", lambda _: [], 400, "frozen"),
    "a credit's row is gone": ("ARRAY_LENGTH(credits) > 0", lambda _: [], 400, "frozen"),
    "offsetting rows": (
        None,
        lambda day: [row(day, n, cost=-10.0, export_time=AT_LAST) for n in range(40)],
        0,
        "final",
    ),
    "more than everything back": (
        None,
        lambda day: [row(day, 50, cost=-1000.0, export_time=AT_LAST)],
        -600,
        "final",
    ),
}


def test_what_is_lost_and_what_is_corrected(exports: Exports, run_job: RunJob) -> None:
    """Small days and any money: rows that are gone freeze a day, rows that were added, however negative, do not.

    Each change happens to a day of its own.
    """
    exports.make(made=BEFORE)
    days = {change: Day(exports, run_job, DAY + timedelta(days=number)) for number, change in enumerate(CHANGES)}
    exports.add([each for day in days.values() for each in forty_rows(day.day)])
    for day in days.values():
        day.run()
    assert nets(exports) == {day.day: 400 for day in days.values()}
    for change, day in days.items():
        where, make_rows, _, _ = CHANGES[change]
        if where:
            exports.query(f"DELETE FROM {{old}} WHERE DATE(usage_start_time) = '{day.day}' AND {where}")
        exports.add(make_rows(day.day))
    runs = {change: day.run() for change, day in days.items()}
    found = nets(exports)
    for change, (_, _, net, completeness) in CHANGES.items():
        day = days[change]
        assert found[day.day] == net, change
        assert day.result(runs[change]).completeness == completeness, change


def forty_rows(day: date) -> list[dict[str, Any]]:
    """Rows of 400 in all, one of them in EUR and one with a credit."""
    credit = [{"name": "c", "amount": -5.0, "full_name": "c", "id": "c", "type": "DISCOUNT"}]
    some = [row(day, number) for number in range(38)]
    return [*some, row(day, 38, currency="EUR", cost=5.0), row(day, 39, cost=20.0, credits=credit)]


def nets(exports: Exports) -> dict[date, int | Decimal]:
    """What is loaded of each day."""
    sql = (
        f"SELECT usage_date, SUM(net_cost) AS net FROM {exports.org.org_slug}.gcp_billing_daily_raw GROUP BY usage_date"
    )
    return {each["usage_date"]: each["net"] for each in exports.local.query(sql)}


def test_rows_that_cost_less_than_they_did(exports: Exports, run_job: RunJob) -> None:
    """As many rows with less money are not the rows that were loaded."""
    exports.make(made=BEFORE)
    exports.add([row(DAY, number) for number in range(4)])
    day = Day(exports, run_job)
    day.run()
    exports.query("UPDATE {old} SET cost = 1 WHERE TRUE")
    run = day.run()
    assert (day.net, day.result(run).completeness) == (40, "frozen")
    assert "no longer cost what they did" in day.warnings(run)


def test_credits_alone(exports: Exports, run_job: RunJob) -> None:
    """A day of nothing but credits is kept too."""
    exports.make(made=BEFORE)
    exports.add([row(DAY, cost=-50.0)])
    day = Day(exports, run_job)
    day.run()
    exports.query("DELETE FROM {old} WHERE TRUE")
    run = day.run()
    assert (day.net, day.result(run).completeness) == (-50, "frozen")


def test_a_filter_is_no_loss(exports: Exports, run_job: RunJob) -> None:
    """Projects that are left out from now on leave the day, since the source still tells them; and come back."""
    exports.make(made=BEFORE)
    exports.add([row(DAY, 1), row(DAY, 2, project={"id": "old", "labels": [], "ancestors": []})])
    day = Day(exports, run_job)
    day.run()
    exports.point_at(OLD, inactive_projects=["old", "shop-prod"])
    run = day.run()
    assert (day.net, day.result(run).completeness) == (0, "final")
    assert "All 2 billing rows of this date are of inactive projects." in day.warnings(run)
    exports.point_at(OLD, inactive_projects=[])
    assert (day.result(day.run()).gap, day.net) == (None, 20)


REGION = "europe-west3"


@pytest.fixture(params=[REGION, "US"])
def moved(request: pytest.FixtureRequest, local: Local, new_org: NewOrgs, run_job: RunJob) -> Day:
    """A day of 40 rows and 400 USD, and an export that has moved to an empty table, made on the evening of that day."""
    exports = Exports(local, new_org())
    exports.make(made=BEFORE, location=request.param)
    exports.add([row(DAY, number) for number in range(40)])
    day = Day(exports, run_job)
    day.run()
    exports.point_at(exports.make("moved", made="2026-10-13T20:00:00Z", location=request.param))
    return day


def test_a_moved_export_empties_nothing(moved: Day) -> None:
    """Days loaded from the old table stay when the new one has nothing of them."""
    run = moved.run()
    found = moved.result(run)
    assert (moved.net, found.completeness) == (400, "frozen")
    assert found.gap
    assert found.gap.cause == "export_moved"
    assert "was loaded from" in moved.warnings(run)


def test_what_is_new_in_a_moved_export_is_added(moved: Day) -> None:
    """A correction in the new table counts, once, whichever rows it comes with."""
    moved.exports.add([correction(DAY, LATE)], "moved")
    moved.run()
    moved.run()
    assert (moved.net, len(moved.rows)) == (399, 41)


def test_a_day_that_spans_the_change(moved: Day) -> None:
    """Machines that the old table did not have are added; those that it had too, where nothing is filled backwards."""
    later = {"export_time": "2026-10-13 22:00:00 UTC"}
    moved.exports.add([row(DAY, 1, **later), row(DAY, 77, **later)], "moved")
    run = moved.run()
    gap = moved.result(run).gap
    assert gap
    regional = moved.exports.client.get_dataset(moved.exports.dataset).location == REGION
    assert (moved.net, str(gap.held_back)) == ((420, "None") if regional else (410, "1 rows (10 USD)"))
    moved.run()
    assert moved.net == (420 if regional else 410)


def test_an_export_that_google_fills_backwards(moved: Day) -> None:
    """The same charges, delivered once more to a new table in a multi-region, count once."""
    if moved.exports.client.get_dataset(moved.exports.dataset).location == REGION:
        pytest.skip("no region is filled backwards")
    again = [row(DAY, number, export_time="2026-10-15 09:00:00 UTC") for number in range(40)]
    moved.exports.add(again[:20], "moved")
    moved.run()
    assert moved.net == 400
    moved.exports.add(again[20:], "moved")
    moved.run()
    assert moved.net == 400


def test_a_table_that_was_exported_to_beside(exports: Exports, run_job: RunJob) -> None:
    """Rows of a table that was there all along, exported minutes later, are not added to those that they repeat."""
    exports.make(made=BEFORE, location=REGION)
    exports.add([row(DAY, number) for number in range(40)])
    day = Day(exports, run_job)
    day.run()
    exports.point_at(exports.make("beside", made=BEFORE, location=REGION))
    exports.add([row(DAY, number, export_time=f"{DAY} 18:05:00 UTC") for number in range(39)], "beside")
    run = day.run()
    assert (day.net, day.result(run).completeness) == (400, "frozen")


def test_history_that_was_copied_is_whole(exports: Exports, run_job: RunJob) -> None:
    """A copy of the export, in its partitions or in one, or under its old name, replaces the day as the export does.

    Each copy has a day of its own.
    """
    exports.make(made=BEFORE)
    hows = ("copied", "consolidated", "recreated")
    days = {how: Day(exports, run_job, DAY + timedelta(days=number)) for number, how in enumerate(hows)}
    rows = {how: [row(day.day, number) for number in range(40)] for how, day in days.items()}
    exports.add([each for some in rows.values() for each in some])
    for day in days.values():
        day.run()
    for how, day in days.items():
        if how == "recreated":
            exports.client.delete_table(exports.name(OLD))
        name = exports.make(OLD if how == "recreated" else how, made="2026-11-20T00:00:00Z")
        exports.add(rows[how], name, "20261120" if how == "consolidated" else None)
        exports.add([correction(day.day, LATE)], name)
        exports.point_at(name)
        run = day.run()
        found = day.result(run)
        assert (day.net, found.completeness, found.gap) == (399, "final", None), how


def test_a_table_that_was_made_anew(exports: Exports, run_job: RunJob) -> None:
    """The same name and another table: what is loaded stays."""
    exports.make(made=BEFORE)
    exports.add([row(DAY, number) for number in range(4)])
    day = Day(exports, run_job)
    day.run()
    exports.client.delete_table(exports.name(OLD))
    exports.make(made="2026-11-20T00:00:00Z")
    gap = day.result(day.run()).gap
    assert gap
    assert (day.net, gap.cause) == (40, "export_recreated")


def test_a_first_load_of_an_expired_day(exports: Exports, run_job: RunJob) -> None:
    """What is left is loaded, and the day is partial, with the reason; it stays so."""
    exports.make(made=BEFORE, expiration_ms=60 * DAY_MS)
    exports.stop_clock("2026-12-20T00:00:00Z")
    exports.add([row(DAY), correction(DAY, LATE)])
    day = Day(exports, run_job)
    run = day.run()
    assert (day.net, day.result(run).completeness) == (-1, "partial")
    assert "deletes partitions after 60 days" in day.warnings(run)
    assert "not delivered it yet" not in day.warnings(run)
    assert day.result(day.run()).completeness == "partial"


def test_a_first_load_of_a_day_before_the_export(exports: Exports, run_job: RunJob) -> None:
    """A regional table that was made later has only what was exported since, or nothing; both are said."""
    exports.make(made="2026-10-13T08:00:00Z", location=REGION)
    exports.add([row(DAY, export_time=f"{DAY} 09:00:00 UTC")])
    for date_, net in ((DAY, 10), (DAY - timedelta(days=3), 0)):
        day = Day(exports, run_job, date_)
        run = day.run()
        found = day.result(run)
        assert found.gap
        assert (day.net, found.completeness, found.gap.cause) == (net, "partial", "before_export")


def test_a_charge_that_was_made_in_advance(exports: Exports, run_job: RunJob) -> None:
    """Usage that begins up to 400 days after its export is loaded on its day, and said."""
    exports.make(made=BEFORE)
    exports.add([row(DAY), row(DAY, 1, cost=5000.0, export_time="2026-10-08 10:00:00 UTC")])
    exports.add([row(DAY, 2, cost=700.0, export_time="2026-09-07 10:00:00 UTC")])
    exports.add([row(DAY, 3, cost=90.0, export_time="2025-09-08 10:00:00 UTC")])
    day = Day(exports, run_job)
    run = day.run()
    assert day.net == 5800
    texts = [m["text"] for step in detail(exports.local, run)["steps"] for m in step["messages"]]
    assert any("exported up to 400 days before it" in text for text in texts)


def test_a_charge_that_was_made_too_early_is_told(exports: Exports, run_job: RunJob) -> None:
    """Whoever looks for late rows tells of rows that no run of their date will see."""
    exports.make(made=BEFORE)
    exports.add([row(date(2027, 12, 30), export_time="2026-11-11 10:00:00 UTC")])
    day = Day(exports, run_job, date(2026, 11, 11))
    run = day.run()
    assert "Rows of 2027-12-30 were exported more than 400 days before it: not loaded." in day.warnings(run)


def test_history_in_one_partition(exports: Exports, run_job: RunJob) -> None:
    """Rows of August that lie in November's partition of the copy are found, and said to be a copy's."""
    exports.make(made="2026-11-28T00:00:00Z")
    august = date(2026, 8, 19)
    exports.add([row(august)], partition="20261128")
    exports.add([row(august, 1, export_time="2026-11-27 10:00:00 UTC")])  # too late, as in any export
    day = Day(exports, run_job, august)
    run = day.run()
    assert (day.net, day.result(run).completeness) == (20, "final")
    texts = [m["text"] for step in detail(exports.local, run)["steps"] for m in step["messages"]]
    assert any("they were copied into this table" in text for text in texts)


def test_a_frozen_day_is_not_stale(day: Day, run_job: RunJob) -> None:
    """The look for late rows names a frozen day once for what is new, and no more after a run of it."""
    expire(day)
    day.exports.add([correction(DAY, LATE), row(date(2026, 12, 3), export_time="2026-12-04 02:00:00 UTC")])
    looks = []
    for last in (date(2026, 12, 3), date(2026, 12, 4)):
        morning = datetime.combine(last + timedelta(days=1), datetime.min.time(), UTC) + timedelta(hours=6)
        look = billing_run(day.exports.org, last, trigger_type=TriggerType.SCHEDULE, requested_at=morning)
        run_job(look, late_days=60)
        found = Result.model_validate_json(detail(day.exports.local, look)["result"]).look
        assert found
        looks.append(sorted(found.stale))
        day.run()
    assert looks[1] == []
    assert day.net == 599
