"""Writes a table's rows into a Parquet file in bounded memory, with the columns that every table has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from jobs.fingerprint import Digest
from jobs.parquet import ARROW, RUN_FIELDS, write_parquet
from providers.source import Row, Table

BATCH_ROWS = 2500


def schema(table: Table) -> pa.Schema:
    """The table's columns in its order. What is NOT NULL in the table is so in the file: loading relaxes no column."""
    columns = (pa.field(c.name, ARROW[c.type], nullable=not c.required) for c in table.columns)
    return pa.schema([*columns, *RUN_FIELDS])


def write_rows(path: Path, table: Table, rows: Iterable[Row], run: dict[str, Any]) -> Digest:
    """Writes the rows, each with the values of `run` (org_slug, run_id, ingested_at); answers what they are."""
    digest = Digest(cost="amount", as_of="data_refreshed_at")
    write_parquet(path, schema(table), digest.over(_batches(iter(rows), schema(table), run)))
    return digest


def _batches(rows: Iterator[Row], of: pa.Schema, run: dict[str, Any]) -> Iterator[pa.RecordBatch]:
    while batch := [{**row, **run} for row in islice(rows, BATCH_ROWS)]:
        yield pa.RecordBatch.from_pylist(batch, schema=of)
