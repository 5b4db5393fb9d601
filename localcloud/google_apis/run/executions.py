"""The Executions service of the Cloud Run Admin API v2."""

from google.cloud import run_v2

from localcloud.google_apis.message_store import MessageStore
from localcloud.google_apis.rest.errors import FailedPrecondition
from localcloud.google_apis.rest.operations import Operations
from localcloud.google_apis.rest.paging import page
from localcloud.google_apis.run.names import location_of, not_found, short_name
from localcloud.google_apis.run.region import Region
from localcloud.google_apis.wire_types import Execution, Operation


class Executions:
    """Read, cancel and delete executions."""

    def __init__(self, executions: MessageStore[Execution], region: Region, operations: Operations) -> None:
        self._executions = executions
        self._region = region
        self._operations = operations

    def get_execution(self, request: run_v2.GetExecutionRequest) -> Execution:
        """GetExecution; `template` holds the effective arguments and environment."""
        execution = self._executions.find(request.name)
        if execution is None:
            raise not_found("EXECUTION", request.name)
        return execution

    def list_executions(self, request: run_v2.ListExecutionsRequest) -> run_v2.ListExecutionsResponse:
        """ListExecutions, newest first; the job `-` means those of all jobs."""
        prefix = request.parent.removesuffix("-") if request.parent.endswith("/-") else f"{request.parent}/"
        newest_first = self._executions.under(prefix)[::-1]
        executions, token = page(newest_first, request, 1000)
        return run_v2.ListExecutionsResponse(executions=executions, next_page_token=token)

    def cancel_execution(self, request: run_v2.CancelExecutionRequest) -> Operation:
        """CancelExecution: done when the last process has ended."""
        execution = self.get_execution(request)
        operation = self._operations.start(location_of(execution.name), execution)

        def ended(final: Execution) -> None:
            self._operations.succeed(operation.name, final, final)

        if request.validate_only:
            ended(execution)
        elif not self._region.cancel(execution.name, ended):
            raise FailedPrecondition(f"Execution '{short_name(execution.name)}' has already completed.")
        return operation

    def delete_execution(self, request: run_v2.DeleteExecutionRequest) -> Operation:
        """DeleteExecution of a finished execution."""
        execution = self.get_execution(request)
        if not execution.completion_time:
            raise FailedPrecondition(f"Execution '{short_name(execution.name)}' is still running.")
        self._executions.delete(execution.name)
        return self._operations.completed(location_of(execution.name), execution, execution)
