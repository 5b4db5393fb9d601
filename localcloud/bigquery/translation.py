"""A GoogleSQL statement as DuckDB runs it: our rewrites, then bqemulator's translation, remembered.

Translating costs some twenty milliseconds, mostly parsing; the same text with the same parameter types translates the
same until a table that it reads changes, through views or not.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field, replace
from typing import Any

from bqemulator.domain.errors import NotFoundError
from sqlglot import exp

from localcloud.bigquery import information_schema
from localcloud.bigquery.inlined_views import InlinedViews, View
from localcloud.bigquery.kept_translations import KeptTranslations
from localcloud.bigquery.known_statements import KnownStatements
from localcloud.bigquery.moves import Moves, stands_alone
from localcloud.bigquery.partitions import is_ingestion_partitioned
from localcloud.bigquery.pruning import partitions_read
from localcloud.bigquery.remembered_texts import RememberedTexts
from localcloud.bigquery.sql import casts, equivalents, names, parameters, partition_time
from localcloud.bigquery.sql.parameters import Parameter
from localcloud.bigquery.statements import parsed
from localcloud.bigquery.tables import Resource, Seen, TableRef, Tables
from localcloud.bigquery.transpiling import Transpiler, depends_on_listing

MAX_REMEMBERED = 1000
VIEW_TEXTS = 500_000  # characters: of three orgs with all their views


@dataclass(frozen=True)
class Scope:
    """Where a statement's names and parameters come from."""

    project: str
    dataset: tuple[str, str] | None
    parameters: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Translation:
    """DuckDB SQL, the parameters it binds and the tables it reads (through views, too).

    `named` are those tables, the views, and what a view names that is not there. `partitions` has the GoogleSQL
    condition on the partitions that are read, of tables that are not read whole. `read_by_name` are those that DuckDB
    has to have, and what these name: the SQL has the text of other views. `written` is the table that DML writes, as
    far as it is known.
    """

    sql: str
    used: list[str]
    tables: frozenset[TableRef]
    named: frozenset[TableRef]
    partitions: Mapping[TableRef, str] = field(default_factory=dict)
    read_by_name: frozenset[TableRef] = frozenset()
    written: TableRef | None = None

    def moved(self, moves: Moves) -> Translation:
        """The same over tables elsewhere that are alike."""
        return Translation(
            moves.duckdb_sql(self.sql, self.named),
            self.used,
            frozenset(map(moves.ref, self.tables)),
            frozenset(map(moves.ref, self.named)),
            {moves.ref(ref): condition for ref, condition in self.partitions.items()},
            frozenset(map(moves.ref, self.read_by_name)),
            self.written and moves.ref(self.written),
        )

    def is_bound_to(self, name: str) -> bool:
        """Whether it has the name in a condition, or elsewhere than in the schemas of its tables."""
        told = any(name in condition for condition in self.partitions.values())
        return told or not stands_alone(name, self.sql, self.named)

    def to_json(self) -> object:
        """All of it, as `from_json` takes it."""
        refs = [[astuple(ref) for ref in sorted(each)] for each in (self.tables, self.named, self.read_by_name)]
        partitions = [(astuple(ref), told) for ref, told in self.partitions.items()]
        return [self.sql, self.used, refs, partitions, self.written and astuple(self.written)]

    @classmethod
    def from_json(cls, found: list[Any]) -> Translation:
        """The translation that `to_json` has told."""
        sql, used, refs, partitions, written = found
        tables, named, read_by_name = (frozenset(TableRef(*ref) for ref in told) for told in refs)
        conditions = {TableRef(*ref): told for ref, told in partitions}
        return cls(sql, used, tables, named, conditions, read_by_name, written and TableRef(*written))


