"""Groups of export rows that do not all say the same, over the wire: the kinds that billing teams report."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from google.cloud.bigquery import Client, QueryJobConfig

from localcloud.billing_export import load_export
from providers.gcp.columns import COLUMNS
from providers.gcp.export import from_table
from providers.gcp.statement import OPERATIONS, compile_statement
from tests.jobs.billing.exact_totals import day_groups, groups_of
from tests.jobs.billing.exports import DETAILED, schema
from tests.jobs.billing.hours import DAY, credit, hour, pairs

AT = datetime(2026, 12, 31, tzinfo=UTC)
Row = dict[str, Any]
Read = Callable[..., list[Row]]
ReadEach = Callable[..., list[list[Row]]]
_numbers = count()


@pytest.fixture
def read(client: Client) -> Read:
    """The rows that the statement makes of export rows, each time in a dataset of their own.

    Tables of one name are asked by one statement, which is translated once.
    """

    def result(
        *source: Row, operations: tuple[str, ...] = OPERATIONS, without: frozenset[str] = frozenset()
    ) -> list[Row]:
        dataset = f"acme-billing.differ_{next(_numbers)}"
        client.create_dataset(dataset)
        name = f"{dataset}.export"
        kept = [{key: value for key, value in row.items() if key not in without} for row in source]
        load_export(client, name, schema(DETAILED, without), kept)
        statement = compile_statement(
            from_table(client.get_table(name)), operations=operations, day=date.fromisoformat(DAY), snapshot=AT,
            late_days=60, inactive_projects=[],
        )  # fmt: skip
        job = client.query(statement.sql, QueryJobConfig(query_parameters=list(statement.parameters)))
        return [dict(row) for row in job.result()]

    return result


@pytest.fixture
def read_each(read: Read) -> ReadEach:
    """What each of some lists of export rows makes: every list is of a project of its own, so one statement reads all.

    Rows of different projects are in different groups, whatever else they are.
    """

    def results(*sources: Sequence[Row], **options: Any) -> list[list[Row]]:
        projects = [f"project-{number}" for number in range(len(sources))]
        found = read(
            *(_of_project(row, id_) for id_, rows in zip(projects, sources, strict=True) for row in rows), **options
        )
        assert {row["project_id"] for row in found} == {*projects}
        return [[row for row in found if row["project_id"] == id_] for id_ in projects]

    return results


def _of_project(row: Row, id_: str) -> Row:
    return row | {"project": row["project"] | {"id": id_}}


def one(found: list[Row], *names: str) -> list[Any]:
    """The values of the only row."""
    (row,) = found
    return [row[name] for name in names]


COSTS = ("list_cost", "list_cost_known", "contracted_cost", "contracted_cost_known")


def test_what_some_rows_do_not_tell_is_decided_per_row(read_each: ReadEach) -> None:
    """A row without a cost at list price counts with its contract's, else with its cost, and the sum is not known."""
    silent = hour(cost_at_list=None, cost_at_effective_price_default=None)
    listless = hour(cost_at_list=None, cost_at_effective_price_default=9.0)
    some, all_told = read_each([hour(), silent, listless], [hour(), hour()])
    assert one(some, *COSTS) == [12 + 10 + 9, False, 10 + 10 + 9, False]
    assert one(all_told, *COSTS) == [24, True, 20, True]


def test_what_no_row_tells_stays_unknown(read: Read) -> None:
    """Where no row of a group, or no column of an old export, tells the costs, they are NULL and not known."""
    unknown = [None, False, None, False]
    assert one(read(*[hour(cost_at_list=None, cost_at_effective_price_default=None)] * 2), *COSTS) == unknown
    old = frozenset({"cost_at_list", "cost_at_effective_price_default"})
    assert one(read(hour(), without=old), *COSTS) == unknown


def test_a_price_of_zero_is_told(read_each: ReadEach) -> None:
    """A zero at list price is a price of usage and adjustments; of a tax or a rounding it is the lack of one."""
    zero = {"cost_at_list": 0.0, "cost_at_effective_price_default": 0.0}
    kinds = ("regular", "adjustment", "tax", "Tax", "TAX ", "rounding_error", " Rounding_Error")
    taxes = [hour(cost_type="tax", **zero), hour(cost_type="tax")]
    of_kinds, of_taxes = read_each([hour(cost_type=kind, **zero) for kind in kinds], taxes)
    found = {row["cost_type"]: [row[c] for c in COSTS] for row in of_kinds}
    told, untold = [0, True, 0, True], [None, False, None, False]
    assert found == {kind: told if kind in ("regular", "adjustment") else untold for kind in kinds}
    assert one(of_taxes, *COSTS) == [10 + 12, False, 10 + 10, False]


