"""The rows of a query written into a table: `destinationTable` of a job, and CREATE TABLE … AS SELECT."""

# ruff: noqa: S608 - every name in the SQL is quoted, every value a literal of ours
from __future__ import annotations

from typing import Any

from bqemulator.domain.errors import NotFoundError, ValidationError

from localcloud.bigquery.partitions import partition_named, split_decorator
from localcloud.bigquery.results import Result
from localcloud.bigquery.schemas import by_name, duckdb_type, normalized, quoted
from localcloud.bigquery.tables import TableChange, TableRef, Tables, missing_fields
from localcloud.bigquery.writes import Write, write

RELATION = "__query_rows"


def store(tables: Tables, project: str, config: dict[str, Any], result: Result) -> None:
    """Write a result where `configuration.query` says; raises DomainError, and then nothing has changed."""
    reference = dict(config["destinationTable"])
    reference["tableId"], decorator = split_decorator(reference["tableId"])
    ref, disposition = TableRef.of(reference, project), config.get("writeDisposition") or "WRITE_EMPTY"
    change = _planned(tables, ref, decorator, disposition, config, result)
    fill(tables, change, result, disposition, decorator)


def fill(
    tables: Tables, change: TableChange, result: Result, disposition: str = "WRITE_EMPTY", decorator: str | None = None
) -> None:
    """Apply a change to a table and write the result's rows into it."""
    partition = partition_named(change.resource, decorator) if decorator else None
    known = by_name(change.resource["schema"]["fields"])
    columns = [known[field["name"].lower()] for field in result.fields]
    names = [field["name"] for field in columns]
    tables.engine.connection.register(RELATION, result.table.rename_columns(names))
    values = ", ".join(f"CAST({quoted(f['name'])} AS {duckdb_type(f)}) AS {quoted(f['name'])}" for f in columns)
    try:
        write(tables, Write(change, f"SELECT {values} FROM {RELATION}", names, disposition, partition))
    finally:
        tables.engine.connection.unregister(RELATION)


def _planned(
    tables: Tables, ref: TableRef, decorator: str | None, disposition: str, config: dict[str, Any], result: Result
) -> TableChange:
    resource, fields = tables.find(ref), normalized(result.fields)
    layout = {key: config[key] for key in ("timePartitioning", "clustering") if config.get(key)}
    if resource is None:
        if config.get("createDisposition") == "CREATE_NEVER":
            raise NotFoundError(f"Not found: Table {ref}")
        return tables.creation(ref, {**layout, "schema": {"fields": fields}})
    if disposition == "WRITE_TRUNCATE" and not decorator:
        return tables.replacement(ref, {**resource, **layout, "schema": {"fields": fields}})
    added = missing_fields(resource, fields)
    if added and "ALLOW_FIELD_ADDITION" not in (config.get("schemaUpdateOptions") or []):
        raise ValidationError(f"Invalid schema update. Cannot add fields (field: {added[0]['name']})")
    return tables.extension(ref, resource, added)
