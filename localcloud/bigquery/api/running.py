"""Running a query job for a request: claim its id, run it, keep its result, record its end."""

from __future__ import annotations

from typing import Any

from bqemulator.catalog.models import JobMeta
from bqemulator.domain.errors import DomainError

from localcloud.bigquery.emulator import Emulator
from localcloud.bigquery.errors import as_domain_error
from localcloud.bigquery.query_jobs import Outcome, QueryJob

ANONYMOUS = "_local_results"


def query_job(emulator: Emulator, project: str, config: dict[str, Any], principal: str, *, dry_run: bool) -> QueryJob:
    """The job as it runs for this caller."""
    return QueryJob(config, project, lambda ref: emulator.denials.refuse_table(ref, principal), dry_run)


async def run_query(
    emulator: Emulator, project: str, job_id: str | None, configuration: dict[str, Any], principal: str
) -> tuple[JobMeta, DomainError | None]:
    """The finished job, and its error if it failed; raises AlreadyExistsError when its id is taken."""
    job = emulator.jobs.claim(project, job_id, "QUERY", configuration)
    try:
        run = query_job(emulator, project, configuration["query"], principal, dry_run=False)
        outcome = await emulator.queries.run(run)
    except Exception as exc:
        error = as_domain_error(exc)
        return emulator.jobs.finish(job, Outcome().statistics(), error), error
    emulator.results.put(project, job.job_id, outcome.result)
    return emulator.jobs.finish(_with_destination(job), outcome.statistics()), None


def _with_destination(job: JobMeta) -> JobMeta:
    # Clients expect every query to have a destination: Google makes an anonymous table for the result.
    reference = {"projectId": job.project_id, "datasetId": ANONYMOUS, "tableId": job.job_id}
    query = {"destinationTable": reference, **job.configuration["query"]}
    return job.model_copy(update={"configuration": {**job.configuration, "query": query}})
