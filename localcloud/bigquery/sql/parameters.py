"""Query parameters: `@name` and `?` become typed DuckDB parameters.

Each is cast to its declared type in the statement, so that NULL, JSON, empty arrays and small decimals keep it.
DuckDB binds a name as often as it occurs. Parameters of a REST request are `{"name"?, "parameterType",
"parameterValue"}`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from bqemulator.domain.errors import InvalidQueryError
from sqlglot import exp

Parameter = dict[str, Any]


def rewrite(tree: exp.Expression, parameters: list[Parameter]) -> list[str]:
    """Cast every parameter in the tree to its declared type; returns the names in use, raises InvalidQueryError."""
    types = {key: _type_sql(parameter["parameterType"]) for key, parameter in named(parameters).items()}
    used = []
    for position, node in enumerate(_placeholders(tree)):
        name = node.name.lower() if isinstance(node, exp.Parameter) else f"p{position}"
        if name not in types:
            raise InvalidQueryError(f"Query parameter '{node.name or position}' not found", location="query")
        marker = exp.Parameter(this=exp.var(name))
        node.replace(exp.cast(marker, exp.DataType.build(types[name], dialect="bigquery")))
        used.append(name)
    return used


def named(parameters: list[Parameter]) -> dict[str, Parameter]:
    """The parameters by the (lower-case) name under which the statement binds them; positional ones are p0, p1, …"""
    return {str(p.get("name") or f"p{i}").lower(): p for i, p in enumerate(parameters)}


def values(parameters: list[Parameter], used: list[str]) -> dict[str, Any]:
    """The Python values to bind for the names in use; raises InvalidQueryError."""
    known = named(parameters)
    try:
        return {name: _value(known[name]["parameterType"], known[name].get("parameterValue") or {}) for name in used}
    except (ValueError, ArithmeticError) as err:
        raise InvalidQueryError(f"Invalid value for query parameter: {err}", location="query") from err


def signature(parameters: list[Parameter]) -> tuple[tuple[str, str], ...]:
    """What a translation depends on: the names and types, not the values."""
    return tuple((name, _type_sql(p["parameterType"])) for name, p in named(parameters).items())


def _placeholders(tree: exp.Expression) -> list[exp.Expression]:
    return [node for node in tree.walk(bfs=False) if isinstance(node, (exp.Parameter, exp.Placeholder))]


def _type_sql(kind: dict[str, Any]) -> str:
    name = str(kind.get("type", "STRING")).upper()
    if name == "ARRAY":
        return f"ARRAY<{_type_sql(kind['arrayType'])}>"
    if name in ("STRUCT", "RECORD"):
        return "STRUCT<" + ", ".join(f"{f['name']} {_type_sql(f['type'])}" for f in kind["structTypes"]) + ">"
    return {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}.get(name, name)


def _value(kind: dict[str, Any], value: dict[str, Any]) -> Any:
    name = str(kind.get("type", "STRING")).upper()
    if name == "ARRAY":
        return [_value(kind["arrayType"], item) for item in value.get("arrayValues") or []]
    if name in ("STRUCT", "RECORD"):
        fields = value.get("structValues") or {}
        return {f["name"]: _value(f["type"], fields.get(f["name"]) or {}) for f in kind["structTypes"]}
    raw = value.get("value")
    return None if raw is None else PARSERS.get(name, str)(str(raw))


def _timestamp(raw: str) -> datetime:
    return datetime.fromisoformat(raw.replace(" UTC", "+00:00"))


PARSERS: dict[str, Callable[[str], Any]] = {
    "INT64": int, "INTEGER": int, "FLOAT64": float, "FLOAT": float, "NUMERIC": Decimal, "BIGNUMERIC": Decimal,
    "BOOL": lambda raw: raw.lower() == "true", "BOOLEAN": lambda raw: raw.lower() == "true",
    "DATE": date.fromisoformat, "DATETIME": datetime.fromisoformat, "TIME": time.fromisoformat,
    "TIMESTAMP": _timestamp, "BYTES": base64.b64decode,
}  # fmt: skip
