"""Tables partitioned by ingestion time: the Cloud Billing export as Google delivers it."""

from __future__ import annotations

import io
import json
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from google.cloud import bigquery
from google.cloud.bigquery import LoadJobConfig, ScalarQueryParameter, TimePartitioning

from tests.localcloud.bigquery.running import PROJECT, rows, value

FIXTURES = Path(__file__).parents[2] / "fixtures" / "providers"
ONE_DAY = """
SELECT e.service.description, SUM(CAST(e.cost AS NUMERIC)),
  SUM((SELECT IFNULL(SUM(CAST(c.amount AS NUMERIC)), 0) FROM UNNEST(e.credits) c))
FROM `{table}` e
WHERE e._PARTITIONTIME >= TIMESTAMP_SUB(TIMESTAMP(@d), INTERVAL 1 DAY)
  AND e._PARTITIONTIME < TIMESTAMP_ADD(TIMESTAMP(@d), INTERVAL @late_days DAY)
  AND e.usage_start_time >= TIMESTAMP(@d) AND e.usage_start_time < TIMESTAMP_ADD(TIMESTAMP(@d), INTERVAL 1 DAY)
GROUP BY 1 ORDER BY 1"""


def read(name: str) -> Any:
    path = FIXTURES / name
    if not path.exists():
        pytest.skip(f"needs the fixture {name}")
    return json.loads(path.read_text())


def ingested(client: bigquery.Client, name: str, schema: list[Any]) -> str:
    """A table partitioned by the day of loading."""
    table = bigquery.Table(f"{PROJECT}.{name}", schema=schema)
    table.time_partitioning = TimePartitioning(type_="DAY")
    client.create_table(table)
    return f"{PROJECT}.{name}"


def load(
    client: bigquery.Client, table: str, records: list[dict[str, Any]], disposition: str = "WRITE_TRUNCATE"
) -> None:
    data = "\n".join(json.dumps(record) for record in records).encode()
    config = LoadJobConfig(source_format="NEWLINE_DELIMITED_JSON", write_disposition=disposition)
    client.load_table_from_file(io.BytesIO(data), table, job_config=config).result()


@pytest.fixture
def simple(client: bigquery.Client, dataset: str) -> str:
    """A table with one row in the partition of 10 November and one in that of the 11th."""
    table = ingested(client, f"{dataset}.simple", [bigquery.SchemaField("x", "INT64")])
    for day, x in (("20261110", 1), ("20261111", 2)):
        load(client, f"{table}${day}", [{"x": x}])
    return table


@pytest.mark.parametrize("kind", ["v1", "resource_v1"])
def test_the_billing_export_is_queried_by_partition(client: bigquery.Client, dataset: str, kind: str) -> None:
    """The export's rows, loaded per partition day, are found by `_PARTITIONTIME` and usage day."""
    fields = [bigquery.SchemaField.from_api_repr(f) for f in read(f"gcp_billing_export_{kind}.schema.json")]
    table = ingested(client, f"{dataset}.gcp_billing_export_{kind}_01", fields)
    partitions, days = defaultdict(list), set()
    for record in read(f"gcp_billing_export_{kind}.rows.json"):
        days.add(record["usage_start_time"][:10])
        partitions[record.pop("_partition_date")].append(record)
    for day, records in partitions.items():
        load(client, f"{table}${day.replace('-', '')}", records)
    everything = sum(len(records) for records in partitions.values())
    assert value(client, f"SELECT COUNT(*) FROM `{table}`") == everything
    given = [ScalarQueryParameter("d", "DATE", min(days)), ScalarQueryParameter("late_days", "INT64", 30)]
    found = rows(client, ONE_DAY.format(table=table), query_parameters=given)
    assert found
    assert all(isinstance(cost, Decimal) and isinstance(credit, Decimal) for _, cost, credit in found)


def test_a_row_belongs_to_the_partition_it_was_loaded_into(client: bigquery.Client, simple: str) -> None:
    """`_PARTITIONTIME` and `_PARTITIONDATE` name the day of `table$YYYYMMDD`, with or without alias."""
    sql = f"""SELECT x, e._PARTITIONTIME AS t, _PARTITIONDATE AS d FROM `{simple}` e
      WHERE e._PARTITIONDATE = '2026-11-11'"""
    assert rows(client, sql) == [(2, datetime(2026, 11, 11, tzinfo=UTC), date(2026, 11, 11))]


def test_a_row_without_decorator_belongs_to_today(client: bigquery.Client, simple: str) -> None:
    """Rows appended, streamed or inserted without a decorator fall into the current day's partition."""
    load(client, simple, [{"x": 3}], "WRITE_APPEND")
    assert client.insert_rows_json(simple, [{"x": 4}]) == []
    rows(client, f"INSERT INTO `{simple}` (x) VALUES (5)")
    rows(client, f"INSERT INTO `{simple}` VALUES (6)")
    sql = f"SELECT x FROM `{simple}` WHERE _PARTITIONDATE BETWEEN @d AND CURRENT_DATE() ORDER BY x"
    yesterday = ScalarQueryParameter("d", "DATE", datetime.now(UTC).date() - timedelta(days=1))
    found = [x for (x,) in rows(client, sql, query_parameters=[yesterday])]
    assert [x for x in found if x > 2] == [3, 4, 5, 6]


def test_a_reload_replaces_only_its_partition(client: bigquery.Client, simple: str) -> None:
    """WRITE_TRUNCATE into one partition leaves the others, also when the file has no rows."""
    load(client, f"{simple}$20261110", [{"x": 10}, {"x": 11}])
    assert rows(client, f"SELECT x FROM `{simple}` ORDER BY x") == [(2,), (10,), (11,)]
    load(client, f"{simple}$20261110", [])
    assert rows(client, f"SELECT x FROM `{simple}`") == [(2,)]


def test_the_pseudo_column_is_hidden(client: bigquery.Client, simple: str) -> None:
    """`SELECT *`, `t.*`, views, tabledata.list and tables.get do not show `_PARTITIONTIME`."""
    assert rows(client, f"SELECT * FROM `{simple}` ORDER BY x") == [(1,), (2,)]
    assert rows(client, f"SELECT t.*, t._PARTITIONDATE AS d FROM `{simple}` t WHERE x = 1") == [(1, date(2026, 11, 10))]
    rows(client, f"CREATE VIEW `{simple}_view` AS SELECT * FROM `{simple}`")
    assert rows(client, f"SELECT * FROM `{simple}_view` WHERE x = 1") == [(1,)]
    assert [tuple(row.values()) for row in client.list_rows(simple)] == [(1,), (2,)]
    table = client.get_table(simple)
    assert [field.name for field in table.schema] == ["x"]
    assert (table.time_partitioning.type_, table.time_partitioning.field, table.num_rows) == ("DAY", None, 2)
