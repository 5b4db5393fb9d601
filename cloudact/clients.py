"""Builds Google's clients, each where it is first needed: importing one costs a function 0.25 s of cold start.

An endpoint in the settings (the local cloud) comes with anonymous credentials; without one, Google's endpoint and
Application Default Credentials are used. REST transports only: they start faster than gRPC and reach any endpoint.
"""

from typing import TYPE_CHECKING, TypedDict

from cloudact.settings import GOOGLE_RUN, Settings

if TYPE_CHECKING:
    from google.api_core.client_options import ClientOptions
    from google.auth.credentials import AnonymousCredentials, Credentials
    from google.auth.transport.requests import AuthorizedSession
    from google.cloud.bigquery import Client
    from google.cloud.kms_v1 import KeyManagementServiceClient
    from google.cloud.secretmanager_v1 import SecretManagerServiceClient
    from google.cloud.tasks_v2 import CloudTasksClient


class _Endpoint(TypedDict, total=False):
    credentials: "AnonymousCredentials"
    client_options: "ClientOptions"


def bigquery(settings: Settings) -> "Client":
    """`bigquery.Client` of the service."""
    return bigquery_of(settings.project, settings.bigquery_location, settings.bigquery_endpoint)


def bigquery_of(project: str, location: str, endpoint: str) -> "Client":
    """`bigquery.Client` of a project. A short query may run without a job, which is BigQuery's fast path."""
    from google.cloud.bigquery import Client

    return Client(
        project=project,
        location=location,
        default_job_creation_mode="JOB_CREATION_OPTIONAL",
        **_endpoint(endpoint),
    )


def tasks(settings: Settings) -> "CloudTasksClient":
    """`CloudTasksClient` over REST."""
    from google.cloud.tasks_v2 import CloudTasksClient

    return CloudTasksClient(transport="rest", **_endpoint(settings.tasks_endpoint))


def kms(settings: Settings) -> "KeyManagementServiceClient":
    """`KeyManagementServiceClient` over REST."""
    from google.cloud.kms_v1 import KeyManagementServiceClient

    return KeyManagementServiceClient(transport="rest", **_endpoint(settings.kms_endpoint))


def secret_manager(settings: Settings) -> "SecretManagerServiceClient":
    """`SecretManagerServiceClient` over REST."""
    from google.cloud.secretmanager_v1 import SecretManagerServiceClient

    return SecretManagerServiceClient(transport="rest", **_endpoint(settings.secrets_endpoint))


def google_http(settings: Settings) -> "AuthorizedSession":
    """`requests` session authenticated as the service; for single calls that are not worth a client library."""
    from google.auth.transport.requests import AuthorizedSession

    if settings.run_endpoint != GOOGLE_RUN:
        from google.auth.credentials import AnonymousCredentials

        return AuthorizedSession(AnonymousCredentials())
    return AuthorizedSession(own_credentials())


def own_credentials() -> "Credentials":
    """Application Default Credentials of the account that this process runs as."""
    import google.auth

    credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    return credentials


def _endpoint(url: str) -> _Endpoint:
    if not url:
        return {}
    from google.api_core.client_options import ClientOptions
    from google.auth.credentials import AnonymousCredentials

    return {"credentials": AnonymousCredentials(), "client_options": ClientOptions(api_endpoint=url)}
