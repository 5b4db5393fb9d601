"""Unit prices in `focus_costs`, by SQL, against the price tables of the stand-ins, over a day that runs have loaded."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from localcloud.onboarding import OnboardedOrg
from localcloud.providers.openai.catalogue import PRICES, PRODUCTS, STORAGE, SUPPORT, VARIANTS, billed_as
from tests.conftest import FIXTURE_DAY, Local, NewOrgs
from tests.jobs.conftest import RunJob
from tests.jobs.test_usage_cost_run import change_key, llm_run, messages

MILLION = Decimal(10**6)
TIERS = {True: "batch", False: None}
Prices = Mapping[tuple[str | None, ...], Decimal]


def priced(local: Local, org: OnboardedOrg, provider: str, names: str) -> dict[tuple[Any, ...], set[Decimal]]:
    """Different unit prices of a day's known quantities, by the columns `names`: each charge has one to the last digit."""
    sql = f"""
        SELECT {names}, ContractedUnitPrice AS price, BilledCost AS cost, PricingQuantity AS quantity
        FROM {org.org_slug}.focus_costs
        WHERE x_UsageDate = '{FIXTURE_DAY}' AND x_Provider = '{provider}' AND ChargeCategory = 'Usage' AND x_QuantityKnown
    """
    found: dict[tuple[Any, ...], set[Decimal]] = {}
    for row in local.query(sql):
        found.setdefault(tuple(row[name] for name in names.split(", ")), set()).add(row["price"])
    return found


@pytest.fixture
def openai_org(local: Local, new_org: NewOrgs, run_job: RunJob) -> OnboardedOrg:
    org = new_org()
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
    """The unit price of each model, tier and token type is the stand-in's, exactly, and no type is missing."""
    found = priced(local, openai_org, "openai", "x_Model, x_ServiceTier, x_TokenType")
    tokens = {by: prices for by, prices in found.items() if by[2] is not None}
    assert tokens == {by: {price} for by, price in openai_prices().items()}


def test_a_sku_price_of_openai_has_one_price(local: Local, openai_org: OnboardedOrg) -> None:
    """One SkuPriceId has one price on a day, tools and storage among them."""
    found = priced(local, openai_org, "openai", "SkuPriceId")
    assert {by: len(prices) for by, prices in found.items()} == dict.fromkeys(found, 1)
    for product in PRODUCTS.values():
        each = product.price * (MILLION if product.unit == "tokens" else 1)
        assert found[f"openai/{product.line_item}",] == {each}
    assert found[f"openai/{STORAGE.line_item}",] == {Decimal("0.004166667")}  # a day's price for an hour, rounded


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
        f"WHERE x_UsageDate = '{FIXTURE_DAY}' AND SkuMeter IS NULL AND ChargeCategory = 'Usage'"
    )
    assert {row["item"] for row in silent} == {SUPPORT, "rounding, input"}
