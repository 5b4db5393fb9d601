"""Views in the DuckDB SQL that reads them: the same rows, without the columns that nobody wants."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from localcloud.bigquery.inlined_views import InlinedViews, View
from localcloud.bigquery.kept_translations import KeptTranslations

SCHEMA = "demo__org"
COLUMNS = ("a", "b", "c", "d")
TABLE = f'"{SCHEMA}"."t"'
V = f'"{SCHEMA}"."v"'
Queries = dict[str, str]  # of views, by their names


@dataclass(frozen=True)
class Org:
    """A dataset with one table, and what puts its views into a statement."""

    engine: duckdb.DuckDBPyConnection
    inlined_views: InlinedViews

    def put(self, sql: str, views: Queries) -> str:
        """The statement with these views put in."""
        for name, query in views.items():
            self.engine.execute(f'CREATE OR REPLACE VIEW "{SCHEMA}"."{name}" AS {query}')

        def find(_: str, name: str) -> View | None:
            return View(views[name], self._columns(name)) if name in views else None

        return self.inlined_views.put_into(sql, [SCHEMA], find)

    def _columns(self, view: str) -> tuple[str, ...]:
        return tuple(column for column, *_ in self.engine.execute(f'DESCRIBE "{SCHEMA}"."{view}"').fetchall())

    def compare(self, sql: str, views: Queries) -> None:
        """The statement has the same answer with the views put in."""
        assert self._told(self.put(sql, views)) == self._told(sql)

    def _told(self, sql: str) -> tuple[list[tuple[str, str]], list[str]]:
        found = self.engine.execute(sql)
        columns = [(name, str(kind)) for name, kind, *_ in found.description or []]
        return columns, sorted(map(repr, found.fetchall()))


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Org]:
    """A dataset with a table of seven rows."""
    with duckdb.connect() as engine:
        engine.execute("SET threads = 1")
        engine.execute(f'CREATE SCHEMA "{SCHEMA}"')
        values = "x % 3 AS a, x % 2 AS b, x AS c, [x, x + 1] AS d"
        engine.execute(f"CREATE TABLE {TABLE} AS SELECT {values} FROM range(7) r(x)")
        yield Org(engine, InlinedViews(KeptTranslations(tmp_path_factory.mktemp("kept"))))


@pytest.mark.parametrize(
    ("query", "view", "expected"),
    [
        ("SELECT a FROM {v}", "SELECT a, b + 1 AS b FROM {t}", 'SELECT a FROM (SELECT a FROM {t}) AS "v"'),
        ('SELECT "x"."a" FROM {v} AS "x"', "SELECT b, a FROM {t}", 'SELECT "x"."a" FROM (SELECT a FROM {t}) AS "x"'),
        ("SELECT COUNT(*) FROM {v}", "SELECT a, b FROM {t}", 'SELECT COUNT(*) FROM (SELECT a FROM {t}) AS "v"'),
        (
            "SELECT MAX(A) FROM {v} WHERE c > 1",
            "SELECT a, b, c FROM {t}",
            'SELECT MAX(A) FROM (SELECT a, c FROM {t}) AS "v" WHERE c > 1',
        ),
        (
            "SELECT a FROM {v}",
            "WITH w AS (SELECT a, b, c FROM {t}) SELECT a, b FROM w WHERE c = 1",
            'SELECT a FROM (WITH w AS (SELECT a, c FROM {t}) SELECT a FROM w WHERE c = 1) AS "v"',
        ),
        (
            "SELECT b FROM {v}",
            "SELECT a, b FROM {t} UNION ALL SELECT c AS x, a + b AS y FROM {t}",
            'SELECT b FROM (SELECT b FROM {t} UNION ALL SELECT a + b AS y FROM {t}) AS "v"',
        ),
        (
            "SELECT a FROM {v}",
            "SELECT a, SUM(b) AS b, MAX(c) AS c FROM {t} GROUP BY a HAVING c > 1",
            'SELECT a FROM (SELECT a, MAX(c) AS c FROM {t} GROUP BY a HAVING c > 1) AS "v"',
        ),
        (
            "SELECT a FROM (SELECT * FROM {v}) AS x",
            "SELECT a, b FROM {t}",
            'SELECT a FROM (SELECT * FROM (SELECT a FROM {t}) AS "v") AS x',
        ),
        (
            "INSERT INTO {t} (a) SELECT a FROM {v}",
            "SELECT a, b FROM {t}",
            'INSERT INTO {t} (a) SELECT a FROM (SELECT a FROM {t}) AS "v"',
        ),
        (
            "SELECT 'it''s \"demo__org\"' AS x, a /* org's */ FROM {v}",
            "SELECT a, '\"demo__org\"' AS b FROM {t}",
            "SELECT 'it''s \"demo__org\"' AS x, a /* org's */ FROM (SELECT a FROM {t}) AS \"v\"",
        ),
    ],
)
def test_what_nobody_names_is_left_out(org: Org, query: str, view: str, expected: str) -> None:
    """Of a view, of its queries by name and of all parts of a union, what nobody names is left out."""
    names = {"v": V, "t": TABLE}
    assert org.put(query.format(**names), {"v": view.format(**names)}) == expected.format(**names)


@pytest.mark.parametrize(
    "view",
    [
        "SELECT DISTINCT a, b FROM {t}",
        "SELECT a, UNNEST(d) AS d FROM {t}",
        "SELECT a, b, COUNT(*) AS n FROM {t} GROUP BY 1, 2",
        "SELECT a, b, COUNT(*) AS n FROM {t} GROUP BY ALL",
        "SELECT b, a FROM {t} ORDER BY 1 LIMIT 1",
        "SELECT c AS b, a FROM {t} ORDER BY ALL DESC LIMIT 1",
        "SELECT 1 AS a, COUNT(*) AS n FROM {t}",
        "SELECT a, b FROM {t} UNION SELECT b, a FROM {t}",
        "SELECT a, b FROM {t} EXCEPT SELECT b, a FROM {t}",
        "SELECT a, b FROM {t} UNION ALL SELECT * FROM (SELECT a, b FROM {t}) AS w",
        "WITH w(a, b) AS (SELECT c, a FROM {t}) SELECT a FROM w",
        "WITH w AS (SELECT a, b FROM {t}) SELECT a, TO_JSON(w) AS j FROM w",
        "WITH w AS (SELECT DISTINCT a, b FROM {t}) SELECT 1 AS a FROM w",
        "SELECT a FROM (SELECT a, d FROM {t}) AS w CROSS JOIN UNNEST(w.d) AS u(x)",
        "SELECT u.x AS a FROM (SELECT a, b, d FROM {t}) AS w CROSS JOIN (SELECT UNNEST(d) AS x) AS u",
        "SELECT u.x AS a FROM (SELECT a, b FROM {t}) AS w CROSS JOIN (SELECT w.b AS x) AS u",
        "SELECT a, (SELECT MAX(c + w.b) FROM {t} WHERE c = w.c) AS m FROM (SELECT a, b, c FROM {t}) AS w",
        "SELECT * EXCLUDE (b) FROM (SELECT a, b, c FROM {t}) AS w",
        "SELECT a FROM (SELECT a, b FROM {t}) AS w WHERE EXISTS(SELECT * FROM {t} AS x WHERE x.c = w.b)",
        "SELECT w.a FROM (SELECT a, b FROM {t}) AS w INNER JOIN (SELECT b, c FROM {t}) AS x USING (b)",
        "WITH w AS (SELECT a, b FROM {t}) SELECT a FROM {t} WHERE (a, b) IN (SELECT * FROM w)",
        "SELECT a, b FROM {t} QUALIFY ROW_NUMBER() OVER (PARTITION BY a ORDER BY b) = 1",
    ],
)
def test_rows_never_depend_on_what_is_left_out(org: Org, view: str) -> None:
    """Where the rows may depend on a column, it stays."""
    queries = {"v": view.format(t=TABLE)}
    assert sqlglot.parse_one(queries["v"], read="duckdb").sql("duckdb") == queries["v"]
    for query in (f"SELECT a FROM {V}", f"SELECT COUNT(*) AS n FROM {V}", f"SELECT * FROM {V}"):
        org.compare(query, queries)


def test_a_view_with_all_columns_of_its_table_stays(org: Org) -> None:
    """A column that is added to the table later is a column of the view, which its text does not name."""
    query = f"SELECT a, e FROM {V}"
    assert org.put(query, {"v": f"SELECT * FROM {TABLE}"}) == query


def test_a_view_may_name_its_columns_itself(tmp_path: Path) -> None:
    """Names of CREATE VIEW's own list are the view's, whatever its query calls them."""
    view = View(f"SELECT a, b FROM {TABLE}", ("x", "y"))
    found = InlinedViews(KeptTranslations(tmp_path)).put_into(
        f"SELECT y FROM {V}", [SCHEMA], lambda _, name: view if name == "v" else None
    )
    named = f'SELECT "y" FROM (SELECT a, b FROM {TABLE}) AS named("x", "y")'
    assert found == f'SELECT y FROM ({named}) AS "v"'


Sources = dict[str, tuple[str, ...]]  # names of columns by what stands in FROM
NAMES = "abcdefgh"


@st.composite
def _queries(draw: DrawFn, sources: Sources, depth: int = 2) -> tuple[str, tuple[str, ...]]:
    """A query over some of the sources, and its columns, all of whole numbers."""
    forms = ["plain", "where", "distinct", "grouped", "aggregate", "star"]
    form = draw(st.sampled_from([*forms, "joined", "union", "with", "nested"] if depth else forms))
    source, columns = draw(st.sampled_from(sorted(sources.items())))
    if form == "nested":
        inner, columns = draw(_queries(sources, depth - 1))
        source = f"({inner}) AS n"
    if form == "with":
        inner, inner_columns = draw(_queries(sources, depth - 1))
        outer, columns = draw(_queries(sources | {"w": inner_columns}, 0))
        return f"WITH w AS ({inner}) {outer}", columns
    if form == "star":
        free = sorted(set(NAMES) - {*columns, *COLUMNS})
        return f"SELECT *, {columns[0]} + 1 AS {free[0]} FROM {source}", (*columns, free[0])
    if form == "joined":
        other, others = draw(st.sampled_from(sorted(sources.items())))
        on = f"l.{draw(st.sampled_from(columns))} = r.{draw(st.sampled_from(others))}"
        columns = (*(f"l.{name}" for name in columns), *(f"r.{name}" for name in others))
        source = f"{source} AS l {draw(st.sampled_from(['INNER', 'LEFT']))} JOIN {other} AS r ON {on}"
    values = st.lists(st.sampled_from(columns), min_size=1, max_size=2).map(" + ".join)
    size = draw(st.integers(1, 4))
    names = tuple(draw(st.permutations(NAMES))[:size])
    if form == "aggregate":
        values = values.map("MAX({})".format) | st.just("COUNT(*)")
    items = ", ".join(f"{draw(values)} AS {name}" for name in names)
    query = f"SELECT {items} FROM {source}"
    if form == "where":
        query += f" WHERE {draw(st.sampled_from(columns))} > 1"
    if form == "distinct":
        query = query.replace("SELECT", "SELECT DISTINCT", 1)
    if form == "grouped":
        key = draw(st.sampled_from(columns))
        query = f"SELECT {key} AS k, " + ", ".join(f"SUM({draw(values)}) AS {name}" for name in names)
        return f"{query} FROM {source} GROUP BY {key}", ("k", *names)
    if form == "union":
        more = ", ".join(f"{draw(values)} AS {name}" for name in reversed(names))
        query += f" {draw(st.sampled_from(['UNION', 'UNION ALL']))} SELECT {more} FROM {source}"
    return query, names


@st.composite
def _views(draw: DrawFn) -> tuple[str, Queries]:
    """A query over views, which may read one another, and the views."""
    sources: Sources = {TABLE: COLUMNS[:3]}
    views: Queries = {}
    for name in ("v", "w")[: draw(st.integers(1, 2))]:
        query, columns = draw(_queries(sources))
        views[name] = sqlglot.parse_one(query, read="duckdb").sql("duckdb")
        sources[f'"{SCHEMA}"."{name}"'] = columns
    query, _ = draw(_queries({name: columns for name, columns in sources.items() if name != TABLE}))
    return sqlglot.parse_one(query, read="duckdb").sql("duckdb"), views


@given(_views())
def test_any_query_has_the_same_rows(org: Org, drawn: tuple[str, Queries]) -> None:
    """Whatever the query and the views, rows and columns are those of DuckDB's own views."""
    org.compare(*drawn)
