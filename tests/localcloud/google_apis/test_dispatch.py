"""Dispatching tasks: schedule, retries, rates, headers."""

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from google.api_core.exceptions import BadRequest, NotFound
from google.cloud import tasks_v2

from localcloud.google_apis.local_cloud import LocalCloud, Settings
from localcloud.google_apis.tasks.http_target import MOST_REDIRECTS, Sender
from localcloud.google_apis.tasks.queue_settings import is_exhausted, retry_delay
from localcloud.wire.listener import HttpAnswer, HttpRequest, Listener
from tests.localcloud.google_apis.conftest import LOCATION, FakeClock, Target, client, new_task, wait_until

Dispatch = Callable[[], int]


def test_a_2xx_answer_executes_the_task(tasks: Any, queue: str, target: Target, dispatch: Dispatch) -> None:
    """Any 2xx answer ends a task; it is gone and cannot be asked how it went."""
    target.statuses = [204]
    name = tasks.create_task(parent=queue, task=new_task(queue, url=target.url, body=b"hello")).name
    assert dispatch() == 1
    assert target.requests[0].body == b"hello"
    with pytest.raises(NotFound):
        tasks.get_task(name=name)


@pytest.mark.parametrize("status", [0, 302, 400, 403, 404, 409, 500])
def test_any_other_answer_is_retried(
    tasks: Any, queue: str, target: Target, clock: FakeClock, dispatch: Dispatch, status: int
) -> None:
    """Every answer but 2xx, and no answer at all, is retried: there is no permanent 4xx."""
    target.statuses = [status]
    tasks.create_task(parent=queue, task=new_task(queue, url=target.url))
    assert (dispatch(), dispatch()) == (1, 0)
    clock.advance(seconds=0.1)
    assert dispatch() == 1
    assert list(tasks.list_tasks(parent=queue)) == []


def test_a_refused_connection_is_retried(tasks: Any, queue: str, clock: FakeClock, dispatch: Dispatch) -> None:
    """A target that cannot be reached counts as a failed attempt without a response."""
    name = tasks.create_task(parent=queue, task=new_task(queue, url="http://127.0.0.1:9/")).name
    dispatch()
    task = tasks.get_task(name=name)
    assert (task.dispatch_count, task.response_count) == (1, 0)
    assert task.schedule_time > clock.now


def test_nothing_is_sent_before_its_schedule_time(
    tasks: Any, queue: str, target: Target, clock: FakeClock, dispatch: Dispatch
) -> None:
    """A task is not dispatched before its schedule_time."""
    schedule = clock.now.replace(second=3)
    tasks.create_task(parent=queue, task=new_task(queue, url=target.url, schedule_time=schedule))
    clock.advance(seconds=2.9)
    assert dispatch() == 0
    clock.advance(seconds=0.1)
    assert dispatch() == 1


def test_a_schedule_reaches_30_days(tasks: Any, queue: str, clock: FakeClock) -> None:
    """schedule_time is at most 30 days ahead."""
    clock.advance(days=30)
    month_ahead = clock.now
    clock.advance(days=-30)
    tasks.create_task(parent=queue, task=new_task(queue, schedule_time=month_ahead))
    clock.advance(seconds=-1)
    with pytest.raises(BadRequest):
        tasks.create_task(parent=queue, task=new_task(queue, schedule_time=month_ahead))


def test_retries_wait_as_configured(
    tasks: Any, queue: str, target: Target, clock: FakeClock, dispatch: Dispatch
) -> None:
    """10 s to 300 s with 3 doublings waits 10, 20, 40, 80, 160, 240, 300, 300 s (Google's own example)."""
    config = {"min_backoff": {"seconds": 10}, "max_backoff": {"seconds": 300}, "max_doublings": 3}
    tasks.update_queue(queue={"name": queue, "retry_config": config})
    target.statuses = [500] * 8
    name = tasks.create_task(parent=queue, task=new_task(queue, url=target.url)).name
    waits = []
    for _ in range(8):
        dispatch()
        waits.append((tasks.get_task(name=name).schedule_time - clock.now).total_seconds())
        clock.advance(seconds=waits[-1])
    assert waits == [10, 20, 40, 80, 160, 240, 300, 300]


def test_a_task_may_have_its_own_retries(tasks: Any, queue: str, clock: FakeClock, dispatch: Dispatch) -> None:
    """The retry_config of a task replaces that of its queue."""
    config = {"min_backoff": {"seconds": 7}}
    name = tasks.create_task(parent=queue, task=new_task(queue, retry_config=config)).name
    dispatch()
    assert (tasks.get_task(name=name).schedule_time - clock.now).total_seconds() == 7


