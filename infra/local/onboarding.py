"""Onboards orgs into the local cloud, through the same tables and key that the service reads."""

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from cloudact import clients
from cloudact.clock import utc_now
from cloudact.credentials import Vault
from cloudact.orgs import key_hash, new_api_key
from cloudact.settings import Settings
from cloudact.warehouse import Warehouse
from infra.local.provision import create_org_tables

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
    """Makes the dataset and tables, and stores key, subscription and encrypted credential."""
    create_org_tables(settings, org.org_slug)
    key = new_api_key(org.org_slug)
    credential = new_service_account(settings, org.source["source_project"])
    vault = Vault(clients.kms(settings), settings.kms_key)
    ciphertext = vault.encrypt(org.org_slug, "GCP_SA", json.dumps(credential).encode())
    warehouse = Warehouse(lambda: clients.bigquery(settings), dataset=settings.dataset)
    for table, row in _rows(org, key, ciphertext, credential["private_key_id"]).items():
        warehouse.append(table, [{"org_slug": org.org_slug} | row], [f"{org.org_slug}/{table}"])
    owner = str(uuid.uuid4())
    add_member(settings, org.org_slug, owner, "owner")
    return OnboardedOrg(org.org_slug, key, {"GCP_SA": credential}, user_id=owner)


def add_member(settings: Settings, org_slug: str, user_id: str, role: str) -> None:
    """From now on the user has this role in the org."""
    row = {"org_slug": org_slug, "user_id": user_id, "role": role, "created_at": utc_now().isoformat()}
    warehouse = Warehouse(lambda: clients.bigquery(settings), dataset=settings.dataset)
    warehouse.append("org_members", [row], [f"{org_slug}/{user_id}/{role}"])


def _rows(org: NewOrg, key: str, ciphertext: str, fingerprint: str) -> dict[str, dict[str, Any]]:
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
        "org_integrations": {
            "integration": "GCP_SA",
            "status": "VALID",
            "ciphertext": ciphertext,
            "settings": json.dumps(org.source),
            "fingerprint": fingerprint,
            "validated_at": now,
            "updated_at": now,
        },
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
