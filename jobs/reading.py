"""Reads a source's tables into one Parquet file each, side by side where the source can.

The costs must be whole. Any other table that cannot be read stays as it was, and never keeps the costs from being
loaded. Tables are judged in one order, the costs first, so that messages and errors do not depend on which of them
comes first.
"""

import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa

from cloudact.error_codes import Code
from cloudact.errors import CONTACT_SUPPORT, RunError, Stop
from jobs.columns import Columns
from jobs.day_table import ChainReading, DayFile, DayTable
from jobs.file_room import FileRoom
from jobs.lanes import Arrived, Ended, Lane, Lanes, OneByOne, Threads
from providers.calls import Calls, Turns
from providers.notes import Notes, ReportNotes
from providers.org_day import OrgDay
from providers.source import Chain, NotOffered, Progress, SideBySide, Source, Table, TellsTotal

log = logging.getLogger(__name__)
# So many costs, or one in so many, may lack their amount, and fewer than have one; more is another report.
FEW_ROWS, FEW_OF = 10, 100
READING = "Pages are being read."


@dataclass
class Total:
    """The provider's own total of the day, which is read beside the tables and reported later."""

    source: TellsTotal
    notes: ReportNotes = field(default_factory=ReportNotes)
    ended: Ended | None = None
    sums: Mapping[str, Decimal] = field(default_factory=dict)

    def start(self, lanes: Lanes) -> None:
        """Reads it after all tables have begun."""
        lanes.start(Lane(sys.maxsize, self._read, self._take))

    def told(self, notes: Notes) -> Mapping[str, Decimal]:
        """The total by currency. Tells what was noted; raises what reading it has raised."""
        self.notes.tell(notes)
        if self.ended and self.ended.error:
            raise self.ended.error
        return self.sums

    def _read(self, calls: Calls) -> Iterator[pa.RecordBatch]:
        self.sums = self.source.total(self.notes, calls)
        return iter(())

    def _take(self, _lane: Lane, arrived: Arrived) -> None:
        if isinstance(arrived, Ended):
            self.ended = arrived


@dataclass
class Reading:
    """Files of one reading, by table. `unpriced` counts the rows of costs that have no amount.

    `total` is the provider's own, where it is to be read too. `beside` begins what is read at the same time, and is
    handed the turns of the calls.
    """

    source: Source
    day: OrgDay
    run_columns: Mapping[str, Any]
    folder: Path
    progress: Progress
    room: FileRoom
    total: Total | None = None
    beside: Callable[[Turns], None] = lambda _turns: None
    files: dict[str, DayFile] = field(default_factory=dict)
    rows_read: int = 0

    def __post_init__(self) -> None:
        self._notes = Notes(self._warn)
        self._unsettled: list[DayTable] = []

    @property
    def unpriced(self) -> int:
        """Number of cost rows that were left out because the provider reports no amount."""
        return self._notes.unpriced

    @property
    def unrounded(self) -> Mapping[str, Decimal]:
        """Cost of the rows by currency before amounts were rounded; empty where the source does not tell."""
        return self._notes.unrounded

    @property
    def rows(self) -> int:
        """Number of rows of all files."""
        return sum(file.digest.rows for file in self.files.values())

    def read(self) -> None:
        """Reads every table that the source gives. Raises where the costs cannot be read."""
        tables = self._tables()
        self._unsettled += tables
        with self._lanes() as lanes:
            for table in tables:
                table.start(lanes)
            if self.total:
                self.total.start(lanes)
            if isinstance(lanes, Threads):
                self.beside(lanes.turns)
            for table in tables:
                while not table.decided:
                    self._go_on(lanes)
                self._settle(table)
                self._unsettled.remove(table)
            while self.total and not self.total.ended:
                self._go_on(lanes)
        self._judge_amounts()
        if self._notes.new_fields:
            names = ", ".join(sorted(self._notes.new_fields))
            self.progress.message(f"Fields that have no column yet were kept as JSON: {names}.")
        for text in filter(None, (tell(self._notes) for tell in self._notes.at_last.values())):
            self.progress.message(text)
        if self._notes.pages:
            ways = "; ".join(f"{name} {read.by_column} and {read.by_row}" for name, read in self._notes.pages.items())
            self.progress.message(f"Pages with rows, by the column and row by row: {ways}.")

    def _tables(self) -> list[DayTable]:
        """The tables in the order in which they are judged, each with its chains."""
        chains: dict[Table, list[Chain]] = {}
        for chain in self.source.chains():
            chains.setdefault(chain.table, []).append(chain)
        order = count()
        return [
            DayTable(
                self._columns(table),
                [ChainReading(next(order), chain) for chain in chains[table]],
                self.run_columns,
                self.folder / f"{table.name}.parquet",
                self._count,
                self._make_room,
                self.room.is_gone,
            )
            for table in sorted(chains, key=lambda each: not each.of_money)
        ]

    def _columns(self, table: Table) -> Columns:
        if table not in self.source.fills:
            message = f"{self.source.name} gives rows of {table.name}, which is none of its tables."
            raise Stop(Code.MISCONFIGURED, message, CONTACT_SUPPORT)
        return Columns(table.name, self.day.columns(table.name))

    def _lanes(self) -> Lanes:
        if isinstance(self.source, SideBySide):
            return Threads(self.source.break_off)
        return OneByOne(self._beat)

    def _go_on(self, lanes: Lanes) -> None:
        """Takes what has been read. Looks whether the run is still wanted even while nothing comes."""
        lanes.go_on()
        self._beat()

    def _beat(self) -> None:
        if self.rows_read:
            self.progress.beat(f"{self.rows_read} rows read.", self.rows_read)
        else:
            self.progress.beat(READING)

    def _count(self, batch: pa.RecordBatch) -> None:
        self.rows_read += batch.num_rows

    def _make_room(self, path: Path) -> None:
        """Gives up tables where the files no longer fit, the last of them first and the costs last."""
        self.room.grew(path)
        for table in reversed(self._unsettled):
            too_large = self.room.too_large
            if too_large and not table.given_up:
                table.give_up(too_large)

    def _settle(self, table: DayTable) -> None:
        table.tell(self._notes)
        if not table.error:
            table.close()  # its file grows by what is left
        err = table.error
        if err is None:
            self.files[table.table.name] = table.file()
            return
        table.discard()
        needed = table.table.of_money or not self.files
        if not isinstance(err, NotOffered) and (needed or not isinstance(err, RunError)):
            raise err
        log.warning("a part of the day could not be read: %s", err, exc_info=err)
        self._warn(f"{err} The table {table.table.name} was left as it is.")

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
