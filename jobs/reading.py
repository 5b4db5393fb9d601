"""Reads a source's tables into one Parquet file each, the costs first.

The costs must be whole. Any other table that cannot be read stays as it was, and never keeps the costs from being
loaded.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloudact.error_codes import Code
from cloudact.errors import CONTACT_SUPPORT, RunError, Stop
from cloudact.runs.load import Part
from jobs.columns import Columns
from jobs.fingerprint import Digest
from jobs.parquet import write_parquet
from providers.notes import Notes, ReadAgain
from providers.org_day import OrgDay
from providers.source import NotOffered, Progress, Row, Source, Table
from providers.tally import Tally

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)
# So many costs, or one in so many, may lack their amount, and fewer than have one; more is another report.
FEW_ROWS, FEW_OF = 10, 100


@dataclass(frozen=True)
class DayFile:
    """File of a table's day. `coarser`: the provider has refused a dimension of it."""

    table: Table
    columns: Columns
    path: Path
    digest: Digest
    coarser: bool

    def part(self, dataset: str) -> Part:
        """Part of the run's load for the org's dataset."""
        return Part(
            dataset,
            self.table.name,
            self.path,
            self.digest.rows,
            self.columns.fields,
            self.table.of_money,
            self.coarser,
        )


@dataclass
class Reading:
    """Files of one reading, by table. `unpriced` counts the rows of costs that have no amount."""

    source: Source
    day: OrgDay
    run_columns: Mapping[str, Any]
    folder: Path
    progress: Progress
    files: dict[str, DayFile] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._notes = Notes(self._warn)

    @property
    def unpriced(self) -> int:
        """Number of cost rows that were left out because the provider reports no amount."""
        return self._notes.unpriced

    @property
    def rows(self) -> int:
        """Number of rows of all files."""
        return sum(file.digest.rows for file in self.files.values())

    def read(self) -> None:
        """Reads every table that the source gives. Raises where the costs cannot be read."""
        tables = [(table, self._columns(table), rows) for table, rows in self._tables()]
        for table, columns, rows in sorted(tables, key=lambda each: not each[0].of_money):
            self._read(table, columns, rows)
        self._judge_amounts()
        if self._notes.new_fields:
            names = ", ".join(sorted(self._notes.new_fields))
            self.progress.message(f"Fields that have no column yet were kept as JSON: {names}.")
        for text in filter(None, (tell() for tell in self._notes.at_last.values())):
            self.progress.message(text)
        if self._notes.pages:
            ways = "; ".join(f"{name} {read.by_column} and {read.by_row}" for name, read in self._notes.pages.items())
            self.progress.message(f"Pages with rows, by the column and row by row: {ways}.")

    def _tables(self) -> "list[tuple[Table, Iterator[Row | pa.RecordBatch]]]":
        return list(self.source.tables(self._notes, self.progress))

    def _columns(self, table: Table) -> Columns:
        if table not in self.source.fills:
            message = f"{self.source.name} gives rows of {table.name}, which is none of its tables."
            raise Stop(Code.MISCONFIGURED, message, CONTACT_SUPPORT)
        return Columns(table.name, self.day.columns(table.name))

    def _read(self, table: Table, columns: Columns, rows: "Iterable[Row | pa.RecordBatch]") -> None:
        try:
            with self._notes.begun_again():
                self.files[table.name] = self._write(table, columns, rows)
        except ReadAgain:
            again = {each.name: found for each, found in self._tables()}
            self._read(table, columns, again[table.name])
        except (NotOffered, RunError) as err:
            if isinstance(err, RunError) and (table.of_money or not self.files):
                raise
            log.warning("a part of the day could not be read: %s", err, exc_info=err)
            self._warn(f"{err} The table {table.name} was left as it is.")

    def _write(self, table: Table, columns: Columns, rows: "Iterable[Row | pa.RecordBatch]") -> DayFile:
        refused = self._notes.refused_dimensions
        path = self.folder / f"{table.name}.parquet"
        digest = Digest(Tally(table.money, table.as_of))
        batches = digest.over(self._counted(columns.batches(rows, self.run_columns)))
        write_parquet(path, columns.schema, batches)
        return DayFile(table, columns, path, digest, self._notes.refused_dimensions > refused)

    def _counted(self, batches: "Iterable[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        rows = 0
        for batch in batches:
            rows += batch.num_rows
            self.progress.beat(f"{rows} rows read.", rows)
            yield batch

    def _judge_amounts(self) -> None:
        """Records cost rows without an amount, which are left out, never taken for zero; many of them raise `Stop`."""
        if not self.unpriced:
            return
        rows = sum(file.digest.rows for file in self.files.values() if file.digest.tally.sums)
        text = f"{self.unpriced} of {rows + self.unpriced} cost rows have no amount"
        named = "; ".join(why.rstrip(".") for why in self._notes.unpriced_named)
        many = 1 < self.unpriced >= rows or self.unpriced > max(FEW_ROWS, rows // FEW_OF)
        if not rows or many:
            hint = "The provider changed its report, or is not done with the day; please contact support."
            raise Stop(Code.AMOUNTS_MISSING, f"{text}, so nothing was loaded: {named}.", hint)
        self._warn(f"{text} and were left out, so the sum of the day is not whole: {named}.")

    def _warn(self, text: str) -> None:
        self.progress.message(text, level="WARNING")
