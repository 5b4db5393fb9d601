"""One processor for every provider: what a source must be, and what it may leave out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cloudact.error_codes import Code
from cloudact.errors import Stop
from cloudact.runs.run import Run, Status
from jobs.attempt import work
from jobs.composition import compose
from jobs.container import Execution
from localcloud.onboarding import OnboardedOrg
from providers.calls import Calls
from providers.notes import Notes
from providers.openai.reports import COST_TABLE, USAGE_TABLE
from providers.source import Chain, Progress, Row, Table
from tests.conftest import FIXTURE_DAY, Local, NewOrgs
from tests.jobs.test_usage_cost_run import llm_run, messages_of_steps, processor_of, rows_of, step_of
from tests.providers.vendor import Vendor, fixture_pages

EXTRACT, RECONCILE, LOAD = range(3)
COST: dict[str, Any] = {"usage_date": FIXTURE_DAY, "amount": Decimal("1.5"), "currency": "USD", "raw": "{}"}


@dataclass
class Invented:
    """A source that has its rows at hand, and can tell nothing else."""

    rows: Sequence[Row | pa.RecordBatch]
    name: str = "Invented"
    gives: Sequence[Table] = (COST_TABLE,)
    fills: Sequence[Table] = (USAGE_TABLE, COST_TABLE)
    bytes_billed: int = 0
    read: list[str] = field(default_factory=list)

    def prepare(self, config: Any, progress: Progress) -> None:
        """Nothing to prepare."""

    def chains(self) -> Sequence[Chain]:
        """The same rows for every table that it gives."""
        return [Chain(table, partial(self._each, table)) for table in self.gives]

    def _each(self, table: Table, _notes: Notes, _calls: Calls) -> "Iterator[Row | pa.RecordBatch]":
        self.read.append(table.name)
        yield from self.rows


@pytest.fixture
def org(new_org: NewOrgs) -> OnboardedOrg:
    return new_org()


@pytest.fixture
def run(org: OnboardedOrg) -> Run:
    return llm_run(org, "openai")


def test_rows_and_arrow_batches_are_loaded(local: Local, org: OnboardedOrg, run: Run) -> None:
    """A source may give rows or Arrow batches: each is loaded with the columns of the table and of the run."""
    source = Invented([COST, pa.RecordBatch.from_pylist([COST])])
    processor = processor_of(local, run, source)
    assert [processor.run(*step_of(local, run, step)) for step in (EXTRACT, LOAD)] == [2, 2]
    loaded = rows_of(local, org, COST_TABLE.name)
    assert [(row["amount"], row["run_id"], row["org_slug"]) for row in loaded] == [
        (Decimal("1.5"), run.run_id, org.org_slug)
    ] * 2
    assert source.read == [COST_TABLE.name]


def test_a_load_reads_what_no_step_has_read(local: Local, org: OnboardedOrg, run: Run) -> None:
    """Without a step of reports the rows stream in the load; a day without rows is told."""
    assert processor_of(local, run, Invented([])).run(*step_of(local, run, LOAD)) == 0
    assert rows_of(local, org, COST_TABLE.name) == []
    assert ("WARNING", True) in [
        (level, text.startswith("The provider reports nothing")) for level, text in messages_of_steps(local, run)
    ]


def test_a_source_that_gives_no_table(local: Local, org: OnboardedOrg, run: Run) -> None:
    """Where none of the wanted reports is offered, the load stops with a code, and the day stays as it was."""
    processor = processor_of(local, run, Invented([COST], gives=()))
    assert processor.run(*step_of(local, run, EXTRACT)) == 0
    with pytest.raises(Stop, match=r"Invented gave none of the pipeline's tables, so nothing was loaded") as stop:
        processor.run(*step_of(local, run, LOAD))
    assert (stop.value.code, rows_of(local, org, COST_TABLE.name)) == (Code.NOTHING_LOADED, [])


def test_a_table_that_the_source_does_not_declare(local: Local, run: Run) -> None:
    """Rows of an undeclared table are never read, and a load that names one asks BigQuery for nothing."""
    source = Invented([COST], gives=(Table("openai_cost_daily_raw; --"),))
    with pytest.raises(Stop, match="which is none of its tables"):
        processor_of(local, run, source).run(*step_of(local, run, EXTRACT))
    assert source.read == []
    with pytest.raises(Stop, match="Invented fills no table openai_usage_daily_raw"):
        processor_of(local, run, Invented([], fills=(COST_TABLE,))).run(*step_of(local, run, LOAD))


def test_a_source_without_a_total(local: Local, run: Run) -> None:
    """A pipeline that reconciles a source which tells no total is a mistake of ours, and says so."""
    with pytest.raises(Stop, match="Invented tells no total to reconcile with"):
        processor_of(local, run, Invented([])).run(*step_of(local, run, RECONCILE))


def test_money_that_does_not_fit_keeps_everything_back(local: Local, org: OnboardedOrg, run: Run) -> None:
    """A row of costs that its table cannot hold stops the run before anything is loaded; a usage row only its table."""
    with pytest.raises(Stop, match="has no column colour"):
        processor_of(local, run, Invented([COST | {"colour": "red"}])).run(*step_of(local, run, EXTRACT))
    processor = processor_of(local, run, Invented([COST], gives=(USAGE_TABLE, COST_TABLE)))
    assert processor.run(*step_of(local, run, EXTRACT)) == 1
    assert "The table openai_usage_daily_raw was left as it is." in messages_of_steps(local, run)[-1][1]
    assert rows_of(local, org, COST_TABLE.name) == []


@pytest.mark.parametrize("ends", [Status.SUCCESS, Status.FAILED])
def test_a_run_leaves_no_rows_on_disk(
    local: Local, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: Status
) -> None:
    """However a run ends its files are gone, though what has made them is still there, as where a process just ends."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    pages = {"costs": fixture_pages("openai_costs_page1")}
    source = Vendor(pages).openai_source() if ends is Status.SUCCESS else Invented([COST])
    kept = processor_of(local, run, source)
    job = replace(compose(local.settings, local.clock), processor=lambda *_: kept)
    work(job, run, Execution("runner-abc", 0, 0, last_attempt=True))
    assert (job.ledger.status(run), bool(kept.reading)) == (ends, True)
    assert list(tmp_path.iterdir()) == []
