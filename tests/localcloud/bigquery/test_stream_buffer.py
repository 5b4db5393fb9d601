"""Streamed rows that cannot be read yet."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.cloud import bigquery

from tests.localcloud.bigquery.running import PROJECT, Api, client_of, running_server, value

AN_HOUR = {"at_least_s": 3600, "at_most_s": 3600}
SCHEMA = [bigquery.SchemaField("n", "INTEGER")]


@pytest.fixture
def late(api: Api) -> Iterator[Api]:
    """Rows wait for an hour, or until told."""
    api.http.post("/local/streaming", json=AN_HOUR)
    yield api
    api.http.delete("/local/streaming")


@pytest.fixture
def table(client: bigquery.Client, dataset: str) -> str:
    client.create_table(bigquery.Table(f"{PROJECT}.{dataset}.t", SCHEMA))
    return f"{dataset}.t"


def stream(client: bigquery.Client, table: str, *numbers: int) -> None:
    assert client.insert_rows_json(f"{PROJECT}.{table}", [{"n": n} for n in numbers], [str(n) for n in numbers]) == []


def count(client: bigquery.Client, table: str) -> int:
    return int(value(client, f"SELECT COUNT(*) FROM {table}"))


def test_rows_are_accepted_and_come_later(late: Api, client: bigquery.Client, table: str) -> None:
    """Neither queries nor the table's own listing have them until they are let in, each once."""
    stream(client, table, 1, 2)
    stream(client, table, 2, 3)
    assert (count(client, table), list(client.list_rows(table, selected_fields=SCHEMA))) == (0, [])
    assert late.http.post("/local/streaming", json=AN_HOUR).json()["waiting"] == 3
    assert late.http.delete("/local/streaming").json() == {"waiting": 0}
    assert sorted(row.n for row in client.query_and_wait(f"SELECT n FROM {table}")) == [1, 2, 3]


@pytest.mark.usefixtures("late")
def test_statements_are_not_late(client: bigquery.Client, table: str) -> None:
    """What DML writes can be read at once, as at Google."""
    client.query_and_wait(f"INSERT INTO {table} (n) VALUES (7)")
    assert count(client, table) == 1


def test_rows_of_a_table_that_is_gone(late: Api, client: bigquery.Client, table: str) -> None:
    """They are gone with it, also where another table has its name."""
    stream(client, table, 1)
    client.delete_table(table)
    client.create_table(bigquery.Table(f"{PROJECT}.{table}", SCHEMA))
    late.http.delete("/local/streaming")
    assert count(client, table) == 0


@pytest.mark.usefixtures("late")
def test_a_bad_row_is_refused_at_once(client: bigquery.Client, table: str) -> None:
    """What does not fit the table is told to whoever sends it."""
    assert client.insert_rows_json(f"{PROJECT}.{table}", [{"n": "x"}]) != []


def test_a_flag_delays_and_a_stop_loses_nothing(tmp_path: Path) -> None:
    """--stream-delay is in force from the start; what waits when the server is stopped can be read afterwards."""
    with running_server("--data-dir", str(tmp_path / "bq"), "--stream-delay", "3600", "3600") as url:
        client = client_of(url)
        client.create_dataset(f"{PROJECT}.d")
        client.create_table(bigquery.Table(f"{PROJECT}.d.t", SCHEMA))
        stream(client, "d.t", 1)
        assert count(client, "d.t") == 0
    with running_server("--data-dir", str(tmp_path / "bq")) as url:
        assert count(client_of(url), "d.t") == 1


def test_a_delay_that_cannot_be() -> None:
    """A negative time is refused before anything is served."""
    command = [sys.executable, "-m", "localcloud.bigquery", "--port", "0", "--stream-delay", "-1", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
