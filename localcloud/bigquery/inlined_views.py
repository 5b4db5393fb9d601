"""Views put into the DuckDB SQL that reads them, each with only the columns that are wanted of it.

DuckDB binds all of a view at each query, and of the views below it, which is two thirds of a query of costs: that names
eight of seventy columns.
"""

# ruff: noqa: S608 - every name in the SQL is quoted
from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import sqlglot
from sqlglot import Dialect, exp

from localcloud.bigquery.kept_translations import KeptTranslations
from localcloud.bigquery.schemas import quoted
from localcloud.bigquery.sql import quoted_names
from localcloud.bigquery.sql.narrowing import Wanted, can_be_followed, follow, narrow

MAX_REMEMBERED = 500
SLOT = "inlined_view_"  # stands for a stored table or view
PLACE = "inlined_place_"  # stands for a dataset: what is remembered serves those of all orgs


@dataclass(frozen=True)
class View:
    """A view's query in DuckDB's SQL, the views that it reads by their names, and the names of its own columns."""

    sql: str
    columns: tuple[str, ...]


FindView = Callable[[str, str], View | None]  # by DuckDB's schema and the name; None for a table
Narrow = Callable[[str, Wanted, tuple[str, ...]], "_Narrowed"]


class InlinedViews:
    """Remembers what was made of texts, for all orgs, and keeps it for the next server."""

    def __init__(self, kept: KeptTranslations) -> None:
        self._kept = kept
        self._narrow = lru_cache(MAX_REMEMBERED)(self._known)

    def put_into(self, sql: str, schemas: Collection[str], find: FindView) -> str:
        """The statement with its views put in, which are in these schemas.

        One that is no query, or that cannot be followed, keeps the names of its views.
        """
        return _Inlining(schemas, find, self._narrow).put_into(sql, None, ()) or sql

    def _known(self, sql: str, wanted: Wanted, columns: tuple[str, ...]) -> _Narrowed:
        key = ("narrowed", sql, None if wanted is None else sorted(wanted), columns)
        return self._kept.find_or_make(key, _Narrowed.read, lambda: _narrowed(sql, wanted, columns), asdict)


@dataclass(frozen=True)
class _Inlining:
    schemas: Collection[str]
    find: FindView
    narrow: Narrow

    def put_into(self, sql: str, wanted: Wanted, columns: tuple[str, ...]) -> str | None:
        """The query with its views put in, with the wanted ones of its columns if they are given."""
        if SLOT in sql or PLACE in sql:
            return None
        places: dict[str, str] = {}
        for name in quoted_names.found_in(sql):
            if name in self.schemas:
                places.setdefault(name, f"{PLACE}{len(places)}")
        standing = quoted_names.replaced(sql, {name: f'"{place}"' for name, place in places.items()})
        narrowed = self.narrow(standing, wanted, columns)
        if narrowed.sql is None:
            return None
        schemas = {place: name for name, place in places.items()}
        meant = {f"{SLOT}{number}": self._fill(slot, schemas) for number, slot in enumerate(narrowed.slots)}
        return quoted_names.replaced(narrowed.sql, meant | {place: quoted(name) for place, name in schemas.items()})

    def _fill(self, slot: _Slot, schemas: Mapping[str, str]) -> str:
        schema = schemas.get(slot.place, slot.place)
        if view := self.find(schema, slot.table):
            columns = frozenset(name.lower() for name in view.columns)
            wanted = None if slot.wanted is None else columns.intersection(slot.wanted)
            if text := self.put_into(view.sql, None if wanted == columns else wanted, view.columns):
                return f"({text})" if slot.has_alias else f"({text}) AS {quoted(slot.table)}"
        return f"{quoted(schema)}.{quoted(slot.table)}"


@dataclass(frozen=True)
class _Slot:
    place: str
    table: str
    wanted: Sequence[str] | None
    has_alias: bool


@dataclass(frozen=True)
class _Narrowed:
    """A query with slots for what it reads; no text if its columns cannot be told."""

    sql: str | None = None
    slots: Sequence[_Slot] = ()

    @staticmethod
    def read(kept: Any) -> _Narrowed:
        """From its JSON; raises LookupError or TypeError for anything else."""
        return _Narrowed(kept["sql"], tuple(_Slot(**slot) for slot in kept["slots"]))


def _narrowed(sql: str, wanted: Wanted, columns: tuple[str, ...]) -> _Narrowed:
    """A query with slots for what it reads, and with the wanted ones of its columns, if they are given.

    It has no text if it is of a form that is not followed, or a view with all columns of another table.
    """
    tree = sqlglot.parse_one(sql, read="duckdb")
    query = tree.expression if isinstance(tree, exp.Insert) else tree
    if not isinstance(query, exp.Query) or not _is_told_again(sql) or not can_be_followed(query):
        return _Narrowed()
    if columns and query.is_star:
        return _Narrowed()
    slots: list[_Slot] = []

    def on_table(table: exp.Table, wanted_of_it: Wanted) -> None:
        if any(value for name, value in table.args.items() if name not in ("this", "db", "alias")):
            return
        wanted_names = None if wanted_of_it is None else sorted(wanted_of_it)
        slots.append(_Slot(table.db, table.name, wanted_names, has_alias=bool(table.alias)))
        table.set("db", None)
        table.set("this", exp.to_identifier(f"{SLOT}{len(slots) - 1}", quoted=True))

    is_named_so = [name.lower() for name in query.named_selects] == [name.lower() for name in columns]
    if columns:
        narrow(query, wanted if is_named_so else None, on_table)
    else:  # DuckDB is to see all of a statement, and to refuse what is wrong in it
        follow(query, on_table)
    text = _told(tree)
    if columns and not is_named_so:  # the view was made with names of its own
        kept = [name for name in columns if wanted is None or name.lower() in wanted] or columns[:1]
        text = f"SELECT {', '.join(map(quoted, kept))} FROM ({text}) AS named({', '.join(map(quoted, columns))})"
    return _Narrowed(text, tuple(slots))


@lru_cache(MAX_REMEMBERED)
def _is_told_again(sql: str) -> bool:
    """Whether the text is one that sqlglot writes as it has read it."""
    return _told(sqlglot.parse_one(sql, read="duckdb")) == sql


def _told(tree: exp.Expr) -> str:
    """The text of a tree that is not used again: a copy of it would take as long as the text."""
    return Dialect.get_or_raise("duckdb").generate(tree, copy=False)
