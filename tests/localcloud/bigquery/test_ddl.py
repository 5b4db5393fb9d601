"""DDL from .sql files makes the same tables as the API."""

from __future__ import annotations

import pytest
from google.api_core.exceptions import BadRequest, Conflict, NotFound
from google.cloud import bigquery
from google.cloud.bigquery import SchemaField

from tests.localcloud.bigquery.running import PROJECT, rows, value

EVENTS = """
CREATE TABLE IF NOT EXISTS events (
  run_id STRING NOT NULL OPTIONS(description="the run's id"),  -- a comment; with a semicolon
  org_slug STRING NOT NULL, day DATE NOT NULL, amount NUMERIC, doc JSON, at TIMESTAMP,
  labels ARRAY<STRUCT<key STRING, value STRING>>, tags ARRAY<STRING>, part STRUCT<a INT64, b FLOAT64>
)
PARTITION BY day
CLUSTER BY org_slug, run_id
OPTIONS(description='Events; append-only', partition_expiration_days=400, labels=[('team', 'data')]);
"""


def test_create_table_records_everything(client: bigquery.Client, dataset: str) -> None:
    """Modes, descriptions, partitioning, expiration, clustering and labels of a CREATE TABLE are in tables.get."""
    for _ in range(2):
        rows(client, EVENTS, default_dataset=f"{PROJECT}.{dataset}")
    table = client.get_table(f"{PROJECT}.{dataset}.events")
    assert table.schema[0] == SchemaField("run_id", "STRING", "REQUIRED", description="the run's id")
    assert [f"{f.name} {f.field_type} {f.mode}" for f in table.schema[3:]] == [
        "amount NUMERIC NULLABLE", "doc JSON NULLABLE", "at TIMESTAMP NULLABLE", "labels RECORD REPEATED",
        "tags STRING REPEATED", "part RECORD NULLABLE",
    ]  # fmt: skip
    assert (table.time_partitioning.field, table.time_partitioning.type_) == ("day", "DAY")
    assert table.time_partitioning.expiration_ms == 400 * 86_400_000
    assert (table.clustering_fields, table.description) == (["org_slug", "run_id"], "Events; append-only")
    assert table.labels == {"team": "data"}


def test_names_are_resolved(client: bigquery.Client, dataset: str) -> None:
    """`table` resolves against the default dataset, `dataset.table` against the job's project."""
    default = f"{PROJECT}.{dataset}"
    rows(client, "CREATE TABLE t AS SELECT 1 AS x", default_dataset=default)
    view = f"CREATE OR REPLACE VIEW {dataset}.v AS WITH t2 AS (SELECT x FROM {dataset}.t) SELECT x + 1 AS y FROM t2"
    rows(client, view)
    for name in ("v", f"{dataset}.v", f"`{PROJECT}.{dataset}.v`", f"`{PROJECT}`.{dataset}.v"):
        assert value(client, f"SELECT y FROM {name}", default_dataset=default) == 2


def test_a_view_can_name_its_columns(client: bigquery.Client, dataset: str) -> None:
    """CREATE VIEW with a list of columns names them; IF NOT EXISTS leaves an existing view alone."""
    rows(client, f"CREATE VIEW {dataset}.v (a OPTIONS(description='first'), b) AS SELECT 1, 2 AS x")
    rows(client, f"CREATE VIEW IF NOT EXISTS {dataset}.v AS SELECT 3 AS c")
    assert [dict(row) for row in client.query_and_wait(f"SELECT * FROM {dataset}.v")] == [{"a": 1, "b": 2}]


def test_create_schema_is_repeatable(client: bigquery.Client, dataset: str) -> None:
    """CREATE SCHEMA IF NOT EXISTS makes a dataset with its location and may run again."""
    for _ in range(2):
        rows(client, f"CREATE SCHEMA IF NOT EXISTS `{PROJECT}.{dataset}_eu` OPTIONS(location='EU', description='d')")
    made = client.get_dataset(f"{dataset}_eu")
    assert (made.location, made.description) == ("EU", "d")
    with pytest.raises(Conflict):
        rows(client, f"CREATE SCHEMA {dataset}_eu")


