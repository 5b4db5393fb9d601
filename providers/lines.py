"""Reads one line of a vendor's report: every value becomes ours or an error that names the field.

Unknown fields are kept, personal data is not.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from functools import lru_cache

from cloudact.error_codes import Code
from cloudact.errors import CONTACT_SUPPORT, Stop
from cloudact.json_types import Json, JsonObject
from cloudact.redaction import cleared, identifier
from providers.exact_json import exact_json

# https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#numeric_types
NUMERIC_PLACES = Decimal("1e-9")
LARGEST_DIGITS = 24  # before the point: NUMERIC has 29, and sums and units need room
LARGEST_ID = 10**40
LARGEST_COUNT = 10**15  # of anything, in one line: so that sums fit INT64
_WIDE = Context(prec=60, rounding=ROUND_HALF_UP)
_PERSONAL = re.compile(r"e-?mail|(user|full|first|last|middle|given|family|display|real|nick)_?name", re.IGNORECASE)
_PERSON = re.compile(r"user|actor|owner|person|member|author", re.IGNORECASE)
_CURRENCY = re.compile(r"[A-Z]{3}")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
LONGEST_TEXT = 16 * 1024
Odd = Callable[[str, str], None]  # where, and which field


class Line:
    """A JSON object of a report; `where` names it in errors, as in `OpenAI costs, page 2: data[0]`."""

    def __init__(self, raw: Json, where: str, odd: Odd | None = None) -> None:
        if not isinstance(raw, dict):
            raise Stop(Code.REPORT_UNEXPECTED, f"{where}: expected an object.", CONTACT_SUPPORT)
        self.raw: Mapping[str, Json] = raw
        self.where = where
        self._odd = odd

    def text(self, name: str) -> str | None:
        """A name or an id as it was sent, less e-mail addresses and whole keys; `None` where it is null or absent.

        A whole number is taken as its text. Anything else is handed to `odd` and is `None`, or raises without one.
        """
        value = self.raw.get(name)
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < LARGEST_ID:
            value = str(value)
        if isinstance(value, str) and len(value) <= LONGEST_TEXT:
            return identifier(value)
        if self._odd is None:
            raise self.unexpected(name, "a text")
        self._odd(self.where, cleared(name))
        return None

    def _sent(self, name: str, wanted: str) -> str:
        """The text of a field that decides what a row means, '' for none. Raises `Stop` for anything else."""
        value = self.raw.get(name)
        if value is not None and (not isinstance(value, str) or len(value) > LONGEST_TEXT):
            raise self.unexpected(name, wanted)
        return identifier(value or "")

    def flag(self, name: str) -> bool | None:
        """True, false, or `None`."""
        value = self.raw.get(name)
        if value is not None and not isinstance(value, bool):
            raise self.unexpected(name, "true or false")
        return value

    def count(self, name: str) -> int | None:
        """A whole number that fits INT64, `None` where it is null or absent."""
        value = self.raw.get(name)
        if value is None or (type(value) is int and -LARGEST_COUNT <= value <= LARGEST_COUNT):
            return value
        whole = int(value) if isinstance(value, Decimal) and value.adjusted() < 19 and value == int(value) else value
        if not isinstance(whole, int) or isinstance(value, bool) or abs(whole) > LARGEST_COUNT:
            raise self.unexpected(name, "a whole number")
        return whole

    def number(self, name: str) -> Decimal | None:
        """An exact number, sent as one or as a string of one (both are seen); `None` where it is null or absent."""
        value = self.raw.get(name)
        if value is None:
            return None
        text = value if isinstance(value, str) and _NUMBER.fullmatch(value) else None
        exact = value if isinstance(value, int | Decimal) and not isinstance(value, bool) else text
        try:
            number = None if exact is None else Decimal(exact)
        except InvalidOperation:
            number = None
        if number is None or not number.is_finite() or number.adjusted() >= LARGEST_DIGITS:
            raise self.unexpected(name, "an amount")
        return number

    def money(self, name: str) -> Decimal:
        """The exact number of a field that must hold one. Raises `Stop` otherwise."""
        number = self.number(name)
        if number is None:
            raise self.unexpected(name, "an amount")
        return number

    def known(self, name: str) -> Decimal | None:
        """An exact number, `None` where the field holds anything else: it is not worth a failure."""
        try:
            return self.number(name)
        except Stop:
            return None

    def currency(self, name: str = "currency") -> str:
        """An ISO 4217 code, upper case."""
        code = self._sent(name, "a currency").upper()
        if not _CURRENCY.fullmatch(code):
            raise self.unexpected(name, "a currency")
        return code

    def time(self, name: str) -> datetime | None:
        """An instant in RFC 3339, `None` where it is null or absent."""
        text = self._sent(name, "a time")
        try:
            at = datetime.fromisoformat(text) if text else None
        except ValueError:
            raise self.unexpected(name, "a time") from None
        if at and at.tzinfo is None:
            raise self.unexpected(name, "a time with its zone")
        return at

    def require_day(self, name: str, day: date) -> None:
        """Raises `Stop` unless the instant of this field is the first of the UTC day."""
        if self.time(name) != datetime(day.year, day.month, day.day, tzinfo=UTC):
            raise self.unexpected(name, "the day that was asked for")

    def part(self, name: str) -> "Line":
        """A nested object; empty where it is null or absent."""
        value = self.raw.get(name)
        return Line({} if value is None else value, f"{self.where}.{name}", self._odd)

    def parts(self, name: str) -> list["Line"]:
        """The objects of a list that must be there."""
        value = self.raw.get(name)
        if not isinstance(value, list):
            raise self.unexpected(name, "a list")
        return [Line(item, f"{self.where}.{name}[{number}]", self._odd) for number, item in enumerate(value)]

    def unknown(self, known: Collection[str]) -> JsonObject:
        """The fields that are not known yet and hold something, by name, without personal data.

        `known` may name parts of an object, as in `cache_creation.ephemeral_5m_input_tokens`; its other parts are new.
        """
        return dict(self._unknown(self.raw, "", frozenset(known)))

    def _unknown(self, fields: Mapping[str, Json], above: str, known: frozenset[str]) -> Iterator[tuple[str, Json]]:
        for name, value in fields.items():
            path = above + name
            if value is None or path in known or is_personal(name):
                continue
            if isinstance(value, dict) and path in _objects(known):
                yield from self._unknown(value, f"{path}.", known)
            else:
                yield identifier(path), self._storable(name, _without_name(name, value))

    def as_json(self) -> str:
        """The whole line as JSON text, without personal data."""
        return exact_json(self._storable("line", self.raw))

    def _storable(self, name: str, value: Json) -> Json:
        try:
            return without_personal_data(value)
        except RecursionError:
            raise self.unexpected(name, "of a sensible depth") from None

    def unexpected(self, name: str, wanted: str) -> Stop:
        """The error that names this field; what it holds is not shown."""
        message = f"{self.where}: {cleared(name)} is not {wanted}."
        return Stop(Code.REPORT_UNEXPECTED, message, "The provider changed its report; please contact support.")


@lru_cache(maxsize=4096)  # a report's rows have the same few names of fields
def is_personal(name: str) -> bool:
    """Whether the field of this name names a person and is never stored."""
    return _PERSONAL.search(name) is not None


@lru_cache(maxsize=4096)
def is_of_person(name: str) -> bool:
    """Whether the field of this name holds a person, whose own `name` is never stored."""
    return _PERSON.search(name) is not None


@lru_cache(maxsize=64)
def _objects(known: frozenset[str]) -> frozenset[str]:
    """The paths of objects of which `known` names parts."""
    parts = (each.split(".") for each in known)
    return frozenset(".".join(names[:depth]) for names in parts for depth in range(1, len(names)))


def numeric(number: Decimal) -> Decimal:
    """The number as NUMERIC holds it: 9 decimals, halves away from zero, as BigQuery rounds."""
    return number.quantize(NUMERIC_PLACES, context=_WIDE)


def exact_difference(one: Decimal, other: Decimal) -> Decimal:
    """The difference of two numbers, with all digits; a minus sign alone would round to 28 of them."""
    return _WIDE.subtract(one, other)


def exact_sum(*numbers: Decimal) -> Decimal:
    """The sum with all its digits; `sum` would round to 28 of them."""
    total = Decimal()
    for number in numbers:
        total = _WIDE.add(total, number)
    return total


def from_cents(number: Decimal) -> Decimal:
    """An amount in a currency's lowest unit in its main unit, with all its digits."""
    return _WIDE.scaleb(number, -2)


def without_personal_data(value: Json) -> Json:
    """The JSON value without what names a person, at any depth: fields, e-mail addresses in texts and in names."""
    if isinstance(value, str):
        return identifier(value)
    if isinstance(value, dict):
        return {
            identifier(name): part if part is None else without_personal_data(_without_name(name, part))
            for name, part in value.items()
            if not is_personal(name)
        }
    return [without_personal_data(item) for item in value] if isinstance(value, list) else value


def _without_name(name: str, part: Json) -> Json:
    """The part without its `name` where it is a person; other things may keep theirs."""
    if isinstance(part, dict) and is_of_person(name):
        return {key: value for key, value in part.items() if key.lower() != "name"}
    return part
