"""Upper and lower case of the names of columns, which bqemulator loses.

Where it replaces a function (NULLIF with SAFE_DIVIDE or REGEXP_EXTRACT, AVG of a NUMERIC, …) it first writes every name
in lower case. DuckDB finds a column by its name in any case, but shows it as the statement spells it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlglot import exp

from localcloud.bigquery.sql import quoted_names


def spelled(tree: exp.Expr, resources: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Names by their lower case, where that differs: as the statement spells them, the outermost first, or a table."""
    found: dict[str, str] = {}
    for identifier in tree.find_all(exp.Identifier):  # breadth first
        found.setdefault(identifier.name.lower(), identifier.name)
    for resource in resources:
        for name in _names(resource["schema"]["fields"]):
            found.setdefault(name.lower(), name)
    return {lower: name for lower, name in found.items() if lower != name}


def restore(sql: str, names: Mapping[str, str]) -> str:
    """DuckDB's SQL with its quoted names spelled so."""
    return quoted_names.replaced(sql, {lower: f'"{name}"' for lower, name in names.items()})


def _names(fields: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for field in fields:
        yield str(field["name"])
        yield from _names(field.get("fields") or [])
