"""The pace of the daily call: what is at work at once is below the region's quotas, if runs take what is expected."""

import datetime as dt
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudact.runs.batch import Batch, batches
from cloudact.runs.run import Run, TriggerType
from cloudact.settings import Settings
from functions.schedule.pace import Pace

NOW = dt.datetime(2026, 11, 12, 6, tzinfo=dt.UTC)


def pace(**changed: Any) -> Pace:
    needed = {
        "project": "p",
        "location": "l",
        "installation": "test",
        "kms_key": "k",
        "dispatcher_service_account": "d",
    }
    return Pace.of(Settings.model_validate(needed | changed))


@pytest.mark.parametrize(
    ("settings", "tasks", "batch_tasks", "task_runs"),
    [
        ({}, 13, 13, 12),
        ({"job_cpu": 2}, 6, 6, 12),
        ({"job_memory_gib": 4}, 6, 6, 12),
        ({"region_vcpus": 1}, 1, 1, 12),
        ({"region_vcpus": 1000, "region_memory_gib": 1000}, 666, 16, 12),
        ({"region_vcpus": 1000, "region_memory_gib": 1000, "task_runs": 1}, 666, 200, 1),
        ({"task_timeout_s": 600}, 13, 13, 2),
        ({"task_timeout_s": 60}, 13, 13, 1),
        ({"batch_size": 3}, 13, 1, 3),
    ],
)
def test_what_the_settings_allow(settings: dict[str, Any], tasks: int, batch_tasks: int, task_runs: int) -> None:
    """Two thirds of the vCPUs or of the memory, at least one task; a batch has 200 runs; a run has five minutes."""
    found = pace(**settings)
    assert (found.tasks, found.batch_tasks, found.task_runs) == (tasks, batch_tasks, task_runs)
    assert found.batch_tasks * found.task_runs <= 200


def run(org: int, day: int) -> Run:
    return Run(
        org_slug=f"org_{org}", pipeline="gcp_billing", provider="gcp", domain="cost", name="billing", generation=1,
        date=NOON_DAY - dt.timedelta(days=day), trigger_type=TriggerType.SCHEDULE, triggered_by="me", requested_at=NOW,
    )  # fmt: skip


NOON_DAY = NOW.date()
PACES = st.builds(
    Pace,
    tasks=st.integers(1, 30),
    batch_tasks=st.integers(1, 30),
    task_runs=st.integers(1, 5),
    run_takes=st.integers(1, 60).map(lambda s: dt.timedelta(seconds=s)),
    run_longest=st.just(dt.timedelta(hours=1)),
    between=st.integers(1, 60).map(lambda s: dt.timedelta(seconds=s)),
).filter(lambda each: each.batch_tasks <= each.tasks)
FLEETS = st.lists(st.integers(1, 9), max_size=60).map(
    lambda sizes: [run(org, day) for org, days in enumerate(sizes) for day in range(days)]
)


Started = list[tuple[Batch, dt.timedelta, dt.timedelta]]
ZERO = dt.timedelta(0)


def most(started: Started, takes: Callable[[], dt.timedelta], at_work: Iterable[int] = ()) -> int:
    """How many tasks are at work at once where each run truly takes what is drawn, those at work now among them."""
    tasks = [(ZERO, runs) for runs in at_work] + [(start, runs) for batch, start, _ in started for runs in batch.tasks]
    worked = [(start, start + sum((takes() for _ in range(runs)), ZERO)) for start, runs in tasks]
    return max(
        (sum(start <= at < end for start, end in worked) for at, _ in worked), default=0
    )  # it grows at starts only


@given(FLEETS, PACES, st.data())
def test_what_is_at_work_at_once(runs: list[Run], pace: Pace, data: Any) -> None:
    """Where no run takes longer than expected, no more tasks are at work than the quota's share, and those from before.

    Executions keep their distance, and the order stays.
    """
    at_work = data.draw(st.lists(st.integers(1, pace.task_runs), max_size=30))
    wanted = list(batches(runs, pace.batch_tasks, pace.task_runs))
    started = list(pace.starts(wanted, at_work))
    assert [batch for batch, _, _ in started] == wanted
    random = data.draw(st.randoms(use_true_random=False))
    assert most(started, lambda: pace.run_takes * random.choice((1, 0.1, 0.5)), at_work) <= max(
        pace.tasks, len(at_work)
    )
    assert all(later - earlier >= pace.between for (_, earlier, _), (_, later, _) in pairwise(started))
    assert all(end == start + max(batch.tasks) * pace.run_takes for batch, start, end in started)


@given(FLEETS, PACES, st.integers(1, 5))
def test_runs_that_take_longer_than_expected(runs: list[Run], pace: Pace, times: int) -> None:
    """As many times the tasks are at work at most, where tasks are alike; once the ledger has told, the share again."""
    wanted, truly = list(batches(runs, pace.batch_tasks)), pace.run_takes * times
    assert most(list(pace.starts(wanted)), lambda: truly) <= pace.tasks * times
    assert most(list(pace.seen(truly).starts(wanted)), lambda: truly) <= pace.tasks


def test_runs_of_sixty_seconds_that_are_thought_to_take_twenty() -> None:
    """Nobody watches them, so three times the share is at work, above the quota of twenty: what the estimate is for."""
    found, wanted = pace(task_runs=1), list(batches([run(n, 1) for n in range(130)], 13))
    assert most(list(found.starts(wanted)), lambda: dt.timedelta(seconds=60)) == 39
    seen = found.seen(dt.timedelta(seconds=60))
    assert most(list(seen.starts(wanted)), lambda: dt.timedelta(seconds=60)) == 13


@pytest.mark.parametrize(
    ("mean", "seconds"), [(None, 20), (0, 20), (19, 20), (61.5, 61.5), (3600, 3600), (86_400, 3600)]
)
def test_what_a_run_is_thought_to_take(mean: float | None, seconds: float) -> None:
    """What the ledger tells, between the setting and the time-out; without a word of it, the setting."""
    told = None if mean is None else dt.timedelta(seconds=mean)
    assert pace().seen(told).run_takes.total_seconds() == seconds
    assert pace(run_seconds=90, task_timeout_s=60).seen(told).run_takes.total_seconds() == 90


def test_no_more_waiting_than_the_quota_asks_for() -> None:
    """Batches that fill the share follow each other without a pause; smaller ones share it."""
    found = pace(region_vcpus=6, task_runs=1, job_runs_per_minute=600)  # four at once, of twenty seconds
    full = [start.total_seconds() for _, start, _ in found.starts(batches([run(n, 1) for n in range(12)], 4))]
    assert full == [0, 20, 40]
    small = [start.total_seconds() for _, start, _ in found.starts(batches([run(n, 1) for n in range(12)], 2))]
    assert small == [0, 0.1, 20, 20.1, 40, 40.1]


def test_a_batch_that_was_made_for_a_larger_quota() -> None:
    """It has the region alone; the others wait until there is room."""
    found = pace(region_vcpus=3)  # two at once
    large, small = Batch.of([run(n, 1) for n in range(5)]), Batch.of([run(9, 1)])
    assert [start.total_seconds() for _, start, _ in found.starts([small, large, small])] == [0, 20, 40]
