"""Table schemas: Google's field dicts, and the DuckDB and Arrow types that store their values.

A field is the REST resource `{"name", "type", "mode", "fields"?}`; it knows nothing of rows or tables.
"""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa
from bqemulator.domain.errors import ValidationError

Field = dict[str, Any]

# tables.get reports the legacy names whatever name a table was created with.
WIRE_NAMES = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN", "STRUCT": "RECORD", "DECIMAL": "NUMERIC"}
DUCKDB_TYPES = {
    "STRING": "VARCHAR", "BYTES": "BLOB", "INTEGER": "BIGINT", "FLOAT": "DOUBLE", "BOOLEAN": "BOOLEAN",
    "NUMERIC": "DECIMAL(38,9)", "BIGNUMERIC": "DECIMAL(38,18)", "DATE": "DATE", "TIME": "TIME",
    "DATETIME": "TIMESTAMP", "TIMESTAMP": "TIMESTAMP WITH TIME ZONE", "JSON": "JSON",
}  # fmt: skip
ARROW_TYPES = {
    "STRING": pa.string(), "BYTES": pa.binary(), "INTEGER": pa.int64(), "FLOAT": pa.float64(),
    "BOOLEAN": pa.bool_(), "NUMERIC": pa.decimal128(38, 9), "BIGNUMERIC": pa.decimal128(38, 18),
    "DATE": pa.date32(), "TIME": pa.time64("us"), "DATETIME": pa.timestamp("us"),
    "TIMESTAMP": pa.timestamp("us", "UTC"), "JSON": pa.string(),
}  # fmt: skip
MODES = {"NULLABLE", "REQUIRED", "REPEATED"}
FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,299}")


def quoted(name: str) -> str:
    """A DuckDB identifier."""
    return '"' + name.replace('"', '""') + '"'


def normalized(fields: list[Field]) -> list[Field]:
    """The fields with the type names and modes that tables.get reports; raises ValidationError."""
    return [_normalized(field) for field in fields]


def _normalized(field: Field) -> Field:
    name, kind = str(field.get("name", "")), str(field.get("type", "")).upper()
    kind, mode = WIRE_NAMES.get(kind, kind), str(field.get("mode") or "NULLABLE").upper()
    if not FIELD_NAME.fullmatch(name):
        raise ValidationError(f'Invalid field name "{name}".')
    if mode not in MODES or (kind != "RECORD" and kind not in DUCKDB_TYPES):
        raise ValidationError(f"Field {name}: type {kind} with mode {mode} is not supported.")
    result: Field = {"name": name, "type": kind, "mode": mode}
    if field.get("description"):
        result["description"] = field["description"]
    if kind == "RECORD":
        result["fields"] = normalized(field.get("fields") or [])
    return result


def duckdb_type(field: Field) -> str:
    """The DuckDB column type of a (normalized) field."""
    kind = field["type"]
    if kind == "RECORD":
        kind = "STRUCT(" + ", ".join(f"{quoted(f['name'])} {duckdb_type(f)}" for f in field["fields"]) + ")"
    else:
        kind = DUCKDB_TYPES[kind]
    return f"{kind}[]" if field["mode"] == "REPEATED" else kind


def arrow_type(field: Field) -> pa.DataType:
    """The Arrow type in which parsed rows of this field are staged."""
    if field["type"] == "RECORD":
        kind = pa.struct([(f["name"], arrow_type(f)) for f in field["fields"]])
    else:
        kind = ARROW_TYPES[field["type"]]
    return pa.list_(kind) if field["mode"] == "REPEATED" else kind


def by_name(fields: list[Field]) -> dict[str, Field]:
    """Fields by lower-case name: BigQuery's column names ignore case."""
    return {field["name"].lower(): field for field in fields}


def row_width(fields: list[Field]) -> int:
    """Bytes a row is assumed to take, by the sizes Google bills (a STRING as 2 + 30 characters)."""
    sizes = {"BOOLEAN": 1, "NUMERIC": 16, "BIGNUMERIC": 32, "STRING": 32, "BYTES": 32, "JSON": 64}
    return sum(
        row_width(field["fields"]) if field["type"] == "RECORD" else sizes.get(field["type"], 8) for field in fields
    )
