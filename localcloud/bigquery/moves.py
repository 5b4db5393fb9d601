"""Names of one dataset told as those of another: in references, and in texts in which they stand alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from localcloud.bigquery.sql import quoted_names
from localcloud.bigquery.tables import TableRef


@dataclass(frozen=True)
class Moves:
    """The new name of each project and dataset that has another."""

    names: Mapping[str, str]

    def ref(self, ref: TableRef) -> TableRef:
        """The table of that name there."""
        return TableRef(self._name(ref.project), self._name(ref.dataset), ref.table)

    def google_sql(self, text: str) -> str:
        """GoogleSQL whose names stand in backticks, each by itself."""
        return _put(text, {f"`{name}`": f"`{new}`" for name, new in self.names.items()})

    def duckdb_sql(self, text: str, refs: Iterable[TableRef]) -> str:
        """DuckDB's SQL over these tables, in which the names stand alone."""
        return _put(text, {f'"{ref.schema}"': f'"{self.ref(ref).schema}"' for ref in refs})

    def _name(self, name: str) -> str:
        return self.names.get(name, name)


def stands_alone(name: str, duckdb_sql: str, refs: Iterable[TableRef]) -> bool:
    """Whether DuckDB's SQL has the name of a project or dataset in its schemas only, and can be moved."""
    schemas = {ref.schema for ref in refs if name in (ref.project, ref.dataset)}
    return duckdb_sql.count(name) == sum(
        each.count(name) for each in quoted_names.found_in(duckdb_sql) if each in schemas
    )


def _put(text: str, words: Mapping[str, str]) -> str:
    """The text with all words replaced at once: one may be what another becomes."""
    return re.sub("|".join(map(re.escape, words)), lambda found: words[found[0]], text) if words else text
