"""INFORMATION_SCHEMA of the local BigQuery: fields with their paths, and statements that make a table again."""

from __future__ import annotations

from typing import Any

import pytest
from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from tests.localcloud.bigquery.running import rows

TABLE = """
CREATE TABLE {name} (
  Id STRING NOT NULL OPTIONS (description = 'the "id", \\\\ and\\nmore'),
  day DATE, cost NUMERIC, labels ARRAY<STRUCT<key STRING OPTIONS (description = 'of a label'), n INT64>>)
PARTITION BY day CLUSTER BY Id
OPTIONS (description = 'What it costs', partition_expiration_days = 400, require_partition_filter = TRUE,
  labels = [('team', 'costs')])"""


@pytest.fixture
def table(client: bigquery.Client, dataset: str) -> None:
    """The table `costs` with everything that a statement can say of one."""
    rows(client, TABLE.format(name=f"{dataset}.costs"))


@pytest.mark.usefixtures("table")
def test_each_field_has_a_path(client: bigquery.Client, dataset: str) -> None:
    """COLUMN_FIELD_PATHS has a row for each column, and for each field in it, with GoogleSQL's types."""
    sql = f"""SELECT column_name, field_path, data_type, description
      FROM {dataset}.INFORMATION_SCHEMA.COLUMN_FIELD_PATHS
      WHERE table_name = 'costs' ORDER BY field_path"""
    assert rows(client, sql) == [
        ("Id", "Id", "STRING", 'the "id", \\ and\nmore'), ("cost", "cost", "NUMERIC", None),
        ("day", "day", "DATE", None), ("labels", "labels", "ARRAY<STRUCT<key STRING, n INT64>>", None),
        ("labels", "labels.key", "STRING", "of a label"), ("labels", "labels.n", "INT64", None),
    ]  # fmt: skip


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    "sql",
    [
        "",
        "CREATE TABLE {name} (at TIMESTAMP, n INT64) PARTITION BY TIMESTAMP_TRUNC(at, HOUR)",
        "CREATE TABLE {name} (at TIMESTAMP) PARTITION BY DATE(at)",
        "CREATE TABLE {name} (n FLOAT64) PARTITION BY DATE(_PARTITIONTIME)",
        "CREATE VIEW {name} (Total OPTIONS(description = 'x')) AS SELECT SUM(cost) FROM {table} WHERE day > '2026-1-1'",
    ],
)
def test_ddl_makes_the_table_again(client: bigquery.Client, dataset: str, sql: str) -> None:
    """The statement in TABLES.ddl makes a table or view with the same fields, partitions, clusters and options."""
    name = f"{dataset}.costs"
    if sql:
        name = f"{dataset}.other"
        rows(client, sql.format(name=name, table=f"{dataset}.costs"))
    before = client.get_table(name).to_api_repr()
    ((ddl,),) = rows(
        client, f"SELECT ddl FROM {dataset}.INFORMATION_SCHEMA.TABLES WHERE table_name = '{name.split('.')[-1]}'"
    )
    client.delete_table(name)
    rows(client, ddl)
    assert _lasting(client.get_table(name).to_api_repr()) == _lasting(before)


def _lasting(resource: dict[str, Any]) -> dict[str, Any]:
    passing = ("creationTime", "lastModifiedTime", "etag", "selfLink")
    return {name: value for name, value in resource.items() if name not in passing}


def test_listing_of_no_table_and_of_no_dataset(client: bigquery.Client, dataset: str) -> None:
    """A dataset without tables lists none, with the types of Google's columns; one that is missing is not found."""
    empty = client.query_and_wait(f"SELECT * FROM {dataset}.INFORMATION_SCHEMA.TABLES")
    assert [tuple(row) for row in empty] == []
    types = {field.name: field.field_type for field in empty.schema}
    assert (types["ddl"], types["creation_time"], types["base_table_name"]) == ("STRING", "TIMESTAMP", "STRING")
    with pytest.raises(NotFound, match="Dataset demo:nowhere"):
        rows(client, "SELECT * FROM nowhere.INFORMATION_SCHEMA.COLUMN_FIELD_PATHS")


def test_names_keep_their_case(client: bigquery.Client, dataset: str) -> None:
    """Columns are called as the statement or the table spells them, also beside functions that are translated."""
    name = f"{dataset}.spelled"
    rows(client, f"CREATE TABLE {name} (RunName STRING, Part STRUCT<InnerName STRING>, Cost NUMERIC)")
    functions = ["NULLIF(SUM(Cost), 0)", "SAFE_DIVIDE(1, NULLIF(SUM(Cost), 0))", "AVG(Cost)", "'unit'"]
    for function in (*functions, "REGEXP_EXTRACT(MAX(RunName), 'x')"):
        sql = f"SELECT RunName AS `RunName`, {function} AS PerUnit, 'runname' FROM {name} GROUP BY RunName"
        assert _names(client, sql) == ["RunName", "PerUnit", "f0_"], function
        sql = f"SELECT * FROM (SELECT {function} AS PerUnit, COUNT(*) AS HowMany FROM {name} GROUP BY RunName)"
        assert _names(client, sql) == ["PerUnit", "HowMany"], function
        rows(client, f"CREATE OR REPLACE VIEW {name}_view AS {sql}")
        assert _names(client, f"SELECT * FROM {name}_view") == ["PerUnit", "HowMany"], function
    everything = f"SELECT *, SAFE_DIVIDE(1, NULLIF(Cost, 0)) AS Unit FROM {name}"
    assert _names(client, everything) == ["RunName", "Part", "Cost", "Unit"]
    assert client.query_and_wait(everything).schema[1].fields[0].name == "InnerName"
    rows(client, f"INSERT INTO {name} (RunName, Cost) VALUES ('runname', 2)")
    assert rows(client, f"SELECT SAFE_DIVIDE(1, NULLIF(MAX(Cost), 0)) AS RunName, MAX(RunName) AS B FROM {name}") == [
        (0.5, "runname")
    ]


def _names(client: bigquery.Client, sql: str) -> list[str]:
    return [field.name for field in client.query_and_wait(sql).schema]
