"""Raw cost and usage rows for the tests of `focus_costs`: those of the provider fixtures, and random ones.

A row is a dict as a load job takes it: amounts and dates are text, and what is left out is NULL.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from tests.conftest import fixture

Row = dict[str, Any]
Tables = dict[str, list[Row]]

DAY = "2026-11-10"
DATASET = "focus_costs_org"
LOADED = {"org_slug": "acme", "run_id": "r-1", "ingested_at": "2026-11-11 06:00:00 UTC"}
KEY = ("model", "service_tier", "context_window")
BARE = ("dall-e-3", "sora-2")
LINE_ITEMS = (
    "gpt, input", "a, b, cached input", "gpt-6, input_tokens", "x, image output", "ft:gpt-6:é, output",
    "Vector storage", "priority | gpt-6 audio, cached input, long context", "gpt-6, cache writes",
    "whisper-1, audio", "credit", "Batch | sora-2", "sora-2, input", "x-1, output", "gpt-6, training",
)  # fmt: skip
MEASURES = ("uncached_input_tokens", "cache_read_input_tokens", "output_tokens")
KNOWN = ("usage_amount", "pricing_amount", "list_cost", "contracted_cost")
METERS = (
    *MEASURES,
    "cache_creation.ephemeral_5m_input_tokens",
    "cache_creation.ephemeral_1h_input_tokens",
)


def gcp(**columns: Any) -> Row:
    """A row of Google's billing."""
    money = {"cost": "1.5", "credits": "0", "net_cost": "1.5", "list_cost": "1.5", "contracted_cost": "1.5"}
    kind = {"sku_id": "A-1", "service_description": "Compute Engine", "cost_type": "regular", "currency": "USD"}
    return LOADED | {"usage_date": DAY, "billing_account_id": "0-1"} | kind | money | columns


def openai(**columns: Any) -> Row:
    """A row of OpenAI's costs."""
    return LOADED | {"usage_date": DAY, "amount": "1", "currency": "USD", "raw": "{}"} | columns


def openai_usage(**columns: Any) -> Row:
    """A row of OpenAI's usage: the day knows the model `m-1`."""
    return LOADED | {"usage_date": DAY, "endpoint": "completions", "model": "m-1"} | columns


def anthropic(**columns: Any) -> Row:
    """A row of Anthropic's cost report: input tokens of one model."""
    key = {"model": "m", "service_tier": "standard", "context_window": "0-200k"}
    kind = {"api": "cost_report", "cost_type": "tokens", "token_type": "uncached_input_tokens"}
    return LOADED | {"usage_date": DAY, "amount": "1", "currency": "USD", "raw": "{}"} | key | kind | columns


def anthropic_usage(**columns: Any) -> Row:
    """A row of Anthropic's usage under the key of `anthropic()`, all measures 0 unless told."""
    key = {"model": "m", "service_tier": "standard", "context_window": "0-200k", "api": "usage_report"}
    written = ("cache_creation_5m_input_tokens", "cache_creation_1h_input_tokens", "web_search_requests")
    zero = dict.fromkeys(("input_tokens", *MEASURES, *written), 0)
    return LOADED | {"usage_date": DAY} | key | zero | columns


def named(provider: str, kind: str, id_: str, name: str | None, day: int = 1, **columns: Any) -> Row:
    """A row of the names that a provider's lists have told, as seen on that day of November."""
    seen = {"observed_at": f"2026-11-{day:02} 06:00:00 UTC", "status": "active", "org_slug": "acme", "run_id": "r-1"}
    return {"provider": provider, "kind": kind, "id": id_, "name": name} | seen | columns


def closed(provider: str, month: str, invoices: str, **columns: Any) -> Row:
    """A row of a month, YYYYMM, that closed in USD against invoices of these numbers; copied after all rows here."""
    copied = {"made_at": "2026-12-09 06:00:00 UTC", "run_id": "r-1", "usage_date": DAY, "charge_category": "Usage"}
    sums = {"cost": "1", "row_count": 1, "line_count": 1, "tells_invoice_month": False, "checksum": "c"}
    key = {"org_slug": "acme", "provider": provider, "invoice_month": month, "currency": "USD", "status": "closed"}
    return key | copied | sums | {"invoices": invoices} | columns


