"""Jobs: an id is accepted once, and the job stays readable with its full configuration.

In memory the latest ones do; of older ones the ids are known. What is on disk is kept.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime
from typing import Any, Literal
from uuid import uuid4

from bqemulator.api.dependencies import AppContext
from bqemulator.catalog.models import JobMeta
from bqemulator.config import PersistenceMode
from bqemulator.domain.errors import AlreadyExistsError, DomainError, NotFoundError
from bqemulator.storage.engine import CATALOG_SCHEMA

from localcloud.bigquery.errors import JobStopped, error_proto

JobKind = Literal["QUERY", "LOAD", "EXTRACT", "COPY"]
MOST_IN_MEMORY = 5000  # some seven kilobytes each


class JobBook:
    """The jobs of one server; kept with the catalog, so they outlive a restart when it does."""

    def __init__(self, context: AppContext, most_in_memory: int = MOST_IN_MEMORY) -> None:
        self._catalog = context.catalog
        self._clock = context.clock
        in_memory = context.settings.persistence_mode is PersistenceMode.EPHEMERAL
        self._most = most_in_memory if in_memory else None
        self._ended: deque[tuple[str, str]] = deque()
        self._forgotten: set[tuple[str, str]] = set()
        if not in_memory:
            self._finish_interrupted(context)

    def _finish_interrupted(self, context: AppContext) -> None:
        """End the jobs with which an earlier server was killed: nobody runs them any more."""
        running = f"SELECT project_id, job_id FROM {CATALOG_SCHEMA}.jobs WHERE state <> 'DONE'"  # noqa: S608 - a constant
        for project, job_id in context.engine.execute(running).fetchall():
            self.finish(self.get(project, job_id), {}, server_stopped())

    def claim(self, project: str, job_id: str | None, kind: JobKind, configuration: dict[str, Any]) -> JobMeta:
        """Take the id, before anything runs; raises AlreadyExistsError. No other request runs in between."""
        job_id = job_id or f"job_{uuid4().hex}"
        self.refuse_taken(project, job_id)
        now = self._clock.now()
        return self._save(
            JobMeta(
                project_id=project, job_id=job_id, job_type=kind, state="RUNNING",
                configuration={"jobType": kind, **configuration}, creation_time=now, start_time=now, etag=uuid4().hex,
            )
        )  # fmt: skip

    def refuse_taken(self, project: str, job_id: str | None) -> None:
        """Raise AlreadyExistsError if a job has this id, even one that failed."""
        if job_id and ((project, job_id) in self._forgotten or self._catalog.get_job(project, job_id) is not None):
            raise AlreadyExistsError(f"Already Exists: Job {project}:US.{job_id}")

    def finish(self, job: JobMeta, statistics: dict[str, Any], error: DomainError | None = None) -> JobMeta:
        """Record how a job ended."""
        proto = error_proto(error) if error else None
        done = {"state": "DONE", "statistics": statistics, "error_result": proto, "end_time": self._clock.now()}
        self._forget_old_ones((job.project_id, job.job_id))
        return self._save(job.model_copy(update=done))

    def _forget_old_ones(self, ended: tuple[str, str]) -> None:
        if self._most is None:
            return
        self._ended.append(ended)
        while len(self._ended) > self._most:
            if self._catalog.get_job(*(oldest := self._ended.popleft())):
                self._forgotten.add(oldest)
                self._catalog.delete_job(*oldest)

    def get(self, project: str, job_id: str) -> JobMeta:
        """A job; raises NotFoundError, also for one that is no longer kept (Google keeps it for half a year)."""
        job: JobMeta | None = self._catalog.get_job(project, job_id)
        if (project, job_id) in self._forgotten:
            raise NotFoundError(f"[local BigQuery] job {project}:{job_id} is no longer kept")
        if job is None:
            raise NotFoundError(f"Not found: Job {project}:US.{job_id}")
        return job

    def _save(self, job: JobMeta) -> JobMeta:
        saved: JobMeta = self._catalog.upsert_job(job)
        return saved


def server_stopped() -> JobStopped:
    """The error of a job that was running when its server ended."""
    return JobStopped("[local BigQuery] the server was stopped before the job was done")


def job_reference(job: JobMeta) -> dict[str, str]:
    """How Google names a job."""
    return {"projectId": job.project_id, "jobId": job.job_id, "location": "US"}


def job_resource(job: JobMeta) -> dict[str, Any]:
    """The REST `Job`."""
    return {
        "kind": "bigquery#job", "id": f"{job.project_id}:US.{job.job_id}", "etag": job.etag,
        "jobReference": job_reference(job), "configuration": job.configuration, "status": _status(job),
        "statistics": {**_times(job), **job.statistics}, "user_email": "local@cloudact.test",
    }  # fmt: skip


def _status(job: JobMeta) -> dict[str, Any]:
    if job.error_result is None:
        return {"state": job.state}
    return {"state": job.state, "errorResult": job.error_result, "errors": [job.error_result]}


def _times(job: JobMeta) -> dict[str, str]:
    moments = {"creationTime": job.creation_time, "startTime": job.start_time, "endTime": job.end_time}
    return {name: _millis(moment) for name, moment in moments.items() if moment is not None}


def _millis(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))
