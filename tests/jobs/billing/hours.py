"""Rows of a detailed export, made one by one: an hour of a virtual machine unless told otherwise."""

from __future__ import annotations

import copy
from typing import Any

DAY = "2026-11-10"
_HOUR: dict[str, Any] = {
    "billing_account_id": "012345-6789AB-CDEF01",
    "service": {"id": "6F81-5844-456A", "description": "Compute Engine"},
    "sku": {"id": "CF4E-A0C7-E3BF", "description": "E2 Instance Core running in Americas"},
    "usage_start_time": f"{DAY} 12:00:00 UTC", "usage_end_time": f"{DAY} 13:00:00 UTC",
    "export_time": f"{DAY} 18:00:00 UTC", "_partition_date": DAY,
    "project": {"id": "shop", "number": "111", "name": "Shop", "labels": [], "ancestry_numbers": "/1/"},
    "labels": [], "system_labels": [], "tags": [],
    "location": {"location": "us-central1", "country": "US", "region": "us-central1", "zone": None},
    "transaction_type": "GOOGLE", "seller_name": None, "cost_type": "regular", "adjustment_info": None,
    "cost": 10.0, "currency": "USD", "currency_conversion_rate": 1.0, "credits": [],
    "cost_at_list": 12.0, "cost_at_effective_price_default": 10.0, "cost_at_list_consumption_model": 12.0,
    "usage": {"amount": 3600.0, "unit": "seconds", "amount_in_pricing_units": 1.0, "pricing_unit": "hour"},
    "invoice": {"month": "202611", "publisher_type": "GOOGLE"},
    "price": {
        "effective_price": "10", "tier_start_amount": "0", "unit": "hour", "pricing_unit_quantity": "1",
        "list_price": "12", "effective_price_default": "10", "list_price_consumption_model": "12",
    },
    "consumption_model": {"id": "7754-699E-0EBF", "description": "Default"},
    "resource": {"name": "vm-1", "global_name": "//compute.googleapis.com/projects/shop/instances/1"},
    "subscription": None,
}  # fmt: skip


def hour(**columns: Any) -> dict[str, Any]:
    """A row; two underscores reach into a record: `usage__amount=None`."""
    row = copy.deepcopy(_HOUR)
    for path, value in columns.items():
        *records, name = path.split("__") if not path.startswith("_") else [path]
        at = row
        for record in records:
            at[record] = at = dict(at[record] or {})
        at[name] = value
    return row


def credit(type_: str, amount: float | None) -> dict[str, Any]:
    """One credit of a row."""
    return {"name": type_.title(), "amount": amount, "full_name": type_.title(), "id": type_.lower(), "type": type_}


def pairs(*items: tuple[str | None, str | None], **more: Any) -> list[dict[str, Any]]:
    """Labels, or tags with `inherited` and `namespace`, of (key, value)."""
    return [{"key": key, "value": value} | more for key, value in items]
