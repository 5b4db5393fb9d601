"""Rows of all providers in the tables of one org, and the view `focus_costs` over them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, timedelta

import pytest
from google.cloud.bigquery import LoadJobConfig, QueryJobConfig, ScalarQueryParameter

from cloudact import clients
from cloudact.warehouse.datasets import claim_org_dataset, fill_org_dataset
from tests.conftest import Local
from tests.infra.focus_rows import DATASET, DAY, Row, Tables, generated, recorded

Read = Callable[..., list[Row]]


@pytest.fixture(scope="session")
def raw() -> Tables:
    """The recorded rows of all providers and many random ones."""
    random_rows = generated(seed=4, rows=100)
    return {table: [*rows, *random_rows[table]] for table, rows in recorded().items()}


@pytest.fixture(scope="session")
def charges(session_cloud: Local, raw: Tables) -> list[Row]:
    """The view over `raw`, the only rows so far."""
    client = clients.bigquery(session_cloud.settings)
    claim_org_dataset(session_cloud.warehouse, DATASET)
    fill_org_dataset(session_cloud.warehouse, DATASET)
    for table, rows in raw.items():
        config = LoadJobConfig(schema=client.get_table(f"{DATASET}.{table}").schema)
        client.load_table_from_json(rows, f"{DATASET}.{table}", job_config=config).result()
    return session_cloud.query(f"SELECT * FROM {DATASET}.focus_costs")


@pytest.fixture
def read(local: Local, charges: list[Row]) -> Read:  # noqa: ARG001 - after `charges`, which must be alone
    """Appends rows under days of their own and answers the view's rows of the day that was `DAY`."""

    def rows_of_day(**tables: Iterable[Row]) -> list[Row]:
        client, earlier = clients.bigquery(local.settings), timedelta(days=30 + 2 * next(local.numbers))
        for table, rows in tables.items():
            moved = [row | {"usage_date": str(date.fromisoformat(row["usage_date"]) - earlier)} for row in rows]
            assert client.insert_rows_json(client.get_table(f"{DATASET}.{table}"), moved) == []
        day = ScalarQueryParameter("day", "DATE", date.fromisoformat(DAY) - earlier)
        sql = f"SELECT * FROM {DATASET}.focus_costs WHERE x_UsageDate = @day"  # one text, which is translated once
        return [dict(each) for each in client.query_and_wait(sql, job_config=QueryJobConfig(query_parameters=[day]))]

    return rows_of_day
