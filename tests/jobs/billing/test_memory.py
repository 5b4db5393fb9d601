"""A million result rows fit the job's memory."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.jobs.billing import memory_of_rows


@pytest.mark.bench
def test_a_million_rows_fit_400_mb(bigquery_url: str, tmp_path: Path) -> None:
    """1,000,000 rows over REST pages into Parquet: peak memory and the file (memory on Cloud Run) below 400 MB."""
    command = [sys.executable, memory_of_rows.__file__, "1000000", str(tmp_path / "day"), bigquery_url]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    print(answer)  # noqa: T201
    peak_mb, file_mb, rows, *_ = map(float, answer.split())
    assert rows == 1_000_000
    assert peak_mb + file_mb < 400
