"""A fourth provider, outside the product, from its set-up to `focus_costs`: nothing of the product is edited for it."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
from google.cloud.bigquery import QueryJobConfig

from cloudact import clients
from cloudact.settings import ROOT
from cloudact.warehouse.scripts import Scope, load_scripts
from functions.auth.service_accounts import Caller
from functions.composition import compose
from functions.ops_routes import private_app
from functions.routes import public_app
from infra import migrate
from providers.provider import sql_folders
from tests.cli.conftest import Shell
from tests.conftest import FIXTURE_DAY, Local
from tests.functions.fleet import Fleet, new_fleet
from tests.functions.operators import AUDIENCE
from tests.googlesql import gate, gate_with
from tests.packaging.checkout import checkout_files
from tests.providers.fourth import FOUR, work_off, write_configs
from tests.providers.invented import PROVIDER
from tests.providers.invented.stand_in import KEY, StandIn, running
from tests.served import served

DAY = FIXTURE_DAY.isoformat()
WRONG_KEY = "aqua-admin-" + "0e" * 16


@dataclass(frozen=True)
class Customer:
    """An org of an installation that has the fourth provider, at a shell with its key."""

    org: str
    shell: Shell
    fleet: Fleet
    vendor: StandIn

    def connect(self, key: str = KEY, region: str = "eu") -> Any:
        setup = ("integrations", "setup", "aqua", "--credential-file", "-", "--metadata", f"region={region}")
        return self.shell(*setup, stdin=key)

    def rows(self, table: str, where: str = "TRUE") -> list[dict[str, Any]]:
        return self.fleet.local.query(f"SELECT * FROM {self.org}.{table} WHERE {where}")


@pytest.fixture
def fleet(local: Local, tmp_path: Path) -> Iterator[tuple[Fleet, StandIn]]:
    """An installation of its own, whose configs and addresses have the fourth provider."""
    with running() as vendor:
        urls = json.dumps({**local.settings.urls_of_providers, PROVIDER.id: vendor.url})
        yield new_fleet(local, configs_dir=write_configs(tmp_path / "configs"), provider_urls=urls), vendor


@pytest.fixture
def customer(fleet: tuple[Fleet, StandIn], tmp_path: Path) -> Iterator[Customer]:
    """Both functions are served with four providers, and an operator onboards an org."""
    installation, vendor = fleet
    settings = installation.settings.model_copy(update={"ops_audience": AUDIENCE})
    rooms = compose(settings, installation.local.clock, providers=FOUR)
    with served(public_app(rooms)) as api, served(private_app(rooms, Caller(settings))) as ops:
        known = {"API_URL": api, "OPS_URL": ops, "OPS_TOKEN": installation.token}
        shell = Shell({f"CLOUDACT_{name}": value for name, value in known.items()} | {"XDG_CONFIG_HOME": str(tmp_path)})
        org = f"fourth_{next(installation.local.numbers)}"
        key = shell.json("orgs", "onboard", org, "--plan", "PROFESSIONAL")["api_key"]
        yield Customer(org, Shell(shell.environment | {"CLOUDACT_API_KEY": key}), installation, vendor)


def test_a_day_of_the_fourth_provider(customer: Customer) -> None:
    """Set up on the command line and triggered over HTTP, a day is read page by page, reconciled, and in FOCUS."""
    assert "VALID" in customer.connect().stdout
    shell = customer.shell.environment
    url = f"{shell['CLOUDACT_API_URL']}/api/v1/pipelines/run/{customer.org}/aqua/usage_cost"
    asked = requests.post(url, json={"date": DAY}, headers={"X-API-Key": shell["CLOUDACT_API_KEY"]}, timeout=30)
    assert asked.status_code == 202
    assert work_off(customer.fleet) == [0]
    run = customer.shell.json("show", asked.json()["run_id"])
    assert (run["status"], run["rows_processed"], run["pipeline_version"]) == ("SUCCESS", 6, "1.0")
    texts = [message["text"] for step in run["steps"] for message in step["messages"]]
    told = "The rows cost 47.125000001 EUR; Aqua's own total of the day is 47.125000001 EUR; the difference is 0 EUR."
    assert told in texts
    assert "aqua_usage_daily_raw: 3 rows; aqua_cost_daily_raw: 3 rows." in texts
    assert {(row["quantity"], row["unit"]) for row in customer.rows("aqua_usage_daily_raw")} == {
        (Decimal(1000), "requests"), (Decimal("20.5"), "hours"), (Decimal(3), "hours")
    }  # fmt: skip
    costs = customer.rows("focus_costs", f"x_UsageDate = '{DAY}'")
    assert sorted((row["SubAccountId"], row["SkuId"], row["BilledCost"]) for row in costs) == [
        ("p1", "aqua/large", Decimal(41)), ("p1", "aqua/small", Decimal("0.125")),
        ("p2", "aqua/large", Decimal("6.000000001")),
    ]  # fmt: skip
    assert {(row["x_Provider"], row["BillingCurrency"], row["InvoiceIssuerName"]) for row in costs} == {
        ("aqua", "EUR", "Aqua")
    }


def test_its_daily_runs(customer: Customer) -> None:
    """The daily call plans it like any other, and its batch loads each day; bytes of one day are read for that day."""
    customer.connect()
    shell = customer.shell.environment
    headers = {"Authorization": f"Bearer {shell['CLOUDACT_OPS_TOKEN']}"}
    plan = requests.post(f"{shell['CLOUDACT_OPS_URL']}/ops/daily", headers=headers, timeout=30).json()
    runs = customer.fleet.started()
    assert (plan["started"], {run.pipeline for run in runs}) == (4, {"aqua_usage_cost"})
    assert set(work_off(customer.fleet)) == {0}
    assert {row["usage_date"] for row in customer.rows("aqua_cost_daily_raw")} == {run.date for run in runs}
    read = f"SELECT * FROM {customer.org}.focus_costs"
    client = clients.bigquery(customer.fleet.settings)
    day, whole = (
        client.query(sql, job_config=QueryJobConfig(dry_run=True)).total_bytes_processed
        for sql in (f"{read} WHERE x_UsageDate = '{runs[0].date}'", read)
    )
    assert whole == len(runs) * day > 0


def test_its_refusals(customer: Customer) -> None:
    """A wrong key, another vendor's, and a setting that it refuses keep the integration from being set up."""
    for wrong, why in (
        (customer.connect(WRONG_KEY), "Aqua refuses the key: it is wrong, or was revoked."),
        (customer.connect("sk-ant-api03-x"), "This is a key of Anthropic."),
        (customer.connect(region="us"), "The account is in eu."),
        (customer.connect(region="asia"), "metadata.region must be eu or us."),
    ):
        assert (wrong.exit_code, why in wrong.stderr, WRONG_KEY in wrong.output) == (3, True, False), wrong.output
    listed = {each["provider"]: each["status"] for each in customer.shell.json("integrations", "list")["integrations"]}
    assert listed["aqua"] == "NOT_CONFIGURED"


