"""INFORMATION_SCHEMA.TABLES with `ddl`, and COLUMN_FIELD_PATHS, which bqemulator does not have.

The rows are written into the statement in place of the view's name, with the columns that Google documents:
https://cloud.google.com/bigquery/docs/information-schema-tables and …-column-field-paths.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

from bqemulator.domain.errors import NotFoundError
from sqlglot import exp

from localcloud.bigquery.schemas import Field
from localcloud.bigquery.table_ddl import ddl_of, type_of
from localcloud.bigquery.tables import Resource, TableRef, Tables

Row = Mapping[str, str | datetime | None]
_KINDS = {"TABLE": "BASE TABLE", "MATERIALIZED_VIEW": "MATERIALIZED VIEW"}
_PSEUDO_COLUMN = re.compile(r"(?<=_PARTITION)(?=TIME|DATE)", re.IGNORECASE)
_TYPES = {"creation_time": "TIMESTAMP", "snapshot_time_ms": "TIMESTAMP"}
_TABLES = (
    "table_catalog", "table_schema", "table_name", "table_type", "is_insertable_into", "is_typed", "creation_time",
    "base_table_catalog", "base_table_schema", "base_table_name", "snapshot_time_ms", "ddl", "default_collation_name",
)  # fmt: skip
_FIELD_PATHS = (
    "table_catalog", "table_schema", "table_name", "column_name", "field_path", "data_type", "description",
    "collation_name", "rounding_mode",
)  # fmt: skip


def expand(tree: exp.Expr, tables: Tables, project: str) -> None:
    """Put the rows of the views in the place of their names, once the tree is qualified; `project` is the job's.

    Raises NotFoundError for a dataset that does not exist.
    """
    for node in list(tree.find_all(exp.Table)):
        schema, _, view = node.name.upper().rpartition(".")
        if schema != "INFORMATION_SCHEMA" or view not in _VIEWS or not node.db:
            continue
        place = node.catalog or project
        if tables.catalog.get_dataset(place, node.db) is None:
            raise NotFoundError(f"Not found: Dataset {place}:{node.db} was not found in location US")
        columns, rows_of = _VIEWS[view]
        refs = sorted(TableRef(place, node.db, meta.table_id) for meta in tables.catalog.list_tables(place, node.db))
        rows = [row for ref in refs for row in rows_of(ref, tables.get(ref))]
        alias = node.alias or view
        node.replace(exp.Subquery(this=_selection(columns, rows), alias=exp.TableAlias(this=exp.to_identifier(alias))))


def _tables(ref: TableRef, resource: Resource) -> Iterator[Row]:
    kind = _KINDS.get(resource["type"], resource["type"])
    yield {
        **_name(ref),
        "table_type": kind,
        "is_insertable_into": "YES" if kind == "BASE TABLE" else "NO",
        "is_typed": "NO",
        "creation_time": datetime.fromtimestamp(int(resource["creationTime"]) / 1000, UTC),
        "ddl": ddl_of(ref, resource),
    }


def _field_paths(ref: TableRef, resource: Resource) -> Iterator[Row]:
    for column in resource["schema"]["fields"]:
        for path, field in _paths(column["name"], column):
            yield {
                **_name(ref),
                "column_name": column["name"],
                "field_path": path,
                "data_type": type_of(field),
                "description": field.get("description"),
            }


_VIEWS: Mapping[str, tuple[tuple[str, ...], Callable[[TableRef, Resource], Iterator[Row]]]] = {
    "TABLES": (_TABLES, _tables),
    "COLUMN_FIELD_PATHS": (_FIELD_PATHS, _field_paths),
}


def _paths(path: str, field: Field) -> Iterator[tuple[str, Field]]:
    yield path, field
    for part in field.get("fields") or []:
        yield from _paths(f"{path}.{part['name']}", part)


def _name(ref: TableRef) -> dict[str, str]:
    return {"table_catalog": ref.project, "table_schema": ref.dataset, "table_name": ref.table}


def _selection(columns: tuple[str, ...], rows: list[Row]) -> exp.Select:
    """SELECT of the rows, of none with the columns' types if there are none."""
    names = exp.TableAlias(this=exp.to_identifier("listed"), columns=[exp.to_identifier(name) for name in columns])
    tuples = [exp.Tuple(expressions=[_literal(name, row.get(name)) for name in columns]) for row in rows or [{}]]
    found = exp.select("*").from_(exp.Values(expressions=tuples, alias=names))
    return found if rows else found.where(exp.false())


def _literal(name: str, value: str | datetime | None) -> exp.Expr:
    if value is None or isinstance(value, datetime):
        literal = exp.null() if value is None else exp.Literal.string(value.isoformat(" "))
        return exp.cast(literal, _TYPES.get(name, "STRING"), dialect="bigquery")
    # bqemulator puts the current time in the place of _PARTITIONTIME also within a text.
    parts = [exp.Literal.string(part) for part in _PSEUDO_COLUMN.split(value)]
    return parts[0] if len(parts) == 1 else exp.func("CONCAT", *parts, dialect="bigquery")
