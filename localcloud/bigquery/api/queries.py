"""jobs.query and jobs.getQueryResults: results page by page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from bqemulator.catalog.models import JobMeta
from fastapi import APIRouter, Query, Request, Response

from localcloud.bigquery import pages
from localcloud.bigquery.api.access import EmulatorOf, Principal, as_json
from localcloud.bigquery.api.running import query_job, run_query
from localcloud.bigquery.emulator import Emulator
from localcloud.bigquery.errors import JobStopped, envelope, http_status_of
from localcloud.bigquery.job_book import job_reference
from localcloud.bigquery.results import Result
from localcloud.bigquery.stopping import Stop
from localcloud.bigquery.traffic import RECEIVE

router = APIRouter(prefix="/bigquery/v2/projects/{project}")
# Of jobs.query's body, what belongs to the job's configuration rather than to its query.
JOB_FIELDS = ("labels", "dryRun", "jobTimeoutMs", "reservation")
ANSWER_FIELDS = {"maxResults", "timeoutMs", "requestId", "formatOptions", "location", "jobCreationMode", "kind"}


@router.post("/queries")
async def query(project: str, request: Request, emulator: EmulatorOf, principal: Principal) -> Response:
    """Run a query and answer with its first page; an error of the query is an HTTP error."""
    emulator.denials.refuse_job(project, principal)
    body, stop = await request.json(), Stop()
    async with _left_when_client_hangs_up(request, stop), emulator.turn:
        if body.get("dryRun"):
            return as_json(await _dry_run(emulator, project, body, principal))
        job = await _run_once(emulator, project, body, principal, stop)
    if job.error_result is not None:
        return _failed(job)
    micros = bool((body.get("formatOptions") or {}).get("useInt64Timestamp"))
    return as_json(await _page(emulator, job, 0, body.get("maxResults"), micros=micros))


@router.get("/queries/{job_id}")
async def get_query_results(
    project: str, job_id: str, request: Request, emulator: EmulatorOf,
    max_results: int | None = Query(default=None, alias="maxResults"),
    start_index: int = Query(default=0, alias="startIndex"),
    page_token: str | None = Query(default=None, alias="pageToken"),
) -> Response:  # fmt: skip
    """One page of a finished query; a failed one answers with its error, one that runs that it is not complete."""
    job = emulator.jobs.get(project, job_id)
    if job.state != "DONE":
        return as_json(
            {"kind": "bigquery#getQueryResultsResponse", "jobReference": job_reference(job), "jobComplete": False}
        )
    if job.error_result is not None:
        return _failed(job)
    micros = request.query_params.get("formatOptions.useInt64Timestamp", "").lower() == "true"
    offset = int(page_token) if page_token else start_index
    answer = await _page(emulator, job, offset, max_results, micros=micros)
    return as_json(_of_fields(answer, request.query_params.get("fields")))


def _of_fields(answer: dict[str, Any], names: str | None) -> dict[str, Any]:
    """What a partial response has of it: https://cloud.google.com/bigquery/docs/api-performance#partial-response."""
    return {name: answer[name] for name in names.split(",") if name in answer} if names else answer


@asynccontextmanager
async def _left_when_client_hangs_up(request: Request, stop: Stop) -> AsyncIterator[None]:
    watch = asyncio.create_task(_watch(request, stop))
    try:
        yield
    finally:
        watch.cancel()


async def _watch(request: Request, stop: Stop) -> None:
    # Not the request's own: what unpacks a body says after it that the client hung up.
    while (await request.scope[RECEIVE]())["type"] != "http.disconnect":
        pass
    stop.leave()


async def _run_once(emulator: Emulator, project: str, body: dict[str, Any], principal: str, stop: Stop) -> JobMeta:
    request_id = body.get("requestId")
    known = emulator.request_ids.job_of(project, request_id)
    if known is not None:
        return emulator.jobs.get(project, known)
    job, error = await run_query(emulator, project, None, _configuration(body), principal, stop)
    if not isinstance(error, JobStopped):  # whoever hung up asks anew
        emulator.request_ids.remember(project, request_id, job.job_id)
    return job


def _configuration(body: dict[str, Any]) -> dict[str, Any]:
    shared = {name: body[name] for name in JOB_FIELDS if name in body}
    query = {name: value for name, value in body.items() if name not in {*ANSWER_FIELDS, *JOB_FIELDS}}
    return {**shared, "query": query}


async def _dry_run(emulator: Emulator, project: str, body: dict[str, Any], principal: str) -> dict[str, Any]:
    run = query_job(emulator, project, _configuration(body)["query"], principal, dry_run=True)
    outcome = await emulator.queries.run(run)
    statistics = outcome.statistics()["query"]
    return {
        "kind": "bigquery#queryResponse", "jobComplete": True, "jobReference": {"projectId": project, "location": "US"},
        "schema": {"fields": outcome.result.fields}, "cacheHit": False, "rows": [], "totalRows": "0",
        "totalBytesProcessed": statistics["totalBytesProcessed"], "statementType": statistics["statementType"],
    }  # fmt: skip


def _failed(job: JobMeta) -> Response:
    proto = job.error_result or {}
    status = http_status_of(proto["reason"])
    return as_json(envelope(status, proto), status)


async def _page(emulator: Emulator, job: JobMeta, offset: int, asked: int | None, *, micros: bool) -> dict[str, Any]:
    result = emulator.results.get(job.project_id, job.job_id)
    limit = pages.page_size(result.table, asked)
    rows = await pages.encoded(result.table, offset, limit, micros=micros)
    statistics = job.statistics.get("query", {})
    copied = ("totalBytesProcessed", "totalBytesBilled", "cacheHit", "statementType", "numDmlAffectedRows", "dmlStats")
    return {
        "kind": "bigquery#queryResponse", "etag": job.etag, "jobReference": job_reference(job), "jobComplete": True,
        "schema": {"fields": result.fields}, "rows": rows, "totalRows": str(result.num_rows),
        **{name: statistics[name] for name in copied if name in statistics}, **_next(result, offset + limit),
    }  # fmt: skip


def _next(result: Result, offset: int) -> dict[str, str]:
    return {"pageToken": str(offset)} if offset < result.num_rows else {}
