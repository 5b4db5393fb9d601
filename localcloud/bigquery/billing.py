"""Bytes: an estimate of what Google would process and bill.

A table counts as rows x assumed row width: unread columns are not taken off, so the estimate errs upwards; partitions
that constant bounds rule out are (`pruning.py`). Billing has a minimum of 10 MiB for every table that a query reads and
rounds up to a MiB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from bqemulator.api.routes.tables import _field_to_rest
from bqemulator.catalog.models import TableSchema

from localcloud.bigquery.errors import BytesBilledLimitExceeded
from localcloud.bigquery.schemas import row_width
from localcloud.bigquery.tables import TableRef, Tables

MIB = 1 << 20
MINIMUM = 10 * MIB
WIDTHS = 1000


@dataclass(frozen=True)
class Bytes:
    """What a statement reads and what it costs."""

    processed: int = 0
    billed: int = 0

    def __add__(self, other: Bytes) -> Bytes:
        return Bytes(self.processed + other.processed, self.billed + other.billed)


def estimate(tables: Tables, refs: Iterable[TableRef], rows: Callable[[TableRef], int]) -> Bytes:
    """The bytes of a statement that reads these tables, so many rows of each."""
    return sum((_table_bytes(tables, ref, rows(ref)) for ref in refs), Bytes())


def _table_bytes(tables: Tables, ref: TableRef, rows: int) -> Bytes:
    size = rows * _width(tables.schema(ref))
    return Bytes(size, max(MINIMUM, -(-size // MIB) * MIB))


@lru_cache(WIDTHS)
def _width(schema: TableSchema) -> int:
    """Bytes that a row is assumed to take; tables of the same columns share the schema."""
    return row_width([_field_to_rest(field) for field in schema.fields])


def refuse_above(limit: str | int | None, cost: Bytes) -> None:
    """Raise BytesBilledLimitExceeded if the statement would bill more than `maximumBytesBilled`."""
    if limit is not None and cost.billed > int(limit):
        raise BytesBilledLimitExceeded(
            f"Query exceeded limit for bytes billed: {limit}. {cost.billed} or higher required."
        )
