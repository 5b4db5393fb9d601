"""The GoogleSQL that views and queries of the product are written in."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, cast

import pytest
from google.cloud import bigquery
from google.cloud.bigquery import ArrayQueryParameter, ScalarQueryParameter

from tests.localcloud.bigquery.running import PROJECT, rows

EVENTS = """
CREATE TABLE events (
  run STRING, seq INT64, status STRING, at TIMESTAMP, cost NUMERIC, error STRING, doc JSON,
  labels ARRAY<STRUCT<key STRING, value STRING>>, credits ARRAY<STRUCT<amount FLOAT64>>);
INSERT INTO events (run, seq, status, at, cost, error, doc, labels, credits) VALUES
  ('r1', 1, 'PENDING', '2026-11-10 05:00:00+00', 1.5, NULL, JSON '{"a": {"b": "x"}, "n": 3}',
   [STRUCT('k2' AS key, 'v"2' AS value), STRUCT('k1' AS key, 'v1' AS value)],
   [STRUCT(-0.1 AS amount), STRUCT(-0.2 AS amount)]),
  ('r1', 2, 'RUNNING', '2026-11-10 05:00:02.5+00', 2.5, 'late', JSON '{"n": null}', [], []),
  ('r2', 1, 'PENDING', '2026-11-10 06:00:00+00', NULL, NULL, NULL, [], [])"""

QUERIES: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
    "last by array_agg": (
        """
        SELECT run, ARRAY_AGG(status ORDER BY seq DESC LIMIT 1)[SAFE_OFFSET(0)] FROM events GROUP BY run
        ORDER BY run
        """,
        [("r1", "RUNNING"), ("r2", "PENDING")],
    ),
    "last that is not null": (
        """
        SELECT run, ARRAY_AGG(error IGNORE NULLS ORDER BY seq LIMIT 1)[SAFE_OFFSET(0)] e FROM events GROUP
        BY run ORDER BY run
        """,
        [("r1", "late"), ("r2", None)],
    ),
    "last struct": (
        """
        SELECT run, l.status, l.at FROM (SELECT run, ARRAY_AGG(STRUCT(status, at) ORDER BY seq DESC LIMIT
        1)[OFFSET(0)] l FROM events GROUP BY run) WHERE run = 'r1'
        """,
        [("r1", "RUNNING", datetime(2026, 11, 10, 5, 0, 2, 500000, tzinfo=UTC))],
    ),
    "last row": (
        """
        SELECT l.run, l.status FROM (SELECT ARRAY_AGG(e ORDER BY seq DESC LIMIT 1)[OFFSET(0)] l FROM events
        e GROUP BY e.run) ORDER BY 1
        """,
        [("r1", "RUNNING"), ("r2", "PENDING")],
    ),
    "any_value having max": (
        """
        SELECT run, ANY_VALUE(status HAVING MAX seq), ANY_VALUE(status HAVING MIN seq) FROM events GROUP BY
        1 ORDER BY 1
        """,
        [("r1", "RUNNING", "PENDING"), ("r2", "PENDING", "PENDING")],
    ),
    "max_by, min_by, countif": (
        """
        SELECT MAX_BY(run, seq), MIN_BY(status, at), COUNTIF(error IS NULL), LOGICAL_OR(seq = 2) FROM events
        """,
        [("r1", "PENDING", 2, True)],
    ),
    "qualify": (
        """
        SELECT run, status FROM events WHERE TRUE QUALIFY ROW_NUMBER() OVER (PARTITION BY run ORDER BY seq
        DESC) = 1 ORDER BY run
        """,
        [("r1", "RUNNING"), ("r2", "PENDING")],
    ),
    "array of structs": (
        """
        SELECT run, ARRAY_AGG(STRUCT(seq, status AS s) ORDER BY seq) FROM events GROUP BY run ORDER BY run
        """,
        [("r1", [{"seq": 1, "s": "PENDING"}, {"seq": 2, "s": "RUNNING"}]), ("r2", [{"seq": 1, "s": "PENDING"}])],
    ),
    "array subquery as struct": (
        """
        SELECT ARRAY(SELECT AS STRUCT l.key, l.value FROM UNNEST(labels) l ORDER BY l.key) FROM events WHERE
        run = 'r2' OR seq = 1 ORDER BY run
        """,
        [([{"key": "k1", "value": "v1"}, {"key": "k2", "value": 'v"2'}],), ([],)],
    ),
    "sum of credits": (
        """
        SELECT run, SUM(cost), SUM((SELECT IFNULL(SUM(CAST(c.amount AS NUMERIC)), 0) FROM UNNEST(credits)
        c)) FROM events GROUP BY run ORDER BY run
        """,
        [("r1", Decimal("4"), Decimal("-0.3")), ("r2", None, Decimal("0"))],
    ),
    "labels as sorted JSON, grouped": (
        """
        SELECT labels_json, COUNT(*) FROM (SELECT (SELECT CONCAT('{',
        STRING_AGG(CONCAT(TO_JSON_STRING(l.key), ':', TO_JSON_STRING(l.value)), ',' ORDER BY l.key), '}')
        FROM UNNEST(labels) AS l) AS labels_json FROM events) GROUP BY labels_json ORDER BY 1
        """,
        [(None, 2), ('{"k1":"v1","k2":"v\\"2"}', 1)],
    ),
    "unnest joins": (
        """
        SELECT e.run, l.key FROM events e, UNNEST(e.labels) l UNION ALL SELECT e.run, l.key FROM events e
        LEFT JOIN UNNEST(e.labels) l WHERE e.run = 'r2' ORDER BY 1, 2
        """,
        [("r1", "k1"), ("r1", "k2"), ("r2", None)],
    ),
    "implicit unnest": (
        """
        SELECT l.value FROM events e, e.labels l WHERE l.key = 'k1'
        """,
        [("v1",)],
    ),
    "exists in an array": (
        """
        SELECT COUNT(*) FROM events WHERE EXISTS (SELECT 1 FROM UNNEST(labels) l WHERE l.key = 'k1')
        """,
        [(1,)],
    ),
    "timestamps": (
        """
        SELECT TIMESTAMP_DIFF(MAX(at), MIN(at), MILLISECOND), DATE(MIN(at)), TIMESTAMP_TRUNC(MAX(at), HOUR),
        UNIX_MILLIS(MIN(at)), FORMAT_TIMESTAMP('%Y-%m-%dT%H:%M:%SZ', MIN(at)) FROM events WHERE run = 'r1'
        """,
        [(2500, date(2026, 11, 10), datetime(2026, 11, 10, 5, 0, tzinfo=UTC), 1794286800000, "2026-11-10T05:00:00Z")],
    ),
    "JSON": (
        """
        SELECT JSON_VALUE(doc, '$.a.b'), JSON_VALUE(doc.a.b), TO_JSON_STRING(doc.a), JSON_VALUE(doc, '$.n'),
        INT64(doc.n) FROM events WHERE run = 'r1' AND seq = 1
        """,
        [("x", "x", '{"b":"x"}', "3", 3)],
    ),
    "JSON nulls": (
        """
        SELECT JSON_VALUE(doc, '$.n'), TO_JSON_STRING(error), PARSE_JSON('{"q": [1, null]}') FROM events
        ORDER BY run, seq
        """,
        [("3", "null", {"q": [1, None]}), (None, '"late"', {"q": [1, None]}), (None, "null", {"q": [1, None]})],
    ),
    "structs to JSON": (
        """
        SELECT TO_JSON_STRING(STRUCT(run AS r, seq AS s, error AS e)), TO_JSON_STRING([1, 2]) FROM events
        WHERE run = 'r2'
        """,
        [('{"r":"r2","s":1,"e":null}', "[1,2]")],
    ),
    "nulls": (
        """
        SELECT IFNULL(error, 'none'), COALESCE(cost, 0), SAFE_CAST('x' AS INT64), CONCAT('a', error) FROM
        events WHERE run = 'r2'
        """,
        [("none", Decimal("0"), None, None)],
    ),
    "cte, case, having": (
        """
        WITH last AS (SELECT run, MAX(seq) AS n FROM events GROUP BY run HAVING COUNT(*) > 1) SELECT run,
        CASE WHEN n > 1 THEN 'many' ELSE 'one' END AS c FROM last
        """,
        [("r1", "many")],
    ),
    "union by name with nulls": (
        """
        SELECT 'a' AS provider, cost FROM events WHERE run = 'r1' UNION ALL SELECT 'b', CAST(NULL AS
        NUMERIC) ORDER BY 1, 2
        """,
        [("a", Decimal("1.5")), ("a", Decimal("2.5")), ("b", None)],
    ),
    "hashes and strings": (
        r"""
        SELECT TO_HEX(SHA256('x')), STARTS_WITH('abc', 'ab'), SPLIT('a/b', '/')[SAFE_OFFSET(1)],
        REGEXP_EXTRACT('a-12', r'(\d+)'), SUBSTR('hello', 2, 3), LOWER('X'), LENGTH('né'),
        REGEXP_CONTAINS('abc', r'^a')
        """,
        [("2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881", True, "b", "12", "ell", "x", 2, True)],
    ),
    "weeks and days": (
        """
        SELECT DATE_TRUNC(DATE '2026-11-12', WEEK(MONDAY)), DATE_TRUNC(DATE '2026-11-12', ISOWEEK),
        DATE_TRUNC(DATE '2026-11-12', MONTH), DATE_DIFF(DATE '2026-11-12', DATE '2026-11-01', DAY)
        """,
        [(date(2026, 11, 9), date(2026, 11, 9), date(2026, 11, 1), 11)],
    ),
    "months of what is computed": (
        """
        WITH days AS (SELECT DATE '2026-11-12' AS d)
        SELECT DATE_TRUNC(d, MONTH), DATE_TRUNC(days.d, YEAR) FROM days
        """,
        [(date(2026, 11, 1), date(2026, 1, 1))],
    ),
    "generated days": (
        """
        SELECT d FROM UNNEST(GENERATE_DATE_ARRAY('2026-11-09', '2026-11-10')) AS d ORDER BY d
        """,
        [(date(2026, 11, 9),), (date(2026, 11, 10),)],
    ),
    "first and last value": (
        """
        SELECT seq, LAG(status) OVER w, FIRST_VALUE(status) OVER w FROM events WHERE run = 'r1' WINDOW w AS
        (ORDER BY seq) ORDER BY seq
        """,
        [(1, None, "PENDING"), (2, "PENDING", "PENDING")],
    ),
    "safe_divide, float, round": (
        """
        SELECT SAFE_DIVIDE(1, 0), ROUND(CAST(2.345 AS NUMERIC), 2), GREATEST(1, 2), MOD(7, 3), DIV(7, 2), 7
        / 2
        """,
        [(None, Decimal("2.35"), 2, 1, 3, 3.5)],
    ),
    "select as struct": (
        """
        SELECT AS STRUCT 1 AS a, 'x' AS b
        """,
        [(1, "x")],
    ),
    # The rows are those of Google's examples of SELECT * EXCEPT and SELECT * REPLACE.
    "select as struct with a star": (
        """
        SELECT ARRAY(SELECT AS STRUCT * FROM orders), ARRAY(SELECT AS STRUCT * EXCEPT (order_id) FROM orders),
          ARRAY(SELECT AS STRUCT * REPLACE ('widget' AS item_name) FROM orders),
          ARRAY(SELECT AS STRUCT orders.* REPLACE (quantity / 2 AS quantity), TRUE AS half FROM orders),
          (SELECT AS STRUCT * FROM (SELECT order_id FROM orders))
        FROM (SELECT 1)
        """.replace("orders)", "(SELECT 5 AS order_id, 'sprocket' AS item_name, 200 AS quantity) AS orders)"),
        [
            (
                [{"order_id": 5, "item_name": "sprocket", "quantity": 200}],
                [{"item_name": "sprocket", "quantity": 200}],
                [{"order_id": 5, "item_name": "widget", "quantity": 200}],
                [{"order_id": 5, "item_name": "sprocket", "quantity": 100.0, "half": True}],
                {"order_id": 5},
            )
        ],
    ),
    "select as struct of the last rows": (
        """
        SELECT ARRAY(SELECT AS STRUCT * FROM (SELECT run, seq FROM events) ORDER BY run DESC, seq DESC LIMIT 2)
        """,
        [([{"run": "r2", "seq": 1}, {"run": "r1", "seq": 2}],)],
    ),
    "columns of a select as struct": (
        """
        WITH w AS (SELECT AS STRUCT 1 AS a, 2 AS b)
        SELECT w.a, x.b, x FROM w JOIN (SELECT AS STRUCT * FROM w UNION ALL SELECT AS STRUCT 1, 3) AS x USING (a)
        ORDER BY b
        """,
        [(1, 2, {"a": 1, "b": 2}), (1, 3, {"a": 1, "b": 3})],
    ),
    "except and replace": (
        """
        SELECT * EXCEPT (at, cost, error, doc, labels, credits) FROM events WHERE run = 'r2'
        """,
        [("r2", 1, "PENDING")],
    ),
}


@pytest.fixture(scope="module")
def events(client: bigquery.Client) -> str:
    """The default dataset of the queries."""
    client.create_dataset(f"{PROJECT}.googlesql")
    rows(client, EVENTS, default_dataset=f"{PROJECT}.googlesql")
    return f"{PROJECT}.googlesql"


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_gives_what_google_gives(client: bigquery.Client, events: str, name: str) -> None:
    """Each construct gives the rows that BigQuery gives."""
    sql, expected = QUERIES[name]
    assert rows(client, sql, default_dataset=events) == expected


@pytest.mark.parametrize("name", QUERIES)
def test_a_view_gives_what_its_query_gives(client: bigquery.Client, events: str, name: str) -> None:
    """The same constructs give the same rows from a view."""
    sql, expected = QUERIES[name]
    rows(client, f"CREATE OR REPLACE VIEW v AS {sql}", default_dataset=events)
    found = rows(client, "SELECT * FROM v", default_dataset=events)
    assert sorted(map(repr, found)) == sorted(map(repr, expected))


def test_columns_without_a_name(client: bigquery.Client, events: str) -> None:
    """Columns without a name are called f0_, f1_, … and keep their place."""
    result = client.query_and_wait(f"SELECT run, COUNT(*), MAX(seq) AS m, 1 FROM {events}.events GROUP BY run")
    assert [field.name for field in result.schema] == ["run", "f0_", "m", "f1_"]


def test_parameters_keep_their_types(client: bigquery.Client) -> None:
    """NULL, JSON, TIMESTAMP, DATE and NUMERIC parameters keep their type, used once or often."""
    moment, day = datetime(2026, 11, 10, 5, tzinfo=UTC), date(2026, 11, 10)
    given: list[Any] = [
        ScalarQueryParameter("none", "TIMESTAMP", None), ScalarQueryParameter("doc", "JSON", cast(Any, {"a": [1]})),
        ScalarQueryParameter("at", "TIMESTAMP", moment), ScalarQueryParameter("day", "DATE", day),
        ScalarQueryParameter("n", "INT64", 2), ScalarQueryParameter("nodoc", "JSON", None),
    ]  # fmt: skip
    result = client.query_and_wait(
        "SELECT @none, @doc, @at, @day, DATE_ADD(@day, INTERVAL @n DAY), JSON_VALUE(@doc, '$.a[0]'), @nodoc,"
        " 'user@day.com' FROM UNNEST([1, 2, 3]) LIMIT 1",
        job_config=bigquery.QueryJobConfig(query_parameters=given),
    )
    assert [field.field_type for field in result.schema][:4] == ["TIMESTAMP", "JSON", "TIMESTAMP", "DATE"]
    expected = (None, {"a": [1]}, moment, day, date(2026, 11, 12), "1", None, "user@day.com")
    assert [tuple(row.values()) for row in result] == [expected]


def test_array_parameters(client: bigquery.Client, events: str) -> None:
    """Array parameters work in UNNEST and IN UNNEST, empty ones too."""
    sql = "SELECT (SELECT COUNT(*) FROM events WHERE run IN UNNEST(@a)), ARRAY(SELECT x FROM UNNEST(@a) x ORDER BY x)"
    for items, count in ((["r2", "r1"], 3), ([], 0)):
        given = [ArrayQueryParameter("a", "STRING", items)]
        assert rows(client, sql, default_dataset=events, query_parameters=given) == [(count, sorted(items))]


def test_information_schema_lists_columns(client: bigquery.Client, events: str) -> None:
    """INFORMATION_SCHEMA.COLUMNS and .TABLES describe the tables, nested types included."""
    sql = """SELECT column_name, data_type FROM {}INFORMATION_SCHEMA.COLUMNS
      WHERE table_name = 'events' AND ordinal_position > 6 ORDER BY ordinal_position"""
    expected = [
        ("doc", "JSON"), ("labels", "ARRAY<STRUCT<key STRING, value STRING>>"),
        ("credits", "ARRAY<STRUCT<amount FLOAT64>>"),
    ]  # fmt: skip
    for prefix in ("", "googlesql.", f"{PROJECT}.googlesql.", f"`{PROJECT}`.googlesql."):
        assert rows(client, sql.format(prefix), default_dataset=events) == expected
    assert ("events",) in rows(client, f"SELECT table_name FROM `{PROJECT}.googlesql.INFORMATION_SCHEMA.TABLES`")


def test_dml_counts_its_rows(client: bigquery.Client, dataset: str) -> None:
    """INSERT, UPDATE, MERGE and DELETE tell how many rows they touched."""
    rows(client, f"CREATE TABLE {dataset}.t (id STRING, n INT64)")

    def affected(sql: str) -> int | None:
        job = client.query(sql.format(t=f"{dataset}.t"))
        job.result()
        return job.num_dml_affected_rows

    assert affected("INSERT INTO {t} (id, n) VALUES ('a', 1), ('b', 2)") == 2
    assert affected("UPDATE {t} SET n = n + 1 WHERE id = 'a' AND n = 1") == 1
    assert affected("UPDATE {t} SET n = n + 1 WHERE id = 'a' AND n = 1") == 0
    merge = """MERGE {t} T USING (SELECT 'c' AS id) S ON T.id = S.id
      WHEN NOT MATCHED THEN INSERT (id, n) VALUES (S.id, 0)"""
    assert (affected(merge), affected(merge)) == (1, 0)
    assert affected("DELETE FROM {t} WHERE TRUE") == 3


@pytest.mark.parametrize("more", [0, 300], ids=["few", "many"])
@pytest.mark.parametrize(("kind", "items"), [("STRING", ["b", "c"]), ("INT64", [2, 3]), ("DATE", ["2026-11-02"])])
def test_what_is_in_an_array_parameter(client: bigquery.Client, kind: str, items: list[Any], more: int) -> None:
    """Rows are kept alike by a short array and a long one, NULL by none; NOT IN and a told answer know NULL, too."""
    source = f"UNNEST([CAST(NULL AS {kind}), {', '.join(f'CAST({x!r} AS {kind})' for x in items)}])"
    given = ArrayQueryParameter("few", kind, [*items[-1:], *items[-1:] * more])
    other = ScalarQueryParameter("one", kind, items[-1])

    def count(condition: str, array: ArrayQueryParameter = given) -> Any:
        config = {"query_parameters": [array, other]}
        return rows(client, f"SELECT COUNT(*) FROM {source} AS x WHERE {condition}", **config)[0][0]

    empty = ArrayQueryParameter("few", kind, [])
    assert count("x IN UNNEST(@few)") == count("(x IN UNNEST(@few)) AND @one IN UNNEST(@few)") == 1
    assert count("x NOT IN UNNEST(@few)") == count("NOT x IN UNNEST(@few)") == len(items) - 1
    assert count("x IN UNNEST(@few) OR x IS NULL") == 2
    assert count("(x IN UNNEST(@few)) IS NULL") == 1
    assert count("x IN UNNEST(@few)", empty) == count("@one IN UNNEST(@few)", empty) == 0
