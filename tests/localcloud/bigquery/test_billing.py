"""Bytes: dry runs, the limit a job sets, and the minimum Google bills."""

from __future__ import annotations

from typing import Any

import pytest
from google.api_core.exceptions import BadRequest, GoogleAPICallError, NotFound
from google.cloud import bigquery
from google.cloud.bigquery import QueryJobConfig

from tests.localcloud.bigquery.running import rows, value

MINIMUM = 10 * 1024 * 1024


@pytest.fixture
def table(client: bigquery.Client, dataset: str) -> str:
    rows(client, f"CREATE TABLE {dataset}.t AS SELECT x FROM UNNEST(GENERATE_ARRAY(1, 1000)) x")
    return f"{dataset}.t"


def test_a_dry_run_tells_bytes_and_schema_and_runs_nothing(client: bigquery.Client, table: str) -> None:
    """A dry run estimates bytes from the table's size, knows the schema, and changes nothing."""
    job = client.query(f"SELECT x, 'a' AS name FROM {table}", job_config=QueryJobConfig(dry_run=True))
    assert job.total_bytes_processed == 8000
    assert [field.name for field in job.schema or []] == ["x", "name"]
    client.query(f"DELETE FROM {table} WHERE TRUE", job_config=QueryJobConfig(dry_run=True))
    client.query(f"CREATE TABLE {table}_2 (x INT64)", job_config=QueryJobConfig(dry_run=True))
    assert value(client, f"SELECT COUNT(*) FROM {table}") == 1000
    with pytest.raises(NotFound):
        client.get_table(f"demo.{table}_2")


def test_a_dry_run_finds_errors(client: bigquery.Client, table: str) -> None:
    """A dry run of a statement that cannot run fails like the statement."""
    for sql in (f"SELECT nope FROM {table}", f"UPDATE {table} SET nope = 1 WHERE TRUE", "SELECT * FROM demo.no.t"):
        with pytest.raises((BadRequest, NotFound)):
            client.query(sql, job_config=QueryJobConfig(dry_run=True))


def test_maximum_bytes_billed_is_a_limit(client: bigquery.Client, table: str) -> None:
    """A query above `maximum_bytes_billed` fails with HTTP 400 and `bytesBilledLimitExceeded`; at 10 MiB it runs."""
    sql = f"SELECT * FROM {table}"
    with pytest.raises(BadRequest) as refused:
        rows(client, sql, maximum_bytes_billed=MINIMUM - 1)
    assert refused.value.errors[0]["reason"] == "bytesBilledLimitExceeded"
    # The client knows no exception for this reason of a failed job and calls it an InternalServerError.
    with pytest.raises(GoogleAPICallError) as failed:
        client.query(sql, job_config=QueryJobConfig(maximum_bytes_billed=MINIMUM - 1)).result()
    assert failed.value.errors[0]["reason"] == "bytesBilledLimitExceeded"
    assert len(rows(client, sql, maximum_bytes_billed=MINIMUM)) == 1000


def test_ten_mebibytes_are_billed_for_every_table(client: bigquery.Client, table: str) -> None:
    """A query bills at least 10 MiB for each table it reads, through views too, and nothing without a table."""
    rows(client, f"CREATE VIEW {table}_view AS SELECT * FROM {table}")
    rows(client, f"CREATE TABLE {table}_2 AS SELECT 1 AS x")

    def billed(sql: str) -> int:
        job = client.query(sql)
        job.result()
        return int(job.total_bytes_billed)

    assert billed("SELECT 1") == 0
    assert billed(f"SELECT * FROM {table}_view") == MINIMUM
    assert billed(f"SELECT * FROM {table} JOIN {table}_2 USING (x)") == 2 * MINIMUM


