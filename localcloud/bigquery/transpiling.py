"""bqemulator's translation of a statement, remembered also for tables elsewhere.

It parses a statement a dozen times, which takes a second for the largest. Orgs have the same tables, each in a dataset
or project of its own: a statement is translated with names that stand for these, once for all whose tables have the
same columns.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Any

from bqemulator.domain.errors import DomainError
from bqemulator.domain.result import Err, Ok
from bqemulator.row_access.identity import CallerIdentity
from bqemulator.sql.catalog_schema import build_catalog_schema
from bqemulator.sql.rewriter.information_schema import expand_information_schema
from bqemulator.sql.rewriter.unnest_offset import rewrite_unnest_offset
from bqemulator.sql.rewriter.wildcard_expander import expand_wildcard_tables
from bqemulator.sql.table_rewriter import rewrite_table_refs
from bqemulator.sql.translator import SQLTranslator
from bqemulator.storage.sql_identifiers import schema_name
from sqlglot import exp

from localcloud.bigquery.schemas import duckdb_type
from localcloud.bigquery.sql import names, spelling
from localcloud.bigquery.tables import Resource, TableRef, Tables

CALLER = CallerIdentity(principal="user:local@cloudact.test", is_authenticated=True)
MAX_REMEMBERED = 1000
STANDING = "standing"  # the names that stand for others begin so
# What is looked up in the catalog stands in the translated text: the tables of a wildcard, rows of INFORMATION_SCHEMA.
_LISTING = re.compile(r"INFORMATION_SCHEMA|\w\*", re.IGNORECASE)
Place = tuple[str, str]  # project and dataset
Types = Mapping[str, Mapping[str, str]]  # DuckDB's types of each table's columns


@dataclass(frozen=True)
class _Elsewhere:
    """What the translation asks of a catalog, answered for the names that stand for places."""

    catalog: Any
    places: Mapping[Place, Place]

    def get_table(self, project: str, dataset: str, table: str) -> Any:
        """The table's metadata, `None` if there is none."""
        place = self.places.get((project, dataset))
        return self.catalog.get_table(*place, table) if place else None


class Transpiler:
    """Translates the statements of one server."""

    def __init__(self, tables: Tables) -> None:
        self._catalog = tables.catalog
        self._translator = SQLTranslator()
        self._remembered: OrderedDict[Any, str] = OrderedDict()

    def to_duckdb(self, tree: exp.Expression, project: str, resources: Mapping[TableRef, Resource]) -> str:
        """DuckDB's SQL for a statement with complete table names, whose `resources` are given; may change the tree.

        Raises DomainError.
        """
        spelled = spelling.spelled(tree, resources.values())
        nodes = names.stored_tables(tree)
        is_movable = not _name_columns(tree, {node.db.lower() for node in nodes})
        places = _replace_places(nodes) if is_movable else {}
        types = _types(resources)
        if is_movable:
            standing = self._standing(tree.sql(dialect="bigquery"), len(nodes), places, _columns(resources), types)
            if standing is not None and STANDING not in (moved := _move(standing, places)):
                return spelling.restore(moved, spelled)
            _put_back(nodes, places)
        return spelling.restore(self._translate(tree.sql(dialect="bigquery"), project, self._catalog, types), spelled)

    def _standing(self, sql: str, tables: int, places: Mapping[Place, Place], columns: Any, types: Types) -> str | None:
        """The translation with standing names, `None` if they do not do or it fails, as it should with real names."""
        if sql.count(STANDING) != 2 * tables or depends_on_listing(sql):
            return None
        key = (sql, columns)
        if key not in self._remembered:
            try:
                self._remembered[key] = self._translate(sql, STANDING, _Elsewhere(self._catalog, places), types)
            except DomainError:
                return None
            if len(self._remembered) > MAX_REMEMBERED:
                self._remembered.popitem(last=False)
        self._remembered.move_to_end(key)
        return self._remembered[key]

    def _translate(self, sql: str, project: str, catalog: Any, types: Types) -> str:
        # bqemulator's own chain would first replace views by their text, which has not been through our rewrites.
        if depends_on_listing(sql):
            sql = expand_wildcard_tables(expand_information_schema(sql, project, catalog), project, catalog)
        sql = rewrite_unnest_offset(sql)
        schema = build_catalog_schema(sql, project_id=project, catalog=catalog)
        for table, kinds in types.items():  # it leaves out columns of structs, and then so does a star
            if table in schema:
                schema[table] = {name: schema[table].get(name, kind) for name, kind in kinds.items()}
        match self._translator.translate(sql, schema=schema or None, caller=CALLER):
            case Err(error):
                raise error
            case Ok(translated):
                return str(rewrite_table_refs(translated, project))


def depends_on_listing(sql: str) -> bool:
    """Whether the translation depends on more than the tables that the statement names."""
    return bool(_LISTING.search(sql))


def _name_columns(tree: exp.Expr, datasets: Set[str]) -> bool:
    """Whether a column is named with its dataset; a field of a field looks alike, with the name of a table for it."""
    return any(column.text("db").lower() in datasets for column in tree.find_all(exp.Column))


def _replace_places(tables: Iterable[exp.Table]) -> dict[Place, Place]:
    """Puts standing names for projects and datasets into a tree's tables; returns what each of them stands for."""
    standing: dict[Place, Place] = {}
    for table in tables:
        number = len(standing)
        place = standing.setdefault((table.catalog, table.db), (f"{STANDING}-{number}", f"{STANDING}_{number}"))
        table.set("catalog", exp.to_identifier(place[0], quoted=True))
        table.set("db", exp.to_identifier(place[1], quoted=True))
    return {place: real for real, place in standing.items()}


def _put_back(tables: Iterable[exp.Table], places: Mapping[Place, Place]) -> None:
    for table in tables:
        project, dataset = places[table.catalog, table.db]
        table.set("catalog", exp.to_identifier(project, quoted=True))
        table.set("db", exp.to_identifier(dataset, quoted=True))


def _columns(resources: Mapping[TableRef, Resource]) -> Any:
    """Names and types of each table's columns, which decide how some functions are translated."""
    return tuple(
        (ref.table, tuple((field["name"], field["type"], duckdb_type(field)) for field in resource["schema"]["fields"]))
        for ref, resource in resources.items()
    )


def _types(resources: Mapping[TableRef, Resource]) -> Types:
    return {
        ref.table: {field["name"]: duckdb_type(field) for field in resource["schema"]["fields"]}
        for ref, resource in resources.items()
    }


def _move(sql: str, places: Mapping[Place, Place]) -> str:
    for place, real in places.items():
        sql = sql.replace(f'"{schema_name(*place)}"', f'"{schema_name(*real)}"')
    return sql
