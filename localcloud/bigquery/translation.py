"""A GoogleSQL statement as DuckDB runs it: our rewrites, then bqemulator's translation, remembered.

Translating costs some twenty milliseconds, mostly parsing; the same text with the same parameter types over an
unchanged catalog translates the same.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from bqemulator.domain.errors import NotFoundError
from bqemulator.domain.result import Err, Ok
from bqemulator.row_access.identity import CallerIdentity
from bqemulator.sql.catalog_schema import build_catalog_schema
from bqemulator.sql.rewriter.information_schema import expand_information_schema
from bqemulator.sql.rewriter.unnest_offset import rewrite_unnest_offset
from bqemulator.sql.rewriter.wildcard_expander import expand_wildcard_tables
from bqemulator.sql.table_rewriter import rewrite_table_refs
from bqemulator.sql.translator import SQLTranslator
from sqlglot import exp

from localcloud.bigquery.partitions import is_ingestion_partitioned
from localcloud.bigquery.pruning import partitions_read
from localcloud.bigquery.sql import casts, equivalents, names, parameters, partition_time
from localcloud.bigquery.sql.parameters import Parameter
from localcloud.bigquery.statements import parse
from localcloud.bigquery.tables import Resource, TableRef, Tables

CALLER = CallerIdentity(principal="user:local@cloudact.test", is_authenticated=True)
MAX_REMEMBERED = 1000


@dataclass(frozen=True)
class Scope:
    """Where a statement's names and parameters come from."""

    project: str
    dataset: tuple[str, str] | None
    parameters: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Translation:
    """DuckDB SQL, the parameters it binds and the tables it reads (through views, too).

    `partitions` has the GoogleSQL condition on the partitions that are read, of tables that are not read whole.
    """

    sql: str
    used: list[str]
    tables: frozenset[TableRef]
    partitions: Mapping[TableRef, str] = field(default_factory=dict)


class Translator:
    """Translates the statements of one server."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._translator = SQLTranslator()
        self._remembered: OrderedDict[tuple[str, Scope, int], Translation] = OrderedDict()
        self._views: OrderedDict[TableRef, tuple[str, exp.Expression]] = OrderedDict()

    def translate(self, sql: str, scope: Scope, given: list[Parameter]) -> Translation:
        """The translation; raises InvalidQueryError, or NotFoundError for a table that does not exist."""
        key = (sql, scope, self._tables.version)
        if key not in self._remembered:
            translation = self.translate_tree(parse(sql), scope, given)
            if "INFORMATION_SCHEMA" in sql.upper():  # its rows stand in the translated text
                return translation
            self._remembered[key] = translation
            if len(self._remembered) > MAX_REMEMBERED:
                self._remembered.popitem(last=False)
        self._remembered.move_to_end(key)
        return self._remembered[key]

    def translate_tree(self, tree: exp.Expression, scope: Scope, given: list[Parameter]) -> Translation:
        """Like `translate`, for a statement that is already parsed; changes the tree."""
        names.qualify(tree, scope.project, scope.dataset)
        nodes = names.stored_tables(tree)
        resources = {names.table_ref(node): self._require(names.table_ref(node)) for node in nodes}
        partitions = partitions_read(tree, self._tables.find, self._view_tree)
        used = parameters.rewrite(tree, given)
        casts.rewrite(tree)
        equivalents.rewrite(tree)
        self._read_partitions(tree, nodes, resources)
        translated = self._to_duckdb(tree.sql(dialect="bigquery"), scope.project)
        return Translation(translated, used, self._base_tables(resources), partitions)

    def _to_duckdb(self, sql: str, project: str) -> str:
        # bqemulator's own chain would first replace views by their text, which has not been through our rewrites.
        catalog = self._tables.catalog
        sql = expand_information_schema(sql, project, catalog)
        sql = expand_wildcard_tables(rewrite_unnest_offset(sql), project, catalog)
        schema = build_catalog_schema(sql, project_id=project, catalog=catalog)
        match self._translator.translate(sql, schema=schema or None, caller=CALLER):
            case Err(error):
                raise error
            case Ok(translated):
                return str(rewrite_table_refs(translated, project))

    def _require(self, ref: TableRef) -> Resource:
        if self._tables.catalog.get_dataset(ref.project, ref.dataset) is None:
            raise NotFoundError(f"Not found: Dataset {ref.project}:{ref.dataset} was not found in location US")
        return self._tables.get(ref)

    def _read_partitions(
        self, tree: exp.Expression, nodes: list[exp.Table], resources: dict[TableRef, Resource]
    ) -> None:
        partition_time.rewrite(tree)
        ingested = [node for node in nodes if is_ingestion_partitioned(resources[names.table_ref(node)])]
        partition_time.hide(tree, {id(node) for node in ingested})
        if isinstance(tree, exp.Insert) and any(node is tree.this for node in ingested):
            _name_columns(tree, resources[names.table_ref(tree.this)])

    def _base_tables(self, resources: dict[TableRef, Resource]) -> frozenset[TableRef]:
        found: set[TableRef] = set()
        for ref, resource in resources.items():
            found |= self._tables_of_view(ref, resource) if "view" in resource else {ref}
        return frozenset(found)

    def _tables_of_view(self, ref: TableRef, resource: Resource) -> frozenset[TableRef]:
        tree = self._view_tree(ref, resource)
        below = {names.table_ref(node) for node in names.stored_tables(tree)} - {ref}
        return self._base_tables({table: found for table in below if (found := self._tables.find(table))})

    def _view_tree(self, ref: TableRef, resource: Resource) -> exp.Expression:
        """The query of a view with complete names of tables; not to be changed."""
        text = resource["view"]["query"]
        if self._views.get(ref, ("",))[0] != text:
            tree = parse(text)
            names.qualify(tree, ref.project, (ref.project, ref.dataset))
            self._views[ref] = (text, tree)
            if len(self._views) > MAX_REMEMBERED:
                self._views.popitem(last=False)
        return self._views[ref][1]


def _name_columns(insert: exp.Insert, resource: Resource) -> None:
    columns = [exp.to_identifier(field["name"], quoted=True) for field in resource["schema"]["fields"]]
    insert.set("this", exp.Schema(this=insert.this, expressions=columns))
