"""What FOCUS 1.4 ties together holds in every row of `focus_costs`, and what Google's export says comes out so."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from tests.infra.conftest import ReadEach, given
from tests.infra.focus_rows import Row, anthropic, gcp, openai

# Column → the column without which it is NULL, and whether it is then never NULL (requirements model of FOCUS 1.4).
TIED = {
    "SubAccountName": ("SubAccountId", True),
    "SubAccountType": ("SubAccountId", True),
    "ResourceName": ("ResourceId", False),
    "SkuMeter": ("SkuId", False),
    "SkuPriceId": ("SkuId", False),
    "ListUnitPrice": ("SkuPriceId", False),
    "ContractedUnitPrice": ("SkuPriceId", False),
    "PricingCategory": ("SkuPriceId", True),
    "SkuPriceDetails": ("SkuPriceId", False),
    "BillingAccountType": ("BillingAccountId", True),
    "RegionName": ("RegionId", True),
    "ResourceType": ("ResourceId", True),
    "PricingCurrency": ("BillingCurrency", True),
    "PricingCurrencyEffectiveCost": ("EffectiveCost", True),
    "CommitmentDiscountCategory": ("CommitmentDiscountId", True),
    "CommitmentDiscountType": ("CommitmentDiscountId", True),
    "CommitmentDiscountStatus": ("CommitmentDiscountId", False),
    "CommitmentDiscountQuantity": ("CommitmentDiscountId", False),
    "CommitmentDiscountUnit": ("CommitmentDiscountQuantity", True),
    "ChargeFrequency": ("ChargeCategory", True),
    "ConsumedUnit": ("ConsumedQuantity", True),
    "PricingUnit": ("PricingQuantity", True),
    "ConsumedQuantity": ("SkuPriceId", False),
    "PricingQuantity": ("SkuPriceId", False),
    "ServiceSubcategory": ("ServiceCategory", True),
}


@pytest.mark.parametrize("column", TIED)
def test_tied_columns_are_null_together(charges: list[Row], column: str) -> None:
    """A name, type or unit is never without what it names, and where FOCUS demands it never missing."""
    other, always = TIED[column]
    assert not [row for row in charges if row[column] is not None and row[other] is None]
    assert not always or not [row for row in charges if row[column] is None and row[other] is not None]


def test_no_text_is_empty(charges: list[Row]) -> None:
    """What is absent is NULL, also where a raw table has an empty text."""
    assert not {(name, row["x_Provider"]) for row in charges for name, value in row.items() if value == ""}


def test_costs_agree_where_focus_says_so(charges: list[Row]) -> None:
    """Tax and credits cost the same effectively as billed; each price has one SKU, and no name repeats its id."""
    skus: dict[str, set[str]] = {}
    for row in charges:
        assert row["ChargeCategory"] not in ("Tax", "Credit") or row["EffectiveCost"] == row["BilledCost"]
        assert row["ResourceName"] is None or row["ResourceName"] != row["ResourceId"]
        assert row["ChargePeriodStart"] < row["ChargePeriodEnd"]
        if row["SkuPriceId"]:
            skus.setdefault(row["SkuPriceId"], set()).add(row["SkuId"])
    assert all(len(parents) == 1 for parents in skus.values())


def test_unit_prices_explain_the_costs(charges: list[Row]) -> None:
    """Unit price by quantity is the cost, but for rounding; only costs below zero, or of nothing, have none."""
    priced = [row for row in charges if row["x_PricingQuantityKnown"]]
    for row in priced:
        for price, cost in (("ListUnitPrice", "ListCost"), ("ContractedUnitPrice", "ContractedCost")):
            if row[price] is None:
                assert row[cost] / (row["PricingQuantity"] or -1) < 0 or row["PricingQuantity"] == 0
            else:
                rounding = (
                    Decimal("1e-9") + row["PricingQuantity"].copy_abs() * Decimal("1e-9") + abs(row[cost]) / 10**6
                )
                assert row[price] >= 0
                assert abs(row[price] * row["PricingQuantity"] - row[cost]) <= rounding
    assert len(priced) > 100


UNIT_PRICES = (
    "ListUnitPrice", "ContractedUnitPrice", "PricingCurrencyListUnitPrice", "PricingCurrencyContractedUnitPrice"
)  # fmt: skip


def test_an_unknown_quantity_makes_no_price(charges: list[Row]) -> None:
    """Where 1 stands for a quantity that is not known, or some of the rows told none, there are no unit prices."""
    unknown = [row for row in charges if not row["x_PricingQuantityKnown"]]
    assert {row[name] for row in unknown for name in UNIT_PRICES} == {None}
    assert {row["x_Provider"] for row in unknown if row["SkuPriceId"]} == {"gcp", "openai", "anthropic"}


SKU = {"line_item": "gpt-5, input"}
PART = {"usage_amount_in_pricing_units": "4", "pricing_unit": "hour"}
THREE = {"net_cost": "3", "contracted_cost": "3", "list_cost": "3", "list_price": "0.75"}


@given(
    {
        "openai_cost_daily_raw": [
            openai(**SKU, amount="3.5"),
            openai(**SKU, amount="700"),
            openai(**SKU, amount="10", quantity="1000000", quantity_unit="tokens"),
        ],
        "gcp_billing_daily_raw": [gcp(**PART), gcp(**PART, **THREE, pricing_amount_known=False)],
    }
)
def test_charges_of_one_sku_price_have_one_price_or_none(rows: list[Row]) -> None:
    """Charges without a quantity, or with a part of one, are not said to have prices beside the real one."""
    found = sorted((row["SkuPriceId"], row["BilledCost"], *(row[name] for name in UNIT_PRICES)) for row in rows)
    hour, million = Decimal("0.375"), Decimal(10)
    assert found == [
        ("A-1", Decimal("1.5"), *[hour] * 4),
        ("A-1", Decimal(3), *[None] * 4),
        ("openai/gpt-5, input", Decimal("3.5"), *[None] * 4),
        ("openai/gpt-5, input", Decimal(10), *[million] * 4),
        ("openai/gpt-5, input", Decimal(700), *[None] * 4),
    ]


def test_sku_price_details_have_the_names_of_1_5(charges: list[Row]) -> None:
    """The properties of AI models have the names and values of FOCUS 1.5; all others begin with x_."""
    known = {"ModelDeveloper", "ModelFamily", "ModelId", "ModelVersion", "TokenDirection", "TokenCacheAction"}
    found = [json.loads(row["SkuPriceDetails"]) for row in charges if row["SkuPriceDetails"]]
    assert {name for each in found for name in each if not name.startswith("x_")} == known
    assert {each.get("TokenDirection") for each in found} == {None, "Input", "Output"}
    assert {each.get("TokenCacheAction") for each in found} == {None, "Uncached", "Read", "Write"}
    assert not [each for each in found if each.get("TokenCacheAction") and each["TokenDirection"] != "Input"]


MODELS = {
    "gpt-5.4-mini-2026-03-05": ("OpenAI", "gpt", "5.4"),
    "gpt-4o-mini": ("OpenAI", "gpt", "4o"),
    "o3-mini": ("OpenAI", "o", "3"),
    "gpt-realtime-2": ("OpenAI", "gpt-realtime", "2"),
    "gpt-audio-mini-2025-12-15": ("OpenAI", None, None),
    "text-embedding-3-small": ("OpenAI", "text-embedding", "3"),
    "ft:gpt-5.4-mini:acme:x9:Bx1": ("OpenAI", "gpt", "5.4"),
    "claude-opus-5-5": ("Anthropic", "claude-opus", "5.5"),
    "claude-sonnet-5": ("Anthropic", "claude-sonnet", "5"),
    "claude-haiku-4-5-20251001": ("Anthropic", "claude-haiku", "4.5"),
    "claude-sonnet-4-20250514": ("Anthropic", "claude-sonnet", "4"),
    "claude-3-5-sonnet-20241022": ("Anthropic", "claude-sonnet", "3.5"),
}


OF_OPENAI = [model for model, told in MODELS.items() if told[0] == "OpenAI"]


@given(
    {
        "openai_cost_daily_raw": [openai(line_item=f"{model}, input") for model in OF_OPENAI],
        "anthropic_cost_daily_raw": [anthropic(model=model) for model in MODELS if model not in OF_OPENAI],
    }
)
def test_families_and_versions_come_from_names(rows: list[Row]) -> None:
    """A model's family and version are read from its name where it tells them, of fine-tuned ones from the base."""
    found = {row["x_Model"]: json.loads(row["SkuPriceDetails"]) for row in rows}
    names = ("ModelDeveloper", "ModelFamily", "ModelVersion")
    assert {model: tuple(each.get(name) for name in names) for model, each in found.items()} == MODELS


