"""The service's own BigQuery: bounded queries, appended events, ids accepted once, partitions replaced.

Job ids, and the ids of streamed rows, are the installation's own (docs/adr/0013). Owns the BigQuery client library.
Knows no run, no org and no HTTP.
"""

import functools
import hashlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cloudact import clients
from cloudact.errors import Retry
from cloudact.google_errors import reaching
from cloudact.installation import ORIGINAL, own_name
from cloudact.settings import Settings
from cloudact.warehouse.queries import DEFAULT_DATASET, ORG_DATASET, Query, in_dataset, in_org_dataset, load_query
from cloudact.warehouse.scripts import statements

if TYPE_CHECKING:
    from pydantic import TypeAdapter

log = logging.getLogger(__name__)
Row = TypeVar("Row")
PATIENCE_S = 60.0
LOOK_TIMEOUT_S = 30.0
TAKEN_WITHIN_S = 5.0
ADMISSION_TRIES = 5
BY_THE_WAY = ("projectReaders", "projectWriters")  # who may read or change every dataset of a project unless told
MIB = 2**20
LEAST_MIB = 10  # BigQuery's on-demand minimum for each table that a query names
QUERY_MAX_BYTES = 2**40  # compared with an estimate from before clusters are pruned, so far above what is read


class Warehouse:
    """`client` builds the `bigquery.Client` when it is first needed, since that costs a cold start.

    `patience_s` is how long one call is retried and waited for: short in a request, long in a job. `installation` is in
    the id of all that is decided or added here; who only reads may leave it out. The service uses `open_warehouse`.
    """

    def __init__(
        self,
        client: Callable[[], Any],
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
        """The service's own dataset."""
        return self._dataset

    @property
    def installation(self) -> str:
        """Which deployment this is."""
        return self._installation

    @cached_property
    def _client(self) -> Any:
        return self._build_client()

    @cached_property
    def _retry(self) -> Any:
        from google.cloud.bigquery.retry import DEFAULT_RETRY

        return DEFAULT_RETRY.with_timeout(self._patience_s)

    def rows(self, query: str, /, dataset: str | None = None, **values: Any) -> list[dict[str, Any]]:
        """All rows of `sql/queries/<query>.sql`; for answers that fit into memory.

        `dataset` is where names without a dataset are looked for, an org's own.
        """
        with reaching("BigQuery"):
            return [dict(row.items()) for row in self.pages(query, dataset, None, **values)]

    def read(self, shape: type[Row], query: str, /, **values: object) -> list[Row]:
        """All rows of `sql/queries/<query>.sql`, each as the dataclass `shape`, whose fields are the query's columns.

        Raises pydantic's `ValidationError` where a row does not have that shape, which is a mistake of ours.
        """
        reader = _reader(shape)  # type: ignore[arg-type]  # a class is hashable
        return [reader.validate_python(row) for row in self.rows(query, None, **values)]

    def pages(self, query: str, dataset: str | None, page_rows: int | None, /, **values: Any) -> Any:
        """The same as the client's iterator, which reads a page at a time; for answers that do not fit into memory."""
        loaded = load_query(query, self._dataset)
        config = _job_config(loaded, values)
        if dataset:
            config.default_dataset = f"{self._client.project}.{dataset}"
        with reaching("BigQuery"):
            result = self._client.query_and_wait(
                loaded.sql,
                job_config=config,
                page_size=page_rows,
                retry=self._retry,
                job_retry=None,  # by default a failed query is run again for 40 minutes, whatever `retry` says
                api_timeout=self._patience_s,
                wait_timeout=self._patience_s,
            )
        self.bytes_billed += billed(result.total_bytes_processed or 0, loaded.tables)
        return result

    def append(self, table: str, rows: Iterable[Mapping[str, Any]], ids: Iterable[str]) -> None:
        """Streams rows into one of the service's tables; a repeated id within a minute is one row.

        Raises `Retry` where BigQuery cannot be reached; a row that does not fit its table is a mistake of ours.
        """
        with reaching("BigQuery"):
            errors = self._client.insert_rows_json(
                f"{self._client.project}.{self._dataset}.{table}",
                [dict(row) for row in rows],
                row_ids=[self._insert_id(each) for each in ids],
                retry=self._retry,
                timeout=self._patience_s,
            )
        if errors:
            raise ValueError(f"BigQuery refused rows of {table}: {errors}")

    def _insert_id(self, text: str) -> str:
        """Google takes 128 characters at most, and a user's id alone may have as many."""
        return hashlib.sha256(own_name(text, self._installation).encode()).hexdigest()

    def accept_once(self, job_id: str, query: str, **values: Any) -> dict[str, Any]:
        """Starts `query` under a job id of ours, or finds who has: answers with the winner's parameters.

        BigQuery accepts a job id once per project and location; that makes the id a lock that nobody can lose by
        crashing.
        """
        job = self.start_query(job_id, query, **values) or self.taken_job(job_id)
        return {parameter.name: parameter.value for parameter in job.query_parameters}

    def job(self, job_id: str) -> Any | None:
        """The job that has this id; `None` while the id is free."""
        from google.api_core.exceptions import NotFound

        with reaching("BigQuery"):
            try:
                return self._client.get_job(self._job_id(job_id), retry=self._retry, timeout=self._patience_s)
            except NotFound:
                return None

    def taken_job(self, job_id: str) -> Any:
        """The job whose id was refused as taken. Raises `Retry` where it cannot be read within some seconds.

        BigQuery may say "not found" right after "exists already": https://github.com/googleapis/python-bigquery/issues/2134
        """
        give_up, pause_s = time.monotonic() + min(TAKEN_WITHIN_S, self._patience_s), 0.1
        while (job := self.job(job_id)) is None:
            if time.monotonic() + pause_s > give_up:
                raise Retry("bigquery_unavailable", "BigQuery refused a job id that it does not know.")
            time.sleep(pause_s)
            pause_s = min(pause_s * 2, 1.0)
        return job

    def _job_id(self, name: str) -> str:
        return own_name(name, self._installation)

    def wait_for(self, job: Any, tick: Callable[[], None]) -> None:
        """Until the job is over; each look at it takes no longer than our patience."""
        wait_for(job, tick, self._patience_s)

    def start_query(self, job_id: str, query: str, **values: Any) -> Any | None:
        """Starts a query under this id; `None` where the id was taken before."""
        from google.api_core.exceptions import Conflict

        loaded = load_query(query, self._dataset)
        config = _job_config(loaded, values)
        with reaching("BigQuery"):
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

    def start_load(
        self, job_id: str, dataset: str, table: str, day: date, parquet: Path, labels: Mapping[str, str]
    ) -> Any | None:
        """Starts replacing one day of a table by the file's rows, atomically; `None` where the id was taken before."""
        from google.api_core.exceptions import Conflict
        from google.cloud.bigquery import LoadJobConfig, SourceFormat, WriteDisposition

        name = f"{self._client.project}.{dataset}.{table}"
        with reaching("BigQuery"):
            # The table's own schema: one inferred from the file would lose its descriptions.
            config = LoadJobConfig(
                schema=self._client.get_table(name, retry=self._retry).schema,
                source_format=SourceFormat.PARQUET,
                write_disposition=WriteDisposition.WRITE_TRUNCATE,
                create_disposition="CREATE_NEVER",
                labels=dict(labels),
            )
            try:
                with parquet.open("rb") as file:
                    return self._client.load_table_from_file(
                        file,
                        f"{name}${day:%Y%m%d}",
                        size=parquet.stat().st_size,
                        job_id=self._job_id(job_id),
                        job_config=config,
                        timeout=self._patience_s,
                    )
            except Conflict:
                return None

    def create_dataset(self, name: str, labels: Mapping[str, str]) -> dict[str, str]:
        """Makes the dataset; one that exists stays as it is. Answers the labels that it has."""
        from google.api_core.exceptions import Conflict
        from google.cloud.bigquery import Dataset

        known = self.dataset_labels(name)  # first: whoever migrates may look, but not make one
        if known is not None:
            return known
        wanted = Dataset(f"{self._client.project}.{name}")
        wanted.labels = dict(labels)
        with reaching("BigQuery"):
            try:
                made = self._client.create_dataset(wanted, retry=self._retry, timeout=self._patience_s)
            except Conflict:
                return self.dataset_labels(name) or {}
        return dict(made.labels)

    def admit_writers(self, name: str, emails: Iterable[str]) -> None:
        """Lets service accounts read and write all that is in the dataset, beside its owners and those who may already.

        Not so the editors and viewers of the project, whom BigQuery lets into every new dataset.
        Raises `Retry` where others keep changing the dataset at the same time.
        """
        from google.api_core.exceptions import PreconditionFailed

        wanted = sorted(set(emails))
        for _ in range(ADMISSION_TRIES if wanted else 0):
            with reaching("BigQuery"):
                try:
                    self._admit(name, wanted)
                except PreconditionFailed:  # someone has changed it since we looked
                    continue
                return
        if wanted:
            raise Retry("bigquery_unavailable", f"The access to dataset {name} is being changed by others.")

    def _admit(self, name: str, emails: Iterable[str]) -> None:
        from google.cloud.bigquery import AccessEntry
        from google.cloud.bigquery.enums import DatasetView

        dataset = self._dataset_as(name, DatasetView.ACL)
        kept = [entry for entry in dataset.access_entries if entry.entity_id not in BY_THE_WAY]
        may_write = {entry.entity_id for entry in kept if entry.role in ("WRITER", "OWNER")}
        added = [AccessEntry("WRITER", "userByEmail", email) for email in emails if email not in may_write]
        if added or len(kept) < len(dataset.access_entries):
            dataset.access_entries = [*kept, *added]
            # The dataset carries its etag, so that an entry which another adds meanwhile is not lost.
            self._client.update_dataset(dataset, ["access_entries"], retry=self._retry, timeout=self._patience_s)

    def has_table(self, table: str) -> bool:
        """Whether the service's dataset is there and has this table."""
        from google.api_core.exceptions import NotFound

        with reaching("BigQuery"):
            try:
                self._client.get_table(f"{self._dataset}.{table}", retry=self._retry, timeout=self._patience_s)
            except NotFound:
                return False
        return True

    def dataset_labels(self, name: str) -> dict[str, str] | None:
        """The dataset's labels; `None` where there is no such dataset."""
        from google.api_core.exceptions import NotFound
        from google.cloud.bigquery.enums import DatasetView

        with reaching("BigQuery"):
            try:
                return dict(self._dataset_as(name, DatasetView.METADATA).labels)
            except NotFound:
                return None

    def _dataset_as(self, name: str, view: Any) -> Any:
        """Unasked, Google tells the access too, which takes a right of its own on a dataset that may be a stranger's.

        https://cloud.google.com/bigquery/docs/dataset-access-control
        """
        return self._client.get_dataset(name, retry=self._retry, timeout=self._patience_s, dataset_view=view)

    def delete_dataset(self, name: str) -> None:
        """Deletes the dataset and all that is in it; none is fine."""
        with reaching("BigQuery"):
            self._client.delete_dataset(
                name, delete_contents=True, not_found_ok=True, retry=self._retry, timeout=self._patience_s
            )

    def script(self, sql: str, *, dataset: str | None = None) -> None:
        """Runs statements of `sql/` one after another; `dataset` is the org's own, for those of an org."""
        for statement in statements(in_org_dataset(in_dataset(sql, self._dataset), dataset or ORG_DATASET)):
            self._change(statement)

    def write(self, query: str, /, **values: Any) -> None:
        """Runs the INSERT of `sql/queries/<query>.sql`, for rows that no stream may lose; it takes seconds."""
        loaded = load_query(query, self._dataset)
        self._change(loaded.sql, _job_config(loaded, values))

    def _change(self, statement: str, config: Any = None) -> None:
        with reaching("BigQuery"):
            self._client.query_and_wait(
                statement,
                job_config=config,
                retry=self._retry,
                job_retry=None,
                api_timeout=LOOK_TIMEOUT_S,
                wait_timeout=LOOK_TIMEOUT_S,
            )


def open_warehouse(settings: Settings, patience_s: float = PATIENCE_S) -> Warehouse:
    """The deployment's own."""
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


def _job_config(query: Query, values: Mapping[str, Any]) -> Any:
    from google.cloud.bigquery import QueryJobConfig

    return QueryJobConfig(
        query_parameters=query.bind(values),
        maximum_bytes_billed=QUERY_MAX_BYTES,
        labels={"query": query.name},
    )


def billed(processed: int, tables: int) -> int:
    """The bytes that a query is billed: whole MiB, at least ten for each table; none where nothing was read.

    The client tells it only of queries that ran as a job, and ours run without one where BigQuery allows it.
    """
    return max(-(-processed // MIB), LEAST_MIB * tables) * MIB if processed else 0


def wait_for(job: Any, tick: Callable[[], None], patience_s: float = LOOK_TIMEOUT_S) -> None:
    """Until the job is over, well or not (`job.error_result` tells); `tick` is called while it is not.

    `patience_s` is how long one look at it is retried.
    """
    from google.cloud.bigquery.retry import DEFAULT_RETRY

    pause_s = 0.1
    while job.state != "DONE":
        tick()
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, 5.0)
        with reaching("BigQuery"):
            job.reload(retry=DEFAULT_RETRY.with_timeout(patience_s), timeout=patience_s)
