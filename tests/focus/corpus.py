"""The rows that the conformance page speaks of: every charge category of every provider, as the pipelines load them.

The recorded rows of the provider fixtures, and rows made for what these lack: tax, purchases, corrections, what is
below zero, a third party's offer, the default workspace, and every kind of token.
"""

from __future__ import annotations

from itertools import product

from tests.infra.focus_rows import METERS, Row, Tables, anthropic, anthropic_usage, gcp, openai, recorded

MONTH = "2026-11"
# Costs that are grouped by line item, as we ask for, have one: https://platform.openai.com/docs/api-reference/usage/costs
LINE_ITEMS = (
    ("gpt-6-astra, input", "tokens"),
    ("gpt-6-astra, cached input", "tokens"),
    ("gpt-6-astra, output", "tokens"),
    ("gpt-image-2, image", "images"),
    ("web search tool calls", "calls"),
    ("something new", None),
)
USAGE = {
    "usage_unit": "seconds", "pricing_unit": "hour", "usage_amount": "3600", "usage_amount_in_pricing_units": "1",
    "region": "us-central1", "zone": "us-central1-a", "project_id": "p-1", "project_name": "one",
    "sku_description": "N1 Core", "resource_name": "vm-1", "resource_global_name": "//compute.googleapis.com/1",
    "labels": '{"team":"ads"}', "project_labels": "{}", "system_labels": "{}", "tags": "{}",
    "price_tier_start_amount": "0", "usage_amount_known": True, "pricing_amount_known": True,
    "list_cost_known": True, "contracted_cost_known": True,
}  # fmt: skip
FREE = {"cost": "0", "credits": "0", "net_cost": "0", "list_cost": "0", "contracted_cost": "0"}


def corpus() -> Tables:
    """Rows by table."""
    tables = {table: list(rows) for table, rows in recorded().items()}
    tables["gcp_billing_daily_raw"] += _google()
    tables["openai_cost_daily_raw"] += _openai()
    tables["anthropic_cost_daily_raw"] += _anthropic()
    tables["anthropic_usage_daily_raw"] += _anthropic_usage()
    return tables


def _google() -> list[Row]:
    taken_back = {"cost": "-1.5", "net_cost": "-1.5", "list_cost": "-1.5", "contracted_cost": "-1.5"}
    covered = {
        "subscription_id": "subscriptions/1", "consumption_model_description": "Compute Flexible CUDs",
        "cost": "0.9", "net_cost": "0.9",
    }  # fmt: skip
    nothing = dict.fromkeys(("usage_unit", "pricing_unit", "usage_amount", "usage_amount_in_pricing_units"))
    return [
        gcp(**USAGE),
        gcp(**USAGE, credits="-0.25", net_cost="1.25"),
        gcp(**USAGE | FREE, sku_id="A-2"),
        gcp(**USAGE, cost_type="tax", service_description="Invoice", sku_id="T-1"),
        gcp(**USAGE | nothing, cost_type="rounding_error", sku_id="R-1", net_cost="0.01", cost="0.01"),
        gcp(**USAGE | nothing | taken_back, cost_type="adjustment", adjustment_mode="PARTIAL_CORRECTION"),
        gcp(**USAGE | taken_back, adjustment_id="b", adjustment_mode="COMPLETE_NEGATION"),
        gcp(**USAGE | taken_back),
        gcp(**USAGE, seller_name="Seller", transaction_type="THIRD_PARTY_RESELLER", service_description="Seller DB"),
        gcp(**USAGE, commitment_fee=True, subscription_id="subscriptions/1", sku_id="C-1"),
        gcp(**USAGE, subscription_id="subscriptions/1"),
        gcp(**USAGE | covered),
        gcp(**USAGE | {"sku_description": "Spot Preemptible N1 Core"}, sku_id="A-3"),
        gcp(**USAGE | {"project_id": None, "project_name": None, "resource_name": None, "resource_global_name": None}),
        gcp(**USAGE, period_start="2026-11-01 07:00:00 UTC", period_end="2026-12-01 08:00:00 UTC", sku_id="S-1"),
    ]  # fmt: skip


def _openai() -> list[Row]:
    known = {"project_id": "proj", "api_key_id": "key", "quantity": "1000000"}
    lines = [openai(line_item=line, quantity_unit=unit, **known) for line, unit in LINE_ITEMS]
    without_project = openai(line_item="gpt-6-astra, input", quantity="1000000", quantity_unit="tokens")
    below_zero = openai(line_item="gpt-6-astra, output", amount="-2.5", project_id="proj")
    return [*lines, without_project, below_zero]


def _anthropic() -> list[Row]:
    tokens = [anthropic(token_type=meter, workspace_id=at) for meter, at in product(METERS, (None, "w-1"))]
    lone = {"model": None, "service_tier": None, "context_window": None, "token_type": None}
    others = [
        anthropic(**lone, cost_type=kind, description=kind.replace("_", " "))
        for kind in ("code_execution", "session_usage")
    ]
    # The three searches below, at 10 USD for 1000: https://docs.claude.com/en/docs/about-claude/pricing
    searches = anthropic(**lone, cost_type="web_search", description="web search", amount="0.03")
    below_zero = anthropic(amount="-1", workspace_id="w-2")
    detailed = anthropic(
        api="analytics", api_key_id="k-1", list_amount="2", inference_geo="us", context_window="200k-1M"
    )
    return [*tokens, searches, *others, below_zero, detailed, anthropic(service_tier="batch", workspace_id="w-3")]


def _anthropic_usage() -> list[Row]:
    used = dict.fromkeys(("input_tokens", "uncached_input_tokens", "cache_read_input_tokens", "output_tokens"), 1000)
    written = {"cache_creation_5m_input_tokens": 1000, "cache_creation_1h_input_tokens": 1000, "web_search_requests": 3}
    return [anthropic_usage(workspace_id=at, **used, **written) for at in (None, "w-1")]
