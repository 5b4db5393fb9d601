"""A view as it is to be made."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from localcloud.bigquery.moves import Moves, stands_alone
from localcloud.bigquery.schemas import Field
from localcloud.bigquery.tables import TableRef


@dataclass(frozen=True)
class NewView:
    """Its GoogleSQL, its translation and its columns.

    `exists_ok` leaves one alone that is there, `replaces` does not. `reads` are the tables and views that it names, and
    those that these views name.
    """

    ref: TableRef
    text: str
    duckdb_sql: str
    fields: list[Field]
    reads: Sequence[TableRef]
    exists_ok: bool
    replaces: bool

    @property
    def named(self) -> Collection[TableRef]:
        """What its columns follow from."""
        return self.reads

    def moved(self, moves: Moves) -> NewView:
        """The same view in another dataset, over tables that are alike."""
        return replace(
            self,
            ref=moves.ref(self.ref),
            reads=[moves.ref(ref) for ref in self.reads],
            text=moves.google_sql(self.text),
            duckdb_sql=moves.duckdb_sql(self.duckdb_sql, (self.ref, *self.reads)),
        )

    def is_bound_to(self, name: str) -> bool:
        """Whether its texts have the name as something else than a project or dataset in quotes, too."""
        is_quoted = self.text.count(name) == self.text.count(f"`{name}`") and name not in str(self.fields)
        return not is_quoted or not stands_alone(name, self.duckdb_sql, (self.ref, *self.reads))

    def to_json(self) -> object:
        """All of it, as `from_json` takes it."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> NewView:
        """The view that `to_json` has told."""
        reads = [TableRef(**ref) for ref in found["reads"]]
        return cls(**{**found, "ref": TableRef(**found["ref"]), "reads": reads})
