"""`gcp.bq_etl`: one day of a customer's Cloud Billing export, computed where it lies, loaded into the org's partition.

extract finds the export, transform runs the one statement in the customer's project, load streams its result.
"""

import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from cloudact.billing_export import DEFAULT_DATASET, DEFAULT_TABLE, ExportTable, find_export
from cloudact.errors import Retry, Stop
from cloudact.google_errors import reaching
from cloudact.integrations import UsableIntegration
from cloudact.late_rows import Look, newer
from cloudact.pipelines import ExtractConfig, LoadConfig, Step, TransformConfig
from cloudact.results import Gap, Source
from cloudact.run_load import Part
from cloudact.runs import Run
from cloudact.source_errors import explained
from cloudact.warehouse import billed, wait_for
from jobs.billing.loaded_day import AS_OF, KeptDay, LoadedDay, kept_batches
from jobs.billing.rows import PAGE_ROWS, SCHEMA, to_batches
from jobs.billing.source_day import EARLY_DAYS, Facts, Reach, compile_facts, compile_reach, facts_of, reach_of
from jobs.billing.statement import Statement, compile_late_dates, compile_statement
from jobs.billing.wholeness import Wholeness, completed, judge, told
from jobs.day_load import UNCHANGED, DayLoad, Loaded, tables_there
from jobs.fingerprint import Digest, fingerprint
from jobs.life import Life
from jobs.parquet import write_parquet
from jobs.story import StepStory

log = logging.getLogger(__name__)
CALL_TIMEOUT_S = 60.0
ANSWER_TIMEOUT_S = 300.0  # the sweep takes a run for lost after ten minutes of silence
TABLE = "gcp_billing_daily_raw"
EMPTY = "No billing rows for this date. Either the billing export did not cover it, or Google has not delivered it yet."


@dataclass(frozen=True)
class Limits:
    """How far a query may reach: days of partitions after the date, and bytes that the customer pays for."""

    late_days: int
    max_bytes_billed: int


