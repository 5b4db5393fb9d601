"""A task with several runs: one after another, each with its own claim, events and end, whatever the others do."""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import stamina

from cloudact.runs.ledger import RunEvent
from cloudact.runs.run import Run, Status
from jobs.claim import claim
from jobs.composition import compose
from jobs.container import Execution
from jobs.task import work_through
from jobs.termination import Termination, raise_on_sigterm
from localcloud.onboarding import OnboardedOrg
from localcloud.providers.faults import Fault
from tests.conftest import FIXTURE_DAY, Local, NewOrgs, billing_run, load_fixture_export
from tests.jobs.conftest import AFTERWARDS, detail, whole_detail
from tests.jobs.test_usage_cost_run import llm_run

FIRST, SECOND, THIRD = 0, 1, 2
TRIED_ONCE = Execution("runner-abc", 4, 0, last_attempt=False, runs=9)
TRIED_AGAIN = replace(TRIED_ONCE, attempt=1)
LAST = replace(TRIED_ONCE, attempt=3, last_attempt=True)


class Ticking:
    """A clock that goes on by a second with every look, and does something at one of them."""

    def __init__(self, at: int = -1, act: Callable[[], None] = lambda: None) -> None:
        self.looks, self._at, self._act = 0, at, act

    def __call__(self) -> datetime:
        self.looks += 1
        if self.looks == self._at:
            self._act()
        return AFTERWARDS + timedelta(seconds=self.looks)


@pytest.fixture
def org(local: Local, new_org: NewOrgs) -> OnboardedOrg:
    org = new_org()
    load_fixture_export(local, org)
    return org


@pytest.fixture
def runs(org: OnboardedOrg) -> list[Run]:
    """Three runs of one org."""
    return three_runs(org)


def three_runs(org: OnboardedOrg) -> list[Run]:
    return [billing_run(org, FIXTURE_DAY - timedelta(days=days)) for days in range(3)]


@pytest.fixture
def termination() -> Iterator[Termination]:
    before = signal.getsignal(signal.SIGTERM)
    yield raise_on_sigterm()
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="module")
def done(shared_local: Local, orgs: NewOrgs) -> list[Run]:
    """Three runs of one org that a task has worked through; tests only read them."""
    org = orgs()
    load_fixture_export(shared_local, org)
    runs = three_runs(org)
    assert worked(shared_local, runs, TRIED_ONCE) == 0
    return runs


def worked(
    local: Local, runs: list[Run], execution: Execution, clock: Any = None, termination: Termination | None = None
) -> int:
    job = compose(local.settings, clock or Ticking())
    return work_through(job, runs, execution, termination or Termination())


def statuses(local: Local, runs: list[Run]) -> list[str | None]:
    return [local.ledger.status(run) for run in runs]


def begun(local: Local, runs: list[Run]) -> list[Run]:
    """Those of the runs that have begun, in the order in which they last did."""
    sql = f"""SELECT run_id FROM organizations.pipeline_run_events
        WHERE org_slug = '{runs[0].org_slug}' AND status = 'RUNNING' GROUP BY run_id ORDER BY MAX(occurred_at)"""
    return [next(run for run in runs if run.run_id == row["run_id"]) for row in local.query(sql)]


def test_one_after_another(local: Local, done: list[Run]) -> None:
    """All end well under the claim of the one task; each tells of an execution that is not its own alone."""
    told = [detail(local, run) for run in done]
    assert [each["status"] for each in told] == ["SUCCESS"] * 3
    assert {(each["execution"], each["execution_tasks"]) for each in told} == {("runner-abc", 9)}
    assert all(one["completed_at"] <= other["started_at"] for one, other in pairwise(told))
    claims: list[Any] = [local.warehouse.job(run.claim_id) for run in done]
    assert {each.parameters["execution"] for each in claims} == {"runner-abc/4"}


def test_each_run_costs_its_own(local: Local, done: list[Run]) -> None:
    """What the first has used is not counted again for the second and the third."""
    bytes_billed = [detail(local, run)["service_bytes_billed"] for run in done]
    assert max(bytes_billed) < 2 * min(bytes_billed)


