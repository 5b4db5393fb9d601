"""A statement is translated once for all datasets with the same tables, and anew when one of its tables changes."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest
from bqemulator.config import PersistenceMode, Settings
from google.api_core.exceptions import BadRequest, Conflict, NotFound
from google.cloud import bigquery

from localcloud.bigquery.emulator import start
from localcloud.bigquery.kept_translations import KeptTranslations
from localcloud.bigquery.query_jobs import QueryJob
from localcloud.bigquery.sql.parameters import signature
from localcloud.bigquery.statements import parsed
from localcloud.bigquery.translation import Scope, Translator
from tests.localcloud.bigquery.running import PROJECT, client_of, rows, value

MINIMUM = 10 << 20  # bytes billed of each table


@pytest.fixture
def datasets(client: bigquery.Client) -> list[str]:
    """Three datasets with the same table, in which each has its own number, and the same view."""
    names = [f"same_{uuid4().hex[:8]}" for _ in range(3)]
    for number, name in enumerate(names):
        client.create_dataset(f"{PROJECT}.{name}")
        rows(client, f"CREATE TABLE `{name}`.t AS SELECT {number} AS x, NUMERIC '1.5' AS amount")
        rows(client, f"CREATE VIEW `{name}`.v AS SELECT x + 10 AS x FROM `{name}`.t")
    return names


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT x FROM `{0}`.t",
        "SELECT x FROM `demo.{0}.t`",
        "SELECT x FROM `demo`.`{0}`.`t`",
        "SELECT x FROM {0}.t",
        "SELECT t.x FROM `{0}`.t AS t",
        "SELECT x - 10 FROM `{0}`.v",
        "WITH t AS (SELECT x FROM `{0}`.t) SELECT x FROM t",
        "SELECT a.x FROM `{0}`.t AS a JOIN `{0}`.v AS b ON b.x = a.x + 10",
        "SELECT x FROM `{0}`.t WHERE EXISTS (SELECT 1 FROM `{0}`.v)",
    ],
)
def test_each_dataset_is_read_itself(client: bigquery.Client, datasets: list[str], sql: str) -> None:
    """One statement in several datasets reads each of them."""
    assert [value(client, sql.format(name)) for name in datasets] == [0, 1, 2]


def test_the_default_dataset_is_read(client: bigquery.Client, datasets: list[str]) -> None:
    """One text reads whichever dataset the job names."""
    found = [value(client, "SELECT x FROM t", default_dataset=f"{PROJECT}.{name}") for name in datasets]
    assert found == [0, 1, 2]


def test_two_datasets_are_not_confused(client: bigquery.Client, datasets: list[str]) -> None:
    """Two datasets of one statement keep their places, and may be one and the same the next time."""
    sql = "SELECT a.x * 10 + b.x FROM `{}`.t AS a CROSS JOIN `{}`.t AS b"
    pairs = [(0, 1), (1, 0), (2, 1), (2, 2), (0, 0)]
    assert [value(client, sql.format(datasets[a], datasets[b])) for a, b in pairs] == [1, 10, 21, 22, 0]


def test_projects_are_not_confused(url: str, client: bigquery.Client, datasets: list[str]) -> None:
    """A dataset of the same name in another project is another one."""
    other = client_of(url, "elsewhere")
    other.create_dataset(datasets[0])
    rows(other, f"CREATE TABLE `{datasets[0]}`.t AS SELECT 7 AS x, NUMERIC '1.5' AS amount")
    sql = f"SELECT x FROM `{datasets[0]}`.t"
    assert [value(client, sql), value(other, sql)] == [0, 7]
    assert value(client, f"SELECT x FROM `elsewhere.{datasets[0]}.t`") == 7


@pytest.mark.parametrize("text", ["`{0}`.t", "standing_0", "`standing_0`.t", '"standing-0__standing_0"'])
def test_texts_stay(client: bigquery.Client, datasets: list[str], text: str) -> None:
    """What looks like a name in a literal or in a comment is none."""
    for number, name in enumerate(datasets):
        told = text.format(name)
        sql = f"SELECT '{told}' AS told, x /* {told} */ FROM `{name}`.t"
        assert rows(client, sql) == [(told, number)]


def test_a_standing_name_may_be_a_real_one(client: bigquery.Client) -> None:
    """A dataset may have the name that stands for others."""
    client.create_dataset(f"{PROJECT}.standing_0")
    rows(client, "CREATE TABLE `standing_0`.t AS SELECT 5 AS x")
    assert [value(client, "SELECT x FROM `standing_0`.t"), value(client, "SELECT x FROM standing_0.t")] == [5, 5]


def test_other_columns_are_translated_for_themselves(client: bigquery.Client, datasets: list[str]) -> None:
    """What depends on a column's type is not taken over from a table where it has another."""
    sql = "SELECT AVG(amount) FROM `{}`.t"
    assert value(client, sql.format(datasets[0])) == Decimal("1.5")
    rows(client, f"CREATE OR REPLACE TABLE `{datasets[1]}`.t AS SELECT 1 AS x, 2.5 AS amount")
    found = value(client, sql.format(datasets[1]))
    assert (found, type(found)) == (2.5, float)


