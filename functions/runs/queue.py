"""The queue: one named Cloud Task per admitted run, or per batch, which starts the job. Owns the Cloud Tasks client."""

import hashlib
import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, TypedDict

from cloudact.clock import Clock
from cloudact.error_codes import Code
from cloudact.errors import Retry
from cloudact.google_errors import translating_google_errors
from cloudact.installation import own_name
from cloudact.runs.batch import BATCH_VARIABLE, Batch
from cloudact.runs.run import MESSAGE_VARIABLE, Run
from cloudact.settings import Settings

if TYPE_CHECKING:
    from google.auth.transport.requests import AuthorizedSession
    from google.cloud.tasks_v2 import CloudTasksClient


class _Call(TypedDict):
    """HTTP request that Cloud Tasks makes, as its client takes one."""

    http_method: str
    url: str
    headers: dict[str, str]
    body: bytes
    oauth_token: dict[str, str]


DELAY = timedelta(seconds=3)  # the task can be read back for this long before it fires
CREATE_TIMEOUT_S = 2.0  # less than the delay, so that what a lost call created can still be asked for
DISPATCH_DEADLINE = timedelta(seconds=60)  # jobs.run answers in about a second
SCOPE = "https://www.googleapis.com/auth/cloud-platform"


class RunQueue:
    """Creates tasks by name, and reads which run a name belongs to."""

    def __init__(
        self,
        client: "Callable[[], CloudTasksClient]",
        http: "Callable[[], AuthorizedSession]",
        settings: Settings,
        clock: Clock,
        *,
        timeout_s: float,
        create_timeout_s: float = CREATE_TIMEOUT_S,
    ) -> None:
        self._build_client = client
        self._build_http = http
        self._settings = settings
        self._clock = clock
        self._timeout_s = timeout_s
        self._create_timeout_s = create_timeout_s

    @cached_property
    def _client(self) -> "CloudTasksClient":
        return self._build_client()

    @cached_property
    def _http(self) -> "AuthorizedSession":
        return self._build_http()

    def create_batch(self, batch: Batch, at: datetime) -> bool:
        """Enqueues the batch for that time. Returns `False` if its task exists, or has fired, which is as good."""
        task_id, start = batch_task_id(batch.batch_id), self._start_batch(batch)
        try:
            return self._create(task_id, start, at)
        except Retry:
            return self._create(task_id, start, at)

    def create(self, task_id: str, run: Run) -> bool:
        """Enqueues the run. Returns `False` for a task name that exists, or existed in the last 24 h.

        An answer that got lost leaves open whether the task exists, so the call is made once more: the name makes that
        safe, and a task of this very run that is found then is the one the lost call made.
        """
        start = self._start_run(run)
        try:
            return self._create(task_id, start, self._clock() + DELAY)
        except Retry:
            if self._create(task_id, start, self._clock() + DELAY):
                return True
        owner = self.owner(task_id)
        if owner is None:  # the lost call's own task may have fired meanwhile: not a slot that someone else has
            raise Retry(Code.CLOUD_TASKS_UNCLEAR, "Cloud Tasks did not say whether the run was admitted.")
        return owner == run.run_id

    def _create(self, task_id: str, start: _Call, at: datetime) -> bool:
        from google.api_core.exceptions import Conflict

        task = {
            "name": self._name(task_id),
            "schedule_time": at,
            "dispatch_deadline": DISPATCH_DEADLINE,
            "http_request": start,
        }
        with translating_google_errors("Cloud Tasks"):
            try:
                self._client.create_task(
                    request={"parent": self._settings.queue_path, "task": task}, timeout=self._create_timeout_s
                )
            except Conflict:
                return False
        return True

    def look(self, timeout_s: float) -> None:
        """Reads the queue; raises where Cloud Tasks does not answer within `timeout_s` seconds, or refuses us."""
        with translating_google_errors("Cloud Tasks"):
            self._client.get_queue(name=self._settings.queue_path, timeout=timeout_s, retry=None)

    def delete(self, task_id: str) -> None:
        """Deletes the task; one that has fired or is gone already is no error."""
        from google.api_core.exceptions import NotFound

        with translating_google_errors("Cloud Tasks"):
            try:
                self._client.delete_task(request={"name": self._name(task_id)}, timeout=self._timeout_s)
            except NotFound:
                return

    def cancel_execution(self, execution: str) -> None:
        """Cancels the execution: Cloud Run sends SIGTERM to its containers. One that has ended is no error.

        Plain HTTP: the one call is not worth Cloud Run's whole client in a function's cold start.
        """
        with translating_google_errors("Cloud Run"):
            answer = self._http.post(
                f"{self._settings.job_url}/executions/{execution}:cancel", json={}, timeout=self._timeout_s
            )
        if not answer.ok and answer.status_code != HTTPStatus.NOT_FOUND:
            raise Retry(Code.CLOUD_RUN_REFUSED, f"Cloud Run did not cancel {execution}: {answer.status_code}.")

    def owner(self, task_id: str) -> str | None:
        """Run id, or batch id, that the task starts; `None` once it has fired or was deleted."""
        from google.api_core.exceptions import NotFound
        from google.cloud.tasks_v2 import Task

        request = {"name": self._name(task_id), "response_view": Task.View.FULL}
        with translating_google_errors("Cloud Tasks"):
            try:
                task = self._client.get_task(request=request, timeout=self._timeout_s)
            except NotFound:
                return None
        return _started_by(task.http_request.body)

    def _name(self, task_id: str) -> str:
        return f"{self._settings.queue_path}/tasks/{own_name(task_id, self._settings.installation)}"

    def _start_run(self, run: Run) -> _Call:
        return self._start_job(MESSAGE_VARIABLE, run.model_dump_json())

    def _start_batch(self, batch: Batch) -> _Call:
        return self._start_job(BATCH_VARIABLE, batch.model_dump_json(), taskCount=len(batch.tasks))

    def _start_job(self, variable: str, message: str, **overrides: int) -> _Call:
        """Call of Cloud Run's `jobs.run` whose override carries the message; environment overrides merge by name."""
        override = {"env": [{"name": variable, "value": message}]}
        return {
            "http_method": "POST",
            "url": self._settings.job_run_url,
            "headers": {"Content-Type": "application/json"},
            "body": json.dumps({"overrides": {"containerOverrides": [override], **overrides}}).encode(),
            "oauth_token": {"service_account_email": self._settings.dispatcher_service_account, "scope": SCOPE},
        }


