"""One server for all tests here, and a dataset of its own for each."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from google.cloud import bigquery

from tests.localcloud.bigquery.running import PROJECT, Api, client_of, running_server


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    with running_server() as address:
        yield address


@pytest.fixture(scope="session")
def client(url: str) -> bigquery.Client:
    return client_of(url)


@pytest.fixture
def dataset(client: bigquery.Client) -> str:
    name = f"ds_{uuid4().hex[:8]}"
    client.create_dataset(f"{PROJECT}.{name}")
    return name


@pytest.fixture
def api(url: str) -> Iterator[Api]:
    """Plain HTTP; what the test denies or breaks is undone."""
    api = Api(url)
    yield api
    for path in ("deny", "faults", "requests"):
        api.http.delete(f"/local/{path}")
    api.http.close()
