"""The rules of FOCUS over tables of the local BigQuery: today's view over a corpus, and tables of any columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from google.cloud.bigquery import LoadJobConfig, SchemaField

from cloudact import clients
from cloudact.warehouse.datasets import claim_org_dataset, fill_org_dataset
from focus.assessment import Assessor, load_criteria, load_judgements
from focus.check import Checker, Days, Report, column_types
from focus.model import Model, load_model
from focus.page import page
from tests.conftest import Local
from tests.focus.corpus import corpus
from tests.focus.wild import Row

CORPUS = "focus_corpus"
NOVEMBER = Days.of_month(date(2026, 11, 1))
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


@dataclass(frozen=True)
class Assessed:
    """The corpus through today's view, and what is said of it."""

    report: Report
    assessor: Assessor
    page: str
    rows: list[Row]


@pytest.fixture(scope="session")
def assessed(session_cloud: Local, model: Model) -> Assessed:
    """The corpus, loaded into an org's tables, checked and assessed."""
    client, warehouse = clients.bigquery(session_cloud.settings), session_cloud.warehouse
    claim_org_dataset(warehouse, CORPUS)
    fill_org_dataset(warehouse, CORPUS)
    for table, rows in corpus().items():
        config = LoadJobConfig(schema=client.get_table(f"{CORPUS}.{table}").schema)
        client.load_table_from_json(rows, f"{CORPUS}.{table}", job_config=config).result()
    criteria = load_criteria(model)
    types, met = column_types(warehouse, CORPUS), [name for name, each in criteria.items() if each.met]
    report = Checker(warehouse, model, met).check(CORPUS, NOVEMBER, types)
    assessor = Assessor(model, report, types, criteria, load_judgements())
    written = page(model, criteria, list(assessor.assessments.values()), report.rows)
    told = session_cloud.query(
        f"SELECT * FROM {CORPUS}.focus_costs WHERE x_UsageDate BETWEEN '{NOVEMBER.first}' AND '{NOVEMBER.last}'"
    )
    return Assessed(report, assessor, written, told)
