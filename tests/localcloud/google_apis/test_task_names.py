"""Names of tasks: what admission is built on."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from google.api_core.exceptions import BadRequest, Conflict, NotFound
from google.cloud import tasks_v2

from localcloud.google_apis.local_cloud import LocalCloud, Settings
from tests.localcloud.google_apis.conftest import LOCATION, FakeClock, Target, client, new_task


def test_a_name_in_use_is_refused(tasks: Any, queue: str) -> None:
    """Creating a task under a name that exists is ALREADY_EXISTS, which the REST client raises as Conflict."""
    tasks.create_task(parent=queue, task=new_task(queue, "slot-1"))
    with pytest.raises(Conflict) as refused:
        tasks.create_task(parent=queue, task=new_task(queue, "slot-1"))
    assert refused.value.code == 409
    assert refused.value.response.json()["error"]["status"] == "ALREADY_EXISTS"


def test_an_executed_name_is_refused_for_24_hours(
    tasks: Any, queue: str, target: Target, clock: FakeClock, dispatch: Callable[[], int]
) -> None:
    """The name of an executed task is refused for up to 24 hours, then it is free again."""
    task = new_task(queue, "slot-1", url=target.url)
    tasks.create_task(parent=queue, task=task)
    assert dispatch() == 1
    clock.advance(hours=23, minutes=59)
    with pytest.raises(Conflict):
        tasks.create_task(parent=queue, task=task)
    clock.advance(minutes=1)
    assert tasks.create_task(parent=queue, task=task).name == f"{queue}/tasks/slot-1"


def test_a_deleted_name_is_refused(tasks: Any, queue: str) -> None:
    """Deleting a task leaves a tombstone on its name."""
    created = tasks.create_task(parent=queue, task=new_task(queue, "slot-1"))
    tasks.delete_task(name=created.name)
    with pytest.raises(Conflict):
        tasks.create_task(parent=queue, task=new_task(queue, "slot-1"))


def test_a_purged_name_is_refused(tasks: Any, queue: str) -> None:
    """Purging a queue removes its tasks and leaves their tombstones."""
    tasks.create_task(parent=queue, task=new_task(queue, "slot-1"))
    tasks.purge_queue(name=queue)
    assert list(tasks.list_tasks(parent=queue)) == []
    with pytest.raises(Conflict):
        tasks.create_task(parent=queue, task=new_task(queue, "slot-1"))


def test_one_of_fifty_gets_the_name(cloud: LocalCloud, tasks: Any, queue: str) -> None:
    """Of fifty simultaneous creations of one name exactly one succeeds."""

    def create(_: int) -> str:
        try:
            tasks.create_task(parent=queue, task=new_task(queue, "slot-1"))
        except Conflict:
            return "refused"
        return "created"

    with ThreadPoolExecutor(50) as pool:
        assert Counter(pool.map(create, range(50))) == {"created": 1, "refused": 49}
    assert cloud.traffic.summary()["tasks.CreateTask"] == {"calls": 50, "200": 1, "409": 49}


def test_unnamed_tasks_get_distinct_names(tasks: Any, queue: str) -> None:
    """A task without a name gets one that is unique."""
    names = {tasks.create_task(parent=queue, task=new_task(queue)).name for _ in range(3)}
    assert len(names) == 3


@pytest.mark.parametrize("task_id", ["a b", "a.b", "ü", "a" * 501])
def test_a_malformed_id_is_refused(tasks: Any, queue: str, task_id: str) -> None:
    """A task id outside [A-Za-z0-9_-]{1,500} is INVALID_ARGUMENT."""
    with pytest.raises(BadRequest):
        tasks.create_task(parent=queue, task=new_task(queue, task_id))


def test_the_name_must_belong_to_the_queue(tasks: Any, queue: str) -> None:
    """A task may not be named into another queue."""
    with pytest.raises(BadRequest):
        tasks.create_task(parent=queue, task=new_task(f"{LOCATION}/queues/other", "slot-1"))


def test_a_task_needs_its_queue(tasks: Any) -> None:
    """Creating a task in a queue that does not exist is NOT_FOUND."""
    with pytest.raises(NotFound, match="Queue does not exist"):
        tasks.create_task(parent=f"{LOCATION}/queues/none", task=new_task(f"{LOCATION}/queues/none"))


def test_names_survive_a_restart(
    settings: Settings, start_cloud: Callable[[Settings], LocalCloud], target: Target
) -> None:
    """Queues, waiting tasks and tombstones are still there after a restart (ours, not Google's, to keep)."""
    first = start_cloud(settings)
    tasks, queue = client(tasks_v2.CloudTasksClient, first.url), f"{LOCATION}/queues/runs"
    tasks.create_queue(parent=LOCATION, queue={"name": queue})
    for task_id in ("waiting", "deleted"):
        tasks.create_task(parent=queue, task=new_task(queue, task_id, url=target.url))
    tasks.delete_task(name=f"{queue}/tasks/deleted")
    first.stop()
    tasks = client(tasks_v2.CloudTasksClient, start_cloud(settings).url)
    assert [task.name for task in tasks.list_tasks(parent=queue)] == [f"{queue}/tasks/waiting"]
    with pytest.raises(Conflict):
        tasks.create_task(parent=queue, task=new_task(queue, "deleted"))
