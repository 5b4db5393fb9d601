"""The demo orgs: companies with accounts at OpenAI and Anthropic, and a billing export that grows by a day every day.

The first of them has a past: the days before the first start, with the runs that loaded them. What must outlive a
restart (keys, credentials, which days were generated) is kept in one file of the state.
"""

import datetime as dt
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

from cloudact import clients
from cloudact.clock import utc_now
from cloudact.orgs.org import key_hash
from cloudact.settings import ROOT, Settings
from cloudact.warehouse.bigquery import open_warehouse
from functions.costs.stored_labels import LabelStore
from functions.orgs.tenant import Tenant, Tenants
from localcloud.billing_export import load_export
from localcloud.company.activity import Account
from localcloud.company.companies import COMPANIES
from localcloud.company.google import export_rows
from localcloud.company.labels import team_label
from localcloud.demo_budgets import plan_spending
from localcloud.integrations import ProviderAccount
from localcloud.onboarding import NewOrg, OnboardedOrg, add_member, connect, onboard
from localcloud.whole_files import write_whole

SCHEMAS = ROOT / "tests" / "fixtures" / "providers"
EXPORT_DATASET = "billing_export"
READABLE_WITHIN_S = 60.0
DEMO_USER = "demo-owner"  # an owner of all demo orgs, whom one click signs in to the console
DAYS = 90  # of which a demo org has data, ending yesterday
FEW_DAYS = 3  # of the export, of orgs without a past


@dataclass(frozen=True)
class DemoOrg:
    """A demo org: a company of `company.companies`, its plan, which export it has and how its accounts are read.

    One with a past has `DAYS` days that were loaded as they came.
    """

    org_slug: str
    plan: str
    daily_limit: int
    detailed: bool
    has_past: bool
    anthropic: dict[str, str]

    @property
    def name(self) -> str:
        """What people call it."""
        return COMPANIES[self.org_slug].name

    @property
    def kind(self) -> str:
        """Which of Google's two exports it has."""
        return "resource_v1" if self.detailed else "v1"

    @property
    def source(self) -> dict[str, str]:
        """Where the export lies, its table named as Google does: kind, then the billing account."""
        account = COMPANIES[self.org_slug].billing_account.replace("-", "_")
        return {
            "source_project": f"{self.org_slug.replace('_', '-')}-billing",
            "source_dataset": EXPORT_DATASET,
            "source_table": f"gcp_billing_export_{self.kind}_{account}",
        }

    def accounts(self, since: dt.date) -> tuple[ProviderAccount, ...]:
        """Its accounts at OpenAI and Anthropic."""
        seed, company = COMPANIES[self.org_slug].seed, Account(self.org_slug, since)
        return (
            ProviderAccount("OPENAI", seed, company=company),
            ProviderAccount("ANTHROPIC", seed, settings=self.anthropic, company=company),
        )


DEMO_ORGS = (
    DemoOrg("acmecorp", "PROFESSIONAL", 25, detailed=True, has_past=True, anthropic={}),
    DemoOrg("globex_inc", "STARTER", 6, detailed=False, has_past=False, anthropic={"api": "analytics"}),
)


def onboard_demo_orgs(
    settings: Settings, state_file: Path, *, past: bool, say: Callable[[str], None] = lambda _text: None
) -> list[OnboardedOrg]:
    """Onboards what is missing, makes the providers know the keys, and generates the exports up to yesterday.

    With `past` an org that has one gets the days that it lacks, and the runs that loaded them. `say` is told what
    takes long.
    """
    known, today = _read(state_file), utc_now().date()
    for org in DEMO_ORGS:
        with_past = past and org.has_past
        if org.org_slug not in known:
            known[org.org_slug] = _onboard(settings, org, today, with_past=with_past)
            _write(state_file, known)
        onboarded = known[org.org_slug]
        if DEMO_USER not in onboarded.owners:
            add_member(settings, org.org_slug, DEMO_USER, "owner")
            onboarded.owners.append(DEMO_USER)
        onboarded.since = onboarded.since or _first_day(today).isoformat()  # a state from before there was one
        _label(settings, org)
        accounts = org.accounts(dt.date.fromisoformat(onboarded.since))
        connect(settings, onboarded, accounts)
        _write(state_file, known)
        days = _days(today, DAYS if with_past else FEW_DAYS, dt.date.fromisoformat(onboarded.since))
        new = {day.isoformat() for day in days} - {*onboarded.generated_days}
        if len(new) > FEW_DAYS:
            say(f"making {len(new)} days of costs for {org.org_slug} and the runs that load them")
        _generate(settings, org, onboarded, days)
        _write(state_file, known)
        if with_past:
            plan_spending(settings, org.org_slug, today)
            _live_through(settings, org, onboarded, accounts, days)
    _wait_until_readable(settings, known)
    return list(known.values())


