"""Tables of the orgs and fleets of tests: made by the product once, then copied within the local BigQuery.

What onboarding itself does is tested where it is asked for, by `ops`; `test_copied_tables.py` compares the two.
"""

from dataclasses import dataclass
from functools import cached_property

from cloudact.installation import LABEL
from cloudact.settings import Settings
from cloudact.warehouse.bigquery import Warehouse, open_warehouse
from cloudact.warehouse.datasets import fill_org_dataset
from cloudact.warehouse.migrations import Behind, MigrationResult, Migrations
from cloudact.warehouse.scripts import Script
from localcloud.wire.telling import tell

ORIGINAL = "org_to_copy"


@dataclass(frozen=True)
class CopiedTables:
    """Fills datasets of orgs, as `fill_org_dataset` does."""

    settings: Settings

    def __call__(self, warehouse: Warehouse, org_slug: str, *, views: bool) -> None:
        """Copies the tables; an org with views is made by the product."""
        if views:
            fill_org_dataset(warehouse, org_slug)
            return
        migrations, scripts = self._original
        _copy(self.settings, ORIGINAL, org_slug)
        migrations.record([MigrationResult(org_slug, scripts)])

    @cached_property
    def _original(self) -> tuple[Migrations, tuple[Script, ...]]:
        """Migrations, and those that the original has; its own are recorded nowhere, since it is no org's."""
        warehouse = open_warehouse(self.settings)
        migrations = Migrations(warehouse, applied_by="onboarding")
        scripts = tuple(script for script in migrations.org if script.version is not None)
        warehouse.create_dataset(ORIGINAL, {})
        result = migrations.apply(Behind(ORIGINAL, scripts))
        if result.error:
            raise result.error
        return migrations, scripts


def copy_service_tables(source: Settings, target: Settings) -> None:
    """Makes the tables of another service dataset; what provisions it finds them made, and makes its views."""
    warehouse = open_warehouse(target)
    migrations = Migrations(warehouse, applied_by="provision")
    warehouse.create_dataset(target.dataset, {LABEL: target.installation})
    _copy(source, source.dataset, target.dataset)
    scripts = tuple(script for script in migrations.service if script.version is not None)
    migrations.record([MigrationResult(target.dataset, scripts)])


def _copy(settings: Settings, source: str, target: str) -> None:
    body = {"project": settings.project, "source": source, "target": target}
    tell(f"{settings.bigquery_endpoint}/local/datasets/copies", body, 30.0)
