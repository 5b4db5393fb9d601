"""`infra.migrate`: what ships reaches the service's dataset and every org's, once, whoever dies or fails meanwhile."""

import json
import logging
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from cloudact import clients
from cloudact.error_codes import Code
from cloudact.errors import ConfigError, Retry
from cloudact.google_errors import refused_with
from cloudact.settings import ROOT, Settings
from cloudact.warehouse.bigquery import Access, Warehouse, open_warehouse
from cloudact.warehouse.datasets import claim_org_dataset, drop_org_dataset, make_service_dataset
from cloudact.warehouse.migrations import MigrationResult, Migrations
from cloudact.warehouse.scripts import SQL, Scope, load_scripts, statements
from infra.migrate import DONE, FAILED, UNUSABLE, Fleet, main
from tests.conftest import Local
from tests.fault_proxy import Doorman
from tests.processes import started_processes

TABLE = "openai_cost_daily_raw"
NEW_COLUMN = f"""-- Who pays.
ALTER TABLE org_dataset.{TABLE} ADD COLUMN IF NOT EXISTS cost_center STRING OPTIONS (description = 'who pays'),
  ADD COLUMN IF NOT EXISTS approved BOOL;
ALTER TABLE org_dataset.{TABLE} SET OPTIONS (description = 'Costs with who pays them');
"""
OLD_VIEW = f"CREATE OR REPLACE VIEW org_dataset.amounts AS SELECT amount FROM org_dataset.{TABLE};\n"
NEW_TABLE = "CREATE TABLE IF NOT EXISTS org_dataset.budgets (month DATE NOT NULL, amount NUMERIC);\n"
NEW_VIEW = f"CREATE OR REPLACE VIEW org_dataset.by_center AS SELECT cost_center, amount FROM org_dataset.{TABLE};\n"
CHARGES = "CREATE OR REPLACE VIEW org_dataset.charges_{provider} AS SELECT amount FROM org_dataset.{table};\n"
UNION = "CREATE OR REPLACE VIEW org_dataset.charges\nAS\nSELECT amount FROM org_dataset.charges_of_each_provider;\n"
VISITS = "CREATE TABLE IF NOT EXISTS org_dataset.visits (amount NUMERIC, visitor STRING);\n"
ROW = {
    "usage_date": "2026-11-10", "amount": "1.25", "currency": "USD", "raw": "{}", "org_slug": "x", "run_id": "r",
    "ingested_at": "2026-11-11T00:00:00Z",
}  # fmt: skip


