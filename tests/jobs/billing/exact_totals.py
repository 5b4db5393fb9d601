"""What a day must come to, computed from the export's rows in plain Python: no SQL, no float arithmetic.

Independent of jobs/billing on purpose: each column is written out again from Google's documentation.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

Row = dict[str, Any]

NANO = Decimal("1e-9")
EXACT = Context(prec=80)
DIMENSIONS: dict[str, Callable[[Row], Any]] = {
    "usage_date": lambda r: moment(r["usage_start_time"]).date(),
    "billing_account_id": lambda r: r["billing_account_id"],
    "invoice_month": lambda r: _at(r, "invoice", "month"),
    "invoice_publisher_type": lambda r: _at(r, "invoice", "publisher_type"),
    "project_id": lambda r: _at(r, "project", "id"),
    "project_name": lambda r: _at(r, "project", "name"),
    "project_number": lambda r: _at(r, "project", "number"),
    "project_ancestry_numbers": lambda r: _at(r, "project", "ancestry_numbers"),
    "project_labels": lambda r: _json(_at(r, "project", "labels")),
    "service_id": lambda r: _at(r, "service", "id"),
    "service_description": lambda r: _at(r, "service", "description"),
    "sku_id": lambda r: _at(r, "sku", "id"),
    "sku_description": lambda r: _at(r, "sku", "description"),
    "location": lambda r: _at(r, "location", "location"),
    "country": lambda r: _at(r, "location", "country"),
    "region": lambda r: _at(r, "location", "region"),
    "zone": lambda r: _at(r, "location", "zone"),
    "resource_name": lambda r: _at(r, "resource", "name"),
    "resource_global_name": lambda r: _at(r, "resource", "global_name"),
    "subscription_id": lambda r: _at(r, "subscription", "instance_id"),
    "labels": lambda r: _json(r.get("labels")),
    "system_labels": lambda r: _json(r.get("system_labels")),
    "tags": lambda r: _json([{**t, "key": f"{t['namespace']}/{t['key']}"} for t in r.get("tags") or []]),
    "cost_type": lambda r: r["cost_type"],
    "transaction_type": lambda r: r.get("transaction_type"),
    "seller_name": lambda r: r.get("seller_name"),
    "adjustment_id": lambda r: _at(r, "adjustment_info", "id"),
    "adjustment_description": lambda r: _at(r, "adjustment_info", "description"),
    "adjustment_mode": lambda r: _at(r, "adjustment_info", "mode"),
    "adjustment_type": lambda r: _at(r, "adjustment_info", "type"),
    "consumption_model_id": lambda r: _at(r, "consumption_model", "id"),
    "consumption_model_description": lambda r: _at(r, "consumption_model", "description"),
    "price_tier_start_amount": lambda r: numeric(_at(r, "price", "tier_start_amount")),
    "price_unit_quantity": lambda r: numeric(_at(r, "price", "pricing_unit_quantity")),
    "list_price": lambda r: numeric(_at(r, "price", "list_price")),
    "effective_price": lambda r: numeric(_at(r, "price", "effective_price")),
    "currency": lambda r: r["currency"],
    "currency_conversion_rate": lambda r: r.get("currency_conversion_rate"),
    "usage_unit": lambda r: _at(r, "usage", "unit"),
    "pricing_unit": lambda r: _at(r, "usage", "pricing_unit"),
}
AMOUNTS: dict[str, Callable[[Row], Decimal | None]] = {
    "usage_amount": lambda r: numeric(_at(r, "usage", "amount")),
    "usage_amount_in_pricing_units": lambda r: numeric(_at(r, "usage", "amount_in_pricing_units")),
    "cost": lambda r: numeric(r["cost"]),
    "credits": lambda r: _credits(r),
    "net_cost": lambda r: EXACT.add(numeric(r["cost"]) or Decimal(), _credits(r)),
    "list_cost": lambda r: numeric(r.get("cost_at_list")),
    "contracted_cost": lambda r: numeric(r.get("cost_at_effective_price_default")),
}

Group = tuple[Any, ...]


def day_groups(rows: Iterable[Row], day: date, snapshot: datetime, drop: Iterable[str] = ()) -> dict[Group, Row]:
    """`{values of DIMENSIONS: totals}` of the rows of one UTC day that were exported by `snapshot`.

    Totals are AMOUNTS plus `source_row_count` and `source_max_export_time`. `drop` are inactive projects.
    """
    groups: dict[Group, Row] = {}
    for row in _of_day(rows, day, snapshot, frozenset(drop)):
        key = tuple(read(row) for read in DIMENSIONS.values())
        _add(groups.setdefault(key, dict.fromkeys(AMOUNTS)), row)
    return groups


def groups_of(found: Iterable[Row]) -> dict[Group, Row]:
    """Result rows (of the statement or the Parquet file) keyed as `day_groups` keys them."""
    totals = (*AMOUNTS, "source_row_count", "source_max_export_time")
    return {tuple(row[d] for d in DIMENSIONS): {t: row[t] for t in totals} for row in found}


def grand_total(groups: Iterable[Row]) -> Row:
    """The sum of each amount over all groups, exact."""
    total: Row = dict.fromkeys(AMOUNTS, Decimal())
    for group in groups:
        for name in AMOUNTS:
            total[name] = EXACT.add(total[name], group[name] or Decimal())
    return total


def numeric(value: float | str | None) -> Decimal | None:
    """GoogleSQL's CAST to NUMERIC: the float's exact binary value, half away from zero at nine places."""
    return None if value is None else Decimal(value).quantize(NANO, ROUND_HALF_UP, EXACT)


def moment(text: str) -> datetime:
    """An instant of the export's JSON, aware."""
    return datetime.fromisoformat(text.removesuffix(" UTC")).replace(tzinfo=UTC)


def _of_day(rows: Iterable[Row], day: date, snapshot: datetime, drop: frozenset[str]) -> Iterator[Row]:
    for row in rows:
        in_time = moment(row["export_time"]) <= snapshot
        if in_time and moment(row["usage_start_time"]).date() == day and _at(row, "project", "id") not in drop:
            yield row


def _add(totals: Row, row: Row) -> None:
    for name, read in AMOUNTS.items():
        value = read(row)
        if value is not None:
            totals[name] = EXACT.add(totals[name] or Decimal(), value)
    totals["source_row_count"] = totals.get("source_row_count", 0) + 1
    exported = moment(row["export_time"])
    totals["source_max_export_time"] = max(totals.get("source_max_export_time", exported), exported)


def _credits(row: Row) -> Decimal:
    return sum((numeric(c["amount"]) or Decimal() for c in row["credits"] or []), Decimal())


def _at(row: Row, record: str, field: str) -> Any:
    return (row.get(record) or {}).get(field)


def _json(pairs: Iterable[Row] | None) -> str:
    ordered = {pair["key"]: pair["value"] for pair in sorted(pairs or [], key=lambda pair: pair["key"].encode())}
    return json.dumps(ordered, ensure_ascii=False, separators=(",", ":"))
