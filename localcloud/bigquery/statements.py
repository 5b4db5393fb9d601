"""The text of a query job as single statements, refused where GoogleSQL's analyzer would."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import sqlglot
from bqemulator.domain.errors import InvalidQueryError
from bqemulator.jobs.executor import classify_statement_type
from bqemulator.scripting.ast import SqlStmt
from bqemulator.scripting.parser import parse_script
from sqlglot import exp

from localcloud.bigquery.remembered_texts import remembering
from localcloud.bigquery.sql import column_options, masks

DML = {"INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE_TABLE"}
SCRIPT = "SCRIPT"
NO_TEMPLATE: Final = exp.Null()
REMEMBERED = 500
# Of characters, whose trees take eighty times as much. A tree is used twice, by the check and by the translation, which
# is remembered itself; a template is used for every org and every test of a session.
TREES = 200_000
TEMPLATES = 500_000


@dataclass(frozen=True)
class Statement:
    """One statement."""

    sql: str
    kind: str
    is_query: bool = False

    @property
    def tree(self) -> exp.Expression | None:
        """Its tree, not to be changed; None for what only bqemulator's interpreter runs (DECLARE, IF, BEGIN …)."""
        return None if self.kind == SCRIPT else parsed(self.sql)


@lru_cache(maxsize=REMEMBERED)
def split(sql: str) -> tuple[Statement, ...]:
    """The statements of a job; raises InvalidQueryError for bad syntax."""
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
    return Statement(sql, kind, isinstance(tree, exp.Query))


@remembering(TREES)
def parsed(sql: str) -> exp.Expression:
    """The syntax tree of one statement, not to be changed; raises InvalidQueryError."""
    masked, meant = masks.mask(sql)
    template = _template(masked) if meant else NO_TEMPLATE
    return _parsed(sql) if template is NO_TEMPLATE else masks.unmasked(template, meant)


@remembering(TEMPLATES)
def _template(masked: str) -> exp.Expression:
    """The tree of a text with standing names; none if it is not of use, or has an error, which tells real names."""
    try:
        tree = _parsed(masked)
    except InvalidQueryError:
        return NO_TEMPLATE
    return tree if masks.is_of_use(tree) else NO_TEMPLATE


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