def test_quantities_are_known_if_every_row_tells_them(read_each: ReadEach) -> None:
    """Rows that tell no quantity are left out of the sum, and the sum says so; the two quantities each for itself."""
    names = ("usage_amount", "usage_amount_known", "usage_amount_in_pricing_units", "pricing_amount_known")
    no_amount, no_units, neither, zero = read_each(
        [hour(), hour(usage__amount=None)],
        [hour(), hour(usage__amount_in_pricing_units=None)],
        [hour(usage=None)],
        [hour(usage__amount=0.0)],
    )
    assert one(no_amount, *names) == [3600, False, 2, True]
    assert one(no_units, *names) == [7200, True, 1, False]
    assert one(neither, *names) == [None, False, None, False]
    assert one(zero, *names) == [0, True, 1, True]


def test_amounts_too_small_for_a_row_count_in_the_sum(read: Read, read_each: ReadEach) -> None:
    """A thousand costs of 4e-10 are 4e-7; costs, credits and quantities are rounded once, after the sum."""
    tiny = hour(
        cost=4e-10, cost_at_list=3e-10, cost_at_effective_price_default=4e-10, usage__amount=1e-10,
        usage__amount_in_pricing_units=1.3e-10, credits=[credit("FREE_TIER", -1e-10), credit("DISCOUNT", -1e-10)],
    )  # fmt: skip
    names = ("cost", "credits", "net_cost", "list_cost", "usage_amount", "usage_amount_in_pricing_units")
    expected = ["4e-7", "-2e-7", "2e-7", "3e-7", "1e-7", "1.3e-7"]
    thousand, two = read_each([tiny] * 1000, [tiny] * 2)
    assert one(thousand, *names) == [Decimal(amount) for amount in expected]
    assert one(two, "cost", "credits", "net_cost") == [Decimal("1e-9"), 0, 0]
    assert one(read(tiny, operations=()), "cost", "net_cost") == [0, 0]


def test_credits_may_be_positive(read: Read) -> None:
    """A correction takes credits back: they are above zero, and raise what is paid."""
    info = {"id": "adj", "description": "Usage correction", "mode": "COMPLETE_NEGATION", "type": "USAGE_CORRECTION"}
    back = hour(cost=-100.0, credits=[credit("COMMITTED_USAGE_DISCOUNT", 37.0)], adjustment_info=info)
    again = hour(cost=80.0, credits=[credit("COMMITTED_USAGE_DISCOUNT", -30.0)], adjustment_info=info)
    assert one(read(back, again), "cost", "credits", "net_cost") == [-20, 7, -13]


@pytest.mark.parametrize("blank", ["", " "])
def test_empty_texts_are_null(read: Read, blank: str) -> None:
    """What Google writes as an empty text is absent: in every column, and in one group with NULL."""
    texts = [c.name for c in COLUMNS if c.type == "STRING" and "labels" not in c.name and c.name != "tags"]
    records = ("service", "sku", "location", "adjustment_info", "invoice", "consumption_model", "resource")
    fields = {field["name"]: field.get("fields", []) for field in schema(DETAILED)}
    empty: Row = {name: dict.fromkeys((f["name"] for f in fields[name]), blank) for name in records}
    empty |= dict.fromkeys(("billing_account_id", "cost_type", "transaction_type", "seller_name", "currency"), blank)
    empty["project"] = {"id": blank, "number": blank, "name": blank, "ancestry_numbers": blank, "labels": []}
    empty["subscription"] = {"instance_id": blank}
    absent = dict.fromkeys(empty)
    usage = {"usage": {"amount": 1.0, "unit": blank, "amount_in_pricing_units": 1.0, "pricing_unit": blank}}
    nothing = {"usage": usage["usage"] | {"unit": None, "pricing_unit": None}}
    assert one(read(hour(**empty | usage), hour(**absent | nothing)), *texts, "source_row_count") == [None] * len(
        texts
    ) + [2]


