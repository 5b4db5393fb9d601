"""The Parquet writer: what is written can be read, and memory does not grow with the rows."""

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.parquet import ROW_GROUP_BYTES, write_parquet

SCHEMA = pa.schema([pa.field("day", pa.date32(), nullable=False), pa.field("cost", pa.decimal128(38, 9))])


def batch(rows: int) -> pa.RecordBatch:
    return pa.record_batch([pa.array([20_000] * rows, pa.date32()), pa.array([Decimal("1.5")] * rows)], SCHEMA)


def test_rows_and_types_are_kept(tmp_path: Path) -> None:
    """All batches are in the file, with NOT NULL and NUMERIC as in the schema."""
    assert write_parquet(tmp_path / "x", SCHEMA, [batch(3), batch(2)]) == 5
    table = pq.read_table(tmp_path / "x")
    assert (table.num_rows, table.schema) == (5, SCHEMA)


def test_no_batches_give_an_empty_file(tmp_path: Path) -> None:
    """A day without rows is a file with the schema and no rows, which empties the partition when loaded."""
    assert write_parquet(tmp_path / "x", SCHEMA, []) == 0
    assert pq.read_schema(tmp_path / "x") == SCHEMA


def test_row_groups_are_bounded(tmp_path: Path) -> None:
    """A row group is written whenever enough bytes are gathered; nothing waits for the end."""
    one = batch(100_000)
    write_parquet(tmp_path / "x", SCHEMA, (one for _ in range(20)))
    groups = pq.ParquetFile(tmp_path / "x").num_row_groups
    assert groups == -(-20 // -(-ROW_GROUP_BYTES // one.nbytes))