class Watched(Warehouse):
    """Notes the scripts that it runs. `before` is done, once each, when a script is about to run on a dataset."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.applied: list[tuple[str, str]] = []
        self.before: dict[str, Callable[[], Any]] = {}

    def script(self, sql: str, *, dataset: str | None = None) -> None:
        self.applied.append((dataset or "", sql))
        self.before.pop(dataset or "", lambda: None)()
        super().script(sql, dataset=dataset)


@dataclass
class Deployment:
    """A service with a dataset of its own, and scripts that a test may add to."""

    settings: Settings
    root: Path
    number: int
    orgs: list[str] = field(default_factory=list)
    folders: dict[str, Path] = field(default_factory=dict)

    def add(self, name: str, text: str) -> None:
        (self.root / f"{name}.sql").write_text(text, encoding="utf-8")

    def migrate(self, warehouse: Watched | None = None) -> tuple[Fleet, list[tuple[str, str]]]:
        """What a migration did to the orgs, and the scripts it applied to any dataset."""
        warehouse = warehouse or self.warehouse()
        migrations = self.migrations(warehouse)
        make_service_dataset(warehouse, migrations, self.settings.installation)
        fleet = Fleet(migrations)
        fleet.migrate()
        return fleet, warehouse.applied

    def warehouse(self) -> Watched:
        return Watched(
            Access.of(self.settings),
            installation=self.settings.installation,
            dataset=self.settings.dataset,
        )

    def migrations(self, warehouse: Warehouse | None = None) -> Migrations:
        return Migrations(warehouse or self.warehouse(), applied_by="test", root=self.root, folders=self.folders)

    def onboard(self, name: str, migrations: Migrations | None = None) -> str:
        """An org with a row of costs, made by code that ships what `migrations` has."""
        warehouse, slug = self.warehouse(), f"{name}_{self.number}"
        claim_org_dataset(warehouse, slug)
        made = migrations or self.migrations(warehouse)
        made.bring(slug, made.org)
        self.activate(slug)
        assert self.client.insert_rows_json(f"{self.settings.project}.{slug}.{TABLE}", [ROW]) == []
        self.orgs.append(slug)
        return slug

    def activate(self, *slugs: str) -> None:
        rows = [
            {"org_slug": slug, "name": slug, "dataset": slug, "status": "ACTIVE", "generation": 1, "keys_before": 0}
            | {"created_at": "2026-11-01T00:00:00Z"}
            for slug in slugs
        ]
        self.warehouse().append("org_profiles", rows, slugs)

    @property
    def client(self) -> Any:
        return clients.bigquery(self.settings)

    def columns(self, slug: str) -> list[str]:
        return [column.name for column in self.client.get_table(f"{slug}.{TABLE}").schema]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row.values()) for row in self.client.query_and_wait(sql)]

    @property
    def records(self) -> list[tuple[Any, ...]]:
        return self.rows(f"SELECT dataset, script FROM {self.settings.dataset}.schema_migrations ORDER BY 1, 2")


@pytest.fixture
def deployment(local: Local, tmp_path: Path) -> Deployment:
    number = next(local.numbers)
    settings = local.settings.model_copy(update={"dataset": f"service_{number}"})
    return Deployment(settings, some_of_what_ships(tmp_path), number)


def some_of_what_ships(root: Path) -> Path:
    """A copy of `sql` with one table and no great view for the orgs: the rest only costs time."""
    for folder, names in {
        "organizations": ["001_schema_migrations", "002_tenants"],
        "org": [],
    }.items():
        (root / folder).mkdir()
        for name in names:
            shutil.copy(SQL / folder / f"{name}.sql", root / folder)
    shutil.copy(SQL / "organizations" / "005_installations.sql", root / "organizations" / "003_installations.sql")
    shutil.copy(SQL / "org" / f"003_{TABLE}.sql", root / "org" / f"001_{TABLE}.sql")
    (root / "org" / "views_amounts.sql").write_text(OLD_VIEW, encoding="utf-8")
    views = statements((SQL / "organizations" / "views_state.sql").read_text(encoding="utf-8"))
    (profiles,) = (view for view in views if "VIEW organizations.org_current_profiles" in view)
    (root / "organizations" / "views_state.sql").write_text(profiles, encoding="utf-8")
    return root


@pytest.fixture
def two_orgs(deployment: Deployment) -> Deployment:
    """A service at today's version with two orgs that have costs."""
    deployment.migrate()
    deployment.onboard("alpha")
    deployment.onboard("beta")
    return deployment


def assert_newest(deployment: Deployment) -> None:
    """Every org has the new columns and its old row, and nobody is behind."""
    for slug in deployment.orgs:
        assert deployment.columns(slug)[-2:] == ["cost_center", "approved"]
        assert [str(row[0]) for row in deployment.rows(f"SELECT amount FROM {slug}.{TABLE}")] == ["1.25"]
    fleet, applied = deployment.migrate()
    assert (fleet.migrated, fleet.failed, applied) == (set(), {}, [])


def test_a_new_column_reaches_all_orgs(two_orgs: Deployment) -> None:
    """A script that adds columns reaches every org: NULL in old rows, to be filled by new ones; and is done then."""
    two_orgs.add("org/002_cost_center", NEW_COLUMN)
    two_orgs.add("org/views_by_center", NEW_VIEW)
    fleet, _ = two_orgs.migrate()
    assert (fleet.migrated, fleet.failed) == (set(two_orgs.orgs), {})
    for slug in two_orgs.orgs:
        table = two_orgs.client.get_table(f"{slug}.{TABLE}")
        assert (table.schema[-2].description, table.description) == ("who pays", "Costs with who pays them")
        assert two_orgs.client.insert_rows_json(table, [ROW | {"cost_center": "research"}]) == []
        told = two_orgs.rows(f"SELECT cost_center, amount FROM {slug}.by_center ORDER BY 1")
        assert [(center, str(amount)) for center, amount in told] == [(None, "1.25"), ("research", "1.25")]
    assert two_orgs.migrate()[1] == []


