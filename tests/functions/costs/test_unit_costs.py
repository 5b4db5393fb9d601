"""GET /costs/{org}/unit-costs: what a million tokens costs, and what caches have saved."""

from __future__ import annotations

from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal, localcontext

import pytest

from localcloud.onboarding import OnboardedOrg
from tests.conftest import Local
from tests.functions.costs.charges import Charge, total
from tests.functions.costs.conftest import Get

OCTOBER = {"start": "2026-10-01", "end": "2026-10-31"}
NAMES = ("model", "token_type", "sub_account")


def price(found: list[Charge]) -> Decimal | None:
    """What a million tokens costs, computed apart from the service."""
    tokens = sum(charge.tokens or 0 for charge in found)
    with localcontext(prec=100):
        exact = total(found) / tokens * 1_000_000 if tokens else None
        return None if exact is None else exact.quantize(Decimal("1e-9"), ROUND_HALF_UP)


def grouped(found: list[Charge], month: int, names: tuple[str, ...]) -> dict[tuple[str | None, ...], list[Charge]]:
    """The month's charges of tokens by these dimensions."""
    groups: dict[tuple[str | None, ...], list[Charge]] = defaultdict(list)
    for charge in found:
        if charge.tokens and charge.day.month == month:
            groups[tuple(getattr(charge, name) for name in names)].append(charge)
    return groups


@pytest.mark.parametrize("names", [NAMES[:2], NAMES])
def test_a_million_tokens(get: Get, found: list[Charge], names: tuple[str, ...]) -> None:
    """Each type of each model has its price, now and in the month before, rounded once as NUMERIC is."""
    answer = get("/unit-costs", **OCTOBER, compare="previous_period", group_by=names[2:]).get_json()
    now, before = grouped(found, 10, names), grouped(found, 9, names)
    told = {tuple(each["key"][name] for name in names): each for each in answer["unit_costs"]}
    assert set(told) == set(now) | set(before)
    for key, each in told.items():
        assert Decimal(each["cost_per_million"]) == price(now[key])
        assert Decimal(each["previous"]["cost_per_million"]) == price(before[key])
        assert Decimal(each["tokens"]) == sum(charge.tokens or 0 for charge in now[key])
        assert Decimal(each["cost"]) == total(now[key])
        assert (each["currency"], each["cost_without_tokens"], each["kind"]) == ("USD", "0", "group")
        assert each["token_direction"] == ("Output" if key[1] == "output" else "Input")
    costs = [Decimal(each["cost"]) for each in answer["unit_costs"]]
    assert costs == sorted(costs, reverse=True)
    assert answer["group_by"] == ["provider", *names]


def test_what_caches_save(get: Get, found: list[Charge]) -> None:
    """Cached tokens at the price of uncached input of the model, less what they cost."""
    answer = get("/unit-costs", **OCTOBER).get_json()
    groups = grouped(found, 10, ("model", "token_type"))
    assert len(answer["cache_savings"]) == 3
    for each in answer["cache_savings"]:
        model = each["key"]["model"]
        cached, uncached = groups[model, "cached_input"], groups[model, "input"]
        tokens = sum(charge.tokens or 0 for charge in cached)
        with localcontext(prec=100):
            full = total(uncached) * tokens / sum(charge.tokens or 0 for charge in uncached)
            assert Decimal(each["saved"]) == (full - total(cached)).quantize(Decimal("1e-9"), ROUND_HALF_UP)
        assert Decimal(each["uncached_cost_per_million"]) == price(uncached)
        assert (each["read_tokens"], each["written_tokens"]) == (str(tokens), "0")
        assert each["key"] == {"provider": "openai", "model": model}


def test_sql_tells_the_same(local: Local, org: OnboardedOrg, get: Get) -> None:
    """The division that an analyst writes gives the API's digits."""
    rows = local.query(
        f"""
        SELECT x_Model, CAST(SAFE_DIVIDE(SUM(BilledCost) * 1000000, SUM(ConsumedQuantity)) AS NUMERIC) AS price
        FROM {org.org_slug}.focus_costs
        WHERE x_UsageDate BETWEEN '2026-10-01' AND '2026-10-31' AND x_TokenType = 'output' AND x_QuantityKnown
        GROUP BY x_Model
        """
    )
    told = get("/unit-costs", **OCTOBER, token_type="output").get_json()["unit_costs"]
    assert {row["x_Model"]: row["price"] for row in rows} == {
        each["key"]["model"]: Decimal(each["cost_per_million"]) for each in told
    }


def test_two_more_dimensions_are_refused(get: Get) -> None:
    """One dimension beside provider, model and token type is what fits."""
    for group_by in ("sub_account,api_key", "model", "label:team"):
        answer = get("/unit-costs", group_by=group_by)
        assert (answer.status_code, answer.get_json()["field"]) == (400, "group_by")
    assert get("/unit-costs", metric="consumed").status_code == 400
