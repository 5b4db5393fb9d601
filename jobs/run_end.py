"""The end of a run: SUCCESS or FAILED, decided once through its load, recorded in the ledger, notified to its org."""

from collections.abc import Callable
from dataclasses import dataclass

from cloudact.clock import Clock
from cloudact.error_codes import Code
from cloudact.errors import OURS_TO_MEND, CloudActError, Retry, RunError, Stop
from cloudact.notify.notifications import cost_fell, run_failed
from cloudact.notify.notifier import Notifier
from cloudact.runs.load import OVER_LOAD_QUOTA, Outcome, RunLoad
from cloudact.runs.run import Run, Status
from cloudact.runs.run_cost import Cost
from cloudact.runs.run_log import log_run_ended
from jobs.day_load import Loaded
from jobs.patience import patiently
from jobs.progress import RunProgress, StepProgress
from jobs.termination import Terminated


@dataclass(frozen=True)
class RunEnd:
    """Ends one run on behalf of one attempt. `cost` and `bytes_billed` are asked when the end is recorded."""

    run: Run
    load: RunLoad
    progress: RunProgress
    notifier: Notifier
    clock: Clock
    cost: Callable[[], Cost]
    bytes_billed: Callable[[], int]

    def succeeded(self, loaded: Loaded | None) -> None:
        """Records SUCCESS, and notifies of a cost that fell. Raises `Stop` where nothing was loaded."""
        if loaded is None:
            raise Stop(
                Code.NOTHING_LOADED, "The pipeline's steps loaded nothing.", "This is ours to mend; contact support."
            )
        if loaded.fell:
            self.notifier.notify(cost_fell(self.run, loaded.fell, self.clock()))
        self._write(Outcome(Status.SUCCESS, rows=loaded.rows, at=loaded.at, result=loaded.result.text))

    def failed(self, error: RunError, step: StepProgress | None) -> None:
        """Settles the run as FAILED, unless its load has decided otherwise meanwhile, and records what was decided."""
        wish = Outcome(Status.FAILED, error=error, at=self.clock())
        self.decided(patiently(lambda: self.load.settle(wish, tick=no_tick)), step)

    def decided(self, outcome: Outcome, step: StepProgress | None, *, ours: bool = True) -> None:
        """Records an end that is decided, and notifies. `ours=False`: another process settled it, and has logged it.

        Notifies first: after a crash in between, the next try does both again.
        """
        if outcome.status is Status.FAILED and outcome.error and not self._is_repeated(outcome.error):
            self.notifier.notify(run_failed(self.run, outcome.error, outcome.at or self.clock()))
        if step and outcome.rows is not None:
            step.succeeded(outcome.rows)
        patiently(lambda: self._write(outcome, ours=ours))

    def _is_repeated(self, error: RunError) -> bool:
        """Whether the daily call repeats the date before its org need do anything."""
        return error.code == OVER_LOAD_QUOTA and not self.run.trigger_type.counted

    def _write(self, outcome: Outcome, *, ours: bool = True) -> None:
        event, at = self.progress.ended(outcome, self.bytes_billed(), self.cost())
        if ours:
            log_run_ended(self.run, event, at)


def no_tick() -> None:
    """Does nothing: no heartbeat while a run that is ending waits."""


def as_run_error(err: BaseException) -> RunError:
    """Returns the failure as what a run can end with: a code, a sentence and a hint, retryable or not."""
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