def test_a_file_of_statements_runs_as_one_job(client: bigquery.Client, dataset: str) -> None:
    """Several statements in one job run in order; the last SELECT's rows are the job's, parameters serve all."""
    sql = """CREATE TABLE t (x INT64, s STRING);
    INSERT INTO t (x, s) VALUES (@n, 'a;b');
    CREATE VIEW v AS SELECT x * 2 AS y FROM t;
    SELECT y, s FROM v, t"""
    given = [bigquery.ScalarQueryParameter("n", "INT64", 21)]
    assert rows(client, sql, default_dataset=f"{PROJECT}.{dataset}", query_parameters=given) == [(42, "a;b")]


@pytest.mark.parametrize(
    ("clause", "kind", "field"),
    [
        ("DATE(at)", "DAY", "at"),
        ("TIMESTAMP_TRUNC(at, HOUR)", "HOUR", "at"),
        ("DATE_TRUNC(day, MONTH)", "MONTH", "day"),
        ("_PARTITIONDATE", "DAY", None),
    ],
)
def test_every_time_partitioning(
    client: bigquery.Client, dataset: str, clause: str, kind: str, field: str | None
) -> None:
    """PARTITION BY a truncated column, or by ingestion time, is recorded as the API would."""
    rows(client, f"CREATE TABLE {dataset}.t (at TIMESTAMP, day DATE) PARTITION BY {clause}")
    spec = client.get_table(f"{dataset}.t").time_partitioning
    assert (spec.type_, spec.field) == (kind, field)


def test_required_columns_refuse_null(client: bigquery.Client, dataset: str) -> None:
    """NOT NULL holds for DML as for loads."""
    rows(client, f"CREATE TABLE {dataset}.t (a STRING NOT NULL, b STRING)")
    with pytest.raises(BadRequest, match="Required field a cannot be null"):
        rows(client, f"INSERT INTO {dataset}.t (b) VALUES ('x')")


def test_replace_drop_and_alter(client: bigquery.Client, dataset: str) -> None:
    """CREATE OR REPLACE starts anew, DROP IF EXISTS may repeat, ALTER TABLE ADD COLUMN IF NOT EXISTS adds once."""
    rows(client, f"CREATE TABLE {dataset}.t AS SELECT 1 AS x")
    with pytest.raises(Conflict):
        rows(client, f"CREATE TABLE {dataset}.t (y STRING)")
    rows(client, f"CREATE OR REPLACE TABLE {dataset}.t (y STRING) CLUSTER BY y")
    for _ in range(2):
        rows(client, f"ALTER TABLE {dataset}.t ADD COLUMN IF NOT EXISTS z DATE")
    rows(client, f"ALTER TABLE {dataset}.t SET OPTIONS (description='d', labels=[('a', 'b')])")
    with pytest.raises(BadRequest, match="not emulated"):
        rows(client, f"ALTER TABLE {dataset}.t DROP COLUMN z")
    table = client.get_table(f"{dataset}.t")
    assert ([field.name for field in table.schema], table.description, table.labels) == (["y", "z"], "d", {"a": "b"})
    for _ in range(2):
        rows(client, f"DROP TABLE IF EXISTS {dataset}.t")
    with pytest.raises(NotFound):
        rows(client, f"DROP TABLE {dataset}.t")


def test_columns_are_described_anew(client: bigquery.Client, dataset: str) -> None:
    """ALTER COLUMN … SET OPTIONS describes columns, several at once; a missing one is refused unless it may be."""
    columns = "a STRING OPTIONS(description='old'), b STRING OPTIONS(description='kept')"
    rows(client, f"CREATE TABLE {dataset}.t ({columns})")
    described = "SET OPTIONS (description = 'it\\'s (new), ok')"
    rows(client, f"ALTER TABLE {dataset}.t ALTER COLUMN a {described}, ALTER COLUMN IF EXISTS c {described}")
    table = client.get_table(f"{dataset}.t")
    assert [field.description for field in table.schema] == ["it's (new), ok", "kept"]
    with pytest.raises(BadRequest, match="Column not found: c"):
        rows(client, f"ALTER TABLE {dataset}.t ALTER COLUMN c {described}")
    with pytest.raises(BadRequest):
        rows(client, f"ALTER TABLE {dataset}.t ALTER COLUMN a DROP NOT NULL")


