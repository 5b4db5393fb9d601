"""A day as it is loaded, compared with what its export tells of it now; and the rows that the day will have."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cloudact.error_codes import Code
from cloudact.errors import Retry
from cloudact.google_errors import reaching
from cloudact.runs.result import Gap, Source
from cloudact.runs.run import Run
from jobs.billing.loaded_day import KeptDay, LoadedDay, kept_batches
from jobs.billing.rows import PAGE_ROWS
from jobs.load import UNCHANGED, DayLoad, Loaded, tables_there
from jobs.progress import StepStory
from providers.gcp.export import ExportTable
from providers.gcp.source_day import Facts, Reach, compile_facts, compile_reach, facts_of, reach_of
from providers.gcp.statement import Statement
from providers.gcp.wholeness import Wholeness, completed, judge, told

log = logging.getLogger(__name__)
TABLE = "gcp_billing_daily_raw"
EMPTY = "No billing rows for this date. Either the billing export did not cover it, or Google has not delivered it yet."


@dataclass
class Past:
    """Of one run. `ask` puts a small question to the customer's BigQuery; only rows exported until `snapshot` count."""

    run: Run
    day_load: DayLoad
    dataset: str
    snapshot: datetime
    ask: Callable[[Statement], list[Any]]

    facts: Facts = field(default_factory=Facts)
    kept: KeptDay | None = None
    wholeness: Wholeness = field(default_factory=Wholeness)

    def reach(self, export: ExportTable, late_days: int, story: StepStory) -> Reach:
        """Where the day's rows lie; what is unusual about it is said."""
        asked = compile_reach(export, day=self.run.date, snapshot=self.snapshot, late_days=late_days)
        reach = reach_of(self.ask(asked)[0], self.run.date)
        if reach.early_days > 1:
            story.say(f"Rows of this date were exported up to {reach.early_days} days before it; they are read too.")
        if reach.late_days > late_days:
            story.say(
                f"Rows of this date lie in partitions up to {reach.late_days - 1} days after it, later than they were "
                "exported: they were copied into this table. They are read too, which costs more than an export."
            )
        return reach

    def compare(self, export: ExportTable, reach: Reach, inactive: Sequence[str]) -> datetime | None:
        """Judges what the export tells; answers since when rows are new, if what is loaded stays."""
        loaded, earlier = self._loaded(), self.day_load.results.earlier(self.run)
        before = loaded.source(earlier, TABLE)
        asked = compile_facts(
            export,
            day=self.run.date,
            snapshot=self.snapshot,
            reach=reach,
            inactive_projects=inactive,
            loaded_until=before.newest if before else None,
        )
        self.facts = facts_of(self.ask(asked))
        last, forced = earlier.result, self.run.force_refresh
        self.wholeness = judge(export, self.run.date, self.facts, before, last, self.snapshot, forced=forced)
        self.kept = KeptDay(loaded, self.wholeness.unseen_only) if self.wholeness.keeps else None
        return loaded.newest if self.kept else None

    def batches(self, found: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The day's rows, from those found in the export; raises `Retry` where export or table have changed since."""
        if self.kept is None:
            yield from self._all_of(found)
            return
        self.kept = KeptDay(self.kept.loaded, self.kept.unseen_only)  # another try of the step counts anew
        yield from self.kept.rows(self._kept_batches(), found)

    def _all_of(self, found: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """A partition that expires between two questions must not be taken for a day without those rows."""
        rows = 0
        for batch in found:
            rows += pc.sum(batch.column("source_row_count")).as_py() or 0
            yield batch
        if rows < self.facts.rows - self.facts.filtered_rows:
            raise Retry(Code.SOURCE_CHANGED, "The export has lost rows while it was read.", "It is tried again.")

    def source(self, export: ExportTable) -> Source:
        """What the day has been read from."""
        if self.kept and self.wholeness.before:
            return self.kept.source(self.wholeness.before)
        return self.facts.source(export)

    def gap(self) -> Gap | None:
        """What is not told, and what was done about it; known when all rows have passed."""
        return completed(self.wholeness, *(self.kept.told() if self.kept else (None, None)))

    def tell(self, loaded: Loaded, story: StepStory) -> None:
        """Says to the org and to the operators what is missing, and why a day has no rows."""
        gap = loaded.result.gap
        if gap:
            story.say(told(gap), level="WARNING")
            event = f"day_{loaded.result.completeness}"
            fields = {"event": event, "cause": gap.cause, "date": str(self.run.date)}
            log.warning("the source does not tell the whole day", extra={"fields": fields})
        elif loaded.rows == 0:
            filtered = f"All {self.facts.rows} billing rows of this date are of inactive projects."
            story.say(filtered if self.facts.rows else EMPTY, level="WARNING")
        if loaded.result.unchanged and not self.kept:
            story.say(UNCHANGED)

    def _loaded(self) -> LoadedDay:
        with tables_there():
            return LoadedDay.of(self.day_load.warehouse.rows(f"{TABLE}_loaded", dataset=self.dataset, **self._day))

    def _kept_batches(self) -> Iterator[pa.RecordBatch]:
        with reaching("BigQuery"):
            yield from kept_batches(self.day_load.warehouse.pages(f"{TABLE}_day", self.dataset, PAGE_ROWS, **self._day))

    @property
    def _day(self) -> dict[str, Any]:
        return {"org_slug": self.run.org_slug, "date": self.run.date}
