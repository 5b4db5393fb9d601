"""Views that the catalog has and DuckDB does not yet: each is made when DuckDB reads it first, as it was defined.

To make one takes DuckDB as long as to read it, five milliseconds, and most statements have the text of a view instead
of its name. Nobody can tell the difference: whoever runs a statement makes first what that names, and whoever changes
a table makes first what reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class _Unmade:
    statement: str
    reads: frozenset[Hashable]


class UnmadeViews:
    """Those of one server, by name; `execute` runs a statement of DuckDB, by itself."""

    def __init__(self, execute: Callable[[str], object]) -> None:
        self._execute = execute
        self._unmade: dict[Hashable, _Unmade] = {}

    def __contains__(self, ref: Hashable) -> bool:
        return ref in self._unmade

    def add(self, ref: Hashable, statement: str, reads: Iterable[Hashable]) -> None:
        """The view that the statement makes, which reads these tables and views, itself or through others."""
        self._unmade[ref] = _Unmade(statement, frozenset(reads))

    def make(self, refs: Iterable[Hashable]) -> None:
        """Make those of the names that are unmade views, and before each what it reads."""
        for ref in refs:
            if view := self._unmade.pop(ref, None):
                self.make(view.reads)
                self._execute(view.statement)

    def make_all(self) -> None:
        """Make every one: for what may read any of them."""
        self.make(list(self._unmade))

    def make_readers(self, refs: Iterable[Hashable]) -> None:
        """Make the others that read one of these: it is about to change, or to go."""
        changed = set(refs)
        self.make([ref for ref, view in self._unmade.items() if view.reads & changed and ref not in changed])

    def forget(self, ref: Hashable) -> None:
        """The view is dropped, or DuckDB has another of its name."""
        self._unmade.pop(ref, None)
