"""Finds where the code of the product knows a vendor by name; only `providers/` may.

A vendor's name may be a word of the code too: `cursor` is one of paging, `github_pat_` begins a key. So comments,
docstrings and words within a text do not count. What counts is what ties code to a vendor: a module that is imported, a
value that is compared, a segment of a path, an identifier that begins with the id, the vendor's name in a sentence.
"""

import ast
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache

_KINDS = [kind for kind in vars(ast).values() if isinstance(kind, type) and issubclass(kind, ast.AST)]
_NAMED = {kind: field for kind in _KINDS for field in kind._fields if field in ("id", "attr", "arg", "name")}
"""Fields that may hold a name, by the kind of node; no kind has two."""


@dataclass(frozen=True)
class VendorNames:
    """The words that stand for one vendor: its id, its name in sentences, and the exact words of its records."""

    id: str
    name: str
    words: Collection[str]

    def known_to(self, source: str) -> bool:
        """Whether a module with this source imports the vendor's modules, or names it in code or in a text."""
        identifiers, texts, folded = _words(source)
        if not any(word.lower() in folded for word in (self.id, self.name, *self.words)):
            return False  # as nearly every module: neither of the two below finds anything without one of these
        return any(map(self._begins, identifiers)) or any(map(self._names, texts))

    def _begins(self, identifier: str) -> bool:
        """Whether `gcp_key` or `GcpKey` is of gcp; `gcp` alone is, in a path of modules."""
        parts = identifier.split(".")
        begins = re.match(rf"_*(?:(?i:{self.id})_|{self.id.capitalize()}[A-Z])", parts[-1])
        return begins is not None or parts[:2] == ["providers", self.id]

    def _names(self, text: str) -> bool:
        if text.lower() in {self.id, *(word.lower() for word in self.words)}:
            return True
        if re.search(rf"(?<!/)/{self.id}(?![\w.])", text):
            return True
        marks = "|".join(re.escape(word) for word in (self.name, *self.words))
        return re.search(rf"(?<![A-Za-z])(?:{marks})(?![A-Za-z])", text) is not None


@lru_cache(maxsize=1024)  # each module is looked through for many a vendor
def _words(source: str) -> tuple[frozenset[str], frozenset[str], str]:
    """The identifiers of a module, its texts, and both as one text in lower case.

    Identifiers are names of variables, attributes, parameters, definitions and, with their package, of imported
    modules; texts are strings of the code, and parts of formatted ones, but no docstrings.
    """
    identifiers, texts = set[str](), set[str]()
    docstrings = set[int]()
    for node in _nodes(ast.parse(source)):
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str) and id(node) not in docstrings:
                texts.add(node.value)
            continue
        if isinstance(node, ast.Expr):
            docstrings.add(id(node.value))
        elif isinstance(node, ast.ImportFrom):
            identifiers.update(f"{node.module}.{alias.name}" for alias in node.names)
        if (named := _NAMED.get(type(node))) and isinstance(found := getattr(node, named), str):
            identifiers.add(found)
    return frozenset(identifiers), frozenset(texts), "\n".join((*identifiers, *texts)).lower()


def _nodes(module: ast.Module) -> Iterator[ast.AST]:
    """Every node that has parts or a value, each before what is within it."""
    left: list[ast.AST] = [module]
    while left:
        node = left.pop()
        yield node
        for field in node._fields:
            value = getattr(node, field, None)
            if isinstance(value, list):
                left += [each for each in value if isinstance(each, ast.AST)]
            elif isinstance(value, ast.AST) and value._fields:
                left.append(value)