def test_bytes_follow_every_write(client: bigquery.Client, dataset: str) -> None:
    """However rows come and go, a dry run counts those that are there, of the whole table and of a partition."""
    table = f"{dataset}.days"
    schema = [bigquery.SchemaField("day", "DATE", mode="REQUIRED")]
    rows(client, f"CREATE TABLE {table} (day DATE NOT NULL) PARTITION BY day")

    def counted() -> tuple[int, int]:
        """Rows of all days, and of the first one."""
        return tuple(
            client.query(
                f"SELECT day FROM {table} {bound}", job_config=QueryJobConfig(dry_run=True)
            ).total_bytes_processed
            // 8
            for bound in ("", "WHERE day = '2026-11-01'")
        )

    def load(days: list[str | None], **config: Any) -> None:
        job_config = bigquery.LoadJobConfig(schema=schema, **config)
        client.load_table_from_json([{"day": day} for day in days], table, job_config=job_config).result()

    first, second = "2026-11-01", "2026-11-02"
    assert counted() == (0, 0)
    rows(client, f"INSERT INTO {table} (day) VALUES ('{first}'), ('{second}')")
    assert counted() == (2, 1)
    assert client.insert_rows_json(table, [{"day": first}]) == []
    assert counted() == (3, 2)
    load([first, second, second])
    assert counted() == (6, 3)
    with pytest.raises(GoogleAPICallError):  # rolled back: all that was there was deleted first
        load([first, None], write_disposition="WRITE_TRUNCATE")
    assert counted() == (6, 3)
    rows(client, f"DELETE FROM {table} WHERE day = '{second}'")
    assert counted() == (3, 3)
    with pytest.raises(BadRequest):
        rows(client, f"INSERT INTO {table} (day) SELECT IF(n = 3, NULL, DATE '{first}') FROM UNNEST([1, 2, 3]) AS n")
    assert counted() == (3, 3)
    rows(client, f"BEGIN INSERT INTO {table} (day) VALUES ('{second}'); END")
    assert counted() == (4, 3)
    rows(client, f"INSERT INTO {table} SELECT day FROM {table} WHERE day = '{first}'")
    assert counted() == (7, 6)
    rows(client, f"BEGIN TRANSACTION; INSERT INTO {table} (day) VALUES ('{first}'); ROLLBACK TRANSACTION")
    assert counted() == (7, 6)
    rows(client, f"BEGIN TRANSACTION; INSERT INTO {table} (day) VALUES ('{first}'); COMMIT TRANSACTION")
    assert counted() == (8, 7)
    rows(client, f"MERGE {table} USING (SELECT 1) ON FALSE WHEN NOT MATCHED THEN INSERT (day) VALUES ('{second}')")
    assert counted() == (9, 7)
    rows(client, f"UPDATE {table} SET day = '{first}' WHERE day = '{second}'")
    assert counted() == (9, 9)
    rows(client, f"INSERT INTO {table} (day) VALUES ('{second}')")
    client.delete_table(f"{table}$20261101")
    assert counted() == (1, 0)
    load([first, first], write_disposition="WRITE_TRUNCATE")
    assert counted() == (2, 2)
    rows(client, f"TRUNCATE TABLE {table}")
    assert counted() == (0, 0)
    rows(client, f"CREATE OR REPLACE TABLE {table} PARTITION BY day AS SELECT DATE '{first}' AS day")
    assert counted() == (1, 1)
    client.delete_dataset(dataset, delete_contents=True)
    client.create_dataset(dataset)
    rows(client, f"CREATE TABLE {table} (day DATE) PARTITION BY day")
    assert counted() == (0, 0)
    rows(client, f"INSERT INTO {table} (day) VALUES ('{first}')")
    assert counted() == (1, 1)
    rows(client, f"CREATE OR REPLACE TABLE {table} (day DATE) PARTITION BY day")
    assert counted() == (0, 0)


def test_a_transaction_counts_what_was_there_before(client: bigquery.Client, dataset: str) -> None:
    """Each statement of a transaction is billed for the rows that the table had at its begin."""
    rows(client, f"CREATE TABLE {dataset}.t AS SELECT x FROM UNNEST([1, 2, 3]) AS x")
    sql = f"BEGIN TRANSACTION; INSERT INTO {dataset}.t VALUES (4), (5); SELECT x FROM {dataset}.t; COMMIT TRANSACTION"
    jobs = [client.query(sql) for _ in range(2)]
    assert [job.total_bytes_processed for job in jobs] == [2 * 3 * 8, 2 * 5 * 8]


def test_a_bound_on_today_is_counted_after_each_write(client: bigquery.Client, dataset: str) -> None:
    """The rows of the days until today count as they are after each write."""
    table = f"{dataset}.days"
    rows(client, f"CREATE TABLE {table} (day DATE) PARTITION BY day")
    dry_run, bound = QueryJobConfig(dry_run=True), "DATE_SUB(CURRENT_DATE('UTC'), INTERVAL 7 DAY)"
    for back, found in ((0, 1), (3, 2), (30, 2), (2, 3)):
        rows(client, f"INSERT INTO {table} SELECT DATE_SUB(CURRENT_DATE('UTC'), INTERVAL {back} DAY)")
        for _ in range(2):
            job = client.query(f"SELECT day FROM {table} WHERE day > {bound}", job_config=dry_run)
            assert job.total_bytes_processed == 8 * found
