"""A column's JSON documents compared with a schema of the model, each distinct document once."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from jsonschema import Draft202012Validator

from cloudact.errors import ConfigError
from focus.counts import Count
from focus.model import Check

_STEP = re.compile(r"(?P<key>[A-Za-z_][A-Za-z0-9_]*)(?:\[(?P<index>[0-9]+)\])?")


def judged(check: Check, schemas: Mapping[str, Mapping[str, Any]], documents: Iterable[tuple[str, int]]) -> Count:
    """Count of rows whose document is no JSON or does not fit the schema of a `CheckJSONSchema`.

    `documents` are texts, each with its number of rows. Raises `ConfigError` where the model lacks the schema.
    """
    schema_id = str(check.arguments["SchemaId"])
    if schema_id not in schemas:
        raise ConfigError(f"The model has no schema {schema_id}.")
    validator, path = Draft202012Validator(schemas[schema_id]), str(check.arguments.get("Path", "$"))
    broken = examined = 0
    for text, rows in documents:
        examined += rows
        broken += 0 if _fits(validator, text, path) else rows
    return Count(broken, examined, broken)


def _fits(validator: Draft202012Validator, text: str, path: str) -> bool:
    try:
        document = json.loads(text)
    except ValueError:
        return False
    return bool(validator.is_valid(_at(document, path)))


def _at(document: Any, path: str) -> Any:
    """Value at a path of keys and positions such as `$.Elements[0].Name`; `None` where there is none."""
    for step in path.removeprefix("$").split(".")[1:]:
        found = _STEP.fullmatch(step)
        if not found:
            raise ConfigError(f"{path!r} is no path of keys and positions.")
        document = document.get(found["key"]) if isinstance(document, dict) else None
        if found["index"] is not None:
            position = int(found["index"])
            document = document[position] if isinstance(document, list) and position < len(document) else None
    return document