VM = "//compute.googleapis.com/projects/p/zones/z/instances/1"


@given(
    {
        "gcp_billing_daily_raw": [
            gcp(
                region="us-central1", resource_global_name=VM, usage_amount_in_pricing_units="8", pricing_unit="hour",
                price_unit_quantity="1", list_price="0.021812", list_cost="0.174496", contracted_cost="0.16",
                effective_price="0.5", currency="EUR", currency_conversion_rate=0.5,
            ),
            gcp(sku_id="B", region="moon-1", resource_name="vm", list_price="7", usage_amount_in_pricing_units="1"),
        ]
    }
)  # fmt: skip
def test_google_tells_regions_resources_and_prices(rows: list[Row]) -> None:
    """A region has its name, a resource its collection, and a price that agrees with the cost is Google's own."""
    row, other = rows
    row, other = (row, other) if row["SkuId"] == "A-1" else (other, row)
    assert (row["RegionName"], row["ResourceType"]) == ("Iowa", "compute.googleapis.com/instances")
    assert (row["ListUnitPrice"], row["ContractedUnitPrice"]) == (Decimal("0.021812"), Decimal("0.02"))
    assert (row["PricingCurrency"], row["PricingCurrencyEffectiveCost"]) == ("USD", Decimal(3))
    assert (other["RegionName"], other["ResourceType"]) == ("moon-1", "Compute Engine resource")
    assert (other["ListUnitPrice"], other["PricingCurrency"]) == (Decimal("1.5"), "USD")