def recorded() -> Tables:
    """The rows of the provider fixtures, a closed month, and names: changed, told twice, gone, of other kinds."""
    return {
        "month_closes": [closed("openai", "202611", "A-1")],
        "provider_name_changes": [
            named("openai", "project", "proj", "Before"),
            *[named("openai", "project", "proj", "Search", 2)] * 2,
            named("openai", "project", "proj", None, 3),
            named("anthropic", "project", "proj", "Another provider's", 9),
            named("openai", "api_key", "proj", "Another kind's", 9),
            named("anthropic", "workspace", "w-1", "b"),
            named("anthropic", "workspace", "w-1", "a"),
            named("anthropic", "api_key", "k-1", "ci"),
            named("anthropic", "api_key", "k-1", "ci", 4, status="gone"),
            named("gcp", "project", "p-1", "Google tells it itself"),
            named("anthropic", "user", "user_1", None),
        ],
        "gcp_billing_daily_raw": [_recorded_gcp(row) for row in fixture("gcp_billing_export_resource_v1.rows.json")],
        "openai_cost_daily_raw": list(_recorded_openai()),
        "openai_usage_daily_raw": list(_recorded_openai_usage()),
        "anthropic_cost_daily_raw": [*_recorded_cost_report(), *_recorded_analytics()],
        "anthropic_usage_daily_raw": [*_recorded_usage(), *_recorded_analytics_usage()],
    }


def generated(seed: int, rows: int) -> Tables:
    """Random rows in which every column that may be NULL is sometimes."""
    rng = random.Random(seed)
    return {
        "month_closes": [],
        "provider_name_changes": [],
        "gcp_billing_daily_raw": [_random_gcp(rng) for _ in range(rows)],
        "openai_cost_daily_raw": [_random_openai(rng) for _ in range(rows)],
        "openai_usage_daily_raw": [
            openai_usage(usage_date=_day(rng), model=rng.choice([None, "", "x-1-2026-01-31", *BARE]))
            for _ in range(rows)
        ],
        "anthropic_cost_daily_raw": [_random_anthropic(rng) for _ in range(rows)],
        "anthropic_usage_daily_raw": [_random_usage(rng) for _ in range(rows)],
    }


def _recorded_gcp(row: Row) -> Row:
    project, adjustment = row["project"] or {}, row["adjustment_info"] or {}
    credited = sum((_nine(credit["amount"]) for credit in row["credits"]), Decimal())
    return LOADED | {
        "usage_date": row["usage_start_time"][:10],
        "billing_account_id": row["billing_account_id"],
        "invoice_month": row["invoice"]["month"],
        "project_id": project.get("id"),
        "project_name": project.get("name"),
        "service_description": row["service"]["description"],
        "sku_id": row["sku"]["id"],
        "sku_description": row["sku"]["description"],
        "region": (row["location"] or {}).get("region"),
        "labels": "{}",
        "cost_type": row["cost_type"],
        "transaction_type": row["transaction_type"],
        "seller_name": row["seller_name"],
        "adjustment_id": adjustment.get("id"),
        "adjustment_type": adjustment.get("type"),
        "price_tier_start_amount": (row["price"] or {}).get("tier_start_amount"),
        "currency": row["currency"],
        "usage_unit": row["usage"]["unit"],
        "pricing_unit": row["usage"]["pricing_unit"],
        "usage_amount": str(_nine(row["usage"]["amount"])),
        "usage_amount_in_pricing_units": str(_nine(row["usage"]["amount_in_pricing_units"])),
        "cost": str(_nine(row["cost"])),
        "credits": str(credited),
        "net_cost": str(_nine(row["cost"]) + credited),
        "list_cost": str(_nine(row["cost_at_list"])),
        "contracted_cost": str(_nine(row["cost_at_effective_price_default"])),
    }


