"""Unit prices in `focus_costs` against the price tables of the stand-ins, over a day that runs have loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

from cloudact.runs.run import Run
from localcloud.integrations import ProviderAccount
from localcloud.onboarding import NewOrg, onboard
from localcloud.providers.anthropic.catalogue import BILLED_TIERS, TOKEN_TYPES, cents_per_token
from localcloud.providers.anthropic.catalogue import VARIANTS as CLAUDE
from localcloud.providers.openai.catalogue import PRICES, PRODUCTS, STORAGE, SUPPORT, VARIANTS, billed_as
from tests.conftest import FIXTURE_DAY, NOON, Local
from tests.jobs.conftest import work_on
from tests.jobs.test_usage_cost_run import llm_run, messages

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


@dataclass(frozen=True)
class Day:
    """A run that has loaded a day, and what `focus_costs` tells of that."""

    run: Run
    rows: list[dict[str, Any]]

    def charges(self, *names: str, cost: str = "BilledCost") -> dict[Key, list[Charge]]:
        """The usage whose quantity is known and not zero, by the columns `names`."""
        found: dict[Key, list[Charge]] = {}
        for row in self.usage():
            if row["x_QuantityKnown"] and row["PricingQuantity"]:
                charge = Charge(row[cost], row["PricingQuantity"])
                found.setdefault(tuple(row[name] for name in names), []).append(charge)
        return found

    def usage(self) -> list[dict[str, Any]]:
        return [row for row in self.rows if row["ChargeCategory"] == "Usage"]


def without_one_price(found: Mapping[Key, list[Charge]]) -> list[Key]:
    """The keys whose charges no single price explains, each amount being rounded."""
    return [
        key
        for key, each in found.items()
        if max((one.cost - HALF_A_NANO) / one.quantity for one in each)
        > min((one.cost + HALF_A_NANO) / one.quantity for one in each)
    ]


def loaded(local: Local, provider: str, **settings: str) -> Day:
    """What a run of an org's own loads of a day with many rows."""
    local.clock.now = NOON
    source = {"source_project": "prices", "source_dataset": "d", "source_table": "gcp_billing_export_v1_X"}
    account = ProviderAccount(provider.upper(), seed=7, rows=400, settings=settings)
    org = onboard(local.settings, NewOrg(f"prices_{next(local.numbers)}", source, accounts=(account,)))
    run = llm_run(org, provider)
    assert work_on(local, run) == 0
    return Day(run, local.query(f"SELECT * FROM {org.org_slug}.focus_costs WHERE x_UsageDate = '{FIXTURE_DAY}'"))


@pytest.fixture(scope="module")
def openai(session_cloud: Local) -> Day:
    return loaded(session_cloud, "openai")


@pytest.fixture(scope="module", params=[{}, {"api": "analytics"}], ids=["reports", "analytics"])
def anthropic(session_cloud: Local, request: pytest.FixtureRequest) -> Day:
    return loaded(session_cloud, "anthropic", **request.param)


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


def test_openai_prices_are_those_of_the_price_table(openai: Day) -> None:
    """Every charge costs the stand-in's price of its model, tier and token type, exactly, and no type is missing."""
    found = openai.charges("x_Model", "x_ServiceTier", "x_TokenType")
    tokens = {key: each for key, each in found.items() if key[2] is not None}
    expected = openai_prices()
    assert set(tokens) == set(expected)
    assert not [(key, one) for key, each in tokens.items() for one in each if not one.costs(expected[key])]


def test_a_sku_price_of_openai_has_one_price(openai: Day) -> None:
    """One SkuPriceId has one price on a day, tools and storage among them."""
    found = openai.charges("SkuPriceId")
    assert without_one_price(found) == []
    for product in PRODUCTS.values():
        each = product.price * (MILLION if product.unit == "tokens" else 1)
        assert all(charge.costs(each) for charge in found[f"openai/{product.line_item}",])
    assert len(found[f"openai/{STORAGE.line_item}",]) > 0


def test_anthropic_prices_are_those_of_the_price_table(anthropic: Day) -> None:
    """Every charge costs the stand-in's price of what it is for, fast mode and geography among it, exactly."""
    names = ("x_Model", "x_ServiceTier", "x_ContextWindow", "x_InferenceGeo", "x_Speed", "x_TokenType")
    found = anthropic.charges(*names, cost="ListCost")
    expected = {
        (v.model, v.service_tier, v.context_window, v.inference_geo, v.speed, kind): cents_per_token(v, kind) * 10**4
        for v in CLAUDE
        for kind in TOKEN_TYPES
        if v.service_tier in BILLED_TIERS
    }
    tokens = {key: each for key, each in found.items() if key[5] is not None}
    assert set(tokens) == set(expected)
    assert not [(key, one) for key, each in tokens.items() for one in each if not one.costs(expected[key])]


def test_anthropic_quantities_are_known(anthropic: Day) -> None:
    """At most one per cent of what tokens cost has an unknown quantity; one SkuPriceId has one price on the day."""
    tokens = [row for row in anthropic.usage() if row["x_CostType"] == "tokens"]
    unknown = sum(row["BilledCost"] for row in tokens if not row["x_QuantityKnown"])
    assert 0 <= unknown <= sum(row["BilledCost"] for row in tokens) / 100
    assert tokens
    for cost in ("BilledCost", "ListCost"):
        assert without_one_price(anthropic.charges("SkuPriceId", cost=cost)) == []


def test_a_run_counts_the_line_items_that_nobody_understands(local: Local, openai: Day) -> None:
    """The step says how many different line items say nothing to us, and which; the rest has a model or a meter."""
    (text,) = [text for _, text in messages(local, openai.run) if "not understood" in text]
    assert text.startswith("1 of ")
    assert SUPPORT in text
    silent = {row["ChargeDescription"] for row in openai.usage() if row["SkuMeter"] == row["ChargeDescription"]}
    assert silent == {SUPPORT, "rounding, input"}
