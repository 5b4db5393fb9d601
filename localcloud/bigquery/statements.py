"""The text of a query job as single statements, refused where GoogleSQL's analyzer would."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import sqlglot
from bqemulator.domain.errors import InvalidQueryError
from bqemulator.jobs.executor import classify_statement_type
from bqemulator.scripting.ast import SqlStmt
from bqemulator.scripting.parser import parse_script
from sqlglot import exp

from localcloud.bigquery.sql import column_options

DML = {"INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE_TABLE"}


@dataclass(frozen=True)
class Statement:
    """One statement; `tree` is None for what only bqemulator's interpreter runs (DECLARE, IF, BEGIN …)."""

    sql: str
    kind: str
    tree: exp.Expression | None


@lru_cache(maxsize=500)
def split(sql: str) -> tuple[Statement, ...]:
    """The statements of a job, their trees not to be changed; raises InvalidQueryError for bad syntax."""
    if not sql.strip():
        raise InvalidQueryError("Syntax error: Unexpected end of statement", location="query")
    parts = parse_script(sql).statements
    plain = [part.sql for part in parts if isinstance(part, SqlStmt)]
    if not plain or len(plain) < len(parts):
        return (Statement(sql, "SCRIPT", None),)
    return tuple(_statement(text) for text in plain)


def _statement(sql: str) -> Statement:
    tree = parse(sql)
    _refuse_unbounded(tree)
    return Statement(sql, classify_statement_type(sql) or "SELECT", tree)


def parse(sql: str) -> exp.Expression:
    """The syntax tree of one statement; raises InvalidQueryError."""
    try:
        tree = sqlglot.parse_one(sql, read="bigquery")
    except sqlglot.errors.SqlglotError as err:
        raise InvalidQueryError(f"Syntax error: {_first_error(err)}", location="query") from err
    if isinstance(tree, exp.Command):
        tree = column_options.altered(tree) or tree
    if not isinstance(tree, exp.Expression):
        raise InvalidQueryError("Syntax error: Unexpected end of statement", location="query")
    return tree


def _first_error(err: Exception) -> str:
    details = getattr(err, "errors", None) or [{}]
    first = details[0]
    if not first.get("description"):
        return str(err).splitlines()[0]
    return f'{first["description"]} near "{first.get("highlight")}" at [{first.get("line")}:{first.get("col")}]'


def _refuse_unbounded(tree: exp.Expression) -> None:
    if isinstance(tree, (exp.Update, exp.Delete)) and not tree.args.get("where"):
        raise InvalidQueryError(f"{tree.key.upper()} must have a WHERE clause at [1:1]", location="query")
