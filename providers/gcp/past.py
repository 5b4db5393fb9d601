"""A day as it is loaded, compared with what its export tells of it now; and the rows that the day will have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from cloudact.error_codes import Code
from cloudact.errors import Retry
from cloudact.google_errors import translating_google_errors
from cloudact.runs.result import Gap, SourceDay
from providers.gcp.export import ExportTable
from providers.gcp.loaded_day import BILLING, KeptDay, LoadedCurrency, LoadedDay
from providers.gcp.result_pages import page_batches
from providers.gcp.source_day import Facts, Reach, compile_facts, compile_reach, facts_of, reach_of
from providers.gcp.statement import Statement
from providers.gcp.wholeness import Wholeness, completed, described, judge
from providers.org_day import OrgDay
from providers.source import Findings, Progress

if TYPE_CHECKING:
    from google.cloud.bigquery import Row

ROWS_OF_ANSWER = 1  # the client parses what comes with the answer, and pages are read from the first on
EMPTY = "No billing rows for this date. Either the billing export did not cover it, or Google has not delivered it yet."


@dataclass
class Past:
    """The comparison that one run makes. `ask` runs a small query in the customer's BigQuery.

    Only rows exported until `snapshot` count.
    """

    day: OrgDay
    snapshot: datetime
    ask: Callable[[Statement], list[Row]]

    facts: Facts = field(default_factory=Facts)
    kept: KeptDay | None = None
    wholeness: Wholeness = field(default_factory=Wholeness)

    def reach(self, export: ExportTable, late_days: int, progress: Progress) -> Reach:
        """Finds the partitions that hold the day's rows; `progress` tells the org of unusual ones."""
        statement = compile_reach(export, day=self.day.run.date, snapshot=self.snapshot, late_days=late_days)
        reach = reach_of(self.ask(statement)[0], self.day.run.date)
        if reach.early_days > 1:
            progress.message(
                f"Rows of this date were exported up to {reach.early_days} days before it; they are read too."
            )
        if reach.late_days > late_days:
            progress.message(
                f"Rows of this date lie in partitions up to {reach.late_days - 1} days after it, later than they were "
                "exported: they were copied into this table. They are read too, which costs more than an export."
            )
        return reach

    def compare(self, export: ExportTable, reach: Reach, inactive: Sequence[str]) -> datetime | None:
        """Compares export and loaded day; gives the instant since which rows are new, `None` if all are replaced."""
        loaded, earlier = self._loaded(), self.day.earlier()
        before = loaded.source(earlier, BILLING.name)
        statement = compile_facts(
            export,
            day=self.day.run.date,
            snapshot=self.snapshot,
            reach=reach,
            inactive_projects=inactive,
            loaded_until=before.newest if before else None,
        )
        self.facts = facts_of(self.ask(statement))
        last, forced = earlier.result, self.day.run.force_refresh
        self.wholeness = judge(export, self.day.run.date, self.facts, before, last, self.snapshot, forced=forced)
        self.kept = KeptDay(loaded, self.wholeness.unseen_only) if self.wholeness.keeps else None
        return loaded.newest if self.kept else None

    def batches(self, rows: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yields the day's rows, made from the export's. Raises `Retry` where export or table have changed since."""
        if self.kept is None:
            yield from self._all_of(rows)
            return
        self.kept = KeptDay(self.kept.loaded, self.kept.unseen_only)  # another try of the step counts anew
        yield from self.kept.rows(self._kept_batches(), rows)

    def _all_of(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yields all rows. Raises `Retry` for fewer than were counted: a partition may expire between two queries."""
        rows = 0
        for batch in batches:
            rows += pc.sum(batch.column("source_row_count")).as_py() or 0
            yield batch
        if rows < self.facts.rows - self.facts.filtered_rows:
            raise Retry(Code.SOURCE_CHANGED, "The export has lost rows while it was read.", "It is tried again.")

    def findings(self, export: ExportTable) -> Findings:
        """The day's source, what is missing, and why there are no rows. Complete once all rows have passed."""
        gap = self._gap()
        filtered = f"All {self.facts.rows} billing rows of this date are of inactive projects."
        return Findings(
            read_from=self._read_from(export),
            gap=gap,
            gap_told=described(gap) if gap else "",
            nothing=filtered if self.facts.rows else EMPTY,
        )

    def _read_from(self, export: ExportTable) -> SourceDay:
        if self.kept and self.wholeness.before:
            return self.kept.source(self.wholeness.before)
        return self.facts.source(export)

    def _gap(self) -> Gap | None:
        """The gap with what was done about it; `None` where nothing is missing."""
        return completed(self.wholeness, *(self.kept.differences() if self.kept else (None, None)))

    def _loaded(self) -> LoadedDay:
        return LoadedDay.of(self.day.read(LoadedCurrency, f"{BILLING.name}_loaded"))

    def _kept_batches(self) -> Iterator[pa.RecordBatch]:
        """Yields the org's loaded rows; each keeps its run and when it was ingested."""
        with translating_google_errors("BigQuery"):
            yield from page_batches(self.day.pages(f"{BILLING.name}_day", ROWS_OF_ANSWER))
