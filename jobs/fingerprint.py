"""The fingerprint of a day, taken while its rows pass on their way into a file."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Context, Decimal

import pyarrow as pa
import pyarrow.compute as pc

from cloudact.runs.result import Fingerprint, TableContent
from jobs.parquet import RUN_FIELDS

DIGEST_BYTES = 16
_EXACT = Context(prec=200)
_RUN = frozenset(field.name for field in RUN_FIELDS)


@dataclass
class Digest:
    """Counts rows and sums their hashes, so their order does not matter and a row that stands twice counts twice.

    When the source wrote its rows, `as_of`, is no part of what they say: a provider that refreshes a day without a
    change has not changed it.
    """

    cost: str | None = None
    as_of: str | None = None
    rows: int = 0
    sums: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    newest: datetime | None = None
    _hashes: int = 0

    def over(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The same batches, each taken into account once it has been asked for."""
        for batch in batches:
            self.add(batch)
            yield batch

    def add(self, batch: pa.RecordBatch) -> None:
        """These rows too. Their money is in the column `cost`, by `currency`; their age in `as_of`."""
        self.rows += batch.num_rows
        for text in _texts(batch, _RUN | {self.as_of}):
            self._hashes += int.from_bytes(hashlib.blake2b(text.as_buffer(), digest_size=DIGEST_BYTES).digest())
        self._hashes %= 2 ** (8 * DIGEST_BYTES)
        names = batch.schema.names
        if self.cost in names:
            self._add_cost(batch.column(self.cost), batch.column("currency"))
        if self.as_of in names and batch.num_rows:
            times = (self.newest, pc.max(batch.column(self.as_of)).as_py())
            self.newest = max((at for at in times if at), default=None)

    def _add_cost(self, amounts: pa.Array, currencies: pa.Array) -> None:
        for amount, currency in zip(amounts.to_pylist(), currencies.to_pylist(), strict=True):
            if amount is not None:
                self.sums[currency or ""] = _EXACT.add(self.sums[currency or ""], amount)

    @property
    def content(self) -> TableContent:
        """What one table's day holds."""
        return TableContent(rows=self.rows, digest=f"{self._hashes:0{2 * DIGEST_BYTES}x}")


def fingerprint(tables: dict[str, Digest]) -> Fingerprint:
    """That of a run, of one digest a table."""
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for digest in tables.values():
        for currency, amount in digest.sums.items():
            sums[currency] = _EXACT.add(sums[currency], amount)
    return Fingerprint(
        rows=sum(digest.rows for digest in tables.values()),
        cost=dict(sorted(sums.items())),
        source_as_of=min((digest.newest for digest in tables.values() if digest.newest), default=None),
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
