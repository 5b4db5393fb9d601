"""Plain pages of a report: every row has the fields of a fixed shape and nothing else, so that it needs no judgement.

A page is decoded in one go, with strict types, or it is not plain. What is not plain goes through `Line`, which knows
what else may come. So this module must only be right about what it accepts; it never explains what it does not.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

import msgspec
import pyarrow as pa
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from cloudact.error_codes import Code
from cloudact.errors import CONTACT_SUPPORT, Stop
from cloudact.json_types import JsonObject
from providers.arrow import is_found
from providers.exact_json import Unreadable, read_object
from providers.lines import LARGEST_COUNT, LONGEST_TEXT

# Python reads no exponent of more than 18 digits, and no whole number of more than 4,300: what these find may be one.
_BEYOND_REASON = r"[0-9]{100}|[:,\[][ \t\r\n]*-?[0-9]+(\.[0-9]+)?[eE][+-]?[0-9]{17}"
_LONGEST_SURE = 20  # characters of a number which can surely be read: an exponent of 19 digits has more
_BESIDE_ROWS = ("object", "end_time", "ending_at")  # what pages and buckets are known to say besides
_NO_TEXT = frozenset({bool, int, NoneType, UnsetType, Literal})  # a literal's text is ours
_HEAD_BYTES = 4096  # of a page: enough to see how it is laid out

Kind: TypeAlias = Any
"""Type of a field, one of those below, or the `Struct` of a nested object."""

TEXT: Kind = Annotated[str, Meta(max_length=LONGEST_TEXT)] | None
COUNT: Kind = Annotated[int, Meta(ge=-LARGEST_COUNT, le=LARGEST_COUNT)] | None
FLAG: Kind = bool | None
NOTHING: Kind = None
"""Of a field that is always null here, as a dimension by which nobody groups."""
NUMBER: Kind = Raw
"""Literal of a number or of a string of one: it is judged by its digits, never as a float."""
JSON: Kind = Raw
"""Any JSON value, kept as it is."""
PERSONAL: Kind = Raw
"""Any JSON value of a field that names a person: never stored."""


class NotPlain(Exception):
    """The rows cannot be read by the column."""


def shape(name: str, required: Mapping[str, Kind] | None = None, **fields: Kind) -> type[Struct]:
    """Type of an object with these fields; each but the `required` may be left out, and is `UNSET` then."""
    must = list((required or {}).items())
    may = [(field, Union[kind, UnsetType], UNSET) for field, kind in fields.items()]  # noqa: UP007 - kinds are values
    return msgspec.defstruct(name, [*must, *may], forbid_unknown_fields=True, gc=False)


@dataclass(frozen=True)
class PlainPage:
    """Page that was decoded: its rows, and what the page says beside them.

    `as_sent` are the rows as they were sent, with commas between them, where these are kept.
    """

    body: bytes
    rows: Sequence[Struct]
    as_sent: bytes | None
    has_more: bool
    next_page: str | None
    data_refreshed_at: str | None

    @property
    def fields(self) -> JsonObject:
        """The page as `Line` takes it. Raises `Stop` where `PageShape` accepted what is no JSON for Python."""
        try:
            return read_object(self.body)
        except Unreadable as err:
            raise Stop(Code.REPORT_UNEXPECTED, f"A page of a report holds {err}.", CONTACT_SUPPORT) from err


class PageShape:
    """Decodes the pages of a report whose rows are of the type `row`.

    `day` is the field that names the day, with the one value that it may have: rows stand in buckets of that day.
    Without it they stand in `data`. `keeps_text`: the text of each row is stored, so it must be spelled as we would.
    `keeps_parts`: so are parts of it, which are judged by who knows them.
    """

    def __init__(
        self,
        row: type[Struct],
        day: tuple[str, int | str] | None = None,
        *,
        keeps_text: bool = False,
        keeps_parts: bool = False,
    ) -> None:
        self._bucketed = day is not None
        self._keeps_bytes = keeps_text or keeps_parts
        self._page = _decoder(row, day)
        self._known_page = None if keeps_parts else _decoder(row, day, _BESIDE_ROWS)
        self._literals = () if keeps_parts else _getters(row)
        self._texts = _decoder(Raw, day) if keeps_text else None
        if keeps_text:
            texts_of(row)  # or a text might be stored unseen
        self._before_rows = b'"results":[' if self._bucketed else b'"data":['

    def read(self, body: bytes) -> PlainPage | JsonObject:
        """The page decoded where it is plain, else its fields. Raises `Unreadable` for what is no JSON object."""
        try:
            if not body.isascii():
                body.decode()
            return self._decoded(_minified(body) if self._keeps_bytes else body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, NotPlain):
            return read_object(body)

    def _decoded(self, body: bytes) -> PlainPage:
        page, rows = self._known(body) or self._searched(body)
        text = self._text(page, rows, body, self._texts) if self._texts else None
        return PlainPage(body, rows, text, page.has_more, page.next_page or None, page.data_refreshed_at or None)

    def _known(self, body: bytes) -> tuple[Any, list[Struct]] | None:
        """Page and rows where it has no fields but known ones: its literals alone can be beyond reason then."""
        if self._known_page is None:
            return None
        try:
            page = self._known_page.decode(body)
        except msgspec.MsgspecError:
            return None
        rows = self._rows(page)
        for literal in self._literals:
            sent = list(filter(None, map(literal, rows)))
            if sent and max(map(len, sent)) > _LONGEST_SURE:
                _require_readable(b",".join([b"", *sent]))
        return page, rows

    def _searched(self, body: bytes) -> tuple[Any, list[Struct]]:
        """Page and rows, whatever else the page has."""
        _require_readable(body)
        page = self._page.decode(body)
        return page, self._rows(page)

    def _text(self, page: Any, rows: list[Struct], body: bytes, texts: "msgspec.json.Decoder[Any]") -> bytes:
        """The rows as they were sent. Raises `NotPlain` unless they would be written just so."""
        size = len(msgspec.json.encode(rows)) - len("[]")
        text = self._in_place(page, body, size)
        if text is None:
            text = b",".join(self._rows(texts.decode(body)))
        if len(text) != size or b"\\" in text:
            raise NotPlain
        return text

    def _in_place(self, page: Any, body: bytes, size: int) -> bytes | None:
        """The rows, of this size if written anew, where the whole page would be written as it was sent.

        Takes them out of the page. `None` where the page has more, or not one place for rows.
        """
        if not self._bucketed:
            page.data = []
        elif len(page.data) == 1:
            page.data[0].results = []
        else:
            return None
        if len(msgspec.json.encode(page)) + size != len(body):
            return None
        start = body.index(self._before_rows) + len(self._before_rows)
        return body[start : start + size]

    def _rows(self, page: Any) -> list[Any]:
        return [row for bucket in page.data for row in bucket.results] if self._bucketed else page.data


@lru_cache(maxsize=64)  # a run opens a report for each of its chains, and a decoder takes longer than a small page
def _decoder(
    row: Kind, day: tuple[str, int | str] | None, known: Sequence[str] | None = None
) -> "msgspec.json.Decoder[Any]":
    """Decoder of a page with such rows. Other fields of page and bucket must be `known`, and texts or numbers.

    What may be left out is `UNSET` then, so that a page is never written longer than it was sent.
    """
    beside = [(name, TEXT | COUNT | UnsetType, UNSET) for name in known or ()]
    strict = known is not None
    data: Any = list[row]
    if day is not None:
        name, value = day
        named: list[tuple[str, Any] | tuple[str, Any, Any]] = [(name, Literal[value]), ("results", data), *beside]
        bucket = msgspec.defstruct("Bucket", named, forbid_unknown_fields=strict, gc=False)
        data = list[bucket]  # type: ignore[valid-type]
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = [
        ("data", data),
        ("has_more", bool),
        ("next_page", str | None | UnsetType, UNSET),
        ("data_refreshed_at", str | None | UnsetType, UNSET),
        *beside,
    ]
    return msgspec.json.Decoder(msgspec.defstruct("Page", fields, forbid_unknown_fields=strict, gc=False))


@lru_cache(maxsize=64)
def _getters(row: type[Struct]) -> "Sequence[attrgetter[Any]]":
    return [attrgetter(path) for path in literals_of(row)]


@lru_cache(maxsize=64)
def literals_of(row: type[Struct]) -> Sequence[str]:
    """Paths of the fields that are kept as they are spelled, in the object and in those that it must have."""
    return [path for path, kinds in _fields(row) if Raw in kinds]


@lru_cache(maxsize=64)
def texts_of(row: type[Struct]) -> Sequence[str]:
    """Paths of the fields that hold texts, in the object and in those that it must have.

    With `literals_of` these are all fields that hold what a provider has chosen, numbers aside. Raises `TypeError` for
    a shape with fields of which that cannot be said.
    """
    fields = list(_fields(row))
    unknown = [path for path, kinds in fields if not kinds <= {str, Raw, *_NO_TEXT}]
    if unknown:
        raise TypeError(f"{row.__name__}: texts may stand unseen in {', '.join(unknown)}")
    return [path for path, kinds in fields if str in kinds]


def _fields(row: type[Struct], above: str = "") -> Iterator[tuple[str, Set[Any]]]:
    """Paths of the object's fields with the types that each may have, and of those in objects that it must have."""
    for field in msgspec.structs.fields(row):
        kind = field.type
        if isinstance(kind, type) and issubclass(kind, Struct):
            yield from _fields(kind, f"{above}{field.name}.")
        else:
            yield above + field.name, set(_kinds(kind))