def test_a_new_org_needs_no_migration(two_orgs: Deployment) -> None:
    """Onboarding applies and records what a migration would, so the next one leaves the new org alone."""
    slug = two_orgs.onboard("gamma")
    assert [script for dataset, script in two_orgs.records if dataset == slug] == sorted(
        script.name for script in two_orgs.migrations().org
    )
    assert two_orgs.migrate()[1] == []


def test_an_org_that_lost_its_dataset_gets_all_of_it(two_orgs: Deployment) -> None:
    """Who is off-boarded with all data and comes back has every table again, although there are records of them."""
    slug = two_orgs.orgs[0]
    assert drop_org_dataset(two_orgs.warehouse(), slug)
    two_orgs.onboard("alpha")
    assert two_orgs.rows(f"SELECT COUNT(*) FROM {slug}.amounts") == [(1,)]


def test_only_views_that_changed_are_made_again(two_orgs: Deployment) -> None:
    """A view whose text changed is replaced in every org; nothing else is touched."""
    two_orgs.add("org/views_by_day", "CREATE OR REPLACE VIEW org_dataset.by_day AS SELECT 1 AS a;\n")
    two_orgs.migrate()
    two_orgs.add("org/views_by_day", "CREATE OR REPLACE VIEW org_dataset.by_day AS SELECT 1 AS a, 2 AS b;\n")
    _, applied = two_orgs.migrate()
    assert len(applied) == len(two_orgs.orgs)
    assert two_orgs.rows(f"SELECT * FROM {two_orgs.orgs[1]}.by_day") == [(1, 2)]


def test_a_failed_org_holds_up_no_other(two_orgs: Deployment) -> None:
    """Every org is tried; who fails is named, keeps what was applied before, and is tried again by the next call."""
    broken = two_orgs.onboard("aaa")
    two_orgs.client.delete_table(f"{broken}.{TABLE}")
    two_orgs.add("org/002_budgets", NEW_TABLE)
    two_orgs.add("org/003_cost_center", NEW_COLUMN)
    fleet, _ = two_orgs.migrate()
    assert (fleet.migrated, set(fleet.failed)) == (set(two_orgs.orgs) - {broken}, {broken})
    assert refused_with(fleet.failed[broken], 404)
    assert (broken, "002_budgets") in two_orgs.records
    again, applied = two_orgs.migrate()
    assert (set(again.failed), len(applied)) == ({broken}, 1)


def test_passing_trouble_is_tried_again(two_orgs: Deployment) -> None:
    """An org whose statement BigQuery puts off is migrated within the same call."""
    two_orgs.add("org/002_cost_center", NEW_COLUMN)
    warehouse = two_orgs.warehouse()
    warehouse.before[two_orgs.orgs[0]] = overloaded
    fleet, _ = two_orgs.migrate(warehouse)
    assert (fleet.migrated, fleet.failed) == (set(two_orgs.orgs), {})
    assert_newest(two_orgs)


def overloaded() -> None:
    raise Retry(Code.BIGQUERY_UNAVAILABLE, "BigQuery could not be reached or is overloaded.")


def test_an_org_that_comes_meanwhile_is_migrated(two_orgs: Deployment) -> None:
    """An org that code of yesterday onboards while others are migrated is found by the same call."""
    old = two_orgs.migrations()
    two_orgs.add("org/002_cost_center", NEW_COLUMN)
    warehouse = two_orgs.warehouse()
    warehouse.before[two_orgs.orgs[0]] = partial(two_orgs.onboard, "late", old)
    fleet, _ = two_orgs.migrate(warehouse)
    assert len(two_orgs.orgs) == 3
    assert fleet.migrated == set(two_orgs.orgs)
    assert_newest(two_orgs)


