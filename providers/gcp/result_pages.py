"""Turns the pages of a query's result into Arrow record batches, with the types of the result's own columns.

One page is one batch, so memory holds a page or two and never the day. A plain page is decoded in one go, with strict
types; what is not plain is read cell by cell, with the errors that this gives. Both give texts to the same casts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from providers.arrow import ARROW, is_found
from providers.notes import PagesRead
from providers.plain import NotPlain

if TYPE_CHECKING:
    from google.cloud.bigquery.table import RowIterator

PAGE_ROWS = 5000
"""Rows to ask for in one page, some 5 MB of JSON. Google sends less where they are more than 10 MB.

A page that is not plain is held as nested dicts: 28 kB a row at 50 columns.
"""
PAGE_TIMEOUT_S = 60.0  # of one try of a page: nothing else would end the wait for one that never comes
LONGEST_NUMERIC = 40  # a sign, 29 digits, a point and 9 decimals: Arrow reads a longer text modulo 2**128, or crashes
MOST_WHOLE_DIGITS = 29  # with more of them a text of that length may still be read modulo 2**128

_NUMBER = re.compile(r"[+-]?([0-9]{1,400}\.?[0-9]{0,400}|\.[0-9]{1,400})([eE][+-]?[0-9]{1,3})?", re.ASCII)
_TOO_MANY_DIGITS = f"^[+-]?[0-9]{{{MOST_WHOLE_DIGITS + 1}}}"
_NINTH, _EXACT = Decimal("1e-9"), Context(prec=38, traps=[Inexact, InvalidOperation])

Cells: TypeAlias = Sequence[str | None]


def page_batches(
    result: RowIterator, read: Callable[[], PagesRead] = PagesRead, timeout_s: float = PAGE_TIMEOUT_S
) -> Iterator[pa.RecordBatch]:
    """Yields one batch a page, which is asked for when it is wanted.

    `result` is that of a query, as the client gives it out; pages that it holds already are asked for again, since they
    are no text any more. `read` gives the counts of pages by path, to be added to. A page may be silent for
    `timeout_s`, and is asked for again as the result's own retry allows. Raises `pyarrow.ArrowInvalid` if a value is
    not of its column's type, and what Google's client raises.
    """
    schema = pa.schema([pa.field(field.name, ARROW[field.field_type]) for field in result.schema])
    for columns in _texts(result, read, timeout_s):
        if columns:
            arrays = [_array(texts, field.type) for texts, field in zip(columns, schema, strict=True)]
            columns.clear()  # some 20 MB, while the batch is worked on
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _texts(result: RowIterator, read: Callable[[], PagesRead], timeout_s: float) -> Iterator[list[Cells]]:
    """The texts of each page by column, no columns where it has no rows."""
    width = len(result.schema)
    if result.path is None:  # all rows came with the answer, and the client has parsed it
        yield from (_by_cell(page.raw_page.get("rows"), width) for page in result.pages)
        return
    token, more = None, result.total_rows != 0
    while more:
        columns, token = _columns(_body(result, token, timeout_s), width, read)
        yield columns
        more = token is not None


def _body(result: RowIterator, token: str | None, timeout_s: float) -> bytes:
    """The text of a page, by the client's own call with its retries; it would parse it at once."""
    asked = {**result.extra_params, "maxResults": PAGE_ROWS}
    if token is not None:
        asked["pageToken"] = token
    body: bytes = result.api_request(
        method="GET", path=result.path, query_params=asked, expect_json=False, timeout=timeout_s
    )
    return body


def _columns(body: bytes, width: int, read: Callable[[], PagesRead]) -> tuple[list[Cells], str | None]:
    """The texts of a page, and the token of the page after it."""
    try:
        columns, token = _plain_columns(body, width)
        if columns:
            read().by_column += 1
    except NotPlain:
        page: Any = json.loads(body)
        columns, token = _by_cell(page.get("rows"), width), page.get("pageToken")
        if columns:
            read().by_row += 1
    return columns, token


class _Cell(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    v: str | None


class _Row(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A row as `tabledata.list` and `getQueryResults` give it: every value is text."""

    f: list[_Cell]


class _Page(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The fields that the client asks for."""

    rows: list[_Row] = []
    pageToken: str | None = None  # noqa: N815 - Google's name
    totalRows: str | None = None  # noqa: N815
    jobReference: dict[str, str] | None = None  # noqa: N815


_PAGE = msgspec.json.Decoder(_Page)


def _plain_columns(body: bytes, width: int) -> tuple[list[Cells], str | None]:
    """The texts of a plain page. Raises `NotPlain`."""
    try:
        page = _PAGE.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as err:
        raise NotPlain from err
    if any(len(row.f) != width for row in page.rows):
        raise NotPlain
    cells = [cell.v for row in page.rows for cell in row.f]
    return [cells[number::width] for number in range(width)] if cells else [], page.pageToken


def _by_cell(rows: Sequence[Any] | None, width: int) -> list[Cells]:
    """Texts of any rows by column, with whatever else the cells hold: `_array` judges it."""
    return [[row["f"][number]["v"] for row in rows] for number in range(width)] if rows else []


def _array(texts: Cells, kind: pa.DataType) -> pa.Array:
    # Arrow parses a column of text at once, ten times faster than the client makes Python objects of the cells.
    text = pa.array(texts, pa.string())
    if kind == ARROW["TIMESTAMP"]:  # the client asks for whole microseconds since 1970
        return text.cast(pa.int64()).cast(kind)
    if kind == ARROW["NUMERIC"] and not _is_short_and_positional(text):
        return pa.array([value if value is None else _numeric(value) for value in text.to_pylist()], kind)
    return text.cast(kind)


def _is_short_and_positional(numbers: pa.Array) -> bool:
    """Whether Arrow reads them rightly: it ends the process at 1e-999999999."""
    data = numbers.buffers()[2]
    longest = pc.max(pc.binary_length(numbers)).as_py() or 0
    if longest > LONGEST_NUMERIC or (data and is_found("[eE]", data)):
        return False
    return longest <= MOST_WHOLE_DIGITS or not pc.any(pc.match_substring_regex(numbers, _TOO_MANY_DIGITS)).as_py()


def _numeric(text: str) -> Decimal:
    """The number that the text says, exactly. Raises `pyarrow.ArrowInvalid` where no NUMERIC is that number."""
    try:
        if _NUMBER.fullmatch(text):
            return Decimal(text).quantize(_NINTH, context=_EXACT)
    except (Inexact, InvalidOperation):
        pass
    raise pa.ArrowInvalid(f"{text[:LONGEST_NUMERIC]!r} is no NUMERIC.")
