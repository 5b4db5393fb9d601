"""JSON and CSV values to typed rows, refused with the messages of Google's streaming and load APIs."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any

from localcloud.bigquery.schemas import Field, by_name

Row = dict[str, Any]
EPOCH_SECONDS = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
NINE_DECIMALS = Decimal("1e-9")
EXACT = Context(prec=60)


class BadValue(ValueError):
    """A value that a field does not accept."""

    def __init__(self, location: str, message: str) -> None:
        super().__init__(message)
        self.location = location
        self.message = message


def parse_row(fields: list[Field], given: Row, *, ignore_unknown: bool = False, path: str = "") -> Row:
    """The row with every field of the schema, typed; raises BadValue."""
    known = by_name(fields)
    unknown = next((key for key in given if key.lower() not in known), None)
    if unknown is not None and not ignore_unknown:
        raise BadValue(f"{path}{unknown}", f"no such field: {path}{unknown}.")
    values = {key.lower(): value for key, value in given.items()}
    return {f["name"]: _parse(f, values.get(key), path + f["name"], ignore_unknown) for key, f in known.items()}


def _parse(field: Field, value: Any, path: str, ignore_unknown: bool) -> Any:
    if field["mode"] == "REPEATED":
        items = value if isinstance(value, list) else [] if value is None else [value]
        return [_parse({**field, "mode": "REQUIRED"}, item, path, ignore_unknown) for item in items]
    if value is None:
        if field["mode"] == "REQUIRED":
            raise BadValue(path, f"Missing required field: {path}.")
        return None
    if field["type"] == "RECORD":
        if not isinstance(value, dict):
            raise BadValue(path, f"This field: {path} is not a record.")
        return parse_row(field["fields"], value, ignore_unknown=ignore_unknown, path=f"{path}.")
    return _scalar(field["type"], value, path)


def _scalar(kind: str, value: Any, path: str) -> Any:
    if isinstance(value, list):
        raise BadValue(path, f"Array specified for non-repeated field: {path}.")
    if isinstance(value, dict) and kind != "JSON":
        raise BadValue(path, f"This field: {path} is not a record.")
    try:
        return PARSERS[kind](value)
    except (ValueError, TypeError, InvalidOperation, OverflowError) as err:
        raise BadValue(path, f"Cannot convert value to {kind.lower()} (bad value): {value}") from err


def _integer(value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, (float, Decimal)) and value != int(value)):
        raise ValueError(value)
    number = int(value)
    if not -(2**63) <= number < 2**63:
        raise ValueError(value)
    return number


def _numeric(value: Any) -> Decimal:
    if isinstance(value, bool):
        raise ValueError(value)
    number = Decimal(str(value)).quantize(NINE_DECIMALS, ROUND_HALF_UP, EXACT)
    if number.copy_abs() >= Decimal(10) ** 29:  # `abs` rounds to 28 digits
        raise ValueError(value)
    return number


def _boolean(value: Any) -> bool:
    text = str(value).lower()
    if text not in ("true", "false"):
        raise ValueError(value)
    return text == "true"


def _timestamp(value: Any) -> datetime:
    text = str(value)
    if EPOCH_SECONDS.fullmatch(text):
        micros = int(Decimal(text) * 1_000_000)
        return datetime.fromtimestamp(micros // 1_000_000, UTC).replace(microsecond=micros % 1_000_000)
    moment = datetime.fromisoformat(re.sub(r" ?UTC$", "+00:00", text))
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _datetime(value: Any) -> datetime:
    moment = datetime.fromisoformat(str(value))
    if moment.tzinfo:
        raise ValueError(value)
    return moment


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _json(value: Any) -> str:
    if isinstance(value, str):
        json.loads(value)
        return value
    return json.dumps(value, default=str)


PARSERS: dict[str, Callable[[Any], Any]] = {
    "STRING": _text, "INTEGER": _integer, "FLOAT": float, "NUMERIC": _numeric, "BIGNUMERIC": _numeric,
    "BOOLEAN": _boolean, "TIMESTAMP": _timestamp, "DATETIME": _datetime, "JSON": _json,
    "DATE": lambda value: date.fromisoformat(str(value)), "TIME": lambda value: time.fromisoformat(str(value)),
    "BYTES": lambda value: base64.b64decode(str(value), validate=True),
}  # fmt: skip
