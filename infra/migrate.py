"""`python -m infra.migrate`: brings the service's dataset, and then every active org's, to what `sql/` ships.

Exit code 0: all have everything. 1: some failed, the logs name them; run it again. 2: settings or scripts are wrong,
and nothing was changed. `--dry-run` only says what is lacking; `--allow-failed-orgs` answers 0 although orgs failed,
which lets a deployment go on.
"""

import argparse
import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from cloudact import logs
from cloudact.errors import ConfigError, Retry
from cloudact.settings import Settings
from cloudact.warehouse.bigquery import Warehouse, open_warehouse
from cloudact.warehouse.datasets import make_service_dataset
from cloudact.warehouse.migrations import Behind, MigrationResult, Migrations
from cloudact.warehouse.scripts import NO_FOLDERS

log = logging.getLogger(__name__)
DONE, FAILED, UNUSABLE = 0, 1, 2
WORKERS = 10  # as many connections as Google's client keeps open
BATCH = 100  # orgs whose records are one INSERT; what a crash makes the next call apply again
ROUNDS = 3  # a later one finds orgs that came meanwhile, and tries again what failed for a passing reason


def main(env: Mapping[str, str], arguments: Sequence[str] = (), folders: Mapping[str, Path] = NO_FOLDERS) -> int:
    """Migrates what the environment names, and answers the exit code.

    `folders` are the folders with the scripts of providers outside `sql/`, by the provider's id.
    """
    asked = _parsed(arguments)
    logs.configure(secrets=())  # it reads no credential, and calls no provider
    try:
        code = run(Settings.from_env(env), env.get("CLOUD_RUN_EXECUTION", "infra.migrate"), asked.dry_run, folders)
    except ConfigError as err:
        log.critical(str(err), extra={"fields": {"event": "migration_refused"}})
        return UNUSABLE
    except Exception:
        log.exception("the migration ended early", extra={"fields": {"event": "migration_failed"}})
        return FAILED
    return DONE if asked.allow_failed_orgs else code


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.migrate", description="Brings all datasets to what ships.")
    parser.add_argument("--dry-run", action="store_true", help="change nothing; say what is lacking")
    parser.add_argument("--allow-failed-orgs", action="store_true", help="exit 0 although some orgs failed")
    return parser.parse_args(arguments)


def run(settings: Settings, applied_by: str, dry_run: bool, folders: Mapping[str, Path] = NO_FOLDERS) -> int:
    """Migrates, and returns the exit code. Raises what keeps it from migrating anything."""
    warehouse = open_warehouse(settings)
    migrations = Migrations(warehouse, applied_by=applied_by, folders=folders)
    if dry_run:
        tell(warehouse, migrations)
        return DONE
    make_service_dataset(warehouse, migrations, settings.installation)
    fleet = Fleet(migrations)
    fleet.migrate()
    return FAILED if fleet.failed else DONE


def tell(warehouse: Warehouse, migrations: Migrations) -> None:
    """Logs what a migration would apply now."""
    lacking = [Behind(warehouse.dataset, migrations.service_behind())]
    if warehouse.has_table("org_current_profiles"):
        lacking += migrations.orgs_behind()
    for behind in lacking:
        if behind.scripts:
            names = [script.name for script in behind.scripts]
            fields = {"event": "migration_due", "dataset": behind.dataset, "scripts": names}
            log.info("scripts are due", extra={"fields": fields})


@dataclass
class Fleet:
    """The datasets of all active orgs. `failed` are those that are not up to date in the end, each with its error."""

    migrations: Migrations
    migrated: set[str] = field(default_factory=set)
    failed: dict[str, Exception] = field(default_factory=dict)

    def migrate(self) -> None:
        """Migrates until no org is behind but those that cannot be helped; one that fails holds up no other."""
        for _ in range(ROUNDS):
            behind = self._look()
            if not behind:
                break
            for batch in _batches(behind):
                self._migrate_batch(batch)
        fields = {"event": "migration_finished", "migrated": len(self.migrated), "failed": sorted(self.failed)}
        log.log(logging.ERROR if self.failed else logging.INFO, "migration finished", extra={"fields": fields})

    def _look(self) -> list[Behind]:
        """Datasets that are behind and worth a try. An org that was off-boarded meanwhile has not failed."""
        behind = {each.dataset: each for each in self.migrations.orgs_behind()}
        self.failed = {dataset: error for dataset, error in self.failed.items() if dataset in behind}
        hopeless = {dataset for dataset, error in self.failed.items() if not isinstance(error, Retry)}
        return [each for each in behind.values() if each.dataset not in hopeless]

    def _migrate_batch(self, batch: Sequence[Behind]) -> None:
        with ThreadPoolExecutor(WORKERS) as pool:
            results = list(pool.map(self.migrations.apply, batch))
        self.migrations.record(results)
        for result in results:
            self._note(result)

    def _note(self, result: MigrationResult) -> None:
        if result.error is None:
            self.failed.pop(result.dataset, None)
            self.migrated.add(result.dataset)
            return
        self.failed[result.dataset] = result.error
        fields = {"event": "migration_failed", "dataset": result.dataset}
        log.error("a dataset could not be migrated", extra={"fields": fields}, exc_info=result.error)


def _batches(behind: Sequence[Behind]) -> Iterator[list[Behind]]:
    rest = iter(behind)
    while batch := list(islice(rest, BATCH)):
        yield batch


if __name__ == "__main__":
    sys.exit(main(os.environ, sys.argv[1:]))
