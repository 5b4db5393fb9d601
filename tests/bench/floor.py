"""The bare floor: what a report's bytes cost where nothing but download, parse, Parquet and load is done.

`python -m tests.bench.floor REPORT URL DATE BIGQUERY PROJECT DATASET`. No retries, no checks, no record, no `raw`.
Pages go from bytes to columns in Arrow, decimals from their digits, ten at a time while a thread reads the next ten.
"""

import http.client
import json
import queue
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlencode, urlsplit

PAGES_AT_ONCE = 10
BOUNDARY = b"bench-7f3a9c51e2d84b06"
Columns: TypeAlias = Mapping[str, "str | Columns"]
_TOKENS = (
    "input_tokens", "output_tokens", "num_model_requests", "input_cached_tokens", "input_uncached_tokens",
    "input_cache_write_tokens", "input_cache_write_30m_tokens", "input_cache_write_12h_tokens", "input_text_tokens",
    "input_audio_tokens", "input_image_tokens", "input_cached_text_tokens", "input_cached_audio_tokens",
    "input_cached_image_tokens", "output_text_tokens", "output_audio_tokens", "output_image_tokens",
)  # fmt: skip
_OPENAI = ("project_id", "user_id", "api_key_id")
_ANTHROPIC = ("api_key_id", "workspace_id", "model", "service_tier", "context_window")
_COST = ("currency", "description", "cost_type", "token_type", "inference_geo", *_ANTHROPIC[1:])
PATHS = {
    "openai_usage": "/v1/organization/usage/completions",
    "openai_cost": "/v1/organization/costs",
    "anthropic_usage": "/v1/organizations/usage_report/messages",
    "anthropic_cost": "/v1/organizations/cost_report",
}
COLUMNS: Mapping[str, Columns] = {
    "openai_usage": {**dict.fromkeys(_TOKENS, "int"), **dict.fromkeys((*_OPENAI, "model"), "str"), "batch": "bool",
                     "service_tier": "str", "api_source": "str"},
    "openai_cost": {"amount": {"value": "numeric", "currency": "str"}, "line_item": "str", "quantity": "numeric",
                    **dict.fromkeys((*_OPENAI, "api_source", "quantity_unit"), "str")},
    "anthropic_usage": {"uncached_input_tokens": "int", "cache_read_input_tokens": "int", "output_tokens": "int",
                        "cache_creation": {"ephemeral_5m_input_tokens": "int", "ephemeral_1h_input_tokens": "int"},
                        "server_tool_use": {"web_search_requests": "int"},
                        **dict.fromkeys((*_ANTHROPIC, "inference_geo"), "str")},
    "anthropic_cost": {"amount": "numeric", **dict.fromkeys(_COST, "str")},
}  # fmt: skip


def pages(url: str, report: str) -> Iterator[bytes]:
    """Bodies of pages; only the end of each is looked at."""
    connection, cursor = http.client.HTTPConnection(urlsplit(url).netloc), None
    while True:
        query = {"group_by": "all", **({"page": cursor} if cursor else {})}
        connection.request("GET", f"{PATHS[report]}?{urlencode(query)}")
        body = connection.getresponse().read()
        yield body
        end = json.loads(b"{" + body[body.rindex(b'"has_more"') :])
        if not end["has_more"]:
            return
        cursor = end["next_page"]


def read_ahead(url: str, report: str) -> Iterator[list[bytes]]:
    """Ten pages at a time, read by a thread while the ten before are parsed."""
    ready: queue.Queue[list[bytes] | None] = queue.Queue(maxsize=2)

    def read() -> None:
        some: list[bytes] = []
        for body in pages(url, report):
            some.append(body)
            if len(some) == PAGES_AT_ONCE:
                ready.put(some)
                some = []
        ready.put(some)
        ready.put(None)

    threading.Thread(target=read, daemon=True).start()
    while (some := ready.get()) is not None:
        if some:
            yield some


def write_parquet(url: str, report: str, day: date, file: Path) -> None:
    """Writes all rows of the report to `file`."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.json as pj
    import pyarrow.parquet as pq

    kinds = {"int": pa.int64(), "str": pa.string(), "bool": pa.bool_(), "numeric": pa.decimal128(38, 9)}

    def struct(columns: Columns) -> Any:
        fields = [(name, kinds[kind] if isinstance(kind, str) else struct(kind)) for name, kind in columns.items()]
        return pa.struct(fields)

    bucket = pa.struct([("results", pa.list_(struct(COLUMNS[report])))])
    schema = pa.schema([("data", pa.list_(bucket))])
    parse = pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    writer = None
    for some in read_ahead(url, report):
        options = pj.ReadOptions(block_size=max(map(len, some)) + 1024)
        page = pj.read_json(pa.BufferReader(b"\n".join(some)), read_options=options, parse_options=parse)
        rows = pc.list_flatten(pc.struct_field(pc.list_flatten(page["data"]), ["results"]))
        table = pa.Table.from_struct_array(rows).flatten()
        table = table.rename_columns([name.replace(".", "_") for name in table.column_names])
        table = table.append_column("usage_date", pa.repeat(pa.scalar(day, pa.date32()), len(table)))
        writer = writer or pq.ParquetWriter(file, table.schema)
        writer.write_table(table)
    if writer:
        writer.close()


def load(file: Path, host: str, project: str, dataset: str, table: str) -> None:
    """Loads the file as the whole of a table, with one upload."""
    import pyarrow.parquet as pq

    types = {"int64": "INTEGER", "string": "STRING", "bool": "BOOLEAN", "date32[day]": "DATE"}
    fields = [{"name": f.name, "type": types.get(str(f.type), "NUMERIC")} for f in pq.read_schema(file)]
    place = {"projectId": project, "datasetId": dataset, "tableId": table}
    config = {"destinationTable": place, "sourceFormat": "PARQUET", "writeDisposition": "WRITE_TRUNCATE",
              "createDisposition": "CREATE_IF_NEEDED", "schema": {"fields": fields}}  # fmt: skip
    parts = [
        b"\r\nContent-Type: application/json\r\n\r\n"
        + json.dumps({"configuration": {"load": config}}).encode()
        + b"\r\n",
        b"\r\nContent-Type: application/octet-stream\r\n\r\n" + file.read_bytes() + b"\r\n",
    ]
    body = b"".join(b"--" + BOUNDARY + part for part in parts) + b"--" + BOUNDARY + b"--\r\n"
    kind = "multipart/related; boundary=" + BOUNDARY.decode()
    job = call(host, "POST", f"/upload/bigquery/v2/projects/{project}/jobs?uploadType=multipart", body, kind)
    while job["status"]["state"] != "DONE":
        time.sleep(0.02)
        job = call(host, "GET", f"/bigquery/v2/projects/{project}/jobs/{job['jobReference']['jobId']}")
    if "errorResult" in job["status"]:
        raise RuntimeError(job["status"]["errorResult"])


def call(host: str, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> Any:
    """The JSON answer of the local BigQuery."""
    connection = http.client.HTTPConnection(host)
    connection.request(method, path, body, {"Content-Type": kind})
    response = connection.getresponse()
    answer = response.read()
    if response.status != 200:
        raise RuntimeError(f"{response.status}: {answer[:300]!r}")
    return json.loads(answer)


if __name__ == "__main__":
    report, url, day, bigquery, project, dataset = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        parquet = Path(folder) / "rows.parquet"
        write_parquet(url, report, date.fromisoformat(day), parquet)
        load(parquet, urlsplit(bigquery).netloc, project, dataset, f"floor_{report}")
