"""The task methods of the Cloud Tasks API."""

from collections.abc import Callable
from typing import Any

from google.cloud import tasks_v2
from google.protobuf import empty_pb2

from localcloud.google_apis.clock import Clock
from localcloud.google_apis.rest.errors import InvalidArgument, NotFound
from localcloud.google_apis.rest.operations import Operations
from localcloud.google_apis.rest.paging import page
from localcloud.google_apis.tasks.new_task import accepted_task
from localcloud.google_apis.tasks.queues import existing_queue
from localcloud.google_apis.tasks.task_store import TaskStore
from localcloud.google_apis.wire_types import Operation, Task

LARGEST_BATCH = 100


class Tasks:
    """Create, read, delete and force tasks.

    `on_change` wakes the dispatcher after a new task; `dispatch_now` sends one task past every limit.
    """

    def __init__(
        self,
        store: TaskStore,
        clock: Clock,
        operations: Operations,
        on_change: Callable[[], None],
        dispatch_now: Callable[[str], object],
    ) -> None:
        self._store = store
        self._clock = clock
        self._operations = operations
        self._on_change = on_change
        self._dispatch_now = dispatch_now

    def create_task(self, request: tasks_v2.CreateTaskRequest) -> Task:
        """CreateTask: the one atomic claim of a name."""
        with self._store.transaction():
            task = self._queued(request)
        self._on_change()
        return _view(task, request.response_view)

    def _queued(self, request: tasks_v2.CreateTaskRequest) -> Task:
        existing_queue(self._store, request.parent)
        task = accepted_task(request, self._clock())
        self._store.add(task, self._clock())
        return task

    def get_task(self, request: tasks_v2.GetTaskRequest) -> Task:
        """GetTask; an executed task is gone, so this never tells how it ended."""
        return _view(self._existing(request.name), request.response_view)

    def list_tasks(self, request: tasks_v2.ListTasksRequest) -> tasks_v2.ListTasksResponse:
        """ListTasks."""
        existing_queue(self._store, request.parent)
        tasks, token = page(self._store.tasks(request.parent), request, 1000)
        views = [_view(task, request.response_view) for task in tasks]
        return tasks_v2.ListTasksResponse(tasks=views, next_page_token=token)

    def delete_task(self, request: tasks_v2.DeleteTaskRequest) -> Any:
        """DeleteTask, also while it is in flight."""
        with self._store.transaction():
            self._existing(request.name)
            self._store.remove(request.name, self._clock())
        return empty_pb2.Empty()

    def run_task(self, request: tasks_v2.RunTaskRequest) -> Task:
        """RunTask: dispatched at once, even from a paused queue and past its rate limits."""
        task = self._existing(request.name)
        self._dispatch_now(request.name)
        return _view(task, request.response_view)

    def batch_create_tasks(self, request: tasks_v2.BatchCreateTasksRequest) -> Operation:
        """BatchCreateTasks, done at once and as a whole; Google's may be slower and partial."""
        if not 0 < len(request.requests) <= LARGEST_BATCH:
            raise InvalidArgument(f"A batch has 1 to {LARGEST_BATCH} requests.")
        if any(one.parent not in ("", request.parent) for one in request.requests):
            raise InvalidArgument("All requests of a batch must have the batch's parent.")
        location = request.parent.partition("/queues/")[0]
        created = tasks_v2.BatchCreateTasksResponse(tasks=self._create_all(request))
        self._on_change()
        return self._operations.completed(location, tasks_v2.BatchCreateTasksMetadata(), created)

    def _create_all(self, request: tasks_v2.BatchCreateTasksRequest) -> list[Task]:
        with self._store.transaction():
            for one in request.requests:
                one.parent = request.parent
            return [_view(self._queued(one), one.response_view) for one in request.requests]

    def _existing(self, name: str) -> Task:
        existing_queue(self._store, name.rpartition("/tasks/")[0])
        task = self._store.find(name)
        if task is None:
            raise NotFound("The task no longer exists, though a task with this name existed recently."
                           if self._store.is_buried(name, self._clock())
                           else "Requested entity was not found.")  # fmt: skip
        return task


def _view(task: Task, view: tasks_v2.Task.View) -> Task:
    """BASIC leaves the body out; FULL needs cloudtasks.tasks.fullView at Google."""
    seen: Task = tasks_v2.Task(task)
    seen.view = view or tasks_v2.Task.View.BASIC
    if seen.view == tasks_v2.Task.View.BASIC:
        seen.http_request.body = b""
    return seen