def _kinds(kind: Any) -> Iterator[Any]:
    origin = get_origin(kind)
    if origin is Annotated:
        yield from _kinds(get_args(kind)[0])
    elif origin in (Union, UnionType):
        for each in get_args(kind):
            yield from _kinds(each)
    else:
        yield origin or kind


def _require_readable(text: bytes) -> None:
    """Raises `NotPlain` where Python may not be able to read a number, so that the page is asked for again."""
    if is_found(_BEYOND_REASON, pa.py_buffer(text), utf8=False):
        raise NotPlain


class VerbatimRows:
    """Decodes JSON texts of one type that are stored as they are, without white space."""

    def __init__(self, kind: Kind) -> None:
        self._decoder: msgspec.json.Decoder[list[Any]] = msgspec.json.Decoder(list[kind])

    def decode(self, texts: Sequence[bytes | Raw]) -> list[Any]:
        """The decoded values. Raises `NotPlain` unless they would be written just as they are."""
        joined = b",".join(texts)
        try:
            values = self._decoder.decode(b"[" + joined + b"]")
        except (msgspec.MsgspecError, RecursionError) as err:
            raise NotPlain from err
        if len(msgspec.json.encode(values)) != len(joined) + len("[]") or b"\\" in joined:
            raise NotPlain
        return values


def _minified(body: bytes) -> bytes:
    head = body[:_HEAD_BYTES]
    laid_out = b"\n" in body or b'": ' in head or b', "' in head
    return bytes(msgspec.json.format(body, indent=-1)) if laid_out else body
