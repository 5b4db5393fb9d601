"""State of an org's tables, by which an answer is known to be still true. Reads metadata alone: no query."""

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from cloudact.clock import Clock
from cloudact.logs import with_context
from cloudact.warehouse.bigquery import Warehouse
from cloudact.warehouse.queries import ORG_DATASET
from cloudact.warehouse.scripts import NO_FOLDERS, Scope, load_scripts
from functions.auth.cache import TtlCache

# A console draws several charts at once; nobody notices whether a load is seen five seconds later.
STATE_TTL = timedelta(seconds=5)
VIEW = "focus_costs"  # made again by migrations, as are the views that it reads, whose texts are in the digest
ORGS = 1_000


@dataclass(frozen=True)
class Shipped:
    """Tables that an org's dataset has, and a digest of the texts of all scripts that make its tables and views."""

    tables: Sequence[str]
    digest: str

    @classmethod
    def with_providers(cls, folders: Mapping[str, Path] = NO_FOLDERS) -> "Shipped":
        """Tables and texts of the scripts that ship, with those of providers outside `sql/`."""
        scripts = load_scripts(Scope.ORG, folders=folders)
        made = {name.removeprefix(f"{ORG_DATASET}.") for script in scripts if script.version for name in script.makes}
        text = "\n".join(sorted(script.label for script in scripts))
        return cls((*sorted(made), VIEW), hashlib.sha256(text.encode()).hexdigest())


class TableStates:
    """Digests of the state of orgs' tables, each kept for five seconds. Every load changes it, and every migration."""

    def __init__(self, warehouse: Warehouse, shipped: Shipped, looking: Executor, clock: Clock) -> None:
        self._warehouse = warehouse
        self._shipped = shipped
        self._looking = looking
        self._states = TtlCache(self._read, clock, STATE_TTL, ORGS)

    def digest(self, dataset: str) -> str:
        """Digest of the tables of this dataset; equal as long as no load has changed a row. Raises `Retry`."""
        return self._states.get(dataset)

    def _read(self, dataset: str) -> str:
        look = with_context(partial(self._warehouse.table_state, dataset))
        states = self._looking.map(look, self._shipped.tables)
        told = [
            self._shipped.digest,
            *(f"{name} {state}" for name, state in zip(self._shipped.tables, states, strict=True)),
        ]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()