def test_a_key_stands_once(read: Read) -> None:
    """The least value of a key that comes twice is kept in the object, all others beside it; order plays no role."""
    labels = pairs(
        ("team", "search"), ("team", "ads"), ("team", "ads"), ("b", None), (None, "v"), ("", "w"), ("  ", "x")
    )
    found = read(hour(labels=labels), hour(labels=labels[::-1]))
    kept, more = one(found, "labels", "more_labels")
    assert kept == '{"b":null,"team":"ads"}'
    assert json.loads(more) == [
        {"kind": "label", "key": key, "value": value}
        for key, value in ((None, "v"), (None, "w"), (None, "x"), ("team", "search"))
    ]


def test_a_value_comes_before_none(read: Read) -> None:
    """Of a key with and without a value, the value is kept."""
    found = read(hour(labels=pairs(("team", None), ("team", "x"))))
    assert one(found, "labels", "more_labels") == [
        '{"team":"x"}', '[{"kind":"label","key":"team","value":null}]'
    ]  # fmt: skip


def test_a_value_that_reads_like_the_kept_pair(read: Read) -> None:
    """What is left out keeps a value whole in which the pair that stays is written, with its quotes or without them."""
    kept = ',{"kind":"label","key":"a","value":"!"}'
    quoted = json.dumps(kept)[1:-1]
    found = read(hour(labels=pairs(("a", "x"), ("a", kept), ("a", quoted), ("a", "!"))))
    labels, more = one(found, "labels", "more_labels")
    assert labels == '{"a":"!"}'
    assert [pair["value"] for pair in json.loads(more)] == sorted([kept, quoted, "x"])


def test_a_tag_of_the_resource_comes_before_an_inherited_one(read: Read) -> None:
    """A tag bound to the resource itself overrides the one that it inherits, which is told beside."""
    inherited = pairs(("env", "alpha"), inherited=True, namespace="1111")
    own = pairs(("env", "prod"), inherited=False, namespace="1111") + pairs(("x", "y"), inherited=False, namespace="")
    kept, more = one(read(hour(tags=inherited + own)), "tags", "more_labels")
    assert kept == '{"1111/env":"prod","x":"y"}'
    assert json.loads(more) == [{"kind": "tag", "key": "1111/env", "value": "alpha"}]


def test_each_kind_of_label_is_kept(read: Read, read_each: ReadEach) -> None:
    """Labels, project labels, system labels and tags stay apart with one key; what each leaves out names its kind."""
    twice = pairs(("env", "a"), ("env", "b"))
    tags = pairs(("env", "a"), ("env", "b"), inherited=False, namespace="9")
    every = hour(labels=twice, system_labels=twice, tags=tags, project__labels=twice)
    found, single = read_each([every], [hour(labels=pairs(("env", "a")))])
    names = ("labels", "project_labels", "system_labels", "tags")
    assert one(found, *names) == ['{"env":"a"}'] * 3 + ['{"9/env":"a"}']
    left = [(pair["kind"], pair["value"]) for pair in json.loads(one(found, "more_labels")[0])]
    assert left == [(kind, "b") for kind in ("label", "project_label", "system_label", "tag")]
    assert one(read(hour(labels=twice), without=frozenset({"tags"})), "more_labels") != [None]
    assert one(single, "more_labels") == [None]


def test_a_charge_longer_than_its_day_has_its_own_period(read: Read) -> None:
    """A month of support does not become part of the day's hours of the same SKU, nor another month's."""
    month = {"usage_start_time": f"{DAY} 08:00:00 UTC", "usage_end_time": "2026-12-10 08:00:00 UTC", "cost": 300.0}
    year = month | {"usage_end_time": "2027-11-10 08:00:00 UTC", "cost": 3000.0}
    last = {"usage_start_time": f"{DAY} 23:00:00 UTC", "usage_end_time": "2026-11-11 00:00:00 UTC"}
    found = read(hour(), hour(**last), hour(**month), hour(**month), hour(**year), hour(usage_end_time=None))
    periods = {row["cost"]: (row["period_start"], row["period_end"]) for row in found}
    start = datetime(2026, 11, 10, 8, tzinfo=UTC)
    assert periods == {
        30: (None, None),
        600: (start, start.replace(month=12)),
        3000: (start, start.replace(year=2027)),
    }


