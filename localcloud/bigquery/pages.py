"""Pages of rows on the wire: Arrow columns as Google's `{"f": [{"v": …}]}`, column by column.

Every scalar is a string. Only the rows of the page are encoded, so a page costs the same wherever it lies.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from starlette.concurrency import run_in_threadpool

Cells = list[Any]
# Google bounds a page by its size (10 MB); this bounds it by rows and by Arrow bytes.
MAX_PAGE_ROWS = 100_000
MAX_PAGE_BYTES = 10_000_000
AT_ONCE = 2_000  # cells, which take less than a millisecond; to hand a page to a thread takes a third of one


def page_size(table: pa.Table, asked: int | None) -> int:
    """How many rows a page of this table may have."""
    width = max(1, table.nbytes // max(1, table.num_rows))
    most = max(1, min(MAX_PAGE_ROWS, MAX_PAGE_BYTES // width))
    return int(most if asked is None else min(asked, most))


async def encoded(table: pa.Table, offset: int, limit: int, *, micros: bool = True) -> orjson.Fragment:
    """What `encode` gives, while the event loop goes on if the page is large."""
    if min(table.num_rows - offset, limit) * table.num_columns <= AT_ONCE:
        return encode(table, offset, limit, micros=micros)
    return await run_in_threadpool(encode, table, offset, limit, micros=micros)


def encode(table: pa.Table, offset: int, limit: int, *, micros: bool = True) -> orjson.Fragment:
    """The rows [offset, offset + limit) as JSON; TIMESTAMP in whole microseconds, or in seconds as old clients expect.

    The text is joined from columns of literals: a dict for every cell would keep the garbage collector busy.
    """
    if not table.num_columns or not table.num_rows:
        return orjson.Fragment(b"[]")
    columns = [_literals(column, micros) for column in table.slice(offset, limit).columns]
    rows = ['{"f":[{"v":' + '},{"v":'.join(cells) + "}]}" for cells in zip(*columns, strict=True)]
    return orjson.Fragment("[" + ",".join(rows) + "]")


def _literals(column: pa.ChunkedArray, micros: bool) -> list[str]:
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    cells = _cells(array, micros)
    if _is_plain(array):
        return ["null" if cell is None else f'"{cell}"' for cell in cells]
    return [orjson.dumps(cell).decode() for cell in cells]


def _is_plain(array: pa.Array) -> bool:
    if pa.types.is_string(array.type):
        return not pc.any(pc.match_substring_regex(array, r'["\\\x00-\x1f]')).as_py()
    return bool(pa.types.is_primitive(array.type) or pa.types.is_decimal(array.type))


def _cells(array: pa.Array, micros: bool) -> Cells:
    if pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        return _lists(array, micros)
    if pa.types.is_struct(array.type):
        return _structs(array, micros)
    if pa.types.is_timestamp(array.type):
        return _timestamps(array, micros)
    for matches, cells in FORMATS:
        if matches(array.type):
            return cells(array)
    return [None if value is None else str(value) for value in array.to_pylist()]


def _lists(array: pa.Array, micros: bool) -> Cells:
    items = [{"v": value} for value in _cells(array.flatten(), micros)]
    lists, start = [], 0
    for length in pc.list_value_length(array).to_pylist():  # BigQuery has no NULL arrays: they read as empty
        lists.append(items[start : start + (length or 0)])
        start += length or 0
    return lists


def _structs(array: pa.Array, micros: bool) -> Cells:
    columns = [_cells(pc.struct_field(array, [i]), micros) for i in range(array.type.num_fields)]
    rows = [{"f": [{"v": value} for value in row]} for row in zip(*columns, strict=True)]
    return [row if valid else None for row, valid in zip(rows, array.is_valid().to_pylist(), strict=True)]


def _timestamps(array: pa.Array, micros: bool) -> Cells:
    if array.type.tz is None:
        return [None if value is None else value.isoformat() for value in array.to_pylist()]
    epoch = array.cast(pa.timestamp("us", "UTC"), safe=False).cast(pa.int64())
    if micros:
        return _strings(epoch)
    return [None if value is None else f"{value / 1e6:.6f}" for value in epoch.to_pylist()]


def _strings(array: pa.Array) -> Cells:
    cells: Cells = array.cast(pa.string()).to_pylist()
    return cells


def _floats(array: pa.Array) -> Cells:
    names = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}
    texts = (None if value is None else repr(value) for value in array.to_pylist())
    return [text if text is None else names.get(text, text) for text in texts]


def _decimals(array: pa.Array) -> Cells:
    texts = array.cast(pa.string())
    if array.type.scale > 0:  # Google writes no trailing zeros, and Arrow some exponents (0E-9)
        trimmed = pc.utf8_rtrim(pc.utf8_rtrim(texts, "0"), ".")
        texts = pc.if_else(pc.match_substring(texts, "E"), texts, trimmed)
    return [_plain(text) if text is not None and "E" in text else text for text in texts.to_pylist()]


def _plain(text: str) -> str:
    text = format(Decimal(text), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _bytes(array: pa.Array) -> Cells:
    return [None if value is None else base64.b64encode(value).decode() for value in array.to_pylist()]


FORMATS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], Cells]], ...] = (
    (lambda t: pa.types.is_string(t) or pa.types.is_large_string(t), lambda array: list(array.to_pylist())),
    (lambda t: pa.types.is_integer(t) or pa.types.is_boolean(t) or pa.types.is_date(t), _strings),
    (pa.types.is_floating, _floats),
    (pa.types.is_decimal, _decimals),
    (lambda t: pa.types.is_binary(t) or pa.types.is_large_binary(t), _bytes),
    (pa.types.is_time, lambda array: [v if v is None else v.isoformat() for v in array.to_pylist()]),
)
