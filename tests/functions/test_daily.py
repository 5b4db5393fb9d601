"""POST /ops/daily: what it starts, that it starts nothing twice, and what it does on other days."""

import datetime as dt
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from cloudact.errors import Postponed
from cloudact.runs.batch import BATCH_VARIABLE, Batch
from cloudact.runs.late_data import LateDataScan
from cloudact.runs.ledger import RunEvent
from cloudact.runs.load import OVER_LOAD_QUOTA
from cloudact.runs.run import Run, Status, TriggerType
from functions.runs.queue import batch_task_id
from localcloud.google_apis.rest.faults import Fault
from localcloud.provision import provision
from tests.conftest import NOON, Local, SteppedClock
from tests.functions.fleet import INTEGRATIONS, Fleet, new_fleet

YESTERDAY = NOON.date() - dt.timedelta(days=1)


@pytest.fixture
def fleet(local: Local) -> Fleet:
    return new_fleet(local, batch_size=3, task_runs=1, job_runs_per_minute=30)


def test_yesterday_of_every_org(fleet: Fleet) -> None:
    """Every enabled pipeline whose integration is VALID runs for yesterday and the restatement dates, once."""
    fleet.add(["acme", "bolt"], INTEGRATIONS)
    fleet.add(["gone"], subscription="SUSPENDED")
    fleet.add(["paid"], subscription="active")
    fleet.add(["broken"], status="INVALID")
    told = fleet.daily()
    assert told == {
        "planned": 28, "started": 28, "batches": 10, "tasks": 28, "already": 0, "waiting": 0, "given_up": 0, "left": 0,
        "minutes": 1, "orgs": 3, "catch_up": 0, "restatements": 21,
    }  # fmt: skip
    runs = fleet.started()
    assert {run.org_slug for run in runs} == {"acme", "bolt", "paid"}
    assert len({run.run_id for run in runs}) == 28
    assert {(run.org_slug, run.date) for run in runs[:3]} == {(org, YESTERDAY) for org in ("acme", "bolt", "paid")}
    assert Counter(run.trigger_type for run in runs) == {TriggerType.SCHEDULE: 7, TriggerType.RESTATEMENT: 21}


def test_the_task_starts_an_execution_of_many_tasks(fleet: Fleet) -> None:
    """One call of jobs.run has as many tasks as the batch has runs, and carries it; the calls keep their distance."""
    fleet.add(["acme", "bolt"])
    fleet.daily()
    tasks = fleet.tasks()
    for task in tasks:
        overrides = json.loads(task.http_request.body)["overrides"]
        (variable,) = overrides["containerOverrides"][0]["env"]
        batch = Batch.model_validate_json(variable["value"])
        assert variable["name"] == BATCH_VARIABLE
        assert (overrides["taskCount"], task.http_request.url) == (len(batch.items), fleet.settings.job_run_url)
        assert task.name.endswith(f"/{batch_task_id(batch.batch_id)}-{fleet.settings.installation}")
    waits = [(task.schedule_time - NOON).total_seconds() for task in tasks]
    assert waits == [3, 5, 7]


def test_several_runs_of_an_org_share_a_task(local: Local) -> None:
    """Yesterday of all pipelines is one task, and the first of every org; the restatements are another."""
    fleet = new_fleet(local)
    fleet.add(["acme", "bolt"], INTEGRATIONS)
    told = fleet.daily()
    (task,) = fleet.tasks()
    (batch,) = fleet.batches()
    assert (told["tasks"], told["minutes"]) == (4, 3)  # 9 runs of 20 seconds, and 3 seconds until it fires
    assert json.loads(task.http_request.body)["overrides"]["taskCount"] == 4
    assert batch.tasks == (3, 3, 9, 9)
    assert {run.date for index in (0, 1) for run in batch.of_task(index)} == {YESTERDAY}
    assert [len({run.org_slug for run in batch.of_task(index)}) for index in range(4)] == [1] * 4
    assert fleet.daily()["started"] == 0


def test_batches_wait_for_room_in_the_region(local: Local) -> None:
    """Two thirds of three vCPUs are two tasks at once, of twenty seconds each; so nobody sees them silent before."""
    fleet = new_fleet(local, region_vcpus=Decimal(3), task_runs=1)
    fleet.add(["acme", "bolt"])
    fleet.daily()
    assert [(task.schedule_time - NOON).total_seconds() for task in fleet.tasks()] == [3, 23, 43, 63]
    due = {run.run_id: run.last_event_at for run in fleet.schedule.unsettled(NOON + dt.timedelta(hours=4)).silent}
    assert due == {
        run.run_id: task.schedule_time
        for task, batch in zip(fleet.tasks(), fleet.batches(), strict=True)
        for run in batch.runs()
    }


