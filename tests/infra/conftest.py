"""Rows of all providers in the tables of one org, and the view `focus_costs` over them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from typing import Any, TypeVar

import pytest
from google.cloud.bigquery import ArrayQueryParameter, LoadJobConfig, QueryJobConfig

from cloudact import clients
from cloudact.warehouse.datasets import claim_org_dataset, fill_org_dataset
from tests.conftest import Local
from tests.infra.focus_rows import DATASET, DAY, Row, Tables, generated, recorded

Read = Callable[..., list[Row]]
ReadEach = Callable[[Mapping[Any, Mapping[str, Iterable[Row]]]], dict[Any, list[Row]]]
Test = TypeVar("Test", bound=Callable[..., None])
GIVEN: dict[str, dict[tuple[str, int], Tables]] = defaultdict(dict)  # by module: by test and number of its day


def given(*days: Tables) -> Callable[[Test], Test]:
    """Gives a test rows, of one day or of several: those of all tests of its module are appended, and read, at once.

    It finds what the view says of them in the fixture `rows`, or `rows_of_days`.
    """

    def keep(test: Test) -> Test:
        GIVEN[test.__module__] |= {(test.__name__, number): tables for number, tables in enumerate(days)}
        return test

    return keep


@pytest.fixture(scope="session")
def raw() -> Tables:
    """The recorded rows of all providers and many random ones."""
    random_rows = generated(seed=4, rows=100)
    return {table: [*rows, *random_rows[table]] for table, rows in recorded().items()}


@pytest.fixture(scope="session")
def charges(session_cloud: Local, raw: Tables) -> list[Row]:
    """The view over `raw`, the only rows so far."""
    claim_org_dataset(session_cloud.warehouse, DATASET)
    fill_org_dataset(session_cloud.warehouse, DATASET)
    load(session_cloud, DATASET, raw)
    return session_cloud.query(f"SELECT * FROM {DATASET}.focus_costs")


def load(local: Local, dataset: str, tables: Tables) -> None:
    """Loads rows into the tables of a dataset."""
    client = clients.bigquery(local.settings)
    for table, rows in tables.items():
        config = LoadJobConfig(schema=client.get_table(f"{dataset}.{table}").schema)
        client.load_table_from_json(rows, f"{dataset}.{table}", job_config=config).result()


@pytest.fixture(scope="session")
def read_each(session_cloud: Local, charges: list[Row]) -> ReadEach:  # noqa: ARG001 - after `charges`, which must be alone
    """Appends the rows of cases, each under days of its own, and answers the view's rows of those that were `DAY`."""

    def rows_of_days(cases: Mapping[Any, Mapping[str, Iterable[Row]]]) -> dict[Any, list[Row]]:
        client, moved = clients.bigquery(session_cloud.settings), defaultdict[str, list[Row]](list)
        days: dict[date, Any] = {}
        for case, tables in cases.items():
            earlier = timedelta(days=30 + 2 * next(session_cloud.numbers))
            days[date.fromisoformat(DAY) - earlier] = case
            for table, rows in tables.items():
                moved[table] += [
                    row | {"usage_date": str(date.fromisoformat(row["usage_date"]) - earlier)} for row in rows
                ]
        for table, rows in moved.items():
            assert client.insert_rows_json(client.get_table(f"{DATASET}.{table}"), rows) == []
        config = QueryJobConfig(query_parameters=[ArrayQueryParameter("days", "DATE", [*days])])
        # One text, which is translated once.
        sql = f"SELECT * FROM {DATASET}.focus_costs WHERE x_UsageDate IN UNNEST(@days)"
        found: dict[Any, list[Row]] = {case: [] for case in cases}
        for row in client.query_and_wait(sql, job_config=config):
            found[days[row["x_UsageDate"]]].append(dict(row))
        return found

    return rows_of_days


@pytest.fixture(scope="session")
def read(read_each: ReadEach) -> Read:
    """The same for one case."""

    def rows_of_day(**tables: Iterable[Row]) -> list[Row]:
        (rows,) = read_each({DAY: tables}).values()
        return rows

    return rows_of_day


@pytest.fixture(scope="module")
def rows_of_module(request: pytest.FixtureRequest, read_each: ReadEach) -> dict[tuple[str, int], list[Row]]:
    """What the view says of the rows that tests of the module are given."""
    return read_each(GIVEN[request.module.__name__])


@pytest.fixture
def rows_of_days(request: pytest.FixtureRequest, rows_of_module: dict[tuple[str, int], list[Row]]) -> list[list[Row]]:
    """What the view says of the rows of each day that the test is given, in turn."""
    return [rows for (test, _), rows in rows_of_module.items() if test == request.function.__name__]


@pytest.fixture
def rows(rows_of_days: list[list[Row]]) -> list[Row]:
    """What the view says of the rows that the test is given, all of one day."""
    (found,) = rows_of_days
    return found
