"""Tables `focus_costs` with every column of a FOCUS model, filled at random so that each rule is met and broken.

Products of a price and a quantity are exact, plainly wrong, or wrong by about half or twice of what the official
validator allows; its binary numbers decide what lies closer to that.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from typing import Any

from focus.checks import columns_of
from focus.model import Model

Row = dict[str, Any]
DAY = "2026-11-10"
MONTH = date(2026, 11, 1)
JSON_COLUMNS = ("Tags", "SkuPriceDetails", "AllocatedTags")
DOCUMENTS: Mapping[str, Sequence[Any]] = {
    "ContractApplied": (
        {"Elements": [{"ContractId": "c", "ContractCommitmentId": "d", "ContractCommitmentAppliedCost": 1}]},
        {"Elements": [{"ContractId": "c", "ContractCommitmentId": "d"}]},
    ),
    "AllocatedMethodDetails": (
        {"Elements": [{"AllocatedRatio": 0.5, "UsageUnit": "GB", "UsageQuantity": 3}], "x_Method": 1},
        {"Elements": [{"AllocatedRatio": 1.5}]},
    ),
    "CommitmentProgramEligibilityDetails": (
        {"CommitmentPrograms": [{"ProgramType": "CUD"}]},
        {"CommitmentPrograms": []},
    ),
}


def types(model: Model) -> dict[str, str]:
    """GoogleSQL type of every column that the model's rules speak of, and of ours by which a month is read."""
    rules = model.of_dataset().values()
    found = dict.fromkeys(sorted(columns_of(rule.check for rule in rules)), "STRING")
    for rule in rules:
        if rule.check.function in ("TypeDecimal", "TypeDateTime"):
            wanted = "NUMERIC" if rule.check.function == "TypeDecimal" else "TIMESTAMP"
            found[str(rule.check.arguments["ColumnName"])] = wanted
    return found | {"x_UsageDate": "DATE"}


def rows(model: Model, seed: int, number: int) -> list[Row]:
    """Rows as a load job takes them.

    Each column has a share of bad values of its own, which is mostly none: rules are broken here and there, not all.
    """
    rng, columns, values = random.Random(seed), types(model), _allowed(model)
    bad = {column: rng.choice([0, 0, 0.02, 0.5]) for column in columns}
    # The validator leaves out a column of times that are all NULL, so these have some.
    null = {column: rng.choice([0, 0.1, 0.5, 0.2 if kind == "TIMESTAMP" else 1]) for column, kind in columns.items()}
    return [
        {
            column: None if rng.random() < null[column] else _value(rng, column, kind, values, bad[column])
            for column, kind in columns.items()
        }
        | {"x_UsageDate": DAY}
        | _costs(rng, bad["ListCost"])
        for _ in range(number)
    ]


def _allowed(model: Model) -> Mapping[str, Sequence[str]]:
    """Values that the rules compare a column with."""
    found = defaultdict[str, list[str]](list)
    for rule in model.of_dataset().values():
        for check in [each for part in (rule.check, rule.condition) if part for each in part.each()]:
            if check.function in ("CheckValue", "CheckNotValue") and check.arguments["Value"] is not None:
                found[str(check.arguments["ColumnName"])].append(str(check.arguments["Value"]))
    return {column: sorted(set(values)) for column, values in found.items()}


def _value(rng: random.Random, column: str, kind: str, values: Mapping[str, Sequence[str]], bad: float) -> str | None:
    wrong = rng.random() < bad
    if kind == "NUMERIC":
        return str(rng.choice([-1, -2.5] if wrong else [0, 1, 2.5]))
    if kind in ("TIMESTAMP", "DATE"):
        return rng.choice(["2026-11-10T00:00:00Z", "2026-11-11T00:00:00Z"])
    if column in DOCUMENTS:
        return "{" if wrong and rng.random() < 0.3 else json.dumps(DOCUMENTS[column][int(wrong)])
    if column in JSON_COLUMNS:
        return rng.choice(["{", "nö", "[1", '{"ü": 1}']) if wrong else rng.choice(['{"a": "b"}', "{}"])
    if "Currency" in column:
        return rng.choice(["usd", "EURO", "QQQ"] if wrong else ["USD", "EUR", "XXX"])
    if column.endswith("Unit"):
        return rng.choice(["byte_seconds", "1.5 GB", "1"] if wrong else ["GB", "GB-Hours", "1000000 Tokens", "GB/Hour"])
    if column in values:
        return rng.choice(["", "Ünknown", "x"] if wrong else values[column])
    return rng.choice(["ä", "a", ""]) if wrong else rng.choice(["a", "b"])


def _costs(rng: random.Random, bad: float) -> Row:
    quantity, price = Decimal(rng.randrange(1, 10**6)).scaleb(-6), Decimal(rng.choice([3, 15, 75]))
    wrong = rng.random() < bad
    return {
        "PricingQuantity": str(quantity),
        "ListUnitPrice": str(price),
        "ContractedUnitPrice": rng.choice([None, str(price)]),
        "ListCost": str(quantity * price + _miss(rng, quantity * price, wrong=wrong)),
        "ContractedCost": str(quantity * price),
    }


def _miss(rng: random.Random, product: Decimal, *, wrong: bool) -> Decimal:
    """By how much a result differs from the product: the validator allows 1e-9, and from 1 on that part of it."""
    allowed = max(product, Decimal(1)) * Decimal("1e-9")
    missed = rng.choice([Decimal(1), 2 * allowed] if wrong else [Decimal(0), allowed / 2])
    return missed.quantize(Decimal("1e-9"), ROUND_UP if wrong else ROUND_DOWN)
