"""A warehouse that runs of the past write to: it keeps everything, and loads it into BigQuery at last, table by table.

To the job's code it is the warehouse of an org of which nothing is loaded yet. What it does not keep, such as the
columns of a table, BigQuery is asked for.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from google.cloud.bigquery import Client, LoadJobConfig, QueryJobConfig, ScalarQueryParameter, SchemaField

from cloudact.runs.late_data import LateDataScan
from cloudact.runs.result import Result
from cloudact.warehouse.bigquery import Warehouse
from cloudact.warehouse.day_partition import DayPartition
from cloudact.warehouse.resources import Column, Job

Shape = TypeVar("Shape")
HISTORY = "day_history"
NOBODY = frozenset({"run_status", "webhook"})  # ends a run of the past before it has begun, or is told of its end
Rows = list[dict[str, Any]]


@dataclass
class _Kept:
    """Rows of the ledger and of the history by table, days of the org's tables, the ends of runs by their ids, and
    the queries that record names, with dataset and values by the ids of their jobs.
    """

    rows: defaultdict[str, Rows] = field(default_factory=lambda: defaultdict(list))
    history: Rows = field(default_factory=list)
    days: dict[tuple[str, date], "_Day"] = field(default_factory=dict)
    ends: dict[str, dict[str, Any]] = field(default_factory=dict)
    names: dict[str, tuple[str | None, dict[str, Any]]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Day:
    """A day as the run's file has it: most are replaced before anybody reads them."""

    parquet: bytes
    rows: int

    @property
    def table(self) -> pa.Table:
        return pq.ParquetFile(BytesIO(self.parquet)).read(use_threads=False)