def test_what_is_at_work_takes_room(local: Local) -> None:
    """The second call of a day starts nothing beside what the first one's batches still work on."""
    fleet = new_fleet(local, region_vcpus=Decimal(3), task_runs=1)
    fleet.add(["acme"])
    fleet.daily()
    runs = fleet.fire()
    fleet.end(runs, Status.RUNNING)
    fleet.end(runs[:1])
    fleet.add(["bolt"])
    fleet.daily()
    assert [(task.schedule_time - NOON).total_seconds() for task in fleet.tasks()] == [23, 43]


def test_how_long_runs_have_taken(local: Local) -> None:
    """The mean of those that ended lately, well or not, is what the next ones are expected to take."""
    fleet = new_fleet(local, region_vcpus=Decimal(3), task_runs=1)
    fleet.add(["acme"])
    fleet.daily()
    runs = fleet.fire()
    fleet.end(runs[:2], Status.SUCCESS, dt.timedelta(seconds=90))
    fleet.end(runs[2:], Status.FAILED, dt.timedelta(seconds=30))
    fleet.add(["bolt"])
    fleet.daily()
    assert [(task.schedule_time - NOON).total_seconds() for task in fleet.tasks()] == [3, 63]
    local.clock.advance(days=2)
    fleet.add(["cube"])
    fleet.daily()
    waits = sorted({(task.schedule_time - local.clock()).total_seconds() for task in fleet.tasks()})
    assert waits[-2:-1] == [waits[-1] - 20]


def test_what_a_day_has_no_room_for(local: Local, caplog: pytest.LogCaptureFixture) -> None:
    """It is left, restatements first, and said with figures; calls later that day start more, each run once."""
    fleet = new_fleet(local, region_vcpus=Decimal(1), task_runs=1, run_seconds=Decimal(3600))
    fleet.add([f"org_{number}" for number in range(10)])
    told = fleet.daily()
    assert (told["planned"], told["started"], told["left"], told["minutes"]) == (40, 24, 16, 24 * 60)
    (line,) = [record for record in caplog.records if record.name == "functions.schedule.daily"]
    assert (line.levelname, line.__dict__["fields"]["left"]) == ("WARNING", 16)
    assert Counter(run.trigger_type for run in fleet.fire()) == {TriggerType.SCHEDULE: 10, TriggerType.RESTATEMENT: 14}
    local.clock.advance(hours=3)
    again = fleet.daily()
    assert (again["planned"], again["started"], again["left"]) == (16, 0, 16)  # all room is for what has not begun
    fleet.end([run for batch in fleet.batches() for run in batch.runs()])


def test_runs_are_seen_before_they_start(fleet: Fleet) -> None:
    """Each is PENDING, tells its batch and its place in it, and does not count against the quota."""
    fleet.add(["acme"])
    fleet.daily()
    runs = fleet.schedule.unsettled(fleet.tasks()[-1].schedule_time + dt.timedelta(hours=3)).silent
    assert {(run.status, run.trigger_type) for run in runs} == {
        (Status.PENDING, "schedule"),
        (Status.PENDING, "restatement"),
    }
    assert {run.batch_id for run in runs} == {batch.batch_id for batch in fleet.batches()}
    assert fleet.admissions.quota("acme", NOON.date())[1] == 0


def test_called_twice(fleet: Fleet, local: Local) -> None:
    """A second call starts nothing: not while tasks wait, not once they have fired, not when the runs have ended."""
    fleet.add(["acme", "bolt"], INTEGRATIONS)
    first = fleet.daily()
    nothing = {"planned": 0, "started": 0, "batches": 0, "already": first["planned"]}
    nothing |= {
        "tasks": 0,
        "waiting": 0,
        "given_up": 0,
        "left": 0,
        "minutes": 1,
        "orgs": 0,
        "catch_up": 0,
        "restatements": 0,
    }
    assert fleet.daily() == nothing
    runs = fleet.fire()
    local.clock.advance(minutes=1)
    assert fleet.daily() == nothing
    fleet.end(runs[::2])
    fleet.end(runs[1::2], Status.FAILED)
    assert fleet.daily() == nothing | {"minutes": 0}
    assert fleet.tasks() == []
    assert set(fleet.memberships().values()) == {1}


