"""Errors of a query reach the caller as Google's HTTP errors."""

from __future__ import annotations

import pytest
from google.api_core.exceptions import BadRequest, NotFound
from google.cloud import bigquery

from tests.localcloud.bigquery.running import Api, rows


def test_bad_sql_is_an_http_400(api: Api) -> None:
    """jobs.query answers bad SQL with HTTP 400 and reason `invalidQuery` in Google's envelope."""
    answer = api.query("SELEC 1")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["errors"][0]["reason"]) == (400, 400, "invalidQuery")
    assert error["message"].startswith("Syntax error")


@pytest.mark.parametrize(
    "sql", ["SELECT * FROM nowhere.t", "SELECT * FROM {}.missing", "DELETE FROM {}.missing WHERE TRUE"]
)
def test_a_missing_table_is_an_http_404(api: Api, dataset: str, sql: str) -> None:
    """A table or dataset that does not exist is HTTP 404 with reason `notFound`."""
    answer = api.query(sql.format(dataset))
    assert (answer.status_code, answer.json()["error"]["errors"][0]["reason"]) == (404, "notFound")


@pytest.mark.parametrize(
    ("column", "error"),
    [("text + 1", "No function matches"), ("no_such(x)", "no_such"), ("SUM(x)", "GROUP BY"), ("nothing", "nothing")],
)
def test_columns_that_nobody_reads_have_errors(api: Api, dataset: str, column: str, error: str) -> None:
    """A query over a view is refused for all that it says, also for what its rows do not depend on."""
    api.query(f"CREATE TABLE {dataset}.t AS SELECT 1 AS x, 'a' AS text")
    api.query(f"CREATE VIEW {dataset}.v AS SELECT x, text FROM {dataset}.t")
    answer = api.query(f"SELECT x FROM (SELECT x, {column} AS bad FROM {dataset}.v)")
    assert (answer.status_code, error in answer.json()["error"]["message"]) == (400, True)


def test_a_view_of_a_column_that_is_gone_has_an_error(api: Api, dataset: str) -> None:
    """A view is refused when its table has no longer all that it names, whatever is read of the view."""
    api.query(f"CREATE TABLE {dataset}.t AS SELECT 1 AS x, 'a' AS text")
    api.query(f"CREATE VIEW {dataset}.v AS SELECT x, text FROM {dataset}.t")
    found = [api.query(f"SELECT x FROM {dataset}.v").status_code]
    api.query(f"CREATE OR REPLACE TABLE {dataset}.t AS SELECT 1 AS x")
    found.append(api.query(f"SELECT x FROM {dataset}.v").status_code)
    api.query(f"CREATE OR REPLACE TABLE {dataset}.t AS SELECT 1 AS x, 2 AS text")
    assert [*found, api.query(f"SELECT x FROM {dataset}.v").status_code] == [200, 400, 200]


def test_no_user_error_is_a_500(api: Api) -> None:
    """An error that only execution finds is HTTP 400, for clients retry a 500 for ten minutes."""
    bad = ("SELECT 1/0", "SELECT CAST('x' AS INT64)", "SELECT nope(1)", "SELECT a FROM (SELECT 1 b)", "CALL x()", "")
    for sql in bad:
        assert api.query(sql).status_code in (400, 404), sql


def test_the_client_raises_what_google_raises(client: bigquery.Client, dataset: str) -> None:
    """Both ways of querying raise BadRequest or NotFound in the client."""
    with pytest.raises(BadRequest, match="Unrecognized name: nope"):
        rows(client, "SELECT nope FROM (SELECT 1 AS x)")
    with pytest.raises(NotFound):
        rows(client, f"SELECT * FROM {dataset}.missing")
    with pytest.raises(NotFound, match="Not found: Table"):
        client.query(f"SELECT * FROM {dataset}.missing").result()
    with pytest.raises(BadRequest, match="Syntax error"):
        client.query("SELEC 1").result()


@pytest.mark.parametrize("statement", ["UPDATE {}.t SET x = 1", "DELETE FROM {}.t", "DELETE {}.t"])
def test_update_and_delete_need_a_where_clause(client: bigquery.Client, dataset: str, statement: str) -> None:
    """GoogleSQL refuses UPDATE and DELETE without WHERE."""
    rows(client, f"CREATE TABLE {dataset}.t (x INT64)")
    with pytest.raises(BadRequest, match="must have a WHERE clause"):
        rows(client, statement.format(dataset))


def test_an_unqualified_table_needs_a_default_dataset(client: bigquery.Client) -> None:
    """A table name without dataset is refused unless the job names a default dataset."""
    with pytest.raises(BadRequest, match="must be qualified with a dataset"):
        rows(client, "SELECT * FROM t")
