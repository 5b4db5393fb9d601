"""What expires, by the server's clock: partitions, tables, and what a dataset's new tables inherit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from google.api_core.exceptions import NotFound
from google.cloud import bigquery
from google.cloud.bigquery import Dataset, SchemaField, Table, TimePartitioning

from tests.localcloud.bigquery.running import PROJECT, Api, client_of, rows, running_server, value
from tests.localcloud.bigquery.test_partition_time import load

DAY_MS = 86_400_000
At = Callable[[str], None]


@pytest.fixture
def at(api: Api) -> Iterator[At]:
    """Stops the server's clock."""

    def stop(now: str) -> None:
        api.http.post("/local/clock", json={"now": now}).raise_for_status()

    yield stop
    api.http.delete("/local/clock")


def partitioned(client: bigquery.Client, name: str, **how: object) -> str:
    """A table of one column, partitioned in time."""
    table = Table(f"{PROJECT}.{name}", schema=[SchemaField("x", "INT64"), SchemaField("d", "DATE")])
    table.time_partitioning = TimePartitioning(**{"type_": "DAY"} | how)
    client.create_table(table)
    return f"{PROJECT}.{name}"


def test_a_partition_expires_at_its_time_and_what_is_kept(client: bigquery.Client, dataset: str, at: At) -> None:
    """The partition of a day is gone from the start of that day and the expiration on, whenever its rows came."""
    table = partitioned(client, f"{dataset}.t", expiration_ms=60 * DAY_MS)
    at("2026-11-10T08:00:00Z")
    for x, day in enumerate(("20261001", "20261002")):
        load(client, f"{table}${day}", [{"x": x}])
    at("2026-11-29T23:59:59Z")
    assert value(client, f"SELECT COUNT(*) FROM `{table}`") == 2
    at("2026-11-30T00:00:00Z")
    assert rows(client, f"SELECT x FROM `{table}`") == [(1,)]
    assert client.get_table(table).num_rows == 1
    load(client, f"{table}$20261001", [{"x": 7}])
    assert rows(client, f"SELECT x FROM `{table}`") == [(1,)]


def test_what_comes_too_late_is_gone_at_once(client: bigquery.Client, dataset: str, at: At) -> None:
    """Rows of a partition that has expired are gone with the next request, however they came and however often."""
    table = partitioned(client, f"{dataset}.t", expiration_ms=DAY_MS, field="d")
    at("2026-11-10T08:00:00Z")
    for _ in range(2):
        rows(client, f"INSERT INTO `{table}` (x, d) VALUES (1, DATE '2026-10-01')")
        assert value(client, f"SELECT COUNT(*) FROM `{table}`") == 0
        load(client, table, [{"x": 2, "d": "2026-10-01"}])
        assert value(client, f"SELECT COUNT(*) FROM `{table}`") == 0
        assert client.insert_rows_json(client.get_table(table), [{"x": 3, "d": "2026-10-01"}]) == []
        assert value(client, f"SELECT COUNT(*) FROM `{table}`") == 0
    rows(client, f"INSERT INTO `{table}` (x, d) VALUES (4, DATE '2026-11-10')")
    assert rows(client, f"SELECT x FROM `{table}`") == [(4,)]


@pytest.mark.parametrize(
    ("kind", "decorator", "last"),
    [("HOUR", "2026100105", "2026-10-03T05:00:00Z"), ("MONTH", "202610", "2026-10-03T00:00:00Z")],
)
def test_partitions_of_any_length(
    client: bigquery.Client, dataset: str, at: At, kind: str, decorator: str, last: str
) -> None:
    """An hour's and a month's partition expire by their start too."""
    table = partitioned(client, f"{dataset}.t", type_=kind, expiration_ms=2 * DAY_MS)
    at("2026-10-01T06:00:00Z")
    load(client, f"{table}${decorator}", [{"x": 1}])
    at((datetime.fromisoformat(last) - timedelta(seconds=1)).isoformat())
    assert value(client, f"SELECT COUNT(*) FROM `{table}`") == 1
    at(last)
    assert value(client, f"SELECT COUNT(*) FROM `{table}`") == 0


def test_partitions_of_a_column_expire(client: bigquery.Client, dataset: str, at: At) -> None:
    """So it is with a DATE column, and with a table whose option is set later, which counts for what is there."""
    table = partitioned(client, f"{dataset}.t", field="d")
    at("2026-11-30T00:00:00Z")
    load(client, table, [{"x": 1, "d": "2026-10-01"}, {"x": 2, "d": "2026-11-20"}])
    rows(client, f"ALTER TABLE `{table}` SET OPTIONS (partition_expiration_days = 30)")
    assert client.get_table(table).time_partitioning.expiration_ms == 30 * DAY_MS
    assert rows(client, f"SELECT x FROM `{table}`") == [(2,)]
    rows(client, f"ALTER TABLE `{table}` SET OPTIONS (partition_expiration_days = NULL)")
    assert client.get_table(table).time_partitioning.expiration_ms is None


def test_a_new_table_inherits(client: bigquery.Client, dataset: str) -> None:
    """Of the dataset's default when it is made, unless it says otherwise; the older one stays as it was."""
    before = partitioned(client, f"{dataset}.before")
    told = client.get_dataset(dataset)
    told.default_partition_expiration_ms = 60 * DAY_MS
    client.update_dataset(told, ["default_partition_expiration_ms"])
    after = partitioned(client, f"{dataset}.after")
    own = partitioned(client, f"{dataset}.own", expiration_ms=5 * DAY_MS)
    assert client.get_dataset(dataset).default_partition_expiration_ms == 60 * DAY_MS
    kept = [client.get_table(name).time_partitioning.expiration_ms for name in (before, after, own)]
    assert kept == [None, 60 * DAY_MS, 5 * DAY_MS]


def test_a_table_expires(client: bigquery.Client, dataset: str, at: At) -> None:
    """A table's own time is its creation and its dataset's default; then it does not exist."""
    at("2026-11-01T00:00:00Z")
    rows(client, f"CREATE SCHEMA `{PROJECT}.{dataset}_short` OPTIONS (default_table_expiration_days = 2)")
    table = client.create_table(Table(f"{PROJECT}.{dataset}_short.t", schema=[SchemaField("x", "INT64")]))
    assert table.created == datetime(2026, 11, 1, tzinfo=UTC)
    assert client.get_table(table).expires == datetime(2026, 11, 3, tzinfo=UTC)
    at("2026-11-03T00:00:00Z")
    with pytest.raises(NotFound):
        client.get_table(table)


def test_a_table_is_where_its_dataset_is(client: bigquery.Client, dataset: str) -> None:
    """`tables.get` names the location of the dataset."""
    there = Dataset(f"{PROJECT}.{dataset}_eu")
    there.location = "europe-west3"
    client.create_dataset(there)
    assert client.get_table(partitioned(client, f"{dataset}_eu.t")).location == "europe-west3"


def test_expirations_outlive_the_server(tmp_path: Path) -> None:
    """What expires is known again after a restart."""
    for asked in (False, True):
        with running_server("--data-dir", str(tmp_path)) as url, Api(url).http as http:
            client = client_of(url)
            if not asked:
                client.create_dataset("ds")
                load(client, f"{partitioned(client, 'ds.t', expiration_ms=DAY_MS)}$20991231", [{"x": 1}])
                assert value(client, "SELECT COUNT(*) FROM ds.t") == 1
            else:
                http.post("/local/clock", json={"now": "2100-01-01T00:00:00Z"}).raise_for_status()
                assert value(client, "SELECT COUNT(*) FROM ds.t") == 0
