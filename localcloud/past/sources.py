"""What runs of the past read: the billing export of all days, computed by one statement, and the vendors' own reports.

The reports are asked of the stand-ins inside this process, so no socket is between. What a date's first run has read
of them is kept for its later runs, since nothing restates it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from email.message import Message
from functools import cached_property
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.compute as pc
from google.cloud.bigquery import Client, QueryJobConfig, ScalarQueryParameter

from cloudact.pipelines.yaml_files import Strict
from cloudact.runs.result import SourceDay
from localcloud.providers.front import Front
from localcloud.wire.listener import HttpRequest
from providers.calls import Calls
from providers.gcp.export import ExportTable, find_export
from providers.gcp.loaded_day import BILLING
from providers.gcp.result_pages import page_batches
from providers.gcp.statement import compile_late_dates, compile_statement
from providers.gcp.steps import ExtractConfig
from providers.notes import Notes
from providers.source import Chain, Findings, Progress, Source, Table

LATE_DAYS = 60
QUERIES_BILLED_BYTES = 4 * 10 * 2**20  # of a run's queries, each at least ten MiB


class InProcess(httpx.BaseTransport):
    """Hands requests to a stand-in that is a part of this process."""

    def __init__(self, fronts: dict[str, Front]) -> None:
        self._fronts = fronts

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer of the front whose id is the host."""
        headers = Message()
        for name, value in request.headers.items():
            headers[name] = value
        asked = HttpRequest(request.method, request.url.path, request.url.query.decode(), headers, request.read())
        answer = self._fronts[request.url.host].answer(asked)
        return httpx.Response(answer.status, headers=dict(answer.headers), content=answer.body)


@dataclass(frozen=True)
class OneReportAtATime:
    """A source of reports that are read one after another: inside one process nothing is gained side by side."""

    source: Any

    @property
    def name(self) -> str:
        """The provider's name in sentences."""
        return str(self.source.name)

    @property
    def fills(self) -> Sequence[Table]:
        """Every table that it may fill."""
        return list(self.source.fills)

    @property
    def bytes_billed(self) -> int:
        """Nothing: reports are free of charge."""
        return 0

    def prepare(self, config: Strict, progress: Progress) -> int | None:
        """Takes what is wanted from the step's config."""
        self.source.prepare(config, progress)
        return None

    def chains(self) -> Sequence[Chain]:
        """The chains of the source."""
        return list(self.source.chains())

    def total(self, notes: Notes, calls: Calls) -> Mapping[str, Decimal]:
        """The provider's own total of the day by currency."""
        return dict(self.source.total(notes, calls))


@dataclass(frozen=True)
class ExportedDays:
    """Rows of `gcp_billing_daily_raw` of many days, as the product's statement makes them of the whole export."""

    export: ExportTable
    by_day: dict[date, pa.RecordBatch]

    @cached_property
    def exported(self) -> list[tuple[datetime, date]]:
        """When rows were exported and of which day they are, in the order of time."""
        times = {day: rows.column("source_max_export_time").unique() for day, rows in self.by_day.items()}
        return sorted((at, day) for day, column in times.items() for at in column.to_pylist())

    @classmethod
    def read(
        cls, client: Client, source: dict[str, str], first: date, last: date, operations: Sequence[str]
    ) -> "ExportedDays":
        """Runs the statement once for as many days as have no longer charge, which is bounded by its own day's end."""
        export = find_export(client, source["source_project"], source["source_dataset"], source["source_table"])
        by_day: dict[date, pa.RecordBatch] = {}
        for begin, end in _spans(first, last):
            table = pa.Table.from_batches(_rows(client, export, begin, end, operations))
            for day in pc.unique(table.column("usage_date")).to_pylist():
                rows = table.filter(pc.equal(table.column("usage_date"), day)).combine_chunks()
                by_day[day] = rows.to_batches()[0]
        return cls(export, by_day)

    def until(self, day: date, snapshot: datetime) -> list[pa.RecordBatch]:
        """The rows of a day that were exported by then: a row's own last export tells, since no line comes in parts."""
        rows = self.by_day.get(day)
        if rows is None:
            return []
        known = pc.less_equal(rows.column("source_max_export_time"), pa.scalar(snapshot, pa.timestamp("us", "UTC")))
        return [rows.filter(known)]


