"""The dispatcher of Cloud Tasks: which tasks go out now, and what happens to them afterwards."""

import threading
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta

from google.cloud import tasks_v2
from google.rpc import status_pb2

from localcloud.google_apis.clock import Clock
from localcloud.google_apis.identity import TokenIssuer
from localcloud.google_apis.tasks.http_target import Reply, Sender, attempt_headers
from localcloud.google_apis.tasks.queue_settings import TokenBucket, is_exhausted, retry_delay
from localcloud.google_apis.tasks.task_store import TaskStore
from localcloud.google_apis.wire_types import Queue, RetryConfig, Task

LONGEST_NAP_S = 1.0  # the injected clock may jump while we sleep
THREADS = 64  # threads; Google's limit is the queue's max_concurrent_dispatches


class Dispatcher:
    """Sends due tasks within the rate limits of their queue.

    `start` runs it in the background; tests that own the clock call `dispatch_due` instead.
    """

    def __init__(self, store: TaskStore, issuer: TokenIssuer, clock: Clock, *, follows_redirects: bool = True) -> None:
        self._store = store
        self._issuer = issuer
        self._clock = clock
        self._sender = Sender(follows_redirects=follows_redirects)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="tasks")
        self._buckets: dict[str, TokenBucket] = {}
        self._in_flight: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._stopping = threading.Event()
        self._loop = threading.Thread(target=self._run, name="dispatcher", daemon=True)

    def start(self) -> None:
        """Dispatch in the background until stopped."""
        self._loop.start()

    def stop(self) -> None:
        """Send nothing more; attempts in flight are delivered again after a restart."""
        self._stopping.set()
        self._changed.set()
        if self._loop.is_alive():
            self._loop.join()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._sender.hang_up()
        self._threads.shutdown(wait=True)

    def wake(self) -> None:
        """Something changed: a task, a queue, an attempt."""
        self._changed.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._changed.clear()
            self.dispatch_due()
            self._changed.wait(self._nap_s())

    def dispatch_due(self) -> list[Future[None]]:
        """Send every task that is due and that its queue's limits let go; returns the attempts."""
        now = self._clock()
        running = [queue for queue in self._store.queues() if queue.state == tasks_v2.Queue.State.RUNNING]
        return [attempt for queue in running for attempt in self._dispatch_queue(queue, now)]

    def _dispatch_queue(self, queue: Queue, now: datetime) -> list[Future[None]]:
        limits = queue.rate_limits
        with self._lock:
            bucket = self._buckets.setdefault(queue.name, TokenBucket(limits, now))
            free = limits.max_concurrent_dispatches - self._in_flight[queue.name]
            names = self._store.claim_due(queue.name, now, max(0, min(bucket.available(limits, now), free)))
            bucket.take(len(names))
        return [self._submit(name) for name in names]

    def dispatch_now(self, name: str) -> Future[None] | None:
        """Send one task whatever the limits; None if it is gone or in flight."""
        return self._submit(name) if self._store.claim(name) else None

    def _submit(self, name: str) -> Future[None]:
        with self._lock:
            self._in_flight[_queue_of(name)] += 1
        return self._threads.submit(self._attempt, name)

    def _nap_s(self) -> float:
        naps = [self._seconds_to_next(queue) for queue in self._store.queues()]
        return max(0.001, min([LONGEST_NAP_S, *naps]))

    def _seconds_to_next(self, queue: Queue) -> float:
        """When this queue may have something to send; an ended attempt wakes us anyway."""
        due = self._store.next_due(queue.name)
        busy = self._in_flight[queue.name] >= queue.rate_limits.max_concurrent_dispatches
        if due is None or busy or queue.state != tasks_v2.Queue.State.RUNNING:
            return LONGEST_NAP_S
        bucket = self._buckets.get(queue.name)
        token_s = bucket.seconds_to_next(queue.rate_limits) if bucket else 0.0
        return max(due - self._clock().timestamp(), token_s)

    def _attempt(self, name: str) -> None:
        try:
            task = self._begin(name)
            if task:
                headers = attempt_headers(task, self._store.last_status(name), self._issuer)
                reply = self._sender.send(task.http_request, headers, task.dispatch_deadline.total_seconds())
                if not self._stopping.is_set():
                    self._settle(name, reply)
        finally:
            with self._lock:
                self._in_flight[_queue_of(name)] -= 1
            self.wake()

    def _begin(self, name: str) -> Task | None:
        with self._store.transaction():
            task = self._store.find(name)
            if task:
                now = self._clock()
                task.dispatch_count += 1
                task.last_attempt = tasks_v2.Attempt(schedule_time=task.schedule_time, dispatch_time=now)
                if task.dispatch_count == 1:
                    task.first_attempt = tasks_v2.Attempt(dispatch_time=now)
                self._store.update(task)
            return task

    def _settle(self, name: str, reply: Reply) -> None:
        """Executed or given up: gone without a trace (there is no dead-letter queue). Else: later again."""
        with self._store.transaction():
            task = self._store.find(name)
            queue = self._store.find_queue(_queue_of(name))
            if not task or not queue:  # deleted or purged while in flight
                return
            now = self._clock()
            retry = task.retry_config if "retry_config" in task else queue.retry_config
            age = now - task.first_attempt.dispatch_time
            if reply.succeeded or is_exhausted(retry, task.dispatch_count, age):
                self._store.remove(name, now)
            else:
                self._store.reschedule(_retried(task, retry, reply, now), reply.status)


def _retried(task: Task, retry: RetryConfig, reply: Reply, now: datetime) -> Task:
    """The task after a failed attempt; a longer Retry-After of the target is honoured."""
    wait = max(retry_delay(retry, task.dispatch_count), timedelta(seconds=reply.retry_after_s))
    task.schedule_time = now + wait
    task.last_attempt.response_status = _rpc_status(reply)
    if reply.status:
        task.response_count += 1
        task.last_attempt.response_time = now
    return task


def _rpc_status(reply: Reply) -> status_pb2.Status:
    """google.rpc.Status of a failed attempt: UNAVAILABLE without an answer, else UNKNOWN with the status."""
    if not reply.status:
        return status_pb2.Status(code=14, message="UNAVAILABLE: no response")
    return status_pb2.Status(code=2, message=f"UNKNOWN(2): HTTP status code {reply.status}")


def _queue_of(name: str) -> str:
    return name.rpartition("/tasks/")[0]