def test_called_in_parallel(fleet: Fleet) -> None:
    """Eight instances called at once, each by its own clock, make the same batches, so each run is in one."""
    fleet.add([f"org_{number}" for number in range(7)], INTEGRATIONS)
    instances = [fleet.ops(clock=SteppedClock(NOON + dt.timedelta(milliseconds=number))) for number in range(8)]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(fleet.post, instances))
    assert {answer.status_code for answer in answers} == {200}
    runs = fleet.started()
    assert (len(runs), len({run.run_id for run in runs})) == (84, 84)
    assert sum(answer.get_json()["started"] for answer in answers) == 84
    assert fleet.daily()["already"] == 84


def test_a_run_that_someone_asks_for_at_the_same_time(fleet: Fleet) -> None:
    """Its row, read late and older than the batch, keeps the batch what it was: the day's other calls go on."""
    fleet.add(["acme"])
    fleet.daily()
    run = next(run for run in fleet.started() if run.trigger_type is TriggerType.SCHEDULE)
    asked = {"trigger_type": TriggerType.API, "triggered_by": "k", "requested_at": NOON - dt.timedelta(seconds=1)}
    fleet.ledger.append_run(run.model_copy(update=asked), RunEvent(Status.PENDING, task_id="x"), NOON)
    told = fleet.daily()
    assert (told["planned"], told["started"], told["already"]) == (0, 0, 4)


def test_a_batch_whose_task_was_never_created(fleet: Fleet) -> None:
    """It is created by the next call, though one of its runs has begun elsewhere."""
    fleet.add(["acme", "bolt"])
    fleet.daily()
    begun = fleet.batches()[-1].runs()[0]
    other = fleet.settings.model_copy(update={"queue": f"{fleet.settings.queue}-empty"})
    provision(other)
    fleet.settings = other  # as if no CreateTask had been heard
    fleet.ledger.append_run(begun, RunEvent(Status.RUNNING, started_at=NOON, execution="alone"), NOON)
    assert fleet.daily()["started"] == len(fleet.started()) == 8


def test_nothing_more_is_begun_where_cloud_tasks_is_away(fleet: Fleet, local: Local) -> None:
    """The first batches fail, and no run of the others is told PENDING."""
    fleet.add([f"org_{number:02d}" for number in range(20)])
    local.google.faults.add(Fault(kind="error", status=503, seed=1, api="tasks", method="CreateTask"))
    assert fleet.post(fleet.ops()).status_code == 503
    local.google.faults.clear()
    assert len(fleet.memberships()) == 4 * 3  # four batches at once


def test_an_org_that_comes_later(fleet: Fleet) -> None:
    """Who is onboarded after the daily call is found by the next one, which leaves the others alone."""
    fleet.add(["acme"])
    fleet.daily()
    fleet.add(["bolt"])
    told = fleet.daily()
    assert (told["planned"], told["already"], told["orgs"]) == (4, 4, 1)
    assert {run.org_slug for run in fleet.started()[4:]} == {"bolt"}
    assert set(fleet.memberships().values()) == {1}


def test_cloud_tasks_fails_half_way(fleet: Fleet, local: Local) -> None:
    """The call answers 503, and the next one starts what is missing, under the same names."""
    fleet.add([f"org_{number}" for number in range(5)])
    local.google.faults.add(Fault(kind="error", status=503, seed=1, api="tasks", method="CreateTask", probability=0.5))
    answers = [fleet.post(fleet.ops()).status_code for _ in range(3)]
    local.google.faults.clear()
    assert 503 in answers
    fleet.daily()
    runs = fleet.started()
    assert (len(runs), len({run.run_id for run in runs})) == (20, 20)
    assert set(fleet.memberships().values()) == {1}


