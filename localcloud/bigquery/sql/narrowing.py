"""A DuckDB query with only the columns that are wanted of it, through its subqueries and its WITH clause.

DuckDB binds all expressions of a query at each call, before it drops those that nobody reads. Here an expression is
left out where nobody names its column and the rows do not depend on it; what is not certain stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sqlglot import exp

Wanted = frozenset[str] | None  # names of columns in lower case; None for all of them
OnTable = Callable[[exp.Table, Wanted], None]
_SOURCES = ("with_", "from_", "joins")
_NOT_FOLLOWED = (exp.Columns, exp.Pivot, exp.Lateral)
_MAKES_ROWS = (exp.Explode, exp.Unnest)


def can_be_followed(tree: exp.Expr) -> bool:
    """Whether all columns that the query reads are told by their names, or by a star."""
    recursive = any(clause.args.get("recursive") for clause in tree.find_all(exp.With))
    by_all_names = any(join.method for join in tree.find_all(exp.Join))
    joined_within = any(table.args.get("joins") for table in tree.find_all(exp.Table, exp.Subquery))
    return not (recursive or by_all_names or joined_within or tree.find(*_NOT_FOLLOWED))


def narrow(query: exp.Expr, wanted: Wanted, on_table: OnTable) -> None:
    """Leaves out, in place, what is not wanted of a query that can be followed.

    `on_table` is called with each stored table that it reads, and what it names of its columns or may name.
    """
    _Narrowing(on_table, cuts=True).query(query, wanted, {})


def follow(query: exp.Expr, on_table: OnTable) -> None:
    """Like `narrow`, but leaves the query as it is."""
    _Narrowing(on_table, cuts=False).query(query, None, {})


@dataclass
class _Cte:
    """What is wanted of a query of a WITH clause, and the nodes that are known to read it."""

    wanted: Wanted = frozenset()
    readers: set[int] = field(default_factory=set)


Scope = Mapping[str, _Cte]


@dataclass(frozen=True)
class _Narrowing:
    on_table: OnTable
    cuts: bool

    def query(self, query: exp.Expr, wanted: Wanted, scope: Scope) -> None:
        ctes = query.args["with_"].expressions if query.args.get("with_") else []
        own = {cte.alias.lower(): _Cte() for cte in ctes}
        self._itself(query, wanted, {**scope, **own})
        for cte in reversed(ctes):  # each is read by those after it
            known = own[cte.alias.lower()]
            readers = {id(table) for table in query.find_all(exp.Table) if _is_named(table, cte.alias.lower())}
            is_clear = readers <= known.readers and not cte.args["alias"].columns
            self.query(cte.this, known.wanted if is_clear else None, {**scope, **own})

    def _itself(self, query: exp.Expr, wanted: Wanted, scope: Scope) -> None:
        if isinstance(query, exp.Subquery):
            self.query(query.this, None if _has_more(query, "alias") else wanted, scope)
        elif isinstance(query, exp.SetOperation):
            self._cut(_of_union(query), wanted)
            self.query(query.left, None, scope)
            self.query(query.right, None, scope)
        elif isinstance(query, exp.Select):
            self._cut([query] if _can_be_cut(query) else [], wanted)
            self._below(query, wanted, scope)

    def _cut(self, selects: list[exp.Select], wanted: Wanted) -> None:
        """Leaves the same columns, by their place, out of queries whose rows go into one."""
        if not self.cuts or wanted is None or len({len(select.expressions) for select in selects}) != 1:
            return
        named = wanted.union(*(_names(_clauses(select)) for select in selects))
        kept = [
            any(item.is_star or item.alias_or_name.lower() in named or _makes_rows(item) for item in items)
            for items in zip(*(select.expressions for select in selects), strict=True)
        ]
        for select in selects:
            items = [item for item, keep in zip(select.expressions, kept, strict=True) if keep]
            select.set("expressions", items or select.expressions[:1])

    def _below(self, select: exp.Select, wanted: Wanted, scope: Scope) -> None:
        """Goes on with what a query reads: it may name all that it and those around it name."""
        joins = select.args.get("joins") or []
        sources = [clause.this for clause in [select.args.get("from_"), *joins] if clause]
        said = [*select.expressions, *_clauses(select), *(part for join in joins for part in _parts(join, "this"))]
        said += [source for source in sources if not (_is_stored_or_cte(source) or isinstance(source, exp.Subquery))]
        below: Wanted = _names(said) | _of_correlated(sources)
        if any(item.is_star for item in select.expressions):
            below = None if wanted is None or below is None else below | wanted
        if _takes_rows(select, {source.alias_or_name.lower() for source in sources}, [*said, *sources]):
            below = None
        for source in sources:
            self._source(source, below, scope)
        for query in _nested(said):
            self.query(query, None, scope)

    def _source(self, source: exp.Expr, wanted: Wanted, scope: Scope) -> None:
        if isinstance(source, exp.Subquery):
            self.query(source, None if _column_names(source) else wanted, scope)
        elif isinstance(source, exp.Table) and source.db:
            self.on_table(source, wanted)
        elif isinstance(source, exp.Table) and (cte := scope.get(source.name.lower())):
            wants_all = cte.wanted is None or wanted is None or _column_names(source)
            cte.wanted = None if wants_all else (cte.wanted or frozenset()) | (wanted or frozenset())
            cte.readers.add(id(source))


def _of_union(query: exp.Expr) -> list[exp.Select]:
    """The queries whose rows UNION ALL puts together; none if one of them must keep its columns."""
    if isinstance(query, exp.Select):
        return [query] if _can_be_cut(query) and not any(item.is_star for item in query.expressions) else []
    if isinstance(query, exp.Subquery) and not _has_more(query):
        return _of_union(query.this)
    if type(query) is not exp.Union or _has_more(query, "expression", "with_"):
        return []
    left, right = _of_union(query.left), _of_union(query.right)
    return [*left, *right] if left and right else []


def _has_more(query: exp.Expr, *but: str) -> bool:
    """Whether it has a clause of its own besides those: DISTINCT, BY NAME, ORDER BY, LIMIT …"""
    return any(value for name, value in query.args.items() if name not in ("this", *but))


def _can_be_cut(select: exp.Select) -> bool:
    """Whether the rows stay the same without some of the columns."""
    group, order = select.args.get("group"), select.args.get("order")
    if select.args.get("distinct") or select.args.get("kind") or (group and _has_more(group, "expressions")):
        return False
    by = [
        each.this if isinstance(each, exp.Ordered) else each
        for part in (group, order)
        if part
        for each in part.expressions
    ]
    if any(isinstance(each, (exp.Literal, exp.Var)) for each in by):  # a column's place, or ALL
        return False
    # Without these, an aggregate may be what makes one row of all.
    return bool(group) or any(item.is_star or isinstance(item.unalias(), exp.Column) for item in select.expressions)


def _makes_rows(item: exp.Expr) -> bool:
    return any(isinstance(node, _MAKES_ROWS) for node in _own(item))


def _own(node: exp.Expr) -> Iterator[exp.Expr]:
    """The nodes of an expression without those of queries in it."""
    return node.walk(prune=lambda each: isinstance(each, exp.Query))


def _nested(nodes: Iterable[exp.Expr]) -> Iterator[exp.Expr]:
    return (each for node in nodes for each in _own(node) if isinstance(each, exp.Query))


def _parts(node: exp.Expr, *but: str) -> list[exp.Expr]:
    values = [value for name, value in node.args.items() if name not in but]
    flat = [each for value in values for each in (value if isinstance(value, list) else [value])]
    return [each for each in flat if isinstance(each, exp.Expr)]


def _clauses(select: exp.Select) -> list[exp.Expr]:
    return _parts(select, "expressions", *_SOURCES)


def _names(nodes: Iterable[exp.Expr]) -> frozenset[str]:
    return frozenset(name.name.lower() for node in nodes for name in node.find_all(exp.Identifier))


def _of_correlated(sources: list[exp.Expr]) -> frozenset[str]:
    """What subqueries in FROM name that may read their neighbours: those that unnest something, or name one."""
    aliases = {source.alias_or_name.lower() for source in sources}
    queries = [source for source in sources if isinstance(source, exp.Subquery)]
    columns = (each for query in queries for each in query.find_all(exp.Column))
    qualified = frozenset(each.name.lower() for each in columns if each.table.lower() in aliases)
    return qualified | _names(query for query in queries if query.find(*_MAKES_ROWS))


def _takes_rows(select: exp.Select, aliases: set[str], nodes: Iterable[exp.Expr]) -> bool:
    """Whether something takes whole rows of a source, by its name or by a star within an expression."""
    for node in nodes:
        if any(not each.table and each.name.lower() in aliases for each in node.find_all(exp.Column)):
            return True
        for star in node.find_all(exp.Star):
            item = star.parent if isinstance(star.parent, exp.Column) else star
            is_of_other = isinstance(item.parent, exp.Select) and item.text("table").lower() not in aliases
            if item.parent is not select and not is_of_other and not isinstance(item.parent, exp.Count):
                return True
    return False


def _is_stored_or_cte(source: exp.Expr) -> bool:
    return isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier)


def _column_names(source: exp.Expr) -> bool:
    alias = source.args.get("alias")
    return bool(alias and alias.columns)


def _is_named(table: exp.Table, name: str) -> bool:
    return not table.db and table.name.lower() == name
