"""Questions to the customer's BigQuery, which the customer pays for: never one that nobody knows of, or twice."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from cloudact.warehouse.bigquery import billed, wait_for
from providers.gcp.errors import translating_source_errors
from providers.gcp.export import ExportTable, find_export
from providers.gcp.result_pages import PAGE_ROWS
from providers.gcp.statement import Statement

if TYPE_CHECKING:
    from google.cloud.bigquery import Client, QueryJob, QueryJobConfig, Row
    from google.cloud.bigquery.table import RowIterator

log = logging.getLogger(__name__)
CALL_TIMEOUT_S = 60.0
ANSWER_TIMEOUT_S = 300.0  # the sweep takes a run for lost after ten minutes of silence


@dataclass
class CustomerBigQuery:
    """`open_client` builds the client that acts as the customer. A query may bill at most `max_bytes_billed`.

    `answer_timeout_s` bounds in seconds how long an answer is waited for, and how long each of its pages is retried.
    """

    open_client: "Callable[[], Client]"
    max_bytes_billed: int
    pipeline: str
    bytes_billed: int = 0
    answer_timeout_s: float = ANSWER_TIMEOUT_S

    @cached_property
    def _client(self) -> "Client":
        return self.open_client()

    def find_export(self, project: str, dataset: str, table: str) -> ExportTable:
        """The billing export of that name, or the only one of that family."""
        client = self._client  # outside: a key that cannot sign is no error of the source
        with translating_source_errors(f"{project}.{dataset}"):
            return find_export(client, project, dataset, table)

    def answer(self, export: ExportTable, statement: Statement) -> "list[Row]":
        """The few rows of a small question, which come with the call that asks."""
        with translating_source_errors(str(export)):
            rows = self._client.query_and_wait(
                statement.sql,
                job_config=self._config(statement),
                location=export.location,
                # None is allowed, though not annotated: else a failed query is run again for 40 minutes
                job_retry=None,  # type: ignore[arg-type]
                api_timeout=CALL_TIMEOUT_S,
                wait_timeout=self.answer_timeout_s,
            )
            self.bytes_billed += billed(rows.total_bytes_processed or 0, 1)
            return list(rows)

    def query(self, export: ExportTable, statement: Statement, tick: Callable[[], None]) -> "QueryJob":
        """Runs the statement in the customer's project, where the data is, and answers the finished job."""
        with translating_source_errors(str(export)):
            # A failed query is not run again behind our back: it is the customer's money, and our attempt to tell.
            job = self._client.query(
                statement.sql,
                job_config=self._config(statement),
                location=export.location,
                job_retry=None,
                timeout=CALL_TIMEOUT_S,
            )
            wait_for(job, tick)
            self.bytes_billed += int(job.total_bytes_billed or 0)
            return job

    def rows(self, export: ExportTable, job: "QueryJob") -> "RowIterator":
        """The few rows of a finished query, which come with the call that asks for them."""
        with translating_source_errors(str(export)):
            return self._result(job, PAGE_ROWS)

    def result(self, export: ExportTable, job: "QueryJob") -> "RowIterator":
        """The result of a finished query: its columns and the number of its rows, which `page_batches` reads.

        BigQuery keeps it for a day, and its pages may be asked for again.
        """
        with translating_source_errors(str(export)):
            return self._result(job)

    def _result(self, job: "QueryJob", page_size: int | None = None) -> "RowIterator":
        """The client's own patience is without end for one try, and ten minutes for all, in each page anew."""
        from google.cloud.bigquery.retry import DEFAULT_RETRY

        retry = DEFAULT_RETRY.with_timeout(self.answer_timeout_s)
        result: RowIterator = job.result(page_size=page_size, retry=retry, timeout=CALL_TIMEOUT_S, job_retry=None)
        return result

    def result_bytes(self, export: ExportTable, job: "QueryJob") -> int | None:
        """Bytes of a finished query's result, by the table that it has been written to; `None` where nobody tells.

        The table is anonymous, and whoever ran the query may read it.
        """
        from google.api_core import exceptions as google

        with translating_source_errors(str(export)):
            try:
                size = self._client.get_table(job.destination, timeout=CALL_TIMEOUT_S).num_bytes
            except (google.Forbidden, google.NotFound) as err:
                log.warning("the size of a result is not told", exc_info=err)
                return None
        return None if size is None else int(size)

    def _config(self, statement: Statement) -> "QueryJobConfig":
        from google.cloud.bigquery import QueryJobConfig

        return QueryJobConfig(
            query_parameters=list(statement.parameters),
            maximum_bytes_billed=self.max_bytes_billed,
            labels={"service": "cloudact", "pipeline": self.pipeline},
        )
