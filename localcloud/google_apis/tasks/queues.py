"""The queue methods of the Cloud Tasks API."""

import re
from collections.abc import Callable
from typing import Any

from google.cloud import tasks_v2
from google.protobuf import empty_pb2

from localcloud.google_apis.clock import Clock
from localcloud.google_apis.rest.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from localcloud.google_apis.rest.paging import page
from localcloud.google_apis.tasks.queue_settings import with_defaults
from localcloud.google_apis.tasks.task_store import TaskStore
from localcloud.google_apis.wire_types import Queue

_QUEUE_NAME = re.compile(r"projects/[^/]+/locations/[^/]+/queues/[A-Za-z0-9-]{1,100}")
_UPDATABLE = ("rate_limits", "retry_config", "stackdriver_logging_config")


def existing_queue(store: TaskStore, name: str) -> Queue:
    """The queue. Raises NotFound in Google's words."""
    queue = store.find_queue(name)
    if queue is None:
        raise NotFound(
            "Queue does not exist. If you just created the queue, wait at least a minute for the queue to initialize."
        )
    return queue


class Queues:
    """Create, read, change, pause, purge and delete queues; `on_change` wakes the dispatcher."""

    def __init__(self, store: TaskStore, clock: Clock, on_change: Callable[[], None]) -> None:
        self._store = store
        self._clock = clock
        self._on_change = on_change

    def create_queue(self, request: tasks_v2.CreateQueueRequest) -> Queue:
        """CreateQueue; the name of a deleted queue stays blocked for days."""
        with self._store.transaction():
            if self._store.find_queue(request.queue.name):
                raise AlreadyExists("Queue already exists")
            return self._create(request.queue)

    def _create(self, queue: Queue) -> Queue:
        if not _QUEUE_NAME.fullmatch(queue.name):
            raise InvalidArgument("Queue.name must be projects/P/locations/L/queues/[A-Za-z0-9-]{1,100}.")
        if self._store.is_buried(queue.name, self._clock()):
            raise FailedPrecondition("The queue cannot be created because a queue with this name existed too recently.")
        queue.state = tasks_v2.Queue.State.RUNNING
        self._store.save_queue(with_defaults(queue))
        return queue

    def get_queue(self, request: tasks_v2.GetQueueRequest) -> Queue:
        """GetQueue."""
        return existing_queue(self._store, request.name)

    def list_queues(self, request: tasks_v2.ListQueuesRequest) -> tasks_v2.ListQueuesResponse:
        """ListQueues."""
        queues, token = page(self._store.queues(f"{request.parent}/queues/"), request, 9800)
        return tasks_v2.ListQueuesResponse(queues=queues, next_page_token=token)

    def update_queue(self, request: tasks_v2.UpdateQueueRequest) -> Queue:
        """UpdateQueue: only what the mask names; a queue that does not exist is created."""
        with self._store.transaction():
            queue = self._store.find_queue(request.queue.name)
            if queue is None:
                return self._create(request.queue)
            for path in request.update_mask.paths or _UPDATABLE:
                _assign(queue, request.queue, path)
            self._store.save_queue(with_defaults(queue))
        self._on_change()
        return queue

    def delete_queue(self, request: tasks_v2.DeleteQueueRequest) -> Any:
        """DeleteQueue, with the tasks in it."""
        existing_queue(self._store, request.name)
        self._store.drop_queue(request.name, self._clock())
        return empty_pb2.Empty()

    def purge_queue(self, request: tasks_v2.PurgeQueueRequest) -> Queue:
        """PurgeQueue: the tasks go, their names stay taken."""
        with self._store.transaction():
            queue = existing_queue(self._store, request.name)
            queue.purge_time = self._clock()
            self._store.save_queue(queue)
            self._store.purge(request.name, queue.purge_time)
        return queue

    def pause_queue(self, request: tasks_v2.PauseQueueRequest) -> Queue:
        """PauseQueue: tasks are accepted, none is dispatched."""
        return self._set_state(request.name, tasks_v2.Queue.State.PAUSED)

    def resume_queue(self, request: tasks_v2.ResumeQueueRequest) -> Queue:
        """ResumeQueue."""
        return self._set_state(request.name, tasks_v2.Queue.State.RUNNING)

    def _set_state(self, name: str, state: int) -> Queue:
        with self._store.transaction():
            queue = existing_queue(self._store, name)
            queue.state = state
            self._store.save_queue(queue)
        self._on_change()
        return queue


def _assign(target: Any, source: Any, path: str) -> None:
    """Copy one field of an update mask, `rate_limits` or `rate_limits.max_concurrent_dispatches`."""
    *parents, last = path.split(".")
    if path.partition(".")[0] not in _UPDATABLE:
        raise InvalidArgument(f"Invalid field in update_mask: {path}")
    for parent in parents:
        target, source = getattr(target, parent), getattr(source, parent)
    setattr(target, last, getattr(source, last))
