"""`openai.usage_cost` and `anthropic.usage_cost`: one day of a provider's reports, loaded into the org's tables.

extract reads every page of every report into one file a table, reconcile compares the sum of the costs with the
provider's own total, load replaces the day of each table. Nothing is loaded before everything has been read. The costs
are read first and must be whole; what else cannot be told leaves its table as it was, and never keeps the costs back.
"""

import logging
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path

from cloudact.error_codes import Code
from cloudact.errors import RunError, Stop
from cloudact.orgs.integrations import UsableIntegration
from cloudact.pipelines.config import Step
from cloudact.runs.load import Part
from cloudact.runs.result import plain
from cloudact.runs.run import Run
from jobs.fingerprint import Digest, fingerprint
from jobs.heartbeat import Life
from jobs.load import UNCHANGED, DayLoad, Loaded
from jobs.progress import StepStory
from jobs.row_files import write_rows
from providers.anthropic.steps import AnthropicExtract, AnthropicLoad
from providers.http import Refused
from providers.lines import exact_difference, exact_sum
from providers.openai.steps import OpenAiExtract, OpenAiLoad
from providers.source import Notes, NotOffered, ReadAgain, Reports, Row, Table
from providers.steps import ReconcileConfig

log = logging.getLogger(__name__)
# So many costs, or one in so many, may lack their amount, and fewer than have one; more is another report.
FEW_ROWS, FEW_OF = 10, 100
OpenReports = Callable[[Notes, Callable[[], None]], Reports]


@dataclass(frozen=True)
class _File:
    """A table's day. `coarser`: the provider has refused a dimension of it."""

    table: Table
    path: Path
    digest: Digest
    coarser: bool


