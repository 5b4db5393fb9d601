"""Reads the rows of a report: plain pages by the column, several at a time, and every other page row by row.

Both ways give the same values, notes and errors. `PlainRows` refuses what it cannot prove; the row code then says what
it is, page by page.
"""

import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import partial, reduce
from itertools import accumulate, chain, islice
from operator import attrgetter
from typing import Any, Generic, Self, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import UNSET, Raw, Struct

from cloudact.errors import Stop
from cloudact.json_types import JsonObject
from cloudact.redaction import identifier, marks
from providers.arrow import ARROW, is_found, split
from providers.lines import Line, from_cents, is_of_person, is_personal
from providers.notes import Notes
from providers.plain import NotPlain, PlainPage, literals_of, texts_of
from providers.source import Row

GATHERED_BYTES = 2 * 2**20  # of pages that become one batch: what is done once a batch costs little a row then
Item = TypeVar("Item")

# Arrow reads all digits, but its process crashes on an exponent like that of 1e-999999999; what does not fit becomes
# another number without a word, as 1e60 in 76 digits. So each literal must fit by its form; others are left to the row
# code: `from_cents` keeps 60 of their digits.
_NUMBER = r"-?[0-9]{1,24}(?:\.[0-9]{1,38})?(?:[eE](?:\+?0?[0-9]|-[0-9]{1,2}))?"
_NARROW_NUMBER = r"-?[0-9]{1,10}(?:\.[0-9]{1,28}|(?:\.[0-9]{1,18})?[eE]-0?[0-9])?"
_NUMBERS, _NARROW_NUMBERS = (rf'^(?:(?:{it}|"{it}"|null)\n)*$' for it in (_NUMBER, _NARROW_NUMBER))
_EXACT, _LARGEST = pa.decimal256(76, 38), Decimal(10**20)
_NARROW = pa.decimal128(38, 28)  # of most amounts; it takes less than half of the time
_UNROUNDED = {False: ARROW["NUMERIC"], True: pa.decimal128(38, 7)}  # of cents or not; what fits needs no division
_CENTS = {_EXACT: pa.decimal256(76, 40), _NARROW: pa.decimal128(38, 30), _UNROUNDED[True]: ARROW["NUMERIC"]}
_CURRENCY = re.compile(r"[A-Za-z]{3}")
_NULL = b"null"


@dataclass(frozen=True)
class ReadPage(Generic[Item]):
    """Page of a report: its rows, if it is plain, and the lines of it that the row code takes, to be asked for once."""

    plain: PlainPage | None
    lines: Callable[[], Iterator[Item]]
    has_rows: bool

    @classmethod
    def of(cls, page: PlainPage | JsonObject, lines_of: Callable[[JsonObject], Iterator[Item]]) -> Self:
        """The page. Raises what the row code does about the beginning of one that is not plain, or without rows."""
        if isinstance(page, PlainPage) and page.rows:
            return cls(page, lambda: lines_of(page.fields), has_rows=True)
        lines = lines_of(page.fields if isinstance(page, PlainPage) else page)
        first = list(islice(lines, 1))
        return cls(None, lambda: chain(first, lines), has_rows=bool(first))


def with_rows(
    pages: Iterable[PlainPage | JsonObject], lines_of: Callable[[int, JsonObject], Iterator[Item]]
) -> Iterator[ReadPage[Item]]:
    """Pages of a report that have rows. `lines_of` makes the lines of a page, whose number counts from 1."""
    for number, page in enumerate(pages, 1):
        found = ReadPage.of(page, partial(lines_of, number))
        if found.has_rows:
            yield found


