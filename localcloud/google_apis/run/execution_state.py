"""The visible states of an execution, from created to finished, as `executions.get` shows them. Pure."""

from datetime import datetime

from google.cloud import run_v2

from localcloud.google_apis.wire_types import Execution

_State = run_v2.Condition.State
_Reason = run_v2.Condition.ExecutionReason

LOST = "The local cloud was restarted while this execution was running."


def opened(execution: Execution, now: datetime) -> Execution:
    """Created, nothing runs yet."""
    execution.create_time = execution.update_time = now
    execution.reconciling = True
    return _concluded(execution, now, _State.CONDITION_RECONCILING, "Waiting for execution to complete.")


def started(execution: Execution, now: datetime) -> Execution:
    """One more task runs."""
    execution.start_time = execution.start_time or now
    execution.running_count += 1
    execution.update_time = now
    return execution


def cancelled(execution: Execution, now: datetime) -> Execution:
    """Cancellation was asked for; tasks may still be stopping."""
    message = "Execution is being cancelled."
    _concluded(execution, now, _State.CONDITION_RECONCILING, message, _Reason.CANCELLING)
    return execution


def finished(execution: Execution, now: datetime) -> Execution:
    """All tasks have ended."""
    execution.completion_time = execution.update_time = now
    execution.reconciling = False
    if execution.cancelled_count:
        message = "The execution was cancelled."
        return _concluded(execution, now, _State.CONDITION_FAILED, message, _Reason.CANCELLED)
    if execution.failed_count:
        message = f"{execution.failed_count} of {execution.task_count} tasks failed past their retries."
        return _concluded(execution, now, _State.CONDITION_FAILED, message, _Reason.NON_ZERO_EXIT_CODE)
    return _concluded(execution, now, _State.CONDITION_SUCCEEDED, "Execution completed successfully.")


def lost(execution: Execution, now: datetime) -> Execution:
    """The process that ran it is gone: whatever had not ended has failed."""
    ended = execution.succeeded_count + execution.failed_count + execution.cancelled_count
    execution.failed_count += execution.task_count - ended
    execution.running_count = 0
    finished(execution, now)
    execution.conditions[0].message = LOST
    return execution


def _concluded(
    execution: Execution,
    now: datetime,
    state: int,
    message: str,
    reason: int | None = None,
) -> Execution:
    execution.conditions = [
        run_v2.Condition(
            type_="Completed", state=state, message=message, last_transition_time=now, execution_reason=reason
        )
    ]
    return execution
