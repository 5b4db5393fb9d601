"""What one server made of a statement, the next one takes; what decides it tells it from all others."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from bqemulator.config import PersistenceMode, Settings
from bqemulator.domain.errors import InvalidQueryError

from localcloud.bigquery.emulator import Emulator, start
from localcloud.bigquery.kept_translations import KeptTranslations
from localcloud.bigquery.query_jobs import Queries, QueryJob
from localcloud.bigquery.statements import Statement, Statements
from localcloud.bigquery.translation import Scope, Translator

IN_MEMORY = Settings(persistence_mode=PersistenceMode.EPHEMERAL, enable_format_extensions=False)
SQL = "SELECT AVG(amount) AS mean FROM `demo`.`{}`.`t`"


def files(folder: Path) -> list[Path]:
    """All that is kept there."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def translated(folder: Path, dataset: str = "first_org", column: str = "amount NUMERIC") -> str:
    """What a new server with this folder makes of the statement over a dataset whose table has this column."""

    async def translate() -> str:
        emulator = await start(IN_MEMORY)
        try:
            await _create(emulator, dataset, column)
            translator = Translator(emulator.tables, KeptTranslations(folder))
            return translator.translate(SQL.format(dataset), Scope("demo", None), []).sql
        finally:
            await emulator.engine.stop()

    return asyncio.run(translate())


async def _create(emulator: Emulator, dataset: str, column: str) -> None:
    for sql in (f"CREATE SCHEMA {dataset}", f"CREATE TABLE {dataset}.t ({column})"):
        await emulator.queries.run(QueryJob({"query": sql}, "demo", lambda _: None))


def test_the_next_server_takes_it(tmp_path: Path) -> None:
    """Another server, for another dataset with such a table, takes what the first has written, and not its own."""
    first = translated(tmp_path)
    (file,) = files(tmp_path)
    file.write_text(file.read_text().replace("mean", "from_the_file"))
    assert translated(tmp_path, "second_org") == first.replace("first_org", "second_org").replace(
        "mean", "from_the_file"
    )
    assert files(tmp_path) == [file]


def test_the_next_server_takes_a_view(tmp_path: Path) -> None:
    """A view of another dataset with such a table is made of what the first server has written."""

    async def columns(dataset: str) -> list[str]:
        emulator = await start(IN_MEMORY)
        queries = Queries(emulator.context, emulator.tables, KeptTranslations(tmp_path))
        try:
            await _create(emulator, dataset, "amount NUMERIC")
            for sql in (f"CREATE VIEW `{dataset}`.v AS {SQL.format(dataset)}", f"SELECT * FROM `{dataset}`.v"):
                outcome = await queries.run(QueryJob({"query": sql}, "demo", lambda _: None))
            assert outcome.result.num_rows == 1
            return [field["name"] for field in outcome.result.fields]
        finally:
            await emulator.engine.stop()

    assert asyncio.run(columns("first_org")) == ["mean"]
    for file in files(tmp_path):
        file.write_text(file.read_text().replace("mean", "from_the_file"))
    assert asyncio.run(columns("second_org")) == ["from_the_file"]


def test_the_next_server_takes_the_statements_of_a_text(tmp_path: Path) -> None:
    """A text of several statements is split as the first server has split it; what is refused is kept by nobody."""
    text = "SELECT 'told' FROM `{0}`.t; DELETE FROM `{0}`.t WHERE TRUE"
    Statements(KeptTranslations(tmp_path)).split(text.format("first_org"))
    for file in files(tmp_path):
        file.write_text(file.read_text().replace("told", "from the file"))
    statements = Statements(KeptTranslations(tmp_path))
    assert statements.split(text.format("second_org")) == (
        Statement("SELECT 'from the file' FROM `second_org`.t", "SELECT", is_query=True),
        Statement("DELETE FROM `second_org`.t WHERE TRUE", "DELETE"),
    )
    kept = files(tmp_path)
    for bad in ("SELECT x FRM `third_org`.t WHERE", "DELETE FROM `third_org`.t"):
        with pytest.raises(InvalidQueryError):
            statements.split(bad)
    assert files(tmp_path) == kept


def test_another_column_is_another_statement(tmp_path: Path) -> None:
    """The same text over a table with another type, or with other fields within one, is translated for itself."""
    columns = ("amount NUMERIC", "amount FLOAT64", "amount INT64, s STRUCT<x INT64>", "amount INT64, s STRUCT<y INT64>")
    found = [translated(tmp_path, column=column) for column in columns]
    kept = {file: file.read_bytes() for file in files(tmp_path)}
    assert (len(kept), found[0] == found[1]) == (1, False)
    assert [translated(tmp_path, column=column) for column in columns] == found
    assert {file: file.read_bytes() for file in files(tmp_path)} == kept


def _unreadable(folder: Path) -> None:
    for file in files(folder):
        file.write_bytes(b"\xff\xfe")


def _halved(folder: Path) -> None:
    for file in files(folder):
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _folders_instead(folder: Path) -> None:
    for file in files(folder):
        file.unlink()
        file.mkdir()


@pytest.mark.parametrize("harm", [_unreadable, _halved, _folders_instead])
def test_harm_is_mended_or_ignored(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    """What cannot be read is translated, as if nothing had been kept."""
    first = translated(tmp_path)
    harm(tmp_path)
    assert translated(tmp_path) == first


def test_what_has_another_form_is_translated(tmp_path: Path) -> None:
    """A file that is no list of translations is as good as none."""
    first = translated(tmp_path)
    (file,) = files(tmp_path)
    made = '["", [], [[], [], []], []]'
    for content in ("1", "[1]", "[[1, 2, 3, 4]]", f'[[{made}, {{}}, [], [[["a"], []]]]]', f"[[{made}, [1], [], []]]"):
        file.write_text(content)
        assert (translated(tmp_path), file.read_text() == content) == (first, False)


def test_without_a_folder(tmp_path: Path) -> None:
    """Where no folder can be made, a server translates for itself."""
    (tmp_path / "file").write_text("no folder")
    assert translated(tmp_path / "file") == translated(tmp_path / "other")


def test_a_kept_text_is_whole(tmp_path: Path) -> None:
    """Servers that keep the same at once and read it meanwhile see all of it; nothing unfinished is left."""
    text = "SELECT 1 -- " + "x" * 200_000

    def keep_and_find(_: int) -> str | None:
        kept = KeptTranslations(tmp_path, "code")
        kept.keep("key", text)
        return kept.find("key", str)

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(keep_and_find, range(40))) == {text}
    assert len(files(tmp_path)) == 1


def test_other_code_begins_anew(tmp_path: Path) -> None:
    """What other code has made is not found, and goes with the first of this."""
    KeptTranslations(tmp_path, "old").keep("key", "old text")
    kept = KeptTranslations(tmp_path, "new")
    assert (kept.find("key", str), files(tmp_path)) == (None, [])
    kept.keep("key", "new text")
    assert KeptTranslations(tmp_path, "new").find("key", str) == "new text"


def test_what_was_not_used_goes(tmp_path: Path) -> None:
    """Beyond a number of files the half of them stays that was used last."""
    kept = KeptTranslations(tmp_path, "code")
    for number in range(8):
        kept.keep(number, f"text {number}")
        os.utime(kept._file(number), (number, number))
    assert kept.find(0, str) == "text 0"
    kept = KeptTranslations(tmp_path, "code", most=6)
    assert [number for number in range(8) if kept.find(number, str)] == [0, 6, 7]
