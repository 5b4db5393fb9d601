"""Works through the steps of one run, whichever provider's source it reads. Loading happens here and nowhere else.

A source prepares; a step of reports reads everything into files at once, so that `reconcile` can compare them; load
replaces the day of each table, by these files or by what the source gives then. Nothing is loaded before everything has
been read.
"""

import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path

from cloudact.clock import Clock
from cloudact.error_codes import Code
from cloudact.errors import CONTACT_SUPPORT, Retry, RunError, Stop
from cloudact.pipelines.config import Step
from cloudact.pipelines.steps import StepType
from cloudact.runs.late_data import LateDataScan
from cloudact.runs.result import Fingerprint, exact_difference, plain
from jobs.daily_names import DailyNames
from jobs.day_load import DayLoad, Loaded
from jobs.day_table import DayFile
from jobs.file_room import FileRoom
from jobs.fingerprint import fingerprint
from jobs.heartbeat import Heartbeat
from jobs.late_data import LateDataScanner
from jobs.months import tie_months
from jobs.progress import StepProgress
from jobs.reading import READING, Reading, Total
from jobs.unchanged import UNCHANGED
from providers.calls import Calls, Turns
from providers.http import Refused
from providers.notes import Notes
from providers.source import Findings, Source, TellsFindings, TellsLateRows, TellsTotal
from providers.steps import ReconcileConfig

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _AtWork:
    """Step at work, as a source reports on it."""

    step: StepProgress
    heartbeat: Heartbeat

    def message(self, text: str, level: str = "INFO") -> None:
        """Records a message for the run's owner."""
        self.step.message(text, level)

    def beat(self, text: str, rows: int | None = None) -> None:
        """Sends a heartbeat with the progress of the step."""
        self.heartbeat.beat(self.step, text, rows)


