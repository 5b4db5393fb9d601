"""Plain pages of a report: every row has the fields of a fixed shape and nothing else, so that it needs no judgement.

A page is decoded in one go, with strict types, or it is not plain. What is not plain goes through `Line`, which knows
what else may come. So this module must only be right about what it accepts; it never explains what it does not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias, Union

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
    """Page that was decoded: its rows, their texts where these are kept, and what the page says beside them."""

    body: bytes
    rows: Sequence[Struct]
    texts: Sequence[Raw] | None
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
        self._keeps_text = keeps_text
        self._keeps_bytes = keeps_text or keeps_parts
        each: Any = Raw if keeps_text else row
        data: Any = list[each]
        if day is not None:
            name, value = day
            bucket = msgspec.defstruct("Bucket", [(name, Literal[value]), ("results", data)], gc=False)
            data = list[bucket]  # type: ignore[valid-type]
        text: Any = str | None
        fields: list[tuple[str, Any] | tuple[str, Any, Any]] = [
            ("data", data),
            ("has_more", bool),
            ("next_page", text, None),
            ("data_refreshed_at", text, None),
        ]
        page = msgspec.defstruct("Page", fields, gc=False)
        self._page: msgspec.json.Decoder[Any] = msgspec.json.Decoder(page)
        self._rows = VerbatimRows(row)

    def read(self, body: bytes) -> PlainPage | JsonObject:
        """The page decoded where it is plain, else its fields. Raises `Unreadable` for what is no JSON object."""
        try:
            if not body.isascii():
                body.decode()
            return self._decoded(_minified(body) if self._keeps_bytes else body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, NotPlain):
            return read_object(body)

    def _decoded(self, body: bytes) -> PlainPage:
        if is_found(
            _BEYOND_REASON, pa.py_buffer(body), utf8=False
        ):  # where it is asked for again if nobody can read it
            raise NotPlain
        page = self._page.decode(body)
        found = [row for bucket in page.data for row in bucket.results] if self._bucketed else page.data
        rows = self._rows.decode(found) if self._keeps_text else found
        texts = found if self._keeps_text else None
        return PlainPage(body, rows, texts, page.has_more, page.next_page, page.data_refreshed_at)


class VerbatimRows:
    """Decodes JSON texts of one type that are stored as they are, without white space."""

    def __init__(self, kind: Kind) -> None:
        self._decoder: msgspec.json.Decoder[list[Any]] = msgspec.json.Decoder(list[kind])

    def decode(self, texts: Sequence[bytes | Raw]) -> list[Any]:
        """The decoded values. Raises `NotPlain` unless they would be written just as they are.

        What is written anew is never longer: a field that stands twice, an escape, -0 or white space make the text
        longer than that, so equal lengths are equal spellings, but for escapes that must be.
        """
        joined = b",".join(texts)
        try:
            values = self._decoder.decode(b"[" + joined + b"]")
        except (msgspec.MsgspecError, RecursionError) as err:
            raise NotPlain from err
        if b"\\" in joined or len(msgspec.json.encode(values)) != len(joined) + 2:
            raise NotPlain
        return values


def _minified(body: bytes) -> bytes:
    laid_out = b'": ' in body or b"\n" in body or b', "' in body
    return bytes(msgspec.json.format(body, indent=-1)) if laid_out else body
