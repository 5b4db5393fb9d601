"""The fingerprint of a day, taken while its rows pass on their way into a file."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from cloudact.runs.result import Fingerprint, TableContent, exact_sum
from jobs.columns import RUN_COLUMNS
from providers.tally import Tally

DIGEST_BYTES = 16


@dataclass
class Digest:
    """Counts rows and sums their hashes, so their order does not matter and a row that stands twice counts twice.

    When the source wrote its rows, `tally.as_of`, is no part of what they say: a provider that refreshes a day without
    a change has not changed it.
    """

    tally: Tally = field(default_factory=Tally)
    _hashes: int = 0

    @property
    def rows(self) -> int:
        """How many rows have passed."""
        return self.tally.rows

    def over(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The same batches, each taken into account once it has been asked for."""
        for batch in batches:
            self.add(batch)
            yield batch

    def add(self, batch: pa.RecordBatch) -> None:
        """These rows too."""
        self.tally.add(batch)
        for text in _texts(batch, {*RUN_COLUMNS, self.tally.as_of}):
            self._hashes += int.from_bytes(hashlib.blake2b(text.as_buffer(), digest_size=DIGEST_BYTES).digest())
        self._hashes %= 2 ** (8 * DIGEST_BYTES)

    @property
    def content(self) -> TableContent:
        """What one table's day holds."""
        return TableContent(rows=self.rows, digest=f"{self._hashes:0{2 * DIGEST_BYTES}x}")


def fingerprint(tables: Mapping[str, Digest]) -> Fingerprint:
    """The fingerprint of a run, of one digest a table."""
    tallies = [digest.tally for digest in tables.values()]
    return Fingerprint(
        rows=sum(tally.rows for tally in tallies),
        cost=reduce(exact_sum, (tally.sums for tally in tallies), {}),
        source_as_of=min((tally.newest for tally in tallies if tally.newest), default=None),
        tables={name: digest.content for name, digest in tables.items()},
    )


def _texts(batch: pa.RecordBatch, left_out: Set[str | None]) -> pa.Array:
    """One text a row, different for different rows: texts carry their length, NULL is no length."""
    parts: list[pa.Array] = []
    for number, name in enumerate(batch.schema.names):
        if name not in left_out:
            parts += _exact(batch.column(number))
    return pc.binary_join_element_wise(*parts, "\x1f", null_handling="replace", null_replacement="\x00")


def _exact(column: pa.Array) -> list[pa.Array]:
    if pa.types.is_string(column.type):
        return [pc.binary_length(column).cast(pa.string()), column]
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    return [column.cast(pa.string())]
