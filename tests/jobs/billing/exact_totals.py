"""What a day must come to, computed from the export's rows in plain Python: no SQL, no float arithmetic.

Independent of providers/gcp on purpose: each column is written out again from Google's documentation.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

Row = dict[str, Any]

NANO, BIG = Decimal("1e-9"), Decimal("1e-38")
EXACT = Context(prec=120)
DIMENSIONS: dict[str, Callable[[Row], Any]] = {
    "usage_date": lambda r: moment(r["usage_start_time"]).date(),
    "billing_account_id": lambda r: _text(r["billing_account_id"]),
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
    "tags": lambda r: _json(_tags(r)),
    "cost_type": lambda r: _text(r["cost_type"]),
    "transaction_type": lambda r: _text(r.get("transaction_type")),
    "seller_name": lambda r: _text(r.get("seller_name")),
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
    "currency": lambda r: _text(r["currency"]),
    "currency_conversion_rate": lambda r: r.get("currency_conversion_rate"),
    "usage_unit": lambda r: _at(r, "usage", "unit"),
    "pricing_unit": lambda r: _at(r, "usage", "pricing_unit"),
    "period_start": lambda r: moment(r["usage_start_time"]) if _is_long(r) else None,
    "period_end": lambda r: moment(r["usage_end_time"]) if _is_long(r) else None,
    "commitment_fee": lambda r: _is_fee(r),
    "more_labels": lambda r: _more(r),
}
AMOUNTS: dict[str, Callable[[Row], Decimal | None]] = {
    "usage_amount": lambda r: big(_at(r, "usage", "amount")),
    "usage_amount_in_pricing_units": lambda r: big(_at(r, "usage", "amount_in_pricing_units")),
    "cost": lambda r: big(r["cost"]),
    "credits": lambda r: _credits(r),
    "net_cost": lambda r: EXACT.add(big(r["cost"]) or Decimal(), _credits(r)),
    "list_cost": lambda r: _priced(r, "cost_at_list"),
    "contracted_cost": lambda r: _priced(r, "cost_at_effective_price_default"),
}
"""What a row tells, exact."""
STAND_INS = {"list_cost": ("contracted_cost", "cost"), "contracted_cost": ("cost",)}
"""What counts for a row that does not tell the amount, if another row of its group does."""
KNOWN = {
    "usage_amount_known": "usage_amount",
    "pricing_amount_known": "usage_amount_in_pricing_units",
    "list_cost_known": "list_cost",
    "contracted_cost_known": "contracted_cost",
}
TOTALS = (*AMOUNTS, *KNOWN, "source_row_count", "source_max_export_time")

Group = tuple[Any, ...]


def day_groups(rows: Iterable[Row], day: date, snapshot: datetime, drop: Iterable[str] = ()) -> dict[Group, Row]:
    """`{values of DIMENSIONS: TOTALS}` of the rows of one UTC day that were exported by `snapshot`.

    `drop` are inactive projects.
    """
    groups: defaultdict[Group, list[Row]] = defaultdict(list)
    for row in _of_day(rows, day, snapshot, frozenset(drop)):
        groups[tuple(read(row) for read in DIMENSIONS.values())].append(row)
    return {key: _totals(members) for key, members in groups.items()}


def groups_of(found: Iterable[Row]) -> dict[Group, Row]:
    """Result rows (of the statement or the Parquet file) keyed as `day_groups` keys them."""
    return {tuple(row[d] for d in DIMENSIONS): {t: row[t] for t in TOTALS} for row in found}


def grand_total(groups: Iterable[Row]) -> Row:
    """The sum of each amount over all groups, exact."""
    total: Row = dict.fromkeys(AMOUNTS, Decimal())
    for group in groups:
        for name in AMOUNTS:
            total[name] = EXACT.add(total[name], group[name] or Decimal())
    return total


def numeric(value: float | str | Decimal | None) -> Decimal | None:
    """GoogleSQL's CAST to NUMERIC: the float's exact binary value, half away from zero at nine places."""
    return None if value is None else Decimal(value).quantize(NANO, ROUND_HALF_UP, EXACT)


def big(value: float | str | None) -> Decimal | None:
    """GoogleSQL's CAST to BIGNUMERIC: the same at 38 places."""
    return None if value is None else Decimal(value).quantize(BIG, ROUND_HALF_UP, EXACT)


def moment(text: str) -> datetime:
    """An instant of the export's JSON, aware."""
    return datetime.fromisoformat(text.removesuffix(" UTC")).replace(tzinfo=UTC)


