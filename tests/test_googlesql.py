"""The gate itself: what it accepts, what it refuses and in whose words."""

from typing import Any

import pytest

from tests.googlesql import INGESTION_TIME, AnalysisError, Column, GoogleSql, gate

DDL = "CREATE TABLE IF NOT EXISTS t (day DATE NOT NULL, n NUMERIC OPTIONS(description='x')) PARTITION BY day;"
FIELDS: list[dict[str, Any]] = [
    {"name": "cost", "type": "FLOAT", "mode": "NULLABLE"},
    {"name": "labels", "type": "RECORD", "mode": "REPEATED", "fields": [{"name": "key", "type": "STRING"}]},
]


@pytest.fixture
def sql() -> GoogleSql:
    return GoogleSql().add_script(DDL)


def test_output_columns_come_with_their_types(sql: GoogleSql) -> None:
    """A query's output columns are answered in order with GoogleSQL's names of their types."""
    found = sql.analyze("SELECT SUM(n) AS total, ARRAY_AGG(day) AS days, 1.5 AS x FROM t")
    assert found == (Column("total", "NUMERIC"), Column("days", "ARRAY<DATE>"), Column("x", "FLOAT64"))


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("SELECT m FROM t", "Unrecognized name: m"),
        ("SELECT day, n FROM t GROUP BY day", "n which is neither grouped nor aggregated"),
        ("SELECT day + 0.5 FROM t", "No matching signature"),
        ("SELEC 1", "Syntax error"),
        ("SELECT 1 FROM nowhere", "Table not found: nowhere"),
        ("CREATE TABLE u (a INT64) PARTITION BY DATE(a)", "No matching signature"),
    ],
)
def test_what_google_refuses_is_refused(sql: GoogleSql, statement: str, message: str) -> None:
    """A statement BigQuery would refuse raises with the analyzer's own message."""
    with pytest.raises(AnalysisError, match=message):
        sql.analyze(statement)


def test_parameters_have_types(sql: GoogleSql) -> None:
    """A parameter's type is checked, and an undeclared parameter is refused."""
    statement = "SELECT day FROM t WHERE day = @day"
    assert sql.analyze(statement, {"day": "DATE"})
    with pytest.raises(AnalysisError, match="No matching signature"):
        sql.analyze(statement, {"day": "ARRAY<INT64>"})
    with pytest.raises(AnalysisError, match="parameter"):
        sql.analyze(statement)


def test_a_view_becomes_a_table(sql: GoogleSql) -> None:
    """A CREATE VIEW of a script is analysed and can be read by what follows."""
    sql.add_script("CREATE OR REPLACE VIEW v AS SELECT day, n * 2 AS twice FROM t; CREATE VIEW w AS SELECT * FROM v")
    assert sql.columns("w") == (Column("day", "DATE"), Column("twice", "NUMERIC"))


def test_an_added_column_can_be_read(sql: GoogleSql) -> None:
    """ALTER TABLE ADD COLUMN is analysed, and what follows can read the column; one that is there stays as it is."""
    columns = "ADD COLUMN IF NOT EXISTS m NUMERIC OPTIONS(description='y'), ADD COLUMN IF NOT EXISTS n STRING"
    sql.add_script(
        f"ALTER TABLE t {columns}; ALTER TABLE t SET OPTIONS (description='z'); CREATE VIEW v AS SELECT * FROM t"
    )
    assert sql.columns("v") == (Column("day", "DATE"), Column("n", "NUMERIC"), Column("m", "NUMERIC"))
    with pytest.raises(AnalysisError, match="Table not found"):
        sql.add_script("ALTER TABLE nowhere ADD COLUMN IF NOT EXISTS m NUMERIC")


def test_a_schema_in_json_is_a_table_with_pseudo_columns() -> None:
    """A table of an API schema is read under both ways of quoting; pseudo columns stay out of `*`."""
    sql = GoogleSql().add_schema("p-1.d.export", FIELDS, INGESTION_TIME)
    assert [c.name for c in sql.columns("p-1.d.export")] == ["cost", "labels"]
    assert sql.analyze("SELECT _PARTITIONTIME AS t FROM `p-1`.`d`.`export`") == (Column("t", "TIMESTAMP"),)


def test_a_copy_grows_alone(sql: GoogleSql) -> None:
    """What is added to a copy is unknown to the original."""
    sql.copy().add_script("CREATE TABLE extra (a INT64)")
    with pytest.raises(AnalysisError, match="Table not found"):
        sql.analyze("SELECT * FROM extra")


def test_everything_shipped_is_google_sql() -> None:
    """Every file below sql is accepted by Google's analyzer."""
    assert gate("org").columns("gcp_billing_daily_raw")


def test_an_answer_follows_its_tables() -> None:
    """The same statement over a table that has become another is asked again, though its answers are kept."""
    sql = GoogleSql()
    for written in ("INT64", "STRING", "INT64"):
        sql.add_script(f"CREATE OR REPLACE TABLE followed (a {written})")
        assert sql.analyze("SELECT a FROM followed") == (Column("a", written),)
