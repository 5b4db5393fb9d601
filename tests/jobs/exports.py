"""Billing exports of a test's own: tables of any layout in the customer's project, and rows as Google writes them."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import requests
from google.cloud.bigquery import Client, Dataset, LoadJobConfig, SchemaField

from cloudact import clients
from cloudact.orgs.integrations import Integrations
from localcloud.billing_export import create_export
from localcloud.onboarding import OnboardedOrg
from tests.conftest import Local, fixture

DAY_MS = 86_400_000
OLD = "gcp_billing_export_v1_012345_6789AB_CDEF01"  # what orgs of tests are onboarded with


def row(day: date, number: int = 0, **changes: Any) -> dict[str, Any]:
    """An hour of a machine on the day, 10 USD, exported at 18:00; `number` tells machines apart."""
    return {
        "billing_account_id": "012345-6789AB-CDEF01",
        "service": {"id": "6F81-5844-456A", "description": "Compute Engine"},
        "sku": {"id": f"SKU-{number:03d}", "description": "E2 Instance Core"},
        "usage_start_time": f"{day} 12:00:00 UTC",
        "usage_end_time": f"{day} 13:00:00 UTC",
        "project": {"id": "shop-prod", "number": "111", "name": "shop-prod", "labels": [], "ancestors": []},
        "labels": [],
        "system_labels": [],
        "credits": [],
        "export_time": f"{day} 18:00:00 UTC",
        "cost": 10.0,
        "currency": "USD",
        "cost_type": "regular",
        "invoice": {"month": f"{day:%Y%m}", "publisher_type": "GOOGLE"},
    } | changes


def correction(day: date, at: str, **changes: Any) -> dict[str, Any]:
    """A late correction of minus one USD."""
    return row(day, cost=-1.0, cost_type="adjustment", export_time=f"{at} UTC", **changes)


@dataclass(frozen=True)
class Exports:
    """The customer's dataset `billing_export`, or another."""

    local: Local
    org: OnboardedOrg
    dataset: str = "billing_export"

    @property
    def client(self) -> Client:
        project = self.org.credentials["GCP_SA"]["project_id"]
        client: Client = clients.bigquery(self.local.settings.model_copy(update={"project": project}))
        return client

    def make(self, table: str = OLD, location: str = "US", made: str | None = None, **partitioning: Any) -> str:
        """A new table with the export's columns; `made` is when."""
        dataset = Dataset(f"{self.client.project}.{self.dataset}")
        dataset.location = location
        self.client.create_dataset(dataset, exists_ok=True)
        self.stop_clock(made)
        create_export(self.client, self.name(table), fixture("gcp_billing_export_v1.schema.json"), **partitioning)
        self.let_clock_run()
        return table

    def name(self, table: str) -> str:
        return f"{self.client.project}.{self.dataset}.{table}"

    def add(self, rows: list[dict[str, Any]], table: str = OLD, partition: str | None = None) -> None:
        """Appends rows to the partitions of their export, or to one."""
        by: dict[str, list[dict[str, Any]]] = {}
        for each in rows:
            by.setdefault(partition or each["export_time"][:10].replace("-", ""), []).append(each)
        config = LoadJobConfig(schema=schema(), write_disposition="WRITE_APPEND")
        for decorator, some in by.items():
            self.client.load_table_from_json(some, f"{self.name(table)}${decorator}", job_config=config).result()

    def query(self, sql: str) -> None:
        """Any statement; `{old}` is the table."""
        self.client.query_and_wait(sql.format(old=f"`{self.name(OLD)}`"))

    def point_at(self, table: str, **settings: Any) -> None:
        """Sets the integration up with another table."""
        integrations = Integrations(self.local.warehouse, self.local.clock)
        before = integrations.find(self.org.org_slug, "GCP_SA")
        told = before.settings | {"source_table": table, "source_dataset": self.dataset} | settings
        integrations.change(replace(before, settings=told))

    def stop_clock(self, now: str | None) -> None:
        """The customer's BigQuery has this time."""
        if now:
            self._control("post", json={"now": now})

    def let_clock_run(self) -> None:
        """And the machine's again."""
        self._control("delete")

    def _control(self, method: str, **how: Any) -> None:
        url = f"{self.local.settings.bigquery_endpoint}/local/clock"
        requests.request(method, url, timeout=5, **how).raise_for_status()


def schema() -> list[SchemaField]:
    """The recorded columns of the standard export."""
    return [SchemaField.from_api_repr(field) for field in fixture("gcp_billing_export_v1.schema.json")]
