"""The service's own BigQuery: bounded queries, appended events, ids accepted once, partitions replaced.

Job ids, and the ids of streamed rows, are the installation's own (docs/adr/0013). Owns the BigQuery client library.
Knows no run, no org and no HTTP.
"""

import functools
import hashlib
import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict, TypeVar, cast

from cloudact import clients
from cloudact.error_codes import Code
from cloudact.errors import Retry
from cloudact.google_errors import translating_google_errors
from cloudact.installation import ORIGINAL, own_name
from cloudact.settings import Settings
from cloudact.warehouse.day_partition import DayPartition, replacing
from cloudact.warehouse.queries import (
    DEFAULT_DATASET,
    ORG_DATASET,
    Query,
    Value,
    in_dataset,
    in_org_dataset,
    load_query,
)
from cloudact.warehouse.scripts import statements

if TYPE_CHECKING:
    from google.api_core.retry import Retry as GoogleRetry
    from google.cloud.bigquery import Client, Dataset, LoadJob, QueryJob, QueryJobConfig, SchemaField
    from google.cloud.bigquery.enums import DatasetView
    from google.cloud.bigquery.table import RowIterator
    from pydantic import TypeAdapter

    Job: TypeAlias = LoadJob | QueryJob

log = logging.getLogger(__name__)
Row = TypeVar("Row")


class _RowError(TypedDict):
    location: str
    message: str


class _RowErrors(TypedDict):
    """Errors of one row in the answer to a streaming insert."""

    index: int
    errors: list[_RowError]


PATIENCE_S = 60.0
LOOK_TIMEOUT_S = 30.0
TAKEN_WITHIN_S = 5.0
ADMISSION_TRIES = 5
# Who may read or change every dataset of a project unless told otherwise.
DEFAULT_PROJECT_ACCESS = ("projectReaders", "projectWriters")
MIB = 2**20
LEAST_MIB = 10  # BigQuery's on-demand minimum for each table that a query names
QUERY_MAX_BYTES = 2**40  # compared with an estimate from before clusters are pruned, so far above what is read


