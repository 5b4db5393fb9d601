"""The pace of the daily call: what is at work at once, by what is expected, stays below the region's quotas."""

import datetime as dt
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudact.batches import Batch, batches
from cloudact.runs import Run, TriggerType
from cloudact.settings import Settings
from functions.pace import Pace

NOW = dt.datetime(2026, 11, 12, 6, tzinfo=dt.UTC)


def pace(**changed: Any) -> Pace:
    needed = {"project": "p", "location": "l", "kms_key": "k", "dispatcher_service_account": "d"}
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
    between=st.integers(1, 60).map(lambda s: dt.timedelta(seconds=s)),
).filter(lambda each: each.batch_tasks <= each.tasks)
FLEETS = st.lists(st.integers(1, 9), max_size=60).map(
    lambda sizes: [run(org, day) for org, days in enumerate(sizes) for day in range(days)]
)


def working(started: list[tuple[Batch, dt.timedelta, dt.timedelta]], pace: Pace, at: dt.timedelta) -> int:
    """How many tasks are at work at this time."""
    return sum(start <= at < start + runs * pace.run_takes for batch, start, _ in started for runs in batch.tasks)


@given(FLEETS, PACES)
def test_what_is_at_work_at_once(runs: list[Run], pace: Pace) -> None:
    """At no time are more tasks at work than the quota's share; executions keep their distance; the order stays."""
    wanted = list(batches(runs, pace.batch_tasks, pace.task_runs))
    started = list(pace.starts(wanted))
    assert [batch for batch, _, _ in started] == wanted
    assert all(working(started, pace, start) <= pace.tasks for _, start, _ in started)  # it grows at starts only
    assert all(later - earlier >= pace.between for (_, earlier, _), (_, later, _) in pairwise(started))
    assert all(end == start + max(batch.tasks) * pace.run_takes for batch, start, end in started)


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
