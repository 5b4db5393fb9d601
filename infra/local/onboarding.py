"""Onboards orgs into the local cloud, through the same tables and key that the service reads."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from cloudact import clients
from cloudact.clock import utc_now
from cloudact.orgs import key_hash, new_api_key
from cloudact.settings import Settings
from cloudact.warehouse import Warehouse
from infra.local.integrations import (
    NewIntegration,
    ProviderAccount,
    new_admin_key,
    new_service_account,
    register_admin_key,
    set_up,
)
from infra.local.provision import create_org_tables


@dataclass(frozen=True)
class NewOrg:
    """What is known of an org before it exists. `source` says where its billing export lies."""

    org_slug: str
    source: dict[str, Any]
    name: str = ""
    plan: str = "PROFESSIONAL"
    status: str = "ACTIVE"
    daily_limit: int = 25
    accounts: tuple[ProviderAccount, ...] = ()
    views: bool = True


@dataclass
class OnboardedOrg:
    """An org that exists. `credentials` are what the customer handed over, `generated_days` those with demo data."""

    org_slug: str
    api_key: str
    credentials: dict[str, dict[str, str]]
    generated_days: list[str] = field(default_factory=list)


def onboard(settings: Settings, org: NewOrg) -> OnboardedOrg:
    """Makes the dataset and tables, and stores key, subscription and encrypted credentials."""
    create_org_tables(settings, org.org_slug, views=org.views)
    key = new_api_key(org.org_slug)
    google = NewIntegration("GCP_SA", new_service_account(settings, org.source["source_project"]), org.source)
    onboarded = OnboardedOrg(org.org_slug, key, {})
    warehouse = Warehouse(lambda: clients.bigquery(settings), dataset=settings.dataset)
    for table, row in _rows(org, key).items():
        warehouse.append(table, [{"org_slug": org.org_slug} | row], [f"{org.org_slug}/{table}"])
    _set_up(settings, onboarded, [google, *_missing(onboarded, org.accounts)])
    _register(settings, onboarded, org.accounts)
    return onboarded


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


def _rows(org: NewOrg, key: str) -> dict[str, dict[str, Any]]:
    now = utc_now().isoformat()
    return {
        "org_profiles": {"name": org.name or org.org_slug, "dataset": org.org_slug, "created_at": now},
        "org_subscriptions": {
            "plan": org.plan,
            "status": org.status,
            "daily_limit": org.daily_limit,
            "updated_at": now,
        },
        "org_api_keys_secure": {
            "key_hash": key_hash(key),
            "key_prefix": key[: len(org.org_slug) + 9],
            "scopes": [],
            "created_at": now,
        },
    }
