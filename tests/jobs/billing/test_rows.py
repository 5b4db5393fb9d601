"""Result pages become batches of the target table, a page at a time."""

import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from providers.gcp.result_pages import page_batches
from tests.ddl_columns import ddl_columns
from tests.jobs.billing.memory_of_rows import answered

AT = datetime(2026, 11, 11, 6, tzinfo=UTC)
MEMORY = Path(__file__).with_name("memory_of_rows.py")


def test_values_keep_their_types() -> None:
    """Each column has the target's type and every digit, and each row the run's org, id and time."""
    columns = ddl_columns("gcp_billing_daily_raw")
    (batch,) = columns.batches(page_batches(answered(2, 10)), {"org_slug": "acme", "run_id": "r-1", "ingested_at": AT})
    assert batch.schema == columns.schema
    row = batch.to_pylist()[1]
    assert (row["usage_date"], row["cost"]) == (date(2026, 11, 10), Decimal("1.000000001"))
    assert row["source_max_export_time"] == datetime(2026, 11, 10, 9, 12, 44, 123456, UTC)
    assert (row["org_slug"], row["run_id"], row["ingested_at"]) == ("acme", "r-1", AT)


def test_pages_are_read_one_at_a_time() -> None:
    """A page is asked for only when the batch before it has been taken."""
    asked: list[int] = []
    batches = page_batches(answered(25, 10, asked))
    assert next(batches).num_rows == 10
    assert asked == [0]
    assert [batch.num_rows for batch in batches] == [10, 5]


def test_no_rows_are_no_batches() -> None:
    """A day without rows gives nothing to write."""
    assert not list(page_batches(answered(0, 10)))


@pytest.mark.bench
def test_memory_does_not_grow_with_rows(tmp_path: Path) -> None:
    """Three times the rows through pages, batches and Parquet take no more memory (±25 MB)."""
    small, large = (peak_mb(rows, tmp_path / f"{rows}") for rows in (40_000, 120_000))
    assert large - small < 25


def peak_mb(rows: int, path: Path) -> float:
    """Peak resident memory of a process of its own that writes so many result rows."""
    run = subprocess.run(
        [sys.executable, str(MEMORY), str(rows), str(path)], check=True, capture_output=True, text=True
    )
    return float(run.stdout.split()[0])
