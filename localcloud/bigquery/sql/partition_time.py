"""`_PARTITIONTIME` and `_PARTITIONDATE` of tables partitioned by ingestion time.

Google keeps each row's partition in a pseudo-column that `SELECT *` leaves out; bqemulator answers with the current
time. Here the hidden column `INGESTED` stores it, and a statement that reads such a table is rewritten to it.
"""

from __future__ import annotations

from sqlglot import exp

from localcloud.bigquery.partitions import INGESTED

PSEUDO_COLUMNS = {"_partitiontime", "_partitiondate"}


def rewrite(tree: exp.Expression) -> bool:
    """Read the hidden column for the pseudo-columns and hide it from stars; says whether it changed any."""
    columns = [node for node in tree.find_all(exp.Column) if node.name.lower() in PSEUDO_COLUMNS]
    for column in columns:
        column.replace(_stored(column))
    return bool(columns)


def _stored(column: exp.Column) -> exp.Expr:
    hidden = exp.column(INGESTED, table=column.args.get("table"))
    if column.name.lower() == "_partitiontime":
        return _named_as(column, hidden)
    return _named_as(column, exp.cast(hidden, "DATE", dialect="bigquery"))


def _named_as(column: exp.Column, value: exp.Expr) -> exp.Expr:
    """A projected pseudo-column keeps its name in the result."""
    return exp.alias_(value, column.name) if isinstance(column.parent, exp.Select) else value


def hide(tree: exp.Expression, ingested: set[int]) -> bool:
    """Leave the hidden column out of every star over one of these table nodes (ids); says whether it changed any."""
    changed = 0
    for select in tree.find_all(exp.Select):
        sources = _sources(select)
        hidden = {table.alias_or_name for table in sources if id(table) in ingested}
        if hidden:
            changed += sum(_hide_in(item, hidden) for item in select.expressions)
    return bool(changed)


def _sources(select: exp.Select) -> list[exp.Table]:
    clauses = [select.args.get("from_") or select.args.get("from"), *(select.args.get("joins") or [])]
    return [clause.this for clause in clauses if clause is not None and isinstance(clause.this, exp.Table)]


def _hide_in(item: exp.Expr, tables: set[str]) -> bool:
    star = item
    if isinstance(item, exp.Column):  # `t.*`
        star = item.this
        if item.table not in tables:
            return False
    if not isinstance(star, exp.Star):
        return False
    key = "except_" if "except_" in star.arg_types else "except"
    star.set(key, [*(star.args.get(key) or []), exp.column(INGESTED)])
    return True
