"""The process: its pins, its port, its end, and what it keeps."""

from __future__ import annotations

import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from google.api_core.exceptions import Conflict
from google.cloud import bigquery

from localcloud.bigquery import server
from localcloud.bigquery.__main__ import MALLOC
from tests.localcloud.bigquery.running import PROJECT, client_of, rows, running_server


def test_everything_survives_a_restart(tmp_path: Path) -> None:
    """With --data-dir tables, views, rows, partitions, labels and used job ids survive SIGTERM and a new start."""
    directory, job_id = str(tmp_path / "bq"), f"claim-{uuid4().hex}"
    with running_server("--data-dir", directory) as url:
        client = client_of(url)
        client.create_dataset("ds")
        columns, options = "day DATE NOT NULL, x NUMERIC", "OPTIONS(labels=[('a', 'b')])"
        rows(client, f"CREATE TABLE ds.t ({columns}) PARTITION BY day CLUSTER BY x {options}")
        rows(client, "INSERT INTO ds.t VALUES ('2026-11-10', NUMERIC '0.000000001')")
        rows(
            client, "CREATE VIEW ds.v AS SELECT day, SUM(CAST(CAST(x AS FLOAT64) AS NUMERIC)) AS x FROM ds.t GROUP BY 1"
        )
        labels = bigquery.QueryJobConfig(labels={"k": "v"})
        client.query("SELECT 1", job_id=job_id, job_config=labels, job_retry=None).result()
    with running_server("--data-dir", directory) as url:
        client = client_of(url)
        assert rows(client, "SELECT x FROM ds.v") == [(Decimal("1e-9"),)]
        table = client.get_table("ds.t")
        assert (table.labels, table.time_partitioning.field, table.clustering_fields) == ({"a": "b"}, "day", ["x"])
        assert (table.num_rows, table.schema[0].mode) == (1, "REQUIRED")
        assert client.get_job(job_id).labels == {"k": "v"}
        with pytest.raises(Conflict):
            client.query("SELECT 1", job_id=job_id, job_retry=None)


@pytest.mark.bench
def test_it_starts_quickly() -> None:
    """A server answers within five seconds of its start, on a busy machine."""
    begun = time.monotonic()
    with running_server():
        assert time.monotonic() - begun < 5


def test_no_value_has_pandas_searched() -> None:
    """For a value that DuckDB is given, Python searches no module, neither pandas nor another."""
    asked = """
import sys
from datetime import date
import duckdb
from localcloud.bigquery import without_pandas

class Asked(list):
    def find_spec(self, name, *rest):
        self.append(name)

without_pandas.settle()
sys.meta_path.insert(0, asked := Asked())
answer = duckdb.execute("SELECT ?, ?, ?", ["a", ["b", None], date(2026, 1, 1)]).fetchone()
print(answer, asked)
"""
    command = [sys.executable, "-c", asked]
    answered = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    assert answered.stdout == "('a', ['b', None], datetime.date(2026, 1, 1)) []\n"


def test_a_taken_port_is_a_plain_message(url: str) -> None:
    """A port in use ends the process with one line, not a traceback."""
    command = [sys.executable, "-m", "localcloud.bigquery", "--port", url.rsplit(":", 1)[1]]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "Address already in use" in ended.stderr


def test_the_allocator_is_told_at_the_start(url: str) -> None:
    """The process that was started is the one that serves, with what glibc reads before any of our code runs."""
    pid = httpx.get(f"{url}/local/health").json()["pid"]
    found = Path(f"/proc/{pid}/environ")
    told = found.read_text().split("\0") if found.exists() else [*map("=".join, MALLOC.items())]
    assert {*map("=".join, MALLOC.items())} <= {*told}


def test_the_installed_packages_are_the_pinned_ones() -> None:
    """Another version of bqemulator or DuckDB than the pinned one is refused at the start."""
    server.check_pins()
    assert server.PINS == {"bqemulator": "1.4.0", "duckdb": "1.5.5"}


def test_two_projects_are_apart(url: str) -> None:
    """Datasets of one name in two projects are two datasets, and one query may read both."""
    name = f"ds_{uuid4().hex[:8]}"
    for project in ("one-project", "two-project"):
        client = client_of(url, project)
        client.create_dataset(name)
        rows(client, f"CREATE TABLE {name}.t AS SELECT '{project}' AS p")
    both = f"SELECT p FROM {name}.t UNION ALL SELECT p FROM `two-project.{name}.t` ORDER BY p"
    assert rows(client_of(url, "one-project"), both) == [("one-project",), ("two-project",)]
    assert PROJECT not in {"one-project", "two-project"}
