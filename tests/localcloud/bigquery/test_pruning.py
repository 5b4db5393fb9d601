"""Partitions that a query does not read are not among its bytes; where that cannot be told, the table counts whole."""

from __future__ import annotations

from datetime import date

import pytest
from google.cloud import bigquery
from google.cloud.bigquery import QueryJobConfig, ScalarQueryParameter

from tests.localcloud.bigquery.running import rows

DAYS = 4  # of ten rows each
DAY = ScalarQueryParameter("day", "DATE", date(2026, 11, 2))


@pytest.fixture(scope="module")
def table(client: bigquery.Client) -> str:
    """Four days in a table partitioned by day, `v` over it, and `w` over `v` with other names."""
    client.create_dataset("pruned", exists_ok=True)
    rows(client, "CREATE TABLE pruned.t (day DATE, x INT64, xs ARRAY<INT64>) PARTITION BY day")
    days = "GENERATE_DATE_ARRAY('2026-11-01', '2026-11-04')"
    rows(client, f"INSERT INTO pruned.t SELECT d, x, [x] FROM UNNEST({days}) d, UNNEST(GENERATE_ARRAY(1, 10)) x")
    rows(client, "CREATE TABLE pruned.other AS SELECT 1 AS x, DATE '2026-11-01' AS other_day")
    rows(client, "CREATE VIEW pruned.v AS SELECT * EXCEPT (xs), DATE_ADD(day, INTERVAL 1 DAY) AS next FROM pruned.t")
    rows(
        client,
        "CREATE VIEW pruned.w (next, the_day) AS SELECT day AS the_day, MAX(x) AS next FROM pruned.v GROUP BY day",
    )
    return "pruned.t"


def days_read(client: bigquery.Client, sql: str) -> float:
    """The bytes of the query as so many of the table's days; what it reads of `other` is too small to count."""
    config = QueryJobConfig(query_parameters=[DAY])
    job, dry = client.query(sql, job_config=config), QueryJobConfig(query_parameters=[DAY], dry_run=True)
    job.result()
    told = client.query(sql, job_config=dry).total_bytes_processed
    assert told == job.total_bytes_processed
    whole = client.query("SELECT * FROM pruned.t").total_bytes_processed or 0
    return round((told or 0) * DAYS / whole, 0)


@pytest.mark.parametrize(
    ("condition", "days"),
    [
        ("day = '2026-11-02'", 1), ("DATE '2026-11-02' <= day", 3), ("t.day BETWEEN '2026-11-02' AND '2026-11-03'", 2),
        ("day IN ('2026-11-02', '2026-11-04', '2030-01-01')", 2), ("day = @day", 1), ("x > 3 AND day < @day", 1),
        ("day >= DATE_SUB(@day, INTERVAL 1 DAY) AND day < DATE '2026-11-03'", 2), ("day > '2026-12-01'", 0),
        ("(day = @day OR day = '2026-11-04') AND x = 1", 2), ("DAY = @day", 1),
        ("day = @day OR x = 1", 4), ("DATE_TRUNC(day, MONTH) = '2026-11-01'", 4), ("NOT day = @day", 4), ("x = 1", 4),
        ("day = (SELECT MAX(other_day) FROM pruned.other)", 4), ("day IN (SELECT other_day FROM pruned.other)", 4),
        ("day = DATE_ADD(DATE '2026-11-01', INTERVAL x DAY)", 4),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("table")
def test_constant_bounds_choose_the_partitions(client: bigquery.Client, condition: str, days: int) -> None:
    """A comparison of the partitioning column with constants leaves partitions out; nothing else does."""
    assert days_read(client, f"SELECT x FROM pruned.t WHERE {condition}") == days


@pytest.mark.parametrize(
    ("sql", "days"),
    [
        ("SELECT * FROM pruned.v WHERE day = @day", 1),
        ("SELECT * FROM pruned.w WHERE next = @day", 1),
        ("WITH a AS (SELECT day AS d, x FROM pruned.t), b AS (SELECT * FROM a) SELECT x FROM b WHERE d = @day", 1),
        ("SELECT x FROM (SELECT * FROM pruned.t UNION ALL SELECT * FROM pruned.t) WHERE day = @day", 1),
        ("SELECT x FROM (SELECT day AS a, x FROM pruned.t UNION ALL SELECT day, x FROM pruned.t) WHERE a = @day", 1),
        ("SELECT y FROM pruned.t CROSS JOIN UNNEST(t.xs) AS y WHERE day = @day", 1),
        ("SELECT COUNT(*) FROM pruned.t JOIN pruned.other ON t.x = other.x AND day = @day", 1),
        ("SELECT COUNT(*) FROM pruned.t LEFT JOIN pruned.other USING (x) WHERE day = @day", 1),
        ("SELECT (SELECT COUNT(*) FROM pruned.t WHERE day = @day)", 1),
        ("SELECT a.x FROM pruned.t AS a, pruned.t AS b WHERE a.day = @day AND b.day = '2026-11-04'", 2),
        ("SELECT a.x FROM pruned.t AS a, pruned.t AS b WHERE a.day = @day", 4),
        ("SELECT * FROM pruned.v WHERE next = @day", 4),
        ("SELECT * FROM pruned.w WHERE the_day = 1", 4),
        ("SELECT COUNT(*) FROM pruned.other LEFT JOIN pruned.t ON t.day = @day", 4),
        ("SELECT x FROM (SELECT * FROM pruned.t LIMIT 5) WHERE day = @day", 4),
        ("SELECT x FROM (SELECT *, SUM(x) OVER () AS total FROM pruned.t) WHERE day = @day", 4),
        ("SELECT x FROM (SELECT * REPLACE (DATE_ADD(day, INTERVAL 1 DAY) AS day) FROM pruned.t) WHERE day = @day", 4),
    ],
)
@pytest.mark.usefixtures("table")
def test_bounds_sink_to_the_table(client: bigquery.Client, sql: str, days: int) -> None:
    """A bound follows its column through views, queries and groups as long as it is only renamed."""
    assert days_read(client, sql) == days


def test_the_time_of_ingestion_prunes(client: bigquery.Client) -> None:
    """A bound on `_PARTITIONTIME` leaves days out of a table that is partitioned by it."""
    client.create_dataset("pruned", exists_ok=True)
    rows(client, "CREATE TABLE pruned.arrived (x INT64) PARTITION BY _PARTITIONDATE")
    for day in ("20261101", "20261102"):
        client.load_table_from_json([{"x": 1}], f"demo.pruned.arrived${day}").result()
    told = client.query("SELECT x FROM pruned.arrived WHERE _PARTITIONTIME >= TIMESTAMP '2026-11-02'")
    assert told.total_bytes_processed == 8


def test_what_is_pruned_is_not_billed(client: bigquery.Client, table: str) -> None:
    """`maximum_bytes_billed` is compared with what is left, and a query reads what it would without."""
    sql = f"SELECT SUM(x) FROM {table} WHERE day = '2026-11-02'"
    assert rows(client, sql, maximum_bytes_billed=10 * 1024 * 1024) == [(55,)]
