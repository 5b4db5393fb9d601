"""Tables of the orgs and fleets of tests: made by the product once, then copied within the local BigQuery.

What onboarding itself does is tested where it is asked for, by `ops`; `test_copied_tables.py` compares the two.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

from cloudact.installation import LABEL
from cloudact.settings import Settings
from cloudact.warehouse.bigquery import Warehouse, open_warehouse
from cloudact.warehouse.migrations import Behind, MigrationResult, Migrations
from cloudact.warehouse.queries import ORG_DATASET
from cloudact.warehouse.scripts import Script
from localcloud.wire.telling import tell

ORIGINAL = "org_to_copy"
_NAMED = re.compile(rf"\b{ORG_DATASET}\.\w+")


@dataclass(frozen=True)
class CopiedTables:
    """Fills datasets of orgs, as `fill_org_dataset` does."""

    settings: Settings

    def __call__(self, warehouse: Warehouse, org_slug: str, *, views: bool) -> None:
        """Copies the tables; views are made by the product, since their texts name the dataset."""
        migrations, scripts = self._original
        _copy(self.settings, ORIGINAL, org_slug)
        of_views = tuple(script for script in migrations.org if views and script.version is None)
        for script in of_views:
            warehouse.script(script.text, dataset=org_slug)
        migrations.record([MigrationResult(org_slug, (*scripts, *of_views))])

    def make_views(self, org_slug: str, names: Collection[str]) -> None:
        """Makes these views of an org, and those that they read: all of them take a second of CPU."""
        migrations, _ = self._original
        wanted = {f"{ORG_DATASET}.{name}" for name in names}
        scripts = [script for script in migrations.org if script.version is None]
        needed = []
        for script in reversed(scripts):
            if wanted & set(script.makes):
                needed.append(script)
                wanted |= set(_NAMED.findall(script.text))
        migrations.bring(org_slug, needed[::-1])
        left = wanted - {name for script in migrations.org for name in script.makes}
        assert not left, f"no script makes {left}"

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