def test_a_changed_table_is_translated_anew(client: bigquery.Client, dataset: str) -> None:
    """The same text after the table got another type."""
    sql = f"SELECT AVG(amount) FROM {dataset}.t"
    rows(client, f"CREATE TABLE {dataset}.t AS SELECT NUMERIC '1.5' AS amount")
    assert isinstance(value(client, sql), Decimal)
    rows(client, f"CREATE OR REPLACE TABLE {dataset}.t AS SELECT 1.5 AS amount")
    assert isinstance(value(client, sql), float)


def test_a_changed_view_is_translated_anew(client: bigquery.Client, dataset: str) -> None:
    """A query of a view is billed for what the view reads now, and so is one of a view over it."""
    for table in ("a", "b"):
        rows(client, f"CREATE TABLE {dataset}.{table} AS SELECT 1 AS x")
    rows(client, f"CREATE VIEW {dataset}.v AS SELECT x FROM {dataset}.a")
    rows(client, f"CREATE VIEW {dataset}.w AS SELECT x FROM {dataset}.v")
    billed = [client.query(f"SELECT x FROM {dataset}.w").total_bytes_billed]
    rows(client, f"CREATE OR REPLACE VIEW {dataset}.v AS SELECT x FROM {dataset}.a JOIN {dataset}.b USING (x)")
    billed.append(client.query(f"SELECT x FROM {dataset}.w").total_bytes_billed)
    assert billed == [MINIMUM, 2 * MINIMUM]


def test_a_new_table_of_a_wildcard_is_found(client: bigquery.Client, dataset: str) -> None:
    """The tables of a wildcard are those that there are now."""
    sql = f"SELECT COUNT(*) FROM `{PROJECT}.{dataset}.day_*`"
    rows(client, f"CREATE TABLE {dataset}.day_1 AS SELECT 1 AS x")
    assert value(client, sql) == 1
    rows(client, f"CREATE TABLE {dataset}.day_2 AS SELECT 1 AS x")
    assert value(client, sql) == 2


def test_errors_tell_real_names(client: bigquery.Client, datasets: list[str]) -> None:
    """Whoever is refused reads their own names, also where another dataset's statement was remembered."""
    assert value(client, f"SELECT x FROM `{datasets[0]}`.t") == 0
    rows(client, f"DROP TABLE `{datasets[1]}`.t")
    with pytest.raises(NotFound, match=f"{datasets[1]}.t was not found"):
        rows(client, f"SELECT x FROM `{datasets[1]}`.t")
    with pytest.raises(BadRequest) as refused:
        rows(client, f"SELECT x FRM `{datasets[0]}`.t")
    assert "standing" not in refused.value.message
    with pytest.raises(BadRequest) as refused:
        rows(client, f"SELECT nothing FROM `{datasets[0]}`.t")
    assert "standing" not in refused.value.message


def test_a_dataset_that_is_gone_is_missed(client: bigquery.Client, dataset: str) -> None:
    """A statement over a dataset that was dropped with its tables is refused as that of any table that is not there."""
    sql = f"SELECT x FROM {dataset}.t"
    for drop in (
        lambda: client.delete_dataset(dataset, delete_contents=True),
        lambda: rows(client, f"DROP SCHEMA {dataset} CASCADE"),
    ):
        rows(client, f"CREATE TABLE {dataset}.t AS SELECT 1 AS x")
        assert value(client, sql) == 1
        drop()
        with pytest.raises(NotFound, match=f"{dataset}.t was not found|Dataset {PROJECT}:{dataset}"):
            rows(client, sql)
        client.create_dataset(f"{PROJECT}.{dataset}")


