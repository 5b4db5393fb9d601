"""The service's own BigQuery: bounded queries, appended events, ids accepted once, partitions replaced.

Owns the BigQuery client library. Knows no run, no org and no HTTP.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from cloudact.google_errors import PASSING_REASONS, reaching
from cloudact.queries import DEFAULT_DATASET, Query, in_dataset, load_query

log = logging.getLogger(__name__)
LOOK_TIMEOUT_S = 30.0
QUERY_MAX_BYTES = 20 * 2**30  # no query of the service reads more; a missing partition bound would


class Warehouse:
    """`client` builds the `bigquery.Client` when it is first needed, since that costs a cold start.

    `patience_s` is how long one call is retried and waited for: short in a request, long in a job.
    """

    def __init__(self, client: Callable[[], Any], *, dataset: str = DEFAULT_DATASET, patience_s: float = 60.0) -> None:
        self._build_client = client
        self._dataset = dataset
        self._patience_s = patience_s

    @cached_property
    def _client(self) -> Any:
        return self._build_client()

    @cached_property
    def _retry(self) -> Any:
        from google.cloud.bigquery.retry import DEFAULT_RETRY

        return DEFAULT_RETRY.with_timeout(self._patience_s)

    def rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        """All rows of `cloudact/sql/<query>.sql`; for answers that fit into memory."""
        loaded = load_query(query, self._dataset)
        with reaching("BigQuery"):
            result = self._client.query_and_wait(
                loaded.sql,
                job_config=_job_config(loaded, values),
                retry=self._retry,
                api_timeout=self._patience_s,
                wait_timeout=self._patience_s,
            )
            return [dict(row.items()) for row in result]

    def append(self, table: str, rows: Iterable[Mapping[str, Any]], ids: Iterable[str]) -> None:
        """Streams rows into one of the service's tables; a repeated id within a minute is one row.

        Raises `Retry` where BigQuery cannot be reached; a row that does not fit its table is a mistake of ours.
        """
        with reaching("BigQuery"):
            errors = self._client.insert_rows_json(
                f"{self._client.project}.{self._dataset}.{table}",
                [dict(row) for row in rows],
                row_ids=list(ids),
                retry=self._retry,
                timeout=self._patience_s,
            )
        if errors:
            raise ValueError(f"BigQuery refused rows of {table}: {errors}")

    def accept_once(self, job_id: str, query: str, **values: Any) -> dict[str, Any]:
        """Starts `query` under a job id of ours, or finds who has: answers with the winner's parameters.

        BigQuery accepts a job id once per project and location, and for good; that makes the id a lock that nobody
        can lose by crashing.
        """
        from google.api_core.exceptions import Conflict

        loaded = load_query(query, self._dataset)
        with reaching("BigQuery"):
            try:
                job = self._client.query(
                    loaded.sql,
                    job_config=_job_config(loaded, values),
                    job_id=job_id,
                    job_retry=None,
                    retry=self._retry,
                )
            except Conflict:
                job = self._client.get_job(job_id, retry=self._retry)
        return {parameter.name: parameter.value for parameter in job.query_parameters}

    def replace_partition(
        self, dataset: str, table: str, day: date, parquet: Path, job_id: str, tick: Callable[[], None]
    ) -> int:
        """Replaces one day of an org's table with the file's rows, atomically, and answers how many there are.

        The load's own id makes it happen once: where it was accepted before, its outcome is taken. An id is kept by a
        failed load too, so each failure moves on to the next id. `tick` is called while waiting.
        """
        number = 0
        while True:
            job = self._load(f"{dataset}.{table}", day, parquet, f"{job_id}_{number}")
            wait_for(job, tick)
            if not job.error_result:
                return int(job.output_rows or 0)
            if number == 2 or job.error_result.get("reason") not in PASSING_REASONS:
                raise LoadFailed(str(job.error_result.get("message", "")))
            number += 1

    def _load(self, table: str, day: date, parquet: Path, job_id: str) -> Any:
        from google.api_core.exceptions import Conflict
        from google.cloud.bigquery import LoadJobConfig, SourceFormat, WriteDisposition

        with reaching("BigQuery"):  # the table's own schema: one inferred from the file would lose its descriptions
            schema = self._client.get_table(f"{self._client.project}.{table}", retry=self._retry).schema
        config = LoadJobConfig(
            schema=schema,
            source_format=SourceFormat.PARQUET,
            write_disposition=WriteDisposition.WRITE_TRUNCATE,
            create_disposition="CREATE_NEVER",
        )
        with reaching("BigQuery"):
            try:
                with parquet.open("rb") as file:
                    return self._client.load_table_from_file(
                        file,
                        f"{self._client.project}.{table}${day:%Y%m%d}",
                        size=parquet.stat().st_size,
                        job_id=job_id,
                        job_config=config,
                        timeout=self._patience_s,
                    )
            except Conflict:
                return self._client.get_job(job_id, retry=self._retry)

    def script(self, sql: str, *, dataset: str | None = None) -> None:
        """Runs statements of `infra/sql/` one after another, with `dataset` for unqualified names."""
        from google.cloud.bigquery import DatasetReference, QueryJobConfig

        default = DatasetReference(self._client.project, dataset or self._dataset)
        for statement in in_dataset(sql, self._dataset).split(";\n"):
            if _is_statement(statement):
                self._client.query(statement, job_config=QueryJobConfig(default_dataset=default)).result()


class LoadFailed(Exception):
    """BigQuery refused the rows of a load; the partition is as it was."""


def _job_config(query: Query, values: Mapping[str, Any]) -> Any:
    from google.cloud.bigquery import QueryJobConfig

    return QueryJobConfig(
        query_parameters=query.bind(values),
        maximum_bytes_billed=QUERY_MAX_BYTES,
        labels={"query": query.name},
    )


def wait_for(job: Any, tick: Callable[[], None]) -> None:
    """Until the job is over, well or not (`job.error_result` tells); `tick` is called before each look at it."""
    pause_s = 0.1
    while True:
        tick()
        with reaching("BigQuery"):
            if job.done(timeout=LOOK_TIMEOUT_S):
                return
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, 5.0)


def _is_statement(text: str) -> bool:
    return any(line.strip() and not line.lstrip().startswith("--") for line in text.splitlines())
