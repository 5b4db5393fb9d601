"""Builds BigQuery clients that act as a customer's service account, with its key or without one."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cloudact.clients import own_credentials
from cloudact.error_codes import Code
from cloudact.errors import ConfigError, Stop
from cloudact.settings import GOOGLE_IAM_CREDENTIALS, Settings

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from google.cloud.bigquery import Client


def customer_bigquery(settings: Settings, service_account: Mapping[str, str], scopes: tuple[str, ...]) -> "Client":
    """A `bigquery.Client` that acts as a customer's service account in the customer's project.

    The token address is ours, never the key file's: a hostile file could name any address as its own. Raises `Stop`
    for a private key that cannot sign.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from google.oauth2.service_account import Credentials as ServiceAccountCredentials

    class CustomerKey(ServiceAccountCredentials):
        """Asks no more than a token: the library would also look up the account's regional access boundary at
        another address, in a thread of its own, which no customer has granted us and no query needs."""

        def _is_regional_access_boundary_lookup_required(self) -> bool:
            return False

    key = {**service_account, "token_uri": settings.token_uri}
    try:
        credentials: CustomerKey = CustomerKey.from_service_account_info(key, scopes=scopes)  # type: ignore[no-untyped-call]
        credentials.sign_bytes(b"")  # that a key is not RSA is noticed only here
    except (ValueError, TypeError, AttributeError, UnsupportedAlgorithm):
        why = "The private key in the service account key cannot be read."
        raise Stop(Code.CREDENTIAL_INVALID, why, "Set up the integration again with a new key.") from None
    return _of_customer(settings, service_account["project_id"], credentials)


def keyless_bigquery(settings: Settings, service_account: str, project: str, scopes: tuple[str, ...]) -> "Client":
    """A `bigquery.Client` that acts as a customer's service account, which has let our reader do so.

    Asks for a token with the first call, which raises `Stop` or `Retry` where IAM refuses it (`impersonation`).
    """
    from providers.gcp.impersonation import Nobody, act_as

    reader = settings.reader_service_account
    if not reader:
        raise ConfigError("CLOUDACT_READER_SERVICE_ACCOUNT is not set, and nothing is read without a key before that.")
    own = own_credentials() if settings.iam_endpoint == GOOGLE_IAM_CREDENTIALS else Nobody()  # type: ignore[no-untyped-call]
    credentials = act_as(service_account, scopes, reader=reader, own=own, endpoint=settings.iam_endpoint)
    return _of_customer(settings, project, credentials)


def _of_customer(settings: Settings, project: str, credentials: "Credentials") -> "Client":
    from google.cloud.bigquery import Client

    options = {"api_endpoint": settings.bigquery_endpoint} if settings.bigquery_endpoint else None
    return Client(project=project, credentials=credentials, client_options=options)
