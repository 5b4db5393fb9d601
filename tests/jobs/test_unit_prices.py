"""Unit prices in `focus_costs`, by SQL, against the price tables of the stand-ins, over a day that runs have loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

from localcloud.onboarding import OnboardedOrg
from localcloud.providers.anthropic.catalogue import BILLED_TIERS, TOKEN_TYPES, cents_per_token
from localcloud.providers.anthropic.catalogue import VARIANTS as CLAUDE
from localcloud.providers.openai.catalogue import PRICES, PRODUCTS, STORAGE, SUPPORT, VARIANTS, billed_as
from tests.conftest import FIXTURE_DAY, Local, NewOrgs
from tests.jobs.conftest import RunJob
from tests.jobs.test_usage_cost_run import change_key, llm_run, messages, set_api

MILLION = Decimal(10**6)
HALF_A_NANO = Decimal("0.5e-9")  # amounts are rounded to nine decimals
Key = tuple[Any, ...]
Prices = Mapping[Key, Decimal]


@dataclass(frozen=True)
class Charge:
    """What a charge cost, and how many pricing units it is for."""

    cost: Decimal
    quantity: Decimal

    def costs(self, price: Decimal) -> bool:
        """Whether it cost this price a unit, to the last digit that is stored."""
        return self.cost == (self.quantity * price).quantize(Decimal("1e-9"), ROUND_HALF_UP)


def charges(local: Local, org: OnboardedOrg, names: str, cost: str = "BilledCost") -> dict[Key, list[Charge]]:
    """The usage of a day whose quantity is known and not zero, by the columns `names`."""
    sql = f"""
        SELECT {names}, {cost} AS cost, PricingQuantity AS quantity
        FROM {org.org_slug}.focus_costs
        WHERE x_UsageDate = '{FIXTURE_DAY}' AND ChargeCategory = 'Usage' AND x_QuantityKnown AND PricingQuantity != 0
    """
    found: dict[Key, list[Charge]] = {}
    for row in local.query(sql):
        charge = Charge(row["cost"], row["quantity"])
        found.setdefault(tuple(row[name] for name in names.split(", ")), []).append(charge)
    return found


def without_one_price(found: Mapping[Key, list[Charge]]) -> list[Key]:
    """The keys whose charges no single price explains, each amount being rounded."""
    return [
        key
        for key, each in found.items()
        if max((one.cost - HALF_A_NANO) / one.quantity for one in each)
        > min((one.cost + HALF_A_NANO) / one.quantity for one in each)
    ]


@pytest.fixture
def openai_org(local: Local, new_org: NewOrgs, run_job: RunJob) -> OnboardedOrg:
    org = new_org(views=True)
    change_key(local, org, "openai", rows=400)
    assert run_job(llm_run(org, "openai")) == 0
    return org


def openai_prices() -> Prices:
    """The stand-in's price of a million tokens by model, tier and token type."""
    prices: dict[tuple[str | None, ...], Decimal] = {}
    for variant in VARIANTS:
        model = billed_as(variant.model)
        tier = "batch" if variant.batch else variant.service_tier
        each, by = PRICES[model], (model, tier if tier in ("batch", "flex", "priority") else None)
        kinds = {"input": each.input, "cached_input": each.cached, "cache_write": each.input, "output": each.output}
        audio = {"audio_input": each.audio_input, "audio_output": each.audio_output} if variant.audio else {}
        for kind, price in (kinds | audio).items():
            prices[*by, kind] = price * variant.multiplier * MILLION
    del prices["gpt-realtime-2", None, "cache_write"]  # it writes no cache
    prices["text-embedding-3-small", None, "input"] = PRODUCTS["embeddings"].price * MILLION
    return prices