@dataclass
class GcpBillingEtl:
    """The steps of one run; each leaves the next what it found."""

    for_run: Run
    started_at: datetime
    tenant: UsableIntegration
    default_project: str
    build_source: Callable[[], Any]
    day_load: DayLoad
    limits: Limits
    life: Life
    reject_credential: Callable[[str], None]

    bytes_billed: int = 0
    loaded: Loaded | None = None
    export: ExportTable | None = None
    day_query: Any = None
    facts: Facts = field(default_factory=Facts)
    kept: KeptDay | None = None
    wholeness: Wholeness = field(default_factory=Wholeness)
    look: Look | None = None

    @cached_property
    def source(self) -> Any:
        """The customer's BigQuery."""
        try:
            return self.build_source()
        except Stop as err:
            self.reject_credential(err.message)
            raise

    def run(self, step: Step, story: StepStory) -> int | None:
        """Does one step; its rows are those that the statement made, or that were loaded."""
        match step.config:
            case ExtractConfig() as config:
                self._extract(config.filled(self._names()), story)
                return None
            case TransformConfig() as config:
                return self._transform(config.operations, story)
            case LoadConfig() as config:
                return self._load(config.filled(self._names()), story)
            case other:
                raise Stop("misconfigured", f"gcp.bq_etl has no step like {other!r}.", "Please contact support.")

    def _names(self) -> dict[str, str]:
        settings = self.tenant.settings
        return {
            "org_slug": self.for_run.org_slug,
            "org_dataset": self.tenant.org_dataset,
            "source_project": settings.get("source_project", self.default_project),
            "source_dataset": settings.get("source_dataset", DEFAULT_DATASET),
            "source_table": settings.get("source_table", DEFAULT_TABLE),
        }

    def _extract(self, config: ExtractConfig, story: StepStory) -> None:
        where = config.source_project, config.source_dataset, config.source_table
        with explained(f"{config.source_project}.{config.source_dataset}", self.reject_credential):
            self.export = find_export(self.source, *where)
        kind = "detailed" if self.export.detailed else "standard"
        story.say(f"Reading the {kind} export {self.export} in {self.export.location}.")
        for warning in self.export.warnings:
            story.say(warning)

    def _transform(self, operations: Sequence[str], story: StepStory) -> int:
        export = _known(self.export)
        inactive = self._inactive_projects() if "filter_active_projects" in operations else []
        reach = self._reach(export, story)
        after = self._compare(export, reach, inactive)
        statement = compile_statement(
            export,
            operations=operations,
            day=self.for_run.date,
            snapshot=self.started_at,
            late_days=reach.late_days,
            inactive_projects=inactive,
            early_days=reach.early_days,
            exported_after=after,
        )
        self.day_query = self._query(statement, export, story)
        if inactive:
            count = self.facts.filtered_rows
            story.say(f"{count} export rows of {len(inactive)} inactive projects were left out.")
        return int(self._rows(self.day_query).total_rows)

    def _inactive_projects(self) -> list[str]:
        return [str(project) for project in self.tenant.settings.get("inactive_projects", [])]

    def _reach(self, export: ExportTable, story: StepStory) -> Reach:
        day, late_days = self.for_run.date, self.limits.late_days
        asked = compile_reach(export, day=day, snapshot=self.started_at, late_days=late_days)
        reach = reach_of(self._answer(asked, export)[0], day)
        if reach.early_days > 1:
            story.say(f"Rows of this date were exported up to {reach.early_days} days before it; they are read too.")
        if reach.late_days > late_days:
            story.say(
                f"Rows of this date lie in partitions up to {reach.late_days - 1} days after it, later than they were "
                "exported: they were copied into this table. They are read too, which costs more than an export."
            )
        return reach

    def _compare(self, export: ExportTable, reach: Reach, inactive: Sequence[str]) -> datetime | None:
        """Compares what is loaded with what is told; answers since when rows are new, if what is loaded stays."""
        run, loaded, earlier = self.for_run, self._loaded_day(), self.day_load.results.earlier(self.for_run)
        before = loaded.source(earlier, TABLE)
        asked = compile_facts(
            export,
            day=run.date,
            snapshot=self.started_at,
            reach=reach,
            inactive_projects=inactive,
            loaded_until=before.newest if before else None,
        )
        facts = self.facts = facts_of(self._answer(asked, export))
        self.wholeness = judge(
            export, run.date, facts, before, earlier.result, self.started_at, forced=run.force_refresh
        )
        self.kept = KeptDay(loaded, self.wholeness.unseen_only) if self.wholeness.keeps else None
        return loaded.newest if self.kept else None

    def _loaded_day(self) -> LoadedDay:
        with tables_there():
            return LoadedDay.of(self.day_load.warehouse.rows(f"{TABLE}_loaded", **self._own_day))

    @property
    def _own_day(self) -> dict[str, Any]:
        return {"dataset": self.tenant.org_dataset, "org_slug": self.for_run.org_slug, "date": self.for_run.date}

    def _answer(self, statement: Statement, export: ExportTable) -> list[Any]:
        """The few rows of a small question, which come with the call that asks."""
        with explained(str(export), self.reject_credential):
            rows = self.source.query_and_wait(
                statement.sql,
                job_config=self._config(statement),
                location=export.location,
                job_retry=None,
                api_timeout=CALL_TIMEOUT_S,
                wait_timeout=ANSWER_TIMEOUT_S,
            )
            self.bytes_billed += billed(rows.total_bytes_processed or 0, 1)
            return list(rows)

    def _query(self, statement: Statement, export: ExportTable, story: StepStory) -> Any:
        """Runs the statement in the customer's project, where the data is, and answers the finished job."""
        with explained(str(export), self.reject_credential):
            # A failed query is not run again behind our back: it is the customer's money, and our attempt to tell.
            job = self.source.query(
                statement.sql,
                job_config=self._config(statement),
                location=export.location,
                job_retry=None,
                timeout=CALL_TIMEOUT_S,
            )
            wait_for(job, self.life.of(story, "The query is running."))
            self.bytes_billed += int(job.total_bytes_billed or 0)
            return job

    def _config(self, statement: Statement) -> Any:
        from google.cloud.bigquery import QueryJobConfig

        return QueryJobConfig(
            query_parameters=list(statement.parameters),
            maximum_bytes_billed=self.limits.max_bytes_billed,
            labels={"service": "cloudact", "pipeline": self.for_run.pipeline},
        )

    def _rows(self, job: Any) -> Any:
        """A finished query's rows."""
        with explained(str(self.export), self.reject_credential):
            return job.result(page_size=PAGE_ROWS, job_retry=None)

    def _rows_anew(self, job: Any) -> Any:
        """The same from the first on, which BigQuery keeps for a day. Our page reader empties the pages that it reads,
        and the client gives the first one out once more where it is asked through the same job."""
        with explained(str(self.export), self.reject_credential):
            asked = self.source.get_job(job.job_id, location=job.location, timeout=CALL_TIMEOUT_S)
        return self._rows(asked)

    def _load(self, config: LoadConfig, story: StepStory) -> int:
        with tempfile.TemporaryDirectory(prefix="cloudact-") as folder:
            parquet = Path(folder) / "day.parquet"
            digest = self._write(parquet, story)
            part = Part(config.target_dataset, config.target_table, parquet, digest.rows)
            self.look = self.look or self._look(story)
            tick = self.life.of(story, "The rows are being loaded.")
            found = fingerprint({part.table: digest}).model_copy(update={"source": self._source()})
            gap = completed(self.wholeness, *(self.kept.told() if self.kept else (None, None)))
            loaded = self.loaded = self.day_load.replace([part], found, tick, self.look, gap)
        self._tell(loaded, gap, story)
        return loaded.rows

    def _source(self) -> Source:
        """What the day has been read from."""
        if self.kept and self.wholeness.before:
            return self.kept.source(self.wholeness.before)
        return self.facts.source(_known(self.export))

    def _tell(self, loaded: Loaded, gap: Gap | None, story: StepStory) -> None:
        if gap:
            story.say(told(gap), level="WARNING")
            fields = {
                "event": f"day_{loaded.result.completeness}",
                "cause": gap.cause,
                "date": str(self.for_run.date),
            }
            log.warning("the source does not tell the whole day", extra={"fields": fields})
        elif loaded.rows == 0:
            filtered = f"All {self.facts.rows} billing rows of this date are of inactive projects."
            story.say(filtered if self.facts.rows else EMPTY, level="WARNING")
        if loaded.result.unchanged and not self.kept:
            story.say(UNCHANGED)

    def _look(self, story: StepStory) -> Look | None:
        """Looks for late rows of earlier dates, once a day and org: in the run of yesterday, whoever asked for it.

        What goes wrong with the look alone keeps no money from being loaded; the next look begins where this one did.
        """
        run = self.for_run
        if run.date != run.requested_date - timedelta(days=1):
            return None
        try:
            return self._looked(_known(self.export), story)
        except (Stop, Retry) as err:
            story.say(f"Late rows could not be looked for: {err.message}", level="WARNING")
            fields = {"run_id": run.run_id, "org_slug": run.org_slug, "code": err.code}
            log.warning("late rows could not be looked for", extra={"fields": fields})
            return None

    def _looked(self, export: ExportTable, story: StepStory) -> Look:
        run, results = self.for_run, self.day_load.results
        last = results.last_look(run)
        last = last if last and last.source == str(export) else None
        seen = last.watermark if last else None
        statement = compile_late_dates(
            export, day=run.date, snapshot=self.started_at, watermark=seen, late_days=self.limits.late_days
        )
        rows = self._rows(self._query(statement, export, story))
        found = {row["usage_date"]: row["newest_export_time"] for row in rows}
        at, within = self.day_load.clock(), self._within_reach(found, story)
        loads = results.loads(run, {*within, *(last.stale if last else ())})
        stale = (last.open(loads) if last else {}) | newer(within, at, loads)
        if stale:
            story.say(f"{len(stale)} earlier dates have new rows: {', '.join(map(str, sorted(stale)))}.")
        newest = [*found.values(), *filter(None, [seen])]
        return Look(source=str(export), at=at, watermark=max(newest, default=None), stale=stale)

    def _within_reach(self, found: Mapping[date, datetime], story: StepStory) -> dict[date, datetime]:
        """Of earlier dates, but none so old that a run of it would not see the new rows."""
        self._tell_too_early(found, story)
        oldest = self.for_run.date - timedelta(days=self.limits.late_days - 1)
        beyond = sorted(day for day in found if day < oldest)
        if beyond:
            dates = ", ".join(map(str, beyond))
            story.say(
                f"New rows of {dates} came too late to be loaded: more than {self.limits.late_days} days.", "WARNING"
            )
        return {day: newest for day, newest in found.items() if oldest <= day < self.for_run.date}

    def _tell_too_early(self, found: Mapping[date, datetime], story: StepStory) -> None:
        """A run of such a date looks no further back than that for rows that were exported before it."""
        early = sorted(day for day, newest in found.items() if day - newest.date() > timedelta(days=EARLY_DAYS))
        if early:
            dates = ", ".join(map(str, early))
            story.say(f"Rows of {dates} were exported more than {EARLY_DAYS} days before it: not loaded.", "WARNING")

    def _write(self, parquet: Path, story: StepStory) -> Digest:
        digest = Digest(cost="net_cost", as_of=AS_OF)
        batches = to_batches(
            self._rows_anew(self.day_query),
            org_slug=self.for_run.org_slug,
            run_id=self.for_run.run_id,
            ingested_at=self.started_at,
        )
        if self.kept:
            self.kept = KeptDay(self.kept.loaded, self.kept.unseen_only)  # another try of the step counts anew
            batches = self.kept.rows(self._kept_batches(), batches)
        with explained(str(self.export), self.reject_credential):
            write_parquet(parquet, SCHEMA, digest.over(self.life.counted(batches, story)))
        return digest

    def _kept_batches(self) -> Iterator[pa.RecordBatch]:
        own = dict(self._own_day)
        with reaching("BigQuery"):
            yield from kept_batches(self.day_load.warehouse.pages(f"{TABLE}_day", own.pop("dataset"), PAGE_ROWS, **own))


def _known(export: ExportTable | None) -> ExportTable:
    if export is None:
        raise Stop("misconfigured", "A transform step needs an extract step before it.", "Please contact support.")
    return export
