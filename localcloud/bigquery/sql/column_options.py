"""`ALTER TABLE t ALTER COLUMN [IF EXISTS] c SET OPTIONS (description = '…'), …`, which sqlglot does not parse."""

from __future__ import annotations

import re

import sqlglot
from sqlglot import exp

_STRING = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_ACTION = re.compile(
    rf"ALTER\s+COLUMN\s+(?P<exists>IF\s+EXISTS\s+)?(?P<column>\S+)\s+SET\s+(?P<options>OPTIONS\s*\((?:[^()'\"]|{_STRING})*\))",
    re.IGNORECASE,
)
_STATEMENT = re.compile(rf"\s*TABLE\s+(?P<table>\S+)\s+(?P<actions>{_ACTION.pattern}.*)", re.IGNORECASE | re.DOTALL)


def altered(command: exp.Command) -> exp.Alter | None:
    """The statement as a tree whose actions are `AlterColumn` with the description as `comment`; None if it is another.

    Each keeps in `meta` whether the column may be missing.
    """
    text = command.expression if isinstance(command.expression, str) else str(command.expression or "")
    found = _STATEMENT.fullmatch(text) if str(command.this).upper() == "ALTER" else None
    if not found or _ACTION.sub("", found["actions"]).strip(" ,\n;"):
        return None
    tree = sqlglot.parse_one(f"ALTER TABLE {found['table']} SET OPTIONS (x = 1)", read="bigquery")
    tree.set("actions", [_action(each) for each in _ACTION.finditer(found["actions"])])
    return tree if isinstance(tree, exp.Alter) else None


def _action(found: re.Match[str]) -> exp.AlterColumn:
    options = sqlglot.parse_one(f"ALTER TABLE t SET {found['options']}", read="bigquery")
    given = {item.name.lower(): item.args["value"] for item in options.find_all(exp.Property)}
    column = exp.AlterColumn(this=exp.to_identifier(found["column"].strip("`")), comment=given.get("description"))
    column.meta["exists"] = bool(found["exists"])
    return column