def test_a_run_that_fails_for_good(local: Local, runs: list[Run], new_org: NewOrgs) -> None:
    """The run of an org without an export is FAILED; those around it are done, and nobody tries again."""
    empty = billing_run(new_org())
    assert worked(local, [runs[0], empty, runs[1]], TRIED_ONCE) == 0
    assert statuses(local, [runs[0], empty, runs[1]]) == [Status.SUCCESS, Status.FAILED, Status.SUCCESS]


def test_a_run_that_may_succeed_later(local: Local, org: OnboardedOrg, runs: list[Run]) -> None:
    """It asks for another try, which works on it alone; the others are over already and keep what they told."""
    runs = [llm_run(org, "openai"), *runs[1:]]
    local.providers.faults.add(Fault(path_regex="/organization/costs", times=None, status=500))
    with stamina.set_testing(True, attempts=2):
        assert worked(local, runs, TRIED_ONCE) == 1
    local.providers.faults.clear()
    assert statuses(local, runs) == [Status.RUNNING, Status.SUCCESS, Status.SUCCESS]
    before = [whole_detail(local, run) for run in runs[1:]]
    assert worked(local, runs, TRIED_AGAIN) == 0
    assert statuses(local, runs) == [Status.SUCCESS] * 3
    assert [whole_detail(local, run) for run in runs[1:]] == before


def test_a_cancelled_and_a_lost_run_in_the_middle(local: Local, runs: list[Run]) -> None:
    """A cancelled run is passed over, and so is one that another execution has claimed; the last one is done."""
    local.ledger.append_run(runs[FIRST], RunEvent(Status.CANCELLED), AFTERWARDS)
    claim(local.warehouse, runs[SECOND], replace(TRIED_ONCE, name="runner-xyz"), AFTERWARDS)
    assert worked(local, runs, TRIED_ONCE) == 0
    assert statuses(local, runs) == [Status.CANCELLED, None, Status.SUCCESS]


@pytest.mark.parametrize(("execution", "interrupted"), [(TRIED_ONCE, Status.RUNNING), (LAST, Status.FAILED)])
def test_sigterm_in_the_middle(
    local: Local,
    runs: list[Run],
    looks_of_one_run: int,
    termination: Termination,
    execution: Execution,
    interrupted: Status,
) -> None:
    """The run at work tells what has become of it, the next is not begun, and another try goes on with it."""
    clock = Ticking(looks_of_one_run + 8, lambda: os.kill(os.getpid(), signal.SIGTERM))
    runs = [runs[FIRST], runs[SECOND], billing_run_like(runs[FIRST])]
    assert worked(local, runs, execution, clock, termination) == 143
    assert statuses(local, runs) == [Status.SUCCESS, interrupted, None]
    if interrupted is Status.RUNNING:
        assert worked(local, runs, TRIED_AGAIN) == 0
        assert statuses(local, runs) == [Status.SUCCESS] * 3


@pytest.fixture(scope="module")
def looks_of_one_run(shared_local: Local, done: list[Run]) -> int:
    """How often a whole run looks at the clock."""
    clock = Ticking()
    assert worked(shared_local, [billing_run_like(done[FIRST])], TRIED_ONCE, clock) == 0
    return clock.looks


def billing_run_like(run: Run) -> Run:
    """Another date of the same org."""
    return run.model_copy(update={"date": run.date - timedelta(days=5)})


def test_what_may_have_killed_the_task_comes_last(local: Local, runs: list[Run]) -> None:
    """A run that an earlier try had begun when its container died does not keep the others waiting for ever."""
    claim(local.warehouse, runs[FIRST], TRIED_ONCE, AFTERWARDS)
    running = RunEvent(Status.RUNNING, started_at=AFTERWARDS, execution=TRIED_ONCE.name)
    local.ledger.append_run(runs[FIRST], running, AFTERWARDS)
    assert worked(local, runs, TRIED_AGAIN) == 0
    assert begun(local, runs) == [runs[SECOND], runs[THIRD], runs[FIRST]]


def test_what_nobody_foresaw_keeps_no_other_from_running(local: Local, runs: list[Run]) -> None:
    """A mistake of ours in one run is logged and asks for another try; the others are done."""

    def mistake() -> None:
        raise ZeroDivisionError

    assert worked(local, runs, TRIED_ONCE, Ticking(1, mistake)) == 1
    assert statuses(local, runs) == [None, Status.SUCCESS, Status.SUCCESS]
