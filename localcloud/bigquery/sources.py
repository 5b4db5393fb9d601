"""Files of a load job as a DuckDB selection: Parquet by column name, NDJSON and CSV row by row.

A `Source` is what `writes` stages. Google's rules for the file are checked here: unknown columns, types that do not
fit, bad rows.
"""

# ruff: noqa: S608 - every name in the SQL is quoted, every value a literal of ours
from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
from bqemulator.domain.errors import ValidationError
from bqemulator.storage.type_map import duckdb_type_to_bq_field

from localcloud.bigquery.engine import LocalEngine
from localcloud.bigquery.rows import BadValue, Row, parse_row
from localcloud.bigquery.schemas import Field, arrow_type, by_name, duckdb_type, normalized, quoted

RELATION = "__loaded_rows"
UNREADABLE = "Error while reading data, error message"
# What a Parquet column of one type may be loaded into, besides its own type.
WIDENINGS = {
    "INTEGER": {"FLOAT", "NUMERIC", "BIGNUMERIC"}, "NUMERIC": {"BIGNUMERIC"}, "STRING": {"JSON", "BYTES"},
    "DATETIME": {"TIMESTAMP"}, "TIMESTAMP": {"DATETIME"}, "JSON": {"STRING"}, "BYTES": {"STRING"},
}  # fmt: skip
# Types whose values DuckDB takes of a text as it takes them of Arrow.
LITERALS = {
    "STRING", "INTEGER", "FLOAT", "NUMERIC", "BOOLEAN", "DATE", "TIME", "DATETIME", "TIMESTAMP", "JSON",
}  # fmt: skip
MOST_LITERALS = 400  # beyond them a relation is faster


@dataclass(frozen=True)
class Source:
    """Rows ready to be written: a query, and the columns of the table that it fills."""

    select: str
    columns: list[str]


def parquet_fields(engine: LocalEngine, path: Path) -> list[Field]:
    """The schema of a Parquet file as BigQuery detects it."""
    described = engine.execute(f"DESCRIBE SELECT * FROM {_parquet(path)}").fetchall()
    return normalized([duckdb_type_to_bq_field(name, kind) for name, kind, *_ in described])


def parquet(engine: LocalEngine, path: Path, fields: list[Field], *, ignore_unknown: bool) -> Source:
    """A Parquet file matched by column name; raises ValidationError for columns that do not fit."""
    known, columns, values = by_name(fields), [], []
    for found in parquet_fields(engine, path):
        field = known.get(found["name"].lower())
        if field is None:
            if not ignore_unknown:
                raise ValidationError(
                    f"Provided Schema does not match Table. Cannot add fields (field: {found['name']})"
                )
            continue
        _refuse_other_type(found, field)
        columns.append(field["name"])
        values.append(f"CAST({quoted(found['name'])} AS {duckdb_type(field)}) AS {quoted(field['name'])}")
    return Source(f"SELECT {', '.join(values)} FROM {_parquet(path)}", columns)


def json_rows(path: Path) -> Iterator[Row]:
    """The rows of a newline-delimited JSON file; numbers keep their decimals. Raises ValidationError."""
    with path.open(encoding="utf-8") as lines:
        for position, line in enumerate(lines):
            if line.strip():
                yield _json_row(line, position)


def csv_rows(path: Path, fields: list[Field], config: dict[str, Any]) -> Iterator[Row]:
    """The rows of a CSV file, by position; an empty cell is NULL except in a STRING column."""
    marker = str(config.get("nullMarker") or "")
    with path.open(encoding="utf-8", newline="") as lines:
        reader = csv.reader(lines, delimiter=str(config.get("fieldDelimiter") or ","))
        for position, cells in enumerate(reader):
            if position >= int(config.get("skipLeadingRows") or 0) and cells:
                if len(cells) != len(fields):
                    raise ValidationError(f"{UNREADABLE}: {len(cells)} values, {len(fields)} columns in row {position}")
                yield {f["name"]: _cell(f, cell, marker) for f, cell in zip(fields, cells, strict=True)}


def parsed(engine: LocalEngine, rows: Iterator[Row], fields: list[Field], config: dict[str, Any]) -> Source:
    """Rows checked against the schema and handed to DuckDB; `maxBadRecords` rows may be bad. Raises ValidationError."""
    ignore, tolerated, good = bool(config.get("ignoreUnknownValues")), int(config.get("maxBadRecords") or 0), []
    for position, row in enumerate(rows):
        try:
            good.append(parse_row(fields, row, ignore_unknown=ignore))
        except BadValue as err:
            tolerated -= 1
            if tolerated < 0:
                raise ValidationError(f"{UNREADABLE}: JSON parsing error in row {position}: {err.message}") from err
    return staged(engine, good, fields)


def streamed(engine: LocalEngine, rows: list[Row], fields: list[Field]) -> Source:
    """Typed rows of one call: a few plain ones as text, which takes a third of the time; `release` frees others."""
    is_plain = all(field["type"] in LITERALS and field["mode"] != "REPEATED" for field in fields)
    if is_plain and len(rows) * len(fields) <= MOST_LITERALS:
        columns = [field["name"] for field in fields]
        text = ", ".join("(" + ", ".join(_literal(row[name]) for name in columns) + ")" for row in rows)
        if "\0" not in text:  # which would end the statement
            return Source(f"VALUES {text}", columns)
    return staged(engine, rows, fields)


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(value)
    text = value.isoformat() if isinstance(value, (date, time)) else str(value)
    return "'" + text.replace("'", "''") + "'"


def staged(engine: LocalEngine, rows: list[Row], fields: list[Field]) -> Source:
    """Typed rows as a relation; `release` frees it."""
    schema = pa.schema([(f["name"], arrow_type(f)) for f in fields])
    engine.connection.register(RELATION, pa.Table.from_pylist(rows, schema=schema))
    values = [f"CAST({quoted(f['name'])} AS {duckdb_type(f)}) AS {quoted(f['name'])}" for f in fields]
    return Source(f"SELECT {', '.join(values)} FROM {RELATION}", [f["name"] for f in fields])


def release(engine: LocalEngine) -> None:
    """Forget staged rows."""
    engine.connection.unregister(RELATION)


def _parquet(path: Path) -> str:
    return "read_parquet('" + str(path).replace("'", "''") + "')"


def _refuse_other_type(found: Field, field: Field) -> None:
    same = found["type"] == field["type"] or field["type"] in WIDENINGS.get(found["type"], set())
    if not same or (found["mode"] == "REPEATED") != (field["mode"] == "REPEATED"):
        raise ValidationError(
            f"Provided Schema does not match Table. Field {field['name']} has changed type "
            f"from {field['type']} to {found['type']}"
        )


def _json_row(line: str, position: int) -> Row:
    try:
        row = json.loads(line, parse_float=Decimal)
    except ValueError as err:
        raise ValidationError(f"{UNREADABLE}: Failed to parse JSON in row {position}: {err}") from err
    if not isinstance(row, dict):
        raise ValidationError(f"{UNREADABLE}: row {position} is not an object")
    return row


def _cell(field: Field, cell: str, null_marker: str) -> str | None:
    if cell == null_marker and (null_marker or field["type"] != "STRING"):
        return None
    return cell
