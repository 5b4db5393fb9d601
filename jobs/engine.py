"""Runs one run: claim, steps, final status. Decides what a failure means for the ledger and for the platform.

The exit code speaks to the platform and says only whether to try again; what became of the run is in the ledger:
    0  the run has a final status, or is not ours to work on
    1  passing trouble: try again
  143  stopped by SIGTERM before the end: try again
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from cloudact.clock import Clock
from cloudact.errors import CloudActError, Retry, RunError, Skip, Stop
from cloudact.ledger import Ledger
from cloudact.pipelines import Step
from cloudact.runs import Run
from cloudact.warehouse import Warehouse
from jobs.claim import Claim, claim
from jobs.execution import Execution
from jobs.story import RunStory, StepStory
from jobs.termination import Terminated

log = logging.getLogger(__name__)
DONE, TRY_AGAIN, TERMINATED = 0, 1, 143


class Processor(Protocol):
    """Works through the steps of one run; built anew for each run, so it may carry what one step leaves the next."""

    bytes_billed: int
    rows_loaded: int

    def run(self, step: Step, story: StepStory) -> int | None:
        """Does one step and answers how many rows came out of it."""


BuildProcessor = Callable[[Run, Claim], tuple[Sequence[Step], Processor]]


@dataclass(frozen=True)
class Job:
    """The collaborators of a container."""

    warehouse: Warehouse
    ledger: Ledger
    build: BuildProcessor
    clock: Clock


def work(job: Job, run: Run, execution: Execution) -> int:
    """Brings the run to a final status if it is ours, and answers the exit code."""
    try:
        ensure_wanted(job.ledger, run)
        own = claim(job.warehouse, run, execution, job.clock())
        story = RunStory(job.ledger, run, execution, own.started_at, job.clock)
        story.running()
    except Skip as skip:
        log.info(str(skip), extra={"fields": {"run_id": run.run_id}})
        return DONE
    except Retry as err:
        log.warning(err.message, extra={"fields": {"run_id": run.run_id}}, exc_info=err)
        return TRY_AGAIN
    return _tell_end(job, run, execution, own, story)


def ensure_wanted(ledger: Ledger, run: Run) -> None:
    """Raises `Skip` where the run has a final status: cancelled, swept, or done by an earlier delivery."""
    status = ledger.status(run)
    if status is not None and status.final:
        raise Skip(f"run {run.run_id} is {status} already")


def _tell_end(job: Job, run: Run, execution: Execution, own: Claim, story: RunStory) -> int:
    trail = _Trail()
    try:
        _run_steps(job, run, own, story, trail)
        story.succeeded(trail.rows_loaded, trail.bytes_billed)
    except Skip as skip:
        log.info(str(skip), extra={"fields": {"run_id": run.run_id}})
    except Terminated:
        return _terminated(job, run, execution, story, trail)
    except Exception as err:
        return _failed(_as_run_error(err), execution, story, trail, run)
    return DONE


class _Trail:
    """What is known of the processor when the run ends, however it ends."""

    processor: Processor | None = None

    @property
    def bytes_billed(self) -> int:
        return self.processor.bytes_billed if self.processor else 0

    @property
    def rows_loaded(self) -> int:
        return self.processor.rows_loaded if self.processor else 0


def _run_steps(job: Job, run: Run, own: Claim, story: RunStory, trail: _Trail) -> None:
    steps, trail.processor = job.build(run, own)
    for index, step in enumerate(steps):
        _run_step(trail.processor, step, story.step(index, step))


def _run_step(processor: Processor, step: Step, story: StepStory) -> None:
    story.started()
    try:
        rows = processor.run(step, story)
    except Skip:
        raise
    except (Exception, Terminated) as err:
        story.failed(_as_run_error(err).message)
        raise
    story.succeeded(rows)


def _failed(error: RunError, execution: Execution, story: RunStory, trail: _Trail, run: Run) -> int:
    fields = {"run_id": run.run_id, "org_slug": run.org_slug, "code": error.code}
    log.error(error.message, extra={"fields": fields}, exc_info=error)
    if error.retryable and not execution.last_attempt:
        return TRY_AGAIN
    try:
        story.failed(error, trail.bytes_billed)
    except Retry:
        return TRY_AGAIN
    return DONE


def _terminated(job: Job, run: Run, execution: Execution, story: RunStory, trail: _Trail) -> int:
    """Cancelled runs say so in the ledger already; an interrupted one is tried again, or FAILED at its last try."""
    try:
        ensure_wanted(job.ledger, run)
        if execution.last_attempt:
            story.failed(_as_run_error(Terminated()), trail.bytes_billed)
            return DONE
    except Skip:
        return DONE
    except Retry as err:
        log.warning(err.message, exc_info=err)
    return TERMINATED


def _as_run_error(err: BaseException) -> RunError:
    if isinstance(err, RunError):
        return err
    if isinstance(err, Terminated):
        return Retry("terminated", "The run was stopped before its end.", "Start the run again.")
    if isinstance(err, CloudActError):
        return Stop("misconfigured", str(err), "This is ours to mend; please contact support.")
    wrapped = Retry("internal_error", "Something went wrong on our side.", "It is tried again; else contact support.")
    wrapped.__cause__ = err
    return wrapped