def test_giving_up_needs_attempts_and_duration(
    tasks: Any, queue: str, target: Target, clock: FakeClock, dispatch: Dispatch
) -> None:
    """Retries stop only when max_attempts and max_retry_duration are both used up; then the task vanishes."""
    config = {"max_attempts": 2, "max_retry_duration": {"seconds": 60}, "min_backoff": {"seconds": 20}}
    tasks.update_queue(queue={"name": queue, "retry_config": config})
    target.statuses = [500] * 9
    tasks.create_task(parent=queue, task=new_task(queue, url=target.url))
    while list(tasks.list_tasks(parent=queue)):
        dispatch()
        clock.advance(seconds=20)
    # at 0 s and 20 s (two attempts, but the hour glass runs), and after the second wait of 40 s
    assert len(target.requests) == 3


def test_unlimited_attempts_never_end() -> None:
    """max_attempts -1 is retried for ever; without a duration, max_attempts alone decides."""
    age = FakeClock().now - FakeClock().now
    assert not is_exhausted(tasks_v2.RetryConfig(max_attempts=-1), 10_000, age)
    assert is_exhausted(tasks_v2.RetryConfig(max_attempts=5), 5, age)
    assert not is_exhausted(tasks_v2.RetryConfig(max_attempts=5), 4, age)


def test_the_default_backoff_reaches_an_hour() -> None:
    """With the defaults the waits double from 0.1 s and stop growing at one hour."""
    defaults = tasks_v2.RetryConfig(min_backoff={"nanos": 100_000_000}, max_backoff={"seconds": 3600}, max_doublings=16)
    waits = [retry_delay(defaults, failures).total_seconds() for failures in (1, 2, 3, 16, 17, 1000)]
    assert waits == pytest.approx([0.1, 0.2, 0.4, 3276.8, 3600, 3600])


def test_a_rate_limit_spreads_a_burst(
    tasks: Any, queue: str, target: Target, clock: FakeClock, dispatch: Dispatch
) -> None:
    """A token bucket lets a burst through, then max_dispatches_per_second."""
    tasks.update_queue(queue={"name": queue, "rate_limits": {"max_dispatches_per_second": 0.5}})
    for _ in range(13):
        tasks.create_task(parent=queue, task=new_task(queue, url=target.url))
    assert dispatch() == tasks.get_queue(name=queue).rate_limits.max_burst_size == 10
    clock.advance(seconds=1.9)
    assert dispatch() == 0
    clock.advance(seconds=2.1)
    assert dispatch() == 2


def test_concurrency_is_limited(cloud: LocalCloud, tasks: Any, queue: str, dispatch: Dispatch) -> None:
    """No more than max_concurrent_dispatches attempts of a queue are in flight."""
    tasks.update_queue(queue={"name": queue, "rate_limits": {"max_concurrent_dispatches": 1}})
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        for _ in range(2):
            tasks.create_task(parent=queue, task=new_task(queue, url=url))
        attempts = cloud.dispatcher.dispatch_due()
        assert (len(attempts), dispatch()) == (1, 0)
    attempts[0].result(timeout=10)
    assert dispatch() == 1


