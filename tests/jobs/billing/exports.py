"""Export tables as the client library shows them: the recorded schemas, and older ones made from them."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from google.cloud.bigquery import SchemaField, TimePartitioning

from providers.gcp.export import ExportTable, from_table

FIXTURES = Path(__file__).parents[2] / "fixtures" / "providers"
STANDARD, DETAILED = "gcp_billing_export_v1", "gcp_billing_export_resource_v1"
INGESTION_DAY = TimePartitioning(type_="DAY")
OPTIONAL = (
    "tags", "price", "consumption_model", "cost_at_list", "cost_at_effective_price_default", "transaction_type",
    "seller_name", "adjustment_info", "currency_conversion_rate", "invoice", "system_labels", "usage", "labels",
)  # fmt: skip


def schema(name: str, without: frozenset[str] = frozenset()) -> list[dict[str, Any]]:
    """A recorded schema in JSON, less the top-level columns `without`."""
    fields = json.loads((FIXTURES / f"{name}.schema.json").read_text())
    return [f for f in fields if f["name"] not in without]


def rows(name: str) -> list[dict[str, Any]]:
    """The recorded rows; `_partition_date` tells where Google put each."""
    recorded: list[dict[str, Any]] = json.loads((FIXTURES / f"{name}.rows.json").read_text())
    return recorded


def table(fields: list[dict[str, Any]], partitioning: Any = INGESTION_DAY) -> Any:
    """A table `acme-billing.billing.export` of these fields, like `google.cloud.bigquery.Table`."""
    return SimpleNamespace(
        project="acme-billing", dataset_id="billing", table_id="export", location="EU",
        schema=[SchemaField.from_api_repr(f) for f in fields], time_partitioning=partitioning,
        created=None, expires=None, table_type="TABLE",
    )  # fmt: skip


def export(name: str, without: frozenset[str] = frozenset()) -> ExportTable:
    """The export of a recorded schema, less some columns."""
    return from_table(table(schema(name, without)))