def test_openai_prices_are_those_of_the_price_table(local: Local, openai_org: OnboardedOrg) -> None:
    """Every charge costs the stand-in's price of its model, tier and token type, exactly, and no type is missing."""
    found = charges(local, openai_org, "x_Model, x_ServiceTier, x_TokenType")
    tokens = {key: each for key, each in found.items() if key[2] is not None}
    expected = openai_prices()
    assert set(tokens) == set(expected)
    assert not [(key, one) for key, each in tokens.items() for one in each if not one.costs(expected[key])]


def test_a_sku_price_of_openai_has_one_price(local: Local, openai_org: OnboardedOrg) -> None:
    """One SkuPriceId has one price on a day, tools and storage among them."""
    found = charges(local, openai_org, "SkuPriceId")
    assert without_one_price(found) == []
    for product in PRODUCTS.values():
        each = product.price * (MILLION if product.unit == "tokens" else 1)
        assert all(charge.costs(each) for charge in found[f"openai/{product.line_item}",])
    assert len(found[f"openai/{STORAGE.line_item}",]) > 0


@pytest.fixture(params=["reports", "analytics"])
def anthropic_org(local: Local, new_org: NewOrgs, run_job: RunJob, request: pytest.FixtureRequest) -> OnboardedOrg:
    org = new_org(views=True)
    change_key(local, org, "anthropic", rows=400)
    if request.param == "analytics":
        set_api(local, org, "analytics")
    assert run_job(llm_run(org, "anthropic")) == 0
    return org


def test_anthropic_prices_are_those_of_the_price_table(local: Local, anthropic_org: OnboardedOrg) -> None:
    """Every charge costs the stand-in's price of what it is for, fast mode and geography among it, exactly."""
    names = "x_Model, x_ServiceTier, x_ContextWindow, x_InferenceGeo, x_Speed, x_TokenType"
    found = charges(local, anthropic_org, names, "ListCost")
    expected = {
        (v.model, v.service_tier, v.context_window, v.inference_geo, v.speed, kind): cents_per_token(v, kind) * 10**4
        for v in CLAUDE
        for kind in TOKEN_TYPES
        if v.service_tier in BILLED_TIERS
    }
    tokens = {key: each for key, each in found.items() if key[5] is not None}
    assert set(tokens) == set(expected)
    assert not [(key, one) for key, each in tokens.items() for one in each if not one.costs(expected[key])]


def test_anthropic_quantities_are_known(local: Local, anthropic_org: OnboardedOrg) -> None:
    """At most one per cent of what tokens cost has an unknown quantity; one SkuPriceId has one price on the day."""
    (share,) = local.query(
        f"""
        SELECT SUM(IF(x_QuantityKnown, 0, BilledCost)) AS unknown, SUM(BilledCost) AS cost
        FROM {anthropic_org.org_slug}.focus_costs
        WHERE x_UsageDate = '{FIXTURE_DAY}' AND x_CostType = 'tokens' AND ChargeCategory = 'Usage'
        """
    )
    assert share["unknown"] <= share["cost"] / 100
    for cost in ("BilledCost", "ListCost"):
        assert without_one_price(charges(local, anthropic_org, "SkuPriceId", cost)) == []


def test_a_run_counts_the_line_items_that_nobody_understands(
    local: Local, openai_org: OnboardedOrg, run_job: RunJob
) -> None:
    """The step says how many different line items say nothing to us, and which; the rest has a model or a meter."""
    run = llm_run(openai_org, "openai", generation=2)
    assert run_job(run) == 0
    (text,) = [text for _, text in messages(local, run) if "not understood" in text]
    assert text.startswith("1 of ")
    assert SUPPORT in text
    silent = local.query(
        f"SELECT DISTINCT ChargeDescription AS item FROM {openai_org.org_slug}.focus_costs "
        f"WHERE x_UsageDate = '{FIXTURE_DAY}' AND SkuMeter = ChargeDescription AND ChargeCategory = 'Usage'"
    )
    assert {row["item"] for row in silent} == {SUPPORT, "rounding, input"}
