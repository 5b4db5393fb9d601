"""The GoogleSQL statement that makes a table or view as it is: what INFORMATION_SCHEMA.TABLES shows as `ddl`."""

from __future__ import annotations

from collections.abc import Iterator

from localcloud.bigquery.ddl import DAY_MS, PARTITION_DAYS
from localcloud.bigquery.schemas import WIRE_NAMES, Field
from localcloud.bigquery.tables import Resource, TableRef

_SQL_NAMES = {wire: name for name, wire in WIRE_NAMES.items() if name != "DECIMAL"}


def ddl_of(ref: TableRef, resource: Resource) -> str:
    """`CREATE TABLE …` or `CREATE VIEW …` with columns, partitions, clustering and options."""
    name = f"`{ref.project}.{ref.dataset}.{ref.table}`"
    if view := resource.get("view"):
        return f"CREATE VIEW {name}{_view_columns(resource)}\nAS {view['query'].strip().rstrip(';')};"
    columns = ",\n".join(f"  {_column(field)}" for field in resource["schema"]["fields"])
    return f"CREATE TABLE {name}\n(\n{columns}\n){_layout(resource)};"


def type_of(field: Field) -> str:
    """The field's type in GoogleSQL, as INFORMATION_SCHEMA spells it."""
    kind = str(_SQL_NAMES.get(field["type"], field["type"]))
    if kind == "STRUCT":
        kind = "STRUCT<" + ", ".join(f"{part['name']} {type_of(part)}" for part in field["fields"]) + ">"
    return f"ARRAY<{kind}>" if field["mode"] == "REPEATED" else kind


def _column(field: Field) -> str:
    required = " NOT NULL" if field["mode"] == "REQUIRED" else ""
    return f"{field['name']} {_described_type(field)}{required}{_description(field)}"


def _described_type(field: Field) -> str:
    """The type with the descriptions of its nested fields."""
    if field["type"] != "RECORD":
        return type_of(field)
    kind = "STRUCT<" + ", ".join(_column(part) for part in field["fields"]) + ">"
    return f"ARRAY<{kind}>" if field["mode"] == "REPEATED" else kind


def _view_columns(resource: Resource) -> str:
    fields = resource["schema"]["fields"]
    if not any(field.get("description") for field in fields):
        return ""
    return "\n(\n" + ",\n".join(f"  {field['name']}{_description(field)}" for field in fields) + "\n)"


def _description(field: Field) -> str:
    text = field.get("description")
    return f" OPTIONS(description={_quoted(text)})" if text else ""


def _layout(resource: Resource) -> str:
    spec, fields = resource.get("timePartitioning"), (resource.get("clustering") or {}).get("fields")
    kinds = {field["name"]: field["type"] for field in resource["schema"]["fields"]}
    parts = []
    if spec:
        parts.append(f"PARTITION BY {_partitioning(spec.get('field'), spec.get('type', 'DAY'), kinds)}")
    if fields:
        parts.append(f"CLUSTER BY {', '.join(fields)}")
    if options := list(_options(resource)):
        parts.append("OPTIONS(\n" + ",\n".join(f"  {option}" for option in options) + "\n)")
    return "".join(f"\n{part}" for part in parts)


def _partitioning(column: str | None, unit: str, kinds: dict[str, str]) -> str:
    if column is None:
        return "DATE(_PARTITIONTIME)" if unit == "DAY" else f"TIMESTAMP_TRUNC(_PARTITIONTIME, {unit})"
    kind = kinds[column]
    if kind == "DATE":
        return column if unit == "DAY" else f"DATE_TRUNC({column}, {unit})"
    return f"DATE({column})" if unit == "DAY" else f"{kind}_TRUNC({column}, {unit})"


def _options(resource: Resource) -> Iterator[str]:
    spec = resource.get("timePartitioning") or {}
    if spec.get("expirationMs"):
        yield f"{PARTITION_DAYS}={int(spec['expirationMs']) / DAY_MS}"
    if spec.get("requirePartitionFilter") or resource.get("requirePartitionFilter"):
        yield "require_partition_filter=true"
    if resource.get("friendlyName"):
        yield f"friendly_name={_quoted(resource['friendlyName'])}"
    if resource.get("description"):
        yield f"description={_quoted(resource['description'])}"
    if labels := resource.get("labels"):
        yield "labels=[" + ", ".join(f"({_quoted(key)}, {_quoted(value)})" for key, value in labels.items()) + "]"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