def test_a_silent_target_fails_at_the_deadline() -> None:
    """A target that does not answer within the dispatch deadline is a failed attempt."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        request = tasks_v2.HttpRequest(url=f"http://127.0.0.1:{silent.getsockname()[1]}/", http_method="POST")
        assert Sender().send(request, {}, deadline_s=0.05).status == 0


def test_the_headers_of_an_attempt(
    tasks: Any, queue: str, target: Target, clock: FakeClock, dispatch: Dispatch
) -> None:
    """An attempt carries the task's headers and the X-CloudTasks-* ones; User-Agent is always Google's."""
    target.statuses = [503]
    headers = {"Content-Type": "application/json", "User-Agent": "mine"}
    tasks.create_task(parent=queue, task=new_task(queue, "t", url=target.url, headers=headers))
    dispatch()
    clock.advance(seconds=1)
    dispatch()
    seen = target.requests[1].headers
    assert (seen["Content-Type"], seen["User-Agent"]) == ("application/json", "Google-Cloud-Tasks")
    assert (seen["X-CloudTasks-QueueName"], seen["X-CloudTasks-TaskName"]) == ("runs", "t")
    assert (seen["X-CloudTasks-TaskRetryCount"], seen["X-CloudTasks-TaskExecutionCount"]) == ("1", "1")
    assert seen["X-CloudTasks-TaskPreviousResponse"] == "503"


def test_a_longer_retry_after_is_honoured(tasks: Any, queue: str, clock: FakeClock, dispatch: Dispatch) -> None:
    """A Retry-After in the answer of a target puts the next attempt off, if it is longer than the backoff."""
    with retrying_target(after_s=30) as url:
        name = tasks.create_task(parent=queue, task=new_task(queue, url=url)).name
        dispatch()
    assert (tasks.get_task(name=name).schedule_time - clock.now).total_seconds() == 30


@contextmanager
def retrying_target(after_s: int) -> Iterator[str]:
    """A raw socket that answers one request with 503 and Retry-After."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(f"HTTP/1.1 503 Busy\r\nRetry-After: {after_s}\r\n\r\n".encode())

        threading.Thread(target=answer, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


def test_an_attempt_in_flight_at_a_stop_is_repeated(
    settings: Settings, start_cloud: Callable[[Settings], LocalCloud]
) -> None:
    """Delivery is at least once: an attempt cut off by a restart is made again."""
    first = start_cloud(settings)
    tasks, queue = client(tasks_v2.CloudTasksClient, first.url), f"{LOCATION}/queues/runs"
    tasks.create_queue(parent=LOCATION, queue={"name": queue})
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        name = tasks.create_task(parent=queue, task=new_task(queue, url=url)).name
        first.dispatcher.dispatch_due()
        with silent.accept()[0]:
            first.stop()  # does not wait for the dispatch deadline
    second = start_cloud(settings)
    assert client(tasks_v2.CloudTasksClient, second.url).get_task(name=name).dispatch_count == 1
    assert len(second.dispatcher.dispatch_due()) == 1


def test_a_forced_task_runs_at_once(tasks: Any, queue: str, target: Target, clock: FakeClock) -> None:
    """run_task dispatches a task now, whatever its schedule and the state of its queue."""
    tasks.pause_queue(name=queue)
    ahead = clock.now.replace(hour=23)
    name = tasks.create_task(parent=queue, task=new_task(queue, url=target.url, schedule_time=ahead)).name
    assert tasks.run_task(name=name).name == name
    wait_until(lambda: len(target.requests) == 1)


def test_due_tasks_are_sent_without_being_asked(
    settings: Settings, start_cloud: Callable[[Settings], LocalCloud], target: Target
) -> None:
    """In normal operation tasks are dispatched in the background, as soon as they are due."""
    cloud = start_cloud(Settings(settings.state_dir))
    tasks, queue = client(tasks_v2.CloudTasksClient, cloud.url), f"{LOCATION}/queues/runs"
    tasks.create_queue(parent=LOCATION, queue={"name": queue})
    target.statuses = [500, 500]
    tasks.create_task(parent=queue, task=new_task(queue, url=target.url))
    wait_until(lambda: len(target.requests) == 3)
    wait_until(lambda: not list(tasks.list_tasks(parent=queue)))


@pytest.mark.parametrize(("follows", "heard", "left"), [(True, 1, 0), (False, 0, 1)])
def test_a_redirect_is_followed_as_google_may(
    follows: bool,
    heard: int,
    left: int,
    settings: Settings,
    start_cloud: Callable[[Settings], LocalCloud],
    target: Target,
) -> None:
    """The very same request goes to where the redirect points; with the switch off it is an attempt that failed."""
    moved = Listener(lambda _request: HttpAnswer(308, b"", {"Location": target.url}), port=0)
    moved.start()
    cloud = start_cloud(replace(settings, follows_redirects=follows))
    tasks = client(tasks_v2.CloudTasksClient, cloud.url)
    queue = f"{LOCATION}/queues/moved"
    tasks.create_queue(parent=LOCATION, queue={"name": queue})
    tasks.create_task(parent=queue, task=new_task(queue, url=moved.url, body=b"{}", headers={"X-Own": "1"}))
    wait(cloud.dispatcher.dispatch_due(), timeout=10)
    moved.stop()
    assert [(each.verb, each.body, each.headers["X-Own"]) for each in target.requests] == [("POST", b"{}", "1")] * heard
    assert len(list(tasks.list_tasks(parent=queue))) == left


def test_a_circle_of_redirects_ends(tasks: Any, queue: str, dispatch: Dispatch) -> None:
    """Whoever redirects to itself is asked a few times, and has failed."""
    asked: list[HttpRequest] = []

    def around(request: HttpRequest) -> HttpAnswer:
        asked.append(request)
        return HttpAnswer(302, b"", {"Location": "/again"})

    circle = Listener(around, port=0)
    circle.start()
    tasks.create_task(parent=queue, task=new_task(queue, url=circle.url))
    dispatch()
    circle.stop()
    assert len(asked) == 1 + MOST_REDIRECTS
    assert len(list(tasks.list_tasks(parent=queue))) == 1
