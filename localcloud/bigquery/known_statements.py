"""What was made of statements before, found again for the same text over tables that are alike.

Orgs have the same tables, each in a dataset or project of its own, and so have servers one after the other. To
translate a statement takes some ten milliseconds, and to read a view as long; what was made of it is moved by its names
instead. It is kept on disk, too.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from localcloud.bigquery.kept_translations import KeptTranslations
from localcloud.bigquery.moves import Moves
from localcloud.bigquery.sql import masks
from localcloud.bigquery.tables import TableRef, Tables

if TYPE_CHECKING:
    from localcloud.bigquery.translation import Scope

MAX_REMEMBERED = 500  # texts; those beyond them are read again
VARIANTS = 4  # of one text, over tables that are not alike
SCHEMAS = 1000
# What the job's project, and those of its default dataset, are called among the standing names.
PROJECT, DEFAULT_PROJECT, DEFAULT = "project", "default project", "default"
Shape = tuple[str | None, str | None]  # a digest of the table, and a view's text; None for what is not there


class Made(Protocol):
    """What can be made of a statement, and told over other datasets."""

    @property
    def named(self) -> Collection[TableRef]:
        """The tables and views that it follows from, there or not."""

    def moved(self, moves: Moves) -> Self:
        """The same over tables elsewhere that are alike."""

    def is_bound_to(self, name: str) -> bool:
        """Whether its texts have the name of a project or dataset as something else, too."""

    def to_json(self) -> object:
        """All of it, for the disk."""


Kind = TypeVar("Kind", bound=Made)


@dataclass(frozen=True)
class _Known(Generic[Kind]):
    made: Kind
    names: Mapping[str, str]  # what each standing name of the masked text meant
    fixed: Collection[str]  # those that must be the same elsewhere
    shapes: Sequence[tuple[TableRef, Shape]]  # of all that it names

    def to_json(self) -> object:
        shapes = [(astuple(ref), shape) for ref, shape in self.shapes]
        return [self.made.to_json(), dict(self.names), list(self.fixed), shapes]


class KnownStatements(Generic[Kind]):
    """Those of one server, and of one `name` on disk; `read` makes them of what they are there."""

    def __init__(self, tables: Tables, kept: KeptTranslations, name: str, read: Callable[[Any], Kind]) -> None:
        self._tables = tables
        self._kept = kept
        self._name = name
        self._read = read
        self._known: OrderedDict[Any, list[_Known[Kind]]] = OrderedDict()

    def find(self, sql: str, scope: Scope) -> Kind | None:
        """What was made of the text, moved here; `None` if it is not known, or the tables here are others."""
        masked, names = _masked(sql, scope)
        for known in self._variants(_key(masked, scope)):
            moves = _moves(known.names, names, known.fixed)
            if moves and self._are_alike(known, moves):
                return known.made.moved(moves) if moves.names else known.made
        return None

    def remember(self, sql: str, scope: Scope, made: Kind) -> None:
        """Keeps what was made of the text here."""
        masked, names = _masked(sql, scope)
        fixed = {name for name in names.values() if name in masked or made.is_bound_to(name)}
        known = _Known(made, names, fixed, [(ref, self._shape(ref)) for ref in made.named])
        variants = self._variants(_key(masked, scope))
        variants[:] = [known, *variants][:VARIANTS]
        self._kept.keep((self._name, _key(masked, scope)), [each.to_json() for each in variants])

    def _variants(self, key: Any) -> list[_Known[Kind]]:
        """What is known of a text, to be added to."""
        if key not in self._known:
            self._known[key] = self._kept.find((self._name, key), lambda found: list(map(self._known_of, found))) or []
            if len(self._known) > MAX_REMEMBERED:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return self._known[key]

    def _known_of(self, found: Any) -> _Known[Kind]:
        made, names, fixed, shapes = found
        told = [(TableRef(*ref), (digest, view)) for ref, (digest, view) in shapes]
        return _Known(self._read(made), dict(names), set(fixed), told)

    def _are_alike(self, known: _Known[Kind], moves: Moves) -> bool:
        """Whether everything that the statement names is there, one for one, as it was where it was made."""
        places = {(ref.project, ref.dataset) for ref, _ in known.shapes}
        moved = {moves.ref(TableRef(*place, "")) for place in places}
        return len(moved) == len(places) and all(
            self._shape(moves.ref(ref)) == (digest, moves.google_sql(view) if view else view)
            for ref, (digest, view) in known.shapes
        )

    def _shape(self, ref: TableRef) -> Shape:
        meta = self._tables.catalog.get_table(ref.project, ref.dataset, ref.table)
        if meta is None:
            return None, None
        spec = _digest(meta.table_type, meta.schema_, meta.time_partitioning, meta.range_partitioning)
        return spec, meta.view_query


@lru_cache(SCHEMAS)
def _digest(*spec: Any) -> str:
    """Stands for all of a table that a translation depends on."""
    return hashlib.blake2b(repr(spec).encode(), digest_size=16).hexdigest()


def _masked(sql: str, scope: Scope) -> tuple[str, dict[str, str]]:
    masked, names = masks.mask(sql)
    default = {DEFAULT_PROJECT: scope.dataset[0], DEFAULT: scope.dataset[1]} if scope.dataset else {}
    return masked, {**names, PROJECT: scope.project, **default}


def _key(masked: str, scope: Scope) -> Any:
    return masked, scope.dataset is not None, scope.parameters


def _moves(old: Mapping[str, str], new: Mapping[str, str], fixed: Collection[str]) -> Moves | None:
    """What each name becomes; `None` if one becomes two, or must not change, or the texts stand for others."""
    if old.keys() != new.keys():
        return None
    names = {old[standing]: new[standing] for standing in old}
    is_clear = all(names[old[standing]] == new[standing] for standing in old)
    if not is_clear or any(names[name] != name for name in fixed):
        return None
    return Moves({name: becomes for name, becomes in names.items() if name != becomes})
