"""Translations that were made before, of the same statement over other datasets: they are moved by their names.

Orgs have the same tables, each in a dataset of its own, and so have the services of a test session. To rewrite a tree
and to write it out takes some ten milliseconds, of the largest eighty, even where its translation is known.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localcloud.bigquery.moves import Moves, stands_alone
from localcloud.bigquery.sql import masks
from localcloud.bigquery.tables import TableRef, Tables

if TYPE_CHECKING:
    from localcloud.bigquery.translation import Scope, Translation

MAX_REMEMBERED = 500
DEFAULT = "default"  # what the default dataset is called among the standing names


@dataclass(frozen=True)
class _Known:
    translation: Translation
    names: Mapping[str, str]  # what each standing name of the masked text meant
    fixed: Set[str]  # those that must be the same elsewhere
    shapes: Sequence[tuple[TableRef, Any, str | None]]  # of all that it names


class MovedTranslations:
    """Those of one server."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._known: OrderedDict[Any, _Known] = OrderedDict()

    def find(self, sql: str, scope: Scope) -> Translation | None:
        """The translation, moved here; `None` if no such text is known, or the tables here are others."""
        masked, names = _masked(sql, scope)
        known = self._known.get(key := _key(masked, scope))
        moves = _moves(known.names, names, known.fixed) if known else None
        if not known or not moves or not self._are_alike(known, moves):
            return None
        self._known.move_to_end(key)
        return known.translation.moved(moves)

    def remember(self, sql: str, scope: Scope, translation: Translation) -> None:
        """Keeps the translation for other datasets."""
        masked, names = _masked(sql, scope)
        fixed = _fixed(masked, names, translation)
        if fixed.issuperset(names.values()):
            return
        shapes = [(ref, *self._shape(ref)) for ref in translation.named]
        self._known[_key(masked, scope)] = _Known(translation, names, fixed, shapes)
        if len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)

    def _are_alike(self, known: _Known, moves: Moves) -> bool:
        """Whether everything that the statement names is there, one for one, as it was where it was translated."""
        places = {(ref.project, ref.dataset) for ref, *_ in known.shapes}
        moved = {moves.ref(TableRef(*place, "")) for place in places}
        return len(moved) == len(places) and all(
            self._shape(moves.ref(ref)) == (shape, moves.google_sql(view) if view else view)
            for ref, shape, view in known.shapes
        )

    def _shape(self, ref: TableRef) -> tuple[Any, str | None]:
        """All of a table that a translation depends on, and the text of a view."""
        meta = self._tables.catalog.get_table(ref.project, ref.dataset, ref.table)
        if meta is None:
            return None, None
        return (meta.table_type, meta.schema_, meta.time_partitioning, meta.range_partitioning), meta.view_query


def _masked(sql: str, scope: Scope) -> tuple[str, dict[str, str]]:
    masked, names = masks.mask(sql)
    return masked, {**names, DEFAULT: scope.dataset[1]} if scope.dataset else names


def _key(masked: str, scope: Scope) -> Any:
    return masked, scope.project, scope.dataset and scope.dataset[0], scope.parameters


def _moves(old: Mapping[str, str], new: Mapping[str, str], fixed: Set[str]) -> Moves | None:
    """What each name becomes; `None` if one becomes two, or must not change, or the texts stand for others."""
    if old.keys() != new.keys():
        return None
    names = {old[standing]: new[standing] for standing in old}
    is_clear = all(names[old[standing]] == new[standing] for standing in old)
    return Moves(names) if is_clear and all(names[name] == name for name in fixed) else None


def _fixed(masked: str, names: Mapping[str, str], translation: Translation) -> set[str]:
    """The names that stand in the texts as something else, too: in a literal, or within the name of a table."""
    texts = (masked, *translation.partitions.values())
    return {
        name
        for name in names.values()
        if any(name in text for text in texts) or not stands_alone(name, translation.sql, translation.named)
    }
