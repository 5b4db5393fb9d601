"""The daily call dies at any of its calls and is made again: every due run is in one batch, whose task exists once.

Seven orgs in batches of three make 10 batches here: 1 query and 2 calls a batch, each a point to die at before and
after; all of them, and this whole file, belong to the bench.
"""

import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from cloudact.settings import Settings
from functions.auth.service_accounts import Caller
from functions.composition import compose
from functions.ops_routes import private_app
from functions.runs.queue import DELAY
from tests.conftest import Local, SteppedClock
from tests.fault_proxy import Doorman
from tests.functions.fleet import Fleet, new_fleet
from tests.functions.operators import AUDIENCE
from tests.processes import started_processes

pytestmark = pytest.mark.bench
WITHIN_S = 60.0
ORGS = [f"org_{number}" for number in range(7)]
DUE, BATCHES = 28, 10
CALLS = 1 + 2 * BATCHES
POINTS = [(number, moment) for number in range(1, CALLS + 1) for moment in ("before", "after")]


def call(settings: Settings, token: str) -> None:
    """One call in an instance of its own."""
    app = private_app(compose(settings, SteppedClock()), Caller(settings))
    answer = app.test_client().post("/ops/daily", headers={"Authorization": f"Bearer {token}"})
    os._exit(0 if answer.status_code == 200 else 1)


class Doors:
    """Every call of an instance passes here, to BigQuery and to Cloud Tasks, counted together."""

    def __init__(self, local: Local) -> None:
        self.bigquery = Doorman(local.settings.bigquery_endpoint)
        self.google = Doorman(local.google.url)
        self.google.seen, self.google.acts = self.bigquery.seen, self.bigquery.acts
        self.seen, self.at = self.bigquery.seen, self.bigquery.at

    def settings(self, fleet: Fleet) -> Settings:
        changes = {"bigquery_endpoint": self.bigquery.url, "tasks_endpoint": self.google.url, "ops_audience": AUDIENCE}
        return fleet.settings.model_copy(update=changes)

    def close(self) -> None:
        self.bigquery.close()
        self.google.close()


@pytest.fixture
def doors(local: Local) -> Iterator[Doors]:
    doors = Doors(local)
    yield doors
    doors.close()


@pytest.fixture
def start() -> Iterator[Any]:
    with started_processes() as start:
        yield start


def killed_at(fleet: Fleet, doors: Doors, start: Any, number: int, moment: str) -> None:
    """Calls, and kills the instance with SIGKILL at its n-th call."""
    doors.seen.clear()
    victim: list[Any] = []
    doors.at(number, moment, lambda: os.kill(victim[0].pid or 0, signal.SIGKILL))
    victim.append(start(call, doors.settings(fleet), fleet.token))
    victim[0].join(WITHIN_S)
    assert victim[0].exitcode == -signal.SIGKILL


def all_once(fleet: Fleet) -> None:
    """Each due run has one task and one batch; another call finds nothing to do."""
    started = Counter(run.run_id for run in fleet.started())
    assert (len(started), set(started.values())) == (DUE, {1})
    assert set(fleet.memberships().values()) == {1}
    assert fleet.memberships().keys() == started.keys()
    again = fleet.daily()
    assert (again["planned"], again["started"], again["already"]) == (0, 0, DUE)


def test_the_calls_of_a_fan_out(local: Local, doors: Doors, start: Any) -> None:
    """These are all points there are: the calls of a fan-out that nobody disturbs."""
    fleet = new_fleet(local, batch_size=3, task_runs=1)
    fleet.add(ORGS)
    process = start(call, doors.settings(fleet), fleet.token)
    process.join(WITHIN_S)
    assert process.exitcode == 0
    assert len(doors.seen) == CALLS, doors.seen
    kinds = Counter(line.rpartition("/")[2] for line in doors.seen)
    assert kinds == {"queries": 1, "insertAll": BATCHES, "tasks": BATCHES}
    all_once(fleet)


def dies_and_is_called_again(local: Local, doors: Doors, start: Any, points: list[tuple[int, str]]) -> None:
    for number, moment in points:
        fleet = new_fleet(local, batch_size=3, task_runs=1)
        fleet.add(ORGS)
        killed_at(fleet, doors, start, number, moment)
        fleet.daily()
        all_once(fleet)


@pytest.mark.parametrize(("number", "moment"), POINTS[5::16])
def test_killed_and_called_again(local: Local, doors: Doors, start: Any, number: int, moment: str) -> None:
    """Whatever call an instance dies at, the next one starts what is missing and nothing twice."""
    dies_and_is_called_again(local, doors, start, [(number, moment)])


def test_killed_again_and_again(local: Local, doors: Doors, start: Any) -> None:
    """An instance that dies three times on its way gets a little further each time."""
    fleet = new_fleet(local, batch_size=3, task_runs=1)
    fleet.add(ORGS)
    for number in (6, 9, 12):
        killed_at(fleet, doors, start, number, "after")
    fleet.daily()
    all_once(fleet)


def test_the_sweep_heals_it_too(local: Local, doors: Doors, start: Any) -> None:
    """Nobody calls again that day: runs that were told PENDING and have no task are enqueued by the sweep."""
    fleet = new_fleet(local, region_vcpus=Decimal(90), region_memory_gib=Decimal(90), task_runs=1)  # one batch
    fleet.add(ORGS)
    killed_at(fleet, doors, start, 2, "after")
    assert fleet.tasks() == []
    local.clock.advance(hours=3, seconds=DELAY.seconds)
    answer = fleet.ops().post("/ops/sweep", headers={"Authorization": f"Bearer {fleet.token}"})
    assert len(answer.get_json()["enqueued"]) == DUE
    assert len(fleet.tasks()) == DUE


@pytest.mark.bench
def test_killed_at_every_call(local: Local, doors: Doors, start: Any) -> None:
    """The same for every call, before and after its effect."""
    dies_and_is_called_again(local, doors, start, POINTS)
    sys.stdout.write(f"{len(POINTS)} crash points: {DUE} runs each, none twice\n")