def _onboard(settings: Settings, org: DemoOrg, today: dt.date, *, with_past: bool) -> OnboardedOrg:
    since = _first_day(today)
    at = dt.datetime.combine(since, dt.time(9), dt.UTC) if with_past else None
    new = NewOrg(org.org_slug, org.source, org.name, org.plan, daily_limit=org.daily_limit, at=at)
    onboarded = onboard(settings, new)
    onboarded.since = since.isoformat()
    return onboarded


def _label(settings: Settings, org: DemoOrg) -> None:
    """Gives an org without labels those of its company; somebody's own are left as they are."""
    store = LabelStore(open_warehouse(settings), utc_now)
    if not (before := store.newest(org.org_slug)).version:
        store.add(org.org_slug, (team_label(org.org_slug),), before, DEMO_USER)


def _first_day(today: dt.date) -> dt.date:
    return today - dt.timedelta(days=DAYS)


def _days(today: dt.date, count: int, since: dt.date) -> list[dt.date]:
    days = (today - dt.timedelta(days=back) for back in range(count, 0, -1))
    return [day for day in days if day >= since]


def _live_through(
    settings: Settings,
    org: DemoOrg,
    onboarded: OnboardedOrg,
    accounts: tuple[ProviderAccount, ...],
    days: list[dt.date],
) -> None:
    """Has the days worked on of which there is no run yet."""
    from localcloud.past.daily_calls import PastOrg, live_through  # all that a job needs: pyarrow, numpy

    keys = tuple(account.registered(onboarded.credentials[account.integration]) for account in accounts)
    sources = {"GCP_SA": org.source} | {account.integration: dict(account.settings) for account in accounts}
    missing = set(days) - _days_with_runs(settings, org.org_slug, days[0])
    past = PastOrg(org.org_slug, sources, keys)
    live_through(settings, past, missing, utc_now().date(), goes_on=len(missing) < len(days))


def _days_with_runs(settings: Settings, org_slug: str, first: dt.date) -> set[dt.date]:
    from google.cloud.bigquery import QueryJobConfig, ScalarQueryParameter

    sql = (
        f"SELECT DISTINCT date FROM `{settings.dataset}.pipeline_run_events` "  # noqa: S608 - our own name
        "WHERE requested_date >= @first AND org_slug = @org_slug"
    )
    parameters = [ScalarQueryParameter("first", "DATE", first), ScalarQueryParameter("org_slug", "STRING", org_slug)]
    config = QueryJobConfig(query_parameters=parameters)
    return {row.date for row in clients.bigquery(settings).query_and_wait(sql, job_config=config)}


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
    write_whole(state_file, json.dumps({slug: asdict(org) for slug, org in orgs.items()}).encode())


def _generate(settings: Settings, org: DemoOrg, onboarded: OnboardedOrg, days: list[dt.date]) -> None:
    missing = [day for day in days if day.isoformat() not in onboarded.generated_days]
    if not missing:
        return
    project, dataset, table = org.source.values()
    client = clients.bigquery(settings.model_copy(update={"project": project}))
    client.create_dataset(dataset, exists_ok=True)
    schema = json.loads((SCHEMAS / f"gcp_billing_export_{org.kind}.schema.json").read_text(encoding="utf-8"))
    account = Account(org.org_slug, dt.date.fromisoformat(onboarded.since))
    rows = chain.from_iterable(export_rows(account, day, detailed=org.detailed) for day in missing)
    load_export(client, f"{project}.{dataset}.{table}", schema, rows)
    onboarded.generated_days += [day.isoformat() for day in missing]