def test_days_go_by(fleet: Fleet, local: Local) -> None:
    """Each day has its own yesterday; a day that nobody called is caught up, and what failed is tried again."""
    fleet.add(["acme"], since=NOON - dt.timedelta(days=30))
    assert dates(fleet, TriggerType.SCHEDULE, fleet.daily()) == [1, 2, 3, 4, 5, 6, 7]
    fleet.end(fleet.fire())
    local.clock.advance(days=1)
    told = fleet.daily()
    assert (told["catch_up"], told["restatements"]) == (0, 3)
    assert dates(fleet, TriggerType.SCHEDULE, told) == [1]
    assert dates(fleet, TriggerType.RESTATEMENT, told) == [2, 3, 7]
    runs = fleet.fire()
    fleet.end([run for run in runs if run.trigger_type is TriggerType.RESTATEMENT])
    fleet.end([run for run in runs if run.trigger_type is TriggerType.SCHEDULE], Status.FAILED)
    local.clock.advance(days=3)
    told = fleet.daily()
    assert (told["catch_up"], dates(fleet, TriggerType.SCHEDULE, told)) == (3, [1, 2, 3, 4])
    assert {run.generation for run in fleet.started() if run.date == NOON.date()} == {2}


def dates(fleet: Fleet, kind: TriggerType, told: dict[str, int]) -> list[int]:
    """How many days ago the dates are that the queue holds."""
    runs = [run for run in fleet.started() if run.trigger_type is kind]
    assert told["planned"] == len(fleet.started())
    return sorted((fleet.local.clock().date() - run.date).days for run in runs)


def test_what_found_the_load_jobs_used_up(fleet: Fleet, local: Local) -> None:
    """The next call of the day, and that of the next day, repeat it in the next generation; then it is done."""
    fleet.add(["acme"])
    fleet.daily()
    for generation, later in ((2, {"hours": 3}), (3, {"days": 1})):
        runs, now = fleet.fire(), local.clock()
        error = Postponed(OVER_LOAD_QUOTA, "Too many.")
        fleet.end(runs[1:])
        fleet.ledger.append_run(runs[0], RunEvent(Status.FAILED, started_at=now, error=error), now)
        local.clock.advance(**later)
        fleet.daily()
        assert (runs[0].date, generation) in {(run.date, run.generation) for run in fleet.started()}
    fleet.end(fleet.fire())
    local.clock.advance(hours=3)
    assert fleet.daily()["planned"] == 0


def test_midnight(fleet: Fleet, local: Local) -> None:
    """The day is the UTC day: a second before midnight yesterday is one date, at midnight it is the next."""
    fleet.add(["acme"])
    local.clock.now = dt.datetime(2026, 11, 12, 23, 59, 59, 999999, tzinfo=dt.UTC)
    fleet.daily()
    assert {run.date for run in fleet.fire() if run.trigger_type is TriggerType.SCHEDULE} == {dt.date(2026, 11, 11)}
    local.clock.now = dt.datetime(2026, 11, 13, tzinfo=dt.UTC)
    told = fleet.daily()
    started = {(run.date, run.requested_date) for run in fleet.started()}
    assert started == {(dt.date(2026, 11, 12), dt.date(2026, 11, 13)), (dt.date(2026, 11, 6), dt.date(2026, 11, 13))}
    assert (told["planned"], told["already"]) == (2, 0)


def test_dates_with_newer_rows(fleet: Fleet, local: Local) -> None:
    """Dates that a run found stale are restated in their next generation, however old, and then no more."""
    fleet.add(["acme"], since=NOON - dt.timedelta(days=60))
    done = [loaded(day, 1) for day in range(1, 8)] + [loaded(45, 1), loaded(45, 2)]
    fleet.end(done[1:])
    local.clock.advance(hours=1)
    note(fleet, done[0], 45, 4)
    local.clock.advance(days=1)
    assert {(45, 3), (4, 2)} <= restated(fleet)
    fleet.end(fleet.fire())
    assert fleet.daily()["planned"] == 0
    local.clock.advance(days=1)
    assert not {45, 4} & {days for days, _ in restated(fleet)}


def test_a_stale_date_whose_restatement_fails(fleet: Fleet, local: Local) -> None:
    """It stays stale until a run that started after the note has loaded it, whatever later looks have found."""
    fleet.add(["acme"], since=NOON - dt.timedelta(days=60))
    done = [loaded(day, 1) for day in range(1, 8)] + [loaded(45, 1)]
    fleet.end(done[1:])
    local.clock.advance(hours=1)
    note(fleet, done[0], 45)
    for generation in (2, 3):
        local.clock.advance(days=1)
        assert (45, generation) in restated(fleet)
        runs = fleet.fire()
        fleet.end([run for run in runs if run.date == days_before_noon(45)], Status.FAILED)
        fleet.end([run for run in runs if run.date != days_before_noon(45)])
    local.clock.advance(days=1)
    assert (45, 4) in restated(fleet)
    fleet.end(fleet.fire())
    local.clock.advance(days=1)
    assert 45 not in {days for days, _ in restated(fleet)}


