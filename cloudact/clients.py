"""Builds Google's clients, each where it is first needed: importing one costs a function 0.25 s of cold start.

An endpoint in the settings (the local cloud) comes with anonymous credentials; without one, Google's endpoint and
Application Default Credentials are used. REST transports only: they start faster than gRPC and reach any endpoint.
"""

import functools
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypedDict

from cloudact.google_api import Authorization, GoogleApi
from cloudact.google_errors import is_unavailable, is_worth_repeating
from cloudact.settings import GOOGLE_RUN, Settings

if TYPE_CHECKING:
    from ssl import SSLContext

    import httpx
    from google.api_core.client_options import ClientOptions
    from google.auth.credentials import AnonymousCredentials, Credentials
    from google.auth.transport.requests import AuthorizedSession
    from google.cloud.bigquery import Client
    from google.cloud.tasks_v2 import CloudTasksClient


_READING = threading.Lock()


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


def bigquery_api(endpoint: str) -> GoogleApi:
    """BigQuery's REST API, Google's own where no endpoint is named."""
    return _api(endpoint, "https://bigquery.googleapis.com")


def kms(settings: Settings) -> GoogleApi:
    """Cloud KMS's REST API."""
    return _api(settings.kms_endpoint, "https://cloudkms.googleapis.com", is_unavailable, discreet=True)


def secret_manager(settings: Settings) -> GoogleApi:
    """Secret Manager's REST API."""
    return _api(settings.secrets_endpoint, "https://secretmanager.googleapis.com", discreet=True)


def _api(
    endpoint: str,
    of_google: str,
    is_repeated: Callable[[Exception], bool] = is_worth_repeating,
    *,
    discreet: bool = False,
) -> GoogleApi:
    if endpoint:
        return GoogleApi(endpoint, _NOBODY, _plain_http, is_repeated, discreet=discreet)
    return GoogleApi(of_google, _OURSELVES, _https, is_repeated, discreet=discreet)


@functools.cache
def _https() -> "httpx.Client":
    """The one client of this process for Google's APIs.

    It takes a proxy of the environment, and certificates with it, as Google's libraries do: who migrates may sit behind
    one. A client of providers takes neither.
    """
    import os

    import httpx

    named = os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR")
    return _client(httpx.create_ssl_context() if named else trusted_certificates(), trust_env=True)


@functools.cache
def _plain_http() -> "httpx.Client":
    """The one client of this process for the local cloud. Without a certificate that it trusts it speaks no HTTPS."""
    import ssl

    return _client(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), trust_env=False)


def trusted_certificates() -> "SSLContext":
    """Certificates that this process trusts. Reading them takes 30 ms of CPU, so all clients share them.

    Threads that ask at once wait for the first: a job has one read them beside its first question to BigQuery.
    """
    with _READING:
        return _read_certificates()


@functools.cache
def _read_certificates() -> "SSLContext":
    import httpx

    return httpx.create_ssl_context(trust_env=False)


def _client(trusted: "SSLContext", *, trust_env: bool) -> "httpx.Client":
    """A client that keeps connections: Google closes idle ones after some minutes."""
    import httpx

    limits = httpx.Limits(max_keepalive_connections=20, keepalive_expiry=120.0)
    return httpx.Client(verify=trusted, limits=limits, trust_env=trust_env)


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


_NOBODY = Authorization(None, _plain_http)
_OURSELVES = Authorization(own_credentials, _https)
