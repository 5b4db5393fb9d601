"""An answer is remembered while its tables stay as they are: whoever asks again never sees what was before a write."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pytest
from bqemulator.config import PersistenceMode, Settings
from google.cloud import bigquery

from localcloud.bigquery.emulator import Emulator, start
from localcloud.bigquery.query_jobs import QueryJob
from localcloud.bigquery.remembered_answers import LARGEST, MAX_REMEMBERED, RememberedAnswers
from tests.localcloud.bigquery.running import PROJECT, rows, value

SUM = "SELECT SUM(x) FROM `{0}`.t"
ABOVE = "SELECT SUM(x) FROM `{0}`.v"


@pytest.fixture
def asked(client: bigquery.Client) -> str:
    """A dataset with a table of one row and a view of it, which were both asked for already."""
    name = f"asked_{uuid4().hex[:8]}"
    client.create_dataset(f"{PROJECT}.{name}")
    rows(client, f"CREATE TABLE `{name}`.t AS SELECT 1 AS x, 'a' AS word")
    rows(client, f"CREATE VIEW `{name}`.v AS SELECT x FROM `{name}`.t")
    assert [value(client, sql.format(name)) for sql in (SUM, ABOVE)] == [1, 1]
    return name


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("INSERT INTO `{0}`.t VALUES (2, 'b')", 3),
        ("UPDATE `{0}`.t SET x = 5 WHERE TRUE", 5),
        ("MERGE `{0}`.t USING (SELECT 7 AS y) ON FALSE WHEN NOT MATCHED THEN INSERT (x, word) VALUES (y, 'c')", 8),
        ("BEGIN TRANSACTION; UPDATE `{0}`.t SET x = 6 WHERE TRUE; COMMIT TRANSACTION", 6),
        ("CREATE OR REPLACE TABLE `{0}`.t AS SELECT 9 AS x, 'd' AS word", 9),
        ("BEGIN UPDATE `{0}`.t SET x = 4 WHERE TRUE; END", 4),
        ("DELETE FROM `{0}`.t WHERE TRUE", None),
        ("TRUNCATE TABLE `{0}`.t", None),
    ],
)
def test_a_statement_that_writes_is_seen(client: bigquery.Client, asked: str, statement: str, told: int | None) -> None:
    """The next answer has what was written, through a view, too."""
    rows(client, statement.format(asked))
    assert [value(client, sql.format(asked)) for sql in (SUM, ABOVE)] == [told, told]


def test_rows_that_are_streamed_are_seen(client: bigquery.Client, asked: str) -> None:
    """A row that a client inserts is in the next answer."""
    assert client.insert_rows_json(f"{PROJECT}.{asked}.t", [{"x": 10, "word": "e"}]) == []
    assert [value(client, sql.format(asked)) for sql in (SUM, ABOVE)] == [11, 11]


def test_rows_that_are_loaded_are_seen(client: bigquery.Client, asked: str) -> None:
    """A load job that replaces as many rows as there were is in the next answer."""
    config = bigquery.LoadJobConfig(write_disposition="WRITE_TRUNCATE")
    client.load_table_from_json([{"x": 20, "word": "f"}], f"{PROJECT}.{asked}.t", job_config=config).result()
    assert [value(client, sql.format(asked)) for sql in (SUM, ABOVE)] == [20, 20]


def test_a_result_that_is_stored_is_seen(client: bigquery.Client, asked: str) -> None:
    """A query that overwrites the table with its result is in the next answer."""
    rows(
        client, "SELECT 30 AS x, 'g' AS word",
        destination=f"{PROJECT}.{asked}.t", write_disposition="WRITE_TRUNCATE",
    )  # fmt: skip
    assert [value(client, sql.format(asked)) for sql in (SUM, ABOVE)] == [30, 30]


def test_another_view_is_seen(client: bigquery.Client, asked: str) -> None:
    """A view that is replaced by one of the same columns gives what the new one says."""
    rows(client, f"CREATE OR REPLACE VIEW `{asked}`.v AS SELECT x + 100 AS x FROM `{asked}`.t")
    assert value(client, ABOVE.format(asked)) == 101


def test_values_of_parameters_are_told_apart(client: bigquery.Client, asked: str) -> None:
    """One text with other values has another answer."""
    sql = f"SELECT x + @more FROM `{asked}`.t"
    given = [bigquery.ScalarQueryParameter("more", "INT64", more) for more in (1, 2, 1)]
    assert [value(client, sql, query_parameters=[each]) for each in given] == [2, 3, 2]


def test_a_job_reports_as_if_it_had_run(client: bigquery.Client, asked: str) -> None:
    """The second job bills the same bytes and says that nothing was cached."""
    first, second = (client.query(SUM.format(asked)) for _ in range(2))
    assert [next(iter(job.result()))[0] for job in (first, second)] == [1, 1]
    assert second.cache_hit is first.cache_hit is False
    assert second.total_bytes_billed == first.total_bytes_billed > 0


async def _emulator() -> Emulator:
    emulator = await start(Settings(persistence_mode=PersistenceMode.EPHEMERAL, enable_format_extensions=False))
    for sql in (
        "CREATE SCHEMA d",
        "CREATE TABLE d.t AS SELECT 1 AS x",
        "CREATE VIEW d.v AS SELECT x, RAND() AS y FROM d.t",
    ):
        await emulator.queries.run(_job(sql))
    return emulator


def _job(sql: str) -> QueryJob:
    return QueryJob({"query": sql}, PROJECT, lambda _: None)


async def _times_asked(sql: str, text: str | None = None) -> int:
    """How often the database is asked by one statement, twice; `text` is what the job said, if it is another."""
    emulator = await _emulator()
    answers = RememberedAnswers(emulator.tables)
    translation = emulator.queries._translator.translate(sql, _job(sql).scope, [])
    times = 0

    async def ask() -> pa.Table:
        nonlocal times
        times += 1
        return await emulator.engine.query(translation.sql, {})

    for _ in range(2):
        await answers.of(text or sql, translation, {}, ask)
    await emulator.engine.stop()
    return times


@pytest.mark.parametrize(
    ("sql", "times"),
    [
        ("SELECT x FROM d.t", 1),
        ("SELECT x, CURRENT_TIMESTAMP() FROM d.t", 2),
        ("SELECT x, CURRENT_DATE FROM d.t", 2),
        ("SELECT x, RAND() FROM d.t", 2),
        ("SELECT x, GENERATE_UUID() FROM d.t", 2),
        ("SELECT x FROM d.v", 2),
        ("SELECT 1", 2),
        (f"SELECT REPEAT('a', {LARGEST}) FROM d.t", 2),
    ],
)
def test_what_does_not_follow_from_rows_is_asked_again(sql: str, times: int) -> None:
    """The clock and chance, in the text or in a view below, and an answer that is too large."""
    assert asyncio.run(_times_asked(sql)) == times


def test_a_function_that_somebody_may_define_anew_is_asked_again() -> None:
    """Nobody tells when a function is replaced, so what calls one that is not Google's is not remembered."""
    assert asyncio.run(_times_asked("SELECT x FROM d.t", "SELECT d.more(x) FROM d.t")) == 2


def test_so_many_answers_are_remembered() -> None:
    """The oldest is forgotten when there are too many."""

    async def remembered() -> tuple[int, list[Any]]:
        emulator = await _emulator()
        answers = RememberedAnswers(emulator.tables)
        sql = "SELECT x FROM d.t"
        translation = emulator.queries._translator.translate(sql, _job(sql).scope, [])
        asked = []

        async def ask() -> pa.Table:
            asked.append(1)
            return pa.table({"x": [1]})

        for number in (*range(MAX_REMEMBERED + 1), MAX_REMEMBERED, 0):
            await answers.of(sql, translation, {"p": number}, ask)
        await emulator.engine.stop()
        return len(answers), asked

    number, asked = asyncio.run(remembered())
    assert number == MAX_REMEMBERED
    assert len(asked) == MAX_REMEMBERED + 2
