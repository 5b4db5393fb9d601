"""Cloud Run for a campaign: each execution's containers are processes, which are killed at the requests they make."""

import datetime as dt
import json
import os
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

from cloudact.settings import Settings
from tests.fault_proxy import Doorman
from tests.processes import PROCESSES

AT_ONCE = 2  # executions
WITHIN_S = 180.0  # a container that takes longer hangs


@dataclass(frozen=True)
class Kill:
    """A signal to a container at its n-th request to BigQuery: `before` it arrives, or `after` its effect."""

    request: int
    moment: str
    signal: str

    @classmethod
    def read(cls, told: Sequence[object] | None) -> "Kill | None":
        """The kill that a log has as a list; `None` for a container that is left alone."""
        return cls(int(str(told[0])), str(told[1]), str(told[2])) if told else None


def run_container(env: Mapping[str, str], now: dt.datetime, output: str) -> None:
    """Does what the image's entry point does, in a process of its own, whose time begins at `now`."""
    with open(output, "a", encoding="utf-8") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    from jobs.main import main

    began = time.monotonic()
    os._exit(main(env, clock=lambda: now + dt.timedelta(seconds=time.monotonic() - began)))


@dataclass
class Execution:
    """One start of the job, with the runs that it works on. `kills` are those of its containers, in their order."""

    name: str
    env: Mapping[str, str]
    tasks: int
    run_ids: frozenset[str]
    org_slugs: frozenset[str]
    kills: list[Kill | None]
    now: dt.datetime
    cancelled: bool = False
    process: BaseProcess | None = None
    thread: threading.Thread | None = None


@dataclass
class Containers:
    """Starts executions, at most `AT_ONCE` at a time, and tries a container again that did not end with 0."""

    settings: Settings
    folder: Path
    killed: int = 0
    started: int = 0
    hung: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "containers").mkdir(parents=True, exist_ok=True)
        self._running: list[Execution] = []
        self._lock = threading.Lock()

    def start(self, execution: Execution) -> None:
        """Starts the execution as soon as there is room for it."""
        while len(self._alive()) >= AT_ONCE:
            time.sleep(0.05)
        execution.thread = threading.Thread(target=self._work, args=(execution,), daemon=True)
        with self._lock:
            self._running.append(execution)
        execution.thread.start()

    def wait(self, org_slug: str | None = None) -> None:
        """Waits for all executions, or for those of one org."""
        for execution in self._alive():
            if execution.thread and (org_slug is None or org_slug in execution.org_slugs):
                execution.thread.join()

    def cancel(self, run_id: str) -> None:
        """Cancels the execution that works on this run alone, as Cloud Run is asked to."""
        for execution in self._alive():
            if execution.run_ids == {run_id}:
                execution.cancelled = True
                _signal(execution, signal.SIGTERM)

    def stop(self) -> None:
        """Kills what still runs."""
        for execution in self._alive():
            execution.cancelled = True
            _signal(execution, signal.SIGKILL)
        self.wait()

    def _alive(self) -> list[Execution]:
        with self._lock:
            self._running = [each for each in self._running if each.thread is None or each.thread.is_alive()]
            return list(self._running)

    def _work(self, execution: Execution) -> None:
        kills = iter(execution.kills)
        for index in range(execution.tasks):
            for attempt in range(self.settings.task_max_retries + 1):
                if execution.cancelled or self._attempt(execution, index, attempt, next(kills, None)) == 0:
                    break

    def _attempt(self, execution: Execution, index: int, attempt: int, kill: Kill | None) -> int | None:
        """The exit code of one container; minus the signal of one that was killed."""
        door = Doorman(self.settings.bigquery_endpoint)
        env = self.settings.model_copy(update={"bigquery_endpoint": door.url}).to_env() | dict(execution.env)
        env |= {"CLOUD_RUN_EXECUTION": execution.name, "CLOUD_RUN_TASK_INDEX": str(index)}
        env |= {"CLOUD_RUN_TASK_ATTEMPT": str(attempt)}
        log = str(self.folder / "containers" / f"{execution.name}-{index}-{attempt}.log")
        if kill:
            door.at(kill.request, kill.moment, lambda: _signal(execution, signal.Signals[kill.signal]))
        process = PROCESSES.Process(target=run_container, args=(env, execution.now, log))
        execution.process = process
        process.start()
        process.join(WITHIN_S)
        if process.exitcode is None:
            self.hung.append(f"{execution.name}-{index}-{attempt}")
            process.kill()
            process.join()
        door.close()
        with self._lock:
            self.started += 1
            self.killed += process.exitcode in (-signal.SIGKILL, -signal.SIGTERM, 143)
        return process.exitcode


def _signal(execution: Execution, number: int) -> None:
    """Signals the container; a killed one reads no answer any more, whatever reaches it."""
    process = execution.process
    if process and process.pid and process.is_alive():
        os.kill(process.pid, number)


def messages(body: bytes) -> tuple[dict[str, str], int]:
    """The environment of a task's containers, and how many tasks its execution has."""
    overrides = json.loads(body)["overrides"]
    variables = [each for override in overrides["containerOverrides"] for each in override["env"]]
    return {each["name"]: each["value"] for each in variables}, int(overrides.get("taskCount", 1))
