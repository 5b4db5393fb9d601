"""Partition pruning: the partitions of each table that a query reads, as far as its constant bounds tell.

A bound compares one column with constants, in a WHERE or the ON of an inner join. It reaches a table's partitioning
column through views, CTEs, UNION and GROUP BY as long as the column is only renamed: where one is computed, behind an
outer join, a LIMIT or a window function it ends, and the table counts whole. Google documents pruning for constant
bounds on the partitioning column; how far a bound sinks through views and groups is not documented.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from sqlglot import exp

from localcloud.bigquery.sql import names
from localcloud.bigquery.sql.partition_time import PSEUDO_COLUMNS
from localcloud.bigquery.tables import Resource, TableRef

COMPARISONS = (exp.EQ, exp.LT, exp.LTE, exp.GT, exp.GTE)
CONNECTORS = (exp.And, exp.Or, exp.Paren)
Find = Callable[[TableRef], Resource | None]
View = Callable[[TableRef, Resource], exp.Expr]


class Untold(Exception):
    """The query has a form that is not followed: nothing of it is pruned."""


@dataclass(frozen=True)
class Bound:
    """A condition on one column of a source or of an output, by its name in lower case."""

    column: str
    condition: exp.Expr

    def on(self, name: str) -> Bound:
        """The same bound on a column of another name."""
        column = exp.column(name)
        moved = self.condition.transform(lambda node: column.copy() if isinstance(node, exp.Column) else node)
        return Bound(name.lower(), moved)


@dataclass(frozen=True)
class Cte:
    """A query of a WITH clause and the queries that it can name."""

    query: exp.Expr
    scope: Mapping[str, Cte]


Scope = Mapping[str, Cte]
Output = tuple[str, tuple[str, str] | None]  # its name; source and column that it passes on, None if it is computed


def partitions_read(tree: exp.Expr, find: Find, view: View) -> dict[TableRef, str]:
    """Tables that are read only in part: the GoogleSQL condition on the partitioning column, by table.

    `tree` is a statement with complete table names; `view` answers the tree of a view. Tables that are read whole are
    not among them.
    """
    if not isinstance(tree, exp.Query):
        return {}
    reader = _Reader(find, view)
    try:
        reader.read(tree, {}, [])
    except Untold:
        return {}
    return {ref: _either(conditions) for ref, conditions in reader.found.items() if all(conditions)}


def _either(conditions: Iterable[list[exp.Expr]]) -> str:
    return exp.or_(*(exp.and_(*each, copy=False) for each in conditions), copy=False).sql(dialect="bigquery")


class _Reader:
    """Walks a query down to its tables. `found` has the conditions of each time that a table is read."""

    def __init__(self, find: Find, view: View) -> None:
        self._find = find
        self._view = view
        self.found: dict[TableRef, list[list[exp.Expr]]] = {}
        self._resources: dict[TableRef, Resource] = {}
        self._known: dict[int, tuple[exp.Expr, list[Output]]] = {}  # outputs by the query's id, which it keeps so

    def read(self, query: exp.Expr, scope: Scope, bounds: list[Bound]) -> None:
        """Reads a query of which rows are wanted within the bounds, which are on its output columns."""
        scope = _within(query, scope)
        if query.args.get("limit") or query.args.get("offset"):
            bounds = []
        if isinstance(query, exp.Subquery):
            self.read(query.this, scope, bounds)
        elif isinstance(query, exp.SetOperation):
            self._read_both(query, scope, bounds)
        elif isinstance(query, exp.Select):
            self._read_select(query, scope, bounds)
        else:
            raise Untold

    def _read_both(self, query: exp.SetOperation, scope: Scope, bounds: list[Bound]) -> None:
        if query.args.get("by_name") or not isinstance(query, exp.Union):
            bounds = []
        renamed = zip(self._names(query.left, scope), self._names(query.right, scope), strict=False) if bounds else ()
        self.read(query.left, scope, bounds)
        self.read(query.right, scope, _renamed(bounds, renamed))

    def _read_select(self, select: exp.Select, scope: Scope, bounds: list[Bound]) -> None:
        sources = _sources(select)
        if select.args.get("qualify") or any(item.find(exp.Window) for item in select.expressions):
            bounds = []
        wanted: dict[str, list[Bound]] = {alias: [] for alias in sources}
        origins = dict(self._outputs(select, scope)) if bounds else {}
        for bound in bounds:
            if origin := origins.get(bound.column):
                wanted[origin[0]].append(bound.on(origin[1]))
        for column, condition in _conditions(select):
            if origin := self._origin(column, sources, scope):
                wanted[origin[0]].append(Bound(origin[1], condition).on(origin[1]))
        lacking = _may_be_missing(select)
        for alias, source in sources.items():
            self._read_source(source, scope, [] if alias in lacking else wanted[alias])
        for query in _nested(select, sources.values()):
            self.read(query, scope, [])

    def _read_source(self, source: exp.Expr, scope: Scope, bounds: list[Bound]) -> None:
        if isinstance(source, exp.Query):
            self.read(source, scope, bounds)
        elif isinstance(source, exp.Table) and (cte := _cte(source, scope)):
            self.read(cte.query, cte.scope, bounds)
        elif isinstance(source, exp.Table):
            self._read_stored(names.table_ref(source), bounds)

    def _read_stored(self, ref: TableRef, bounds: list[Bound]) -> None:
        resource = self._stored(ref)
        if "view" not in resource:
            by = _partitioned_by(resource)
            self.found.setdefault(ref, []).append([each.condition for each in bounds if each.column in by])
            return
        query = self._view(ref, resource)
        names_of_query = self._names(query, {}) if bounds else ()
        self.read(query, {}, _renamed(bounds, zip(_fields(resource), names_of_query, strict=False)))

    def _outputs(self, query: exp.Expr, scope: Scope) -> list[Output]:
        """The outputs of a query, whose scope is always that of its place."""
        if id(query) not in self._known:
            self._known[id(query)] = query, self._outputs_of(query, scope)
        return self._known[id(query)][1]

    def _outputs_of(self, query: exp.Expr, scope: Scope) -> list[Output]:
        scope = _within(query, scope)
        if isinstance(query, exp.Subquery):
            return self._outputs(query.this, scope)
        if isinstance(query, exp.SetOperation):
            return self._outputs(query.left, scope)
        if not isinstance(query, exp.Select):
            raise Untold
        sources = _sources(query)
        return [output for item in query.expressions for output in self._of_item(item, sources, scope)]

    def _of_item(self, item: exp.Expr, sources: dict[str, exp.Expr], scope: Scope) -> Iterator[Output]:
        star = item.this if isinstance(item, exp.Column) else item
        if isinstance(star, exp.Star):
            yield from self._of_star(star, item.text("table").lower(), sources, scope)
            return
        value = item.unalias()
        origin = self._origin(value, sources, scope) if isinstance(value, exp.Column) else None
        yield item.alias_or_name.lower(), origin

    def _of_star(self, star: exp.Star, only: str, sources: dict[str, exp.Expr], scope: Scope) -> Iterator[Output]:
        without = {each.name.lower() for each in star.args.get("except_") or star.args.get("except") or []}
        replaced = {each.alias.lower() for each in star.args.get("replace") or []}
        for alias, source in sources.items():
            for name in self._names(source, scope) if only in ("", alias) else []:
                if name not in without:
                    yield name, None if name in replaced else (alias, name)

    def _origin(self, column: exp.Column, sources: dict[str, exp.Expr], scope: Scope) -> tuple[str, str] | None:
        """The source and the column of it that a column of a SELECT names."""
        name, table = column.name.lower(), column.table.lower()
        if table:
            return (table, name) if table in sources else None
        having = [alias for alias, source in sources.items() if self._has(source, name, scope)]
        return (having[0], name) if len(having) == 1 else None

    def _has(self, source: exp.Expr, name: str, scope: Scope) -> bool:
        if isinstance(source, exp.Unnest):
            return False
        return name in self._names(source, scope) or (name in PSEUDO_COLUMNS and isinstance(source, exp.Table))

    def _names(self, source: exp.Expr, scope: Scope) -> list[str]:
        if isinstance(source, exp.Query):
            return [name for name, _ in self._outputs(source, scope)]
        if not isinstance(source, exp.Table):
            raise Untold
        if cte := _cte(source, scope):
            return [name for name, _ in self._outputs(cte.query, cte.scope)]
        return _fields(self._stored(names.table_ref(source)))

    def _stored(self, ref: TableRef) -> Resource:
        if ref not in self._resources:
            resource = self._find(ref)
            if resource is None:
                raise Untold
            self._resources[ref] = resource
        return self._resources[ref]


def _renamed(bounds: list[Bound], columns: Iterable[tuple[str, str]]) -> list[Bound]:
    """The bounds on what is called otherwise below."""
    below = dict(columns)
    return [bound.on(below[bound.column]) for bound in bounds if bound.column in below]


def _fields(resource: Resource) -> list[str]:
    return [field["name"].lower() for field in resource["schema"]["fields"]]


def _within(query: exp.Expr, scope: Scope) -> Scope:
    """What the query can name: the scope around it, and its own WITH clause."""
    clause = query.args.get("with_") or query.args.get("with")
    if clause is None:
        return scope
    if clause.args.get("recursive"):
        raise Untold
    for cte in clause.expressions:
        if cte.args.get("alias") and cte.args["alias"].columns:
            raise Untold
        scope = {**scope, cte.alias.lower(): Cte(cte.this, scope)}
    return scope


def _cte(table: exp.Table, scope: Scope) -> Cte | None:
    return None if table.db else scope.get(table.name.lower())


def _joins(select: exp.Select) -> list[exp.Join]:
    return list(select.args.get("joins") or [])


def _sources(select: exp.Select) -> dict[str, exp.Expr]:
    """What a SELECT reads, by its alias in lower case."""
    clause = select.args.get("from_") or select.args.get("from")
    found = [clause.this] if clause else []
    found += [join.this for join in _joins(select)]
    if select.args.get("laterals") or any(isinstance(each, exp.Table) and each.args.get("joins") for each in found):
        raise Untold
    return {each.alias_or_name.lower() or f"#{number}": each for number, each in enumerate(found)}


def _may_be_missing(select: exp.Select) -> set[str]:
    """The sources whose rows an outer join may put NULL for."""
    missing: set[str] = set()
    before: set[str] = set()
    clause = select.args.get("from_") or select.args.get("from")
    if clause:
        before.add(clause.this.alias_or_name.lower())
    for join in _joins(select):
        alias = join.this.alias_or_name.lower()
        if join.side in ("RIGHT", "FULL"):
            missing |= before
        if join.side in ("LEFT", "FULL"):
            missing.add(alias)
        before.add(alias)
    return missing


def _conditions(select: exp.Select) -> Iterator[tuple[exp.Column, exp.Expr]]:
    """The conditions that every row fulfils and that are bounds, each with its column."""
    where = select.args.get("where")
    told = [where.this] if where else []
    told += [join.args["on"] for join in _joins(select) if join.args.get("on") and not join.side]
    for condition in told:
        for part in condition.flatten() if isinstance(condition, exp.And) else [condition]:
            if column := _bounded(part):
                yield column, part


def _bounded(condition: exp.Expr) -> exp.Column | None:
    """The one column that the condition compares with constants."""
    if isinstance(condition, CONNECTORS):
        columns = [_bounded(part) for part in condition.iter_expressions()]
        return columns[0] if all(columns) and len({str(each).lower() for each in columns}) == 1 else None
    if isinstance(condition, COMPARISONS):
        return _against(condition.left, [condition.right]) or _against(condition.right, [condition.left])
    if isinstance(condition, exp.Between):
        return _against(condition.this, [condition.args["low"], condition.args["high"]])
    if isinstance(condition, exp.In) and not condition.args.get("query") and not condition.args.get("unnest"):
        return _against(condition.this, condition.expressions)
    return None


def _against(column: exp.Expr, constants: list[exp.Expr]) -> exp.Column | None:
    if not isinstance(column, exp.Column) or any(each.find(*_NOT_CONSTANT) for each in constants):
        return None
    return column


# `?` is one by its place in the statement, which a condition alone does not keep.
_NOT_CONSTANT = (exp.Column, exp.Query, exp.Placeholder)


def _nested(select: exp.Select, sources: Iterable[exp.Expr]) -> Iterator[exp.Expr]:
    """The queries within expressions of a SELECT."""
    known = {id(each) for each in sources}
    for node in select.walk(prune=lambda each: each is not select and isinstance(each, (exp.Query, exp.With))):
        if node is not select and isinstance(node, exp.Query) and id(node) not in known:
            yield node


def _partitioned_by(resource: Resource) -> set[str]:
    """The columns, in lower case, by which a bound picks whole partitions: a DATE, or the time of ingestion."""
    spec = resource.get("timePartitioning")
    if not spec or spec.get("type", "DAY") != "DAY":
        return set()
    column = str(spec.get("field") or "").lower()
    dates = {field["name"].lower() for field in resource["schema"]["fields"] if field["type"] == "DATE"}
    return PSEUDO_COLUMNS if not column else {column} & dates
