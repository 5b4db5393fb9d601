"""`openai.usage_cost` and `anthropic.usage_cost`: one day of a provider's reports, loaded into the org's tables.

extract reads every page of every report into one file a table, reconcile compares the sum of the costs with the
provider's own total, load replaces the day of each table. Nothing is loaded before everything has been read.
"""

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path

from cloudact.errors import Stop
from cloudact.integrations import UsableIntegration
from cloudact.pipelines import AnthropicLoad, AnthropicReports, OpenAiLoad, OpenAiReports, ReconcileConfig, Step
from cloudact.providers.http import Refused
from cloudact.run_load import Part
from cloudact.runs import Run
from jobs.day_load import DayLoad
from jobs.life import Life
from jobs.reports.files import write_rows
from jobs.reports.lines import exact_sum
from jobs.reports.report import Notes, NotOffered, Reports, Row
from jobs.story import StepStory


@dataclass(frozen=True)
class _File:
    path: Path
    rows: int


@dataclass
class UsageCost:
    """The steps of one run; each leaves the next what it found."""

    for_run: Run
    started_at: datetime
    tenant: UsableIntegration
    open_reports: Callable[[Notes], Reports]
    day_load: DayLoad
    life: Life
    reject_credential: Callable[[str], None]

    bytes_billed: int = 0
    rows_loaded: int = 0
    files: dict[str, _File] = field(default_factory=dict)
    sums: dict[str, Decimal] = field(default_factory=dict)

    @cached_property
    def _folder(self) -> "tempfile.TemporaryDirectory[str]":
        """Gone with this object."""
        return tempfile.TemporaryDirectory(prefix="cloudact-")

    def run(self, step: Step, story: StepStory) -> int | None:
        """Does one step; its rows are those that were read, or loaded."""
        match step.config:
            case OpenAiReports() | AnthropicReports() as config:
                return self._extract(config.reports, story)
            case ReconcileConfig() as config:
                self._reconcile(config.tolerance, story)
                return None
            case OpenAiLoad() | AnthropicLoad() as config:
                return self._load(config, story)
            case other:
                raise Stop("misconfigured", f"usage_cost has no step like {other!r}.", "Please contact support.")

    def _extract(self, names: Iterable[str], story: StepStory) -> int:
        self.files, self.sums = {}, {}
        notes = self._notes(story)
        with self._judging():
            for table, rows in self.open_reports(notes).rows(list(names)):
                path = Path(self._folder.name) / f"{table.name}.parquet"
                run = {"org_slug": self.for_run.org_slug, "run_id": self.for_run.run_id, "ingested_at": self.started_at}
                try:
                    count = write_rows(path, table, self._summed(rows), run)
                except NotOffered as err:
                    story.say(f"{err} Its table was left as it is.", level="WARNING")
                    continue
                self.files[table.name] = _File(path, count)
        self._tell_new_fields(notes, story)
        return sum(file.rows for file in self.files.values())

    def _notes(self, story: StepStory) -> Notes:
        return Notes(self.life.of(story, "Pages are being read."), lambda text: story.say(text, level="WARNING"))

    def _summed(self, rows: Iterator[Row]) -> Iterator[Row]:
        """The rows; what they cost is added up on the way, as it will be loaded."""
        sums: defaultdict[str, Decimal] = defaultdict(Decimal)
        for row in rows:
            if "amount" in row:
                sums[row["currency"]] = exact_sum(sums[row["currency"]], row["amount"])
            yield row
        self.sums |= sums

    def _tell_new_fields(self, notes: Notes, story: StepStory) -> None:
        if notes.new_fields:
            names = ", ".join(sorted(notes.new_fields)[:20])
            story.say(f"New fields that have no column yet were kept as JSON: {names}.", level="WARNING")

    def _reconcile(self, tolerance: Decimal, story: StepStory) -> None:
        with self._judging():
            reports = self.open_reports(self._notes(story))
            total = reports.total()
        if not {**self.sums, **total}:
            story.say(f"{reports.name} tells no costs for this day, with or without groups.")
        for currency in sorted({*self.sums, *total}):
            loaded, told = self.sums.get(currency, Decimal()), total.get(currency, Decimal())
            difference = exact_sum(loaded, -told)
            text = (
                f"The rows cost {plain(loaded)} {currency}; {reports.name}'s own total of the day is {plain(told)} "
                f"{currency}; the difference is {plain(difference)} {currency}."
            )
            story.say(text, level="WARNING" if abs(difference) > tolerance else "INFO")

    def _load(self, config: OpenAiLoad | AnthropicLoad, story: StepStory) -> int:
        homeless = sorted(set(self.files) - set(config.target_tables))
        if homeless:
            raise Stop("misconfigured", f"No load step names {', '.join(homeless)}.", "Please contact support.")
        dataset = config.target_dataset.format(org_slug=self.for_run.org_slug, org_dataset=self.tenant.org_dataset)
        parts = [
            Part(dataset, table, self.files[table].path, self.files[table].rows)
            for table in config.target_tables
            if table in self.files
        ]
        self.rows_loaded = self.day_load.replace(parts, self.life.of(story, "The rows are being loaded."))
        story.say("; ".join(f"{part.table}: {part.rows} rows" for part in parts) + ".")
        if self.rows_loaded == 0:
            story.say(
                "The provider reports nothing for this date: either nothing was used, or it is not told yet.",
                level="WARNING",
            )
        return self.rows_loaded

    @contextmanager
    def _judging(self) -> Iterator[None]:
        """A credential that the provider refuses, or that cannot be one, is marked so."""
        try:
            yield
        except Stop as err:
            if err.code == "credential_invalid" or (isinstance(err, Refused) and err.blames_credential):
                self.reject_credential(err.message)
            raise


def plain(amount: Decimal) -> str:
    """The amount without exponent and trailing zeros: for people."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