def test_two_at_once_do_no_harm(two_orgs: Deployment) -> None:
    """Two migrations beside each other end as one does."""
    two_orgs.add("organizations/004_more", "CREATE TABLE IF NOT EXISTS organizations.more (a STRING);\n")
    two_orgs.add("org/002_cost_center", NEW_COLUMN)
    with ThreadPoolExecutor(2) as pool:
        fleets = [fleet for fleet, _ in pool.map(two_orgs.migrate, (None, None))]
    assert [fleet.failed for fleet in fleets] == [{}, {}]
    assert_newest(two_orgs)


def test_a_changed_script_is_refused(two_orgs: Deployment) -> None:
    """A script that an org has in another text stops everything before anything is applied, naming file and dataset."""
    two_orgs.add("org/002_cost_center", NEW_COLUMN)
    two_orgs.migrate()
    two_orgs.add("org/002_cost_center", NEW_COLUMN.replace("BOOL", "STRING"))
    two_orgs.add("organizations/004_more", "CREATE TABLE IF NOT EXISTS organizations.more (a STRING);\n")
    warehouse = two_orgs.warehouse()
    with pytest.raises(ConfigError, match=rf"org/002_cost_center\.sql: dataset {two_orgs.orgs[0]} and 1 more"):
        two_orgs.migrate(warehouse)
    assert warehouse.applied == []


