"""Query parameters: `@name` and `?` become typed DuckDB parameters.

Each is cast to its declared type in the statement, so that NULL, JSON, empty arrays and small decimals keep it.
A condition `x IN UNNEST(@few)` looks through the array: DuckDB reads it before it groups rows, a sub-query only after.
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
FEW = 256  # elements that each row is compared with; more are looked up


def rewrite(tree: exp.Expression, parameters: list[Parameter]) -> list[str]:
    """Cast every parameter in the tree to its declared type; returns the names in use, raises InvalidQueryError."""
    few = {key for key, parameter in named(parameters).items() if _is_of_few(parameter)}
    types = {key: _type_sql(parameter["parameterType"]) for key, parameter in named(parameters).items()}
    used = []
    for position, node in enumerate(_placeholders(tree)):
        name = node.name.lower() if isinstance(node, exp.Parameter) else f"p{position}"
        if name not in types:
            raise InvalidQueryError(f"Query parameter '{node.name or position}' not found", location="query")
        marker = exp.Parameter(this=exp.var(name))
        cast = exp.cast(marker, exp.DataType.build(types[name], dialect="bigquery"))
        node.replace(cast)
        used.append(name)
        if name in few:
            _look_through(cast)
    return used


def _is_of_few(given: Parameter) -> bool:
    elements = (given.get("parameterValue") or {}).get("arrayValues") or []
    return bool(given["parameterType"].get("type") == "ARRAY" and len(elements) <= FEW)


def _look_through(array: exp.Expr) -> None:
    """Has rows that a condition keeps found without a sub-query: it tells NULL from FALSE, of which neither is kept."""
    found = array.parent.parent if isinstance(array.parent, exp.Unnest) else None
    if isinstance(found, exp.In) and _is_condition(found):
        found.replace(exp.Anonymous(this="LIST_CONTAINS", expressions=[array, found.this]))


def _is_condition(node: exp.Expr) -> bool:
    around = node.parent
    while isinstance(around, (exp.And, exp.Paren)):
        around = around.parent
    return isinstance(around, exp.Where)


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
    """What a translation depends on: the names and types, not the values, and which arrays are of few."""
    return tuple(
        (name, _type_sql(p["parameterType"]) + " few" * _is_of_few(p)) for name, p in named(parameters).items()
    )


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