VIEW = """-- a view
CREATE OR REPLACE VIEW `{0}`.w (x OPTIONS (description = "a sum"))
AS SELECT a.x + b.x FROM `{0}`.t AS a, `{0}`.v AS b"""


def test_a_view_of_each_dataset_reads_it(client: bigquery.Client, datasets: list[str]) -> None:
    """The same view in several datasets, made again and again, reads each of them, and is described in each."""
    for name in [*datasets, *datasets]:
        rows(client, VIEW.format(name))
    assert [value(client, f"SELECT x FROM `{name}`.w") for name in datasets] == [10, 12, 14]
    views = [client.get_table(f"{PROJECT}.{name}.w") for name in datasets]
    assert {(view.schema[0].name, view.schema[0].field_type, view.schema[0].description) for view in views} == {
        ("x", "INTEGER", "a sum")
    }
    queries = [view.view_query.replace(name, "it") for view, name in zip(views, datasets, strict=True)]
    assert (len(set(queries)), "it" in queries[0]) == (1, True)
    billed = {client.query(f"SELECT x FROM `{name}`.w").total_bytes_billed for name in datasets}
    assert billed == {MINIMUM}


def test_a_view_of_other_columns_is_read_for_itself(client: bigquery.Client, datasets: list[str]) -> None:
    """The same text over a table of another type is a view of another type, and over none it is refused."""
    make = "CREATE VIEW `{0}`.y AS SELECT x AS twice, amount * 2 AS more FROM `{0}`.t"
    rows(client, make.format(datasets[0]))
    rows(client, f"CREATE OR REPLACE TABLE `{datasets[1]}`.t AS SELECT 'b' AS x, 2.5 AS amount")
    rows(client, make.format(datasets[1]))
    types = [[field.field_type for field in client.get_table(f"{PROJECT}.{name}.y").schema] for name in datasets[:2]]
    assert types == [["INTEGER", "NUMERIC"], ["STRING", "FLOAT"]]
    rows(client, f"DROP TABLE `{datasets[2]}`.t")
    with pytest.raises(NotFound, match=f"{datasets[2]}.t was not found"):
        rows(client, make.format(datasets[2]))


def test_a_view_that_is_there_is_respected(client: bigquery.Client, datasets: list[str]) -> None:
    """A remembered text replaces a view only where it says so, and a dry run makes none."""
    make = "CREATE VIEW `{0}`.y AS SELECT x FROM `{0}`.t"
    rows(client, make.format(datasets[0]))
    client.query(make.format(datasets[1]), job_config=bigquery.QueryJobConfig(dry_run=True))
    with pytest.raises(NotFound):
        client.get_table(f"{PROJECT}.{datasets[1]}.y")
    rows(client, make.format(datasets[1]))
    with pytest.raises(Conflict):
        rows(client, make.format(datasets[1]))
    kept = "CREATE VIEW IF NOT EXISTS `{0}`.y AS SELECT x + 1 AS x FROM `{0}`.t"
    rows(client, kept.format(datasets[2]))
    rows(client, kept.format(datasets[1]))
    assert [value(client, f"SELECT x FROM `{name}`.y") for name in datasets] == [0, 1, 3]


@pytest.mark.parametrize("text", ["`{0}`.t", "{0}", '"demo__{0}"', "standing_0"])
def test_texts_of_views_stay(client: bigquery.Client, datasets: list[str], text: str) -> None:
    """What looks like a dataset's name in a literal of a view is none."""
    for name in datasets:
        told = text.format(datasets[0])
        rows(client, f"CREATE VIEW `{name}`.y AS SELECT '{told}' AS told, x FROM `{name}`.t")
    found = [rows(client, f"SELECT told, x FROM `{name}`.y") for name in datasets]
    assert found == [[(text.format(datasets[0]), number)] for number in range(3)]


def test_descriptions_of_columns_stay(client: bigquery.Client, datasets: list[str]) -> None:
    """A dataset that the description of a column names in the quotes of a name is each view's own."""
    told = [f"x of `{name}`.t" for name in datasets]
    for name, description in zip(datasets, told, strict=True):
        rows(client, f"CREATE VIEW `{name}`.y (x OPTIONS (description = '{description}')) AS SELECT x FROM `{name}`.t")
    assert [client.get_table(f"{PROJECT}.{name}.y").schema[0].description for name in datasets] == told