def test_tags_are_objects_with_unique_keys(charges: list[Row]) -> None:
    """Tags are JSON objects whose keys stand once and whose values are texts or null."""
    found = [json.loads(row["Tags"], object_pairs_hook=list) for row in charges if row["Tags"]]
    assert any(len(tags) > 3 for tags in found)
    for tags in found:
        assert max(Counter(key for key, _ in tags).values(), default=1) == 1
        assert all(value is None or isinstance(value, str) for _, value in tags)


@given(
    {
        "gcp_billing_daily_raw": [
            gcp(
                labels='{"env":"{a}","q\\"":"x\\\\"}', project_labels='{"env":"b","env\\":\\"c":"d\\",\\"e"}',
                system_labels='{"env":null}', tags='{"1111/env":"prod"}', more_labels='[{"kind":"tag"}]',
            )
        ]
    }
)  # fmt: skip
def test_each_kind_of_tag_keeps_its_name(rows: list[Row]) -> None:
    """A key that is a label, a project label, a system label and a tag stands four times, under four names."""
    (row,) = rows
    assert json.loads(row["Tags"]) == {
        "env": "{a}", 'q"': "x\\", "project_label/env": "b", 'project_label/env":"c': 'd","e',
        "system_label/env": None, "tag/1111/env": "prod",
    }  # fmt: skip
    assert row["x_OtherTags"] == '[{"kind":"tag"}]'


NO_LABELS = dict.fromkeys(("labels", "project_labels", "system_labels", "tags"), "{}")


@given({"gcp_billing_daily_raw": [gcp(**NO_LABELS, sku_id="none"), gcp(sku_id="unread")]})
def test_without_labels_there_are_no_tags(rows: list[Row]) -> None:
    """A row that has none has an empty object; one whose labels were never read has NULL."""
    assert {row["SkuId"]: row["Tags"] for row in rows} == {"none": "{}", "unread": None}


# Id and name of a resource as Google tells them, and as they come out.
RESOURCES: dict[tuple[str | None, str | None], tuple[str | None, str | None]] = {
    ("//x/1", "vm-1"): ("//x/1", "vm-1"),
    ("//x/1", None): ("//x/1", None),
    ("//x/1", "//x/1"): ("//x/1", None),
    (None, "vm-1"): ("vm-1", None),
    ("", ""): (None, None),
}
COST_TYPES = {
    "Regular": "Usage", "": "Usage", None: "Usage", "TAX": "Tax", "Rounding_Error": "Adjustment",
    "ADJUSTMENT": "Adjustment", "levy": "Adjustment", "REGULAR ": "Usage", " tax": "Tax",
}  # fmt: skip
# Type and cost of a tax, and what Google tells of its cost at list price.
TAXES = [*product(("tax", " Tax", "rounding_error "), ("19", "-19"), ("0", None))]


# What a row of each resource, cost type and tax comes from.
OF_GOOGLE: dict[Any, Row] = {
    **{each: gcp(resource_global_name=each[0], resource_name=each[1]) for each in RESOURCES},
    **{each: gcp(cost_type=each) for each in COST_TYPES},
    **{
        (cost_type, cost, told): gcp(
            cost_type=cost_type, project_id="p", cost=cost, net_cost=cost, list_cost=told, contracted_cost=told
        )
        for cost_type, cost, told in TAXES
    },
}


