"""One task: its runs, one after another, each with its own claim, events and end.

One that fails keeps no other from being worked on. A later try of the task goes on where this one stopped, since runs
that are over are left alone. What nobody came to is PENDING still, and the sweep enqueues it.
"""

import gc
import logging
from collections.abc import Sequence

from cloudact import logs
from cloudact.errors import Retry
from cloudact.runs.run import Run, Status
from jobs.engine import DONE, TERMINATED, TRY_AGAIN, Job, work
from jobs.execution import Execution
from jobs.termination import Termination

log = logging.getLogger(__name__)


def work_through(job: Job, runs: Sequence[Run], execution: Execution, termination: Termination) -> int:
    """Brings every run to its end that is ours, and answers the exit code of all: whether to try again."""
    code = DONE
    try:
        runs = _in_turn(job, runs, execution)
    except Retry as err:
        log.warning(err.message, exc_info=err)
        return TRY_AGAIN
    for number, run in enumerate(runs, start=1):
        code = max(code, _work(job, run, execution))
        if termination.came and number < len(runs):
            log.warning("stopped; %d runs are left", len(runs) - number)
            return TERMINATED
    return code


def _in_turn(job: Job, runs: Sequence[Run], execution: Execution) -> Sequence[Run]:
    """A run that an earlier try has begun and not ended may have been its death, so the others come first."""
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
    job.meter.begin()
    gc.collect()  # a run's files lie in memory until the last that refers to them is gone
    log.log(logging.INFO if code == DONE else logging.WARNING, "exit code %d", code)
    return code
