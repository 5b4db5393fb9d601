"""The service's own BigQuery: bounded queries, appended events, ids accepted once, partitions replaced.

Job ids, and the ids of streamed rows, are the installation's own (docs/adr/0013). Speaks BigQuery's REST API; Google's
client library is for what is large (docs/adr/0030). Knows no run and no org.
"""

import functools
import hashlib
import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, cast

from cloudact import clients
from cloudact.error_codes import Code
from cloudact.errors import Retry
from cloudact.google_api import Body, GoogleApi, JsonAnswer
from cloudact.google_errors import GoogleRefusal, refused_with, translating_google_errors
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
from cloudact.warehouse.resources import Column, Job, rows
from cloudact.warehouse.scripts import statements

if TYPE_CHECKING:
    from google.cloud.bigquery import Client, QueryJob
    from google.cloud.bigquery.table import RowIterator
    from pydantic import TypeAdapter

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
ON_THE_WAY_S = 5.0  # for an answer to arrive after BigQuery has waited: else nobody learns which query to cancel
TAKEN_WITHIN_S = 5.0
ADMISSION_TRIES = 5
# Who may read or change every dataset of a project unless told otherwise.
DEFAULT_PROJECT_ACCESS = ("projectReaders", "projectWriters")
DATASET_ROLES = ("READER", "WRITER", "OWNER")  # each may what those before it may
MIB = 2**20
LEAST_MIB = 10  # BigQuery's on-demand minimum for each table that a query names
QUERY_MAX_BYTES = 2**40  # compared with an estimate from before clusters are pruned, so far above what is read
ONE_REQUEST_BYTES = 10 * MIB  # larger files are uploaded in pieces
OPTIONAL_JOB = "JOB_CREATION_OPTIONAL"  # a short query may run without a job, which is BigQuery's fast path


@dataclass(frozen=True)
class Access:
    """Access to the BigQuery of a project: its REST API, and the client library's client, built when first needed.

    Jobs run in `location`, or where BigQuery runs them if there is none.
    """

    project: str
    location: str | None
    api: GoogleApi
    client: "Callable[[], Client]"

    @classmethod
    def of(cls, settings: Settings) -> "Access":
        """Access of the deployment."""
        return cls.to(settings.project, settings.bigquery_location, settings.bigquery_endpoint)

    @classmethod
    def to(cls, project: str, location: str, endpoint: str) -> "Access":
        """Access to a project's BigQuery, at Google's own endpoint where none is named."""
        api = clients.bigquery_api(endpoint)
        return cls(project, location, api, lambda: clients.bigquery_of(project, location, endpoint))


@dataclass(frozen=True)
class PagedRows:
    """Result of a query, a page at a time: rows of cells as BigQuery's REST API has them, text or `None`."""

    first: JsonAnswer
    after: Callable[[JsonAnswer, int], JsonAnswer]

    @property
    def columns(self) -> Sequence[Column]:
        """Columns of the result, whose types are in the words of the API."""
        return [Column(each) for each in self.first.get("schema", {}).get("fields", ())]

    @property
    def row_count(self) -> int:
        """Number of all rows."""
        return int(self.first.get("totalRows") or 0)

    @property
    def bytes_processed(self) -> int:
        """Bytes that the query has processed."""
        return int(self.first.get("totalBytesProcessed") or 0)

    def pages(self, page_rows: int) -> Iterator[list[list[str | None]]]:
        """Pages of rows; each but the first is fetched when it is asked for. Raises `Retry`."""
        page = self.first
        while True:
            if found := [[cell["v"] for cell in row["f"]] for row in page.get("rows", ())]:
                yield found
            if not page.get("pageToken"):
                return
            page = self.after(page, page_rows)