def _recorded_openai() -> Iterator[Row]:
    for page in ("page1", "page2", "string_amounts"):
        for line in _lines(fixture(f"openai_costs_{page}.json")):
            told = ("line_item", "project_id", "api_key_id", "user_id", "api_source", "quantity", "quantity_unit")
            yield openai(amount=str(_nine(line["amount"]["value"])), **{name: line[name] for name in told})


def _recorded_openai_usage() -> Iterator[Row]:
    for endpoint in ("completions", "images", "audio_transcriptions"):
        for line in _lines(fixture(f"openai_usage_{endpoint}.json")):
            yield openai_usage(endpoint=endpoint, model=line["model"])


def _recorded_cost_report() -> Iterator[Row]:
    for page in ("page1", "page2"):
        for line in _lines(fixture(f"anthropic_cost_report_{page}.json")):
            yield anthropic(**line | {"amount": str(Decimal(line["amount"]) / 100)})


def _recorded_analytics() -> Iterator[Row]:
    group = ("workspace_id", "api_key_id", "cost_type", "token_type", *KEY, "inference_geo")
    for page in ("page1", "page2"):
        for line in fixture(f"anthropic_analytics_cost_{page}.json")["data"]:
            money = {name: str(Decimal(line["cost"][name]) / 100) for name in ("amount", "list_amount")}
            yield anthropic(api="analytics", **money, **{name: line["group"][name] for name in group})


def _recorded_usage() -> Iterator[Row]:
    for page in ("page1", "page2"):
        for line in _lines(fixture(f"anthropic_usage_report_messages_{page}.json")):
            yield _used(line, line, api="usage_report")


def _recorded_analytics_usage() -> Iterator[Row]:
    for line in fixture("anthropic_analytics_usage.json")["data"]:
        yield _used(line["group"], line["usage"], api="analytics")


def _used(group: Row, usage: Row, *, api: str) -> Row:
    return anthropic_usage(
        api=api,
        cache_creation_5m_input_tokens=usage["cache_creation"]["ephemeral_5m_input_tokens"],
        cache_creation_1h_input_tokens=usage["cache_creation"]["ephemeral_1h_input_tokens"],
        web_search_requests=usage["server_tool_use"]["web_search_requests"],
        **{name: group[name] for name in ("workspace_id", "api_key_id", *KEY)},
        **{name: usage[name] for name in MEASURES},
    )


def _lines(page: Row) -> Iterator[Row]:
    return (line for bucket in page["data"] for line in bucket["results"])


def _nine(value: Any) -> Decimal:
    return Decimal(str(value)).quantize(Decimal("1e-9"))


