"""The rules of FOCUS over tables of the local BigQuery: today's view over a corpus, and tables of any columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from google.cloud.bigquery import LoadJobConfig, SchemaField

from cloudact import clients
from focus.model import Model, load_model
from tests.conftest import Local
from tests.focus.wild import Row

MakeTable = Callable[[str, Mapping[str, str], Sequence[Row]], str]


@pytest.fixture(scope="session")
def model() -> Model:
    """The pinned model of the current version."""
    return load_model()


@pytest.fixture(scope="session")
def made(session_cloud: Local) -> MakeTable:
    """Makes a dataset whose `focus_costs` is a table of these columns and rows, and answers its name."""

    def make(dataset: str, types: Mapping[str, str], rows: Sequence[Row]) -> str:
        client = clients.bigquery(session_cloud.settings)
        client.create_dataset(dataset)
        schema = [SchemaField(name, kind) for name, kind in types.items()]
        told: list[dict[str, Any]] = [{name: row.get(name) for name in types} for row in rows]
        client.load_table_from_json(told, f"{dataset}.focus_costs", job_config=LoadJobConfig(schema=schema)).result()
        return dataset

    return make
