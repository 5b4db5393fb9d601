"""Works on one run: claim, steps, final status. Decides what a failure means for the ledger and for the platform.

The exit code tells Cloud Run only whether to try again; the outcome of the run is in the ledger:
    0  the run has a final status, or is not ours to work on
    1  passing trouble: try again
  143  stopped by SIGTERM before the end: try again
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

import stamina

from cloudact.clock import Clock
from cloudact.error_codes import Code
from cloudact.errors import OURS_TO_MEND, CloudActError, Exhausted, Postponed, Retry, RunError, Skip, Stop
from cloudact.notify.notifications import cost_fell, run_failed
from cloudact.notify.notifier import Notifier
from cloudact.pipelines.config import Step
from cloudact.pipelines.steps import StepType
from cloudact.runs.ledger import Ledger
from cloudact.runs.load import OVER_LOAD_QUOTA, AlreadySettled, Outcome, RunLoad
from cloudact.runs.run import Run, Status
from cloudact.runs.run_cost import Cost
from cloudact.runs.run_log import log_run_ended
from cloudact.warehouse.bigquery import Warehouse
from jobs.claim import Claim, claim
from jobs.container import Execution
from jobs.day_load import Loaded
from jobs.meter import Meter
from jobs.progress import RunProgress, StepProgress
from jobs.termination import Terminated

log = logging.getLogger(__name__)
Done = TypeVar("Done")
DONE, TRY_AGAIN, TERMINATED = 0, 1, 143


class Processor(Protocol):
    """Works through the steps of one run. Built for each run, so it may keep what one step leaves for the next."""

    loaded: Loaded | None

    @property
    def bytes_billed(self) -> int:
        """Bytes of queries that the customer has paid for so far."""

    def run(self, step: Step, progress: StepProgress) -> int | None:
        """Does one step, and returns the number of rows that came out of it."""


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
        self._processor: Processor | None = None
        self._step: StepProgress | None = None

    def work(self) -> int:
        """Runs the steps and records the outcome; raises `Retry` and `Skip` where recording itself fails."""
        try:
            self._progress.running()
            if self._execution.attempt and self._decided_before():
                return DONE
            self._run_steps()
        except AlreadySettled as err:
            self._record_end(err.outcome, ours=False)
        except Skip:
            raise
        except Terminated as err:
            log.warning("SIGTERM")
            return self._ended_badly(_as_run_error(err), TERMINATED)
        except Exception as err:
            error = _as_run_error(err)
            log.error(error.message, extra={"fields": {"code": error.code}}, exc_info=error)
            return self._ended_badly(error, TRY_AGAIN)
        return DONE

    def _decided_before(self) -> bool:
        """Records the outcome that an earlier try decided but did not record. Returns whether there is one."""
        outcome = self._load.outcome(tick=_no_tick)
        if outcome is None:
            return False
        if outcome.status is Status.SUCCESS:
            self._record_steps_done(outcome)
        self._record_end(outcome)
        return True

    def _record_steps_done(self, outcome: Outcome) -> None:
        for index, step in enumerate(self._job.steps(self._run)):
            progress = self._progress.step(index, step)
            progress.started()
            progress.message("An earlier try of this run had done this.")
            progress.succeeded(outcome.rows if step.type is StepType.LOAD else None)

    def _run_steps(self) -> None:
        steps = self._job.steps(self._run)
        processor = self._processor = _patiently(lambda: self._job.processor(self._run, self._own, self._load))
        for index, step in enumerate(steps):
            self._job.ensure_wanted(self._run)
            progress = self._step = self._progress.step(index, step)
            progress.started()
            progress.succeeded(_patiently(partial(processor.run, step, progress)))
        outcome = _success(processor.loaded)
        if processor.loaded and processor.loaded.fell:
            self._job.notifier.notify(cost_fell(self._run, processor.loaded.fell, self._job.clock()))
        self._end(outcome)

    def _ended_badly(self, error: RunError, again: int) -> int:
        """Raises for another try where one may help and is left; otherwise settles the run through its load."""
        self._job.ensure_wanted(self._run)
        if self._step:
            self._step.failed(error.message)
        if error.retryable and not isinstance(error, Postponed) and not self._execution.last_attempt:
            self._progress.tried(self._cost())
            return again
        wish = Outcome(Status.FAILED, error=error, at=self._job.clock())
        self._record_end(_patiently(lambda: self._load.settle(wish, tick=_no_tick)))
        return DONE

    def _record_end(self, outcome: Outcome, *, ours: bool = True) -> None:
        """Records the final event and notifies. `ours=False`: another process settled the run, and has logged its end.

        Notifies first: after a crash in between, the next try does both again.
        """
        if outcome.status is Status.FAILED and outcome.error and not self._is_repeated(outcome.error):
            self._job.notifier.notify(run_failed(self._run, outcome.error, outcome.at or self._job.clock()))
        if self._step and outcome.rows is not None:
            self._step.succeeded(outcome.rows)
        _patiently(lambda: self._end(outcome, ours=ours))

    def _is_repeated(self, error: RunError) -> bool:
        """Whether the daily call repeats the date before its org need do anything."""
        return error.code == OVER_LOAD_QUOTA and not self._run.trigger_type.counted

    def _end(self, outcome: Outcome, *, ours: bool = True) -> None:
        bytes_billed = self._processor.bytes_billed if self._processor else 0
        event, at = self._progress.ended(outcome, bytes_billed, self._cost())
        if ours:
            log_run_ended(self._run, event, at)

    def _cost(self) -> Cost:
        return self._job.meter.cost().after(self._earlier)


def _success(loaded: Loaded | None) -> Outcome:
    """Outcome of a run whose steps all went well. Raises `Stop` for one that loaded nothing: its pipeline is wrong."""
    if loaded is None:
        raise Stop(
            Code.NOTHING_LOADED, "The pipeline's steps loaded nothing.", "This is ours to mend; contact support."
        )
    return Outcome(Status.SUCCESS, rows=loaded.rows, at=loaded.at, result=loaded.result.text)


def _patiently(act: Callable[[], Done]) -> Done:
    """Calls the act up to three times while its failure may pass: every step may be repeated."""
    for attempt in stamina.retry_context(on=_worth_repeating, attempts=3, timeout=None, wait_initial=0.5, wait_max=20):
        with attempt:
            done = act()
    return done


def _worth_repeating(err: Exception) -> bool:
    """Whether repeating may help here: loads and calls of providers were repeated already."""
    return isinstance(err, Retry) and not isinstance(err, Exhausted)


def _no_tick() -> None:
    """Does nothing: no heartbeat while a run that is ending waits."""


def _as_run_error(err: BaseException) -> RunError:
    if isinstance(err, RunError):
        return err
    if isinstance(err, Terminated):
        return Retry(Code.TERMINATED, "The run was stopped before its end.", "Start the run again.")
    if isinstance(err, CloudActError):
        return Stop(Code.MISCONFIGURED, str(err), OURS_TO_MEND)
    wrapped = Retry(
        Code.INTERNAL_ERROR, "Something went wrong on our side.", "It is tried again; else contact support."
    )
    wrapped.__cause__ = err
    return wrapped
