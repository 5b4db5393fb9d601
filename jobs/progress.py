"""Appends the events of a run at work to the ledger: the run's own, its steps', their messages and heartbeats.

Most steps are short, so their events are appended together, at most once in two seconds. A run's own event comes after
those of its steps.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from cloudact.clock import Clock
from cloudact.pipelines.config import Step
from cloudact.runs.ledger import Ledger, RunEvent, StepEvent
from cloudact.runs.load import Outcome
from cloudact.runs.run import Run, Status
from cloudact.runs.run_cost import Cost
from jobs.container import Execution

HEARTBEAT_EVERY = timedelta(seconds=20)  # the sweep takes a run for lost after ten minutes of silence
TOLD_EVERY = timedelta(seconds=2)  # while a step shows signs of life
MOST_UNTOLD = 100


@dataclass
class _Untold:
    """Events of a run's steps that are not in the ledger yet. They decide nothing, so a crash may take them along."""

    ledger: Ledger
    run: Run
    clock: Clock
    events: list[tuple[StepEvent, datetime]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tried_at = self.clock()

    def tell_due(self) -> None:
        """Appends the events where the last time was two seconds ago."""
        if self.clock() - self.tried_at >= TOLD_EVERY or len(self.events) >= MOST_UNTOLD:
            self.tell()

    def tell(self) -> None:
        """Appends all events to the ledger in one call. What could not be appended for now stays for the next one."""
        try:
            self.ledger.append_steps(self.run, self.events)
        except ValueError:  # refused for good, and so would be whatever came with it
            self.events.clear()
            raise
        finally:
            self.tried_at = self.clock()  # also in vain: a try takes a minute while BigQuery is away
        self.events.clear()


class RunProgress:
    """Appends the events of one run during one execution."""

    def __init__(
        self,
        ledger: Ledger,
        run: Run,
        execution: Execution,
        started_at: datetime,
        clock: Clock,
        pipeline_version: str | None,
    ) -> None:
        self._ledger = ledger
        self._run = run
        self._execution = execution
        self._started_at = started_at
        self._version = pipeline_version
        self._clock = clock
        self._untold = _Untold(ledger, run, clock)

    def running(self) -> None:
        """Records that the run has begun, or continues after a failed try."""
        self._append(self._event(RunEvent(Status.RUNNING)))

    def tried(self, cost: Cost) -> None:
        """Records the cost of a try that did not end the run; the next one adds to it."""
        self._append(self._event(RunEvent(Status.RUNNING, key="/tried", cost=cost)))

    def ended(self, outcome: Outcome, bytes_billed: int, cost: Cost) -> tuple[RunEvent, datetime]:
        """Records the outcome of the run, and returns the event with its time."""
        event = self._event(
            RunEvent(
                outcome.status,
                rows=outcome.rows,
                bytes_billed=bytes_billed,
                error=outcome.error,
                result=outcome.result,
                cost=cost,
            )
        )
        return event, self._append(event, outcome.at)

    def step(self, index: int, step: Step) -> "StepProgress":
        """Progress of one step of this run in this try."""
        return StepProgress(self._untold, index, step, self._execution.attempt, self._clock)

    def tell(self) -> None:
        """Appends the events of steps that are not in the ledger yet."""
        self._untold.tell()

    def _event(self, event: RunEvent) -> RunEvent:
        """Event with the fields that all events of this execution share."""
        return replace(
            event,
            started_at=self._started_at,
            execution=self._execution.name,
            execution_tasks=self._execution.runs,
            attempt=self._execution.attempt,
            pipeline_version=self._version,
        )

    def _append(self, event: RunEvent, at: datetime | None = None) -> datetime:
        at = at or self._clock()
        self._untold.tell()
        self._ledger.append_run(self._run, event, at)
        return at


class StepProgress:
    """Records the events of one step in one try."""

    def __init__(self, untold: _Untold, index: int, step: Step, attempt: int, clock: Clock) -> None:
        self._untold = untold
        self._index = index
        self._step = step
        self._attempt = attempt
        self._clock = clock
        self._told = 0
        self._last = clock()

    def started(self) -> None:
        """Records that the step begins."""
        self._append(Status.RUNNING)
        self._untold.tell_due()

    def message(self, text: str, level: str = "INFO") -> None:
        """Records a message for the run's owner; `level` is INFO or WARNING."""
        self._append(Status.RUNNING, level=level, text=text)
        self._untold.tell_due()

    def update(self, text: str, rows: int | None = None) -> None:
        """Records a progress text at most every 20 seconds; may be called at any rate."""
        if self._clock() - self._last >= HEARTBEAT_EVERY:
            self._append(Status.RUNNING, progress=text, rows=rows)
        self._untold.tell_due()

    def succeeded(self, rows: int | None) -> None:
        """Records that the step is done; `rows` is the number of rows it made, `None` where it makes none.

        The ledger gets it with the start of the next step, or before the end of the run.
        """
        self._append(Status.SUCCESS, rows=rows)

    def failed(self, message: str) -> None:
        """Records that the step has failed, and with it the run or this try of it."""
        self._append(Status.FAILED, error=message)
        self._untold.tell()

    def _append(
        self,
        status: Status,
        *,
        rows: int | None = None,
        progress: str | None = None,
        level: str | None = None,
        text: str | None = None,
        error: str | None = None,
    ) -> None:
        self._told += 1
        self._last = self._clock()
        event = StepEvent(
            index=self._index,
            name=self._step.name,
            type=self._step.type.value,
            status=status,
            attempt=self._attempt,
            key=str(self._told),
            rows=rows,
            progress=progress,
            level=level,
            text=text,
            error=error,
        )
        self._untold.events.append((event, self._last))
