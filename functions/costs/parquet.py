"""A Parquet file, row group by row group, from cells as BigQuery's REST API has them. Holds one row group at a time.

Written here since pyarrow, whose import costs 0.35 s beside BigQuery's client, is kept out of the functions. Every
column may have NULLs, is PLAIN, and compressed by gzip. The format: https://parquet.apache.org/docs/file-format/
"""

import datetime as dt
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Final

Cell = str | None
MAGIC: Final = b"PAR1"
CREATED_BY: Final = "CloudAct Pipelines"
_BOOLEAN, _INT32, _INT64, _BYTE_ARRAY, _FIXED = 0, 1, 2, 6, 7
_UTF8, _DECIMAL, _DATE, _MICROS = 0, 5, 6, 10
_OPTIONAL, _PLAIN, _RLE, _GZIP, _DATA_PAGE = 1, 0, 3, 2, 0
_SCALE, _PRECISION, _DECIMAL_BYTES = 9, 38, 16
_EPOCH = dt.date(1970, 1, 1)
_LEVEL: Final = 1  # of compression: cells of a column are much alike
Encode = Callable[[Sequence[str]], bytes]


@dataclass(frozen=True)
class Column:
    """Column of the file: its name, physical and converted type, and how its texts are encoded."""

    name: str
    physical: int
    converted: int | None
    encode: Encode


def column(name: str, kind: str) -> Column:
    """Column for a type in the words of BigQuery's API; what has no type of its own is text."""
    physical, converted, encode = _TYPES.get(kind, (_BYTE_ARRAY, _UTF8, _texts))
    return Column(name, physical, converted, encode)


def parquet(columns: Sequence[Column], row_groups: Iterable[Sequence[Sequence[Cell]]]) -> Iterator[bytes]:
    """Parts of the file: one for each row group that is given, a sequence of rows, and one at the end."""
    yield MAGIC
    place, groups, count = len(MAGIC), list[bytes](), 0
    for rows in row_groups:
        parts, chunks = list[bytes](), list[bytes]()
        for number, each in enumerate(columns):
            page, chunk = _page(each, [row[number] for row in rows], place + sum(map(len, parts)))
            parts.append(page)
            chunks.append(chunk)
        group = b"".join(parts)
        groups.append(_struct((1, _list(12, chunks)), (2, _i64(len(group))), (3, _i64(len(rows)))))
        place, count = place + len(group), count + len(rows)
        yield group
    footer = _footer(columns, groups, count)
    yield footer + len(footer).to_bytes(4, "little") + MAGIC


def _page(column_: Column, cells: Sequence[Cell], place: int) -> tuple[bytes, bytes]:
    """The one page of a column in a row group, at this place of the file, and the metadata of its chunk."""
    told = [cell is not None for cell in cells]
    levels = _levels(told)
    body = len(levels).to_bytes(4, "little") + levels + column_.encode([*compress(cells, told)])  # type: ignore[list-item]
    packed = zlib.compress(body, _LEVEL, 31)
    of_data = _struct((1, _i32(len(cells))), (2, _i32(_PLAIN)), (3, _i32(_RLE)), (4, _i32(_RLE)))
    header = _struct((1, _i32(_DATA_PAGE)), (2, _i32(len(body))), (3, _i32(len(packed))), (5, (12, of_data)))
    metadata = _struct(
        (1, _i32(column_.physical)),
        (2, _list(5, [_number(_PLAIN), _number(_RLE)])),
        (3, _list(8, [_binary(column_.name)])),
        (4, _i32(_GZIP)),
        (5, _i64(len(cells))),
        (6, _i64(len(header) + len(body))),
        (7, _i64(len(header) + len(packed))),
        (9, _i64(place)),
    )
    return header + packed, _struct((2, _i64(place)), (3, (12, metadata)))


