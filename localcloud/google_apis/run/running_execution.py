"""An execution while it runs: which tasks wait, which run, and the counts and conditions that result."""

import enum
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from localcloud.google_apis.clock import Clock
from localcloud.google_apis.run.container import ContainerProcess, Images, environment
from localcloud.google_apis.run.execution_state import cancelled, finished, started
from localcloud.google_apis.wire_types import Execution
from localcloud.process_records import ProcessRecords

Changed = Callable[[Execution], None]


class Outcome(enum.Enum):
    """How a task ended."""

    SUCCEEDED = enum.auto()
    FAILED = enum.auto()
    CANCELLED = enum.auto()


@dataclass(frozen=True)
class Surroundings:
    """What every execution of this local region shares."""

    images: Images
    logs: Path
    processes: ProcessRecords
    clock: Clock
    grace_s: float


class RunningExecution:
    """Runs tasks one by one on the threads that call `run_next_task`; `changed` hears every transition."""

    def __init__(self, execution: Execution, surroundings: Surroundings, changed: Changed) -> None:
        self._execution = execution
        self._surroundings = surroundings
        self._changed = changed
        self._lock = threading.RLock()
        self._waiting = iter(range(execution.task_count))
        self._processes: dict[int, ContainerProcess] = {}
        self._stopped = False
        self._abandoned = False

    @property
    def width(self) -> int:
        """How many tasks may run at once; parallelism 0 means as many as possible."""
        return int(self._execution.parallelism or self._execution.task_count)

    def run_next_task(self) -> bool:
        """Run a waiting task to its end; False when none was left."""
        with self._lock:
            index = None if self._stopped else next(self._waiting, None)
            if index is None:
                return False
            self._transition(started(self._execution, self._surroundings.clock()))
        outcome = self._run_attempts(index)
        with self._lock:
            self._count(outcome)
        return True

    def _run_attempts(self, index: int) -> Outcome:
        retries = self._execution.template.max_retries
        for attempt in range(retries + 1):
            if attempt == 1:
                with self._lock:
                    self._execution.retried_count += 1
            exit_code = self._run_attempt(index, attempt)
            if self._stopped:
                return Outcome.CANCELLED
            if exit_code == 0:
                return Outcome.SUCCEEDED
        return Outcome.FAILED

    def _run_attempt(self, index: int, attempt: int) -> int | None:
        """The exit code of a new process; None when it could not start, or must not any more."""
        log = self._log_file(index, attempt)
        try:
            process = self._start(index, attempt, log)
        except (OSError, ValueError, IndexError) as err:
            log.write_text(f"The container failed to start: {err}\n")
            return None
        if process is None:
            return None
        timeout_s = self._execution.template.timeout.total_seconds()
        exit_code = process.wait(timeout_s, self._surroundings.grace_s)
        with self._lock:
            del self._processes[index]
        return exit_code

    def _log_file(self, index: int, attempt: int) -> Path:
        folder = self._surroundings.logs / _short(self._execution.name)
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{index}-{attempt}.log"

    def _start(self, index: int, attempt: int, log: Path) -> ContainerProcess | None:
        container = self._execution.template.containers[0]
        images = self._surroundings.images
        argv = images.command(container)
        if not argv:
            raise ValueError(f"no command, and image {container.image!r} is not known here (--job-command)")
        env = environment(container, self._identity(index, attempt))
        with self._lock:  # a cancellation finds the process, or prevents it
            if self._stopped:
                return None
            self._processes[index] = ContainerProcess(argv, env, images.cwd, log, self._surroundings.processes)
            return self._processes[index]

    def _identity(self, index: int, attempt: int) -> dict[str, str]:
        """https://cloud.google.com/run/docs/container-contract#jobs-env-vars."""
        return {
            "CLOUD_RUN_JOB": self._execution.job,
            "CLOUD_RUN_EXECUTION": _short(self._execution.name),
            "CLOUD_RUN_TASK_INDEX": str(index),
            "CLOUD_RUN_TASK_COUNT": str(self._execution.task_count),
            "CLOUD_RUN_TASK_ATTEMPT": str(attempt),
        }

    def _count(self, outcome: Outcome) -> None:
        execution = self._execution
        execution.running_count -= 1
        execution.succeeded_count += outcome is Outcome.SUCCEEDED
        execution.failed_count += outcome is Outcome.FAILED
        execution.cancelled_count += outcome is Outcome.CANCELLED
        self._transition(self._after_count())

    def _after_count(self) -> Execution:
        execution = self._execution
        ended = execution.succeeded_count + execution.failed_count + execution.cancelled_count
        return finished(execution, self._surroundings.clock()) if ended == execution.task_count else execution

    def _transition(self, execution: Execution) -> None:
        self._execution = execution
        if not self._abandoned:
            self._changed(execution)

    def cancel(self) -> Execution:
        """Start no more tasks and stop those that run; returns the execution as it is now."""
        with self._lock:
            if not self._stopped:
                self._stopped = True
                self._execution.cancelled_count += len(list(self._waiting))
                self._transition(cancelled(self._execution, self._surroundings.clock()))
                self._transition(self._after_count())
                self._stop_processes()
            return self._execution

    def abandon(self) -> None:
        """The local cloud is stopping: end the processes, record nothing; the next start settles it."""
        with self._lock:
            self._stopped = self._abandoned = True
            self._stop_processes()

    def _stop_processes(self) -> None:
        for process in self._processes.values():
            process.stop(self._surroundings.grace_s)


def _short(name: str) -> str:
    return name.rpartition("/")[2]
