"""A program: streams N result rows into Parquet and prints peak MB, file MB, rows and seconds.

`memory_of_rows.py N FILE [BIGQUERY_URL]`: without a URL the client's transport is answered in the process, in the
form of the REST API; with it the rows come from the local BigQuery.
"""

from __future__ import annotations

import json
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
    "BOOL": "true", "TIMESTAMP": "1794301964123456",
}  # fmt: skip


def main(rows: int, path: Path, url: str | None) -> None:
    """Write and measure."""
    from jobs.parquet import write_parquet
    from providers.gcp.result_pages import PAGE_ROWS, page_batches
    from tests.ddl_columns import ddl_columns

    result = _queried(rows, PAGE_ROWS, url) if url else answered(rows, PAGE_ROWS)
    started = time.monotonic()
    columns = ddl_columns("gcp_billing_daily_raw")
    run = {"org_slug": "acme", "run_id": "r-1", "ingested_at": datetime.now(UTC)}
    written = write_parquet(path, columns.schema, columns.batches(page_batches(result), run))
    seconds = time.monotonic() - started
    peak_mb = _peak_kib() / 1024
    print(f"{peak_mb:.1f} {path.stat().st_size / 2**20:.1f} {written} {seconds:.1f}")  # noqa: T201


def _peak_kib() -> int:
    """This process's own peak: `ru_maxrss` would include that of the process that started it."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM:")).split()[1])


def _queried(rows: int, page_rows: int, url: str) -> Any:
    """The result of a query on the local BigQuery that makes its rows itself."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.bigquery import Client

    from providers.gcp.columns import COLUMNS

    client = Client("test", AnonymousCredentials(), client_options={"api_endpoint": url})
    columns = ", ".join(f"{VALUES[c.type]} AS {c.name}" for c in COLUMNS)
    numbers = f"UNNEST(GENERATE_ARRAY(1, {rows // 1000})) AS a, UNNEST(GENERATE_ARRAY(1, 1000)) AS b"
    job = client.query(f"SELECT {columns} FROM (SELECT a * 1000 + b AS n FROM {numbers})")
    return job.result(page_size=page_rows)


def answered(rows: int, page_rows: int, asked: list[int] | None = None) -> Any:
    """The client's result; its pages (the same rows again) are parsed when it asks for them.

    `asked` notes the first row of each page asked for.
    """
    from google.cloud.bigquery import SchemaField
    from google.cloud.bigquery.table import RowIterator

    from providers.gcp.columns import COLUMNS

    text = json.dumps([{"f": [{"v": CELLS[c.type].format(n)} for c in COLUMNS]} for n in range(page_rows)])

    def answer(query_params: dict[str, Any], **_: Any) -> dict[str, Any]:
        start = int(query_params.get("pageToken", 0))
        end = min(start + page_rows, rows)
        (asked if asked is not None else []).append(start)
        page = json.loads(text)[: end - start]
        return {"rows": page, "totalRows": str(rows)} | ({"pageToken": str(end)} if end < rows else {})

    return RowIterator(None, answer, "/", [SchemaField(c.name, c.type) for c in COLUMNS])


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