@dataclass(frozen=True)
class Reader(Generic[Item]):
    """The two ways to read one report, which give the same. A row of `by_row` is `None` where it is left out.

    `notes` counts under the name `report` how many pages went which way.
    """

    by_column: Callable[["PlainRows"], Mapping[str, object]]
    by_row: Callable[[Item], Row | None]
    notes: Notes
    report: str

    def read(self, pages: Iterator[ReadPage[Item]]) -> Iterator[Row | pa.RecordBatch]:
        """Yields batches of plain pages, and the rows of other pages, in the order of the pages."""
        for together in _gathered(pages):
            yield from self._batches(together)

    def _batches(self, pages: list[ReadPage[Item]]) -> Iterator[Row | pa.RecordBatch]:
        plain = [page.plain for page in pages if page.plain]
        unrounded = dict(self.notes.unrounded)
        try:
            if not plain:
                raise NotPlain
            batch = _batch(self.by_column(PlainRows.of(plain)), sum(len(page.rows) for page in plain))
        except NotPlain:
            self.notes.unrounded = unrounded  # the amounts may have been noted before another column was refused
            if len(pages) > 1:
                for page in pages:
                    yield from self._batches([page])
            else:
                self.notes.pages_of(self.report).by_row += 1
                yield from filter(None, map(self.by_row, pages[0].lines()))
        else:
            self.notes.pages_of(self.report).by_column += len(plain)
            yield batch


def _gathered(pages: Iterator[ReadPage[Item]]) -> Iterator[list[ReadPage[Item]]]:
    """Pages that can become one batch; each other page by itself."""
    together: list[ReadPage[Item]] = []
    try:
        for page in pages:
            if together and not _go_together([*together, page]):
                yield together
                together = []
            together.append(page)
    except Exception:  # what the pages before have to tell comes first, an error of theirs above all
        if together:
            yield together
        raise
    if together:
        yield together


def _go_together(pages: Sequence[ReadPage[Item]]) -> bool:
    plain = [page.plain for page in pages if page.plain]
    return (
        len(plain) == len(pages)
        and len({page.data_refreshed_at for page in plain}) == 1
        and sum(len(page.body) for page in plain) <= GATHERED_BYTES
    )


def _batch(columns: Mapping[str, object], rows: int) -> pa.RecordBatch:
    arrays = {
        name: value if isinstance(value, pa.Array) else pa.repeat(pa.scalar(value), rows)
        for name, value in columns.items()
        if value is not None
    }
    return pa.RecordBatch.from_arrays(list(arrays.values()), names=list(arrays))


