"""Running a query job for a request: claim its id, run it, keep its result, record its end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from bqemulator.catalog.models import JobMeta
from bqemulator.domain.errors import DomainError

from localcloud.bigquery.emulator import Emulator
from localcloud.bigquery.errors import JobTimedOut, as_domain_error
from localcloud.bigquery.job_book import server_stopped
from localcloud.bigquery.query_jobs import Outcome, QueryJob
from localcloud.bigquery.stopping import Stop

ANONYMOUS = "_local_results"


def query_job(emulator: Emulator, project: str, config: dict[str, Any], principal: str, *, dry_run: bool) -> QueryJob:
    """The job as it runs for this caller."""
    return QueryJob(config, project, lambda ref: emulator.denials.refuse_table(ref, principal), dry_run)


async def run_query(
    emulator: Emulator,
    project: str,
    job_id: str | None,
    configuration: dict[str, Any],
    principal: str,
    stop: Stop | None = None,
) -> tuple[JobMeta, DomainError | None]:
    """The finished job, and its error if it failed or was stopped; raises AlreadyExistsError when its id is taken."""
    job = emulator.jobs.claim(project, job_id, "QUERY", configuration)
    try:
        run = query_job(emulator, project, configuration["query"], principal, dry_run=False)
        run = replace(run, stop=stop or run.stop)
        with _stoppable(emulator, job, run.stop):
            outcome = await emulator.queries.run(run)
    except Exception as exc:
        error = as_domain_error(exc)
        return emulator.jobs.finish(job, Outcome().statistics(), error), error
    except BaseException:  # the server stops, and does not wait for the query
        emulator.jobs.finish(job, Outcome().statistics(), server_stopped())
        raise
    emulator.results.put(project, job.job_id, outcome.result)
    return emulator.jobs.finish(_with_destination(job), outcome.statistics()), None


@contextmanager
def _stoppable(emulator: Emulator, job: JobMeta, stop: Stop) -> Iterator[None]:
    """Others find the job while it runs; at its time limit it ends."""
    key = (job.project_id, job.job_id)
    limit_ms = int(job.configuration.get("jobTimeoutMs") or 0)
    error = JobTimedOut(f"Operation timed out after {limit_ms} ms. Consider reducing the amount of work.")
    loop = asyncio.get_running_loop()
    timer = loop.call_later(limit_ms / 1000, stop.cancel, error) if limit_ms > 0 else None
    emulator.running[key] = stop
    try:
        yield
    finally:
        del emulator.running[key]
        if timer:
            timer.cancel()


def _with_destination(job: JobMeta) -> JobMeta:
    # Clients expect every query to have a destination: Google makes an anonymous table for the result.
    reference = {"projectId": job.project_id, "datasetId": ANONYMOUS, "tableId": job.job_id}
    query = {"destinationTable": reference, **job.configuration["query"]}
    return job.model_copy(update={"configuration": {**job.configuration, "query": query}})
