"""The Jobs service of the Cloud Run Admin API v2. Starting an execution is not idempotent, as at Google."""

import secrets
import uuid
from typing import Any

from google.cloud import run_v2
from google.rpc import code_pb2

from localcloud.google_apis.clock import Clock
from localcloud.google_apis.message_store import MessageStore
from localcloud.google_apis.rest.errors import AlreadyExists, InvalidArgument
from localcloud.google_apis.rest.operations import Operations
from localcloud.google_apis.rest.paging import page
from localcloud.google_apis.run.execution_state import opened
from localcloud.google_apis.run.names import checked_job_id, location_of, not_found, short_name
from localcloud.google_apis.run.overrides import complete_template, overridden
from localcloud.google_apis.run.region import Region
from localcloud.google_apis.wire_types import Execution, Job, Operation

_SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


class Jobs:
    """Create, read, replace, delete and run jobs."""

    def __init__(
        self,
        jobs: MessageStore[Job],
        executions: MessageStore[Execution],
        region: Region,
        operations: Operations,
        clock: Clock,
    ) -> None:
        self._jobs = jobs
        self._executions = executions
        self._region = region
        self._operations = operations
        self._clock = clock

    def create_job(self, request: run_v2.CreateJobRequest) -> Operation:
        """CreateJob."""
        name = f"{request.parent}/jobs/{checked_job_id(request.job_id)}"
        job = self._completed(request.job, name)
        job.create_time = job.update_time
        with self._jobs.transaction():
            if self._jobs.find(name):
                raise AlreadyExists(f"Resource '{request.job_id}' already exists.")
            return self._saved(job, request.validate_only)

    def update_job(self, request: run_v2.UpdateJobRequest) -> Operation:
        """UpdateJob replaces the whole definition; there is no mask."""
        job = self._completed(request.job, request.job.name)
        job.create_time = job.update_time
        with self._jobs.transaction():
            existing = self._jobs.find(job.name)
            if existing:
                _continue(job, existing)
            elif not request.allow_missing:
                raise not_found("JOB", job.name)
            return self._saved(job, request.validate_only)

    def _completed(self, given: Job, name: str) -> Job:
        job: Job = run_v2.Job(given)
        complete_template(job.template)
        job.name, job.uid, job.etag = name, str(uuid.uuid4()), secrets.token_hex(8)
        job.generation = job.observed_generation = 1
        job.update_time = self._clock()
        ready = run_v2.Condition.State.CONDITION_SUCCEEDED
        job.terminal_condition = run_v2.Condition(type_="Ready", state=ready)
        return job

    def _saved(self, job: Job, validate_only: bool) -> Operation:
        if not validate_only:
            self._jobs.save(job)
        return self._operations.completed(location_of(job.name), job, job)

    def get_job(self, request: run_v2.GetJobRequest) -> Job:
        """GetJob."""
        return self._existing(request.name)

    def list_jobs(self, request: run_v2.ListJobsRequest) -> run_v2.ListJobsResponse:
        """ListJobs."""
        jobs, token = page(self._jobs.under(f"{request.parent}/jobs/"), request, 1000)
        return run_v2.ListJobsResponse(jobs=jobs, next_page_token=token)

    def delete_job(self, request: run_v2.DeleteJobRequest) -> Operation:
        """DeleteJob: its running executions are stopped, all are forgotten."""
        job = self._existing(request.name)
        if not request.validate_only:
            self._jobs.delete(request.name)
            self._delete_executions(request.name)
        return self._operations.completed(location_of(job.name), job, job)

    def _delete_executions(self, job_name: str) -> None:
        for execution in self._executions.under(f"{job_name}/executions/"):
            self._executions.delete(execution.name)
            self._region.cancel(execution.name, lambda _ended: None)

    def run_job(self, request: run_v2.RunJobRequest) -> Operation:
        """RunJob: answers as soon as the execution exists; every call makes another one."""
        with self._jobs.transaction():
            job = self._existing(request.name)
            if request.etag and request.etag != job.etag:
                raise InvalidArgument(f"The etag of job '{short_name(job.name)}' does not match.")
            execution = self._new_execution(job, request.overrides)
            if request.validate_only:
                return self._operations.completed(location_of(job.name), execution, execution)
            self._executions.save(execution)
            self._remember(job, execution)
        operation = self._operations.start(location_of(job.name), execution)
        self._region.start(execution, lambda ended: self._conclude(operation.name, ended))
        return operation

    def _new_execution(self, job: Job, overrides: Any) -> Execution:
        template = overridden(job.template, overrides)
        suffix = "".join(secrets.choice(_SUFFIX_ALPHABET) for _ in range(5))
        execution = run_v2.Execution(
            name=f"{job.name}/executions/{short_name(job.name)}-{suffix}",
            uid=str(uuid.uuid4()), generation=1, observed_generation=1, etag=secrets.token_hex(8),
            job=short_name(job.name), labels={**job.labels, **template.labels},
            annotations=dict(template.annotations), parallelism=template.parallelism,
            task_count=template.task_count, template=template.template,
        )  # fmt: skip
        execution.log_uri = self._region.log_uri(execution.name)
        return opened(execution, self._clock())

    def _remember(self, job: Job, execution: Execution) -> None:
        job.execution_count += 1
        job.latest_created_execution = run_v2.ExecutionReference(
            name=short_name(execution.name), create_time=execution.create_time
        )
        self._jobs.save(job)

    def _conclude(self, operation: str, execution: Execution) -> None:
        if execution.cancelled_count or execution.failed_count:
            code = code_pb2.CANCELLED if execution.cancelled_count else code_pb2.FAILED_PRECONDITION
            self._operations.fail(operation, execution, code, execution.conditions[0].message)
        else:
            self._operations.succeed(operation, execution, execution)

    def _existing(self, name: str) -> Job:
        job = self._jobs.find(name)
        if job is None:
            raise not_found("JOB", name)
        return job


def _continue(job: Job, existing: Job) -> None:
    """The new definition takes over what belongs to the job and not to its definition."""
    job.generation = job.observed_generation = existing.generation + 1
    job.uid, job.create_time = existing.uid, existing.create_time
    job.execution_count = existing.execution_count
    if "latest_created_execution" in existing:
        job.latest_created_execution = existing.latest_created_execution