@dataclass(frozen=True)
class PlainRows:
    """Columns of plain rows, as `Line` gives the values of one. Each raises `NotPlain` where a value needs `Line`.

    `as_sent` are the whole rows as they were sent, with commas between them, where these are stored. Then `text` clears
    nothing, and `texts_without` must be called, which judges every text. `data_refreshed_at` is what their pages say.
    """

    rows: Sequence[Any]
    as_sent: bytes | None = None
    data_refreshed_at: str | None = None
    _read_parts: dict[str, "PlainRows"] = field(default_factory=dict, init=False, repr=False, compare=False)
    _read_texts: dict[str, pa.Array] = field(default_factory=dict, init=False, repr=False, compare=False)
    _found_numbers: set[str] = field(default_factory=set, init=False, repr=False, compare=False)  # each value is one

    @classmethod
    def of(cls, pages: Sequence[PlainPage]) -> Self:
        """The rows of several pages, one after the other."""
        rows = [row for page in pages for row in page.rows]
        texts = [page.as_sent for page in pages if page.as_sent is not None]
        return cls(rows, b",".join(texts) if texts else None, pages[0].data_refreshed_at)

    @property
    def refreshed_at(self) -> datetime | None:
        """When the provider last refreshed the data of these pages."""
        try:
            return Line({"data_refreshed_at": self.data_refreshed_at}, "").time("data_refreshed_at")
        except Stop as err:
            raise NotPlain from err

    def texts_without(self, *personal: str) -> pa.Array:
        """The rows as JSON text without these fields, which name persons."""
        text = self.as_sent or b""
        for name in personal:
            if self._values(name).count(UNSET) < len(self.rows):
                text = _without(text, name.encode())
        self._require_storable(personal)
        return _texts_of_rows(text, len(self.rows))

    def _require_storable(self, personal: Sequence[str]) -> None:
        """Raises `NotPlain` where a row holds a text that must not be stored.

        Which fields may hold one is read from the rows' own type, so none is forgotten. Each text is looked at once,
        since most stand in many rows.
        """
        kind: type[Struct] = type(self.rows[0])
        texts = [part.text(name).unique() for part, name in map(self._at, texts_of(kind))]
        for part, name in map(self._at, set(literals_of(kind)).difference(personal)):
            if name not in part._found_numbers:
                texts.append(_text_of([value or b"" for value in part._values(name)]))
        _judged(pa.concat_arrays(texts))

    def _at(self, path: str) -> tuple["PlainRows", str]:
        """The object that has the field, and its name there."""
        *above, name = path.split(".")
        return reduce(PlainRows.part, above, self), name

    def part(self, name: str) -> "PlainRows":
        """A nested object of each row; one without any field where it is null or absent."""
        if name not in self._read_parts:
            self._read_parts[name] = PlainRows([value or _NOTHING for value in self._values(name)], self.as_sent)
        return self._read_parts[name]

    def text(self, name: str) -> pa.Array:
        """Names or ids as they were sent, less e-mail addresses and whole keys; null where they are null or absent."""
        if name not in self._read_texts:
            self._read_texts[name] = self._text(name)
        return self._read_texts[name]

    def _text(self, name: str) -> pa.Array:
        array = self._column(name, pa.string())
        if self.as_sent is not None or not _is_marked(array):
            return array
        return pa.array([text if text is None else identifier(text) for text in array.to_pylist()], pa.string())

    def flag(self, name: str) -> pa.Array:
        """True, false, or null."""
        return self._column(name, pa.bool_())

    def count(self, name: str) -> pa.Array:
        """Whole numbers or null."""
        return self._column(name, pa.int64())

    def whole(self, name: str) -> pa.Array:
        """Whole numbers, 0 for null."""
        return self.count(name).fill_null(0)

    def currency(self, name: str = "currency") -> pa.Array:
        """ISO 4217 codes, upper case."""
        codes = self.text(name)
        if not all(code and _CURRENCY.fullmatch(code) for code in codes.unique().to_pylist()):
            raise NotPlain
        return pc.utf8_upper(codes)

    def money(
        self, name: str, currencies: pa.Array, told: Callable[[str, Decimal], None], *, cents: bool = False
    ) -> pa.Array:
        """NUMERIC of amounts that each row must have, in the main unit. `cents`: they were sent in the lowest.

        `told` is called with each of the rows' currencies and the sum of its amounts before they were rounded.
        """
        amounts, sent = self._numbers(name, cents=cents)
        if amounts.null_count:
            raise NotPlain
        for currency, total in _sums(sent, currencies).items():
            told(currency, from_cents(total) if cents else total)
        return amounts

    def numeric(self, name: str, *, cents: bool = False) -> pa.Array:
        """NUMERIC of exact numbers, sent as such or as strings of them, or null."""
        return self._numbers(name, cents=cents)[0]

    def _numbers(self, name: str, *, cents: bool) -> tuple[pa.Array, pa.Array]:
        """Numbers as NUMERIC, and as they were sent."""
        with suppress(NotPlain):  # one has more digits
            literals = self._literals(name, _NARROW_NUMBERS)
            for kind in (_UNROUNDED[cents], _NARROW):
                with suppress(pa.ArrowInvalid):  # one has more decimals, or is rounded up to more digits
                    sent = literals.cast(kind)
                    return rounded(sent, cents=cents), sent
        sent = self.exact(name)
        return rounded(sent, cents=cents), sent

    def exact(self, name: str) -> pa.Array:
        """Exact numbers with 38 decimals, sent as such or as strings of them, or null."""
        try:
            exact = self._literals(name, _NUMBERS).cast(_EXACT)
        except pa.ArrowInvalid as err:
            raise NotPlain from err
        least, most = pc.min_max(exact).values()
        if least.is_valid and not -_LARGEST < least.as_py() <= most.as_py() < _LARGEST:
            raise NotPlain
        return exact

    def _literals(self, name: str, form: str) -> pa.Array:
        """The digits of numbers, sent as such or as strings of them, or null. All must be of the form."""
        values = self._values(name)
        try:
            lines = b"\n".join([*values, b""])
        except TypeError:  # one is absent
            lines = b"\n".join([*[value or _NULL for value in values], b""])
        if not is_found(form, pa.py_buffer(lines), utf8=False):
            raise NotPlain
        self._found_numbers.add(name)
        if b"-0\n" in lines:  # perhaps -0, which is stored as 0 like every whole number of that value
            raise NotPlain
        literals = split(pa.py_buffer(lines.replace(b'"', b"")), "\n")[:-1]
        return pc.if_else(pc.equal(literals, "null"), None, literals) if _NULL in lines else literals

    def json(self, name: str, nothing: bytes) -> list[bytes]:
        """JSON texts of a field, `nothing` where it is null or absent."""
        texts = [bytes(value or _NULL) for value in self._values(name)]
        return [nothing if text == _NULL else text for text in texts]

    def _values(self, name: str) -> list[Any]:
        """The values of a field; `UNSET` where it is absent."""
        return list(map(attrgetter(name), self.rows))

    def _column(self, name: str, kind: pa.DataType) -> pa.Array:
        values = self._values(name)
        if values and values[0] == values[-1] and values.count(values[0]) == len(values):  # a fifth of the time of many
            return pa.repeat(pa.scalar(None if values[0] is UNSET else values[0], kind), len(values))
        if kind == pa.string():
            with suppress(TypeError):  # one is null or absent
                texts = split(pa.py_buffer("\n".join(values).encode()), "\n")  # takes half of the time
                if len(texts) == len(values):
                    return texts
        try:
            return pa.array(values, kind)
        except (pa.ArrowInvalid, TypeError):  # a field that not every row has
            return pa.array([None if value is UNSET else value for value in values], kind)


