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

ROW_GROUP_BYTES = 8 * 2**20
"""Arrow bytes gathered before a row group is written: the whole of what a file keeps in memory. Two or three are open
at the same time."""


class ParquetFile:
    """A Parquet file at `path` that grows by batches, all of `schema`. Without any it holds the schema and no rows.

    `grew` is called with the path whenever the file has grown.
    """

    def __init__(self, path: Path, schema: pa.Schema, grew: Callable[[Path], None] = lambda _: None) -> None:
        self._path = path
        self._grew = grew
        # Zstandard finds what repeats by itself: with dictionaries a file is larger by a tenth to a half, and slower.
        self._writer = pq.ParquetWriter(
            path, schema, compression=COMPRESSION, use_dictionary=False, write_statistics=False
        )
        self._group: list[pa.RecordBatch] = []
        self._gathered = 0
        self.rows = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Adds a batch; writes a row group where enough is gathered."""
        self.rows += batch.num_rows
        self._gathered += batch.nbytes
        self._group.append(batch)
        if self._gathered >= ROW_GROUP_BYTES:
            self._write_group()

    def close(self) -> None:
        """Writes what is left, and ends the file."""
        self._write_group()
        self._writer.close()
        if self._path.exists():
            self._grew(self._path)

    def discard(self) -> None:
        """Deletes the file, whole or not."""
        self._group.clear()
        self._writer.close()
        self._path.unlink(missing_ok=True)

    def _write_group(self) -> None:
        """Writes the gathered batches as one row group and drops them before the next page is read."""
        if self._group:
            self._writer.write_table(pa.Table.from_batches(self._group))
            self._group.clear()
            self._gathered = 0
            self._grew(self._path)


def write_parquet(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    """Writes the batches (all of `schema`) to `path` and returns the number of rows.

    Without batches the file holds the schema and no rows; loading it empties a partition.
    """
    file = ParquetFile(path, schema)
    for batch in batches:
        file.add(batch)
    file.close()
    return file.rows