def _levels(told: Sequence[bool]) -> bytes:
    """Definition levels, a bit for each cell: one run where all are alike, else packed, the first bit lowest."""
    if len({*told}) == 1:
        return _varint(len(told) << 1) + bytes([told[0]])
    groups = -(-len(told) // 8)
    return _varint(groups << 1 | 1) + _bits(told)


def _bits(flags: Sequence[bool]) -> bytes:
    text = "".join("1" if flag else "0" for flag in reversed(flags))
    return int(text or "0", 2).to_bytes(-(-len(flags) // 8), "little")


def _texts(texts: Sequence[str]) -> bytes:
    encoded = (text.encode() for text in texts)
    return b"".join(len(text).to_bytes(4, "little") + text for text in encoded)


def _decimals(texts: Sequence[str]) -> bytes:
    return b"".join(_unscaled(text).to_bytes(_DECIMAL_BYTES, "big", signed=True) for text in texts)


def _unscaled(text: str) -> int:
    whole, _, part = text.partition(".")
    return int(whole + part.ljust(_SCALE, "0"))


def _days(texts: Sequence[str]) -> bytes:
    days = ((dt.date.fromisoformat(text) - _EPOCH).days for text in texts)
    return b"".join(day.to_bytes(4, "little", signed=True) for day in days)


def _whole(texts: Sequence[str]) -> bytes:
    return b"".join(int(text).to_bytes(8, "little", signed=True) for text in texts)


def _flags(texts: Sequence[str]) -> bytes:
    return _bits([text == "true" for text in texts])


_TYPES: Final[dict[str, tuple[int, int | None, Encode]]] = {
    "NUMERIC": (_FIXED, _DECIMAL, _decimals),
    "DATE": (_INT32, _DATE, _days),
    "TIMESTAMP": (_INT64, _MICROS, _whole),  # whole microseconds, as they are asked for
    "INTEGER": (_INT64, None, _whole),
    "BOOLEAN": (_BOOLEAN, None, _flags),
}


def _footer(columns: Sequence[Column], groups: Sequence[bytes], rows: int) -> bytes:
    root = _struct((4, _text("schema")), (5, _i32(len(columns))))
    return _struct(
        (1, _i32(1)),
        (2, _list(12, [root, *map(_element, columns)])),
        (3, _i64(rows)),
        (4, _list(12, groups)),
        (6, _text(CREATED_BY)),
    )


def _element(column_: Column) -> bytes:
    fields: list[_Field] = [(1, _i32(column_.physical))]
    if column_.physical == _FIXED:
        fields.append((2, _i32(_DECIMAL_BYTES)))
    fields += [(3, _i32(_OPTIONAL)), (4, _text(column_.name))]
    if column_.converted is not None:
        fields.append((6, _i32(column_.converted)))
    if column_.converted == _DECIMAL:
        fields += [(7, _i32(_SCALE)), (8, _i32(_PRECISION))]
    return _struct(*fields)


# Thrift's compact protocol: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
_Value = tuple[int, bytes]  # its type and its bytes
_Field = tuple[int, _Value]  # the field's number and value


def _struct(*fields: _Field) -> bytes:
    """Fields in the order of their numbers, which are less than 16 apart."""
    found, last = bytearray(), 0
    for number, (kind, value) in fields:
        found.append((number - last) << 4 | kind)
        found += value
        last = number
    return bytes(found) + b"\0"


def _list(kind: int, values: Sequence[bytes]) -> _Value:
    short = len(values) < 15
    head = bytes([len(values) << 4 | kind]) if short else bytes([0xF0 | kind]) + _varint(len(values))
    return 9, head + b"".join(values)


def _i32(number: int) -> _Value:
    return 5, _number(number)


def _i64(number: int) -> _Value:
    return 6, _number(number)


def _text(text: str) -> _Value:
    return 8, _binary(text)


def _binary(text: str) -> bytes:
    encoded = text.encode()
    return _varint(len(encoded)) + encoded


def _number(number: int) -> bytes:
    return _varint(number << 1)  # zigzag; none is below zero


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])
