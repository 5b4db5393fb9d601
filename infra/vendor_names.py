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


@dataclass(frozen=True)
class VendorNames:
    """The words that stand for one vendor: its id, its name in sentences, and the exact words of its records."""

    id: str
    name: str
    words: Collection[str]

    def known_to(self, source: str) -> bool:
        """Whether a module with this source imports the vendor's modules, or names it in code or in a text."""
        identifiers, texts = _words(source)
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
def _words(source: str) -> tuple[frozenset[str], frozenset[str]]:
    """The identifiers of a module, and its texts."""
    module = ast.parse(source)
    return frozenset(_identifiers(module)), frozenset(_texts(module))


def _identifiers(module: ast.Module) -> Iterator[str]:
    """Names of variables, attributes, parameters, definitions and, with their package, of imported modules."""
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        for field in ("id", "attr", "arg", "name"):
            if isinstance(found := getattr(node, field, None), str):
                yield found


def _texts(module: ast.Module) -> Iterator[str]:
    """Strings of the code, and parts of formatted ones, but no docstrings."""
    statements = (node.value for node in ast.walk(module) if isinstance(node, ast.Expr))
    docstrings = {id(value) for value in statements if isinstance(value, ast.Constant)}
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value