def slot_task_id(org_slug: str, day: date, slot: int) -> str:
    """Name of a slot's task. The hash comes first: names that share a prefix slow Cloud Tasks down."""
    readable = f"{org_slug}-{day:%Y%m%d}-{slot}"
    return f"{hashlib.sha256(readable.encode()).hexdigest()[:24]}-{readable}"


def second_task_id(run_id: str) -> str:
    """Name under which a run that never started is enqueued once more."""
    return f"{hashlib.sha256(run_id.encode()).hexdigest()[:24]}-again-{run_id}"


def batch_task_id(batch_id: str) -> str:
    """Name of a batch's task."""
    return f"{hashlib.sha256(batch_id.encode()).hexdigest()[:24]}-batch-{batch_id}"


def run_in(body: bytes) -> Run:
    """Run that a task's body starts."""
    return Run.model_validate_json(_messages(body)[MESSAGE_VARIABLE])


def batch_in(body: bytes) -> Batch | None:
    """Batch that a task's body starts; `None` where that is a single run."""
    message = _messages(body).get(BATCH_VARIABLE)
    return Batch.model_validate_json(message) if message else None


def _started_by(body: bytes) -> str:
    batch = batch_in(body)
    return batch.batch_id if batch else run_in(body).run_id


def _messages(body: bytes) -> dict[str, str]:
    overrides = json.loads(body)["overrides"]["containerOverrides"]
    return {variable["name"]: variable["value"] for override in overrides for variable in override["env"]}
