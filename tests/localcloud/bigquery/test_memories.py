"""What is remembered, and for how long: the oldest is forgotten, and an id that comes again counts from then on."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest
from bqemulator.config import PersistenceMode, Settings
from bqemulator.domain.errors import AlreadyExistsError, NotFoundError

from localcloud.bigquery.emulator import start
from localcloud.bigquery.job_book import JobBook
from localcloud.bigquery.remembered_texts import RememberedTexts, remembering
from localcloud.bigquery.request_ids import MEMORY_S as REQUEST_MEMORY_S
from localcloud.bigquery.request_ids import RequestIds
from localcloud.bigquery.row_counts import RowCounts
from localcloud.bigquery.streaming import MEMORY_S, InsertIds
from localcloud.bigquery.tables import TableRef

TABLE = TableRef("demo", "d", "t")


class Clock:
    """Seconds, as a test sets them."""

    now = 0.0

    def __call__(self) -> float:
        """The seconds."""
        return self.now


def test_an_insert_id_is_forgotten_after_its_time() -> None:
    """Of two ids the older one is forgotten first, and with it what the server keeps of it."""
    clock = Clock()
    ids = InsertIds(clock)
    ids.remember(TABLE, ["a"])
    clock.now = MEMORY_S / 2
    ids.remember(TABLE, ["b"])
    clock.now = MEMORY_S
    assert [ids.is_known(TABLE, each) for each in ("a", "b")] == [False, True]
    ids.remember(TABLE, ["c"])
    assert len(ids) == 2


def test_an_insert_id_that_comes_again_is_young_again() -> None:
    """An id that was inserted again after its time is remembered as long as a new one, and hides no older one."""
    clock = Clock()
    ids = InsertIds(clock)
    ids.remember(TABLE, ["a", "b"])
    clock.now = MEMORY_S / 2
    ids.remember(TABLE, ["a"])
    clock.now = MEMORY_S
    ids.remember(TABLE, ["c"])
    assert [ids.is_known(TABLE, each) for each in ("a", "b", "c")] == [True, False, True]
    assert len(ids) == 2


def test_a_request_id_is_forgotten_after_its_time() -> None:
    """A request id names its job for a quarter of an hour, and another job's from then on."""
    clock = Clock()
    ids = RequestIds(clock)
    ids.remember("demo", "r", "job_1")
    ids.remember("demo", "s", "job_2")
    clock.now = REQUEST_MEMORY_S / 2
    ids.remember("demo", "r", "job_3")
    clock.now = REQUEST_MEMORY_S
    ids.remember("demo", None, "job_4")
    assert [ids.job_of("demo", each) for each in ("r", "s", None)] == ["job_3", None, None]
    assert len(ids) == 1


def test_a_number_of_rows_is_counted_once_until_a_write() -> None:
    """Rows are counted again after a write to their table, or to any; of too many numbers the oldest is forgotten."""
    counts, numbers = RowCounts(max_remembered=2), itertools.count(1)

    def number(table: str) -> int:
        return counts.of(table, "TRUE", lambda: next(numbers))

    assert [number("a"), number("a"), number("b")] == [1, 1, 2]
    counts.forget(["a"])
    assert [number("a"), number("b")] == [3, 2]
    counts.forget_all()
    assert [number("a"), number("b"), number("c"), number("a")] == [4, 5, 6, 7]
    assert len(counts) == 2


def test_a_count_grows_with_what_is_added() -> None:
    """Rows that are added count at once where the table was counted, and not where a condition has counted."""
    counts = RowCounts()
    asked: list[str] = []

    def count(rows: str, found: int) -> int:
        def asks() -> int:
            asked.append(rows)
            return found

        return counts.of("a", rows, asks)

    counts.added("a", 2)
    assert (count("TRUE", 5), count("x = 1", 1)) == (5, 1)
    counts.added("a", 2)
    assert (count("TRUE", 0), count("x = 1", 3)) == (7, 3)
    counts.forget(["a"])
    assert (count("TRUE", 4), asked) == (4, ["TRUE", "x = 1", "x = 1", "TRUE"])


def test_a_table_without_rows_has_none_of_a_condition() -> None:
    """Nobody is asked for rows of a table that is new, or of which none were counted."""
    counts = RowCounts()
    counts.begin("a")
    assert [counts.of("a", rows, lambda: 9) for rows in ("TRUE", "x = 1")] == [0, 0]
    counts.added("a", 2)
    assert [counts.of("a", rows, lambda: 1) for rows in ("TRUE", "x = 1")] == [2, 1]
    counts.forget(["a"])
    assert [counts.of("a", rows, lambda: 0) for rows in ("x = 1", "TRUE", "x = 2")] == [0, 0, 0]


def test_what_was_made_of_long_texts_is_forgotten() -> None:
    """The text that was asked for longest ago goes when all are too long together, the newest never does."""
    known: RememberedTexts[str, str] = RememberedTexts(most_characters=10)
    for key, text in (("a", "1234"), ("b", "12345")):
        known.remember(key, text, key.upper())
    assert [known.find("a", "1234"), known.find("a", "other"), known.find("b", "12345")] == ["A", None, "B"]
    known.find("a", "1234")
    known.remember("c", "12", "C")
    assert [known.find(*each) for each in (("a", "1234"), ("b", "12345"), ("c", "12"))] == ["A", None, "C"]
    known.remember("c", "1" * 20, "D")
    assert (known.find("c", "1" * 20), len(known)) == ("D", 1)


def test_a_function_of_a_text_is_asked_once() -> None:
    """What a function made of a text is kept; what it refused is asked again."""
    asked: list[str] = []

    @remembering(most_characters=100)
    def length(text: str) -> int:
        asked.append(text)
        if not text:
            raise LookupError(text)
        return len(text)

    assert [length("abc"), length("abc")] == [3, 3]
    for _ in range(2):
        with pytest.raises(LookupError):
            length("")
    assert asked == ["abc", "", ""]


@pytest.mark.parametrize("on_disk", [False, True])
def test_the_latest_jobs_are_kept(tmp_path: Path, *, on_disk: bool) -> None:
    """In memory the oldest job can no longer be read, but its id stays taken; on disk all are kept."""
    asyncio.run(_three_jobs(tmp_path if on_disk else None))


async def _three_jobs(data_dir: Path | None) -> None:
    mode = PersistenceMode.PERSISTENT if data_dir else PersistenceMode.EPHEMERAL
    emulator = await start(Settings(persistence_mode=mode, data_dir=data_dir, enable_format_extensions=False))
    jobs = JobBook(emulator.context, most_in_memory=2)
    for job_id in ("a", "b", "c"):
        jobs.finish(jobs.claim("demo", job_id, "QUERY", {}), {})
    for job_id in ("a", "b", "c"):
        with pytest.raises(AlreadyExistsError):
            jobs.claim("demo", job_id, "QUERY", {})
    assert [jobs.get("demo", job_id).state for job_id in ("b", "c")] == ["DONE", "DONE"]
    if data_dir:
        assert jobs.get("demo", "a").state == "DONE"
    else:
        with pytest.raises(NotFoundError, match="no longer kept"):
            jobs.get("demo", "a")
    await emulator.engine.stop()