def test_its_key_is_nowhere_to_be_seen(customer: Customer, capsys: pytest.CaptureFixture[str]) -> None:
    """The refusal of a revoked key repeats it: run, integration, logs and events have the sentence without it."""
    customer.connect()
    customer.vendor.keys.clear()
    run_id = customer.shell.json("run", "aqua/usage_cost", "--date", DAY)["run_id"]
    assert work_off(customer.fleet) == [0]
    run = customer.shell.json("show", run_id)
    assert (run["status"], run["error"]["code"]) == ("FAILED", "credential_rejected")
    assert "Incorrect API key provided: [key]." in run["error"]["message"]
    listed = customer.shell.json("integrations", "list")["integrations"]
    assert [each["status"] for each in listed if each["provider"] == "aqua"] == ["INVALID"]
    logs = capsys.readouterr().out
    stored = customer.fleet.local.query(f"SELECT * FROM {customer.fleet.settings.dataset}.pipeline_run_events")
    assert "Incorrect API key provided: [key]." in logs
    assert KEY not in f"{logs}{run}{listed}{stored}"


def test_an_org_that_was_there_before(fleet: tuple[Fleet, StandIn]) -> None:
    """The migration that is handed its folder brings table and view to orgs that are there, and records them."""
    installation, _ = fleet
    org, env = f"older_{next(installation.local.numbers)}", installation.settings.to_env()
    shipped = installation.settings.model_copy(update={"configs_dir": ROOT / "configs", "provider_urls": ""})
    onboarding = compose(shipped, installation.local.clock).operations.onboarding
    onboarding.onboard(org, org, onboarding.plans.get("SCALE"))
    assert [migrate.main(env, folders=sql_folders(FOUR)) for _ in range(2)] == [0, 0]
    assert installation.local.query(f"SELECT * FROM {org}.charges_aqua") == []
    names = f"SELECT script FROM {installation.settings.dataset}.schema_migrations WHERE dataset = '{org}'"
    recorded = [row["script"] for row in installation.local.query(names)]
    assert {"aqua/001_aqua_tables", "aqua/views_charges_aqua"} <= set(recorded)
    assert recorded.count("aqua/001_aqua_tables") == 1


def test_its_scripts_are_google_sql() -> None:
    """Google's analyzer accepts the scripts with one provider more, and `focus_costs` has the columns it had."""
    sql = gate_with(load_scripts(Scope.ORG, folders=sql_folders(FOUR)))
    assert sql.columns("focus_costs") == gate("org").columns("focus_costs")


def test_no_file_of_the_product_names_it() -> None:
    """Outside `tests/` no file that git knows has its name, in its text or in its path."""
    named = ["git", "grep", "--untracked", "--ignore-case", "--files-with-matches", PROVIDER.id]
    found = subprocess.run([*named, "--", ":!tests"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (1, "")
    assert not [path for path in checkout_files() if PROVIDER.id in path and not path.startswith("tests/")]
    assert subprocess.run([*named, "--", "tests/providers"], cwd=ROOT, capture_output=True, check=False).stdout
