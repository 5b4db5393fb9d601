"""Onboards orgs into the local cloud, through the same tables and key that the service reads."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from cloudact.clock import utc_now
from cloudact.settings import Settings
from cloudact.warehouse.bigquery import Warehouse, open_warehouse
from cloudact.warehouse.datasets import claim_org_dataset, fill_org_dataset
from functions.orgs.key_issue import GRACE, ApiKeys
from functions.orgs.onboarding import Onboarding, OnboardingDecision
from functions.orgs.plans import load_plans
from functions.orgs.tenant import Tenants
from localcloud.integrations import (
    NewIntegration,
    ProviderAccount,
    new_admin_key,
    new_service_account,
    register_admin_key,
    set_up,
)


class FillDataset(Protocol):
    """Makes the tables of an org's dataset that is there, and its views."""

    def __call__(self, warehouse: Warehouse, org_slug: str, *, views: bool) -> None: ...


@dataclass(frozen=True)
class NewOrg:
    """What is known of an org before it exists. `source` says where its billing export lies.

    `at` is when it was onboarded, now unless told.
    """

    org_slug: str
    source: dict[str, Any]
    name: str = ""
    plan: str = "PROFESSIONAL"
    status: str = "ACTIVE"
    daily_limit: int = 25
    accounts: tuple[ProviderAccount, ...] = ()
    views: bool = True
    at: datetime | None = None


@dataclass
class OnboardedOrg:
    """An org that exists. `credentials` are what the customer handed over, `generated_days` those with demo data.

    `user_id` is its owner, as the identity provider names them; `owners` are those who became so later. `since` is the
    first day of the company behind it.
    """

    org_slug: str
    api_key: str
    credentials: dict[str, dict[str, str]]
    generated_days: list[str] = field(default_factory=list)
    user_id: str = ""
    owners: list[str] = field(default_factory=list)
    since: str = ""


def onboard(settings: Settings, org: NewOrg, fill: FillDataset = fill_org_dataset) -> OnboardedOrg:
    """Makes an org as `ops` does, with a plan of its own kind, and stores its encrypted credentials.

    `fill` makes the tables of its dataset, and the views if it has any.
    """
    name, at = org.name or org.org_slug, (org.at or utc_now()).isoformat()
    decision = OnboardingDecision(org.org_slug, name, org.plan, org.status, org.daily_limit, at)
    onboarded = OnboardedOrg(org.org_slug, _with_key(settings, org, decision, fill), {}, user_id=str(uuid.uuid4()))
    google = NewIntegration("GCP_SA", new_service_account(settings, org.source["source_project"]), org.source)
    _set_up(settings, onboarded, [google, *_missing(onboarded, org.accounts)])
    _register(settings, onboarded, org.accounts)
    add_member(settings, org.org_slug, onboarded.user_id, "owner")
    return onboarded


def _with_key(settings: Settings, org: NewOrg, decision: OnboardingDecision, fill: FillDataset) -> str:
    warehouse = open_warehouse(settings)
    tenants, api_keys = Tenants(warehouse), ApiKeys(warehouse, utc_now)
    onboarding = Onboarding(warehouse, tenants, api_keys, load_plans(settings.configs_dir), utc_now)
    claim_org_dataset(warehouse, org.org_slug, settings.dataset_accounts)
    fill(warehouse, org.org_slug, views=org.views)
    onboarding.record(decision)
    new = api_keys.first(org.org_slug) or api_keys.next(tenants.read(org.org_slug), org.org_slug, GRACE, None)
    return new.api_key


def add_member(settings: Settings, org_slug: str, user_id: str, role: str) -> None:
    """From now on the user has this role in the org."""
    row = {"org_slug": org_slug, "user_id": user_id, "role": role, "created_at": utc_now().isoformat()}
    open_warehouse(settings).append("org_members", [row], [f"{org_slug}/{user_id}/{role}"])


def connect(settings: Settings, org: OnboardedOrg, accounts: tuple[ProviderAccount, ...]) -> None:
    """Sets up the accounts that an onboarded org lacks, and registers the keys of all of them at the stand-ins."""
    missing = _missing(org, accounts)
    if missing:
        _set_up(settings, org, missing)
    _register(settings, org, accounts)


def _missing(org: OnboardedOrg, accounts: Iterable[ProviderAccount]) -> list[NewIntegration]:
    return [
        NewIntegration(account.integration, new_admin_key(account.integration), account.settings)
        for account in accounts
        if account.integration not in org.credentials
    ]


def _set_up(settings: Settings, org: OnboardedOrg, integrations: list[NewIntegration]) -> None:
    set_up(settings, org.org_slug, integrations)
    org.credentials |= {new.integration: dict(new.credential) for new in integrations}


def _register(settings: Settings, org: OnboardedOrg, accounts: Iterable[ProviderAccount]) -> None:
    for account in accounts:
        register_admin_key(settings, account, org.credentials[account.integration])
