"""The text of a query job as single statements, refused where GoogleSQL's analyzer would."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from functools import lru_cache
from typing import Final

import sqlglot
from bqemulator.domain.errors import InvalidQueryError
from bqemulator.jobs.executor import _classify_parsed_tree, _classify_rap_ddl
from bqemulator.scripting.ast import SqlStmt
from bqemulator.scripting.parser import parse_script
from sqlglot import exp

from localcloud.bigquery.kept_translations import KeptTranslations
from localcloud.bigquery.remembered_texts import remembering
from localcloud.bigquery.sql import column_options, masks

DML = {"INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE_TABLE"}
SCRIPT = "SCRIPT"
CONTROL = {
    exp.Transaction: "BEGIN_TRANSACTION",
    exp.Commit: "COMMIT_TRANSACTION",
    exp.Rollback: "ROLLBACK_TRANSACTION",
}
NO_TEMPLATE: Final = exp.Null()
REMEMBERED = 500
TEMPLATES = 500_000  # of characters, whose trees take eighty times as much


@dataclass(frozen=True)
class Statement:
    """One statement."""

    sql: str
    kind: str
    is_query: bool = False

    @property
    def tree(self) -> exp.Expression | None:
        """A tree of it; None for what only bqemulator's interpreter runs (DECLARE, IF, BEGIN …)."""
        return None if self.kind == SCRIPT else parsed(self.sql)


class Statements:
    """Splits the texts of one server's jobs, which are parsed once for all orgs and for all servers."""

    def __init__(self, kept: KeptTranslations) -> None:
        self._kept = kept
        self.split = lru_cache(REMEMBERED)(self._split)
        self._of_masked = lru_cache(REMEMBERED)(self._known)

    def _split(self, sql: str) -> tuple[Statement, ...]:
        """The statements of a job; raises InvalidQueryError for bad syntax."""
        if not sql.strip():
            raise InvalidQueryError("Syntax error: Unexpected end of statement", location="query")
        masked, meant = masks.mask(sql)
        try:
            found = self._of_masked(masked)
        except InvalidQueryError:
            return _statements(sql)  # which tells the real names
        return tuple(Statement(masks.unmask(each.sql, meant), each.kind, each.is_query) for each in found)

    def _known(self, masked: str) -> tuple[Statement, ...]:
        return self._kept.find_or_make(
            ("statements", masked),
            lambda found: tuple(Statement(*each) for each in found),
            lambda: _statements(masked),
            lambda made: [astuple(each) for each in made],
        )


def _statements(sql: str) -> tuple[Statement, ...]:
    """The statements of a text; the whole as one `SCRIPT` where it has control flow."""
    parts = parse_script(sql).statements
    plain = [part.sql for part in parts if isinstance(part, SqlStmt)]
    if not plain or len(plain) < len(parts):
        return (Statement(sql, SCRIPT),)
    return tuple(map(_statement, plain))


def _statement(sql: str) -> Statement:
    tree = parsed(sql)
    _refuse_unbounded(tree)
    kind = _classify_rap_ddl(sql) or CONTROL.get(type(tree)) or _classify_parsed_tree(tree) or "SELECT"
    return Statement(sql, kind, isinstance(tree, exp.Query))


def parsed(sql: str) -> exp.Expression:
    """A syntax tree of one statement; raises InvalidQueryError."""
    masked, meant = masks.mask(sql)
    template = _template(masked)
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
