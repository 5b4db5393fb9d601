"""Streams Arrow record batches into one Parquet file for a BigQuery load job, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

# BigQuery loads Parquet compressed with Snappy, GZip, LZO, LZ4 and ZSTD
# (https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-parquet#parquet_compression); Zstandard makes
# the smallest file, and on Cloud Run the file system is memory.
COMPRESSION = "zstd"

ROW_GROUP_BYTES = 16 * 2**20
"""Arrow bytes gathered before a row group is written: the whole of what this module keeps in memory."""


def write_parquet(
    path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch], hold: Callable[[Path], None] = lambda _: None
) -> int:
    """Writes the batches (all of `schema`) to `path` and returns the number of rows.

    Without batches the file holds the schema and no rows; loading it empties a partition. `hold` is called with the
    path whenever the file has grown, and may raise.
    """
    rows = gathered = 0
    with pq.ParquetWriter(path, schema, compression=COMPRESSION) as writer:
        group: list[pa.RecordBatch] = []
        for batch in batches:
            rows += batch.num_rows
            gathered += batch.nbytes
            group.append(batch)
            if gathered >= ROW_GROUP_BYTES:
                _write_group(writer, group)
                hold(path)
                gathered = 0
        _write_group(writer, group)
    hold(path)
    return rows


def _write_group(writer: pq.ParquetWriter, group: list[pa.RecordBatch]) -> None:
    """Writes the gathered batches as one row group and drops them before the next page is read."""
    if group:
        writer.write_table(pa.Table.from_batches(group))
        group.clear()
