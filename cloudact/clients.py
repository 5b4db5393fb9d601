"""Builds Google's clients, each where it is first needed: importing one costs a function 0.25 s of cold start.

An endpoint in the settings (the local cloud) comes with anonymous credentials; without one, Google's endpoint and
Application Default Credentials are used. REST transports only: they start faster than gRPC and reach any endpoint.
"""

from collections.abc import Mapping
from typing import Any

from cloudact.errors import ConfigError, Stop
from cloudact.settings import GOOGLE_IAM_CREDENTIALS, GOOGLE_RUN, Settings


def bigquery(settings: Settings) -> Any:
    """The service's own `bigquery.Client`. A short query may run without a job, which is BigQuery's fast path."""
    from google.cloud.bigquery import Client

    return Client(
        project=settings.project,
        location=settings.bigquery_location,
        default_job_creation_mode="JOB_CREATION_OPTIONAL",
        **_endpoint(settings.bigquery_endpoint),
    )


def customer_bigquery(settings: Settings, service_account: Mapping[str, str], scopes: tuple[str, ...]) -> Any:
    """A `bigquery.Client` that acts as a customer's service account in the customer's project.

    The token address is ours, never the key file's: a hostile file could name any address as its own. Raises `Stop`
    for a private key that cannot sign.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from google.oauth2.service_account import Credentials

    class CustomerKey(Credentials):
        """Asks no more than a token: the library would also look up the account's regional access boundary at
        another address, in a thread of its own, which no customer has granted us and no query needs."""

        def _is_regional_access_boundary_lookup_required(self) -> bool:
            return False

    key = {**service_account, "token_uri": settings.token_uri}
    try:
        credentials: Any = CustomerKey.from_service_account_info(key, scopes=scopes)  # type: ignore[no-untyped-call]
        credentials.sign_bytes(b"")  # that a key is not RSA is noticed only here
    except (ValueError, TypeError, AttributeError, UnsupportedAlgorithm):
        why = "The private key in the service account key cannot be read."
        raise Stop("credential_invalid", why, "Set up the integration again with a new key.") from None
    return _of_customer(settings, service_account["project_id"], credentials)


def keyless_bigquery(settings: Settings, service_account: str, project: str, scopes: tuple[str, ...]) -> Any:
    """A `bigquery.Client` that acts as a customer's service account, which has let our reader do so.

    Asks for a token with the first call, which raises `Stop` or `Retry` where IAM refuses it (`impersonation`).
    """
    from cloudact.impersonation import Nobody, act_as

    reader = settings.reader_service_account
    if not reader:
        raise ConfigError("CLOUDACT_READER_SERVICE_ACCOUNT is not set, and nothing is read without a key before that.")
    own = _own_credentials() if settings.iam_endpoint == GOOGLE_IAM_CREDENTIALS else Nobody()  # type: ignore[no-untyped-call]
    credentials = act_as(service_account, scopes, reader=reader, own=own, endpoint=settings.iam_endpoint)
    return _of_customer(settings, project, credentials)


def _of_customer(settings: Settings, project: str, credentials: Any) -> Any:
    from google.cloud.bigquery import Client

    options = {"api_endpoint": settings.bigquery_endpoint} if settings.bigquery_endpoint else None
    return Client(project=project, credentials=credentials, client_options=options)


def tasks(settings: Settings) -> Any:
    """`CloudTasksClient` over REST."""
    from google.cloud.tasks_v2 import CloudTasksClient

    return CloudTasksClient(transport="rest", **_endpoint(settings.tasks_endpoint))


def kms(settings: Settings) -> Any:
    """`KeyManagementServiceClient` over REST."""
    from google.cloud.kms_v1 import KeyManagementServiceClient

    return KeyManagementServiceClient(transport="rest", **_endpoint(settings.kms_endpoint))


def secret_manager(settings: Settings) -> Any:
    """`SecretManagerServiceClient` over REST."""
    from google.cloud.secretmanager_v1 import SecretManagerServiceClient

    return SecretManagerServiceClient(transport="rest", **_endpoint(settings.secrets_endpoint))


def google_http(settings: Settings) -> Any:
    """A `requests` session that Google knows as us; for single calls that are not worth a client library."""
    from google.auth.transport.requests import AuthorizedSession

    if settings.run_endpoint != GOOGLE_RUN:
        from google.auth.credentials import AnonymousCredentials

        return AuthorizedSession(AnonymousCredentials())
    return AuthorizedSession(_own_credentials())


def _own_credentials() -> Any:
    """Of the account that this process runs as."""
    import google.auth

    credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    return credentials


def _endpoint(url: str) -> dict[str, Any]:
    if not url:
        return {}
    from google.api_core.client_options import ClientOptions
    from google.auth.credentials import AnonymousCredentials

    return {"credentials": AnonymousCredentials(), "client_options": ClientOptions(api_endpoint=url)}