class Translator:
    """Translates the statements of one server."""

    def __init__(self, tables: Tables, kept: KeptTranslations) -> None:
        self._tables = tables
        self._transpiler = Transpiler(tables)
        self.elsewhere = KnownStatements(tables, kept, "translation", Translation.from_json)
        self._views_elsewhere = KnownStatements(tables, kept, "view", Translation.from_json)
        self._inlined_views = InlinedViews(kept)
        self._remembered: OrderedDict[tuple[str, Scope], tuple[Translation, Seen]] = OrderedDict()
        self._views: RememberedTexts[TableRef, exp.Expression] = RememberedTexts(VIEW_TEXTS)

    def translate(self, sql: str, scope: Scope, given: list[Parameter]) -> Translation:
        """The translation; raises InvalidQueryError, or NotFoundError for a table that does not exist."""
        known, seen = self._remembered.get((sql, scope), (None, None))
        if known and seen and not self._tables.changes.since(seen):
            self._remembered.move_to_end((sql, scope))
            return known
        if depends_on_listing(sql):
            return self.translate_tree(parsed(sql), scope, given)
        translation = self.elsewhere.find(sql, scope)
        if translation is None:
            translation = self.inlined(self.translate_tree(parsed(sql), scope, given))
            self.elsewhere.remember(sql, scope, translation)
        self._remember((sql, scope), translation)
        return translation

    def _remember(self, key: tuple[str, Scope], translation: Translation) -> None:
        self._remembered[key] = translation, self._tables.changes.of(translation.named)
        self._remembered.move_to_end(key)
        if len(self._remembered) > MAX_REMEMBERED:
            self._remembered.popitem(last=False)

    def translate_tree(self, tree: exp.Expression, scope: Scope, given: list[Parameter]) -> Translation:
        """Like `translate`, for a statement that is already parsed; changes the tree."""
        names.qualify(tree, scope.project, scope.dataset)
        information_schema.expand(tree, self._tables, scope.project)
        nodes = names.stored_tables(tree)
        resources = {names.table_ref(node): self._require(names.table_ref(node)) for node in nodes}
        partitions = partitions_read(tree, self._tables.find, self._view_tree)
        written = names.written_table(tree)
        used = parameters.rewrite(tree, given)
        casts.rewrite(tree)
        equivalents.rewrite(tree)
        self._read_partitions(tree, nodes, resources)
        translated = self._transpiler.to_duckdb(tree, scope.project, resources)
        named = self._named(resources)
        tables = frozenset(ref for ref, resource in named.items() if resource and "view" not in resource)
        return Translation(translated, used, tables, frozenset(named), partitions, frozenset(named), written)

    def inlined(self, translation: Translation) -> Translation:
        """The same with the views that it reads put into its SQL.

        DuckDB tells names in any case, and the SQL may spell one as a column.
        """
        views = {(ref.schema, ref.table.lower()): ref for ref in translation.named - translation.tables}

        def find(schema: str, name: str) -> View | None:
            ref = views.get((schema, name.lower()))
            resource = self._tables.find(ref) if ref else None
            if ref is None or resource is None or depends_on_listing(resource["view"]["query"]):
                return None
            return self._view(ref, resource)

        if not views:
            return translation
        sql = self._inlined_views.put_into(translation.sql, {ref.schema for ref in translation.named}, find)
        by_name = self._named(ref for ref in translation.named if ref.sql.lower() in sql.lower())
        return replace(translation, sql=sql, read_by_name=frozenset(by_name))

    def _view(self, ref: TableRef, resource: Resource) -> View | None:
        """The view's translation; none if DuckDB refuses it, which might answer without the columns that nobody names.

        A view that was accepted is refused where a table below it has lost a column.
        """
        text, scope = resource["view"]["query"], Scope(ref.project, (ref.project, ref.dataset))
        translation = self._views_elsewhere.find(text, scope)
        if translation is None:
            translation = self.translate_tree(self._view_tree(ref, resource).copy(), scope, [])
            whole = self.inlined(translation)
            self._tables.unmade.make(whole.read_by_name)
            if not self._tables.engine.accepts(whole.sql):
                return None
            self._views_elsewhere.remember(text, scope, translation)
        return View(translation.sql, tuple(field["name"] for field in resource["schema"]["fields"]))

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

    def _named(self, refs: Iterable[TableRef]) -> dict[TableRef, Resource | None]:
        """What a statement names, and what the views among it name."""
        found: dict[TableRef, Resource | None] = {}
        left = set(refs)
        while left:
            ref = left.pop()
            found[ref] = resource = self._tables.find(ref)
            if resource and "view" in resource:
                below = names.stored_tables(self._view_tree(ref, resource))
                left |= {names.table_ref(node) for node in below} - found.keys()
        return found

    def _view_tree(self, ref: TableRef, resource: Resource) -> exp.Expression:
        """The query of a view with complete names of tables; not to be changed."""
        text = resource["view"]["query"]
        tree = self._views.find(ref, text)
        if tree is None:
            tree = parsed(text)
            names.qualify(tree, ref.project, (ref.project, ref.dataset))
            self._views.remember(ref, text, tree)
        return tree


def _name_columns(insert: exp.Insert, resource: Resource) -> None:
    columns = [exp.to_identifier(field["name"], quoted=True) for field in resource["schema"]["fields"]]
    insert.set("this", exp.Schema(this=insert.this, expressions=columns))
