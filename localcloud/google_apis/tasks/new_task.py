"""What makes a task acceptable, and the form in which it is queued."""

import re
import uuid
from datetime import datetime, timedelta

from google.cloud import tasks_v2

from localcloud.google_apis.rest.errors import InvalidArgument, Unimplemented
from localcloud.google_apis.tasks.queue_settings import complete_retry_config
from localcloud.google_apis.wire_types import Task

# Limits: https://cloud.google.com/tasks/docs/quotas and the docstrings of tasks_v2.Task.
LARGEST_TASK = 1024 * 1024
LONGEST_URL = 2083
FARTHEST_SCHEDULE = timedelta(days=30)
DEFAULT_DEADLINE = timedelta(minutes=10)
SHORTEST_DEADLINE, LONGEST_DEADLINE = timedelta(seconds=15), timedelta(minutes=30)

_TASK_ID = re.compile(r"[A-Za-z0-9_-]{1,500}")
_METHODS_WITH_BODY = ("POST", "PUT", "PATCH")
_OUTPUT_ONLY = ("create_time", "dispatch_count", "response_count", "first_attempt", "last_attempt", "view")


def accepted_task(request: tasks_v2.CreateTaskRequest, now: datetime) -> Task:
    """The task as Google queues it: named, scheduled, with its defaults. Raises InvalidArgument."""
    task: Task = tasks_v2.Task(request.task)
    for field in _OUTPUT_ONLY:
        setattr(task, field, None)
    task.name = _name(task.name, request.parent)
    _check_target(task)
    task.http_request.http_method = task.http_request.http_method or tasks_v2.HttpMethod.POST
    if "retry_config" in task:
        complete_retry_config(task.retry_config)
    task.dispatch_deadline = _deadline(task.dispatch_deadline)
    task.create_time = now
    task.schedule_time = _schedule(task.schedule_time, now)
    if tasks_v2.Task.pb(task).ByteSize() > LARGEST_TASK:
        raise InvalidArgument("Task size too large")
    return task


def _name(name: str, queue: str) -> str:
    if not name:
        return f"{queue}/tasks/{uuid.uuid4().int % 10**19}"
    prefix, _, task_id = name.rpartition("/tasks/")
    if prefix != queue:
        raise InvalidArgument("The queue name from request ('parent') must match the prefix of Task.name.")
    if not _TASK_ID.fullmatch(task_id):
        raise InvalidArgument("Task ID in Task.name must match [A-Za-z0-9_-]{1,500}.")
    return name


def _check_target(task: Task) -> None:
    if "app_engine_http_request" in task:
        raise Unimplemented("App Engine tasks are not part of the local cloud.")
    request = task.http_request
    if not request.url.startswith(("http://", "https://")) or len(request.url) > LONGEST_URL:
        raise InvalidArgument("Task.http_request.url must begin with http:// or https://, at most 2083 long.")
    method = tasks_v2.HttpMethod(request.http_method or tasks_v2.HttpMethod.POST)
    if request.body and method.name not in _METHODS_WITH_BODY:
        raise InvalidArgument("HTTP request body is only allowed for POST, PUT and PATCH.")


def _deadline(deadline: timedelta | None) -> timedelta:
    if deadline and not SHORTEST_DEADLINE <= deadline <= LONGEST_DEADLINE:
        raise InvalidArgument("Task.dispatch_deadline must be between [15s, 30m].")
    return deadline or DEFAULT_DEADLINE


def _schedule(schedule_time: datetime | None, now: datetime) -> datetime:
    if schedule_time and schedule_time > now + FARTHEST_SCHEDULE:
        raise InvalidArgument("Task.schedule_time is too far in the future, at most 30 days are allowed.")
    return max(schedule_time or now, now)
