"""What a customer hands over so that we may read their Google Cloud: a key, or an account that we may act as."""

from typing import TYPE_CHECKING, TypeAlias

from cloudact.orgs.org import Onboarded
from cloudact.settings import Settings
from providers.gcp import clients
from providers.gcp.credential import ServiceAccountKey, parse_service_account
from providers.gcp.keyless import KeylessAccount, is_keyless, parse_keyless

if TYPE_CHECKING:
    from google.cloud.bigquery import Client

SCOPES = ("https://www.googleapis.com/auth/bigquery",)
GoogleAccess: TypeAlias = ServiceAccountKey | KeylessAccount


def read_access(plaintext: bytes) -> GoogleAccess:
    """The credential, by its `type`; raises `Stop` that says what is wrong without showing any of it."""
    return parse_keyless(plaintext) if is_keyless(plaintext) else parse_service_account(plaintext)


def open_bigquery(settings: Settings, access: GoogleAccess, org: Onboarded) -> "Client":
    """A `bigquery.Client` in the credential's own project. Raises `Stop` for one that this org may not read with."""
    if isinstance(access, ServiceAccountKey):
        return clients.customer_bigquery(settings, access.reveal(), SCOPES)
    access.must_belong_to(org)
    return clients.keyless_bigquery(settings, access.service_account, access.project_id, SCOPES)