def test_tables_and_views_through_the_api(client: bigquery.Client, dataset: str) -> None:
    """The API makes tables and views, adds columns, relaxes REQUIRED ones, and refuses to lose one."""
    name = f"{PROJECT}.{dataset}.t"
    table = client.create_table(bigquery.Table(name, schema=[SchemaField("a", "STRING", "REQUIRED")]))
    with pytest.raises(Conflict):
        client.create_table(table)
    table.schema = [SchemaField("a", "STRING"), SchemaField("b", "INT64")]
    client.update_table(table, ["schema"])
    rows(client, f"INSERT INTO {dataset}.t (b) VALUES (1)")
    view = bigquery.Table(f"{name}_view")
    view.view_query = f"SELECT b FROM `{name}`"
    assert client.create_table(view).table_type == "VIEW"
    assert value(client, f"SELECT b FROM {dataset}.t_view") == 1
    table = client.get_table(name)
    table.schema = [SchemaField("a", "STRING")]
    with pytest.raises(BadRequest, match="is missing in new schema"):
        client.update_table(table, ["schema"])
    client.delete_table(view)


def test_a_query_writes_into_its_destination(client: bigquery.Client, dataset: str) -> None:
    """A query job's destination table gets its rows, by disposition and partition decorator."""
    rows(client, f"CREATE TABLE {dataset}.t (day DATE, x INT64) PARTITION BY day")
    for x in (1, 2):
        destination = f"{PROJECT}.{dataset}.t$20261110"
        config = bigquery.QueryJobConfig(destination=destination, write_disposition="WRITE_TRUNCATE")
        client.query(f"SELECT DATE '2026-11-10' AS day, {x} AS x", job_config=config).result()
    assert rows(client, f"SELECT x FROM {dataset}.t") == [(2,)]


def test_an_added_column_is_there_for_everyone(client: bigquery.Client, dataset: str) -> None:
    """A column that ALTER TABLE adds is NULL in old rows, and there for tables.get, streaming, loads and views."""
    name = f"{PROJECT}.{dataset}.t"
    rows(client, f"CREATE TABLE {dataset}.t (day DATE NOT NULL, x INT64) PARTITION BY day")
    rows(client, f"CREATE VIEW {dataset}.all_of_it AS SELECT * FROM {dataset}.t")
    rows(client, f"CREATE VIEW {dataset}.part_of_it AS WITH w AS (SELECT * FROM {dataset}.t) SELECT x FROM w")
    assert client.insert_rows_json(name, [{"day": "2026-11-10", "x": 1}]) == []
    for _ in range(2):
        rows(
            client,
            f"ALTER TABLE {dataset}.t ADD COLUMN IF NOT EXISTS note STRING OPTIONS(description='why'), "
            "ADD COLUMN IF NOT EXISTS parts ARRAY<STRING>",
        )
    added = client.get_table(name).schema[2:]
    assert added == [SchemaField("note", "STRING", description="why"), SchemaField("parts", "STRING", "REPEATED")]
    assert client.insert_rows_json(name, [{"day": "2026-11-11", "x": 2, "note": "streamed"}]) == []
    config = bigquery.LoadJobConfig(schema=client.get_table(name).schema, write_disposition="WRITE_TRUNCATE")
    loaded = [{"day": "2026-11-12", "x": 3, "note": "loaded", "parts": ["a"]}]
    client.load_table_from_json(loaded, f"{name}$20261112", job_config=config).result()
    told = [(1, None), (2, "streamed"), (3, "loaded")]
    assert rows(client, f"SELECT x, note FROM {dataset}.t ORDER BY x") == told
    assert rows(client, f"SELECT x, note FROM {dataset}.all_of_it ORDER BY x") == told
    assert rows(client, f"SELECT x FROM {dataset}.part_of_it ORDER BY x") == [(1,), (2,), (3,)]
    with pytest.raises(BadRequest, match="Cannot add required fields"):
        rows(client, f"ALTER TABLE {dataset}.t ADD COLUMN IF NOT EXISTS must STRING NOT NULL")
