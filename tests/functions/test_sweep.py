"""POST /ops/sweep over the runs of a day: whom it leaves alone, and that nobody is left for ever."""

import datetime as dt
from typing import Any

import pytest

from cloudact import clients
from cloudact.runs.ledger import RunEvent, StepEvent
from cloudact.runs.run import Run, Status, TriggerType
from tests.conftest import NOON, Local
from tests.functions.fleet import Fleet, new_fleet


@pytest.fixture
def fleet(local: Local) -> Fleet:
    """Eight runs in three batches, the last of which has just become due."""
    fleet = new_fleet(local, batch_size=3, task_runs=1)
    fleet.add(["acme", "bolt"])
    fleet.daily()
    local.clock.now = fleet.tasks()[-1].schedule_time
    return fleet


def swept(fleet: Fleet) -> dict[str, list[str]]:
    """What a sweep did, and to which runs."""
    answer = fleet.ops().post("/ops/sweep", headers={"Authorization": f"Bearer {fleet.token}"})
    assert answer.status_code == 200, answer.get_json()
    told: dict[str, list[str]] = answer.get_json()
    return told


def counts(told: dict[str, list[str]]) -> dict[str, int]:
    return {what: len(run_ids) for what, run_ids in told.items() if run_ids}


def test_a_batch_has_its_time(fleet: Fleet, local: Local) -> None:
    """For three hours nothing is done; then runs wait as long as their task does, and are enqueued alone after that."""
    local.clock.advance(hours=2, minutes=59)
    assert counts(swept(fleet)) == {}
    local.clock.advance(minutes=1)
    assert counts(swept(fleet)) == {"waiting": 8}
    fleet.fire()
    assert counts(swept(fleet)) == {"enqueued": 8}
    local.clock.advance(minutes=15)
    assert counts(swept(fleet)) == {"waiting": 8}
    for task in fleet.tasks():
        clients.tasks(fleet.settings).delete_task(name=task.name)
    assert counts(swept(fleet)) == {"settled": 8}


def test_a_batch_that_works_is_left_alone(fleet: Fleet, local: Local) -> None:
    """However long the day's work takes: while one of its runs says something, the others wait for their turn."""
    runs = fleet.fire()
    for n in range(3):
        local.clock.advance(hours=2, minutes=30)
        fleet.end(runs[n::3])
        assert counts(swept(fleet)) == {}
        assert fleet.schedule.unsettled(local.clock()).oldest_pending_at is None


def test_signs_of_life_speak_for_the_batch(fleet: Fleet, local: Local) -> None:
    """What a run tells of its step counts too; a batch that said nothing since is taken for lost, and no other."""
    runs = fleet.fire()
    local.clock.advance(hours=2)
    fleet.ledger.append_run(runs[0], RunEvent(Status.RUNNING, started_at=local.clock()), local.clock())
    local.clock.advance(minutes=59)
    sign = StepEvent(0, "load", "bigquery_load", Status.RUNNING, 0, "1", progress="9000 rows read.")
    fleet.ledger.append_step(runs[0], sign, local.clock())
    local.clock.advance(minutes=1)
    told = swept(fleet)
    assert set(told["enqueued"]) == {run.run_id for run in runs[3:]}
    local.clock.advance(hours=2, minutes=59)
    assert {run.run_id for run in runs[1:3]} <= set(swept(fleet)["enqueued"])


def test_a_run_that_waits_for_its_next_try(local: Local) -> None:
    """While its task works on another run of the org it is not lost, though it says nothing; later it is."""
    fleet = new_fleet(local)
    fleet.add(["acme", "bolt"])
    fleet.daily()
    runs = fleet.fire()
    of_acme, of_bolt = ([run for run in runs if run.org_slug == org] for org in ("acme", "bolt"))
    tell(fleet, of_acme[:1], Status.RUNNING, started_at=local.clock())
    local.clock.advance(minutes=9)
    tell(fleet, of_acme[1:2], Status.RUNNING, started_at=local.clock())
    local.clock.advance(minutes=9)
    assert counts(swept(fleet)) == {}
    tell(fleet, of_bolt, Status.RUNNING, started_at=local.clock())
    local.clock.advance(minutes=1)
    assert set(swept(fleet)["settled"]) == {run.run_id for run in of_acme[:2]}


def test_a_lost_batch_is_not_enqueued_at_once(local: Local) -> None:
    """Fifty runs a sweep, so that the calls of jobs.run suffice for users; those enqueued before hold up no other."""
    fleet = new_fleet(local, batch_size=200)
    fleet.add([f"lost_{number:02d}" for number in range(15)])  # no other test's: a claim is one of the whole project
    fleet.daily()
    local.clock.now = fleet.tasks()[-1].schedule_time
    fleet.fire()
    local.clock.advance(hours=3)
    assert counts(swept(fleet)) == {"enqueued": 50, "left": 10}
    local.clock.advance(minutes=5)
    assert counts(swept(fleet)) == {"enqueued": 10}
    assert len(fleet.tasks()) == 60


def test_who_works_comes_first(local: Local) -> None:
    """Before 600 runs that wait in a batch come those that work, and then those that wait alone."""
    fleet = new_fleet(local)
    working, waiting = a_run("working"), a_run("waiting")
    tell(fleet, crowd(), Status.PENDING, batch_id="b")
    local.clock.advance(hours=2)
    tell(fleet, [waiting], Status.PENDING)
    tell(fleet, [working], Status.RUNNING, started_at=local.clock())
    local.clock.advance(hours=1)
    silent = fleet.schedule.unsettled(local.clock()).silent
    assert [run.run_id for run in silent[:2]] == [working.run_id, waiting.run_id]
    assert [run.batch_id for run in silent[2:]] == ["b"] * 498


def test_nobody_is_left_for_ever(local: Local) -> None:
    """Of 600 runs that cannot be settled yet a sweep looks at 500, each at others, and within half an hour at all."""
    fleet = new_fleet(local)
    tell(fleet, crowd(), Status.PENDING)
    times = [NOON + dt.timedelta(hours=1, minutes=5 * number) for number in range(6)]
    found = [{run.run_id for run in fleet.schedule.unsettled(at).silent} for at in times]
    assert {len(run_ids) for run_ids in found} == {500}
    assert set.union(*found) == {run.run_id for run in crowd()}


def crowd() -> list[Run]:
    return [a_run(f"org_{number}") for number in range(600)]


def a_run(org_slug: str) -> Run:
    return Run(
        org_slug=org_slug, pipeline="gcp_billing", provider="gcp", domain="cost", name="billing", generation=1,
        date=NOON.date(), trigger_type=TriggerType.SCHEDULE, triggered_by="me", requested_at=NOON,
    )  # fmt: skip


def tell(fleet: Fleet, runs: list[Run], status: Status, **event: Any) -> None:
    fleet.ledger.append_runs([(run, RunEvent(status, **event)) for run in runs], fleet.local.clock())