def test_a_stale_date_that_someone_else_has_run(fleet: Fleet, local: Local) -> None:
    """The next generation is counted from the newest, whoever asked for it and however old the date is."""
    fleet.add(["acme"], since=NOON - dt.timedelta(days=60))
    done = [loaded(day, 1) for day in range(1, 8)] + [loaded(45, 1)]
    fleet.end(done[1:])
    local.clock.advance(hours=1)
    note(fleet, done[0], 45)
    local.clock.advance(days=1)
    assert (45, 2) in restated(fleet)
    runs = fleet.fire()
    (look,) = (run for run in runs if run.trigger_type is TriggerType.SCHEDULE)
    fleet.end([run for run in runs if run != look])
    by_hand = {"requested_at": local.clock(), "trigger_type": TriggerType.API}
    fleet.end([loaded(45, 3).model_copy(update=by_hand)])
    local.clock.advance(hours=1)
    note(fleet, look, 45)
    local.clock.advance(hours=20)
    assert {generation for days, generation in restated(fleet) if days == 45} == {4}


def test_found_in_the_morning_loaded_at_noon(fleet: Fleet, local: Local) -> None:
    """A second call of the day restates what the first one's runs found, and nothing else."""
    fleet.add(["acme"], since=NOON - dt.timedelta(days=60))
    before = {"requested_at": NOON - dt.timedelta(days=1)}
    fleet.end([loaded(day, 1).model_copy(update=before) for day in (2, 3, 4, 5, 6, 7, 30)])
    local.clock.advance(hours=1)
    fleet.daily()
    for run in fleet.fire():
        if run.trigger_type is TriggerType.SCHEDULE:
            note(fleet, run, 30)
        else:
            fleet.end([run])
    local.clock.advance(hours=3)
    told = fleet.daily()
    assert (told["planned"], told["restatements"]) == (1, 1)
    assert [run.date for run in fleet.started()] == [days_before_noon(30)]


def note(fleet: Fleet, run: Run, *stale: int) -> None:
    """The run has ended, and has found that so many days before noon there are newer rows."""
    at = fleet.local.clock()
    found = {days_before_noon(days): at - dt.timedelta(minutes=5) for days in stale}
    look = LateDataScan(source="an.export.table", at=at, watermark=at, stale=found)
    event = RunEvent(Status.SUCCESS, started_at=at, result=f'{{"look":{look.model_dump_json()}}}')
    fleet.ledger.append_run(run, event, at)


def restated(fleet: Fleet) -> set[tuple[int, int]]:
    """What a call restates: how many days before noon the date is, and the generation."""
    fleet.daily()
    return {
        ((NOON.date() - run.date).days, run.generation)
        for run in fleet.started()
        if run.trigger_type is TriggerType.RESTATEMENT
    }


def days_before_noon(days: int) -> dt.date:
    return NOON.date() - dt.timedelta(days=days)


def loaded(days_ago: int, generation: int) -> Run:
    """A run of that date."""
    return Run(
        org_slug="acme", pipeline="gcp_billing", provider="gcp", domain="cost", name="billing", triggered_by="me",
        date=NOON.date() - dt.timedelta(days=days_ago), generation=generation, trigger_type=TriggerType.SCHEDULE,
        requested_at=NOON,
    )  # fmt: skip


def test_who_may_call(fleet: Fleet) -> None:
    """Nobody without a token, nobody with fields that no one reads."""
    assert fleet.ops().post("/ops/daily").status_code == 401
    assert fleet.post(fleet.ops(), json={"date": "2026-01-01"}).status_code == 400
    assert fleet.post(fleet.ops(), query_string={"x": "1"}).status_code == 400


def test_a_cancelled_run_leaves_its_batch_alone(fleet: Fleet) -> None:
    """Its event is all that happens: the batch's task starts other runs too."""
    from functions.composition import compose
    from functions.runs.cancel_retry import _stop

    fleet.add(["acme"])
    fleet.daily()
    run = fleet.started()[0]
    stored = fleet.runs.find("acme", run.run_id, NOON.date())
    assert stored
    _stop(compose(fleet.settings, fleet.local.clock).runs, stored)
    fleet.ledger.append_run(run, RunEvent(Status.CANCELLED), NOON)
    assert len(fleet.started()) == 4
    assert fleet.daily()["planned"] == 0