@dataclass
class UsageCost:
    """The steps of one run; each leaves the next what it found."""

    for_run: Run
    started_at: datetime
    tenant: UsableIntegration
    open_reports: OpenReports
    day_load: DayLoad
    life: Life
    reject_credential: Callable[[str], None]

    bytes_billed: int = 0
    loaded: Loaded | None = None
    files: dict[str, _File] = field(default_factory=dict)
    sums: dict[str, Decimal] = field(default_factory=dict)
    unpriced: int = 0

    @cached_property
    def _folder(self) -> "tempfile.TemporaryDirectory[str]":
        """Gone with this object."""
        return tempfile.TemporaryDirectory(prefix="cloudact-")

    def run(self, step: Step, story: StepStory) -> int | None:
        """Does one step; its rows are those that were read, or loaded."""
        match step.config:
            case OpenAiExtract() | AnthropicExtract() as config:
                return self._extract(config.reports, story)
            case ReconcileConfig() as config:
                self._reconcile(config.tolerance, story)
                return None
            case OpenAiLoad() | AnthropicLoad() as config:
                return self._load(config, story)
            case other:
                raise Stop(Code.MISCONFIGURED, f"usage_cost has no step like {other!r}.", "Please contact support.")

    def _extract(self, names: Sequence[str], story: StepStory) -> int:
        self.files, self.sums = {}, {}
        notes = Notes(_warning(story))
        with self._judging():
            for table, rows in sorted(self._reports(notes, story).rows(names), key=lambda each: not each[0].of_money):
                self._read(table, rows, story, notes, names)
        self._judge_amounts(notes, story)
        if notes.new_fields:
            story.say(f"Fields that have no column yet were kept as JSON: {', '.join(sorted(notes.new_fields))}.")
        return sum(file.digest.rows for file in self.files.values())

    def _read(self, table: Table, rows: Iterator[Row], story: StepStory, notes: Notes, names: Sequence[str]) -> None:
        try:
            with notes.begun_again():
                self.files[table.name] = self._write(table, rows, notes)
        except ReadAgain:
            again = {each.name: found for each, found in self._reports(notes, story).rows(names)}
            self._read(table, again[table.name], story, notes, names)
        except (NotOffered, RunError) as err:
            if isinstance(err, RunError) and (table.of_money or not self.files):
                raise
            log.warning("a part of the day could not be read: %s", err, exc_info=err)
            story.say(f"{err} The table {table.name} was left as it is.", level="WARNING")

    def _judge_amounts(self, notes: Notes, story: StepStory) -> None:
        """An amount that is not told is not zero: its row is left out and named; many such rows are another report."""
        self.unpriced = notes.unpriced
        if not notes.unpriced:
            return
        rows = sum(file.digest.rows for file in self.files.values() if file.digest.sums)
        told = f"{notes.unpriced} of {rows + notes.unpriced} cost rows have no amount"
        named = "; ".join(why.rstrip(".") for why in notes.unpriced_named)
        many = 1 < notes.unpriced >= rows or notes.unpriced > max(FEW_ROWS, rows // FEW_OF)
        if not rows or many:
            hint = "The provider changed its report, or is not done with the day; please contact support."
            raise Stop(Code.AMOUNTS_MISSING, f"{told}, so nothing was loaded: {named}.", hint)
        story.say(f"{told} and were left out, so the sum of the day is not whole: {named}.", level="WARNING")

    def _reports(self, notes: Notes, story: StepStory) -> Reports:
        return self.open_reports(notes, self.life.of(story, "Pages are being read."))

    def _write(self, table: Table, rows: Iterator[Row], notes: Notes) -> _File:
        refused = notes.refused_dimensions
        path = Path(self._folder.name) / f"{table.name}.parquet"
        run = {"org_slug": self.for_run.org_slug, "run_id": self.for_run.run_id, "ingested_at": self.started_at}
        digest = write_rows(path, table, self._summed(rows), run)
        return _File(table, path, digest, notes.refused_dimensions > refused)

    def _summed(self, rows: Iterator[Row]) -> Iterator[Row]:
        """The rows; what they cost is added up on the way, as it will be loaded."""
        sums: defaultdict[str, Decimal] = defaultdict(Decimal)
        for row in rows:
            if "amount" in row:
                sums[row["currency"]] = exact_sum(sums[row["currency"]], row["amount"])
            yield row
        self.sums |= sums

    def _reconcile(self, tolerance: Decimal, story: StepStory) -> None:
        """Tells whether the costs add up to what the provider says they do; the money is loaded in any case."""
        try:
            reports = self._reports(Notes(_warning(story)), story)
            total = reports.total()
        except RunError as err:
            story.say(f"The provider's own total of the day is not known: {err.message}", level="WARNING")
            return
        if not {**self.sums, **total}:
            story.say(f"{reports.name} tells no costs for this day, with or without groups.")
        for currency in sorted({*self.sums, *total}):
            loaded, told = self.sums.get(currency, Decimal()), total.get(currency, Decimal())
            difference = exact_difference(loaded, told)
            text = (
                f"The rows cost {plain(loaded)} {currency}; {reports.name}'s own total of the day is {plain(told)} "
                f"{currency}; the difference is {plain(difference)} {currency}."
            )
            story.say(text, level="WARNING" if abs(difference) > tolerance else "INFO")

    def _load(self, config: OpenAiLoad | AnthropicLoad, story: StepStory) -> int:
        names = {"org_slug": self.for_run.org_slug, "org_dataset": self.tenant.org_dataset}
        dataset = config.filled(names).target_dataset
        files = [self.files[table] for table in config.target_tables if table in self.files]
        parts = [
            Part(dataset, each.table.name, each.path, each.digest.rows, each.table.of_money, each.coarser)
            for each in files
        ]
        found = fingerprint({part.table: self.files[part.table].digest for part in parts})
        found = found.model_copy(update={"unpriced": self.unpriced})
        loaded = self.loaded = self.day_load.replace(parts, found, self.life.of(story, "The rows are being loaded."))
        story.say("; ".join(f"{part.table}: {part.rows} rows" for part in parts) + ".")
        for text in loaded.fewer:
            story.say(text, level="WARNING")
        if loaded.result.unchanged:
            story.say(UNCHANGED)
        if loaded.rows == 0:
            story.say(
                "The provider reports nothing for this date: either nothing was used, or it is not told yet.",
                level="WARNING",
            )
        return loaded.rows

    @contextmanager
    def _judging(self) -> Iterator[None]:
        """A credential that the provider refuses, or that cannot be one, is marked so."""
        try:
            yield
        except Stop as err:
            if err.code == Code.CREDENTIAL_INVALID or (isinstance(err, Refused) and err.blames_credential):
                self.reject_credential(err.message)
            raise


def _warning(story: StepStory) -> Callable[[str], None]:
    return lambda text: story.say(text, level="WARNING")
