"""Sets up integrations as customers do: a credential, encrypted for its org, with the settings of the integration."""

import itertools
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from cloudact import clients
from cloudact.clock import utc_now
from cloudact.orgs.integrations import Integration, Integrations
from cloudact.orgs.org import IntegrationStatus, Onboarded, key_hash
from cloudact.orgs.vault import Vault
from cloudact.settings import Settings
from cloudact.warehouse.bigquery import open_warehouse
from localcloud.company.activity import Account
from localcloud.providers.keys import RegisteredKey
from localcloud.wire.telling import tell
from providers import PROVIDERS
from providers.gcp.keyless import KeylessAccount
from providers.provider import Provider, connect, ids

GOOGLE_TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 - as in every key file
DIFFERENT_KEYS = 16  # of service accounts of one process: to make one takes as long as to onboard its org
_KEYS = itertools.count()
KEY_BITS = 1024  # Google's keys have 2048, of which reading one takes each run and each check 25 ms
_KEY_PREFIXES = {"OPENAI": "sk-admin-", "ANTHROPIC": "sk-ant-admin01-"}


@dataclass(frozen=True)
class NewIntegration:
    """`credential` as the customer handed it over; of OPENAI and ANTHROPIC, `{"api_key": …}`, the key alone is kept."""

    integration: str
    credential: Mapping[str, str]
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """What a customer would paste."""
        return self.credential.get("api_key") or json.dumps(dict(self.credential))


@dataclass(frozen=True)
class ProviderAccount:
    """An invented organization at OpenAI or Anthropic, as `providers.keys.RegisteredKey` has it."""

    integration: str
    seed: int
    rows: int = 40
    settings: Mapping[str, Any] = field(default_factory=dict)
    company: Account | None = None

    def registered(self, credential: Mapping[str, str]) -> RegisteredKey:
        """The key as the stand-in knows it."""
        kind = ids(PROVIDERS)[self.integration]
        return RegisteredKey.model_validate(
            {"key": credential["api_key"], "kind": kind, "seed": self.seed, "rows": self.rows, "company": self.company}
        )


def set_up(
    settings: Settings,
    org_slug: str,
    integrations: Sequence[NewIntegration],
    providers: Sequence[Provider] = PROVIDERS,
) -> None:
    """Stores the integrations, valid from now on; no provider is asked."""
    vault, known = Vault(clients.kms(settings), settings.kms_key), connect(settings, utc_now, providers)
    now = utc_now()
    rows = []
    for new in integrations:
        credential = known[new.integration].read_credential(new.text)
        rows.append(
            Integration(
                org_slug=org_slug,
                integration=new.integration,
                status=IntegrationStatus.VALID,
                ciphertext=vault.encrypt(org_slug, new.integration, credential.plaintext),
                settings=dict(new.settings),
                fingerprint=credential.fingerprint,
                auth=credential.auth,
                validated_at=now,
                updated_at=now,
            )
        )
    Integrations(open_warehouse(settings), utc_now).add(rows)


def new_admin_key(integration: str) -> dict[str, str]:
    """A key as the provider's console shows it once."""
    return {"api_key": _KEY_PREFIXES[integration] + secrets.token_urlsafe(36)}


def register_admin_key(settings: Settings, account: ProviderAccount, credential: Mapping[str, str]) -> None:
    """Makes the stand-in know the key and the organization behind it; it forgets both when it stops."""
    key = account.registered(credential)
    told = key.model_dump(mode="json", exclude_unset=True)
    tell(f"{settings.urls_of_providers[key.kind]}/local/keys", told)


def new_keyless_account(settings: Settings, org: Onboarded, project: str) -> dict[str, str]:
    """A service account that the customer has made for us, and that our reader may act as."""
    account = KeylessAccount.of(org, project)
    let_act_as(settings, account.service_account, [settings.reader_service_account])
    return account.model_dump()


def let_act_as(settings: Settings, service_account: str, token_creators: Sequence[str]) -> None:
    """Makes the account in the local IAM, or replaces who may act as it."""
    body = {"service_account": service_account, "token_creators": list(token_creators)}
    tell(f"{settings.iam_endpoint}/local/impersonation", body)


def new_service_account(settings: Settings, project: str) -> dict[str, str]:
    """A key file as Google makes them, its public half known to the local token endpoint."""
    private = _private_key(next(_KEYS) % DIFFERENT_KEYS)
    email = f"cloudact-reader@{project}.iam.gserviceaccount.com"
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    body = {"email": email, "public_key": public.decode()}
    tell(f"{settings.run_endpoint}/local/service_accounts", body)
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


@cache
def _private_key(_: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