class PastWarehouse(Warehouse):
    """Answers the job's calls from what it keeps. `write` loads it, and then it is done with."""

    _kept: _Kept
    _columns: dict[tuple[str, str], Sequence[Column]]

    @classmethod
    def before(cls, warehouse: Warehouse) -> "PastWarehouse":
        """The warehouse of the same deployment, without anything kept."""
        past = cls(warehouse._access, installation=warehouse.installation, dataset=warehouse.dataset)
        past._kept, past._columns = _Kept(), {}
        return past

    def has_succeeded(self, run_id: str) -> bool:
        """Whether the ledger has the run's end."""
        return run_id in self._kept.ends

    def last_scan(self, pipeline: str) -> LateDataScan | None:
        """What the last run of a pipeline that has looked for late rows has found."""
        end = next(self._scans(pipeline), None)
        return Result.model_validate_json(end["result"]).look if end else None

    def append(
        self,
        table: str,
        rows: Iterable[Mapping[str, object]],
        ids: Iterable[str],  # noqa: ARG002 - nothing is sent twice
        late: Collection[str] = (),  # noqa: ARG002
    ) -> None:
        """Keeps rows of the ledger, and how a run ended."""
        for row in rows:
            self._kept.rows[table].append(dict(row))
            if row.get("status") == "SUCCESS" and "generation" in row:
                self._kept.ends[str(row["run_id"])] = dict(row)

    def rows(
        self,
        query: str,
        /,
        dataset: str | None = None,  # noqa: ARG002 - there is one org
        org_table: str | None = None,
        **values: Any,
    ) -> list[dict[str, Any]]:
        """Rows of a day of an org's table, earlier generations of runs, and the last scan for late rows.

        Of what only people record, such as an invoice, there was none before the org's first start. Raises
        `NotImplementedError` for any other query, since no rows would be an answer that nobody has looked up.
        """
        if query == "day_rows":
            kept = self._kept.days.get((str(org_table), values["date"]))
            return [{"row_count": kept.rows if kept else 0}]
        if query == "earlier_generations":
            ends = [self._kept.ends[each] for each in values["run_ids"] if each in self._kept.ends]
            return [_earlier(end) for end in sorted(ends, key=lambda end: -int(end["generation"]))]
        if query == "generations":
            return [each for key in values["keys"] if (each := self._generation(key))]
        if query == "last_look":
            return [{"result": end["result"]} for end in islice(self._scans(values["pipeline"]), 1)]
        if query == "invoice_entries":
            return [{"entries": 0}]
        if query in NOBODY:
            return []
        raise NotImplementedError(f"no run of the past has asked for {query} yet")

    def _scans(self, pipeline: str) -> Iterator[dict[str, Any]]:
        """The ends of runs of a pipeline that have looked for late rows, the last one first."""
        ends = (end for end in reversed(self._kept.ends.values()) if end["pipeline"] == pipeline)
        return (end for end in ends if json.loads(end["result"]).get("look"))

    def _generation(self, key: str) -> dict[str, Any] | None:
        """A row of `generations` for `org_slug pipeline date`; `None` for a date without a run."""
        org_slug, pipeline, day = key.split(" ")
        runs = [
            (told, self._kept.ends[told["run_id"]])
            for told in self._kept.history
            if told["pipeline"] == pipeline and told["usage_date"].isoformat() == day
        ]
        if not runs:
            return None
        newest, end = runs[-1]
        asked_on = date.fromisoformat(end["requested_date"])
        return {
            "org_slug": org_slug,
            "pipeline": pipeline,
            "date": newest["usage_date"],
            "generation": newest["generation"],
            "status": end["status"],
            "requested_date": asked_on,
            "loaded_on": asked_on,
            "asked_on": asked_on,
            "loaded_at": newest["read_at"],
            "source_as_of": max((told["source_as_of"] for told, _ in runs if told["source_as_of"]), default=None),
            "given_up_at": None,
        }

    def columns(self, dataset: str, table: str) -> Sequence[Column]:
        """Columns of a table, asked for once."""
        if (dataset, table) not in self._columns:
            self._columns[dataset, table] = super().columns(dataset, table)
        return self._columns[dataset, table]

    def accept_once(self, job_id: str, query: str, **values: Any) -> dict[str, object]:  # noqa: ARG002
        """Every id is free."""
        return dict(values)

    def job(self, job_id: str) -> Job | None:  # noqa: ARG002
        """Every id is free."""
        return None

    def has_job(self, job_id: str) -> bool:  # noqa: ARG002
        """Every id is free."""
        return False

    def start_query(self, job_id: str, query: str, dataset: str | None = None, /, **values: Any) -> Job | None:
        """Keeps what is recorded of a day, and names; a fence has done its work by being accepted.

        Raises as `rows` does.
        """
        if query == "record_day":
            told = {name: [json.loads(each) for each in values.pop(name)] for name in ("costs", "credits", "totals")}
            self._kept.history.append({**values, **told})
        elif query == "record_names":
            self._kept.names[job_id] = dataset, values
        elif query != "fence":
            raise NotImplementedError(f"no run of the past has started {query} yet")
        return _done({"query": {}})

    def start_load(
        self,
        job_id: str,  # noqa: ARG002
        partition: DayPartition,
        parquet: Path,
        columns: Sequence[Column],  # noqa: ARG002 - those of the file
        labels: Mapping[str, str],
    ) -> Job | None:
        """Keeps the day in the place of what was kept of it before."""
        day = _Day(parquet.read_bytes(), pq.read_metadata(parquet).num_rows)
        self._kept.days[partition.table, partition.day] = day
        reference = {"tableId": f"{partition.table}${partition.day:%Y%m%d}"}
        load = {"load": {"destinationTable": reference}, "labels": dict(labels)}
        return _done(load, {"load": {"outputRows": str(day.rows)}})

    def wait_for(self, job: Job, tick: Callable[[], None]) -> None:
        """Everything is done at once."""

    def write(self, client: Client, dataset: str) -> None:  # type: ignore[override]
        """Loads all that is kept, the ledger last: what a start that was broken off has left is replaced."""
        days = defaultdict(list)
        for (table, _), day in sorted(self._kept.days.items(), key=lambda each: each[0]):
            days[table].append(day.table)
        for table, parts in days.items():
            self._forget(client, dataset, table)
            file = BytesIO()
            pq.write_table(pa.concat_tables(parts), file)
            fields = [SchemaField.from_api_repr(dict(column.resource)) for column in self.columns(dataset, table)]
            _load(client, f"{dataset}.{table}", file, "PARQUET", fields)
        self._forget(client, dataset, HISTORY)
        _load(client, f"{dataset}.{HISTORY}", _lines(self._kept.history), "NEWLINE_DELIMITED_JSON")
        for job_id, (org_dataset, values) in self._kept.names.items():
            if job := super().start_query(job_id, "record_names", org_dataset, **values):
                super().wait_for(job, lambda: None)
        for table, rows in self._kept.rows.items():
            _load(client, f"{self.dataset}.{table}", _lines(rows), "NEWLINE_DELIMITED_JSON")

    def _forget(self, client: Client, dataset: str, table: str) -> None:
        kept = sorted({day for _, day in self._kept.days})
        named = [ScalarQueryParameter("first", "DATE", kept[0]), ScalarQueryParameter("last", "DATE", kept[-1])]
        sql = f"DELETE FROM `{dataset}.{table}` WHERE usage_date >= @first AND usage_date <= @last"  # noqa: S608
        client.query_and_wait(sql, job_config=QueryJobConfig(query_parameters=named))


def _earlier(end: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `earlier_generations`."""
    return {
        "run_id": end["run_id"],
        "generation": end["generation"],
        "requested_date": date.fromisoformat(end["requested_date"]),
        "status": end["status"],
        "result": end["result"],
        "forced": False,
        "pipeline_version": end["pipeline_version"],
    }


def _done(configuration: Mapping[str, Any], statistics: Mapping[str, Any] | None = None) -> Job:
    return Job(
        {
            "configuration": configuration,
            "status": {"state": "DONE"},
            "statistics": statistics or {},
            "jobReference": {},
        }
    )


def _lines(rows: Rows) -> BytesIO:
    return BytesIO("".join(f"{json.dumps(row, default=_plain)}\n" for row in rows).encode())


def _plain(value: Any) -> str:
    return str(value.isoformat())


def _load(client: Client, table: str, file: BytesIO, kind: str, schema: Sequence[SchemaField] = ()) -> None:
    file.seek(0)
    config = LoadJobConfig(source_format=kind, write_disposition="WRITE_APPEND", create_disposition="CREATE_NEVER")
    if schema:
        config.schema = schema
    client.load_table_from_file(file, f"{client.project}.{table}", job_config=config).result()
