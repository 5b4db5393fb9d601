"""CREATE TABLE as a table resource: columns, modes, descriptions, partitioning, clustering, options.

bqemulator records only `PARTITION BY column`; here a table made in SQL is the same as one made through the API.
"""

from __future__ import annotations

from typing import Any

from bqemulator.domain.errors import ValidationError
from sqlglot import exp

from localcloud.bigquery.schemas import Field
from localcloud.bigquery.sql.partition_time import PSEUDO_COLUMNS
from localcloud.bigquery.tables import Resource

DAY_MS = 86_400_000
PARTITION_DAYS = "partition_expiration_days"


def table_body(create: exp.Create) -> Resource:
    """The resource that a CREATE TABLE describes; without a column list it has no schema. Raises ValidationError."""
    body: Resource = {"schema": {"fields": _fields(create.this)}}
    given = options(create)
    body.update({key: given[key] for key in ("description", "friendly_name") if key in given})
    if "labels" in given:
        body["labels"] = dict(given["labels"])
    for item in _properties(create):
        if isinstance(item, exp.PartitionedByProperty):
            body["timePartitioning"] = _partitioning(item.this, given)
        elif isinstance(item, exp.ClusterProperty):
            body["clustering"] = {"fields": [column.name for column in item.expressions]}
    return body


def column_fields(columns: list[exp.Expression]) -> list[Field]:
    """The fields that column definitions describe."""
    return [_field(column) for column in columns if isinstance(column, exp.ColumnDef)]


def _fields(target: exp.Expression) -> list[Field]:
    return column_fields(target.expressions if isinstance(target, exp.Schema) else [])


def _field(column: exp.ColumnDef) -> Field:
    field: Field = {"name": column.name, "mode": "NULLABLE", **_type(column.args["kind"])}
    for constraint in column.args.get("constraints") or []:
        kind = constraint.args.get("kind")
        if isinstance(kind, exp.NotNullColumnConstraint) and not kind.args.get("allow_null"):
            field["mode"] = "REQUIRED"
        elif isinstance(kind, exp.Properties):
            field.update({k: v for k, v in values(kind).items() if k == "description"})
        elif isinstance(kind, exp.DefaultColumnConstraint):
            raise ValidationError(f"[local BigQuery] DEFAULT of column {column.name} is not emulated")
    return field


def description(column: exp.ColumnDef) -> str | None:
    """The description of a column of a view, which has no type."""
    kinds = [constraint.args.get("kind") for constraint in column.args.get("constraints") or []]
    found = [values(kind).get("description") for kind in kinds if isinstance(kind, exp.Properties)]
    return next(iter(found), None)


def _type(kind: exp.DataType) -> Field:
    if kind.this == exp.DataType.Type.ARRAY:
        return {**_type(kind.expressions[0]), "mode": "REPEATED"}
    if kind.this == exp.DataType.Type.STRUCT:
        return {"type": "RECORD", "fields": [_field(part) for part in kind.expressions]}
    return {"type": kind.sql(dialect="bigquery").split("(")[0]}


def _properties(create: exp.Create) -> list[exp.Expression]:
    properties = create.args.get("properties")
    return list(properties.expressions) if properties else []


def options(create: exp.Create) -> dict[str, Any]:
    """The values of OPTIONS(…), by lower-case name."""
    properties = create.args.get("properties")
    return values(properties) if properties else {}


def values(properties: exp.Properties) -> dict[str, Any]:
    """The values of an OPTIONS list, by lower-case name."""
    plain = [item for item in properties.expressions if type(item) is exp.Property]
    return {item.name.lower(): _value(item.args["value"]) for item in plain}


def _value(node: exp.Expression) -> Any:
    if isinstance(node, (exp.Array, exp.Tuple)):
        return tuple(_value(item) for item in node.expressions)
    return node.to_py()


def milliseconds(days: float | str | None) -> int | None:
    """An option in days, which may be a fraction; NULL is none."""
    return None if days is None else int(float(days) * DAY_MS)


def keeping(spec: dict[str, Any], days: float | str | None) -> dict[str, Any]:
    """The partitioning with so many days of expiration, or without any."""
    without = {name: value for name, value in spec.items() if name != "expirationMs"}
    return without if days is None else {**without, "expirationMs": str(milliseconds(days))}


def _partitioning(by: exp.Expression, given: dict[str, Any]) -> dict[str, Any]:
    if isinstance(by, exp.Schema):
        by = by.expressions[0]
    unit = by.args.get("unit")
    column = by if isinstance(by, (exp.Column, exp.Identifier)) else by.find(exp.Column)
    if column is None or "RANGE_BUCKET" in by.sql().upper():
        raise ValidationError(f"[local BigQuery] PARTITION BY {by.sql(dialect='bigquery')} is not emulated")
    spec: dict[str, Any] = {"type": unit.name.upper() if unit else "DAY"}
    if column.name.lower() not in PSEUDO_COLUMNS:
        spec["field"] = column.name
    spec = keeping(spec, given.get(PARTITION_DAYS))
    if given.get("require_partition_filter"):
        spec["requirePartitionFilter"] = True
    return spec
