"""Pages of results are read by the column where they are plain, and cell by cell where not: both give the same."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.fingerprint import Digest
from providers.gcp.loaded_day import BILLING
from providers.gcp.result_pages import PAGE_ROWS, page_batches
from providers.notes import PagesRead
from providers.tally import Tally
from tests.providers.gcp.result_bodies import ODD_CELLS, ODD_PAGES, ODD_ROWS, ODD_VALUES, TYPES, bodies, result

BOM = "\ufeff".encode()  # JSON's own parser takes it; nothing that begins with it is plain
DIGESTS = json.loads(Path(__file__).with_name("result_digests.json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Reading:
    """What a reading of pages gives: batches, digest and sums until an error ended it, and pages by path."""

    batches: Sequence[pa.RecordBatch]
    digest: str
    sums: dict[str, Decimal]
    error: str
    by_column: int
    by_row: int

    @property
    def told(self) -> Any:
        """All but the path; floats as texts, since no NaN is equal to another."""
        columns = [
            column.cast(pa.string()) if pa.types.is_floating(column.type) else column
            for batch in self.batches
            for column in batch.columns
        ]
        return columns, self.digest, self.sums, self.error


def read(pages: Sequence[bytes]) -> Reading:
    counts, error = PagesRead(), ""
    batches: list[pa.RecordBatch] = []
    digest = Digest(Tally(BILLING.money, BILLING.as_of))
    try:
        for batch in page_batches(result(pages), lambda: counts):
            digest.add(batch)
            batches.append(batch)
    except UnicodeDecodeError as err:
        error = type(err).__name__  # its text tells where, and a byte order mark shifts that
    except Exception as err:
        error = f"{type(err).__name__} {err}"
    return Reading(batches, digest.content.digest, dict(digest.tally.sums), error, counts.by_column, counts.by_row)


def never_plain(pages: Sequence[bytes]) -> list[bytes]:
    """The same pages in a form that is read cell by cell."""
    return [BOM + page for page in pages]


@settings(max_examples=400, deadline=None)
@given(
    random=st.randoms(use_true_random=False),
    sizes=st.lists(st.integers(0, 5), min_size=1, max_size=4),
    one_of=st.sampled_from([1, 3, 8, 30, 100]),
)
def test_both_ways_give_the_same(random: Random, sizes: list[int], one_of: int) -> None:
    """Whatever the pages hold, tables, digest, sums and errors are equal, and what comes before an error too."""
    pages = bodies(random, sizes, lambda it: it.randrange(one_of) == 0)
    found, by_cell = read(pages), read(never_plain(pages))
    assert found.told == by_cell.told
    assert (by_cell.by_column, found.by_column + found.by_row) == (0, by_cell.by_row)


def plain(seed: int, *sizes: int) -> list[bytes]:
    return bodies(Random(seed), sizes, lambda _: False)


@pytest.mark.parametrize("seed", range(5))
def test_values_are_those_of_before(seed: int) -> None:
    """Digests and sums of plain pages are those which the code gave that read all pages cell by cell."""
    found = read(plain(seed, 40, 0, 25))
    assert (found.by_column, found.by_row, found.error) == (2, 0, "")
    assert [found.digest, {name: str(amount) for name, amount in found.sums.items()}] == DIGESTS[seed]


def test_only_the_odd_page_is_read_cell_by_cell() -> None:
    """A value that is no text takes its own page to the other way, and no other page."""
    pages = plain(1, 30, 30, 30)
    laid_out = pages[0].replace(b'{"v":', b'{ "v": ').replace(b"},", b"},\n  ")
    more = pages[1].replace(b'"totalRows"', b'"kind":"bigquery#getQueryResultsResponse","totalRows"')
    found = read([laid_out, more, pages[2]])
    assert (found.by_column, found.by_row) == (2, 1)
    assert found.told == read(pages).told


@pytest.mark.parametrize("odd", [*ODD_CELLS, *ODD_ROWS, *ODD_PAGES], ids=lambda it: str(it)[:24])
def test_one_odd_thing(odd: str | Callable[[str], str]) -> None:
    """A cell, a row or a page that is not as it should be is read, or refused, as the cells of it alone would be."""
    (page,) = plain(1, 3)
    if callable(odd):
        changed = odd(page.decode()).encode(errors="surrogatepass")
    else:
        whole = re.compile(rb'\{"f":\[.*?\]\}' if odd in ODD_ROWS else rb'\{"v":("[^"]*"|null)\}')
        changed = whole.sub(odd.replace("\\", r"\\").encode(), page, count=1)
    assert changed != page
    assert read([changed]).told == read(never_plain([changed])).told


NUMBERS = {
    '"1E2"': "100", '"1.5e-3"': "0.0015", '"0E-9"': "0", '"1.0000000000"': "1", '".5"': "0.5", '"+7"': "7", '"1."': "1",
    '"9223372036854775808"': "9223372036854775808", '"1794301964123456.5"': "1794301964123456.5",
    '"1.794301964123456E15"': "1794301964123456", '"253402300800000000"': "253402300800000000",
    f'"{"0" * 60}1.5"': "1.5", "null": None, '"\\u0031"': "1", '"12.5"': "12.5",
    f'"{"0" * 30}.123456789"': "0.123456789", f'"{"9" * 29}.1"': f"{'9' * 29}.1",
    '"99999999999999999999999999999.999999999"': "99999999999999999999999999999.999999999",
}  # fmt: skip


TOO_LARGE = (f'"{"9" * 30}.{"9" * 9}"', f'"{"1" * 30}.5"', f'"+{"9" * 30}.{"9" * 8}"')


@pytest.mark.parametrize("literal", [*ODD_VALUES, *NUMBERS, *TOO_LARGE], ids=lambda it: it[:24])
def test_no_number_is_wrong(literal: str) -> None:
    """A literal of a NUMERIC is that number exactly or an error, never another number, nor the end of the process."""
    cells = [f'{{"v":{literal if name == "net_cost" else "null"}}}' for name in TYPES]
    page = f'{{"rows":[{{"f":[{",".join(cells)}]}}]}}'.encode(errors="surrogatepass")
    found = read([page])
    assert found.told == read(never_plain([page])).told
    if literal in NUMBERS:
        wanted = NUMBERS[literal]
        assert found.batches[0]["net_cost"].to_pylist() == [None if wanted is None else Decimal(wanted)]
    else:
        assert found.error


def test_each_page_is_asked_for_once() -> None:
    """The first page is asked for without a token and each other with its own, and nothing after the last."""
    asked: list[dict[str, Any]] = []
    assert [batch.num_rows for batch in page_batches(result(plain(1, 3, 0, 2), asked))] == [3, 2]
    most = {"maxResults": PAGE_ROWS}
    assert asked == [most, most | {"pageToken": "1"}, most | {"pageToken": "2"}]
