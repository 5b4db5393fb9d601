"""A program: streams N result rows into Parquet, digest included, and prints peak MB, file MB, rows, seconds and CPU.

`memory_of_rows.py N FILE [BIGQUERY_URL]`: without a URL the client's transport is answered in the process, in the
form of the REST API; with it the rows come from the local BigQuery.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
VALUES = {
    "STRING": "CONCAT('value-', CAST(MOD(n * 7919, 1009) AS STRING))",
    "DATE": "DATE '2026-11-10'",
    "NUMERIC": "CAST(n AS NUMERIC) / 1000 + NUMERIC '0.000000001'",
    "FLOAT64": "1.0",
    "INT64": "n",
    "BOOL": "TRUE",
    "TIMESTAMP": "TIMESTAMP '2026-11-10 09:12:44.123456+00'",
}
CELLS = {
    "STRING": "value-{}", "DATE": "2026-11-10", "NUMERIC": "{}.000000001", "FLOAT64": "1.0", "INT64": "{}",
    "BOOL": "true", "TIMESTAMP": "1794301964123456", "currency": "USD",
}  # fmt: skip


def main(rows: int, path: Path, url: str | None) -> None:
    """Write and measure."""
    from jobs.fingerprint import Digest
    from jobs.parquet import ParquetFile
    from providers.gcp.loaded_day import BILLING
    from providers.gcp.result_pages import PAGE_ROWS, page_batches
    from providers.tally import Tally
    from tests.ddl_columns import ddl_columns

    result = _queried(rows, url) if url else answered(rows, PAGE_ROWS)
    started, used = time.monotonic(), time.process_time()
    columns, digest = ddl_columns(BILLING.name), Digest(Tally(BILLING.money, BILLING.as_of))
    run = {"org_slug": "acme", "run_id": "r-1", "ingested_at": datetime.now(UTC)}
    file = ParquetFile(path, columns.schema)
    for batch in columns.batches(page_batches(result), run):
        digest.add(batch)
        file.add(batch)
    file.close()
    seconds, cpu_s = time.monotonic() - started, time.process_time() - used
    peak_mb = _peak_kib() / 1024
    print(f"{peak_mb:.1f} {path.stat().st_size / 2**20:.1f} {file.rows} {seconds:.1f} {cpu_s:.1f}")  # noqa: T201


def _peak_kib() -> int:
    """This process's own peak: `ru_maxrss` would include that of the process that started it."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM:")).split()[1])


def _queried(rows: int, url: str) -> Any:
    """The result of a query on the local BigQuery that makes its rows itself."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.bigquery import Client

    from providers.gcp.columns import COLUMNS

    client = Client("test", AnonymousCredentials(), client_options={"api_endpoint": url})
    values = VALUES | {"currency": "'USD'"}  # of a day's rows there are one or two
    columns = ", ".join(f"{values.get(c.name, values[c.type])} AS {c.name}" for c in COLUMNS)
    numbers = f"UNNEST(GENERATE_ARRAY(1, {rows // 1000})) AS a, UNNEST(GENERATE_ARRAY(1, 1000)) AS b"
    job = client.query(f"SELECT {columns} FROM (SELECT a * 1000 + b AS n FROM {numbers})")
    return job.result()


def answered(rows: int, page_rows: int, asked: list[int] | None = None) -> Any:
    """The client's result; its pages are the same rows again, as texts.

    `asked` notes the first row of each page asked for.
    """
    from google.cloud.bigquery import SchemaField
    from google.cloud.bigquery.table import RowIterator

    from providers.gcp.columns import COLUMNS

    cells = [['{"v":"%s"}' % CELLS.get(c.name, CELLS[c.type]).format(n) for c in COLUMNS] for n in range(page_rows)]  # noqa: UP031 - braces
    page = ['{"f":[' + ",".join(row) + "]}" for row in cells]

    def answer(query_params: dict[str, Any], **_: Any) -> bytes:
        start = int(query_params.get("pageToken", 0))
        end = min(start + page_rows, rows)
        (asked if asked is not None else []).append(start)
        token = f'"pageToken":"{end}",' if end < rows else ""
        return f'{{{token}"totalRows":"{rows}","rows":[{",".join(page[: end - start])}]}}'.encode()

    return RowIterator(None, answer, "/", [SchemaField(c.name, c.type) for c in COLUMNS])


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
