"""A commitment's fee and the usage that it covers, in both of Google's models: each cost counts once.

The amounts are those of Google's own example, one machine and a flexible commitment for a year
(docs.cloud.google.com/docs/cuds-multiprice-datamodel). List prices and a contract that lowers them are added.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from google.cloud.bigquery import QueryJobConfig

from cloudact import clients
from localcloud.billing_export import load_export
from providers.gcp.export import from_table
from providers.gcp.statement import OPERATIONS, compile_statement
from tests.conftest import Local
from tests.infra.conftest import ReadEach, given
from tests.infra.focus_rows import LOADED, Row, gcp
from tests.jobs.billing.exports import DETAILED, schema
from tests.jobs.billing.hours import DAY, credit, hour, pairs

CUD = {"instance_id": "subscriptions/1fd3b130"}
FLEX = {"id": "D97B-0795-975B", "description": "Compute Flexible CUDs 1 Year"}
RAM, CORE = "0.174496", "0.093568"
ON_DEMAND = Decimal(RAM) + Decimal(CORE)
COSTS = ("BilledCost", "EffectiveCost", "ContractedCost", "ListCost")
_numbers = count()


def usage(sku: str, cost: str, on_demand: str, *, covered: str = "0", **columns: Any) -> Row:
    """An hour of one SKU: what it costs, at the default price, and the older model's credit for what is covered."""
    credits_ = [credit("COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE", -float(covered))] if Decimal(covered) else []
    return hour(sku={"id": sku, "description": f"E2 {sku}"}, cost=float(cost), cost_at_list=float(on_demand),
                cost_at_effective_price_default=float(on_demand), credits=credits_, **columns)  # fmt: skip


def old_fee(cost: str, of: str | None) -> Row:
    """The older model's fee: its own SKU, at its own price, with no credit."""
    return _fee("Commitment - dollar based v1: GCE for 1 year", cost, of, [])


def new_fee(cost: str, offset: str, of: str | None) -> Row:
    """The newer model's fee: $1 each, and a credit for what was used."""
    credits_ = [credit("FEE_UTILIZATION_OFFSET", -float(offset))] if Decimal(offset) else []
    return _fee("Compute Flexible Committed Use Discounts - 1 Year", cost, of, credits_)


def _fee(name: str, cost: str, of: str | None, credits_: list[Row]) -> Row:
    costs = {"cost": float(cost), "cost_at_list": float(cost), "cost_at_effective_price_default": float(cost)}
    labels = pairs(("goog-originating-sku-id", of)) if of else []
    return hour(sku={"id": "FEE", "description": name}, labels=labels, credits=credits_, subscription=CUD, **costs)


OLD_USED = [
    old_fee("0.046868", "RAM"), old_fee("0.025132", "CORE"),
    usage("RAM", RAM, RAM, covered="0.065095"), usage("CORE", CORE, CORE, covered="0.034905"),
]  # fmt: skip
NEW_USED = [
    new_fee("0.046868", "0.046868", "RAM"), new_fee("0.025132", "0.025132", "CORE"),
    usage("RAM", "0.109398", "0.109398"), usage("CORE", "0.058648", "0.058648"),
    usage("RAM", "0.046868", "0.065098", consumption_model=FLEX, subscription=CUD),
    usage("CORE", "0.025132", "0.034920", consumption_model=FLEX, subscription=CUD),
]  # fmt: skip
OLD_UNUSED = [
    old_fee("0.022994", None), old_fee("0.125637", "RAM"), old_fee("0.067369", "CORE"),
    usage("RAM", RAM, RAM, covered=RAM), usage("CORE", CORE, CORE, covered=CORE),
]  # fmt: skip
NEW_UNUSED = [
    new_fee("0.022994", "0", None), new_fee("0.125637", "0.125637", "RAM"), new_fee("0.067369", "0.067369", "CORE"),
    usage("RAM", "0.125637", RAM, consumption_model=FLEX, subscription=CUD),
    usage("CORE", "0.067369", CORE, consumption_model=FLEX, subscription=CUD),
]  # fmt: skip


COVERED = usage("RAM", "5", "8", consumption_model=FLEX, subscription=CUD) | {"cost_at_list": 10.0}
TAKEN_BACK = {"id": "a", "description": "d", "mode": "COMPLETE_NEGATION", "type": "PRICE_CORRECTION"}
EXPORTS = {
    "old, used": OLD_USED,
    "new, used": NEW_USED,
    "old, unused": OLD_UNUSED,
    "new, unused": NEW_UNUSED,
    "contract": [COVERED, new_fee("7", "5", None)],
    "correction": [old_fee("-0.072", "RAM") | {"cost_type": "adjustment", "adjustment_info": TAKEN_BACK}],
}


@pytest.fixture(scope="module")
def charged(session_cloud: Local, read_each: ReadEach) -> dict[str, list[Row]]:
    """The view's rows of each export, by way of the statement and the raw table."""
    client = clients.bigquery(session_cloud.settings)

    def raw_rows(source: Iterable[Row]) -> list[Row]:
        dataset = f"{client.project}.focus_export_{next(_numbers)}"  # the same table for all: it is translated once
        client.create_dataset(dataset)
        name = f"{dataset}.export"
        load_export(client, name, schema(DETAILED), source)
        statement = compile_statement(
            from_table(client.get_table(name)), operations=OPERATIONS, day=date.fromisoformat(DAY),
            snapshot=datetime(2026, 12, 31, tzinfo=UTC), late_days=60, inactive_projects=[],
        )  # fmt: skip
        result = client.query_and_wait(
            statement.sql, job_config=QueryJobConfig(query_parameters=list(statement.parameters))
        )
        raw = [{k: v if v is None or isinstance(v, bool) else str(v) for k, v in row.items()} for row in result]
        return [row | LOADED for row in raw]

    return read_each({name: {"gcp_billing_daily_raw": raw_rows(source)} for name, source in EXPORTS.items()})


