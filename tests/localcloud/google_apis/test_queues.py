"""Queues of Cloud Tasks."""

from collections.abc import Callable
from typing import Any

import pytest
from google.api_core.exceptions import BadRequest, Conflict, NotFound
from google.cloud import tasks_v2

from tests.localcloud.google_apis.conftest import LOCATION, FakeClock, Target, new_task


def test_a_queue_has_googles_defaults(tasks: Any, queue: str) -> None:
    """A queue made without settings has 500/s, 1000 at once, 100 attempts, 0.1 s to 1 h, 16 doublings."""
    made = tasks.get_queue(name=queue)
    limits, retry = made.rate_limits, made.retry_config
    assert (limits.max_dispatches_per_second, limits.max_concurrent_dispatches) == (500, 1000)
    assert (retry.max_attempts, retry.max_doublings) == (100, 16)
    assert (retry.min_backoff.total_seconds(), retry.max_backoff.total_seconds()) == (0.1, 3600)
    assert made.state == tasks_v2.Queue.State.RUNNING


def test_a_queue_exists_once(tasks: Any, queue: str) -> None:
    """Creating an existing queue is ALREADY_EXISTS."""
    with pytest.raises(Conflict):
        tasks.create_queue(parent=LOCATION, queue={"name": queue})
    assert [found.name for found in tasks.list_queues(parent=LOCATION)] == [queue]


def test_an_update_changes_what_its_mask_names(tasks: Any, queue: str) -> None:
    """update_queue changes only the fields of the mask."""
    wanted = {"name": queue, "rate_limits": {"max_dispatches_per_second": 0.4}, "retry_config": {"max_attempts": 7}}
    mask = {"paths": ["rate_limits.max_dispatches_per_second"]}
    updated = tasks.update_queue(queue=wanted, update_mask=mask)
    assert updated.rate_limits.max_dispatches_per_second == 0.4
    assert updated.rate_limits.max_concurrent_dispatches == 1000
    assert updated.retry_config.max_attempts == 100


def test_an_update_creates_a_missing_queue(tasks: Any) -> None:
    """update_queue creates the queue if it does not exist, so a deploy script may always update."""
    tasks.update_queue(queue={"name": f"{LOCATION}/queues/new"})
    assert tasks.get_queue(name=f"{LOCATION}/queues/new").retry_config.max_attempts == 100


def test_limits_beyond_googles_are_refused(tasks: Any, queue: str) -> None:
    """A queue dispatches at most 500 tasks a second."""
    with pytest.raises(BadRequest):
        tasks.update_queue(queue={"name": queue, "rate_limits": {"max_dispatches_per_second": 501}})


def test_a_deleted_queue_blocks_its_name(tasks: Any, queue: str, clock: FakeClock) -> None:
    """The name of a deleted queue cannot be used again for three days."""
    tasks.delete_queue(name=queue)
    with pytest.raises(NotFound):
        tasks.get_queue(name=queue)
    with pytest.raises(BadRequest, match="existed too recently"):
        tasks.create_queue(parent=LOCATION, queue={"name": queue})
    clock.advance(days=3)
    tasks.create_queue(parent=LOCATION, queue={"name": queue})


def test_a_paused_queue_keeps_its_tasks(tasks: Any, queue: str, target: Target, dispatch: Callable[[], int]) -> None:
    """A paused queue accepts tasks and dispatches none; resumed, it dispatches them."""
    assert tasks.pause_queue(name=queue).state == tasks_v2.Queue.State.PAUSED
    tasks.create_task(parent=queue, task=new_task(queue, url=target.url))
    assert dispatch() == 0
    tasks.resume_queue(name=queue)
    assert dispatch() == 1
    assert len(target.requests) == 1
