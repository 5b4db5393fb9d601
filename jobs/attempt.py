"""Works on one run: claim, steps, end. Decides whether a failure is worth another try.

The exit code tells Cloud Run only whether to try again; the outcome of the run is in the ledger (`run_end`):
    0  the run has a final status, or is not ours to work on
    1  passing trouble: try again
  143  stopped by SIGTERM before the end: try again
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from cloudact.clock import Clock
from cloudact.errors import Postponed, Retry, RunError, Skip
from cloudact.notify.notifier import Notifier
from cloudact.pipelines.config import Step
from cloudact.pipelines.steps import StepType
from cloudact.runs.ledger import Ledger
from cloudact.runs.load import AlreadySettled, Outcome, RunLoad
from cloudact.runs.run import Run, Status
from cloudact.runs.run_cost import Cost
from cloudact.warehouse.bigquery import Warehouse
from jobs.claim import Claim, claim
from jobs.container import Execution
from jobs.day_load import Loaded
from jobs.heartbeat import CancellationCheck
from jobs.looks import Looks
from jobs.meter import Meter
from jobs.patience import patiently
from jobs.progress import RunProgress, StepProgress
from jobs.run_end import RunEnd, as_run_error, no_tick
from jobs.termination import Terminated

log = logging.getLogger(__name__)
DONE, TRY_AGAIN, TERMINATED = 0, 1, 143


class Processor(Protocol):
    """Works through the steps of one run. Built for each run, so it may keep what one step leaves for the next."""

    loaded: Loaded | None

    @property
    def bytes_billed(self) -> int:
        """Bytes of queries that the customer has paid for so far."""

    def run(self, step: Step, progress: StepProgress) -> int | None:
        """Does one step, and returns the number of rows that came out of it."""

    def close(self) -> None:
        """Deletes what the steps have left on disk."""


@dataclass(frozen=True)
class Job:
    """Collaborators of a container. `steps` and `processor` may fail as any step may.

    `version` returns that of the pipeline's file, `None` where there is none.
    """

    warehouse: Warehouse
    ledger: Ledger
    steps: Callable[[Run], Sequence[Step]]
    processor: Callable[[Run, Claim, RunLoad], Processor]
    clock: Clock
    notifier: Notifier
    meter: Meter
    version: Callable[[Run], str | None]
    looks: Looks

    def ensure_wanted(self, run: Run) -> None:
        """Raises `Skip` where the run has a final status: cancelled, swept, or done by an earlier delivery."""
        status = self.ledger.status(run)
        if status is not None and status.final:
            raise Skip(f"run {run.run_id} is {status} already")


def work(job: Job, run: Run, execution: Execution) -> int:
    """Brings the run to a final status if this execution owns it, and returns the exit code."""
    try:
        job.ensure_wanted(run)
        own = claim(job.warehouse, run, execution, job.clock())
        earlier = job.ledger.cost(run) if execution.attempt else None
        return _Attempt(job, run, execution, own, earlier).work()
    except Skip as skip:
        log.info(str(skip))
        return DONE
    except Retry as err:
        log.warning(err.message, exc_info=err)
        return TRY_AGAIN
    except Terminated:
        log.warning("stopped before the run was taken up")
        return TERMINATED


class _Attempt:
    """One try of a run that this execution owns."""

    def __init__(self, job: Job, run: Run, execution: Execution, own: Claim, earlier: Cost | None) -> None:
        self._job = job
        self._run = run
        self._execution = execution
        self._own = own
        self._earlier = earlier
        self._load = RunLoad(job.warehouse, run.run_id)
        self._progress = RunProgress(job.ledger, run, execution, own.started_at, job.clock, job.version(run))
        self._check_wanted = CancellationCheck(lambda: job.ensure_wanted(run), job.clock)
        self._processor: Processor | None = None
        self._step: StepProgress | None = None
        self._end = RunEnd(
            run, self._load, self._progress, job.notifier, job.clock, cost=self._cost, bytes_billed=self._bytes_billed
        )

    def work(self) -> int:
        """Runs the steps and records the outcome; raises `Retry` and `Skip` where recording itself fails."""
        try:
            self._progress.running()
            if self._execution.attempt and self._decided_before():
                return DONE
            self._run_steps()
        except AlreadySettled as err:
            self._end.decided(err.outcome, self._step, ours=False)
        except Skip:
            raise
        except Terminated as err:
            log.warning("SIGTERM")
            return self._ended_badly(as_run_error(err), TERMINATED)
        except Exception as err:
            error = as_run_error(err)
            log.error(error.message, extra={"fields": {"code": error.code}}, exc_info=error)
            return self._ended_badly(error, TRY_AGAIN)
        finally:
            if self._processor:  # the process ends without finalizers
                self._processor.close()
            self._progress.tell()
        return DONE

    def _decided_before(self) -> bool:
        """Records the outcome that an earlier try decided but did not record. Returns whether there is one."""
        outcome = self._load.outcome(tick=no_tick)
        if outcome is None:
            return False
        if outcome.status is Status.SUCCESS:
            self._record_steps_done(outcome)
        self._end.decided(outcome, self._step)
        return True

    def _record_steps_done(self, outcome: Outcome) -> None:
        for index, step in enumerate(self._job.steps(self._run)):
            progress = self._progress.step(index, step)
            progress.started()
            progress.message("An earlier try of this run had done this.")
            progress.succeeded(outcome.rows if step.type is StepType.LOAD else None)

    def _run_steps(self) -> None:
        steps = self._job.steps(self._run)
        processor = self._processor = patiently(lambda: self._job.processor(self._run, self._own, self._load))
        for index, step in enumerate(steps):
            self._check_wanted()
            progress = self._step = self._progress.step(index, step)
            progress.started()
            progress.succeeded(patiently(partial(processor.run, step, progress)))
        self._end.succeeded(processor.loaded)

    def _ended_badly(self, error: RunError, again: int) -> int:
        """Raises for another try where one may help and is left; otherwise settles the run through its load."""
        self._job.ensure_wanted(self._run)
        if self._step:
            self._step.failed(error.message)
        if error.retryable and not isinstance(error, Postponed) and not self._execution.last_attempt:
            self._progress.tried(self._cost())
            return again
        self._end.failed(error, self._step)
        return DONE

    def _bytes_billed(self) -> int:
        return self._processor.bytes_billed if self._processor else 0

    def _cost(self) -> Cost:
        return self._job.meter.cost().after(self._earlier)
