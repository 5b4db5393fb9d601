"""Reading of one table's day: its chains, in whatever order their rows arrive, and the file that they go to.

What becomes of the table is decided by the order of its chains, never by which of them is done or has failed first.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from cloudact.errors import RunError
from cloudact.runs.load import Part
from jobs.columns import Columns
from jobs.fingerprint import Digest
from jobs.lanes import Arrived, Ended, Lane, Lanes
from jobs.parquet import ParquetFile
from providers.calls import Calls
from providers.notes import Notes, ReadAgain, ReportNotes
from providers.source import Chain, Table
from providers.tally import Tally


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
class ChainReading:
    """Where the reading of one chain stands. `ended` is `None` while it is being read."""

    order: int
    chain: Chain
    notes: ReportNotes = field(default_factory=ReportNotes)
    lane: Lane | None = None
    ended: Ended | None = None


class DayTable:
    """A table with its chains on the way into `path`.

    `arrived` is called with each batch before it is written, `grew` with the path whenever the file has grown,
    `gone` when it was deleted.
    """

    def __init__(
        self,
        columns: Columns,
        chains: Sequence[ChainReading],
        run_columns: Mapping[str, Any],
        path: Path,
        arrived: Callable[[pa.RecordBatch], None],
        grew: Callable[[Path], None],
        gone: Callable[[Path], None],
    ) -> None:
        self.table = chains[0].chain.table
        self._columns = columns
        self._chains = chains
        self._run_columns = run_columns
        self.path = path
        self.given_up: RunError | None = None
        self._arrived = arrived
        self._grew = grew
        self._gone = gone

    def start(self, lanes: Lanes) -> None:
        """Reads every chain from its first page, into a new file."""
        self._lanes = lanes
        self._file = ParquetFile(self.path, self._columns.schema, self._grew)
        self._digest = Digest(Tally(self.table.money, self.table.as_of, self.table.credits_below_zero))
        for reading in self._chains:
            reading.ended = None
            reading.lane = Lane(reading.order, self._batches_of(reading), self._take)
            lanes.start(reading.lane)

    @property
    def decided(self) -> bool:
        """Whether all chains are read, or those before one that failed, or the table was given up."""
        return self.given_up is not None or self._deciding is not None or all(reading.ended for reading in self._chains)

    @property
    def error(self) -> BaseException | None:
        """The error of the first chain that failed, once that is decided, or why the table was given up."""
        if self.given_up:
            return self.given_up
        return self._deciding.ended.error if self._deciding and self._deciding.ended else None

    def tell(self, notes: Notes) -> None:
        """Tells what the chains have noted, up to the one that failed."""
        for reading in self._chains:
            reading.notes.tell(notes)
            if reading is self._deciding:
                return

    def close(self) -> None:
        """Writes the last rows into the file."""
        self._file.close()

    def file(self) -> DayFile:
        """The whole file, once it is closed."""
        coarser = any(reading.notes.refused_dimensions for reading in self._chains)
        return DayFile(self.table, self._columns, self.path, self._digest, coarser)

    def discard(self) -> None:
        """Deletes the file of a table that cannot be read, or is read anew."""
        self._file.discard()
        self._gone(self.path)

    def give_up(self, reason: RunError) -> None:
        """Reads the table no further, and deletes its file."""
        self.given_up = reason
        for reading in self._chains:
            if reading.lane:
                self._lanes.stop(reading.lane)
        self.discard()

    @property
    def _deciding(self) -> ChainReading | None:
        """The first chain that failed, where all before it are read."""
        for reading in self._chains:
            if reading.ended is None:
                return None
            if reading.ended.error:
                return reading
        return None

    def _batches_of(self, reading: ChainReading) -> Callable[[Calls], Iterator[pa.RecordBatch]]:
        notes = reading.notes
        return lambda calls: self._columns.batches(reading.chain.read(notes, calls), self._run_columns)

    def _take(self, lane: Lane, arrived: Arrived) -> None:
        reading = next((each for each in self._chains if each.lane is lane), None)
        if reading is None or self.error:  # it was begun again, or is not needed
            return
        if not isinstance(arrived, Ended):
            self._arrived(arrived)
            self._digest.add(arrived)
            self._file.add(arrived)
            return
        reading.ended = arrived
        if arrived.error:
            self._stop_after(reading)
        if isinstance(self.error, ReadAgain):
            self._begin_again()

    def _stop_after(self, failed: ChainReading) -> None:
        """Stops the chains after one that failed: they do not count, or are read again."""
        for reading in self._chains:
            if reading.order > failed.order and reading.lane:
                self._lanes.stop(reading.lane)

    def _begin_again(self) -> None:
        """Reads every chain again: those up to the one that asks for it know what to ask for, the others are new."""
        asking = self._deciding
        self.discard()  # its rows do not count, nor does their room
        for reading in self._chains:
            if asking and reading.order <= asking.order:
                reading.notes.begin_again()
            else:
                reading.notes = ReportNotes()
        self.start(self._lanes)
