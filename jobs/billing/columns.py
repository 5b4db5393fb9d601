"""The columns of `gcp_billing_daily_raw`: how each is computed from one row of the export.

The order is the table's (`infra/sql/org/001_gcp_billing_daily_raw.sql`; a test compares them). An expression may
use only the export columns it names in `reads`; where an old export lacks one of them it is NULL.
"""

from __future__ import annotations

from dataclasses import dataclass

CREDITS = "(SELECT IFNULL(SUM(CAST(credit.amount AS NUMERIC)), 0) FROM UNNEST(credits) AS credit)"
"""A row's credits (negative). A scalar sub-query: a JOIN with UNNEST would count the cost once per credit."""


@dataclass(frozen=True)
class Column:
    """A column of the target: `expression` over one export row, of GoogleSQL `type`.

    `total` is how the rows of a group become one value; a column without it is a dimension, grouped by.
    """

    name: str
    type: str
    expression: str
    reads: tuple[str, ...] = ()
    total: str | None = None


def _text(name: str, path: str) -> Column:
    return Column(name, "STRING", path, (path,))


def _price(name: str, path: str) -> Column:
    return Column(name, "NUMERIC", f"CAST({path} AS NUMERIC)", (path,))


def _amount(name: str, path: str) -> Column:
    # Per row to NUMERIC and only then summed: a sum of floats depends on the order of the rows.
    return Column(name, "NUMERIC", f"CAST({path} AS NUMERIC)", (path,), total=f"SUM({name})")


def _labels(name: str, path: str, key: str = "label.key", *reads: str) -> Column:
    """A list of key/value pairs as JSON object text with sorted keys, `{}` when empty: equal sets, equal text."""
    pair = f"CONCAT(TO_JSON_STRING({key}), ':', TO_JSON_STRING(label.value))"
    pairs = f"STRING_AGG({pair}, ',' ORDER BY {key}, label.value)"
    expression = f"(SELECT CONCAT('{{', IFNULL({pairs}, ''), '}}') FROM UNNEST({path}) AS label)"  # noqa: S608 (fixed text)
    return Column(name, "STRING", expression, (path, f"{path}.key", f"{path}.value", *reads))


COLUMNS = (
    Column("usage_date", "DATE", "DATE(usage_start_time)", ("usage_start_time",)),
    _text("billing_account_id", "billing_account_id"),
    _text("invoice_month", "invoice.month"),
    _text("invoice_publisher_type", "invoice.publisher_type"),
    _text("project_id", "project.id"),
    _text("project_name", "project.name"),
    _text("project_number", "project.number"),
    _text("project_ancestry_numbers", "project.ancestry_numbers"),
    _labels("project_labels", "project.labels"),
    _text("service_id", "service.id"),
    _text("service_description", "service.description"),
    _text("sku_id", "sku.id"),
    _text("sku_description", "sku.description"),
    _text("location", "location.location"),
    _text("country", "location.country"),
    _text("region", "location.region"),
    _text("zone", "location.zone"),
    _text("resource_name", "resource.name"),
    _text("resource_global_name", "resource.global_name"),
    _text("subscription_id", "subscription.instance_id"),
    _labels("labels", "labels"),
    _labels("system_labels", "system_labels"),
    # Two organisations may use one tag key: the namespace tells them apart, as in Google's own tag names.
    _labels("tags", "tags", "CONCAT(IFNULL(CONCAT(label.namespace, '/'), ''), label.key)", "tags.namespace"),
    _text("cost_type", "cost_type"),
    _text("transaction_type", "transaction_type"),
    _text("seller_name", "seller_name"),
    _text("adjustment_id", "adjustment_info.id"),
    _text("adjustment_description", "adjustment_info.description"),
    _text("adjustment_mode", "adjustment_info.mode"),
    _text("adjustment_type", "adjustment_info.type"),
    _text("consumption_model_id", "consumption_model.id"),
    _text("consumption_model_description", "consumption_model.description"),
    _price("price_tier_start_amount", "price.tier_start_amount"),
    _price("price_unit_quantity", "price.pricing_unit_quantity"),
    _price("list_price", "price.list_price"),
    _price("effective_price", "price.effective_price"),
    _text("currency", "currency"),
    Column(
        "currency_conversion_rate",
        "FLOAT64",
        "CAST(currency_conversion_rate AS FLOAT64)",
        ("currency_conversion_rate",),
    ),
    _text("usage_unit", "usage.unit"),
    _text("pricing_unit", "usage.pricing_unit"),
    _amount("usage_amount", "usage.amount"),
    _amount("usage_amount_in_pricing_units", "usage.amount_in_pricing_units"),
    _amount("cost", "cost"),
    Column("credits", "NUMERIC", CREDITS, ("credits.amount",), total="SUM(credits)"),
    # One export row's cost is never NULL; were it, the group's net cost must not vanish with it.
    Column("net_cost", "NUMERIC", f"IFNULL(CAST(cost AS NUMERIC), 0) + {CREDITS}", ("cost",), total="SUM(net_cost)"),
    _amount("list_cost", "cost_at_list"),
    _amount("contracted_cost", "cost_at_effective_price_default"),
    Column("source_row_count", "INT64", "1", (), total="SUM(source_row_count)"),
    Column("source_max_export_time", "TIMESTAMP", "export_time", ("export_time",), total="MAX(source_max_export_time)"),
)