class Warehouse:
    """The service's BigQuery. `patience_s` bounds in seconds how long one call is retried and waited for.

    That is short in a request, long in a job. `installation` is part of every id that is decided or added here; a
    reader may leave it out. The service uses `open_warehouse`.
    """

    def __init__(
        self,
        access: Access,
        *,
        installation: str = ORIGINAL,
        dataset: str = DEFAULT_DATASET,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._access = access
        self._installation = installation
        self._dataset = dataset
        self._patience_s = patience_s
        self.bytes_billed = 0  # by `rows` and `pages`: what else is here reads nothing
        self._billing = threading.Lock()

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
        return self._access.client()

    @property
    def _location(self) -> dict[str, str]:
        return {"location": self._access.location} if self._access.location else {}

    def _call(
        self,
        method: str,
        path: str,
        body: Body = None,
        query: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        patience_s: float | None = None,
        timeout_s: float | None = None,
        root: str = "bigquery/v2",
    ) -> JsonAnswer:
        """Answer to a call at a path of the project."""
        return self._access.api.call(
            method,
            f"{root}/projects/{self._access.project}/{path}",
            body,
            patience_s=self._patience_s if patience_s is None else patience_s,
            timeout_s=timeout_s,
            query={"prettyPrint": "false", **(query or {})},
            headers=headers,
        )

    def rows(
        self, query: str, /, dataset: str | None = None, org_table: str | None = None, **values: Value
    ) -> list[dict[str, Any]]:
        """All rows of `sql/queries/<query>.sql` as dicts by column; for a result that needs no class of its own.

        `dataset` is where names without a dataset are looked for, an org's own; `org_table` is one of its tables, for a
        query that is written for any of them.
        """
        loaded = load_query(query, self._dataset, org_table)
        with translating_google_errors("BigQuery"):
            found, processed = self._answer(self._asked(loaded, values, dataset), _labels(loaded), self._patience_s)
        self._bill(billed(processed, loaded.tables))
        return found

    def measured(
        self, query: Query, dataset: str, most_bytes: int, /, **values: Value
    ) -> tuple[list[dict[str, Any]], int]:
        """All rows of a query that may bill up to `most_bytes`, and how many bytes it has processed.

        BigQuery's refusals pass through, such as that of a query that would bill more.
        """
        with translating_google_errors("BigQuery"):
            asked = self._asked(query, values, dataset, most_bytes)
            return self._answer(asked, _labels(query), self._patience_s)

    def paged(self, query: Query, dataset: str, most_bytes: int, page_rows: int, /, **values: Value) -> "PagedRows":
        """Result of a query that may bill up to `most_bytes`, its first page fetched, the others when they are read."""
        asked = {**self._asked(query, values, dataset, most_bytes), "labels": _labels(query), "maxResults": page_rows}
        with translating_google_errors("BigQuery"):
            page = self._ended(asked, self._patience_s)
        return PagedRows(page, self._page_after)

    def _page_after(self, page: JsonAnswer, page_rows: int) -> JsonAnswer:
        more = {"pageToken": page["pageToken"], "maxResults": str(page_rows)}
        with translating_google_errors("BigQuery"):
            return self._results(page["jobReference"], self._patience_s, **more)

    def table_state(self, dataset: str, table: str) -> str | None:
        """Text that differs after every change of a table's rows or of a view's query; `None` without such a table.

        Reads the table's metadata: no query, and nothing is billed.
        """
        query = {"fields": "etag,lastModifiedTime"}
        with translating_google_errors("BigQuery"):
            found = self._found(f"datasets/{dataset}/tables/{table}", query)
        return None if found is None else f"{found.get('lastModifiedTime')} {found.get('etag')}"

    def _asked(
        self,
        query: Query,
        values: Mapping[str, Value],
        dataset: str | None = None,
        most_bytes: int | None = None,
    ) -> JsonAnswer:
        """A query as the configuration of its job has it."""
        default = {"defaultDataset": {"projectId": self._access.project, "datasetId": dataset}} if dataset else {}
        parameters = query.bind(values)
        return {
            "query": query.sql,
            "useLegacySql": False,
            "maximumBytesBilled": str(most_bytes or (query.max_mib * MIB if query.max_mib else QUERY_MAX_BYTES)),
            **({"parameterMode": "NAMED", "queryParameters": parameters} if parameters else {}),
            **default,
        }

    def _answer(
        self, asked: JsonAnswer, labels: Mapping[str, str], patience_s: float
    ) -> tuple[list[dict[str, Any]], int]:
        """All rows of a query, and how many bytes it has processed."""
        page = self._ended({**asked, **({"labels": labels} if labels else {})}, patience_s)
        schema, found, processed = page.get("schema", {}), [], int(page.get("totalBytesProcessed") or 0)
        found += rows(schema, page.get("rows", ()))
        while token := page.get("pageToken"):
            page = self._results(page["jobReference"], patience_s, pageToken=token)
            found += rows(schema, page.get("rows", ()))
        return found, processed

    def _ended(self, asked: JsonAnswer, patience_s: float) -> JsonAnswer:
        """First page of a query's result. It runs without a job where BigQuery allows it."""
        give_up = time.monotonic() + patience_s
        bound = {"timeoutMs": int(patience_s * 1000), "formatOptions": {"useInt64Timestamp": True}}
        once = {"requestId": str(uuid.uuid4()), "jobCreationMode": OPTIONAL_JOB}  # a repeated call is one query
        request = {**asked, **bound, **once, **self._location}
        page = self._call("POST", "queries", request, patience_s=patience_s, timeout_s=patience_s + ON_THE_WAY_S)
        while not page["jobComplete"]:
            left_s = give_up - time.monotonic()
            if left_s <= 0:
                self._cancel(page["jobReference"])
                raise TimeoutError("the query has not ended in time")
            page = self._results(page["jobReference"], left_s)
        return page

    def _results(self, job: Mapping[str, str], within_s: float, **more: str) -> JsonAnswer:
        """A page of the results, or that there is none yet after so many seconds."""
        where = {"location": job["location"]} if job.get("location") else {}
        wait = {"timeoutMs": str(int(within_s * 1000)), "formatOptions.useInt64Timestamp": "true"}
        return self._call(
            "GET",
            f"queries/{job['jobId']}",
            query={**where, **wait, **more},
            patience_s=within_s,
            timeout_s=within_s + ON_THE_WAY_S,
        )

    def _cancel(self, job: Mapping[str, str]) -> None:
        where = {"location": job["location"]} if job.get("location") else {}
        try:
            self._call("POST", f"jobs/{job['jobId']}/cancel", query=where, patience_s=0, timeout_s=ON_THE_WAY_S)
        except Exception as err:  # whatever it is, the query ends by itself
            log.warning("a query could not be cancelled", exc_info=err)

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
        return self.answer(load_query(query, self._dataset, org_table), dataset, page_rows, **values)

    def answer(
        self, query: Query, dataset: str | None = None, page_rows: int | None = None, /, **values: Value
    ) -> "RowIterator":
        """Rows of a query that is no file of `sql/queries/`, such as one that is made of the rules of FOCUS."""
        from google.cloud.bigquery import QueryJobConfig
        from google.cloud.bigquery.retry import DEFAULT_RETRY

        asked = self._asked(query, values, dataset)
        sql = asked.pop("query")
        config: QueryJobConfig = QueryJobConfig.from_api_repr({"query": asked, "labels": _labels(query)})  # type: ignore[assignment]
        with translating_google_errors("BigQuery"):
            result = self._client.query_and_wait(
                sql,
                job_config=config,
                page_size=page_rows,
                retry=DEFAULT_RETRY.with_timeout(self._patience_s),
                # None is allowed, though not annotated: else a failed query is run again for 40 minutes
                job_retry=None,  # type: ignore[arg-type]
                api_timeout=self._patience_s,
                wait_timeout=self._patience_s,
            )
        self._bill(billed(result.total_bytes_processed or 0, query.tables))
        return result

    def _bill(self, count: int) -> None:
        with self._billing:  # a job looks beside its reports whether names were read
            self.bytes_billed += count

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
        body = {"rows": [{"insertId": row_id, "json": row} for row, row_id in zip(rows, row_ids, strict=True)]}
        with translating_google_errors("BigQuery"):
            answer = self._call("POST", f"datasets/{self._dataset}/tables/{table}/insertAll", body)
        return [cast("_RowErrors", each) for each in answer.get("insertErrors", ())]

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
        return job.parameters

    def parameters(self, job_id: str) -> dict[str, object] | None:
        """Parameters with which the query of this id was started; `None` while the id is free."""
        job = self.job(job_id)
        return job.parameters if job else None

    def job(self, job_id: str) -> Job | None:
        """Job with this id; `None` while the id is free."""
        with translating_google_errors("BigQuery"):
            found = self._found(f"jobs/{self._job_id(job_id)}", self._location)
        return Job(found) if found is not None else None

    def has_job(self, job_id: str) -> bool:
        """Whether the id was taken; for jobs whose parameters are large and not wanted."""
        with translating_google_errors("BigQuery"):
            wanted = {**self._location, "fields": "jobReference"}
            return self._found(f"jobs/{self._job_id(job_id)}", wanted) is not None

    def _found(self, path: str, query: Mapping[str, str | int] | None = None) -> JsonAnswer | None:
        """What BigQuery has at this path; `None` if nothing."""
        try:
            return self._call("GET", path, query=query)
        except GoogleRefusal as err:
            if not refused_with(err, 404):
                raise
            return None

    def taken_job(self, job_id: str) -> Job:
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

    def wait_for(self, job: Job, tick: Callable[[], None]) -> None:
        """Waits until the job is over, with the warehouse's patience for each request."""

        def look_again() -> None:
            where = {"location": job.location} if job.location else {}
            job.resource = self._call("GET", f"jobs/{job.job_id}", query=where)

        _wait_until(lambda: job.done, look_again, tick)

    def start_query(self, job_id: str, query: str, dataset: str | None = None, /, **values: Value) -> Job | None:
        """Starts a query under this id; returns `None` if the id was taken before.

        `dataset` is where names without a dataset are looked for, an org's own.
        """
        loaded = load_query(query, self._dataset)
        configuration = {"query": self._asked(loaded, values, dataset), "labels": _labels(loaded)}
        with translating_google_errors("BigQuery"):
            return self._started(lambda: self._call("POST", "jobs", self._resource(job_id, configuration)))

    def _resource(self, job_id: str, configuration: JsonAnswer) -> JsonAnswer:
        reference = {"projectId": self._access.project, "jobId": self._job_id(job_id), **self._location}
        return {"jobReference": reference, "configuration": configuration}

    def _started(self, start: Callable[[], JsonAnswer]) -> Job | None:
        try:
            return Job(start())
        except GoogleRefusal as err:
            if not refused_with(err, 409):
                raise
            return None

    def columns(self, dataset: str, table: str) -> Sequence[Column]:
        """Columns of a table, in its order, with their descriptions; BigQuery's "not found" passes through."""
        with translating_google_errors("BigQuery"):
            found = self._call("GET", f"datasets/{dataset}/tables/{table}")
        return [Column(each) for each in found.get("schema", {}).get("fields", ())]

    def start_load(
        self,
        job_id: str,
        partition: DayPartition,
        parquet: Path,
        columns: Sequence[Column],
        labels: Mapping[str, str],
    ) -> Job | None:
        """Starts replacing one day of a table by the file's rows, atomically; returns `None` if the id was taken."""
        configuration = replacing(partition, self._access.project, columns, labels)
        with translating_google_errors("BigQuery"):
            if parquet.stat().st_size > ONE_REQUEST_BYTES:
                return self._upload_in_pieces(job_id, configuration, parquet)
            return self._started(lambda: self._upload(self._resource(job_id, configuration), parquet))

    def _upload(self, resource: JsonAnswer, file: Path) -> JsonAnswer:
        """Starts the load in one request, with its file (https://cloud.google.com/bigquery/docs/reference/api-uploads)."""
        boundary = uuid.uuid4().hex.encode()
        parts = ((b"application/json; charset=UTF-8", json.dumps(resource).encode()), (b"*/*", file.read_bytes()))
        body = b"".join(b"--%b\r\nContent-Type: %b\r\n\r\n%b\r\n" % (boundary, *part) for part in parts)
        return self._call(
            "POST",
            "jobs",
            body + b"--%b--" % boundary,
            query={"uploadType": "multipart"},
            headers={"Content-Type": f'multipart/related; boundary="{boundary.decode()}"'},
            root="upload/bigquery/v2",
        )

    def _upload_in_pieces(self, job_id: str, configuration: JsonAnswer, parquet: Path) -> Job | None:
        """Starts the load by the client library, which goes on where an upload broke off."""
        from google.api_core.exceptions import Conflict
        from google.cloud.bigquery import LoadJobConfig

        config: LoadJobConfig = LoadJobConfig.from_api_repr(configuration)  # type: ignore[assignment]
        destination = "{projectId}.{datasetId}.{tableId}".format_map(configuration["load"]["destinationTable"])
        try:
            with parquet.open("rb") as file:
                self._client.load_table_from_file(
                    file,
                    destination,
                    size=parquet.stat().st_size,
                    job_id=self._job_id(job_id),
                    job_config=config,
                    timeout=self._patience_s,
                )
        except Conflict:
            return None
        return self.taken_job(job_id)

    def create_dataset(self, name: str, labels: Mapping[str, str]) -> dict[str, str]:
        """Creates the dataset, and returns its labels; one that exists stays as it is."""
        known = self.dataset_labels(name)  # first: whoever migrates may look, but not make one
        if known is not None:
            return known
        reference = {"projectId": self._access.project, "datasetId": name}
        wanted = {"datasetReference": reference, "labels": dict(labels), **self._location}
        with translating_google_errors("BigQuery"):
            try:
                made = self._call("POST", "datasets", wanted)
            except GoogleRefusal as err:
                if not refused_with(err, 409):
                    raise
                return self.dataset_labels(name) or {}
        return dict(made.get("labels", {}))

    def admit(self, name: str, accounts: Mapping[str, str]) -> None:
        """Grants service accounts their roles in the dataset, `READER` or `WRITER`, beside whoever has any already.

        Editors and viewers of the project lose the access that BigQuery gives them to every new dataset. Raises `Retry`
        where others keep changing the dataset at the same time.
        """
        if accounts:
            self._change_access(name, lambda access: _with_roles(access, accounts))

    def dismiss(self, name: str, emails: Collection[str], role: str) -> bool:
        """Takes a role in the dataset from service accounts; other roles stay. Returns whether any had it.

        Raises `Retry` as `admit` does.
        """
        taken = {(email, role) for email in emails}
        return bool(taken) and self._change_access(
            name, lambda access: [each for each in access if (each.get("userByEmail"), each.get("role")) not in taken]
        )

    def _change_access(self, name: str, wanted: Callable[[list[JsonAnswer]], list[JsonAnswer]]) -> bool:
        """Gives the dataset the access `wanted` in the place of what it has; returns whether that is another."""
        for _ in range(ADMISSION_TRIES):
            with translating_google_errors("BigQuery"):
                dataset = self._call("GET", f"datasets/{name}", query={"datasetView": "ACL"})
                had = dataset.get("access", [])
                access = wanted(had)
                if access == had:
                    return False
                # With its etag, so that an entry which another adds meanwhile is not lost.
                unchanged = {"If-Match": dataset["etag"]}
                try:
                    self._call("PATCH", f"datasets/{name}", {"access": access}, headers=unchanged)
                except GoogleRefusal as err:
                    if not refused_with(err, 412):
                        raise
                    continue  # someone has changed it since we looked
                return True
        raise Retry(Code.BIGQUERY_UNAVAILABLE, f"The access to dataset {name} is being changed by others.")

    def has_table(self, table: str) -> bool:
        """Whether the service's dataset exists and has this table."""
        with translating_google_errors("BigQuery"):
            return self._found(f"datasets/{self._dataset}/tables/{table}") is not None

    def dataset_labels(self, name: str) -> dict[str, str] | None:
        """Labels of the dataset; `None` if it does not exist.

        The default view would hold the access too, which takes a right of its own to read:
        https://cloud.google.com/bigquery/docs/dataset-access-control
        """
        with translating_google_errors("BigQuery"):
            found = self._found(f"datasets/{name}", {"datasetView": "METADATA"})
        return None if found is None else dict(found.get("labels", {}))

    def delete_dataset(self, name: str) -> None:
        """Deletes the dataset with everything in it; a missing one is no error."""
        with translating_google_errors("BigQuery"):
            try:
                self._call("DELETE", f"datasets/{name}", query={"deleteContents": "true"})
            except GoogleRefusal as err:
                if not refused_with(err, 404):
                    raise

    def script(self, sql: str, *, dataset: str | None = None) -> None:
        """Runs statements of `sql/` one after another; `dataset` is the default dataset for those of an org."""
        for statement in statements(in_org_dataset(in_dataset(sql, self._dataset), dataset or ORG_DATASET)):
            self._change({"query": statement, "useLegacySql": False}, {})

    def write(self, query: str, /, **values: Value) -> None:
        """Runs `sql/queries/<query>.sql`, a statement that changes rows which a stream could lose; takes seconds."""
        loaded = load_query(query, self._dataset)
        self._change(self._asked(loaded, values), _labels(loaded))

    def _change(self, asked: JsonAnswer, labels: Mapping[str, str]) -> None:
        with translating_google_errors("BigQuery"):
            self._answer(asked, labels, LOOK_TIMEOUT_S)


def _with_roles(access: list[JsonAnswer], accounts: Mapping[str, str]) -> list[JsonAnswer]:
    """Access with these roles by service account, of which none is added that has as much already."""
    kept = [entry for entry in access if entry.get("specialGroup") not in DEFAULT_PROJECT_ACCESS]
    held = {(entry.get("userByEmail"), entry.get("role")) for entry in kept}
    added: list[JsonAnswer] = [
        {"role": role, "userByEmail": email}
        for email, role in sorted(accounts.items())
        if held.isdisjoint((email, enough) for enough in DATASET_ROLES[DATASET_ROLES.index(role) :])
    ]
    return [*kept, *added]


def open_warehouse(settings: Settings, patience_s: float = PATIENCE_S) -> Warehouse:
    """Warehouse of the deployment."""
    return Warehouse(
        Access.of(settings),
        installation=settings.installation,
        dataset=settings.dataset,
        patience_s=patience_s,
    )


def open_for_reading(project: str, location: str, endpoint: str = "", patience_s: float = PATIENCE_S) -> Warehouse:
    """Warehouse for who only reads, such as a person with the right to: it belongs to no installation."""
    return Warehouse(Access.to(project, location, endpoint), patience_s=patience_s)


@functools.cache
def _reader(shape: type[Row]) -> "TypeAdapter[Row]":
    from pydantic import TypeAdapter

    return TypeAdapter(shape)


def _labels(query: Query) -> dict[str, str]:
    return {"query": query.name}


def _unknown_columns(errors: Iterable[_RowErrors]) -> set[str]:
    """Names of columns that a refused streaming insert says the table lacks; none of its rows was stored."""
    row_errors = [error for row in errors for error in row["errors"]]
    return {error["location"] for error in row_errors if error["message"].startswith("no such field")}


def billed(processed: int, tables: int) -> int:
    """Bytes that a query is billed: whole MiB, at least ten for each table; 0 if nothing was read.

    BigQuery reports them only for queries that ran as a job, and ours run without one where BigQuery allows it.
    """
    return max(-(-processed // MIB), LEAST_MIB * tables) * MIB if processed else 0


def wait_for(job: "QueryJob", tick: Callable[[], None], patience_s: float = LOOK_TIMEOUT_S) -> None:
    """Waits until a job of the client library is over, well or not (see `job.error_result`), calling `tick` meanwhile.

    `patience_s` bounds in seconds how long one request is retried.
    """
    from google.cloud.bigquery.retry import DEFAULT_RETRY

    retry = DEFAULT_RETRY.with_timeout(patience_s)
    _wait_until(lambda: job.state == "DONE", lambda: job.reload(retry=retry, timeout=patience_s), tick)


def _wait_until(done: Callable[[], bool], look_again: Callable[[], None], tick: Callable[[], None]) -> None:
    pause_s = 0.1
    while not done():
        tick()
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, 5.0)
        with translating_google_errors("BigQuery"):
            look_again()
