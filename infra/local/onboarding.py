"""Onboards orgs into the local cloud, through the same tables and key that the service reads."""

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from cloudact import clients
from cloudact.api_keys import GRACE, ApiKeys
from cloudact.clock import utc_now
from cloudact.credentials import Vault
from cloudact.datasets import claim_org_dataset, fill_org_dataset
from cloudact.onboarding import Facts, Onboarding
from cloudact.orgs import key_hash
from cloudact.plans import load_plans
from cloudact.settings import Settings
from cloudact.tenants import Tenants
from cloudact.warehouse import Warehouse

GOOGLE_TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 - as in every key file


@dataclass(frozen=True)
class NewOrg:
    """What is known of an org before it exists. `source` says where its billing export lies."""

    org_slug: str
    source: dict[str, Any]
    name: str = ""
    plan: str = "PROFESSIONAL"
    status: str = "ACTIVE"
    daily_limit: int = 25


@dataclass
class OnboardedOrg:
    """An org that exists. `credentials` are what the customer handed over, `generated_days` those with demo data.

    `user_id` is its owner, as the identity provider names them.
    """

    org_slug: str
    api_key: str
    credentials: dict[str, dict[str, str]]
    generated_days: list[str] = field(default_factory=list)
    user_id: str = ""


def onboard(settings: Settings, org: NewOrg) -> OnboardedOrg:
    """Makes an org as `ops` does, with a plan of its own kind, and stores its encrypted credential."""
    warehouse = Warehouse(lambda: clients.bigquery(settings), dataset=settings.dataset)
    key = _with_key(warehouse, settings, org)
    credential = new_service_account(settings, org.source["source_project"])
    vault = Vault(clients.kms(settings), settings.kms_key)
    ciphertext = vault.encrypt(org.org_slug, "GCP_SA", json.dumps(credential).encode())
    row = _integration(org, ciphertext, credential["private_key_id"])
    warehouse.append("org_integrations", [row], [f"{org.org_slug}/GCP_SA"])
    owner = str(uuid.uuid4())
    add_member(settings, org.org_slug, owner, "owner")
    return OnboardedOrg(org.org_slug, key, {"GCP_SA": credential}, user_id=owner)


def _with_key(warehouse: Warehouse, settings: Settings, org: NewOrg) -> str:
    tenants, api_keys = Tenants(warehouse), ApiKeys(warehouse, utc_now)
    onboarding = Onboarding(warehouse, tenants, api_keys, load_plans(settings.configs_dir), utc_now)
    claim_org_dataset(warehouse, org.org_slug)
    fill_org_dataset(warehouse, org.org_slug)
    name, at = org.name or org.org_slug, utc_now().isoformat()
    onboarding.record(Facts(org.org_slug, name, org.plan, org.status, org.daily_limit, at))
    new = api_keys.first(org.org_slug) or api_keys.next(tenants.read(org.org_slug), org.org_slug, GRACE, None)
    return new.api_key


def add_member(settings: Settings, org_slug: str, user_id: str, role: str) -> None:
    """From now on the user has this role in the org."""
    row = {"org_slug": org_slug, "user_id": user_id, "role": role, "created_at": utc_now().isoformat()}
    warehouse = Warehouse(lambda: clients.bigquery(settings), dataset=settings.dataset)
    warehouse.append("org_members", [row], [f"{org_slug}/{user_id}/{role}"])


def _integration(org: NewOrg, ciphertext: str, fingerprint: str) -> dict[str, Any]:
    now = utc_now().isoformat()
    return {
        "org_slug": org.org_slug,
        "integration": "GCP_SA",
        "status": "VALID",
        "ciphertext": ciphertext,
        "settings": json.dumps(org.source),
        "fingerprint": fingerprint,
        "validated_at": now,
        "updated_at": now,
    }


def new_service_account(settings: Settings, project: str) -> dict[str, str]:
    """A key file as Google makes them, its public half known to the local token endpoint."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    email = f"cloudact-reader@{project}.iam.gserviceaccount.com"
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    body = {"email": email, "public_key": public.decode()}
    requests.post(f"{settings.run_endpoint}/local/service_accounts", json=body, timeout=10).raise_for_status()
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "type": "service_account",
        "project_id": project,
        "private_key_id": key_hash(public.decode())[:40],
        "private_key": pem.decode(),
        "client_email": email,
        "token_uri": GOOGLE_TOKEN_URI,
    }
