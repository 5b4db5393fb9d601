"""Views that were made before, in another dataset: the same text over tables with the same columns is not read again.

Every org has the same views, and to parse and translate those of one takes half a second. What is remembered is moved
by its names, so a text is left alone where a name of a dataset stands in it as anything else.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bqemulator.storage.sql_identifiers import schema_name

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
        view = _moved(known.view, {known.names[standing]: names[standing] for standing in names})
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
    places = {(ref.project, ref.dataset) for ref in (view.ref, *view.reads)}
    duckdb, text = view.duckdb_sql, view.text
    for name in names.values():
        schemas = [f'"{schema_name(*place)}"' for place in places if name in place]
        in_schemas = sum(duckdb.count(schema) * schema.count(name) for schema in schemas)
        if name in masked or duckdb.count(name) != in_schemas or text.count(name) != text.count(f"`{name}`"):
            return False
    return True


def _moved(view: NewView, names: Mapping[str, str]) -> NewView:
    places = {(ref.project, ref.dataset) for ref in (view.ref, *view.reads)}
    moved = {place: (names.get(place[0], place[0]), names.get(place[1], place[1])) for place in places}
    return replace(
        view,
        ref=_moved_ref(view.ref, moved),
        reads=[_moved_ref(ref, moved) for ref in view.reads],
        text=_put(view.text, {f"`{name}`": f"`{real}`" for name, real in names.items()}),
        duckdb_sql=_put(
            view.duckdb_sql,
            {f'"{schema_name(*place)}"': f'"{schema_name(*real)}"' for place, real in moved.items()},
        ),
    )


def _moved_ref(ref: TableRef, places: Mapping[tuple[str, str], tuple[str, str]]) -> TableRef:
    return TableRef(*places[ref.project, ref.dataset], ref.table)


def _put(text: str, words: Mapping[str, str]) -> str:
    """The text with all words replaced at once: one may be what another becomes."""
    return re.sub("|".join(map(re.escape, words)), lambda found: words[found[0]], text)
