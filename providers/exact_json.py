"""Reads and writes JSON without loss: a number keeps every digit, and is written as it was spelled."""

import json
from decimal import Decimal
from functools import lru_cache
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import NoReturn, Self

from cloudact.json_types import Json, JsonObject


class Spelled(Decimal):
    """Exact number that remembers how it was spelled: `7.4856e-05` is not written as `0.000074856`."""

    __slots__ = ("literal",)
    literal: str

    def __new__(cls, literal: str) -> Self:
        """The number of a JSON literal. Raises `ArithmeticError` for what no `Decimal` can be."""
        number = super().__new__(cls, literal)
        number.literal = literal
        return number


class Unreadable(ValueError):
    """An answer that is no JSON object; the text says what it is instead."""


def read_object(body: bytes) -> JsonObject:
    """Parses a JSON object with exact numbers. Raises `Unreadable`."""
    try:
        value = read_json(body)
    except ValueError as err:
        raise Unreadable("something that is not JSON") from err
    if not isinstance(value, dict):
        raise Unreadable("JSON that is not an object")
    return value


def read_json(body: bytes) -> Json:
    """Parses JSON with exact numbers. Raises `ValueError` for NaN, endless nesting, and whatever else is not JSON."""
    try:
        value: Json = json.loads(body, parse_float=Spelled, parse_constant=_no_number)
    except RecursionError as err:
        raise ValueError("nested too deeply") from err
    except ArithmeticError as err:
        raise ValueError("holds a number that none can be") from err
    return value


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def exact_json(value: Json) -> str:
    """JSON text that writes a number as it was read, and any other `Decimal` with all its digits."""
    if isinstance(value, str):
        return encode_basestring(value)
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "{" + ",".join([_field_name(name) + exact_json(part) for name, part in value.items()]) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(exact_json, value)) + "]"
    if isinstance(value, Decimal):
        return value.literal if isinstance(value, Spelled) else str(value)
    return json.dumps(value)


@lru_cache(maxsize=4096)  # a report's rows have the same few names of fields
def _field_name(name: str) -> str:
    return encode_basestring_ascii(name) + ":"