class Warehouse:
    """Access to the service's BigQuery; `client` builds the `bigquery.Client` when first needed.

    `patience_s` bounds in seconds how long one call is retried and waited for: short in a request, long in a job.
    `installation` is part of every id that is decided or added here; a reader may leave it out. The service uses
    `open_warehouse`.
    """

    def __init__(
        self,
        client: "Callable[[], Client]",
        *,
        installation: str = ORIGINAL,
        dataset: str = DEFAULT_DATASET,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._build_client = client
        self._installation = installation
        self._dataset = dataset
        self._patience_s = patience_s
        self.bytes_billed = 0  # by `rows`: what else is here reads nothing; read by processes of one thread only

    @property
    def dataset(self) -> str:
        """Name of the service's own dataset."""
        return self._dataset

    @property
    def installation(self) -> str:
        """Identity of this deployment."""
        return self._installation

    @cached_property
    def _client(self) -> "Client":
        return self._build_client()

    @cached_property
    def _retry(self) -> "GoogleRetry":
        from google.cloud.bigquery.retry import DEFAULT_RETRY

        return DEFAULT_RETRY.with_timeout(self._patience_s)

    def rows(
        self, query: str, /, dataset: str | None = None, org_table: str | None = None, **values: Value
    ) -> list[dict[str, Any]]:
        """All rows of `sql/queries/<query>.sql` as dicts by column; for a result that needs no class of its own.

        `dataset` is where names without a dataset are looked for, an org's own; `org_table` is one of its tables, for a
        query that is written for any of them.
        """
        with translating_google_errors("BigQuery"):
            return [dict(row.items()) for row in self.pages(query, dataset, None, org_table, **values)]

    def read(self, shape: type[Row], query: str, /, dataset: str | None = None, **values: Value) -> list[Row]:
        """All rows of `sql/queries/<query>.sql`, each as the dataclass `shape`, whose fields are the query's columns.

        Raises pydantic's `ValidationError` where a row does not have that shape, which is a mistake of ours.
        """
        reader = _reader(shape)  # type: ignore[arg-type]  # a class is hashable
        return [reader.validate_python(row) for row in self.rows(query, dataset, None, **values)]

    def pages(
        self, query: str, dataset: str | None, page_rows: int | None, org_table: str | None = None, /, **values: Value
    ) -> "RowIterator":
        """Rows of a query as the client's iterator, which reads a page at a time; for results larger than memory."""
        loaded = load_query(query, self._dataset, org_table)
        config = _job_config(loaded, values)
        if dataset:
            config.default_dataset = f"{self._client.project}.{dataset}"
        with translating_google_errors("BigQuery"):
            result = self._client.query_and_wait(
                loaded.sql,
                job_config=config,
                page_size=page_rows,
                retry=self._retry,
                # None is allowed, though not annotated: else a failed query is run again for 40 minutes
                job_retry=None,  # type: ignore[arg-type]
                api_timeout=self._patience_s,
                wait_timeout=self._patience_s,
            )
        self.bytes_billed += billed(result.total_bytes_processed or 0, loaded.tables)
        return result

    def append(
        self, table: str, rows: Iterable[Mapping[str, object]], ids: Iterable[str], late: Collection[str] = ()
    ) -> None:
        """Streams rows into one of the service's tables; a repeated id within a minute is one row.

        `late` columns are left out where BigQuery does not know them: streams see a column that a migration has added
        minutes late (docs/adr/0010), and an optional column must not keep a row from being recorded. Raises `Retry`
        where BigQuery cannot be reached, and `ValueError` for a row that does not fit its table.
        """
        rows_sent, row_ids = [dict(row) for row in rows], [self._insert_id(each) for each in ids]
        errors = self._stream(table, rows_sent, row_ids)
        if unknown := _unknown_columns(errors) & set(late):
            log.warning("a column is not known yet", extra={"fields": {"table": table, "columns": sorted(unknown)}})
            without = [{name: value for name, value in row.items() if name not in late} for row in rows_sent]
            errors = self._stream(table, without, row_ids)
        if errors:
            raise ValueError(f"BigQuery refused rows of {table}: {errors}")

    def _stream(self, table: str, rows: list[dict[str, object]], row_ids: list[str]) -> list[_RowErrors]:
        with translating_google_errors("BigQuery"):
            errors = self._client.insert_rows_json(
                f"{self._client.project}.{self._dataset}.{table}",
                rows,
                row_ids=row_ids,
                retry=self._retry,
                timeout=self._patience_s,
            )
        return [cast("_RowErrors", each) for each in errors]

    def _insert_id(self, text: str) -> str:
        """Id of a streamed row in this installation.

        Google takes at most 128 characters, and a user's id may have as many.
        """
        return hashlib.sha256(own_name(text, self._installation).encode()).hexdigest()

    def accept_once(self, job_id: str, query: str, **values: Value) -> dict[str, object]:
        """Starts `query` under a job id of ours. Returns the parameters of whoever started it first.

        BigQuery accepts a job id once per project and location; that makes the id a lock that no crash releases.
        """
        job = self.start_query(job_id, query, **values) or self.taken_job(job_id)
        return parameters(job)

    def parameters(self, job_id: str) -> dict[str, object] | None:
        """Parameters with which the query of this id was started; `None` while the id is free."""
        job = self.job(job_id)
        return parameters(job) if job else None

    def job(self, job_id: str) -> "Job | None":
        """Job with this id; `None` while the id is free."""
        from google.api_core.exceptions import NotFound

        with translating_google_errors("BigQuery"):
            try:
                job = self._client.get_job(self._job_id(job_id), retry=self._retry, timeout=self._patience_s)
            except NotFound:
                return None
        return cast("Job", job)  # no other kind is started under an id of ours

    def taken_job(self, job_id: str) -> "Job":
        """Job whose id BigQuery has just refused as taken. Raises `Retry` where it cannot be read within some seconds.

        BigQuery may say "not found" right after "exists already":
        https://github.com/googleapis/python-bigquery/issues/2134
        """
        give_up, pause_s = time.monotonic() + min(TAKEN_WITHIN_S, self._patience_s), 0.1
        while (job := self.job(job_id)) is None:
            if time.monotonic() + pause_s > give_up:
                raise Retry(Code.BIGQUERY_UNAVAILABLE, "BigQuery refused a job id that it does not know.")
            time.sleep(pause_s)
            pause_s = min(pause_s * 2, 1.0)
        return job

    def _job_id(self, name: str) -> str:
        return own_name(name, self._installation)

    def wait_for(self, job: "Job", tick: Callable[[], None]) -> None:
        """Waits until the job is over, with the warehouse's patience for each request."""
        wait_for(job, tick, self._patience_s)

    def start_query(self, job_id: str, query: str, dataset: str | None = None, /, **values: Value) -> "QueryJob | None":
        """Starts a query under this id; returns `None` if the id was taken before.

        `dataset` is where names without a dataset are looked for, an org's own.
        """
        from google.api_core.exceptions import Conflict

        loaded = load_query(query, self._dataset)
        config = _job_config(loaded, values)
        if dataset:
            config.default_dataset = f"{self._client.project}.{dataset}"
        with translating_google_errors("BigQuery"):
            try:
                return self._client.query(
                    loaded.sql,
                    job_config=config,
                    job_id=self._job_id(job_id),
                    job_retry=None,
                    retry=self._retry,
                    timeout=self._patience_s,
                )
            except Conflict:
                return None

    def columns(self, dataset: str, table: str) -> "Sequence[SchemaField]":
        """Columns of a table, in its order, with their descriptions; Google's `NotFound` passes through."""
        with translating_google_errors("BigQuery"):
            name = f"{self._client.project}.{dataset}.{table}"
            found: Sequence[SchemaField] = self._client.get_table(
                name, retry=self._retry, timeout=self._patience_s
            ).schema
        return found

    def start_load(
        self,
        job_id: str,
        partition: DayPartition,
        parquet: Path,
        columns: "Sequence[SchemaField]",
        labels: Mapping[str, str],
    ) -> "LoadJob | None":
        """Starts replacing one day of a table by the file's rows, atomically; returns `None` if the id was taken."""
        from google.api_core.exceptions import Conflict

        with translating_google_errors("BigQuery"):
            try:
                with parquet.open("rb") as file:
                    return self._client.load_table_from_file(
                        file,
                        partition.address(self._client.project),
                        size=parquet.stat().st_size,
                        job_id=self._job_id(job_id),
                        job_config=replacing(columns, labels),
                        timeout=self._patience_s,
                    )
            except Conflict:
                return None

    def create_dataset(self, name: str, labels: Mapping[str, str]) -> dict[str, str]:
        """Creates the dataset, and returns its labels; one that exists stays as it is."""
        from google.api_core.exceptions import Conflict
        from google.cloud.bigquery import Dataset

        known = self.dataset_labels(name)  # first: whoever migrates may look, but not make one
        if known is not None:
            return known
        wanted = Dataset(f"{self._client.project}.{name}")
        wanted.labels = dict(labels)
        with translating_google_errors("BigQuery"):
            try:
                made = self._client.create_dataset(wanted, retry=self._retry, timeout=self._patience_s)
            except Conflict:
                return self.dataset_labels(name) or {}
        return dict(made.labels)

    def admit_writers(self, name: str, emails: Iterable[str]) -> None:
        """Grants service accounts reading and writing of the dataset, beside its owners and earlier writers.

        Editors and viewers of the project lose the access that BigQuery gives them to every new dataset. Raises `Retry`
        where others keep changing the dataset at the same time.
        """
        from google.api_core.exceptions import PreconditionFailed

        wanted = sorted(set(emails))
        for _ in range(ADMISSION_TRIES if wanted else 0):
            with translating_google_errors("BigQuery"):
                try:
                    self._admit(name, wanted)
                except PreconditionFailed:  # someone has changed it since we looked
                    continue
                return
        if wanted:
            raise Retry(Code.BIGQUERY_UNAVAILABLE, f"The access to dataset {name} is being changed by others.")

    def _admit(self, name: str, emails: Iterable[str]) -> None:
        from google.cloud.bigquery import AccessEntry
        from google.cloud.bigquery.enums import DatasetView

        dataset = self._dataset_as(name, DatasetView.ACL)
        kept = [entry for entry in dataset.access_entries if entry.entity_id not in DEFAULT_PROJECT_ACCESS]
        may_write = {entry.entity_id for entry in kept if entry.role in ("WRITER", "OWNER")}
        added = [AccessEntry("WRITER", "userByEmail", email) for email in emails if email not in may_write]
        if added or len(kept) < len(dataset.access_entries):
            dataset.access_entries = [*kept, *added]
            # The dataset carries its etag, so that an entry which another adds meanwhile is not lost.
            self._client.update_dataset(dataset, ["access_entries"], retry=self._retry, timeout=self._patience_s)

    def has_table(self, table: str) -> bool:
        """Whether the service's dataset exists and has this table."""
        from google.api_core.exceptions import NotFound

        with translating_google_errors("BigQuery"):
            try:
                self._client.get_table(f"{self._dataset}.{table}", retry=self._retry, timeout=self._patience_s)
            except NotFound:
                return False
        return True

    def dataset_labels(self, name: str) -> dict[str, str] | None:
        """Labels of the dataset; `None` if it does not exist."""
        from google.api_core.exceptions import NotFound
        from google.cloud.bigquery.enums import DatasetView

        with translating_google_errors("BigQuery"):
            try:
                return dict(self._dataset_as(name, DatasetView.METADATA).labels)
            except NotFound:
                return None

    def _dataset_as(self, name: str, view: "DatasetView") -> "Dataset":
        """Dataset as `view` has it. The default view holds the access too, which takes a right of its own to read.

        https://cloud.google.com/bigquery/docs/dataset-access-control
        """
        return self._client.get_dataset(name, retry=self._retry, timeout=self._patience_s, dataset_view=view)

    def delete_dataset(self, name: str) -> None:
        """Deletes the dataset with everything in it; a missing one is no error."""
        with translating_google_errors("BigQuery"):
            self._client.delete_dataset(
                name, delete_contents=True, not_found_ok=True, retry=self._retry, timeout=self._patience_s
            )

    def script(self, sql: str, *, dataset: str | None = None) -> None:
        """Runs statements of `sql/` one after another; `dataset` is the default dataset for those of an org."""
        for statement in statements(in_org_dataset(in_dataset(sql, self._dataset), dataset or ORG_DATASET)):
            self._change(statement)

    def write(self, query: str, /, **values: Value) -> None:
        """Runs the INSERT of `sql/queries/<query>.sql`, for rows that a stream could lose; takes seconds."""
        loaded = load_query(query, self._dataset)
        self._change(loaded.sql, _job_config(loaded, values))

    def _change(self, statement: str, config: "QueryJobConfig | None" = None) -> None:
        with translating_google_errors("BigQuery"):
            self._client.query_and_wait(
                statement,
                job_config=config,
                retry=self._retry,
                job_retry=None,  # type: ignore[arg-type]  # as above
                api_timeout=LOOK_TIMEOUT_S,
                wait_timeout=LOOK_TIMEOUT_S,
            )


def open_warehouse(settings: Settings, patience_s: float = PATIENCE_S) -> Warehouse:
    """Warehouse of the deployment."""
    return Warehouse(
        lambda: clients.bigquery(settings),
        installation=settings.installation,
        dataset=settings.dataset,
        patience_s=patience_s,
    )


@functools.cache
def _reader(shape: type[Row]) -> "TypeAdapter[Row]":
    from pydantic import TypeAdapter

    return TypeAdapter(shape)


def _job_config(query: Query, values: Mapping[str, Value]) -> "QueryJobConfig":
    from google.cloud.bigquery import QueryJobConfig

    return QueryJobConfig(
        query_parameters=query.bind(values),
        maximum_bytes_billed=QUERY_MAX_BYTES,
        labels={"query": query.name},
    )


def _unknown_columns(errors: Iterable[_RowErrors]) -> set[str]:
    """Names of columns that a refused streaming insert says the table lacks; none of its rows was stored."""
    row_errors = [error for row in errors for error in row["errors"]]
    return {error["location"] for error in row_errors if error["message"].startswith("no such field")}


def parameters(job: "Job") -> dict[str, object]:
    """Parameters that a query was started with."""
    return {each.name: each.value for each in cast("QueryJob", job).query_parameters}


def billed(processed: int, tables: int) -> int:
    """Bytes that a query is billed: whole MiB, at least ten for each table; 0 if nothing was read.

    The client reports them only for queries that ran as a job, and ours run without one where BigQuery allows it.
    """
    return max(-(-processed // MIB), LEAST_MIB * tables) * MIB if processed else 0


def wait_for(job: "Job", tick: Callable[[], None], patience_s: float = LOOK_TIMEOUT_S) -> None:
    """Waits until the job is over, well or not (see `job.error_result`), calling `tick` meanwhile.

    `patience_s` bounds in seconds how long one request is retried.
    """
    from google.cloud.bigquery.retry import DEFAULT_RETRY

    pause_s = 0.1
    while job.state != "DONE":
        tick()
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, 5.0)
        with translating_google_errors("BigQuery"):
            job.reload(retry=DEFAULT_RETRY.with_timeout(patience_s), timeout=patience_s)
