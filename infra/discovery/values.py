"""Check of a JSON value against a schema of a discovery document, with Google's texts.

Google takes a field by its JSON name or its proto name, a number as a number or as text, an enum by name or number (its
REST clients send numbers), and null for whatever has its default: https://protobuf.dev/programming-guides/json.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from infra.discovery.documents import Json

_OUTPUT = ("Output only.", "[Output-only]", "Output-only.", "[Output only]")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")
_FORMATS = {
    "google-duration": re.compile(r"-?\d{1,12}(\.\d{1,9})?s"),
    "google-datetime": re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)"),
    "google-fieldmask": re.compile(r"(\*|[\w.`*-]+(,[\w.`*-]+)*)?"),
    "date": re.compile(r"\d{4}-\d\d-\d\d"),
    "byte": _BASE64,
}
_FORMATS["date-time"] = _FORMATS["google-datetime"]
_TYPES = {"google-duration": "Duration", "google-datetime": "Timestamp", "date-time": "Timestamp"}
_TYPES |= {"google-fieldmask": "FieldMask"}
_RANGES = {
    "int32": (-(2**31), 2**31 - 1), "uint32": (0, 2**32 - 1), "int64": (-(2**63), 2**63 - 1), "uint64": (0, 2**64 - 1),
}  # fmt: skip
_INTEGER = re.compile(r"-?\d{1,20}")
_NUMBER = re.compile(r"-?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|NaN|-?Infinity")


@dataclass(frozen=True)
class Fault:
    """Fault of a value: `kind` selects exceptions, `at` is the dotted path of proto names."""

    kind: str
    at: str
    message: str


Path = tuple[str | int, ...]  # names as they were sent, and indexes


def faults(schemas: Mapping[str, Json], schema: Json, value: Any, at: Path = ()) -> list[Fault]:
    """Faults that Google would refuse in a value; `schemas` are those of its API, `at` is its path."""
    faults_found: list[Fault] = []
    _collect(schemas, schema, value, at, faults_found)
    return faults_found


def query_fault(schema: Json, texts: list[str], name: str) -> Fault | None:
    """Fault of a parameter of the query, whose values are all text; `None` without one."""
    if len(texts) > 1 and not schema.get("repeated"):
        return Fault("value", name, f'Unknown name "{name}": Proto field is not repeating, cannot start list.')
    wrong = (text for text in texts if not _CHECKS[schema["type"]](schema, _from_text(schema, text)))
    return next((_invalid(schema, text, proto_name(name)) for text in wrong), None)


def proto_name(name: str) -> str:
    """Name as proto messages have it: `maxResults` becomes `max_results`."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda capital: "_" + capital[1].lower(), name)


def _collect(schemas: Mapping[str, Json], schema: Json, value: Any, at: Path, faults_found: list[Fault]) -> None:
    """Appends the faults of a value. Generators would be nicer to read, and took two thirds of the time."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"]]
    kind = schema.get("type", "object")
    if value is None or kind == "any":
        return
    if kind == "object":
        _collect_members(schemas, schema, value, at, faults_found)
    elif kind == "array":
        _collect_items(schemas, schema["items"], value, at, faults_found)
    elif not _CHECKS[kind](schema, value):
        faults_found.append(_invalid(schema, value, shown(at)))


def _collect_members(
    schemas: Mapping[str, Json], schema: Json, value: Any, at: Path, faults_found: list[Fault]
) -> None:
    if not isinstance(value, dict):
        faults_found.append(_invalid({"type": schema.get("id", "object")}, value, shown(at)))
        return
    properties, others = schema.get("properties", {}), schema.get("additionalProperties")
    if others and schemas.get(others.get("$ref", ""), others).get("type") == "any":
        return
    for name, member in value.items():
        known = properties.get(name) or properties.get(_json_name(name)) or others
        if known is None:
            place = f" at '{shown(at)}'" if at else ""
            words = f'Unknown name "{name}"{place}: Cannot find field.'
            faults_found.append(Fault("unknown", shown((*at, name)), words))
            continue
        if member and _is_output(known):
            path = shown((*at, name))
            faults_found.append(Fault("output", path, f"Field '{path}' is output only."))
        _collect(schemas, known, member, (*at, name), faults_found)


def _collect_items(schemas: Mapping[str, Json], schema: Json, value: Any, at: Path, faults_found: list[Fault]) -> None:
    if not isinstance(value, list):
        faults_found.append(_invalid(schema, value, shown(at)))
        return
    for index, member in enumerate(value):
        if member is None:
            faults_found.append(_invalid(schema, member, shown((*at, index))))
        _collect(schemas, schema, member, (*at, index), faults_found)


def _is_output(schema: Json) -> bool:
    """Whether the field is output only. Google ignores such fields; here they are refused, since they do nothing."""
    return bool(schema.get("readOnly")) or schema.get("description", "").startswith(_OUTPUT)


def shown(at: Path) -> str:
    """Path as Google's messages have it: `task.http_request.headers[2]`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{proto_name(part)}" for part in at)
    return "".join(parts).removeprefix(".")


def _json_name(name: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda letter: letter[1].upper(), name)


def _from_text(schema: Json, text: str) -> Any:
    """Value of a query's text. google-cloud-bigquery writes a boolean as Python does.

    Google's REST clients write an enum as its number.
    """
    if schema["type"] == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    return int(text) if "enum" in schema and _INTEGER.fullmatch(text) else text


def _is_text(schema: Json, value: Any) -> bool:
    """Whether the value fits a schema of type string. That includes int64, as text or number, and enums."""
    form = schema.get("format")
    if form in _RANGES:
        return _is_integer(schema, value)
    if "enum" in schema:
        return value in schema["enum"] if isinstance(value, str) else _is_number_of_enum(value)
    return isinstance(value, str) and (form not in _FORMATS or bool(_FORMATS[form].fullmatch(value)))


def _is_number_of_enum(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_integer(schema: Json, value: Any) -> bool:
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        value = int(value)
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not (isinstance(value, int) or value.is_integer())
    ):
        return False
    lowest, highest = _RANGES[schema.get("format", "int32")]
    return lowest <= value <= highest


def _is_number(_schema: Json, value: Any) -> bool:
    if isinstance(value, str):
        return bool(_NUMBER.fullmatch(value))
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_boolean(_schema: Json, value: Any) -> bool:
    return isinstance(value, bool)


_CHECKS: dict[str, Callable[[Json, Any], bool]] = {
    "string": _is_text, "integer": _is_integer, "number": _is_number, "boolean": _is_boolean,
}  # fmt: skip


def _invalid(schema: Json, value: Any, at: str) -> Fault:
    """Fault of a value that is not of its type; a long value is shown in part."""
    shown = f'"{value[:40]}"' if isinstance(value, str) else type(value).__name__
    return Fault("value", at, f"Invalid value at '{at}' ({_type_name(schema)}), {shown}")


def _type_name(schema: Json) -> str:
    form, kind = schema.get("format", ""), str(schema.get("type", schema.get("$ref", "object")))
    if "enum" in schema:
        return "TYPE_ENUM"
    if form in _TYPES:
        return f"type.googleapis.com/google.protobuf.{_TYPES[form]}"
    if form in _RANGES or form in ("double", "float"):
        return f"TYPE_{form.upper()}"
    return {"boolean": "TYPE_BOOL", "string": "TYPE_BYTES" if form == "byte" else "TYPE_STRING"}.get(kind, kind)
