"""The local region: starts executions, caps how many processes run at once, remembers what runs."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from google.cloud import run_v2

from localcloud.google_apis.clock import Clock
from localcloud.google_apis.message_store import MessageStore
from localcloud.google_apis.run.execution_state import lost
from localcloud.google_apis.run.running_execution import RunningExecution, Surroundings
from localcloud.google_apis.wire_types import Execution

Finished = Callable[[Execution], None]


class Region:
    """Executions share `max_running` processes in turn, as they share a region's CPU quota."""

    def __init__(self, executions: MessageStore[Execution], surroundings: Surroundings, max_running: int) -> None:
        self._executions = executions
        self._surroundings = surroundings
        self._running: dict[str, RunningExecution] = {}
        self._listeners: dict[str, list[Finished]] = {}
        self._lock = threading.Lock()
        self._one_ended = threading.Condition(self._lock)
        self._slots = ThreadPoolExecutor(max_running, thread_name_prefix="region")
        self._settle_lost(surroundings.clock)

    def _settle_lost(self, clock: Clock) -> None:
        for execution in self._executions.under(""):
            if not execution.completion_time:
                self._executions.save(lost(execution, clock()))

    def log_uri(self, execution_name: str) -> str:
        """Where the output of an execution's tasks is: `<task>-<attempt>.log` files in this folder."""
        return (self._surroundings.logs / execution_name.rpartition("/")[2]).as_uri()

    def start(self, execution: Execution, finished: Finished) -> None:
        """Run an execution that has been saved; `finished` is called once, at its end."""
        running = RunningExecution(execution, self._surroundings, self._changed)
        with self._lock:
            self._running[execution.name] = running
            self._listeners[execution.name] = [finished]
        for _ in range(running.width):
            self._slots.submit(self._run_task, running)

    def _run_task(self, running: RunningExecution) -> None:
        # Back to the end of the line after every task: executions take turns.
        if running.run_next_task():
            with suppress(RuntimeError):  # the region is stopping
                self._slots.submit(self._run_task, running)

    def _changed(self, execution: Execution) -> None:
        self._executions.replace(execution)  # its job may be deleted, and it with that
        if execution.completion_time:
            with self._lock:
                self._running.pop(execution.name, None)
                listeners = self._listeners.pop(execution.name, [])
                self._one_ended.notify_all()
            for listener in listeners:
                listener(run_v2.Execution(execution))

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until no execution runs; False when one still does by then."""
        with self._one_ended:
            return self._one_ended.wait_for(lambda: not self._running, timeout_s)

    def cancel(self, name: str, finished: Finished) -> bool:
        """Cancel an execution; False when it does not run (any more)."""
        with self._lock:
            running = self._running.get(name)
            if running:
                self._listeners[name].append(finished)
        if running:
            running.cancel()
        return running is not None

    def stop(self) -> None:
        """End every process: SIGTERM, the grace, SIGKILL. Returns when none is left."""
        self._slots.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            abandoned = list(self._running.values())
        for running in abandoned:
            running.abandon()
        self._slots.shutdown(wait=True)
