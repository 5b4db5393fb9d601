"""One task: works on its runs one after another, each with its own claim, events and end.

A run that fails does not stop the others. A later try of the task skips runs that are over. A run that no try reached
is still PENDING, and the sweep enqueues it.
"""

import gc
import logging
from collections.abc import Sequence

from cloudact import logs
from cloudact.errors import Retry
from cloudact.runs.run import Run, Status
from jobs.attempt import DONE, TERMINATED, TRY_AGAIN, Job, work
from jobs.container import Execution
from jobs.termination import Termination

log = logging.getLogger(__name__)


def work_through(job: Job, runs: Sequence[Run], execution: Execution, termination: Termination) -> int:
    """Brings every run to its end that this execution owns, and returns the task's exit code."""
    code = DONE
    try:
        runs = _in_turn(job, runs, execution)
    except Retry as err:
        log.warning(err.message, exc_info=err)
        return TRY_AGAIN
    if execution.attempt:
        job.looks.resume(runs)
    for number, run in enumerate(runs, start=1):
        if number > 1:
            job.meter.begin()
            gc.collect()  # a run's files lie in memory until the last that refers to them is gone
        code = max(code, _work(job, run, execution))
        if termination.came and number < len(runs):
            log.warning("stopped; %d runs are left", len(runs) - number)
            return TERMINATED
    if not termination.came:
        job.looks.tell()
    return code


def _in_turn(job: Job, runs: Sequence[Run], execution: Execution) -> Sequence[Run]:
    """Runs in working order: one that an earlier try began without ending may have crashed it, so it comes last."""
    if not execution.attempt or len(runs) == 1:
        return runs
    return sorted(runs, key=lambda run: job.ledger.status(run) is Status.RUNNING)


def _work(job: Job, run: Run, execution: Execution) -> int:
    where = {"execution": execution.name, "task_index": execution.task_index, "attempt": execution.attempt}
    logs.reset(**where, run_id=run.run_id, org_slug=run.org_slug, pipeline=run.pipeline)
    log.info("run taken up", extra={"fields": {"date": run.date}})
    try:
        code = work(job, run, execution)
    except Exception as err:  # whatever it is, the other runs are not to blame
        log.error("the run could not be worked on", exc_info=err)
        code = TRY_AGAIN
    log.log(logging.INFO if code == DONE else logging.WARNING, "exit code %d", code)
    return code