def _of_day(rows: Iterable[Row], day: date, snapshot: datetime, drop: frozenset[str]) -> Iterator[Row]:
    for row in rows:
        in_time = moment(row["export_time"]) <= snapshot
        if in_time and moment(row["usage_start_time"]).date() == day and _at(row, "project", "id") not in drop:
            yield row


def _totals(rows: list[Row]) -> Row:
    known = {name: all(AMOUNTS[amount](row) is not None for row in rows) for name, amount in KNOWN.items()}
    amounts = {name: numeric(_sum(name, rows)) for name in AMOUNTS}
    newest = max(moment(row["export_time"]) for row in rows)
    return amounts | known | {"source_row_count": len(rows), "source_max_export_time": newest}


def _sum(name: str, rows: list[Row]) -> Decimal | None:
    if all(AMOUNTS[name](row) is None for row in rows):
        return None
    total = Decimal()
    for row in rows:
        values = (AMOUNTS[each](row) for each in (name, *STAND_INS.get(name, ())))
        total = EXACT.add(total, next((value for value in values if value is not None), Decimal()))
    return total


def _credits(row: Row) -> Decimal:
    total = Decimal()
    for credit in row["credits"] or []:
        total = EXACT.add(total, big(credit["amount"]) or Decimal())
    return total


def _priced(row: Row, name: str) -> Decimal | None:
    value = row.get(name)
    unpriced = str(row["cost_type"]).strip().lower() in ("tax", "rounding_error")
    return None if unpriced and value == 0 else big(value)


def _is_long(row: Row) -> bool:
    midnight = datetime.combine(moment(row["usage_start_time"]).date(), datetime.min.time(), UTC)
    return bool(row.get("usage_end_time")) and moment(row["usage_end_time"]) > midnight + timedelta(days=1)


def _is_fee(row: Row) -> bool:
    name = (_at(row, "sku", "description") or "").lower()
    types = {credit.get("type") or "" for credit in row["credits"] or []}
    subscribed = _at(row, "subscription", "instance_id") and _at(row, "consumption_model", "description") == "Default"
    return bool(
        name.split(" ")[0] == "commitment"
        or "committed use discount" in name
        or "FEE_UTILIZATION_OFFSET" in types
        or any(label["key"] == "goog-originating-sku-id" for label in row.get("labels") or [])
        or (subscribed and not any(type_.startswith("COMMITTED_USAGE_DISCOUNT") for type_ in types))
    )


def _at(row: Row, record: str, field: str) -> Any:
    return _text((row.get(record) or {}).get(field))


def _text(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _tags(row: Row) -> list[Row]:
    named = ({**t, "prefix": f"{t['namespace']}/" if t.get("namespace") else ""} for t in row.get("tags") or [])
    return [{**t, "key": (t["key"] or "").strip() and t["prefix"] + t["key"]} for t in named]


def _ranked(pairs: Iterable[Row] | None) -> dict[str | None, list[Any]]:
    """The values of each key, the one that an object takes first."""
    by_key: defaultdict[str | None, dict[Any, bool]] = defaultdict(dict)
    for pair in pairs or []:
        values, inherited = by_key[((pair["key"] or "").strip() and pair["key"]) or None], bool(pair.get("inherited"))
        values[pair["value"]] = inherited and values.get(pair["value"], True)
    return {key: [value for *_, value in sorted(map(_rank, values.items()))] for key, values in by_key.items()}


def _rank(item: tuple[Any, bool]) -> tuple[bool, bool, bytes, Any]:
    value, inherited = item
    return value is None, inherited, (value or "").encode(), value


def _json(pairs: Iterable[Row] | None) -> str:
    first = {key: values[0] for key, values in _ranked(pairs).items() if key}
    ordered = dict(sorted(first.items(), key=lambda item: item[0].encode()))
    return json.dumps(ordered, ensure_ascii=False, separators=(",", ":"))


def _more(row: Row) -> str | None:
    kinds = {
        "label": row.get("labels"),
        "project_label": (row.get("project") or {}).get("labels"),
        "system_label": row.get("system_labels"),
        "tag": _tags(row),
    }
    more = []
    for kind, pairs in kinds.items():
        left = [(k, v) for k, values in _ranked(pairs).items() for v in (values[1:] if k else values)]
        left.sort(key=lambda pair: tuple((x is not None, (x or "").encode()) for x in pair))
        more += [{"kind": kind, "key": key, "value": value} for key, value in left]
    return json.dumps(more, ensure_ascii=False, separators=(",", ":")) if more else None
