"""Migrations: which scripts of `sql/` the datasets lack, applying them, and recording it (docs/adr/0010).

Forward only. After a crash between applying and recording, a script is applied again, which changes nothing.
"""

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cloudact.errors import ConfigError
from cloudact.warehouse.bigquery import Warehouse
from cloudact.warehouse.scripts import NO_FOLDERS, SQL, Scope, Script, load_scripts, numbered

log = logging.getLogger(__name__)
TABLE = "schema_migrations"


@dataclass(frozen=True)
class _Applied:
    """Text of a script as applied: its checksum, how many datasets have it, and one of them."""

    scope: str
    script: str
    checksum: str
    dataset: str
    datasets: int


@dataclass(frozen=True)
class _OrgBehind:
    dataset: str
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Behind:
    """Dataset with the scripts that it lacks, in their order."""

    dataset: str
    scripts: tuple[Script, ...]


@dataclass(frozen=True)
class MigrationResult:
    """Scripts that were applied to a dataset, and the error that stopped it early."""

    dataset: str
    applied: tuple[Script, ...]
    error: Exception | None = None


class Migrations:
    """Migrations of all datasets to the scripts that ship. `applied_by` is recorded with each.

    `folders` are those of providers outside `root`, see `load_scripts`. Raises `ConfigError` where the scripts
    themselves are wrong.
    """

    def __init__(
        self, warehouse: Warehouse, *, applied_by: str, root: Path = SQL, folders: Mapping[str, Path] = NO_FOLDERS
    ) -> None:
        self._warehouse = warehouse
        self._applied_by = applied_by
        self.service = load_scripts(Scope.SERVICE, root)
        self.org = load_scripts(Scope.ORG, root, folders)

    def service_behind(self) -> tuple[Script, ...]:
        """Scripts that the service's own dataset lacks.

        Raises `ConfigError` if a script was changed that any dataset, also an org's, has in another text: nothing may
        be applied then.
        """
        if not self._warehouse.has_table(TABLE):
            return self.service
        applied = self._warehouse.read(_Applied, "applied_migrations")
        for row in applied:
            self._refuse_change(row)
        known = {f"{row.script} {row.checksum}" for row in applied if row.scope == Scope.SERVICE}
        return tuple(script for script in self.service if script.label not in known)

    def orgs_behind(self) -> list[Behind]:
        """Active orgs' datasets that lack something, from one query that leaves out all others."""
        rows = self._warehouse.read(_OrgBehind, "orgs_behind", shipped=[script.label for script in self.org])
        return [Behind(row.dataset, self._of_org(row.missing)) for row in rows]

    def bring(self, dataset: str, scripts: Sequence[Script]) -> None:
        """Applies scripts to one dataset and records them; raises the error that stopped it."""
        result = self.apply(Behind(dataset, tuple(scripts)))
        self.record([result])
        if result.error:
            raise result.error

    def apply(self, behind: Behind) -> MigrationResult:
        """Applies one script after another until one fails. Records nothing."""
        applied: list[Script] = []
        for script in behind.scripts:
            try:
                self._warehouse.script(script.text, dataset=behind.dataset)
            except Exception as err:  # whatever it is, what was applied before is recorded, and others go on
                return MigrationResult(behind.dataset, tuple(applied), err)
            applied.append(script)
            fields = {"event": "migration_applied", "dataset": behind.dataset, "script": script.name}
            log.info("a script was applied", extra={"fields": fields})
        return MigrationResult(behind.dataset, tuple(applied))

    def record(self, results: Iterable[MigrationResult]) -> None:
        """Records all results in one statement: BigQuery runs only some INSERTs into a table at once."""
        records = [self._record(each.dataset, script) for each in results for script in each.applied]
        if records:
            self._warehouse.write("record_migrations", records=records)

    def _record(self, dataset: str, script: Script) -> str:
        return json.dumps(
            {
                "dataset": dataset,
                "scope": script.scope,
                "script": script.name,
                "version": script.version,
                "checksum": script.checksum,
                "applied_by": self._applied_by,
            }
        )

    def _refuse_change(self, row: _Applied) -> None:
        """Raises `ConfigError` for a changed script. Views may change, and an unknown number is newer code's."""
        number = numbered(row.script)
        if number is None:
            return
        shipped = {
            numbered(script.name): script for script in (self.service if row.scope == Scope.SERVICE else self.org)
        }
        script = shipped.get(number)
        if script is None:
            fields = {
                "event": "migration_unknown",
                "scope": row.scope,
                "script": row.script,
                "datasets": row.datasets,
            }
            log.warning("a script was applied that this code does not have", extra={"fields": fields})
        elif script.label != f"{row.script} {row.checksum}":
            raise ConfigError(
                f"{script.place}: dataset {row.dataset} and {row.datasets - 1} more "
                f"have script {row.script} with another text. What was applied is never changed: "
                "bring the old text back, and put the change into a new script."
            )

    def _of_org(self, labels: Iterable[str]) -> tuple[Script, ...]:
        missing = set(labels)
        return tuple(script for script in self.org if script.label in missing)