class _Nothing:
    """An object without any field, in place of one that is null or absent."""

    def __getattr__(self, name: str) -> Any:
        return UNSET


_NOTHING = _Nothing()


def rounded(exact: pa.Array, *, cents: bool = False) -> pa.Array:
    """NUMERIC of numbers with 38 decimals, rounded as `numeric` rounds. `cents`: they are in the lowest unit."""
    if cents:  # the same digits under a type of two more decimals
        exact = pa.Array.from_buffers(_CENTS[exact.type], len(exact), exact.buffers(), offset=exact.offset)
    return pc.round(exact, ndigits=9, round_mode="half_towards_infinity").cast(ARROW["NUMERIC"])


def _sums(sent: pa.Array, currencies: pa.Array) -> dict[str, Decimal]:
    """Exact sums by currency: the type is so wide that no sum of so many amounts leaves it."""
    wide = sent.cast(pa.decimal256(76, sent.type.scale))
    codes = currencies.unique().to_pylist()
    if len(codes) == 1:
        return {codes[0]: pc.sum(wide).as_py()}
    return {code: pc.sum(wide.filter(pc.equal(currencies, code))).as_py() for code in codes}


def is_plain_name(name: str) -> bool:
    """Whether a field of this name is stored under it with whatever it holds: it is nothing personal, and ASCII."""
    return name.isascii() and identifier(name) == name and not is_personal(name) and not is_of_person(name)


def _without(text: bytes, name: bytes) -> bytes:
    text = re.sub(rb',"%b":(?:null|"[^"\\]*")' % re.escape(name), b"", text)
    if b'"%b":' % name in text:  # the first field of a row, or one that holds something else
        raise NotPlain
    return text


def _texts_of_rows(text: bytes, rows: int) -> pa.Array:
    """A column of the rows in a text with commas between them."""
    within = split(pa.py_buffer(text).slice(1, len(text) - 2), "},{")
    if len(within) != rows:  # a row has it in a text
        raise NotPlain
    return pc.binary_join_element_wise("{", within, "}", "")


def verbatim(texts: Sequence[bytes | Raw]) -> pa.Array:
    """JSON texts as a column of text. Raises `NotPlain` where one holds a text that must not be stored.

    Quotes stand around each text in it, so what is found in none of the whole is in none of its texts.
    """
    return _judged(_text_of(texts))


def _judged(column: pa.Array) -> pa.Array:
    if _is_marked(column):
        marked = column.filter(pc.match_substring_regex(column, marks()))
        if any(identifier(text) != text for text in marked.unique().to_pylist()):
            raise NotPlain
    return column


def _text_of(texts: Sequence[bytes | Raw]) -> pa.Array:
    """A column of texts, which must be UTF-8; all that `PageShape` reads is."""
    ends = array("i", accumulate(map(len, texts), initial=0))
    return pa.Array.from_buffers(pa.string(), len(texts), [None, pa.py_buffer(ends), pa.py_buffer(b"".join(texts))])


def _is_marked(texts: pa.Array) -> bool:
    """Whether a mark stands in any of the texts."""
    data = texts.buffers()[2]
    return data is not None and is_found(marks(), data)