FEES: dict[str, Row] = {
    "a resource's commitment": {"sku__description": "Commitment v1: Cpu in Americas for 1 Year"},
    "the older model's": {"sku__description": "Commitment - dollar based v1: GCE for 3 years"},
    "the newer model's": {"sku__description": "Compute Flexible Committed Use Discounts - 1 Year"},
    "by its offset": {"credits": [credit("FEE_UTILIZATION_OFFSET", -10.0)]},
    "by the SKU that it is attributed to": {"labels": pairs(("goog-originating-sku-id", "CF4E-A0C7-E3BF"))},
    "by its subscription": {"subscription": {"instance_id": "subscriptions/1"}},
}
NO_FEES: dict[str, Row] = {
    "usage": {},
    "usage with a promotion": {"credits": [credit("PROMOTION", -10.0)]},
    "usage that a credit covers": {"credits": [credit("COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE", -10.0)]},
    "the same, naming the commitment": {
        "credits": [credit("COMMITTED_USAGE_DISCOUNT", -10.0)], "subscription": {"instance_id": "subscriptions/1"}
    },
    "usage at a commitment's price": {
        "subscription": {"instance_id": "subscriptions/1"},
        "consumption_model": {"id": "D97B-0795-975B", "description": "Compute Flexible CUDs 1 Year"},
    },
    "a name like it": {"sku__description": "Uncommitted commitments: requests"},
    "without a name": {"sku__description": None},
}  # fmt: skip


def test_fees_for_commitments_are_told_from_usage(read_each: ReadEach) -> None:
    """A fee is known by its SKU, by the credit that offsets it, by what it is attributed to or by its subscription.

    What a commitment credits, its offset too, is added up by itself.
    """
    kinds = FEES | NO_FEES
    found = read_each(*([hour(**columns)] for columns in kinds.values()))
    told = {kind: one(rows, "commitment_fee") for kind, rows in zip(kinds, found, strict=True)}
    assert told == {kind: [kind in FEES] for kind in kinds}
    credited = {kind: one(rows, "commitment_credits") for kind, rows in zip(kinds, found, strict=True)}
    of_commitments = ("by its offset", "usage that a credit covers", "the same, naming the commitment")
    assert credited == {kind: [-10 if kind in of_commitments else None] for kind in kinds}


def test_rows_of_all_kinds_are_exact(read: Read) -> None:
    """Many rows that differ in every one of these ways give the groups that plain Decimal arithmetic gives."""
    source = [row for seed in range(3) for row in _random_rows(random.Random(seed), 1000)]
    found, expected = groups_of(read(*source)), day_groups(source, date.fromisoformat(DAY), AT)
    assert found == expected
    assert len(found) < len(source) / 2


def _random_rows(rng: random.Random, rows: int) -> list[Row]:
    return [_random_row(rng) for _ in range(rows)]


def _random_row(rng: random.Random) -> Row:
    kinds: list[Row] = [
        {}, {}, {"cost_type": rng.choice(["tax", " TAX", "", "rounding_error "])}, {"project__id": ""},
        {"labels": rng.choice([pairs(("a", "1"), ("a", "2")), pairs(("a", "2"), ("a", "1"), (None, None))])},
        {"tags": pairs(("k", "v"), inherited=True, namespace="1") + pairs(("k", "u"), inherited=None, namespace="1")},
        {"usage_end_time": "2026-12-01 08:00:00 UTC"}, {"credits": [credit("FEE_UTILIZATION_OFFSET", 0.1)]},
        {"usage": None}, {"credits": [credit("PROMOTION", -1e-10), credit("DISCOUNT", rng.choice([2e-10, None]))]},
    ]  # fmt: skip
    names = ("usage__amount", "usage__amount_in_pricing_units", "cost_at_list", "cost_at_effective_price_default")
    amounts: Row = {name: _amount(rng) for name in names}
    return hour(**amounts | rng.choice(kinds), cost=_amount(rng) or 0.0)


def _amount(rng: random.Random) -> float | None:
    return rng.choice([None, 0.0, 4e-10, -3e-10, 5e-10, 0.1, rng.random() * 10.0 ** rng.randrange(-12, 4)])
