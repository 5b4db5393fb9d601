"""`gcp.bq_etl`: one day of a customer's Cloud Billing export, computed where it lies, loaded into the org's partition.

extract finds the export, transform runs the one statement in the customer's project, load streams its result.
"""

import logging
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

from cloudact.error_codes import Code
from cloudact.errors import Retry, Stop
from cloudact.orgs.integrations import UsableIntegration
from cloudact.pipelines.config import Step
from cloudact.runs.late_data import Look, newer
from cloudact.runs.load import Part
from cloudact.runs.run import Run
from cloudact.warehouse.bigquery import billed, wait_for
from jobs.billing.loaded_day import AS_OF
from jobs.billing.past import Past
from jobs.billing.rows import PAGE_ROWS, SCHEMA, to_batches
from jobs.fingerprint import Digest, fingerprint
from jobs.heartbeat import Life
from jobs.load import DayLoad, Loaded
from jobs.parquet import write_parquet
from jobs.progress import StepStory
from providers.gcp.errors import explained
from providers.gcp.export import ExportTable, find_export
from providers.gcp.names import DEFAULT_DATASET, DEFAULT_TABLE
from providers.gcp.source_day import EARLY_DAYS
from providers.gcp.statement import Statement, compile_late_dates, compile_statement
from providers.gcp.steps import ExtractConfig, LoadConfig, TransformConfig

log = logging.getLogger(__name__)
CALL_TIMEOUT_S = 60.0
ANSWER_TIMEOUT_S = 300.0  # the sweep takes a run for lost after ten minutes of silence
Left = TypeVar("Left")


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
    past: Past | None = None
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
                raise Stop(Code.MISCONFIGURED, f"gcp.bq_etl has no step like {other!r}.", "Please contact support.")

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
        past = self.past = Past(
            self.for_run, self.day_load, self.tenant.org_dataset, self.started_at, partial(self._answer, export)
        )
        reach = past.reach(export, self.limits.late_days, story)
        after = past.compare(export, reach, inactive)
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
            count = past.facts.filtered_rows
            story.say(f"{count} export rows of {len(inactive)} inactive projects were left out.")
        return int(self._rows(self.day_query).total_rows)

    def _inactive_projects(self) -> list[str]:
        return [str(project) for project in self.tenant.settings.get("inactive_projects", [])]

    def _answer(self, export: ExportTable, statement: Statement) -> list[Any]:
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
        past = _known(self.past)
        with tempfile.TemporaryDirectory(prefix="cloudact-") as folder:
            parquet = Path(folder) / "day.parquet"
            digest = self._write(parquet, past, story)
            part = Part(config.target_dataset, config.target_table, parquet, digest.rows)
            self.look = self.look or self._look(story)
            tick = self.life.of(story, "The rows are being loaded.")
            source = past.source(_known(self.export))
            found = fingerprint({part.table: digest}).model_copy(update={"source": source})
            loaded = self.loaded = self.day_load.replace([part], found, tick, self.look, past.gap())
        for text in loaded.fewer:
            story.say(text, level="WARNING")
        past.tell(loaded, story)
        return loaded.rows

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

    def _write(self, parquet: Path, past: Past, story: StepStory) -> Digest:
        digest = Digest(cost="net_cost", as_of=AS_OF)
        batches = to_batches(
            self._rows_anew(self.day_query),
            org_slug=self.for_run.org_slug,
            run_id=self.for_run.run_id,
            ingested_at=self.started_at,
        )
        with explained(str(self.export), self.reject_credential):
            write_parquet(parquet, SCHEMA, digest.over(self.life.counted(past.batches(batches), story)))
        return digest


def _known(left: Left | None) -> Left:
    """What an earlier step has left."""
    if left is None:
        raise Stop(Code.MISCONFIGURED, "A step is missing before this one.", "Please contact support.")
    return left
