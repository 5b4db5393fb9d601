"""Views that were made before, in another dataset: the same text over tables with the same columns is not read again.

Every org has the same views, and to parse and translate those of one takes half a second. What is remembered is moved
by its names, so a text is left alone where a name of a dataset stands in it as anything else.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from localcloud.bigquery.moves import Moves, stands_alone
from localcloud.bigquery.partitions import is_ingestion_partitioned
from localcloud.bigquery.schemas import Field
from localcloud.bigquery.sql import masks
from localcloud.bigquery.tables import Resource, TableRef, Tables
from localcloud.bigquery.translation import Scope

MAX_REMEMBERED = 200


@dataclass(frozen=True)
class NewView:
    """A view as it is to be made: its GoogleSQL, its translation and its columns.

    `exists_ok` leaves one alone that is there, `replaces` does not. `reads` are the tables and views that it names.
    """

    ref: TableRef
    text: str
    duckdb_sql: str
    fields: list[Field]
    reads: Sequence[TableRef]
    exists_ok: bool
    replaces: bool


@dataclass(frozen=True)
class _Remembered:
    view: NewView
    names: Mapping[str, str]  # what each standing name of the masked text meant
    shapes: Sequence[Any]  # of what it reads


class RememberedViews:
    """Those of one server, by the text of the job that made them."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._known: OrderedDict[tuple[str, Scope], _Remembered] = OrderedDict()

    def find(self, sql: str, scope: Scope) -> NewView | None:
        """The view that this text makes; `None` if no such text is known, or it reads tables of other columns."""
        masked, names = masks.mask(sql)
        known = self._known.get((masked, scope))
        if known is None or known.names.keys() != names.keys():
            return None
        view = _moved(known.view, Moves({known.names[standing]: names[standing] for standing in names}))
        return view if self._shapes(view.reads) == known.shapes else None

    def remember(self, sql: str, scope: Scope, view: NewView) -> None:
        """Keeps the view for others of this text."""
        masked, names = masks.mask(sql)
        if not names or not _is_of_use(masked, names, view):
            return
        self._known[masked, scope] = _Remembered(view, names, self._shapes(view.reads))
        if len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)

    def _shapes(self, refs: Sequence[TableRef]) -> list[Any]:
        return [_shape(self._tables.find(ref)) for ref in refs]


def _shape(resource: Resource | None) -> Any:
    """All of a table that a translation depends on; a text over one that is not there is remembered by nobody."""
    if resource is None:
        return None
    return resource["type"], resource["schema"]["fields"], is_ingestion_partitioned(resource)


def _is_of_use(masked: str, names: Mapping[str, str], view: NewView) -> bool:
    """Whether each name stands in the texts as a name only, in the quotes by which it is found there."""
    refs, text = (view.ref, *view.reads), view.text
    return all(
        name not in masked and stands_alone(name, view.duckdb_sql, refs) and text.count(name) == text.count(f"`{name}`")
        for name in names.values()
    )


def _moved(view: NewView, moves: Moves) -> NewView:
    return replace(
        view,
        ref=moves.ref(view.ref),
        reads=[moves.ref(ref) for ref in view.reads],
        text=moves.google_sql(view.text),
        duckdb_sql=moves.duckdb_sql(view.duckdb_sql, (view.ref, *view.reads)),
    )
