"""The views of an org's dataset as one query over its tables, for what cannot read views."""

from __future__ import annotations

import re

from cloudact.warehouse.queries import ORG_DATASET
from cloudact.warehouse.scripts import Scope, load_scripts, statements


def select_of(view: str) -> str:
    """The SELECT of a view that ships, which may read other views."""
    return _selects()[view]


def inlined(view: str) -> str:
    """The SELECT of a view with those that it reads, all the way down to tables."""
    others = ",\n".join(f"{name} AS ({select})" for name, select in _before(view))
    return f"WITH {others}\nSELECT * FROM ({select_of(view)})" if others else select_of(view)


def _before(view: str) -> list[tuple[str, str]]:
    """The views that it reads, each after those that it reads itself: a view can read none that is made later."""
    selects = list(_selects().items())
    read, found = select_of(view), list[tuple[str, str]]()
    for name, select in reversed(selects[: [name for name, _ in selects].index(view)]):
        if re.search(rf"\b{name}\b", read):
            found.insert(0, (name, select))
            read += select
    return found


def _selects() -> dict[str, str]:
    views = [script for script in load_scripts(Scope.ORG) if script.version is None]
    return {script.makes[0].rpartition(".")[2]: _select(script.text) for script in views}


def _select(text: str) -> str:
    (statement,) = statements(text)
    return statement.replace(f"{ORG_DATASET}.", "").partition("\nAS\n")[2].rstrip().removesuffix(";")