@pytest.fixture
def zoo(two_orgs: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """The two orgs with `charges` of one provider, and a folder `zoo` of another one that nobody has been given yet."""
    two_orgs.add("org/views_charges_openai", CHARGES.format(provider="openai", table=TABLE))
    two_orgs.add("org/views_charges", UNION)
    two_orgs.add("org/views_costs", "CREATE OR REPLACE VIEW org_dataset.costs AS SELECT * FROM org_dataset.charges;\n")
    two_orgs.migrate()
    folder = tmp_path_factory.mktemp("zoo")
    (folder / "001_visits.sql").write_text(VISITS, encoding="utf-8")
    (folder / "views_charges_zoo.sql").write_text(CHARGES.format(provider="zoo", table="visits"), encoding="utf-8")
    two_orgs.folders = {"zoo": folder}
    return two_orgs


def test_a_provider_outside_the_product_reaches_all_orgs(zoo: Deployment) -> None:
    """Its tables are made, its charges are in the view of all, nothing else is applied, and who comes later has it."""
    _, applied = zoo.migrate()
    assert len(applied) == 3 * len(zoo.orgs)
    for slug in (*zoo.orgs, zoo.onboard("gamma")):
        zoo.rows(f"INSERT INTO {slug}.visits (amount) VALUES (NUMERIC '7')")
        assert [str(row[0]) for row in zoo.rows(f"SELECT amount FROM {slug}.costs ORDER BY 1")] == ["1.25", "7"]
        assert {script for dataset, script in zoo.records if dataset == slug} == {
            f"001_{TABLE}", "views_amounts", "views_charges", "views_charges_openai", "views_costs", "zoo/001_visits",
            "zoo/views_charges_zoo",
        }  # fmt: skip
    assert zoo.migrate()[1] == []


def test_a_changed_script_of_a_provider_is_refused(zoo: Deployment, caplog: pytest.LogCaptureFixture) -> None:
    """What a provider's folder has of a number is never changed either, and its numbers are not the product's."""
    zoo.migrate()
    assert not [record for record in caplog.records if record.levelno == logging.WARNING]
    (zoo.folders["zoo"] / "001_visits.sql").write_text(VISITS.replace("NUMERIC", "STRING"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"001_visits\.sql: dataset .* and 1 more have script zoo/001_visits"):
        zoo.migrate()


def test_a_provider_that_left_takes_its_charges_along(zoo: Deployment, caplog: pytest.LogCaptureFixture) -> None:
    """Its tables and rows stay, and `charges` is without them again."""
    zoo.migrate()
    zoo.folders = {}
    slug = zoo.orgs[0]
    zoo.rows(f"INSERT INTO {slug}.visits (amount) VALUES (NUMERIC '7')")
    _, applied = zoo.migrate()
    assert len(applied) == len(zoo.orgs)
    assert [str(row[0]) for row in zoo.rows(f"SELECT amount FROM {slug}.costs")] == ["1.25"]
    told = [record.__dict__["fields"] for record in caplog.records if record.levelno == logging.WARNING]
    assert [(each["event"], each["script"]) for each in told] == [("migration_unknown", "zoo/001_visits")]


def test_charges_that_lack_a_column_leave_what_was(zoo: Deployment) -> None:
    """The org is named as failed, and its `costs` tell what they told before."""
    lacking = CHARGES.format(provider="zoo", table="visits").replace("amount", "visitor")
    (zoo.folders["zoo"] / "views_charges_zoo.sql").write_text(lacking, encoding="utf-8")
    fleet, _ = zoo.migrate()
    assert set(fleet.failed) == set(zoo.orgs)
    assert [str(row[0]) for row in zoo.rows(f"SELECT amount FROM {zoo.orgs[0]}.costs")] == ["1.25"]


def test_a_lost_view_is_made_again(two_orgs: Deployment) -> None:
    """After the statement of docs/operations.md the next migration applies the org's views, and nothing else."""
    slug = two_orgs.orgs[0]
    two_orgs.rows(f"DROP VIEW {slug}.amounts")
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    (statement,) = re.findall(r"INSERT INTO organizations\.schema_migrations.*?(?=\")", page, re.DOTALL)
    two_orgs.rows(statement.replace("organizations.", f"{two_orgs.settings.dataset}.").replace("initech", slug))
    _, applied = two_orgs.migrate()
    assert applied == [(slug, OLD_VIEW)]
    assert two_orgs.rows(f"SELECT COUNT(*) FROM {slug}.amounts") == [(1,)]


def test_newer_scripts_than_ours_are_left_alone(two_orgs: Deployment, caplog: pytest.LogCaptureFixture) -> None:
    """After code was rolled back its migration warns of what it does not know, and changes nothing."""
    two_orgs.add("org/002_cost_center", NEW_COLUMN)
    two_orgs.migrate()
    (two_orgs.root / "org" / "002_cost_center.sql").unlink()
    _, applied = two_orgs.migrate()
    told = [record.__dict__["fields"] for record in caplog.records if record.levelno == logging.WARNING]
    assert applied == []
    assert told == [{"event": "migration_unknown", "scope": "org", "script": "002_cost_center", "datasets": 2}]


def migrate_through(settings: Settings, root: Path) -> None:
    """What the entry point does, in a process of its own."""
    warehouse = open_warehouse(settings)
    migrations = Migrations(warehouse, applied_by="test", root=root)
    make_service_dataset(warehouse, migrations, settings.installation)
    fleet = Fleet(migrations)
    fleet.migrate()
    os._exit(len(fleet.failed))


@pytest.mark.parametrize("number", [6, 11])
def test_a_crash_is_made_up_for(two_orgs: Deployment, number: int) -> None:
    """A migration that dies at any request is completed by the next one.

    1 to 4 ask for the tables of records and of the installation and for what is in them, 5 for the dataset; 6 is the
    first statement, 7 records it, 8 asks who is behind, 9 to 14 are the orgs' statements, 15 records them.
    """
    crash(two_orgs, number)


@pytest.mark.bench
@pytest.mark.parametrize("number", range(1, 17))
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_anywhere_is_made_up_for(two_orgs: Deployment, number: int, moment: str) -> None:
    """The same at every request, before its effect and after it."""
    crash(two_orgs, number, moment)


def crash(two_orgs: Deployment, number: int, moment: str = "after") -> None:
    two_orgs.add("organizations/004_more", "CREATE TABLE IF NOT EXISTS organizations.more (a STRING);\n")
    two_orgs.add("org/002_cost_center", NEW_COLUMN)
    two_orgs.add("org/views_by_center", NEW_VIEW)
    door = Doorman(two_orgs.settings.bigquery_endpoint)
    with started_processes() as start:
        settings = two_orgs.settings.model_copy(update={"bigquery_endpoint": door.url})
        door.at(number, moment, lambda: process.kill())
        process = start(migrate_through, settings, two_orgs.root)
        process.join(60)
    door.close()
    assert process.exitcode == -signal.SIGKILL
    fleet, _ = two_orgs.migrate()
    assert fleet.failed == {}
    assert two_orgs.rows(f"SELECT COUNT(*) FROM {two_orgs.settings.dataset}.more") == [(0,)]
    assert_newest(two_orgs)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_command_says_what_it_did(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    """`--dry-run` names what is due and changes nothing; then each script is a log line; then there is none."""
    env = deployment.settings.to_env() | {"CLOUD_RUN_EXECUTION": "migrate-abc"}
    assert main(env, ["--dry-run"]) == DONE
    (due,) = lines(capsys)
    assert (due["event"], due["dataset"]) == ("migration_due", deployment.settings.dataset)
    assert not deployment.warehouse().has_table("schema_migrations")
    assert main(env) == DONE
    *applied, end = lines(capsys)
    names = [script.name for script in load_scripts(Scope.SERVICE)]
    assert [line["script"] for line in applied] == due["scripts"] == names
    assert deployment.records == [(deployment.settings.dataset, name) for name in sorted(names)]
    assert (end["event"], end["migrated"], end["failed"]) == ("migration_finished", 0, [])
    assert main(env, ["--dry-run"]) == main(env) == DONE
    assert [line["event"] for line in lines(capsys)] == ["migration_finished"]
    by = f"SELECT DISTINCT applied_by FROM {deployment.settings.dataset}.schema_migrations"
    assert deployment.rows(by) == [("migrate-abc",)]


def test_exit_codes(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    """1: an org failed, and is named. 2: the environment is not usable."""
    assert main(deployment.settings.to_env()) == DONE
    deployment.activate("org_without_dataset")
    assert main(deployment.settings.to_env()) == FAILED
    told = lines(capsys)[-2:]
    assert [(line["event"], line["severity"]) for line in told] == [
        ("migration_failed", "ERROR"), ("migration_finished", "ERROR"),
    ]  # fmt: skip
    assert (told[0]["dataset"], told[1]["failed"]) == ("org_without_dataset", ["org_without_dataset"])
    assert main({}) == UNUSABLE


@pytest.mark.bench
def test_ten_thousand_orgs_that_have_everything_cost_two_queries(
    deployment: Deployment, local: Local, capsys: pytest.CaptureFixture[str]
) -> None:
    """A migration with nothing to do asks twice, whatever the number of orgs, and applies nothing."""
    deployment.migrate()
    migrations = deployment.migrations()
    slugs = [f"org_{number}" for number in range(10_000)]
    for start in range(0, len(slugs), 500):
        deployment.activate(*slugs[start : start + 500])
        migrations.record([MigrationResult(slug, migrations.org) for slug in slugs[start : start + 500]])
    counts = f"{local.settings.bigquery_endpoint}/local/requests"
    requests.delete(counts, timeout=5)
    began = time.perf_counter()
    assert migrations.orgs_behind() == []
    assert not migrations.service_behind()
    told = requests.get(counts, timeout=5).json()["requests"]
    with capsys.disabled():
        sys.stdout.write(f"\n10,000 orgs up to date: {time.perf_counter() - began:.2f} s, {told}\n")
    assert told == {"jobs.query": 2, "tables.get": 1}


@pytest.mark.bench
def test_orgs_that_are_behind_cost_a_statement_each(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    """A table for 250 orgs: as many statements, three INSERTs of records and two looks."""
    deployment.migrate()
    slugs = [f"many_{deployment.number}_{number}" for number in range(250)]
    migrations = deployment.migrations()
    for slug in slugs:
        claim_org_dataset(deployment.warehouse(), slug)
    migrations.record([MigrationResult(slug, migrations.org) for slug in slugs])
    deployment.activate(*slugs)
    deployment.add("org/002_budgets", NEW_TABLE)
    began = time.perf_counter()
    fleet, applied = deployment.migrate()
    with capsys.disabled():
        sys.stdout.write(f"\n250 orgs behind: {time.perf_counter() - began:.2f} s\n")
    assert (len(fleet.migrated), len(applied), fleet.failed) == (250, 250, {})