def sums(rows: list[Row], *categories: str) -> list[Decimal]:
    """The four costs of the rows of these categories."""
    return [sum((row[name] for row in rows if row["ChargeCategory"] in categories), Decimal()) for name in COSTS]


PAID = {"old, used": "0.240064", "new, used": "0.240046", "old, unused": "0.216", "new, unused": "0.216"}


@pytest.mark.parametrize("export", PAID)
def test_each_cost_counts_once(charged: dict[str, list[Row]], export: str) -> None:
    """Fee and usage together cost what is paid, and at list price and the contract's what the usage alone would."""
    rows, paid = charged[export], Decimal(PAID[export])
    assert sums(rows, "Usage", "Purchase") == [paid, paid, ON_DEMAND, ON_DEMAND]
    assert sums(rows, "Usage")[2:] == [ON_DEMAND, ON_DEMAND]


LEFT = {"old, used": "0.072", "new, used": "0", "old, unused": "0.216", "new, unused": "0.022994"}


@pytest.mark.parametrize("export", LEFT)
def test_fees_are_purchases(charged: dict[str, list[Row]], export: str) -> None:
    """Fees are purchases, apart from usage: priced, not consumed, and billed what their offset leaves."""
    rows, left = charged[export], LEFT[export]
    fees = [row for row in rows if row["ChargeCategory"] == "Purchase"]
    assert {row["SkuId"] for row in fees} == {"FEE"}
    assert sums(rows, "Purchase") == [Decimal(left), Decimal(left), 0, 0]
    assert all(row["PricingQuantity"] is not None and row["ConsumedQuantity"] is None for row in fees)
    assert {row["x_SubscriptionId"] for row in fees} == {CUD["instance_id"]}


OF_MACHINES = {"sku_description": "Commitment v1: Cpu in Americas for 1 Year", "subscription_id": "s"}
FOUR_HOURS = {"usage_amount_in_pricing_units": "4", "pricing_unit": "hour"}


@given({"gcp_billing_daily_raw": [gcp(**OF_MACHINES, **FOUR_HOURS)]})
def test_commitments_have_their_columns(charged: dict[str, list[Row]], rows: list[Row]) -> None:
    """In both models a fee names its commitment, and covered usage is Committed; in the newer one it names it too."""
    (of_machines,) = rows
    names = ("Category", "Quantity", "Unit", "Status")
    assert [of_machines[f"CommitmentDiscount{name}"] for name in names] == ["Usage", 4, "Hours", None]
    for export, named in (("old, used", 0), ("new, used", 2)):
        rows = charged[export]
        covered = [row for row in rows if row["PricingCategory"] == "Committed"]
        told = [row for row in covered if row["CommitmentDiscountId"] == CUD["instance_id"]]
        assert (len(covered), len(told)) == (2, named)
        assert {row["CommitmentDiscountStatus"] for row in told} <= {"Used"}
        fees = [row for row in rows if row["ChargeCategory"] == "Purchase"]
        assert {row["ResourceId"] for row in fees} == {CUD["instance_id"]}
        of_commitments = [*told, *fees]
        assert {row["CommitmentDiscountCategory"] for row in of_commitments} == {"Spend"}
        assert {row["CommitmentDiscountUnit"] for row in of_commitments} == {"USD"}
        assert sum(row["CommitmentDiscountQuantity"] for row in fees) == Decimal("0.072")
        assert {row["PricingCategory"] for row in rows if row not in covered} == {"Standard"}
        assert {row["ChargeFrequency"] for row in fees} == {"Recurring"}


def test_a_contract_lowers_the_contracted_cost_alone(charged: dict[str, list[Row]]) -> None:
    """Covered usage keeps the contract's price, and the fee adds neither to it nor to the list price."""
    assert sums(charged["contract"], "Usage", "Purchase") == [7, 7, 8, 10]


def test_a_correction_of_a_fee_is_no_purchase(charged: dict[str, list[Row]]) -> None:
    """A fee that is taken back is an adjustment, at no list price, like the fee."""
    assert sums(charged["correction"], "Adjustment") == [Decimal("-0.072"), Decimal("-0.072"), 0, 0]


@given(
    {
        "gcp_billing_daily_raw": [
            gcp(sku_description="Commitment v1: Cpu in Americas for 1 Year"),
            gcp(labels='{"goog-originating-sku-id":"x"}'),
            gcp(sku_description="N1 Core"),
        ]
    }
)
def test_fees_loaded_before_are_known_by_their_sku(rows: list[Row]) -> None:
    """Rows that were loaded before fees were noted are purchases too, where SKU or label says so."""
    found = sorted((row["ChargeCategory"], row["ListCost"]) for row in rows)
    assert found == [("Purchase", 0), ("Purchase", 0), ("Usage", Decimal("1.5"))]
