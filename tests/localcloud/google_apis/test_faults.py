"""Faults on demand and counting on the wire: ours, for the tests of the rest."""

from typing import Any

import pytest
import requests
from google.api_core.exceptions import Conflict, ServiceUnavailable, TooManyRequests

from localcloud.google_apis.local_cloud import LocalCloud
from tests.localcloud.google_apis.conftest import new_task


def inject(cloud: LocalCloud, **fault: Any) -> None:
    requests.post(f"{cloud.url}/local/faults", json=fault, timeout=5).raise_for_status()


def test_an_error_has_no_effect(cloud: LocalCloud, tasks: Any, queue: str) -> None:
    """An injected `error` answers its status without doing anything, `times` times."""
    inject(cloud, api="tasks", method="CreateTask", kind="error", times=1)
    with pytest.raises(ServiceUnavailable):
        tasks.create_task(parent=queue, task=new_task(queue, "t"))
    assert tasks.create_task(parent=queue, task=new_task(queue, "t")).name == f"{queue}/tasks/t"


def test_a_lost_reply_has_its_effect(cloud: LocalCloud, tasks: Any, queue: str) -> None:
    """After a `lost_reply` the caller sees a broken connection, and the task exists."""
    inject(cloud, api="tasks", method="CreateTask", kind="lost_reply", times=1)
    with pytest.raises(requests.ConnectionError):
        tasks.create_task(parent=queue, task=new_task(queue, "t"))
    with pytest.raises(Conflict):
        tasks.create_task(parent=queue, task=new_task(queue, "t"))


def test_a_lost_reply_may_be_a_503(cloud: LocalCloud, tasks: Any, queue: str) -> None:
    """A `lost_reply` with a status has its effect and answers that status."""
    inject(cloud, api="tasks", method="CreateTask", kind="lost_reply", status=503, times=1)
    with pytest.raises(ServiceUnavailable):
        tasks.create_task(parent=queue, task=new_task(queue, "t"))
    assert [task.name for task in tasks.list_tasks(parent=queue)] == [f"{queue}/tasks/t"]


def test_a_probability_is_repeatable(cloud: LocalCloud, tasks: Any, queue: str) -> None:
    """The same seed strikes the same calls."""
    rounds = []
    for _ in range(2):
        inject(cloud, api="tasks", method="CreateTask", kind="error", status=429, probability=0.5, seed=1)
        rounds.append([refused(tasks, queue) for _ in range(20)])
        requests.delete(f"{cloud.url}/local/faults", timeout=5)
    assert rounds[0] == rounds[1]
    assert 0 < sum(rounds[0]) < 20


def refused(tasks: Any, queue: str) -> bool:
    try:
        tasks.create_task(parent=queue, task=new_task(queue))
    except TooManyRequests:
        return True
    return False


def test_a_delay_may_exceed_the_clients_patience(cloud: LocalCloud, tasks: Any, queue: str) -> None:
    """A `delay` makes a call slow; a client with a shorter timeout gives up."""
    inject(cloud, api="tasks", method="GetQueue", kind="delay", delay_s=0.5)
    with pytest.raises(requests.Timeout):
        tasks.get_queue(name=queue, timeout=0.1, retry=None)


def test_an_unknown_fault_is_refused(cloud: LocalCloud) -> None:
    """A fault with a misspelt field is 400, so that no test runs without its fault."""
    answer = requests.post(f"{cloud.url}/local/faults", json={"api": "tasks", "knid": "error"}, timeout=5)
    assert answer.status_code == 400
    assert requests.get(f"{cloud.url}/local/faults", timeout=5).json() == []


def test_calls_are_counted(cloud: LocalCloud, tasks: Any, queue: str) -> None:
    """GET /local/requests counts calls by method and status, DELETE starts again from zero."""
    tasks.get_queue(name=queue)
    counted = requests.get(f"{cloud.url}/local/requests", timeout=5).json()
    assert counted == {"tasks.CreateQueue": {"calls": 1, "200": 1}, "tasks.GetQueue": {"calls": 1, "200": 1}}
    requests.delete(f"{cloud.url}/local/requests", timeout=5)
    assert requests.get(f"{cloud.url}/local/requests", timeout=5).json() == {}


def test_what_is_not_built_is_refused_loudly(cloud: LocalCloud, queue: str) -> None:
    """A method of Google's that the stand-in lacks is 501, an unknown path 404, both in Google's envelope."""
    missing = requests.post(f"{cloud.url}/v2/{queue}:getIamPolicy", json={}, timeout=5)
    assert (missing.status_code, missing.json()["error"]["status"]) == (501, "UNIMPLEMENTED")
    unknown = requests.get(f"{cloud.url}/v9/nothing", timeout=5)
    assert (unknown.status_code, unknown.json()["error"]["status"]) == (404, "NOT_FOUND")
