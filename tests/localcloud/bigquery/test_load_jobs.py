"""Load jobs replace a table or a partition, whole or not at all."""

from __future__ import annotations

import io
import json
import threading
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.api_core.exceptions import BadRequest, Conflict, GoogleAPICallError
from google.cloud import bigquery
from google.cloud.bigquery import LoadJob, LoadJobConfig, SchemaField

from tests.localcloud.bigquery.running import client_of, rows, value

MONEY = pa.decimal128(38, 9)
SCHEMA = pa.schema([("amount", MONEY), ("day", pa.date32()), ("name", pa.string())])
TODAY, TOMORROW = date(2026, 11, 10), date(2026, 11, 11)


def parquet(days: list[date | None], names: list[str | None] | None = None, schema: pa.Schema = SCHEMA) -> bytes:
    """A Parquet file whose columns stand in another order than the table's."""
    given = names or [f"n{i}" for i in range(len(days))]
    records = [{"amount": Decimal("0.123456789"), "day": d, "name": n} for d, n in zip(days, given, strict=True)]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(records, schema=schema), buffer)
    return buffer.getvalue()


def ndjson(*records: dict[str, Any]) -> bytes:
    return "\n".join(json.dumps(record) for record in records).encode()


def load(
    client: bigquery.Client, table: str, data: bytes, disposition: str = "WRITE_TRUNCATE", **options: Any
) -> LoadJob:
    sized, job_id = options.pop("sized", True), options.pop("job_id", None)
    config = LoadJobConfig(**{"source_format": "PARQUET", "write_disposition": disposition, **options})
    job = client.load_table_from_file(
        io.BytesIO(data), table, size=len(data) if sized else None, job_id=job_id, job_config=config
    )
    job.result()
    return job


@pytest.fixture
def table(client: bigquery.Client, dataset: str) -> str:
    """A table partitioned by `day`, with one row today and one tomorrow."""
    rows(client, f"CREATE TABLE {dataset}.t (name STRING NOT NULL, day DATE, amount NUMERIC) PARTITION BY day")
    rows(client, f"INSERT INTO {dataset}.t VALUES ('old', '2026-11-10', 1), ('kept', '2026-11-11', 2)")
    return f"{dataset}.t"


def names(client: bigquery.Client, table: str) -> list[str]:
    return [row[0] for row in rows(client, f"SELECT name FROM {table} ORDER BY name")]


@pytest.mark.parametrize("sized", [True, False], ids=["multipart", "resumable"])
def test_a_load_replaces_one_partition(client: bigquery.Client, table: str, sized: bool) -> None:
    """WRITE_TRUNCATE into `table$YYYYMMDD` replaces that partition, matching Parquet columns by name."""
    job_id = f"load-{uuid4().hex}"
    job = load(client, f"{table}$20261110", parquet([TODAY, TODAY]), sized=sized, job_id=job_id)
    assert (job.job_id, job.output_rows) == (job_id, 2)
    assert names(client, table) == ["kept", "n0", "n1"]
    assert value(client, f"SELECT SUM(amount) FROM {table} WHERE day = '2026-11-10'") == Decimal("0.246913578")


def test_a_file_of_no_rows_empties_its_partition(client: bigquery.Client, table: str) -> None:
    """A Parquet file without rows empties exactly its partition."""
    assert load(client, f"{table}$20261110", parquet([])).output_rows == 0
    assert names(client, table) == ["kept"]


def test_ndjson_replaces_a_partition(client: bigquery.Client, table: str) -> None:
    """NDJSON loads into a partition, and its numbers keep their decimals."""
    data = ndjson({"name": "j", "day": "2026-11-10", "amount": 0.000000001}, {"name": "k", "day": "2026-11-10"})
    load(client, f"{table}$20261110", data, source_format="NEWLINE_DELIMITED_JSON")
    assert names(client, table) == ["j", "k", "kept"]
    assert value(client, f"SELECT amount FROM {table} WHERE name = 'j'") == Decimal("1e-9")


def wider() -> bytes:
    return parquet([TODAY], schema=SCHEMA.append(pa.field("extra", pa.string())))


