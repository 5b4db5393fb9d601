"""Fingerprint of a day, computed while its rows pass into a file."""

import hashlib
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from decimal import Decimal
from functools import reduce
from itertools import groupby

import pyarrow as pa
import pyarrow.compute as pc

from cloudact.runs.result import Fingerprint, TableContent, exact_sum
from jobs.columns import RUN_COLUMNS
from providers.tally import Tally

DIGEST_BYTES = 16
_NULL = "\x00"
_BETWEEN = "\x1f"
_AT_ONCE = 256  # texts of rows that are copied to be hashed: so few are still in the processor's cache


@dataclass
class Digest:
    """Counts rows and sums their hashes, so that order does not matter and a row that stands twice counts twice.

    The time at which the source wrote its rows, `tally.as_of`, is not hashed: a provider that refreshes a day without a
    change has not changed it.
    """

    tally: Tally = field(default_factory=Tally)
    _hashes: int = 0

    @property
    def rows(self) -> int:
        """Number of rows that have passed."""
        return self.tally.rows

    def add(self, batch: pa.RecordBatch) -> None:
        """Adds the rows of a batch."""
        self.tally.add(batch)
        if not batch.num_rows:
            return
        self._hashes = (self._hashes + _sum_of_hashes(_text(batch, self._left_out))) % 2 ** (8 * DIGEST_BYTES)

    @property
    def _left_out(self) -> Set[str | None]:
        return {*RUN_COLUMNS, self.tally.as_of}

    @property
    def content(self) -> TableContent:
        """Content of one table's day."""
        return TableContent(rows=self.rows, digest=f"{self._hashes:0{2 * DIGEST_BYTES}x}")


def fingerprint(tables: Mapping[str, Digest]) -> Fingerprint:
    """Fingerprint of a run, from one digest a table."""
    tallies = [digest.tally for digest in tables.values()]
    tells_credits = all(tally.credits_below_zero for tally in tallies if tally.money)
    credited: dict[str, Decimal] = reduce(exact_sum, (tally.credits for tally in tallies), {})
    return Fingerprint(
        rows=sum(tally.rows for tally in tallies),
        cost=reduce(exact_sum, (tally.sums for tally in tallies), {}),
        credits=credited if tells_credits else None,
        source_as_of=min((tally.newest for tally in tallies if tally.newest), default=None),
        tables={name: digest.content for name, digest in tables.items()},
    )


def _sum_of_hashes(text: pa.Array) -> int:
    texts, empty, total = text.view(pa.binary()), hashlib.blake2b(digest_size=DIGEST_BYTES), 0
    for start in range(0, len(texts), _AT_ONCE):
        hashes = []
        for row in texts[start : start + _AT_ONCE].to_pylist():  # takes less time than pieces of a memoryview
            of_row = empty.copy()  # takes less time than to make one of this size
            of_row.update(row)
            hashes.append(of_row.digest())
        total += sum(map(int.from_bytes, hashes))
    return total


def _text(batch: pa.RecordBatch, left_out: Set[str | None]) -> pa.Array:
    """Text of each row, different for different rows: texts carry their length, NULL has none."""
    columns = [batch.column(number) for number, name in enumerate(batch.schema.names) if name not in left_out]
    parts: list[pa.Array | pa.Scalar] = []
    for constant, run in groupby(columns, _is_constant):
        spelled = [part for column in run for part in _spelled(column[:1] if constant else column)]
        parts += [_one_for_all(spelled)] if constant else spelled
    if isinstance(parts[0], pa.Scalar):
        parts[0] = pa.repeat(parts[0], batch.num_rows)  # of scalars alone one text would be made, not one for each row
    return pc.binary_join_element_wise(*parts, _BETWEEN, null_handling="replace", null_replacement=_NULL)


def _one_for_all(parts: Sequence[pa.Array]) -> pa.Scalar:
    """Text of columns that hold one value in all rows, as it stands in each row."""
    texts = [text for part in parts for text in part.to_pylist()]
    return pa.scalar(_BETWEEN.join(_NULL if text is None else text for text in texts))


def _is_constant(column: pa.Array) -> bool:
    if column.null_count:
        return bool(column.null_count == len(column))
    return column[0] == column[-1] and pc.all(pc.equal(column, column[0])).as_py() is True


def _spelled(column: pa.Array) -> list[pa.Array]:
    if pa.types.is_string(column.type):
        return [pc.binary_length(column).cast(pa.string()), column]
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    return [column.cast(pa.string())]
