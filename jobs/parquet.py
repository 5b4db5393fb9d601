"""Streams Arrow record batches into one Parquet file for a BigQuery load job, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

# BigQuery loads Parquet compressed with Snappy, GZip, LZO, LZ4 and ZSTD
# (https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-parquet#parquet_compression); Zstandard makes
# the smallest file, and on Cloud Run the file system is memory.
COMPRESSION = "zstd"

ROW_GROUP_BYTES = 16 * 2**20
"""Arrow bytes gathered before a row group is written: the whole of what a file keeps in memory."""


class ParquetFile:
    """A Parquet file at `path` that grows by batches, all of `schema`. Without any it holds the schema and no rows."""

    def __init__(self, path: Path | str, schema: pa.Schema, group_bytes: int = ROW_GROUP_BYTES) -> None:
        # Zstandard finds what repeats by itself: with dictionaries a file is a tenth to a half larger and slower.
        self._writer = pq.ParquetWriter(
            path, schema, compression=COMPRESSION, use_dictionary=False, write_statistics=False
        )
        self._group_bytes = group_bytes
        self._group: list[pa.RecordBatch] = []
        self._gathered = 0
        self.rows = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Adds a batch; writes a row group where enough is gathered."""
        self.rows += batch.num_rows
        self._gathered += batch.nbytes
        self._group.append(batch)
        if self._gathered >= self._group_bytes:
            self._write_group()

    def close(self) -> None:
        """Writes what is left, and ends the file."""
        self._write_group()
        self._writer.close()

    def _write_group(self) -> None:
        """Writes the gathered batches as one row group and drops them before the next page is read."""
        if self._group:
            self._writer.write_table(pa.Table.from_batches(self._group))
            self._group.clear()
            self._gathered = 0


def write_parquet(path: Path | str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    """Writes the batches (all of `schema`) to `path` and returns the number of rows.

    Without batches the file holds the schema and no rows; loading it empties a partition.
    """
    file = ParquetFile(path, schema)
    for batch in batches:
        file.add(batch)
    file.close()
    return file.rows