def floats() -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"name": ["a"], "day": [TODAY], "amount": [0.1]}), buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (parquet([TODAY, TOMORROW]), "different partitions"),
        (parquet([TODAY, None]), "different partitions"),
        (wider(), "Cannot add fields"),
        (floats(), "has changed type from NUMERIC to FLOAT"),
        (parquet([TODAY], [None]), "Required field name cannot be null"),
        (b"no parquet at all", "Error while reading data"),
    ],
    ids=["other day", "no day", "unknown column", "float into NUMERIC", "REQUIRED null", "garbage"],
)
def test_a_failing_load_changes_nothing(client: bigquery.Client, table: str, data: bytes, message: str) -> None:
    """A load that fails leaves the partition's old rows, and names the reason `invalid`."""
    with pytest.raises(BadRequest, match=message) as refused:
        load(client, f"{table}$20261110", data)
    assert refused.value.errors[0]["reason"] == "invalid"
    assert names(client, table) == ["kept", "old"]


def test_new_columns_are_added_when_asked(client: bigquery.Client, table: str) -> None:
    """ALLOW_FIELD_ADDITION with a schema adds columns; without it they are refused."""
    given = [SchemaField("name", "STRING", "REQUIRED"), SchemaField("day", "DATE"), SchemaField("extra", "STRING")]
    data = ndjson({"name": "x", "day": "2026-11-10", "extra": "e"})
    options: dict[str, Any] = {"schema": given, "source_format": "NEWLINE_DELIMITED_JSON"}
    with pytest.raises(BadRequest, match="Cannot add fields"):
        load(client, table, data, "WRITE_APPEND", **options)
    load(client, table, data, "WRITE_APPEND", **options, schema_update_options=["ALLOW_FIELD_ADDITION"])
    assert rows(client, f"SELECT name, extra FROM {table} WHERE extra IS NOT NULL") == [("x", "e")]


def test_dispositions_of_whole_tables(client: bigquery.Client, table: str) -> None:
    """WRITE_APPEND adds, WRITE_TRUNCATE replaces all, WRITE_EMPTY refuses a table with rows."""
    load(client, table, parquet([TODAY]), "WRITE_APPEND")
    assert names(client, table) == ["kept", "n0", "old"]
    load(client, table, parquet([TODAY]), "WRITE_TRUNCATE")
    assert names(client, table) == ["n0"]
    with pytest.raises(Conflict) as refused:
        load(client, table, parquet([TODAY]), "WRITE_EMPTY")
    assert refused.value.errors[0]["reason"] == "duplicate"


def test_a_load_can_make_its_table(client: bigquery.Client, dataset: str) -> None:
    """A load creates its table from a Parquet file, and not if the file fails or CREATE_NEVER is set."""
    load(client, f"{dataset}.made", parquet([TODAY]))
    assert [field.field_type for field in client.get_table(f"{dataset}.made").schema] == ["NUMERIC", "DATE", "STRING"]
    for options, data in (({}, b"garbage"), ({"create_disposition": "CREATE_NEVER"}, parquet([TODAY]))):
        with pytest.raises(GoogleAPICallError):
            load(client, f"{dataset}.never", data, **options)
    assert [table.table_id for table in client.list_tables(dataset)] == ["made"]


def test_readers_never_see_a_partition_half_replaced(client: bigquery.Client, url: str, table: str) -> None:
    """While a partition is replaced again and again, readers see the old or the new rows, never none or both."""
    seen, stop = set(), threading.Event()

    def read() -> None:
        reader = client_of(url)
        while not stop.is_set():
            seen.add(value(reader, f"SELECT COUNT(*) FROM {table} WHERE day = '2026-11-10'"))

    load(client, f"{table}$20261110", parquet([TODAY] * 100))
    thread = threading.Thread(target=read)
    thread.start()
    for count in (200, 100, 200, 100, 200):
        load(client, f"{table}$20261110", parquet([TODAY] * count))
    stop.set()
    thread.join()
    assert seen <= {100, 200}


def test_load_table_from_json(client: bigquery.Client, table: str) -> None:
    """`load_table_from_json` appends dicts, nested JSON included."""
    labels = SchemaField("r", "RECORD", "REPEATED", fields=[SchemaField("k", "STRING")])
    config = LoadJobConfig(schema=[SchemaField("j", "JSON"), labels])
    made = f"{table}_json"
    client.load_table_from_json([{"j": {"a": [1, 2]}, "r": [{"k": "v"}]}], made, job_config=config).result()
    assert rows(client, f"SELECT j, r FROM {made}") == [({"a": [1, 2]}, [{"k": "v"}])]
