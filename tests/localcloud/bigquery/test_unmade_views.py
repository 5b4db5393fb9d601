"""Views of a text that is known are made when DuckDB reads them first, and nobody can tell."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import pytest
from bqemulator.config import PersistenceMode, Settings
from google.api_core.exceptions import GoogleAPICallError
from google.cloud import bigquery

from localcloud.bigquery.emulator import Emulator, start
from localcloud.bigquery.errors import as_domain_error
from localcloud.bigquery.kept_translations import KeptTranslations
from localcloud.bigquery.query_jobs import Outcome, QueryJob
from localcloud.bigquery.tables import TableRef
from tests.localcloud.bigquery.running import PROJECT, Api, rows

DEFINITIONS = [
    "CREATE TABLE `{0}`.t AS SELECT 1 AS x, 'a' AS text",
    "CREATE VIEW `{0}`.v_1 (x, y) AS SELECT x, x + 1 AS y FROM `{0}`.t",
    "CREATE VIEW `{0}`.w AS SELECT x + y AS z FROM `{0}`.v_1",
    "CREATE VIEW `{0}`.every AS SELECT *, 5 AS n FROM `{0}`.t",
]


@dataclass(frozen=True)
class Server:
    """The parts of one without HTTP, and the loop that they run in."""

    emulator: Emulator
    loop: asyncio.Runner

    def run(self, sql: str, *, dry_run: bool = False) -> Outcome:
        """Runs a job; raises what it raises."""

        async def done() -> Outcome:
            return await self.emulator.queries.run(QueryJob({"query": sql}, PROJECT, lambda _: None, dry_run))

        return self.loop.run(done())

    def fill(self, dataset: str) -> None:
        """Makes a dataset with a table and views."""
        for sql in ("CREATE SCHEMA {0}", *DEFINITIONS):
            self.run(sql.format(dataset))

    def unmade(self, dataset: str) -> set[str]:
        """The views that DuckDB does not have."""
        views = self.emulator.context.catalog.list_views(PROJECT, dataset)
        of_duckdb = "SELECT view_name FROM duckdb_views() WHERE schema_name = ?"
        made = {name for (name,) in self.emulator.engine.execute(of_duckdb, [f"{PROJECT}__{dataset}"]).fetchall()}
        return {view.table_id for view in views} - made

    def make(self, dataset: str) -> None:
        """Makes these views."""
        self.emulator.tables.unmade.make(TableRef(PROJECT, dataset, name) for name in self.unmade(dataset))


def _server(settings: Settings, folder: Path) -> Iterator[Server]:
    with asyncio.Runner() as loop:
        server = Server(loop.run(start(settings, KeptTranslations(folder))), loop)
        server.fill("first")
        yield server
        loop.run(server.emulator.engine.stop())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from _server(Settings(enable_format_extensions=False), tmp_path_factory.mktemp("kept"))


@pytest.fixture
def twins(server: Server) -> list[str]:
    """Two datasets that are alike, but that DuckDB has the views of one."""
    made, unmade = (f"twin_{uuid4().hex[:8]}" for _ in range(2))
    server.fill(made)
    server.emulator.tables.unmade.make_all()
    server.fill(unmade)
    assert [server.unmade(made), server.unmade(unmade)] == [set(), {"v_1", "w", "every"}]
    return [made, unmade]


READ = ["SELECT x, y FROM `{0}`.v_1", "SELECT z FROM `{0}`.w", "SELECT * FROM `{0}`.every"]


@pytest.mark.parametrize(
    "statements",
    [
        READ,
        READ[::-1],
        ["SELECT a.z + b.y FROM `{0}`.w AS a, `{0}`.v_1 AS b"],
        ["SELECT table_name, table_type, ddl FROM `{0}`.INFORMATION_SCHEMA.TABLES ORDER BY 1"],
        ["SELECT table_name, column_name FROM `{0}`.INFORMATION_SCHEMA.COLUMNS ORDER BY 1, 2"],
        ["SELECT x, _TABLE_SUFFIX FROM `demo.{0}.v_*`"],
        ["CREATE TABLE `{0}`.copy AS SELECT * FROM `{0}`.w", "SELECT * FROM `{0}`.copy"],
        ["CREATE VIEW `{0}`.over AS SELECT z * 2 AS z FROM `{0}`.w", "SELECT * FROM `{0}`.over"],
        ["INSERT INTO `{0}`.t (x) SELECT z + 1 FROM `{0}`.w", *READ],
        ["BEGIN TRANSACTION; INSERT INTO `{0}`.t (x) SELECT z FROM `{0}`.w; SELECT * FROM `{0}`.every; COMMIT", *READ],
        ["BEGIN TRANSACTION; SELECT z FROM `{0}`.w; SELECT * FROM `{0}`.nothing; COMMIT", *READ],
        ["DECLARE most INT64; SET most = (SELECT MAX(z) FROM demo.{0}.w); SELECT most"],
        ["DECLARE a INT64; CREATE OR REPLACE TABLE demo.{0}.t AS SELECT 'b' AS x, 'c' AS text", *READ],
        ["DECLARE a INT64; DROP VIEW demo.{0}.v_1", *READ],
        ["CREATE VIEW `{0}`.w AS SELECT 1 AS z", *READ],
        ["CREATE VIEW IF NOT EXISTS `{0}`.w AS SELECT 1 AS z", *READ],
        ["CREATE OR REPLACE VIEW `{0}`.v_1 AS SELECT x, 7 AS y FROM `{0}`.t", *READ],
        ["CREATE OR REPLACE VIEW `{0}`.v_1 AS SELECT 'a' AS x, 'b' AS y", *READ],
        ["CREATE OR REPLACE VIEW `{0}`.v_1 AS SELECT nothing FROM `{0}`.t", *READ],
        [
            "CREATE VIEW `{0}`.over AS SELECT 1 AS z",
            "CREATE OR REPLACE VIEW `{0}`.over AS SELECT z FROM `{0}`.w",
            "SELECT * FROM `{0}`.over",
        ],
        [
            "CREATE VIEW `{0}`.all_of_it AS SELECT * FROM `{0}`.v_1",
            "SELECT * FROM `{0}`.all_of_it",
            "DROP VIEW `{0}`.v_1",
            DEFINITIONS[1],
            "SELECT * FROM `{0}`.all_of_it",
        ],
        ["CREATE OR REPLACE VIEW `{0}`.every AS SELECT z, z AS n FROM `{0}`.w", *READ],
        ["CREATE VIEW `{0}`.wild AS SELECT x FROM `{0}`.`v_*`", "SELECT * FROM `{0}`.wild"],
        ["DROP VIEW `{0}`.v_1", *READ, "DROP VIEW `{0}`.v_1", "DROP VIEW IF EXISTS `{0}`.v_1"],
        ["DROP VIEW `{0}`.v_1", "CREATE VIEW `{0}`.v_1 AS SELECT x, 8 AS y FROM `{0}`.t", *READ],
        ["DROP VIEW `{0}`.w", "CREATE TABLE `{0}`.w AS SELECT 9 AS z", *READ],
        ["DROP TABLE `{0}`.t", *READ],
        ["DROP TABLE `{0}`.t", "CREATE TABLE `{0}`.t AS SELECT 'b' AS x", *READ],
        ["CREATE OR REPLACE TABLE `{0}`.t AS SELECT 2 AS x, 3 AS text", *READ],
        ["CREATE OR REPLACE TABLE `{0}`.t AS SELECT 'b' AS x, 'c' AS text", *READ],
        ["ALTER TABLE `{0}`.t ADD COLUMN more INT64", *READ],
        ["CREATE OR REPLACE TABLE `{0}`.w AS SELECT 9 AS z", *READ],
        ["ALTER VIEW `{0}`.w SET OPTIONS (description = 'told')", *READ],
        ["INSERT INTO `{0}`.v_1 (x) VALUES (1)", *READ],
    ],
)
def test_statements_are_answered_alike(server: Server, twins: list[str], statements: list[str]) -> None:
    """Rows, columns, errors and bytes are those of views that are made, whatever happens to what they read."""
    for sql in statements:
        made, unmade = (_answer(server, sql, name) for name in twins)
        assert unmade == made
        server.make(twins[0])


def _answer(server: Server, sql: str, name: str) -> str:
    try:
        told: object = replace(server.run(sql.format(name)), view=None)
    except Exception as err:
        told = as_domain_error(err)
    return repr(told).replace(name, "twin")


STARS = [
    "CREATE VIEW `{0}`.low AS SELECT *, x + 1 AS n FROM `{0}`.t",
    "CREATE VIEW `{0}`.high AS SELECT *, 6 AS k FROM `{0}`.low",
    "CREATE VIEW `{0}`.text AS SELECT x FROM `{0}`.t",
]


@pytest.mark.parametrize(
    ("statements", "last"),
    [
        (["DROP VIEW `{0}`.low", STARS[0], "SELECT k FROM `{0}`.high"], "Outcome"),
        (
            [
                "SELECT n FROM `{0}`.low",
                "CREATE OR REPLACE TABLE `{0}`.t AS SELECT 'b' AS other",
                "SELECT k FROM `{0}`.high",
                "CREATE OR REPLACE TABLE `{0}`.t AS SELECT 1 AS x",
                "SELECT k FROM `{0}`.high",
            ],
            "Outcome",
        ),
        (
            [
                "DROP VIEW `{0}`.high",
                "SELECT n FROM `{0}`.low",
                "CREATE OR REPLACE TABLE `{0}`.t AS SELECT 'b' AS other",
                STARS[1],
            ],
            "InvalidQueryError",
        ),
        (["CREATE OR REPLACE VIEW `{0}`.text AS SELECT n AS x FROM `{0}`.low", "SELECT x FROM `{0}`.text"], "Outcome"),
        (["SELECT x AS TEXT FROM `{0}`.text"], "Outcome"),
        (["SELECT AVG(x) AS LOW FROM `{0}`.low WHERE n = 2"], "Outcome"),
    ],
)
def test_views_below_others_are_there(server: Server, statements: list[str], last: str) -> None:
    """What a view reads in DuckDB is made before it, whoever made the one or the other, and however they are spelt."""
    mark = f"/* {uuid4().hex} */"  # so that the first dataset's views have new texts

    def answers(name: str) -> list[str]:
        server.fill(name)
        return [_answer(server, sql.replace("AS SELECT", f"AS {mark} SELECT"), name) for sql in [*STARS, *statements]]

    made, unmade = (answers(f"stars_{uuid4().hex[:8]}") for _ in range(2))
    assert (unmade, made[-1].startswith(last)) == (made, True)


def test_dry_runs_are_answered_alike(server: Server, twins: list[str]) -> None:
    """The columns and bytes of what is not read."""
    made, unmade = (repr(server.run(f"SELECT * FROM `{name}`.w", dry_run=True)) for name in twins)
    assert (unmade, "'z'" in unmade) == (made, True)


def test_one_is_made_when_duckdb_reads_it(server: Server, twins: list[str]) -> None:
    """By the first statement that has the view's name in DuckDB; not by those that have its text, or read others."""
    for sql in ("SELECT x FROM `{1}`.t", "SELECT * FROM `{0}`.every", "SELECT z FROM `{0}`.w", "SELECT z FROM `{1}`.w"):
        server.run(sql.format(*twins))
        assert server.unmade(twins[1]) == {"v_1", "w", "every"}
    server.run(f"SELECT n FROM `{twins[1]}`.every")
    assert server.unmade(twins[1]) == {"v_1", "w"}
    server.run(f"UPDATE `{twins[1]}`.t SET text = 'b' WHERE x IN (SELECT y FROM `{twins[1]}`.v_1)")
    assert server.unmade(twins[1]) == {"w"}
    server.run(f"CREATE VIEW `{twins[1]}`.over AS SELECT z * {uuid4().int % 1000} AS z FROM `{twins[1]}`.w")
    assert server.unmade(twins[1]) == set()


