"""Creating, reading and deleting tasks."""

from typing import Any

import pytest
import requests
from google.api_core.exceptions import BadRequest, NotFound
from google.cloud import tasks_v2

from localcloud.google_apis.local_cloud import LocalCloud
from tests.localcloud.google_apis.conftest import FakeClock, new_task


def test_the_body_is_only_in_the_full_view(tasks: Any, queue: str) -> None:
    """get_task hides the body in the BASIC view, the default, and shows it in FULL."""
    created = tasks.create_task(parent=queue, task=new_task(queue, "t", body=b'{"run_id": "r"}'))
    assert created.http_request.body == b""
    assert tasks.get_task(name=created.name).http_request.body == b""
    full = tasks.get_task(request={"name": created.name, "response_view": tasks_v2.Task.View.FULL})
    assert full.http_request.body == b'{"run_id": "r"}'


def test_a_deleted_task_is_not_found(tasks: Any, queue: str) -> None:
    """Once deleted, a task can neither be read nor deleted again."""
    name = tasks.create_task(parent=queue, task=new_task(queue)).name
    tasks.delete_task(name=name)
    with pytest.raises(NotFound):
        tasks.get_task(name=name)
    with pytest.raises(NotFound):
        tasks.delete_task(name=name)


def test_listing_goes_page_by_page(tasks: Any, queue: str) -> None:
    """list_tasks returns every task once, over as many pages as it takes."""
    created = {tasks.create_task(parent=queue, task=new_task(queue)).name for _ in range(5)}
    pages = list(tasks.list_tasks(request={"parent": queue, "page_size": 2}).pages)
    assert [len(page.tasks) for page in pages] == [2, 2, 1]
    assert {task.name for page in pages for task in page.tasks} == created


def test_defaults_of_a_task(tasks: Any, queue: str, clock: FakeClock) -> None:
    """A task is POSTed, due at once, with a dispatch deadline of 10 minutes, unless it says otherwise."""
    task = tasks.create_task(parent=queue, task=new_task(queue))
    assert task.http_request.http_method == tasks_v2.HttpMethod.POST
    assert task.schedule_time == task.create_time == clock.now
    assert task.dispatch_deadline.total_seconds() == 600


def test_a_task_of_more_than_1_mib_is_refused(tasks: Any, queue: str) -> None:
    """A task larger than 1 MiB is INVALID_ARGUMENT."""
    tasks.create_task(parent=queue, task=new_task(queue, body=b"x" * (1024 * 1024 - 500)))
    with pytest.raises(BadRequest, match="Task size too large"):
        tasks.create_task(parent=queue, task=new_task(queue, body=b"x" * 1024 * 1024))


@pytest.mark.parametrize("deadline_s", [14, 1801])
def test_a_dispatch_deadline_out_of_range_is_refused(tasks: Any, queue: str, deadline_s: int) -> None:
    """The dispatch deadline of an HTTP task is between 15 s and 30 min."""
    with pytest.raises(BadRequest):
        tasks.create_task(parent=queue, task=new_task(queue, dispatch_deadline={"seconds": deadline_s}))


def test_an_unknown_field_is_refused(cloud: LocalCloud, queue: str) -> None:
    """A JSON field that the API does not know is 400 in Google's error envelope, not ignored."""
    answer = requests.post(f"{cloud.url}/v2/{queue}/tasks", json={"task": {"httpRequets": {}}}, timeout=5)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT")
    assert "httpRequets" in error["message"]


def test_enums_may_be_names_or_numbers(cloud: LocalCloud, queue: str) -> None:
    """Enums are accepted by name and by number, and answered by name unless numbers are asked for."""
    url = f"{cloud.url}/v2/{queue}/tasks"
    for method in ("PUT", int(tasks_v2.HttpMethod.PUT)):
        task = {"httpRequest": {"url": "http://127.0.0.1:9/", "httpMethod": method}}
        assert requests.post(url, json={"task": task}, timeout=5).json()["httpRequest"]["httpMethod"] == "PUT"
    numbers = requests.get(url, params={"$alt": "json;enum-encoding=int"}, timeout=5).json()
    assert numbers["tasks"][0]["httpRequest"]["httpMethod"] == int(tasks_v2.HttpMethod.PUT)


def test_a_batch_creates_up_to_100_tasks(tasks: Any, queue: str) -> None:
    """batch_create_tasks makes up to 100 tasks in one long-running operation and refuses more."""
    batch = [{"parent": queue, "task": new_task(queue, f"t{number}")} for number in range(100)]
    assert len(tasks.batch_create_tasks(parent=queue, requests=batch).result(timeout=5).tasks) == 100
    with pytest.raises(BadRequest):
        tasks.batch_create_tasks(parent=queue, requests=[{"parent": queue, "task": new_task(queue)}] * 101)
