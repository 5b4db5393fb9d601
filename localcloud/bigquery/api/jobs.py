"""jobs.insert, get, list, cancel and delete. A job is done when its insertion answers; others see it run until then."""

from __future__ import annotations

from typing import Any

from bqemulator.domain.errors import ValidationError
from fastapi import APIRouter, Query, Request, Response

from localcloud.bigquery.api.access import EmulatorOf, Principal, as_json
from localcloud.bigquery.api.running import query_job, run_query
from localcloud.bigquery.emulator import Emulator
from localcloud.bigquery.errors import JobStopped
from localcloud.bigquery.job_book import job_resource

router = APIRouter(prefix="/bigquery/v2/projects/{project}")


@router.post("/jobs")
async def insert_job(project: str, request: Request, emulator: EmulatorOf, principal: Principal) -> Response:
    """Run a query job; a failure is recorded in the job, a taken id is a 409."""
    emulator.denials.refuse_job(project, principal)
    body = await request.json()
    configuration: dict[str, Any] = body.get("configuration") or {}
    job_id = (body.get("jobReference") or {}).get("jobId")
    async with emulator.turn:
        if "query" in configuration:
            return as_json(await _query(emulator, project, job_id, configuration, principal))
    raise ValidationError("[local BigQuery] only query jobs and load jobs with their file are emulated")


async def _query(
    emulator: Emulator, project: str, job_id: str | None, configuration: dict[str, Any], principal: str
) -> dict[str, Any]:
    if configuration.get("dryRun"):
        return await _dry_run(emulator, project, job_id, configuration, principal)
    job, _ = await run_query(emulator, project, job_id, configuration, principal)
    return job_resource(job)


async def _dry_run(
    emulator: Emulator, project: str, job_id: str | None, configuration: dict[str, Any], principal: str
) -> dict[str, Any]:
    # A dry run makes no job: its id stays free, and its errors are those of the request.
    outcome = await emulator.queries.run(query_job(emulator, project, configuration["query"], principal, dry_run=True))
    statistics = outcome.statistics()
    statistics["query"]["schema"] = {"fields": outcome.result.fields}
    return {
        "kind": "bigquery#job", "configuration": {"jobType": "QUERY", **configuration}, "status": {"state": "DONE"},
        "jobReference": {"projectId": project, "jobId": job_id, "location": "US"}, "statistics": statistics,
    }  # fmt: skip


@router.get("/jobs/{job_id}")
async def get_job(project: str, job_id: str, emulator: EmulatorOf) -> Response:
    """A job with its full configuration; 404 if there is none."""
    return as_json(job_resource(emulator.jobs.get(project, job_id)))


@router.get("/jobs")
async def list_jobs(
    project: str, emulator: EmulatorOf, max_results: int = Query(default=100, alias="maxResults"),
    parent_job_id: str | None = Query(default=None, alias="parentJobId"),
) -> Response:  # fmt: skip
    """The project's jobs, newest first; a script's statements are no jobs of their own here."""
    found = [] if parent_job_id else emulator.context.catalog.list_jobs(project, max_results=max_results)
    jobs = [{**job_resource(job), "state": job.state} for job in found]
    return as_json({"kind": "bigquery#jobList", "jobs": jobs})


@router.post("/jobs/{job_id}/cancel")
async def cancel_job(project: str, job_id: str, emulator: EmulatorOf) -> Response:
    """Stop the job's query, if it still runs: its insertion answers soon, with a job that was `stopped`."""
    if running := emulator.running.get((project, job_id)):
        running.cancel(JobStopped("Job execution was cancelled: User requested cancellation"))
    job = job_resource(emulator.jobs.get(project, job_id))
    return as_json({"kind": "bigquery#jobCancelResponse", "job": job})


@router.delete("/jobs/{job_id}/delete")
async def delete_job(project: str, job_id: str, emulator: EmulatorOf) -> Response:
    """Forget a job's metadata."""
    emulator.jobs.get(project, job_id)
    emulator.context.catalog.delete_job(project, job_id)
    return as_json({})
