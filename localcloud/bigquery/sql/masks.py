"""A statement with names that stand for the projects and datasets in it: one text, and one tree, for all orgs.

Only what stands in backticks before a dot is replaced. Where such a name turns up in a literal or a comment, too, the
tree is not of use for others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sqlglot import exp

STANDING = "standing_"
_PATH = re.compile(r"`([^`\s]+)`(?=(\.)?)")
_STANDING = re.compile(rf"{STANDING}\d+")
_PLAIN = re.compile(r"[\w-]+")


def mask(sql: str) -> tuple[str, dict[str, str]]:
    """The text with standing names, and what each of them stands for; none where the text has such a name itself."""
    stands: dict[str, str] = {}

    def masked(match: re.Match[str]) -> str:
        path = match[1].split(".")
        last = [] if match[2] else [path.pop()]
        if not all(_PLAIN.fullmatch(part) for part in path):
            return match[0]
        return f"`{'.'.join([*(stands.setdefault(part, f'{STANDING}{len(stands)}') for part in path), *last])}`"

    if STANDING in sql:
        return sql, {}
    text = _PATH.sub(masked, sql)
    return text, {standing: real for real, standing in stands.items()}


def unmask(text: str, names: Mapping[str, str]) -> str:
    """The text with the names that were meant."""
    return _STANDING.sub(lambda match: names[match[0]], text) if names else text


def is_of_use(tree: exp.Expr) -> bool:
    """Whether all standing names of the tree are identifiers."""
    return not any(STANDING in text for node in tree.walk() for text in _texts(node))


def _texts(node: exp.Expr) -> list[str]:
    own = [] if isinstance(node, exp.Identifier) else [value for value in node.args.values() if isinstance(value, str)]
    return [*own, *(node.comments or ())]


def unmasked(tree: exp.Expression, names: Mapping[str, str]) -> exp.Expression:
    """A copy of the tree with the names that were meant."""
    copy = tree.copy()
    for identifier in copy.find_all(exp.Identifier) if names else ():
        if STANDING in identifier.name:
            identifier.set("this", unmask(identifier.name, names))
    return copy
