"""One day of a customer's Cloud Billing export, computed where it lies. Imported by jobs only, when they open it.

extract finds the export, transform runs the one statement in the customer's project; the rows are its result, or what
is loaded already and what is new where the export has lost rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from cloudact.error_codes import Code
from cloudact.errors import CONTACT_SUPPORT, Stop
from cloudact.pipelines.yaml_files import Strict
from providers.calls import Calls
from providers.gcp.access import open_bigquery, read_access
from providers.gcp.customer_bigquery import CustomerBigQuery
from providers.gcp.errors import translating_source_errors
from providers.gcp.export import ExportTable
from providers.gcp.loaded_day import BILLING
from providers.gcp.names import DEFAULT_DATASET, DEFAULT_TABLE
from providers.gcp.page_ahead import one_ahead
from providers.gcp.past import Past
from providers.gcp.result_pages import page_batches
from providers.gcp.result_size import refuse_too_large
from providers.gcp.source_day import EARLY_DAYS
from providers.gcp.statement import compile_late_dates, compile_statement
from providers.gcp.steps import ExtractConfig, TransformConfig
from providers.notes import Notes
from providers.source import Chain, Findings, Progress, SourceContext, Table, unknown_step

if TYPE_CHECKING:
    import pyarrow as pa
    from google.cloud.bigquery import QueryJob

Left = TypeVar("Left")


def open_source(context: SourceContext) -> "BillingExport":
    """The source of the run's day; nothing is called before it is read. Raises `Stop` for what is no credential."""
    access = read_access(context.credential)
    return BillingExport(
        context=context,
        default_project=access.project_id,
        customer=CustomerBigQuery(
            open_client=lambda: open_bigquery(context.settings, access, context.integration.onboarded),
            max_bytes_billed=context.settings.max_bytes_billed,
            pipeline=context.run.pipeline,
        ),
    )


@dataclass
class BillingExport:
    """The export's rows of one day; each step leaves the next what it found."""

    context: SourceContext
    default_project: str
    customer: CustomerBigQuery

    name: str = "Google Cloud"
    fills: Sequence[Table] = (BILLING,)
    export: ExportTable | None = None
    day_query: "QueryJob | None" = None
    past: Past | None = None

    @property
    def bytes_billed(self) -> int:
        """Bytes that queries in the customer's project have billed so far."""
        return self.customer.bytes_billed

    @property
    def looks_into(self) -> str:
        """The export's full name."""
        return str(_known(self.export))

    @property
    def late_days(self) -> int:
        """Days after a date within which its rows are still read."""
        return self.context.settings.late_days

    def prepare(self, config: Strict, progress: Progress) -> int | None:
        """Does `extract`, which makes no rows, or `transform`: gives the number of rows that the statement made."""
        match config:
            case ExtractConfig():
                self._extract(config.filled(self._names()), progress)
                return None
            case TransformConfig():
                return self._transform(config.operations, progress)
            case other:
                raise unknown_step(self.name, other)

    def chains(self) -> Sequence[Chain]:
        """The day's rows as Arrow batches, a page at a time; one more page is on its way meanwhile."""
        return [Chain(BILLING, self._batches)]

    def findings(self) -> Findings:
        """The day's source, and what the export no longer has. Complete once all rows have been read."""
        return _known(self.past).findings(_known(self.export))

    def late_dates(self, watermark: datetime | None, progress: Progress) -> Mapping[date, datetime]:
        """Dates with rows exported since the watermark; those that no run of the date would find are named."""
        export = _known(self.export)
        statement = compile_late_dates(
            export,
            day=self.context.run.date,
            snapshot=self.context.read_at,
            watermark=watermark,
            late_days=self.late_days,
        )
        job = self.customer.query(export, statement, lambda: progress.beat("The query is running."))
        rows = self.customer.rows(export, job)
        newest_by_date = {row["usage_date"]: row["newest_export_time"] for row in rows}
        early = sorted(
            day for day, newest in newest_by_date.items() if day - newest.date() > timedelta(days=EARLY_DAYS)
        )
        if early:
            dates = ", ".join(map(str, early))
            text = f"Rows of {dates} were exported more than {EARLY_DAYS} days before it: not loaded."
            progress.message(text, level="WARNING")
        return newest_by_date

    def _names(self) -> dict[str, str]:
        settings = self.context.integration.settings
        return {
            "org_slug": self.context.run.org_slug,
            "org_dataset": self.context.integration.org_dataset,
            "source_project": settings.get("source_project", self.default_project),
            "source_dataset": settings.get("source_dataset", DEFAULT_DATASET),
            "source_table": settings.get("source_table", DEFAULT_TABLE),
        }

    def _extract(self, config: ExtractConfig, progress: Progress) -> None:
        where = config.source_project, config.source_dataset, config.source_table
        self.export = self.customer.find_export(*where)
        kind = "detailed" if self.export.detailed else "standard"
        progress.message(f"Reading the {kind} export {self.export} in {self.export.location}.")
        for warning in self.export.warnings:
            progress.message(warning)

    def _transform(self, operations: Sequence[str], progress: Progress) -> int:
        export, snapshot = _known(self.export), self.context.read_at
        inactive = self._inactive_projects() if "filter_active_projects" in operations else []
        past = self.past = Past(self.context.day, snapshot, partial(self.customer.answer, export))
        reach = past.reach(export, self.late_days, progress)
        after = past.compare(export, reach, inactive)
        statement = compile_statement(
            export,
            operations=operations,
            day=self.context.run.date,
            snapshot=snapshot,
            late_days=reach.late_days,
            inactive_projects=inactive,
            early_days=reach.early_days,
            exported_after=after,
        )
        self.day_query = self.customer.query(export, statement, lambda: progress.beat("The query is running."))
        if inactive:
            count = past.facts.filtered_rows
            progress.message(f"{count} export rows of {len(inactive)} inactive projects were left out.")
        rows = int(self.customer.result(export, self.day_query).total_rows or 0)
        size = partial(self.customer.result_bytes, export, self.day_query)
        refuse_too_large(rows, self.context.settings.day_file_bytes, size)
        return rows

    def _inactive_projects(self) -> list[str]:
        return [str(project) for project in self.context.integration.settings.get("inactive_projects", [])]

    def _batches(self, notes: Notes, calls: Calls) -> "Iterator[pa.RecordBatch]":
        export, past = _known(self.export), _known(self.past)
        with translating_source_errors(str(export)):
            result = self.customer.result(export, _known(self.day_query))
            pages = page_batches(result, partial(notes.pages_of, "the export"))
            yield from past.batches(one_ahead(pages, calls.tick))


def _known(left: Left | None) -> Left:
    """The value that an earlier step has set. Raises `Stop` where it has not."""
    if left is None:
        raise Stop(Code.MISCONFIGURED, "A step is missing before this one.", CONTACT_SUPPORT)
    return left