def _random_gcp(rng: random.Random) -> Row:
    amounts = ("cost", "net_cost", "list_cost", "contracted_cost", "usage_amount", "usage_amount_in_pricing_units")
    return LOADED | {
        "usage_date": _day(rng),
        "billing_account_id": rng.choice([None, "0-1"]),
        "invoice_month": rng.choice([None, "202611", "202612"]),
        "project_id": rng.choice([None, "", "p-1"]),
        "project_name": rng.choice([None, "one"]),
        "service_description": rng.choice([None, "Cloud SQL", "BigQuery Storage API", "Invoice", "Networking"]),
        "sku_id": rng.choice([None, "A-1", "A-2"]),
        "cost_type": rng.choice(
            [None, "", "regular", "Regular", "tax", " TAX", "REGULAR ", "adjustment", "Rounding_Error", "new"]
        ),
        "transaction_type": rng.choice([None, "GOOGLE", "THIRD_PARTY_RESELLER"]),
        "seller_name": rng.choice([None, "", "Seller"]),
        "adjustment_mode": rng.choice([None, "", "PARTIAL_CORRECTION"]),
        "price_tier_start_amount": rng.choice([None, "0", "100.5"]),
        "currency": rng.choice([None, "usd", "EUR"]),
        "usage_unit": rng.choice([None, "seconds"]),
        "pricing_unit": rng.choice([None, "hour"]),
        "credits": rng.choice([None, "-0.25", "0.125"]),
        "labels": rng.choice([None, "{}", '{"team":"a\\"b"}']),
        "project_labels": rng.choice([None, "{}", '{"team":"ads","cost-center":"c,\\"d\\":\\"e"}']),
        "system_labels": rng.choice([None, "{}", '{"compute.googleapis.com/cores":null}']),
        "tags": rng.choice([None, "{}", '{"1111/env":"prod","1111/team":"{}"}']),
        "sku_description": rng.choice(
            [None, "N1 Core", "Spot Preemptible N2 Core", "Commitment v1: Cpu in Americas for 1 Year"]
        ),
        "resource_name": rng.choice([None, "vm-1"]),
        "resource_global_name": rng.choice([None, "", "//compute.googleapis.com/1", "vm-1"]),
        "region": rng.choice([None, "", "us-central1"]),
        "zone": rng.choice([None, "", "us-central1-a"]),
        "commitment_fee": rng.choice([None, False, True]),
        "subscription_id": rng.choice([None, "", "subscriptions/1"]),
        "more_labels": rng.choice([None, '[{"kind":"label","key":null,"value":"x"}]']),
        **{f"{name}_known": rng.choice([None, False, True]) for name in KNOWN},
        **rng.choice([{}, {"period_start": "2026-12-01 07:00:00 UTC", "period_end": "2027-01-01 08:00:00 UTC"}]),
        **{name: rng.choice([None, "0", _amount(rng)]) for name in amounts},
    }


def _random_openai(rng: random.Random) -> Row:
    return openai(
        usage_date=_day(rng),
        amount=_amount(rng),
        line_item=rng.choice([None, "", *BARE, *LINE_ITEMS]),
        project_id=rng.choice([None, "", "proj"]),
        quantity=rng.choice([None, "0", _amount(rng).lstrip("-")]),
        quantity_unit=rng.choice(
            [None, "", "tokens", "1000_tokens", "images", "duration_minutes", "gibibyte_hours", "new_unit"]
        ),
    )


def _random_anthropic(rng: random.Random) -> Row:
    tokens = rng.random() < 0.8
    return anthropic(
        **_random_key(rng, ("cost_report", "analytics"), lone=not tokens),
        description=rng.choice(
            [None, "M Usage - Input Tokens", "M Usage - Fast Mode, Input Tokens", "M Usage (Fast)", ""]
        ),
        speed=rng.choice([None, "fast"]),
        cost_type="tokens" if tokens else rng.choice([None, "web_search", "code_execution", "session_usage"]),
        token_type=rng.choice([None, *METERS]) if tokens else None,
        inference_geo=rng.choice([None, "us", "global"]),
        amount=rng.choice(["0", _amount(rng)]),
        list_amount=rng.choice([None, _amount(rng)]),
    )


def _random_usage(rng: random.Random) -> Row:
    measures = {name: rng.choice([0, rng.randrange(10**12)]) for name in MEASURES}
    return anthropic_usage(
        **_random_key(rng, ("usage_report", "analytics"), lone=False),
        **measures,
        web_search_requests=rng.randrange(9),
        inference_geo=rng.choice([None, "us", "global"]),
        speed=rng.choice([None, "fast", "standard"]),
    )


def _random_key(rng: random.Random, apis: tuple[str, str], *, lone: bool) -> Row:
    api = rng.choice(apis)
    return {
        "usage_date": _day(rng),
        "api": api,
        "workspace_id": rng.choice([None, "", "w-1"]),
        "api_key_id": None if api == "cost_report" else rng.choice([None, "k-1"]),
        "model": None if lone else rng.choice([None, "m", "n"]),
        "service_tier": None if lone else rng.choice(["standard", "batch"]),
        "context_window": None if lone else rng.choice([None, "0-200k"]),
    }


def _day(rng: random.Random) -> str:
    return rng.choice(["2026-10-31", "2026-12-01", "2026-12-31"])


def _amount(rng: random.Random) -> str:
    return str(Decimal(rng.randrange(-(10**11), 10**15)).scaleb(-9))
