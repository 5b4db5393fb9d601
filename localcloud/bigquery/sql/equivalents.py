"""Constructs that bqemulator translates wrongly, rewritten to equal ones that it translates right.

| GoogleSQL                                       | bqemulator 1.4.0            |
|-------------------------------------------------|-----------------------------|
| ARRAY_AGG(x IGNORE NULLS ORDER BY y LIMIT n)    | a syntax error              |
| TO_JSON_STRING(NULL) is the string 'null'       | NULL                        |
| SELECT 1, COUNT(*) names its columns f0_, f1_   | the text, or `_col_0`       |
| a SELECT AS STRUCT at the top, in FROM or WITH  | one column                  |
| gives its fields                                |                             |
| (SELECT AS STRUCT * …) is the whole row         | an error                    |
| DATE_TRUNC(d, WEEK(MONDAY) or ISOWEEK): Monday  | Sunday, or an error         |
| DATE_TRUNC(d, MONTH) of a subquery's d: a DATE  | a DATETIME                  |
| STRUCT(a, t.b) names its fields a and b         | fields without names        |
"""

from __future__ import annotations

import sqlglot
from sqlglot import exp

NAMED = (exp.Alias, exp.Column, exp.Dot)
ROW = "struct_of_row"


def rewrite(tree: exp.Expression) -> None:
    """Rewrite all of them in the tree."""
    for aggregate in list(tree.find_all(exp.IgnoreNulls)):
        _limit_without_nulls(aggregate)
    for call in list(tree.find_all(exp.JSONFormat)):
        _null_as_json(call)
    for truncation in list(tree.find_all(exp.DateTrunc)):
        _start_on_monday(truncation)
        _stay_a_date(truncation)
    for struct in tree.find_all(exp.Struct):
        _name_fields(struct)
    for select in list(tree.find_all(exp.Select)):
        if _is_struct(select):
            _as_row(select)
    if isinstance(tree, exp.Query):
        name_columns(tree)


def _limit_without_nulls(node: exp.IgnoreNulls) -> None:
    aggregate = node.this
    if not isinstance(aggregate, exp.ArrayAgg) or not isinstance(aggregate.this, exp.Limit):
        return
    ordered, limit = aggregate.this.this, aggregate.this.expression
    value = ordered.this if isinstance(ordered, exp.Order) else ordered
    present = exp.Where(this=exp.Not(this=exp.Is(this=value.copy(), expression=exp.Null())))
    filtered = exp.Filter(this=exp.ArrayAgg(this=ordered.copy()), expression=present)
    first = exp.Literal.number(1)
    node.replace(exp.Anonymous(this="ARRAY_SLICE", expressions=[filtered, first, limit.copy()]))


def _null_as_json(call: exp.JSONFormat) -> None:
    if not isinstance(call.parent, exp.Coalesce):
        call.replace(exp.Coalesce(this=call.copy(), expressions=[exp.Literal.string("null")]))


def _start_on_monday(call: exp.DateTrunc) -> None:
    unit = call.args.get("unit")
    if unit is not None and unit.sql(dialect="bigquery").strip("'").upper() in ("WEEK(MONDAY)", "ISOWEEK"):
        day = call.this.sql(dialect="bigquery")
        monday = f"DATE_SUB({day}, INTERVAL MOD(EXTRACT(DAYOFWEEK FROM {day}) + 5, 7) DAY)"
        call.replace(sqlglot.parse_one(monday, read="bigquery"))


def _stay_a_date(call: exp.DateTrunc) -> None:
    """bqemulator knows the types of tables' columns alone; of others, what DATE_TRUNC truncates is mostly a DATE."""
    unit = call.args.get("unit")
    word = unit.sql(dialect="bigquery").strip("'").upper() if unit is not None else ""
    if word in ("DAY", "MONTH", "QUARTER", "YEAR") and isinstance(call.this, exp.Column) and _is_computed(call):
        call.replace(exp.Cast(this=call.copy(), to=exp.DataType.build("DATE")))


def _is_computed(call: exp.DateTrunc) -> bool:
    """Whether the SELECT of the call reads queries: a subquery, or a name of a WITH clause."""
    select = call.find_ancestor(exp.Select)
    if select is None:
        return False
    clause = select.args.get("from_") or select.args.get("from")
    sources = [clause.this if clause else None, *(join.this for join in select.args.get("joins") or [])]
    named = {cte.alias.lower() for cte in call.root().find_all(exp.CTE)}
    return any(
        isinstance(each, exp.Query) or (isinstance(each, exp.Table) and not each.db and each.name.lower() in named)
        for each in sources
    )


def _name_fields(struct: exp.Struct) -> None:
    for item in struct.expressions:
        if isinstance(item, exp.Column):
            item.replace(exp.PropertyEQ(this=exp.to_identifier(item.name), expression=item.copy()))


def _is_struct(select: exp.Select) -> bool:
    return str(select.args.get("kind") or "").upper() == "STRUCT"


def _as_row(select: exp.Select) -> None:
    """A query of a value, as ARRAY takes it, answers the row of another query; any other one answers its columns."""
    outer: exp.Expr = select
    while isinstance(outer.parent, exp.SetOperation):
        outer = outer.parent
    if _gives_columns(outer):
        select.set("kind", None)
    elif any(item.is_star for item in select.expressions):
        select.set("kind", None)
        row = exp.Select(expressions=[exp.column(ROW)])
        select.replace(row)
        row.from_(select.subquery(ROW, copy=False), copy=False)


def _gives_columns(query: exp.Expr) -> bool:
    around = query.parent
    if isinstance(around, exp.Subquery):
        return isinstance(around.parent, (exp.From, exp.Join))
    return around is None or isinstance(around, (exp.CTE, exp.Create, exp.Insert))


def name_columns(query: exp.Query) -> None:
    """Give the columns of a query without a name those that Google gives them."""
    while isinstance(query, (exp.SetOperation, exp.Subquery)):
        query = query.this
    if not isinstance(query, exp.Select):
        return
    if _is_struct(query):
        query.set("kind", None)
    anonymous = 0
    for item in query.expressions:
        if not isinstance(item, NAMED) and not item.is_star:
            item.replace(exp.alias_(item.copy(), f"f{anonymous}_"))
            anonymous += 1