def _spans(first: date, last: date) -> Iterator[tuple[date, date]]:
    """Spans of days; the first of a month, on which its tax begins, is one of its own."""
    begin = first
    while begin <= last:
        end = begin
        while begin.day != 1 and end < last and (end + timedelta(days=1)).day != 1:
            end += timedelta(days=1)
        yield begin, end
        begin = end + timedelta(days=1)


def _rows(
    client: Client, export: ExportTable, begin: date, end: date, operations: Sequence[str]
) -> list[pa.RecordBatch]:
    days = (end - begin).days
    snapshot = datetime.combine(end + timedelta(days=LATE_DAYS), time(), UTC)
    statement = compile_statement(
        export, operations=operations, day=begin, snapshot=snapshot, late_days=LATE_DAYS + days, inactive_projects=()
    )
    parameters = [_later(each, days) for each in statement.parameters]
    result = client.query_and_wait(statement.sql, job_config=QueryJobConfig(query_parameters=parameters))
    return list(page_batches(result))


def _later(parameter: Any, days: int) -> Any:
    if parameter.name != "day_end":
        return parameter
    return ScalarQueryParameter("day_end", "TIMESTAMP", parameter.value + timedelta(days=days))


@dataclass
class PastExport:
    """The export's rows of one day as of a moment of the past."""

    days: ExportedDays
    day: date
    snapshot: datetime
    name: str = "Google Cloud"
    fills: Sequence[Table] = (BILLING,)
    bytes_billed: int = 0

    def __post_init__(self) -> None:
        self._batches = self.days.until(self.day, self.snapshot)

    def prepare(self, config: Strict, progress: Progress) -> int | None:
        """Says what is read, or gives the number of rows."""
        if isinstance(config, ExtractConfig):
            kind = "detailed" if self.days.export.detailed else "standard"
            progress.message(f"Reading the {kind} export {self.days.export} in {self.days.export.location}.")
            return None
        self.bytes_billed = QUERIES_BILLED_BYTES
        return sum(len(batch) for batch in self._batches)

    def chains(self) -> Sequence[Chain]:
        """The rows, which are there already."""
        return [Chain(BILLING, lambda notes, calls: iter(self._batches))]  # noqa: ARG005

    @property
    def newest(self) -> datetime | None:
        """When the newest row was exported."""
        return max(self._exported, default=None)

    @property
    def _exported(self) -> list[datetime]:
        return [at for batch in self._batches for at in batch.column("source_max_export_time").to_pylist()]

    def findings(self) -> Findings:
        """The day's source, of which nothing is missing."""
        exported = self._exported
        cost = sum((pc.sum(batch.column("net_cost")).as_py() or Decimal() for batch in self._batches), Decimal())
        rows = sum(pc.sum(batch.column("source_row_count")).as_py() or 0 for batch in self._batches)
        return Findings(
            read_from=SourceDay(
                table=str(self.days.export),
                created=self.days.export.created,
                keeps_days=None,
                rows=rows,
                cost={"USD": cost} if exported else {},
                oldest=min(exported, default=None),
                newest=max(exported, default=None),
            )
        )


@dataclass
class ScannedExport(PastExport):
    """One that is scanned for late rows too."""

    @property
    def looks_into(self) -> str:
        """The export's full name, as the product's own source has it."""
        return str(self.days.export)

    @property
    def late_days(self) -> int:
        """Days after a date within which its rows are still loaded."""
        return LATE_DAYS

    def late_dates(self, watermark: datetime | None, progress: Progress) -> Mapping[date, datetime]:  # noqa: ARG002
        """Dates with rows exported since the watermark, within the bounds of the product's statement."""
        statement = compile_late_dates(
            self.days.export, day=self.day, snapshot=self.snapshot, watermark=watermark, late_days=LATE_DAYS
        )
        (after,) = (
            each.value
            for each in statement.parameters
            if isinstance(each, ScalarQueryParameter) and each.name == "exported_after"
        )
        assert isinstance(after, datetime)  # noqa: S101 - as the statement has it
        return {day: at for at, day in self.days.exported if after < at <= self.snapshot}


_: type[Source] = PastExport