def test_a_view_of_two_datasets_keeps_their_places(client: bigquery.Client, datasets: list[str]) -> None:
    """Names that change places are moved at once."""
    for own, other in [(0, 1), (1, 0), (2, 1)]:
        of = (datasets[own], datasets[other])
        rows(client, "CREATE VIEW `{0}`.y AS SELECT a.x * 10 + b.x AS x FROM `{0}`.t AS a, `{1}`.t AS b".format(*of))
    assert [value(client, f"SELECT x FROM `{name}`.y") for name in datasets] == [1, 10, 21]


def test_a_view_of_a_wildcard_is_read_anew(client: bigquery.Client, dataset: str) -> None:
    """The tables of a wildcard are those that there are when the view is made, also where its text is known."""
    for day in range(2):
        rows(client, f"CREATE TABLE `{dataset}`.day_{day} AS SELECT {day} AS x")
        rows(
            client, f"CREATE OR REPLACE VIEW `{dataset}`.days AS SELECT COUNT(*) AS n FROM `{PROJECT}.{dataset}.day_*`"
        )
        assert value(client, f"SELECT n FROM `{dataset}`.days") == day + 1


@pytest.mark.parametrize(
    ("sql", "is_moved"),
    [
        ("SELECT x FROM `{0}`.t WHERE day = @day", True),
        ("SELECT x FROM `demo`.`{0}`.v WHERE day = @day", True),
        ("SELECT x FROM `{0}`.t WHERE day = @day AND x IN (SELECT x FROM `{0}`.v)", True),
        ("INSERT INTO `{0}`.t (x) SELECT x FROM `{0}`.v", True),
        ("SELECT x FROM t WHERE day = @day", True),
        ("SELECT x FROM t, `{0}`.v", True),
        ("SELECT x, 'demo' AS told FROM `demo`.`{0}`.t", True),
        ("SELECT x, '{0}' AS told FROM `{0}`.t", False),
        ("SELECT x FROM {0}.t", False),
        ("SELECT x FROM `{0}`.other", False),
        ("SELECT amount FROM `{0}`.w", False),
    ],
)
def test_a_moved_translation_is_the_one_made_there(tmp_path: Path, sql: str, is_moved: bool) -> None:
    """A statement over a dataset like another has the translation that it would get, and none over one that differs."""
    asyncio.run(_compare(KeptTranslations(tmp_path), sql, is_moved=is_moved))


async def _compare(kept: KeptTranslations, sql: str, *, is_moved: bool) -> None:
    engine = await start(Settings(persistence_mode=PersistenceMode.EPHEMERAL, enable_format_extensions=False))
    tables = engine.tables
    given = [{"name": "day", "parameterType": {"type": "DATE"}, "parameterValue": {"value": "2026-11-10"}}]
    for number, name in enumerate(("first_org", "second_org")):
        made = (
            f"CREATE SCHEMA {name}",
            f"CREATE TABLE {name}.t (x INT64, day DATE) PARTITION BY day",
            f"CREATE TABLE {name}.other (x {('INT64', 'STRING')[number]})",
            f"CREATE VIEW {name}.v AS SELECT x, day FROM `{name}`.t",
            f"CREATE VIEW {name}.w AS SELECT x AS amount FROM `{name}`.{('t', 'v')[number]}",
        )
        for statement in made:
            await engine.queries.run(QueryJob({"query": statement}, "demo", lambda _: None))
    translator = Translator(tables, kept)
    scopes = [Scope("demo", ("demo", name), signature(given)) for name in ("first_org", "second_org")]
    translator.translate(sql.format("first_org"), scopes[0], given)
    there = sql.format("second_org")
    moved = translator.elsewhere.find(there, scopes[1])
    assert (moved is not None) is is_moved
    anew = translator.inlined(translator.translate_tree(parsed(there), scopes[1], given))
    assert translator.translate(there, scopes[1], given) == anew
    assert moved in (anew, None)
    await engine.engine.stop()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT t.part.number.x FROM (SELECT STRUCT(STRUCT(x AS x) AS number) AS part FROM `{0}`.t) AS t",
        "SELECT {0}.t.x FROM (SELECT STRUCT(x AS x) AS t FROM `{0}`.t) AS {0}",
    ],
)
def test_fields_with_long_names(client: bigquery.Client, datasets: list[str], sql: str) -> None:
    """A field of a field is named with its table's name, which may be that of a dataset."""
    assert [value(client, sql.format(name)) for name in datasets] == [0, 1, 2]
