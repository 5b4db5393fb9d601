"""The demo orgs: each with accounts at OpenAI and Anthropic, and a billing export that grows by a day every day.

What must outlive a restart (keys, credentials, which days were generated) is kept in one file of the state.
"""

import datetime as dt
import json
import time
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

from cloudact import clients
from cloudact.clock import utc_now
from cloudact.orgs.org import key_hash
from cloudact.settings import ROOT, Settings
from cloudact.warehouse.bigquery import open_warehouse
from functions.orgs.tenant import Tenant, Tenants
from localcloud.billing_export import load_export, rows_for_day
from localcloud.integrations import ProviderAccount
from localcloud.onboarding import NewOrg, OnboardedOrg, add_member, connect, onboard

SCHEMAS = ROOT / "tests" / "fixtures" / "providers"
EXPORT_DATASET = "billing_export"
READABLE_WITHIN_S = 60.0
DEMO_USER = "demo-owner"  # an owner of all demo orgs, whom one click signs in to the console
DAYS = 3  # of export rows, ending yesterday


@dataclass(frozen=True)
class DemoOrg:
    """A demo org, the size of its Google Cloud bill, and its accounts at the other providers."""

    org_slug: str
    name: str
    plan: str
    daily_limit: int
    seed: int
    rows_per_day: int
    detailed: bool
    accounts: tuple[ProviderAccount, ...]

    @property
    def kind(self) -> str:
        """Which of Google's two exports it has."""
        return "resource_v1" if self.detailed else "v1"

    @property
    def source(self) -> dict[str, str]:
        """Where the export lies, its table named as Google does: kind, then the billing account."""
        return {
            "source_project": f"{self.org_slug.replace('_', '-')}-billing",
            "source_dataset": EXPORT_DATASET,
            "source_table": f"gcp_billing_export_{self.kind}_01A2B3_C4D5E6_F7A8{self.seed:02d}",
        }


DEMO_ORGS = (
    DemoOrg(
        "acmecorp", "Acme Corp", "PROFESSIONAL", 25, seed=1, rows_per_day=3000, detailed=True,
        accounts=(ProviderAccount("OPENAI", seed=1, rows=400), ProviderAccount("ANTHROPIC", seed=1, rows=300)),
    ),
    DemoOrg(
        "globex_inc", "Globex Inc", "STARTER", 6, seed=2, rows_per_day=1000, detailed=False,
        accounts=(
            ProviderAccount("OPENAI", seed=2, rows=80),
            ProviderAccount("ANTHROPIC", seed=2, rows=60, settings={"api": "analytics"}),
        ),
    ),
)  # fmt: skip


def onboard_demo_orgs(settings: Settings, state_file: Path) -> list[OnboardedOrg]:
    """Onboards what is missing, makes the providers know the keys, and generates the exports up to yesterday."""
    known = _read(state_file)
    for org in DEMO_ORGS:
        if org.org_slug not in known:
            new = NewOrg(org.org_slug, org.source, org.name, org.plan, daily_limit=org.daily_limit)
            known[org.org_slug] = onboard(settings, new)
            _write(state_file, known)
        if DEMO_USER not in known[org.org_slug].owners:
            add_member(settings, org.org_slug, DEMO_USER, "owner")
            known[org.org_slug].owners.append(DEMO_USER)
        connect(settings, known[org.org_slug], org.accounts)
        _write(state_file, known)
        _generate(settings, org, known[org.org_slug])
        _write(state_file, known)
    _wait_until_readable(settings, known)
    return list(known.values())


def _wait_until_readable(settings: Settings, known: dict[str, OnboardedOrg]) -> None:
    """Streamed rows take seconds; whoever is told of the orgs may use them at once."""
    tenants = Tenants(open_warehouse(settings))
    deadline = time.monotonic() + READABLE_WITHIN_S
    while not all(_is_readable(tenants.read(slug), org) for slug, org in known.items()):
        if time.monotonic() > deadline:
            raise RuntimeError("the demo orgs cannot be read")
        time.sleep(0.1)


def _is_readable(tenant: Tenant, org: OnboardedOrg) -> bool:
    configured = {each.integration for each in tenant.integrations if each.configured}
    keys = {key.key_hash for key in tenant.api_keys}
    return (
        bool(tenant.profile and tenant.subscription)
        and key_hash(org.api_key) in keys
        and configured >= {*org.credentials}
    )


def _read(state_file: Path) -> dict[str, OnboardedOrg]:
    if not state_file.exists():
        return {}
    return {slug: OnboardedOrg(**org) for slug, org in json.loads(state_file.read_text(encoding="utf-8")).items()}


def _write(state_file: Path, orgs: dict[str, OnboardedOrg]) -> None:
    state_file.touch(mode=0o600)
    state_file.write_text(json.dumps({slug: asdict(org) for slug, org in orgs.items()}), encoding="utf-8")


def _generate(settings: Settings, org: DemoOrg, onboarded: OnboardedOrg) -> None:
    today = utc_now().date()
    days = [today - dt.timedelta(days=back) for back in range(DAYS, 0, -1)]
    missing = [day for day in days if day.isoformat() not in onboarded.generated_days]
    if not missing:
        return
    project, dataset, table = org.source.values()
    client = clients.bigquery(settings.model_copy(update={"project": project}))
    client.create_dataset(dataset, exists_ok=True)
    schema = json.loads((SCHEMAS / f"gcp_billing_export_{org.kind}.schema.json").read_text(encoding="utf-8"))
    rows = chain.from_iterable(rows_for_day(org.seed, day, org.rows_per_day, detailed=org.detailed) for day in missing)
    load_export(client, f"{project}.{dataset}.{table}", schema, rows)
    onboarded.generated_days += [day.isoformat() for day in missing]
