"""Checks that look into a column's JSON documents, each distinct document once: schemas, and elements at a path.

GoogleSQL groups the documents; what a function demands of one stands here, as the official validator has it.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator

from cloudact.errors import ConfigError
from focus.checks import ASCII, NUMBER, UNIT
from focus.counts import Count
from focus.model import Check

Schemas = Mapping[str, Mapping[str, Any]]
Broken = Callable[[Check, "Document"], bool]
EACH = "[*]"
NUMBERS = ("decimal", "integer", "float", "double", "bigint", "int", "numeric")
_STEP = re.compile(r"(?P<key>[A-Za-z_][A-Za-z0-9_]*)(?:\[(?P<index>[0-9]+|\*)\])?")
_UNREADABLE = object()


@dataclass(frozen=True)
class Document:
    """Text of a column in a group of rows, with that of a second column where the check compares two.

    `included` says whether the rule's conditions hold for these rows.
    """

    text: str
    other: str | None
    included: bool
    rows: int

    @property
    def content(self) -> Any:
        """What the text holds, or `_UNREADABLE`."""
        return _read(self.text)


def judged(check: Check, schemas: Schemas, documents: Iterable[Document]) -> Count:
    """Count of rows whose document breaks the check. Raises `ConfigError` where the model lacks the schema.

    The validator minds a rule's conditions for a schema alone, and not for what stands at a path.
    """
    breaks = _of_schema(check, schemas) if check.function == "CheckJSONSchema" else _of_path(check)
    official = written = examined = 0
    for document in documents:
        counts = document.included or check.function != "CheckJSONSchema"
        broken = breaks(document) if counts else False
        examined += document.rows if counts else 0
        official += document.rows if broken else 0
        written += document.rows if broken and document.included else 0
    return Count(official, examined, written)


def _of_schema(check: Check, schemas: Schemas) -> Callable[[Document], bool]:
    schema_id = str(check.arguments["SchemaId"])
    if schema_id not in schemas:
        raise ConfigError(f"The model has no schema {schema_id}.")
    validator, path = Draft202012Validator(schemas[schema_id]), str(check.arguments.get("Path", "$"))

    def breaks(document: Document) -> bool:
        if document.content is _UNREADABLE:
            return True
        found = _found(document.content, path)
        return not validator.is_valid(found[0] if found else None)

    return breaks


def _of_path(check: Check) -> Callable[[Document], bool]:
    # What is no JSON breaks another rule, that of the column's format.
    return lambda document: document.content is not _UNREADABLE and AT_A_PATH[check.function](check, document)


@lru_cache(maxsize=64)
def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return _UNREADABLE


def _found(value: Any, path: str) -> list[Any]:
    """Values at a path such as `$.Elements[0].Name` or, each of a list, `$.Elements[*].Name`."""
    names, found = path.removeprefix("$").removeprefix("."), [value]
    for step in map(_STEP.fullmatch, names.split(".") if names else ()):
        if not step:
            raise ConfigError(f"{path!r} is no path of keys and positions.")
        inner = [each[step["key"]] for each in found if isinstance(each, dict) and step["key"] in each]
        found = [part for each in inner for part in _at(each, step["index"])]
    return found


def _at(value: Any, index: str | None) -> list[Any]:
    if index is None:
        return [value]
    if not isinstance(value, list):
        return []
    return value if index == "*" else value[int(index) : int(index) + 1]


def _values(check: Check, document: Document) -> list[Any]:
    return _found(document.content, str(check.arguments["Path"]))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    kinds = {str: "string", list: "array", dict: "object", type(None): "null"}
    return kinds.get(type(value), "number")


def _same(value: Any, other: Any) -> bool:
    return _kind(value) == _kind(other) and bool(value == other)


def _other_kind(check: Check, document: Document) -> bool:
    wanted = str(check.arguments["ExpectedType"]).lower()
    values = _values(check, document)
    return not values or any(_kind(value) != ("number" if wanted in NUMBERS else wanted) for value in values)


def _no_key_values(check: Check, document: Document) -> bool:
    def fits(value: Any) -> bool:
        return isinstance(value, dict) and not any(isinstance(each, dict | list) for each in value.values())

    return not all(fits(value) for value in _values(check, document))


def _other_prefix(check: Check, document: Document) -> bool:
    prefix, ignored = str(check.arguments["Prefix"]), set(check.arguments["IgnoreKeys"] or ())

    def fits(value: Any) -> bool:
        return isinstance(value, dict) and all(key in ignored or key.startswith(prefix) for key in value)

    return not all(fits(value) for value in _values(check, document))


def _lacks_key(check: Check, document: Document) -> bool:
    parent, _, key = str(check.arguments["Path"]).rpartition(".")
    objects = _found(document.content, parent)
    if EACH not in parent:
        objects = [each for each in objects if isinstance(each, dict)]
    return not all(isinstance(each, dict) and key in each for each in objects)


def _another_value(check: Check, document: Document) -> bool:
    values, wanted = _values(check, document), check.arguments["Value"]
    missing = not values and wanted is not None and EACH not in str(check.arguments["Path"])
    return missing or not all(_same(value, wanted) for value in values)


def _that_value(check: Check, document: Document) -> bool:
    return any(_same(value, check.arguments["Value"]) for value in _values(check, document))


def _another_form(pattern: str) -> Broken:
    form = re.compile(pattern)
    return lambda check, document: (
        not all(value is None or form.search(_text(value)) for value in _values(check, document))
    )


def _another_number_of_children(check: Check, document: Document) -> bool:
    parents = _found(document.content, str(check.arguments["ParentPath"]))
    child = str(check.arguments["ChildPath"])
    children = [value for parent in parents for value in _found(parent, child) if value is not None]
    told = {json.dumps(value) for value in children}
    return bool(parents) and len(told) != int(check.arguments["ExpectedCount"])


def _unlike_other(check: Check, document: Document) -> bool:
    """Whether what stands at a path differs from what stands in, or at a path of, another column."""
    if document.other is None:
        return False
    path, other_path = str(check.arguments["PathA"]), check.arguments.get("PathB")
    values = _found(document.content, path)
    if other_path is None:
        return not all(value == document.other for value in values)
    content = _read(document.other)
    if content is _UNREADABLE:
        return False
    others = _found(content, str(other_path))
    if (EACH in path) == (EACH in str(other_path)):
        return len(values) != len(others) or not all(map(_same, values, others))
    return bool(values and others) and not all(_same(value, other) for value in values for other in others)


AT_A_PATH: Mapping[str, Broken] = {
    "JSONCheckPathDistinctParent": _another_number_of_children,
    "JSONCheckPathKeyExists": _lacks_key,
    "JSONCheckPathKeyStartsWith": _other_prefix,
    "JSONCheckPathKeyValueFormat": _no_key_values,
    "JSONCheckPathNotValue": _that_value,
    "JSONCheckPathNumericFormat": _another_form(NUMBER),
    "JSONCheckPathSameValue": _unlike_other,
    "JSONCheckPathType": _other_kind,
    "JSONCheckPathUnitFormat": _another_form(UNIT),
    "JSONCheckPathValue": _another_value,
    "JSONFormatNumeric": _another_form(NUMBER),
    "JSONFormatString": _another_form(ASCII),
    "JSONFormatUnit": _another_form(UNIT),
}