@dataclass
class SourceProcessor:
    """Works through the steps of one run; each step leaves its findings for the next.

    `reconciles`: a step will compare with the provider's own total, so that it is read beside the reports.
    `file_bytes` is what its files may take together. `names` records what the provider's ids are called, once the day
    is loaded, and `loaded_days` takes note of it.
    """

    source: Source
    day_load: DayLoad
    heartbeat: Heartbeat
    clock: Clock
    reject_credential: Callable[[str], None]
    file_bytes: int
    reconciles: bool = False
    names: DailyNames | None = None
    loaded_days: Callable[[DayLoad, Loaded], None] = lambda _load, _loaded: None

    loaded: Loaded | None = None
    totals: Mapping[str, Decimal] | None = None
    reading: Reading | None = None
    scan: LateDataScan | None = None

    def __post_init__(self) -> None:
        self._open = ExitStack()

    @property
    def bytes_billed(self) -> int:
        """Bytes of queries that the customer has paid for so far."""
        return self.source.bytes_billed

    @cached_property
    def _folder(self) -> Path:
        """Temporary folder, deleted when this is closed."""
        return Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="cloudact-")))

    def close(self) -> None:
        """Deletes the files with the customer's rows, and ends what is read beside."""
        if self.names:
            self.names.stop()
        self._open.close()

    def run(self, step: Step, progress: StepProgress) -> int | None:
        """Does one step, and returns the rows that it made, read, or loaded."""
        at_work = _AtWork(progress, self.heartbeat)
        if step.type is StepType.LOAD:
            return self._load(step.tables, at_work)
        if isinstance(step.config, ReconcileConfig):
            self._reconcile(step.config.tolerance, at_work)
            return None
        with self._marking_refused_credentials():
            rows = self.source.prepare(step.config, at_work)
        if step.type is StepType.REPORTS:
            self.reading = self._read(at_work)
            return self.reading.rows
        return rows

    def _read(self, at_work: _AtWork) -> Reading:
        run = self.day_load.run
        columns = {"org_slug": run.org_slug, "run_id": run.run_id, "ingested_at": self.day_load.read_at}
        total = Total(self.source) if self.reconciles and isinstance(self.source, TellsTotal) else None
        room = FileRoom(self.file_bytes)
        beside = self.names.begin if self.names else _nothing
        reading = Reading(self.source, self.day_load.day, columns, self._folder, at_work, room, total, beside)
        with self._marking_refused_credentials():
            reading.read()
        return reading

    def _reconcile(self, tolerance: Decimal, at_work: _AtWork) -> None:
        """Records whether the costs add up to the provider's own total; they are loaded in any case.

        Compared is what the rows cost before they were rounded to NUMERIC.
        """
        if not isinstance(self.source, TellsTotal):
            raise Stop(Code.MISCONFIGURED, f"{self.source.name} tells no total to reconcile with.", CONTACT_SUPPORT)
        try:
            total = self.totals = self._total(self.source, at_work)
        except RunError as err:
            at_work.message(f"The provider's own total of the day is not known: {err.message}", level="WARNING")
            return
        name, stored = self.source.name, _fingerprint(self.reading).cost if self.reading else {}
        sums = {**stored, **(self.reading.unrounded if self.reading else {})}
        if not {**sums, **total}:
            at_work.message(f"{name} tells no costs for this day, with or without groups.")
        differences = exact_difference(sums, total)
        for currency in sorted({*sums, *total}):
            loaded, reported = sums.get(currency, Decimal()), total.get(currency, Decimal())
            difference = differences.get(currency, Decimal())
            rounded = stored.get(currency, Decimal())
            both = f" ({plain(rounded)} in the tables, which have nine decimals)" if rounded != loaded else ""
            text = (
                f"The rows cost {plain(loaded)} {currency}{both}; {name}'s own total of the day is {plain(reported)} "
                f"{currency}; the difference is {plain(difference)} {currency}."
            )
            at_work.message(text, level="WARNING" if abs(difference) > tolerance else "INFO")

    def _total(self, source: TellsTotal, at_work: _AtWork) -> Mapping[str, Decimal]:
        notes = Notes(lambda text: at_work.message(text, level="WARNING"))
        if self.reading and self.reading.total:
            return self.reading.total.told(notes)
        return source.total(notes, Calls(self.heartbeat.every(at_work.step, READING)))

    def _load(self, tables: Sequence[str], at_work: _AtWork) -> int:
        if unknown := set(tables) - {table.name for table in self.source.fills}:
            raise Stop(
                Code.MISCONFIGURED, f"{self.source.name} fills no table {', '.join(sorted(unknown))}.", CONTACT_SUPPORT
            )
        reading = self.reading or self._read(at_work)
        files = [reading.files[table] for table in tables if table in reading.files]
        if not files:
            text = f"{self.source.name} gave none of the pipeline's tables, so nothing was loaded."
            raise Stop(Code.NOTHING_LOADED, text, CONTACT_SUPPORT)
        parts = [file.part(self.day_load.day.dataset) for file in files]
        self.scan = self.scan or self._scan_late_data(at_work)
        findings = self.source.findings() if isinstance(self.source, TellsFindings) else Findings()
        fingerprint = _fingerprint(reading, files).model_copy(update={"source": findings.read_from})
        tick = self.heartbeat.every(at_work.step, "The rows are being loaded.")
        loaded = self.loaded = self.day_load.replace(parts, fingerprint, tick, self.scan, findings.gap, self.totals)
        tie_months(self.day_load.day, self.clock, tick)
        if len(self.source.fills) > 1:
            at_work.message("; ".join(f"{part.table}: {part.rows} rows" for part in parts) + ".")
        self._report(loaded, findings, at_work)
        if self.names:
            self.names.record(at_work)
        self.loaded_days(self.day_load, loaded)
        return loaded.rows

    def _scan_late_data(self, at_work: _AtWork) -> LateDataScan | None:
        """Scans for late rows. An error of the scan is logged and does not stop the load."""
        if not isinstance(self.source, TellsLateRows):
            return None
        scan = LateDataScanner(self.day_load.day, self.source, self.clock, at_work)
        try:
            with self._marking_refused_credentials():
                return scan.scan() if scan.due else None
        except (Stop, Retry) as err:
            at_work.message(f"Late rows could not be looked for: {err.message}", level="WARNING")
            run = self.day_load.run
            fields = {"run_id": run.run_id, "org_slug": run.org_slug, "code": err.code}
            log.warning("late rows could not be looked for", extra={"fields": fields})
            return None

    def _report(self, loaded: Loaded, findings: Findings, at_work: _AtWork) -> None:
        """Records for the org what became less, what is missing and why nothing is.

        Logs a gap for the operators too.
        """
        for text in loaded.fewer:
            at_work.message(text, level="WARNING")
        for fall in loaded.fell:
            text = (
                f"The day costs {plain(fall.after)} {fall.currency} now, in no more rows: less than half of the "
                f"{plain(fall.before)} {fall.currency} that it had."
            )
            at_work.message(text, level="WARNING")
        gap = loaded.result.gap
        if gap:
            at_work.message(findings.gap_told, level="WARNING")
            event = f"day_{loaded.result.completeness}"
            fields = {"event": event, "cause": gap.cause, "date": str(self.day_load.run.date)}
            log.warning("the source does not tell the whole day", extra={"fields": fields})
        elif loaded.rows == 0:
            at_work.message(findings.nothing, level="WARNING")
        if loaded.result.unchanged and not (gap and gap.kept):
            at_work.message(UNCHANGED)

    @contextmanager
    def _marking_refused_credentials(self) -> Iterator[None]:
        """Marks a credential INVALID that the provider refuses, or that cannot be one: no later run can use it."""
        try:
            yield
        except Stop as err:
            if err.code in REFUSED_CREDENTIAL or (isinstance(err, Refused) and err.blames_credential):
                self.reject_credential(err.message)
            raise


REFUSED_CREDENTIAL = (Code.CREDENTIAL_INVALID, Code.CREDENTIAL_REJECTED)


def _nothing(_turns: Turns) -> None:
    """Takes no notice: a provider without lists of names has nothing to read beside its reports."""


def _fingerprint(reading: Reading, files: Sequence[DayFile] | None = None) -> Fingerprint:
    """Fingerprint of all files that were read, or of some of them."""
    digests = {file.table.name: file.digest for file in (reading.files.values() if files is None else files)}
    return fingerprint(digests).model_copy(update={"unpriced": reading.unpriced})
