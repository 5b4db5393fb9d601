"""The client of a customer, on the session's local BigQuery."""

from __future__ import annotations

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.bigquery import Client


@pytest.fixture(scope="session")
def client(bigquery_url: str) -> Client:
    """The real client library, talking to the local BigQuery, with the datasets `billing` and `acme`."""
    client = Client("acme-billing", AnonymousCredentials(), client_options={"api_endpoint": bigquery_url})
    client.create_dataset("billing")
    client.create_dataset("acme")
    return client
