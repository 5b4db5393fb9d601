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

from localcloud.bigquery.sql import column_options, masks

DML = {"INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE_TABLE"}
SCRIPT = "SCRIPT"
REMEMBERED = 500


@dataclass(frozen=True)
class Statement:
    """One statement; `tree` is None for what only bqemulator's interpreter runs (DECLARE, IF, BEGIN …)."""

    sql: str
    kind: str
    tree: exp.Expression | None


@lru_cache(maxsize=REMEMBERED)
def split(sql: str) -> tuple[Statement, ...]:
    """The statements of a job, their trees not to be changed; raises InvalidQueryError for bad syntax."""
    if not sql.strip():
        raise InvalidQueryError("Syntax error: Unexpected end of statement", location="query")
    masked, meant = masks.mask(sql)
    return tuple(_statement(masks.unmask(text, meant), kind) for text, kind in _parts(masked))


@lru_cache(maxsize=REMEMBERED)
def _parts(sql: str) -> tuple[tuple[str, str], ...]:
    """Text and kind of each statement; the whole as one `SCRIPT` where it has control flow."""
    parts = parse_script(sql).statements
    plain = [part.sql for part in parts if isinstance(part, SqlStmt)]
    if not plain or len(plain) < len(parts):
        return ((sql, SCRIPT),)
    return tuple((text, classify_statement_type(text) or "SELECT") for text in plain)


def _statement(sql: str, kind: str) -> Statement:
    tree = None if kind == SCRIPT else parsed(sql)
    if tree:
        _refuse_unbounded(tree)
    return Statement(sql, kind, tree)


@lru_cache(maxsize=REMEMBERED)
def parsed(sql: str) -> exp.Expression:
    """The syntax tree of one statement, not to be changed; raises InvalidQueryError."""
    masked, meant = masks.mask(sql)
    template = _template(masked) if meant else None
    return masks.unmasked(template, meant) if template else _parsed(sql)


@lru_cache(maxsize=REMEMBERED)
def _template(masked: str) -> exp.Expression | None:
    """The tree of a text with standing names; `None` if it is not of use, or has an error, which tells real names."""
    try:
        tree = _parsed(masked)
    except InvalidQueryError:
        return None
    return tree if masks.is_of_use(tree) else None


def _parsed(sql: str) -> exp.Expression:
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