def test_it_is_made_at_once_on_disk(tmp_path: Path) -> None:
    """A server that is killed has views that nobody has read when it is started again."""
    kept = Settings(persistence_mode=PersistenceMode.PERSISTENT, data_dir=tmp_path, enable_format_extensions=False)
    for server in _server(kept, tmp_path / "kept"):
        server.fill("second")
        assert server.unmade("second") == set()


@pytest.fixture
def datasets(client: bigquery.Client) -> list[str]:
    """The same over HTTP, where views of a new text are made at once."""
    names, number = [f"twin_{uuid4().hex[:8]}" for _ in range(2)], uuid4().int
    for name in names:
        client.create_dataset(f"{PROJECT}.{name}")
        for sql in DEFINITIONS:
            rows(client, sql.replace(" AS SELECT", f" AS SELECT /* {number} */").format(name))
    return names


def test_calls_are_answered_alike(client: bigquery.Client, api: Api, datasets: list[str]) -> None:
    """What the API tells and changes, and what is left of a dataset that is deleted."""

    def told(name: str) -> list[object]:
        ref, table = f"{PROJECT}.{name}.w", f"/bigquery/v2/projects/{PROJECT}/datasets/{name}/tables/w"
        other = client.create_dataset(f"{PROJECT}.other_{uuid4().hex[:8]}").dataset_id
        calls: list[Callable[[], object]] = [
            lambda: [client.get_table(ref).schema, client.get_table(ref).view_query, client.get_table(ref).table_type],
            lambda: sorted(table.table_id for table in client.list_tables(f"{PROJECT}.{name}")),
            lambda: client.insert_rows_json(ref, [{"z": 1}]),
            lambda: client.load_table_from_json([{"z": 1}], ref).result(),
            lambda: list(client.list_rows(ref)),
            lambda: api.http.patch(table, json={"description": "told"}).json()["description"],
            lambda: rows(client, f"SELECT z FROM `{name}`.w"),
            lambda: api.http.patch(table, json={"view": {"query": "SELECT 5 AS z"}}).json()["view"],
            lambda: rows(client, f"SELECT z FROM `{name}`.w"),
            lambda: rows(client, f"CREATE VIEW `{other}`.far AS SELECT y FROM `{name}`.v_1"),
            lambda: client.delete_dataset(f"{PROJECT}.{name}"),
            lambda: client.delete_dataset(f"{PROJECT}.{name}", delete_contents=True),
            lambda: rows(client, f"SELECT y FROM `{other}`.far"),
            lambda: client.create_dataset(f"{PROJECT}.{name}").dataset_id,
            lambda: rows(client, f"SELECT y FROM `{name}`.v_1"),
            lambda: rows(client, f"CREATE TABLE `{name}`.every AS SELECT 4 AS z"),
            lambda: rows(client, f"SELECT z FROM `{name}`.every"),
        ]
        return [_told(call).replace(name, "twin").replace(other, "other") for call in calls]

    made, unmade = map(told, datasets)
    assert unmade == made
    assert [len(made), made[6], made[8], made[16]] == [17, "[(3,)]", "[(5,)]", "[(4,)]"]


def _told(call: Callable[[], object]) -> str:
    try:
        return repr(call())
    except GoogleAPICallError as err:
        return type(err).__name__ + re.sub(r"https?://\S+|Job ID: \S+", "", err.message)
