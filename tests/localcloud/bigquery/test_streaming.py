"""tabledata.insertAll checks rows, reports the bad ones and de-duplicates by insertId."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from tests.localcloud.bigquery.running import PROJECT, Api, rows, value

DDL = """CREATE TABLE {}.t (
  id STRING NOT NULL, n INT64, x NUMERIC, f FLOAT64, ok BOOL, at TIMESTAMP, day DATE, doc JSON,
  tags ARRAY<STRING>, part STRUCT<key STRING, value INT64>, parts ARRAY<STRUCT<key STRING>>)"""
ROW: dict[str, Any] = {
    "id": "a", "n": "7", "x": "1.123456789", "f": 0.5, "ok": True, "at": "2026-11-10T05:00:00.5Z", "day": "2026-11-10",
    "doc": json.dumps({"k": [1]}), "tags": ["p", "q"], "part": {"key": "k", "value": 2}, "parts": [{"key": "z"}],
}  # fmt: skip


@pytest.fixture
def table(client: bigquery.Client, dataset: str) -> str:
    rows(client, DDL.format(dataset))
    return f"{PROJECT}.{dataset}.t"


def test_values_of_every_type_arrive(client: bigquery.Client, table: str) -> None:
    """A streamed row can be queried at once, with every type intact."""
    assert client.insert_rows_json(table, [ROW]) == []
    ((found,),) = [list(client.query_and_wait(f"SELECT * FROM `{table}`"))]
    assert tuple(found.values()) == (
        "a", 7, Decimal("1.123456789"), 0.5, True, datetime(2026, 11, 10, 5, 0, 0, 500000, UTC), date(2026, 11, 10),
        {"k": [1]}, ["p", "q"], {"key": "k", "value": 2}, [{"key": "z"}],
    )  # fmt: skip


PLAIN: dict[str, list[Any]] = {
    "id": ["", 'it\'s "so"; -- $1 ?', "naïve \U0001f600\n\t", "NULL", "0012", "''\\'", "a\x00b"],
    "n": [0, -(2**63), 2**63 - 1, "17", None],
    "x": ["99999999999999999999999999999.999999999", "-0.0000000005", "1e2", 0, None],
    "f": [0.1, "-Infinity", "NaN", 5e-324, 1.7976931348623157e308, None],
    "ok": [True, "false", None],
    "at": ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", 1.5, "2026-11-10 05:00:00+02:00", None],
    "moment": ["0001-01-01T00:00:00.000001", "9999-12-31T23:59:59", None],
    "day": ["0001-01-01", "9999-12-31", None],
    "time": ["00:00:00", "23:59:59.999999", None],
    "doc": [{"k": ["it's"]}, "null", '"text"', None],
}


def test_plain_rows_arrive_as_all_others(client: bigquery.Client, dataset: str) -> None:
    """Rows of plain types alone go another way than those beside them that also have a list."""
    given = [
        {name: values[number % len(values)] for name, values in PLAIN.items()}
        for number in range(max(map(len, PLAIN.values())))
    ]
    columns = "id STRING, n INT64, x NUMERIC, f FLOAT64, ok BOOL, at TIMESTAMP, moment DATETIME, day DATE, time TIME"
    for table, more, column in (("plain", {}, ""), ("other", {"list": [1]}, ", list ARRAY<INT64>")):
        rows(client, f"CREATE TABLE {dataset}.{table} ({columns}, doc JSON{column})")
        assert client.insert_rows_json(f"{PROJECT}.{dataset}.{table}", [{**row, **more} for row in given[:-1]]) == []
        for row in given:
            assert client.insert_rows_json(f"{PROJECT}.{dataset}.{table}", [{**row, **more}]) == []
    found = [rows(client, f"SELECT {', '.join(PLAIN)} FROM {dataset}.{t} ORDER BY id, n") for t in ("plain", "other")]
    assert repr(found[0]) == repr(found[1])  # a NaN is no other
    assert sorted(row[0] for row in found[0]) == sorted(PLAIN["id"] + PLAIN["id"][:-1])
    assert {row[:2] for row in found[0]} >= {("", 0), (PLAIN["id"][1], -(2**63)), (PLAIN["id"][2], 2**63 - 1)}
    assert {row[2] for row in found[0]} == {None, 0, 100, Decimal("-1e-9"), Decimal(PLAIN["x"][0])}
    assert {str(row[3]) for row in found[0]} == {"0.1", "-inf", "nan", "5e-324", "1.7976931348623157e+308", "None"}


def test_rows_arrive_in_the_partition_that_is_named(client: bigquery.Client, dataset: str) -> None:
    """Of a table that is partitioned by when rows come, plain rows and others."""
    table = f"{PROJECT}.{dataset}.ingested$20261110"
    rows(client, f"CREATE TABLE {dataset}.ingested (n INT64, list ARRAY<INT64>) PARTITION BY _PARTITIONDATE")
    rows(client, f"CREATE TABLE {dataset}.plain (day DATE, text STRING) PARTITION BY _PARTITIONDATE")
    assert client.insert_rows_json(table, [{"n": 1}]) == []
    given: list[dict[str, Any]] = [{"day": "2026-01-01"}, {"day": None, "text": "a"}]
    assert client.insert_rows_json(table.replace("ingested", "plain"), given) == []
    assert rows(client, f"SELECT n, _PARTITIONDATE AS d FROM {dataset}.ingested") == [(1, date(2026, 11, 10))]
    found = rows(client, f"SELECT day, text, _PARTITIONDATE AS d FROM {dataset}.plain ORDER BY day")
    assert found == [(None, "a", date(2026, 11, 10)), (date(2026, 1, 1), None, date(2026, 11, 10))]


def test_an_insert_id_is_inserted_once(client: bigquery.Client, table: str) -> None:
    """Rows with an insertId seen lately are accepted and dropped, within a request and between requests."""
    for _ in range(2):
        assert client.insert_rows_json(table, [ROW, ROW, {"id": "b"}], row_ids=["1", "1", "2"]) == []
    assert value(client, f"SELECT COUNT(*) FROM `{table}`") == 2


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"id": "a", "nope": 1}, "no such field: nope"),
        ({"n": 1}, "Missing required field: id"),
        ({"id": "a", "n": "x"}, "Cannot convert value to integer"),
        ({"id": "a", "n": str(2**63)}, "Cannot convert value to integer"),
        ({"id": "a", "x": "1e30"}, "Cannot convert value to numeric"),
        ({"id": "a", "at": "yesterday"}, "Cannot convert value to timestamp"),
        ({"id": "a", "doc": "{"}, "Cannot convert value to json"),
        ({"id": "a", "part": {"nope": 1}}, "no such field: part.nope"),
        ({"id": ["a"]}, "Array specified for non-repeated field"),
    ],
)
def test_bad_rows_are_reported_and_stop_the_others(
    client: bigquery.Client, table: str, bad: dict[str, Any], message: str
) -> None:
    """A bad row is `invalid` in insertErrors with HTTP 200, the good ones are `stopped`, and none is inserted."""
    errors = client.insert_rows_json(table, [ROW, bad])
    reasons = [(entry["index"], entry["errors"][0]["reason"]) for entry in errors]
    assert reasons == [(0, "stopped"), (1, "invalid")]
    assert message in errors[1]["errors"][0]["message"]
    assert value(client, f"SELECT COUNT(*) FROM `{table}`") == 0


def test_invalid_rows_can_be_skipped(client: bigquery.Client, table: str) -> None:
    """`skipInvalidRows` inserts the good rows; `ignoreUnknownValues` drops unknown fields."""
    errors = client.insert_rows_json(table, [ROW, {"n": 1}], skip_invalid_rows=True)
    assert [entry["index"] for entry in errors] == [1]
    assert client.insert_rows_json(table, [{"id": "b", "nope": 1}], ignore_unknown_values=True) == []
    assert value(client, f"SELECT COUNT(*) FROM `{table}`") == 2


def test_a_missing_table_is_a_404(client: bigquery.Client, dataset: str, api: Api) -> None:
    """Streaming into a table that does not exist is HTTP 404."""
    with pytest.raises(NotFound):
        client.insert_rows_json(f"{PROJECT}.{dataset}.missing", [ROW])
    path = f"/bigquery/v2/projects/{PROJECT}/datasets/{dataset}/tables/missing/insertAll"
    assert api.http.post(path, json={"rows": [{"json": {}}]}).json()["error"]["errors"][0]["reason"] == "notFound"
