"""Turns the pages of the statement's result into Arrow record batches of the target table.

One page is one batch, so memory holds a page at a time and never the day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from jobs.parquet import ARROW, RUN_FIELDS
from providers.gcp.columns import COLUMNS

if TYPE_CHECKING:
    from google.cloud.bigquery.table import RowIterator

PAGE_ROWS = 2500
"""Rows to ask for in one REST page. The client holds a page as text and as nested dicts: 28 kB a row at 50 columns."""

SCHEMA = pa.schema([*(pa.field(c.name, ARROW[c.type], nullable=c.name != "usage_date") for c in COLUMNS), *RUN_FIELDS])
"""The target's columns in its order: what `to_batches` gives and the Parquet file holds."""


def to_batches(result: RowIterator, *, org_slug: str, run_id: str, ingested_at: datetime) -> Iterator[pa.RecordBatch]:
    """Batches of `SCHEMA`: each page's columns with the run's three constants added.

    `result` is `query_job.result(page_size=PAGE_ROWS)` of a compiled statement; `ingested_at` is aware. Raises
    `pyarrow.ArrowInvalid` if the result does not have the statement's columns or a value is not of its type.
    """
    names = [field.name for field in result.schema]
    if names != SCHEMA.names[: len(COLUMNS)]:
        raise pa.ArrowInvalid(f"The result has the columns {names}, expected {SCHEMA.names[: len(COLUMNS)]}.")
    constants = (org_slug, run_id, ingested_at)
    for page in result.pages:
        rows = page.raw_page.get("rows", [])
        if rows:
            arrays = [*_columns(rows), *_repeated(constants, len(rows))]
            rows.clear()  # the client keeps the page while it reads the next one
            yield pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def _columns(rows: Sequence[dict[str, Any]]) -> Iterator[pa.Array]:
    # REST gives every value as text. Arrow parses a column of it at once, ten times faster than the client's
    # parser makes Python objects of the cells (6,000 rows a second at 50 columns).
    for number, column in enumerate(COLUMNS):
        text = pa.array([row["f"][number]["v"] for row in rows], pa.string())
        # The client asks for timestamps in whole microseconds since 1970.
        digits = text.cast(pa.int64()) if column.type == "TIMESTAMP" else text
        yield digits.cast(ARROW[column.type])


def _repeated(constants: Iterable[object], times: int) -> Iterator[pa.Array]:
    for value, field in zip(constants, RUN_FIELDS, strict=True):
        yield pa.repeat(pa.scalar(value, field.type), times)