@pytest.fixture(scope="module")
def of_google(read_each: ReadEach) -> dict[Any, Row]:
    """What comes out for each of them, all of which are read at once."""
    found = read_each({case: {"gcp_billing_daily_raw": [row]} for case, row in OF_GOOGLE.items()})
    assert [case for case, each in found.items() if len(each) != 1] == []
    return {case: row for case, (row,) in found.items()}


@pytest.mark.parametrize("named", RESOURCES, ids=str)
def test_a_resource_has_an_id_or_no_name(of_google: dict[Any, Row], named: tuple[str | None, str | None]) -> None:
    """A resource that Google names without an id has its name for one; a name that is the id is none."""
    row = of_google[named]
    assert (row["ResourceId"], row["ResourceName"]) == RESOURCES[named]


@pytest.mark.parametrize("written", COST_TYPES)
def test_cost_types_in_any_case(of_google: dict[Any, Row], written: str | None) -> None:
    """Google's cost_type counts in any case and between spaces; nothing is regular, what is not known an adjustment."""
    row = of_google[written]
    assert (row["ChargeCategory"], row["x_CostType"]) == (COST_TYPES[written], written or None)


@pytest.mark.parametrize("tax", TAXES, ids=str)
def test_a_tax_has_no_price(of_google: dict[Any, Row], tax: tuple[str, str, str | None]) -> None:
    """A tax (or its refund) that Google tells at list price as 0, or not at all, costs at list price what it costs."""
    names = ("BilledCost", "EffectiveCost", "ContractedCost", "ListCost", "x_ListCostKnown", "SubAccountId")
    assert [of_google[tax][name] for name in names] == [*[Decimal(tax[1])] * 4, False, "p"]


USED = {"usage_amount": "5", "usage_amount_in_pricing_units": "2", "usage_unit": "seconds"}
NOT_KNOWN = dict.fromkeys(("list_cost_known", "usage_amount_known", "pricing_amount_known"), False)


@given({"gcp_billing_daily_raw": [gcp(sku_id="partly", **USED, **NOT_KNOWN), gcp(sku_id="before", **USED)]})
def test_known_means_every_row(rows: list[Row]) -> None:
    """A sum is known if every source row told it; rows loaded before this was noted count as they did."""
    names = ("ListCost", "x_ListCostKnown", "ConsumedQuantity", "x_QuantityKnown", "x_PricingQuantityKnown")
    found = {row["SkuId"]: [row[name] for name in names] for row in rows}
    assert found == {
        "partly": [Decimal("1.5"), False, 5, False, False],
        "before": [Decimal("1.5"), True, 5, True, True],
    }


THIRD = {"transaction_type": "third_party_reseller", "seller_name": "Seller", "commitment_fee": True}


@given({"gcp_billing_daily_raw": [gcp(sku_description="Commitment management", **THIRD)]})
def test_a_marketplace_fee_keeps_its_price(rows: list[Row]) -> None:
    """What a third party sells under a name like a commitment's is usage with the seller's price."""
    (row,) = rows
    assert (row["ChargeCategory"], row["ListCost"], row["ServiceProviderName"]) == ("Usage", Decimal("1.5"), "Seller")


DYNAMIC = {
    "Spot Preemptible N2 Instance Core running in Iowa": "Dynamic",
    "SPOT Preemptible Nvidia L4 GPU": "Dynamic",
    "Preemptible E2 Instance Ram running in Iowa": "Dynamic",
    "N2 Instance preemptible Core": "Dynamic",
    "Spotlight search": "Standard",
    "Custom spot Core": "Standard",
    "N2 Instance Core running in Iowa": "Standard",
    "Commitment v1: Spot": "Standard",
}


@given(
    {
        "gcp_billing_daily_raw": [
            gcp(sku_description="Spot by a seller", transaction_type="THIRD_PARTY_RESELLER", seller_name="Seller"),
            gcp(sku_description="Spot tax", cost_type="tax"),
            gcp(sku_description="Spot Core", commitment_credits="-1"),
            *(gcp(sku_description=sku) for sku in DYNAMIC),
        ]
    }
)
def test_spot_machines_have_dynamic_prices(rows: list[Row]) -> None:
    """What Google's SKU calls spot or preemptible is Dynamic, unless a third party sells it or nothing is priced."""
    found = {row["ChargeDescription"]: row["PricingCategory"] for row in rows}
    assert found == DYNAMIC | {"Spot by a seller": "Standard", "Spot tax": None, "Spot Core": "Committed"}
