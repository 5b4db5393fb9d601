"""The view `focus_costs` over raw rows of all providers, in the local BigQuery and as Google computes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from google.cloud.bigquery import QueryJobConfig

from cloudact import clients
from cloudact.warehouse.datasets import claim_org_dataset
from cloudact.warehouse.focus import VERSION, of_version
from cloudact.warehouse.migrations import Migrations
from cloudact.warehouse.scripts import Scope, load_scripts
from tests.conftest import Local, fixture
from tests.googlesql import gate
from tests.googlesql_reference import run_over
from tests.infra.conftest import ReadEach, given, load
from tests.infra.focus_rows import DATASET, Row, Tables, anthropic, anthropic_usage, closed, gcp, openai
from tests.infra.org_views import inlined, select_of
from tests.lineage import sources_of

# FOCUS 1.4, "Cost and Usage", feature level Mandatory: https://focus.finops.org/focus-specification/v1-4/
NEVER_NULL = (
    "BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "BillingAccountId", "BillingCurrency",
    "ChargeCategory", "ServiceCategory", "ServiceName", "ServiceProviderName", "InvoiceIssuerName",
    "BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd",
)  # fmt: skip
MAY_BE_NULL = (
    "BillingAccountName", "ChargeClass", "ChargeDescription", "HostProviderName", "PricingQuantity", "PricingUnit",
)  # fmt: skip
ALL = (
    *NEVER_NULL, *MAY_BE_NULL,
    "AllocatedMethodDetails", "AllocatedMethodId", "AllocatedResourceId", "AllocatedResourceName", "AllocatedTags",
    "AvailabilityZone", "BillingAccountType", "CapacityReservationId", "CapacityReservationStatus", "ChargeFrequency",
    "CommitmentDiscountCategory", "CommitmentDiscountId", "CommitmentDiscountName", "CommitmentDiscountQuantity",
    "CommitmentDiscountStatus", "CommitmentDiscountType", "CommitmentDiscountUnit",
    "CommitmentProgramEligibilityDetails", "ConsumedQuantity", "ConsumedUnit", "ContractApplied",
    "ContractedUnitPrice", "InvoiceDetailId", "InvoiceId", "ListUnitPrice", "PricingCategory", "PricingCurrency",
    "PricingCurrencyContractedUnitPrice", "PricingCurrencyEffectiveCost", "PricingCurrencyListUnitPrice", "RegionId",
    "RegionName", "ResourceId", "ResourceName", "ResourceType", "ServiceSubcategory", "SkuId", "SkuMeter",
    "SkuPriceDetails", "SkuPriceId", "SubAccountId", "SubAccountName", "SubAccountType", "Tags",
)  # fmt: skip
UNTIL_1_3 = ("ProviderName", "PublisherName")
AMOUNTS = {"gcp_billing_daily_raw": "net_cost", "openai_cost_daily_raw": "amount", "anthropic_cost_daily_raw": "amount"}
PROVIDERS = {"gcp": "gcp_billing_daily_raw", "openai": "openai_cost_daily_raw", "anthropic": "anthropic_cost_daily_raw"}
# The sample is an hour of a Pacific month, with Google's words for units; we have UTC days, and units of FOCUS.
UNLIKE_GOOGLES_SAMPLE = {
    "BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd", "ConsumedUnit", "PricingUnit",
    "SkuMeter",
}  # fmt: skip
UNKNOWN_IDENTITY = {"BillingAccountId", "BillingAccountName", "SubAccountName", "InvoiceId"}
# The sample's SKU of Anthropic leaves out the tier, and its price the speed.
OWN_SKUS = {"SkuId", "SkuPriceId"}

NAMES = "provider_name_changes"
# The view, and those that it reads.
VIEWS = {
    "views_charges", "views_charges_anthropic", "views_charges_gcp", "views_charges_openai", "views_focus_costs",
}  # fmt: skip
SMALL = (NAMES, "month_closes")
READS = {
    "charges_gcp": ["gcp_billing_daily_raw"],
    "charges_openai": ["openai_cost_daily_raw", "openai_usage_daily_raw"],
    "charges_anthropic": ["anthropic_cost_daily_raw", "anthropic_usage_daily_raw"],
    "focus_costs": [*PROVIDERS.values(), "openai_usage_daily_raw", "anthropic_usage_daily_raw"],
}


def test_the_columns_are_those_of_focus() -> None:
    """Every mandatory column of 1.4 and the two names of 1.2 are there, and the rest is FOCUS's or begins with x_."""
    columns = {column.name: column.type for column in gate("org").columns("focus_costs")}
    assert set(columns) >= {*NEVER_NULL, *MAY_BE_NULL, *UNTIL_1_3}
    assert {columns[name] for name in NEVER_NULL if name.endswith("Cost")} == {"NUMERIC"}
    assert {columns[name] for name in NEVER_NULL if "Period" in name} == {"TIMESTAMP"}


def test_the_list_of_columns_names_what_is_selected() -> None:
    """The view's column list, which decides by position, agrees with the names in its SELECT."""
    selected = [column.name for column in gate("org").analyze(select_of("focus_costs"))]
    assert [column.name for column in gate("org").columns("focus_costs")] == selected


def test_every_column_is_described(local: Local, charges: list[Row]) -> None:
    """Each column of the view has a description, and the view names the version of FOCUS that it is of."""
    table = clients.bigquery(local.settings).get_table(f"{DATASET}.focus_costs")
    assert charges
    assert [field.name for field in table.schema if not field.description] == []
    (script,) = [script for script in load_scripts(Scope.ORG) if script.name == "views_focus_costs"]
    assert f"FOCUS {VERSION}" in script.text
    assert "each_focus_version" not in script.text


def test_every_column_of_focus_is_there() -> None:
    """The view has all 65 columns of the dataset Cost and Usage of FOCUS 1.4."""
    columns = {column.name for column in gate("org").columns("focus_costs")}
    assert len(ALL) == 65
    assert columns >= set(ALL)
    assert not [name for name in columns - {*ALL, *UNTIL_1_3} if not name.startswith("x_")]


def test_another_version_of_focus_has_other_columns() -> None:
    """The version is a parameter: lines since a later one are left out, and lines until it stay."""
    text = "-- FOCUS each_focus_version\n  a,\n  b, -- since FOCUS 1.5\n  c, -- until FOCUS 1.4\n  d\n"
    assert of_version(text, "1.4") == "-- FOCUS 1.4\n  a,\n  c, -- until FOCUS 1.4\n  d\n"
    assert of_version(text, "1.10") == "-- FOCUS 1.10\n  a,\n  b, -- since FOCUS 1.5\n  d\n"


def test_the_day_is_passed_on_as_the_partitioning_column() -> None:
    """`x_UsageDate` is every table's partitioning column itself, and a bound on it can be compared without a cast."""
    found = sources_of(gate("org"), inlined("focus_costs"), "x_UsageDate", "ChargePeriodStart")
    assert found["x_UsageDate"] == {f"{table}.usage_date" for table in READS["focus_costs"]}
    assert found["ChargePeriodStart"] == {"computed"}
    gate("org").analyze(
        "SELECT BilledCost FROM focus_costs WHERE x_UsageDate BETWEEN @a AND @b", {"a": "DATE", "b": "DATE"}
    )


def test_a_bound_on_the_day_changes_nothing_else(local: Local, charges: list[Row]) -> None:
    """A day read by `x_UsageDate` has the rows that the day has when everything is read."""
    found = local.query(f"SELECT * FROM {DATASET}.focus_costs WHERE x_UsageDate = '2026-12-01'")
    assert _multiset(found) == _multiset(row for row in charges if row["x_UsageDate"] == date(2026, 12, 1))
    assert found


BOUNDS = ("= '2026-12-01'", "BETWEEN '2026-11-01' AND '2026-12-01'", "< '2026-11-01'")


@pytest.mark.parametrize("view", READS)
def test_a_bound_on_the_day_prunes_each_provider(local: Local, charges: list[Row], view: str) -> None:
    """A bound on `x_UsageDate` reads of each provider the partitions that the same bound on its tables reads."""
    assert charges
    column, names = "usage_date", 0
    if view == "focus_costs":  # reads names and closed months too, which are few
        column, names = "x_UsageDate", sum(_bytes(local, each) for each in SMALL)
    every = sum(_bytes(local, table) for table in READS[view])
    assert every == _bytes(local, view) - names
    for bound in BOUNDS:
        days = sum(_bytes(local, f"{table} WHERE usage_date {bound}") for table in READS[view])
        assert 0 < days == _bytes(local, f"{view} WHERE {column} {bound}") - names, bound
        assert days < every, bound


def test_a_bound_on_the_period_reads_every_day(local: Local, charges: list[Row]) -> None:
    """`ChargePeriodStart` is computed: a bound on it costs as much as none."""
    assert charges
    assert _bytes(local, "focus_costs WHERE ChargePeriodStart >= '2030-01-01'") == _bytes(local, "focus_costs")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_amounts_and_rows_are_those_of_the_raw_table(raw: Tables, charges: list[Row], provider: str) -> None:
    """Each provider's BilledCost sums to the raw amounts to the last digit, one row for each raw row."""
    table = PROVIDERS[provider]
    found = [row["BilledCost"] for row in charges if row["x_Provider"] == provider]
    amounts = [Decimal(row.get(AMOUNTS[table]) or 0) for row in raw[table]]
    assert sorted(found) == sorted(amounts)
    assert sum(found) == sum(amounts)


LATE = {"ingested_at": "2026-12-10 06:00:00 UTC"}
LATER = [{"name": "tax_not_told", "amount": "1"}, {"name": "billed_later", "amount": "-5"}]
PARTS = {
    "name": "parts", "type": "RECORD", "mode": "REPEATED",
    "fields": [{"name": "name", "type": "STRING"}, {"name": "amount", "type": "NUMERIC"}],
}  # fmt: skip
INVOICED: dict[str, tuple[Row, list[Row], str | None]] = {
    "closed with one": ({}, [{"invoices": "A-1", "parts": LATER[:1]}], "A-1"),
    "loaded after the copy": (LATE, [{"invoices": "A-1"}], None),
    "not closed": ({}, [{"invoices": "A-1", "status": "provisional"}], None),
    "another currency": ({"currency": "EUR"}, [{"invoices": "A-1"}], None),
    "another org": ({}, [{"invoices": "A-1", "org_slug": "other"}], None),
    "two invoices": ({}, [{"invoices": "A-1, A-2"}], None),
    "some is billed later": ({}, [{"invoices": "A-1", "parts": LATER}], None),
    "credits alone are billed later": ({}, [{"invoices": "A-1", "billed_later_credits": "2"}], None),
    "closed twice": (LATE, [{"invoices": "A-1"}, {"invoices": "A-9", "made_at": "2026-12-11 06:00:00 UTC"}], None),
}


@pytest.fixture(scope="module")
def invoiced(read_each: ReadEach) -> dict[str, list[Row]]:
    """Charges of each case, in a month of its own that no other row has."""
    cases: dict[str, Tables] = {}
    for number, (case, (charge, copies, _)) in enumerate(INVOICED.items(), start=1):
        month = f"1900{number:02}"
        charges = [gcp(invoice_month=month, **charge), gcp(invoice_month=month, **charge)]
        closes = [closed("gcp", month, **copy) for copy in copies for _ in range(2)]
        cases[case] = {"gcp_billing_daily_raw": charges, "month_closes": closes}
    return read_each(cases)


@pytest.mark.parametrize("case", INVOICED)
def test_the_invoice_that_closed_the_month(invoiced: dict[str, list[Row]], case: str) -> None:
    """A charge of a closed month has the number of its one invoice, if the closed copy has it, whole."""
    assert [row["InvoiceId"] for row in invoiced[case]] == [INVOICED[case][-1]] * 2


def test_mandatory_columns_are_never_null(charges: list[Row]) -> None:
    """The fifteen columns that FOCUS 1.4 lets no row leave out are filled in every row."""
    assert not [(name, row) for row in charges for name in NEVER_NULL if row[name] is None]
    assert {row["ChargeCategory"] for row in charges} == {"Usage", "Purchase", "Tax", "Credit", "Adjustment"}
    assert {row["BillingCurrency"] for row in charges} == {"USD", "EUR", "XXX"}


def test_quantities_follow_category_and_class(charges: list[Row]) -> None:
    """Usage and purchases that are no corrections are priced, usage alone is consumed; others have no quantity."""
    for row in charges:
        consumed = row["ChargeCategory"] == "Usage" and row["ChargeClass"] is None
        priced = consumed or (row["ChargeCategory"] == "Purchase" and row["ChargeClass"] is None)
        assert [row[name] is not None for name in ("ConsumedQuantity", "ConsumedUnit")] == [consumed] * 2
        assert [row[name] is not None for name in ("PricingQuantity", "PricingUnit")] == [priced] * 2
        assert (row["x_QuantityKnown"] is not None, row["x_PricingQuantityKnown"] is not None) == (consumed, priced)
        assert (row["SkuId"] is None) <= (row["ChargeCategory"] in ("Tax", "Credit"))
        assert (row["SkuPriceId"] is not None) == priced


def test_credits_cost_the_same_everywhere(charges: list[Row]) -> None:
    """A charge of OpenAI or Anthropic below zero, and only that, is a Credit with one amount for all four costs."""
    costs = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")
    for row in charges:
        below = row["x_Provider"] != "gcp" and row["BilledCost"] < 0
        assert (row["ChargeCategory"] == "Credit") == below
        assert not below or len({row[name] for name in costs}) == 1


def test_periods_are_the_utc_day_and_its_month(charges: list[Row]) -> None:
    """A charge's period is its UTC day, unless it lasts longer, and its billing period the month of that day."""
    own = (datetime(2026, 12, 1, 7, tzinfo=UTC), datetime(2027, 1, 1, 8, tzinfo=UTC))
    periods = set()
    for row in charges:
        day = datetime.combine(row["x_UsageDate"], datetime.min.time(), UTC)
        month = day.replace(day=1)
        period = row["ChargePeriodStart"], row["ChargePeriodEnd"]
        periods.add(period == own)
        assert period in ((day, day + timedelta(days=1)), own)
        assert (row["BillingPeriodStart"], row["BillingPeriodEnd"]) == (month, (month + timedelta(32)).replace(day=1))
    assert periods == {True, False}


def test_google_computes_the_same(raw: Tables, charges: list[Row]) -> None:
    """Google's reference implementation gives row by row what the local BigQuery gives."""
    tables = {table: (_schema(table), rows) for table, rows in raw.items()}
    types = {column.name: column.type for column in gate("org").columns("focus_costs")}
    found = [{n: _python(types[n], v) for n, v in row.items()} for row in run_over(inlined("focus_costs"), tables)]
    assert _multiset(found) == _multiset(charges)


def test_names_of_ids(charges: list[Row]) -> None:
    """A project, workspace or key has the newest name that its provider has told of it, and an id alone where none."""
    accounts = {(row["x_Provider"], row["SubAccountId"]): row["SubAccountName"] for row in charges}
    assert accounts["openai", "proj"] == "Search"
    assert accounts["anthropic", "w-1"] == "a"
    assert "Google tells it itself" not in accounts.values()
    unnamed = {name for (_, id_), name in accounts.items() if id_ not in ("proj", "w-1", "p-1") and name == id_}
    assert unnamed
    keys = {(row["x_Provider"], row["x_ApiKeyId"]): row["x_ApiKeyName"] for row in charges}
    assert keys["anthropic", "k-1"] == "ci"
    assert {name for (_, id_), name in keys.items() if id_ != "k-1"} == {None}


@dataclass(frozen=True)
class Unnamed:
    """The view where no list has told a name: what it says of no rows, and of `raw`."""

    before: list[Row]
    charges: list[Row]


@pytest.fixture(scope="module")
def unnamed(session_cloud: Local, raw: Tables) -> Unnamed:
    """A dataset that is asked while it is empty, and again with all rows but those of names."""
    dataset, migrations = "focus_costs_unnamed", Migrations(session_cloud.warehouse, applied_by="test")
    claim_org_dataset(session_cloud.warehouse, dataset)
    migrations.bring(dataset, [each for each in migrations.org if each.version is not None or each.name in VIEWS])
    ask = f"SELECT * FROM {dataset}.focus_costs"
    before = session_cloud.query(ask)
    load(session_cloud, dataset, {table: rows for table, rows in raw.items() if table != NAMES})
    return Unnamed(before, session_cloud.query(ask))


def test_names_add_no_rows(unnamed: Unnamed, raw: Tables, charges: list[Row]) -> None:
    """Whatever the lists have told, also twice, each raw row stays one charge, and the amounts stay; Google agrees."""
    without = {"x_ApiKeyName": None, "SubAccountName": None}
    expected = _multiset(row | without for row in charges)
    assert _multiset(row | without for row in unnamed.charges) == expected
    assert {row["x_ApiKeyName"] for row in unnamed.charges} == {None}
    tables = {table: (_schema(table), [] if table == NAMES else rows) for table, rows in raw.items()}
    nameless = "SELECT * REPLACE (CAST(NULL AS STRING) AS x_ApiKeyName, CAST(NULL AS STRING) AS SubAccountName)"
    types = {column.name: column.type for column in gate("org").columns("focus_costs")}
    found = run_over(f"{nameless} FROM ({inlined('focus_costs')})", tables)
    assert _multiset({n: _python(types[n], v) for n, v in row.items()} for row in found) == expected


def test_how_long_names_held(local: Local, raw: Tables, charges: list[Row]) -> None:
    """A name holds until another is seen, or the id is gone, which keeps its last name with an end."""
    assert charges
    sql = f"""SELECT id, name, DATE(valid_from) AS since, DATE(valid_to) AS until, is_current
      FROM {DATASET}.provider_names
      WHERE (provider, kind) IN (('openai', 'project'), ('anthropic', 'api_key')) ORDER BY id, since"""
    assert [tuple(row.values()) for row in local.query(sql)] == [
        ("k-1", "ci", date(2026, 11, 1), date(2026, 11, 4), False),
        ("proj", "Before", date(2026, 11, 1), date(2026, 11, 2), False),
        ("proj", "Search", date(2026, 11, 2), date(2026, 11, 3), False),
        ("proj", None, date(2026, 11, 3), None, True),
    ]
    tables = {NAMES: (_schema(NAMES), raw[NAMES])}
    (counted,) = run_over(f"SELECT COUNT(*) AS n FROM ({inlined('provider_names')})", tables)
    assert counted["n"] == len(local.query(f"SELECT id FROM {DATASET}.provider_names"))


@given({"anthropic_usage_daily_raw": [anthropic_usage(output_tokens=5)]})
def test_without_costs_there_are_no_charges(rows: list[Row], raw: Tables, unnamed: Unnamed) -> None:
    """The view over empty tables is empty, at Google, too, and so is a day that has usage without costs."""
    assert unnamed.before == run_over(inlined("focus_costs"), {table: (_schema(table), []) for table in raw}) == []
    assert rows == []


@pytest.mark.parametrize("sample", fixture("focus_1_4_mapping_samples.json"), ids=lambda s: s["ServiceProviderName"])
def test_the_mapping_samples_come_out(charges: list[Row], sample: Row) -> None:
    """The recorded rows give the sample mapping's values in every column that the raw tables know."""
    (found,) = [row for row in charges if _is_sample(row, sample)]
    unlike = UNLIKE_GOOGLES_SAMPLE if found["x_Provider"] == "gcp" else UNKNOWN_IDENTITY
    unlike = unlike | OWN_SKUS if found["x_Provider"] == "anthropic" else unlike
    compared = found.keys() & sample.keys() - unlike
    assert {name: _text(found[name]) for name in compared} == {name: _text(sample[name]) for name in compared}
    assert len(compared) > 20


# Quantity and unit as OpenAI tells them: what is consumed, what is priced, and whether it is known.
QUANTITIES = {
    ("5001375", "tokens"): ("5001375", "Tokens", "5.001375", "1000000 Tokens", True),
    ("2.5", "1000_tokens"): ("2500", "Tokens", "0.0025", "1000000 Tokens", True),
    ("0", "tokens"): ("0", "Tokens", "0", "1000000 Tokens", True),
    ("5.15", "duration_minutes"): ("5.15", "Minutes", "5.15", "Minutes", True),
    ("3", "quanta"): ("3", "quanta", "3", "quanta", True),
    ("125", None): ("125", "Units", "125", "Units", True),
    (None, "tokens"): ("1", "Units", "1", "Units", False),
}


@given({"openai_cost_daily_raw": [openai(line_item=f"{q} {u}", quantity=q, quantity_unit=u) for q, u in QUANTITIES]})
def test_quantities_of_openai(rows: list[Row]) -> None:
    """Tokens are counted one by one and priced by the million; other units stay; what is not known is one unit."""
    names = ("ConsumedQuantity", "ConsumedUnit", "PricingQuantity", "PricingUnit")
    found = {row["ChargeDescription"]: (*(_text(row[n]) for n in names), row["x_QuantityKnown"]) for row in rows}
    assert found == {f"{quantity} {unit}": expected for (quantity, unit), expected in QUANTITIES.items()}


def _charged(costs: list[Row], usage: list[Row]) -> Tables:
    return {"anthropic_cost_daily_raw": costs, "anthropic_usage_daily_raw": usage}


def _consumed(rows: list[Row]) -> list[tuple[Any, str]]:
    return sorted((row["ConsumedQuantity"], row["ConsumedUnit"]) for row in rows)


@given(
    _charged(
        [anthropic()],
        [
            *(anthropic_usage(api_key_id=key, uncached_input_tokens=n) for key, n in (("a", 5), ("b", 6), (None, 7))),
            anthropic_usage(uncached_input_tokens=9, service_tier="priority"),
            anthropic_usage(output_tokens=9),
            anthropic_usage(uncached_input_tokens=9, usage_date="2026-11-11"),
        ],
    )
)
def test_usage_of_all_api_keys_is_one_cost_of_the_cost_report(rows: list[Row]) -> None:
    """The cost report knows no API keys: a charge's quantity is the usage of all of them, of its tier alone."""
    assert _consumed(rows) == [(18, "Tokens")]


@given(
    _charged(
        [anthropic(), anthropic(workspace_id="w")],
        [anthropic_usage(uncached_input_tokens=5), anthropic_usage(workspace_id="w", uncached_input_tokens=7)],
    )
)
def test_the_default_workspace_is_a_workspace(rows: list[Row]) -> None:
    """Costs without a workspace meet usage without one, and only that."""
    assert _consumed(rows) == [(5, "Tokens"), (7, "Tokens")]


FIVE = [anthropic_usage(uncached_input_tokens=5)]


@given(
    _charged([anthropic(inference_geo="us"), anthropic(inference_geo="global")], FIVE),
    _charged([anthropic(), anthropic(amount="-1")], FIVE),
)
def test_two_charges_of_one_key_share_no_usage(rows_of_days: list[list[Row]]) -> None:
    """Where the usage of two charges cannot be told apart, each is one unit; a credit is no such charge."""
    two, one = rows_of_days
    assert _consumed(two) == [(1, "Units"), (1, "Units")]
    assert {(row["ChargeCategory"], row["ConsumedQuantity"]) for row in one} == {("Usage", 5), ("Credit", None)}


@given(
    _charged(
        [
            anthropic(inference_geo="global", description="Claude M Usage - Input Tokens"),
            anthropic(inference_geo="us", description="Claude M Usage - US-only Inference, Input Tokens"),
            anthropic(inference_geo="global", description="Claude M Usage - Fast Mode, Input Tokens"),
        ],
        [
            anthropic_usage(inference_geo=geo, speed=speed, uncached_input_tokens=n, api_key_id=key)
            for geo, speed, n in (
                ("global", "standard", 5), ("us", "standard", 6), ("global", "fast", 7), ("us", "fast", 8),
            )
            for key in ("a", "b")
        ],
    )
)  # fmt: skip
def test_geography_and_speed_tell_charges_of_one_key_apart(rows: list[Row]) -> None:
    """Charges that differ in geography or speed alone meet their own usage, and have SKUs of their own."""
    sku = "anthropic/m/uncached_input_tokens/standard/0-200k"
    assert {(row["SkuPriceId"], row["ConsumedQuantity"], row["x_Speed"]) for row in rows} == {
        (f"{sku}/global/standard", 10, "standard"),
        (f"{sku}/us/standard", 12, "standard"),
        (f"{sku}/global/fast", 14, "fast"),
    }
    assert all(row["SkuId"] == row["SkuPriceId"] for row in rows)


SPEEDS = {
    "Claude Opus 4.6 Usage - Input Tokens": "standard",
    "Claude Opus 4.6 Usage - Batch, Long Context, US-only Inference, Input Tokens, Cache Write 1h": "standard",
    "CLAUDE OPUS 4.6 USAGE - INPUT TOKENS, CACHE READ": "standard",
    "Claude Opus 4.6 Usage - Fast Mode, Input Tokens": "fast",
    "Claude Opus 4.6 Usage - Input Tokens, Fast mode": "fast",
    "Claude Opus 4.6 Fast Mode Usage - Input Tokens": "fast",
    "Claude Opus 4.6 Usage (Fast) - Input Tokens": None,
    "Claude Opus 4.6 Usage - Faster Mode, Input Tokens": None,
    "Claude Opus 4.6 Usage - Fast Mode Lite, Input Tokens": None,
    "Claude Opus 4.6 Usage - Turbo, Input Tokens": None,
    "Claude Sonnet 4.6 Usage - Input Tokens": None,
}
OPUS = {"model": "claude-opus-4-6", "inference_geo": "us"}


@given(
    _charged(
        [anthropic(**OPUS, description=words, workspace_id=f"w-{n}") for n, words in enumerate(SPEEDS)],
        [
            anthropic_usage(**OPUS, speed=speed, workspace_id=f"w-{n}", uncached_input_tokens=tokens)
            for n in range(len(SPEEDS))
            for speed, tokens in (("standard", 5), ("fast", 7))
        ],
    )
)
def test_the_speed_is_that_of_words_that_are_all_known(rows: list[Row]) -> None:
    """In any case `Fast Mode` is fast, known words alone are standard, and others leave speed and quantity unknown."""
    tokens = {"standard": (5, "Tokens", True), "fast": (7, "Tokens", True), None: (1, "Units", False)}
    names = ("ConsumedQuantity", "ConsumedUnit", "x_QuantityKnown")
    assert {row["ChargeDescription"]: row["x_Speed"] for row in rows} == SPEEDS
    assert [tuple(row[name] for name in names) for row in rows] == [tokens[row["x_Speed"]] for row in rows]
    (fast,) = {row["SkuPriceId"] for row in rows if row["x_Speed"] == "fast"}
    assert fast == "anthropic/claude-opus-4-6/uncached_input_tokens/standard/0-200k/us/fast"


UNDERSTOOD, ODD = (anthropic(description=f"M Usage - {words}Input Tokens") for words in ("", "Turbo, "))
OF_TWO_SPEEDS = [anthropic_usage(speed=speed, uncached_input_tokens=5) for speed in ("standard", "fast")]


@given(
    *(_charged(costs, usage) for usage in (FIVE, OF_TWO_SPEEDS) for costs in ([UNDERSTOOD], [ODD], [UNDERSTOOD, ODD]))
)
def test_words_that_are_not_understood_may_be_of_any_speed(rows_of_days: list[list[Row]]) -> None:
    """Beside a charge whose speed is not known nobody can tell whose usage it is; a lone one is unknown as well.

    So it is where the usage tells speeds, and where it tells none.
    """
    assert [_consumed(rows) for rows in rows_of_days] == [[(5, "Tokens")], [(1, "Units")], [(1, "Units")] * 2] * 2


FAST = anthropic(inference_geo="us", description="Claude M Usage - Fast Mode, Input Tokens")


@given(_charged([FAST], FIVE), _charged([FAST, anthropic(inference_geo="us")], FIVE))
def test_usage_that_tells_neither_geography_nor_speed_is_that_of_all(rows_of_days: list[list[Row]]) -> None:
    """Usage loaded before it was told apart meets a key's only charge; two such charges stay one unit each."""
    assert [_consumed(rows) for rows in rows_of_days] == [[(5, "Tokens")], [(1, "Units")] * 2]


@given(
    _charged(
        [anthropic(inference_geo=geo, description="Claude M Usage - Input Tokens") for geo in ("us", "global")],
        [anthropic_usage(inference_geo=geo, uncached_input_tokens=n) for geo, n in (("us", 5), ("global", 6))],
    )
)
def test_usage_told_apart_by_geography_alone_is_matched_by_it(rows: list[Row]) -> None:
    """Where Anthropic refuses to tell speeds apart, geographies still part the usage."""
    assert _consumed(rows) == [(5, "Tokens"), (6, "Tokens")]


UNUSED = [anthropic(), anthropic(token_type="output_tokens"), anthropic(cost_type="session_usage", token_type=None)]


@given(_charged(UNUSED, []), _charged(UNUSED, [anthropic_usage()]))
def test_a_charge_without_usage_is_one_unit(rows_of_days: list[list[Row]]) -> None:
    """A charge is one unit if its usage is missing or zero, or if it is for something that usage does not count."""
    assert [_consumed(rows) for rows in rows_of_days] == [[(1, "Units")] * 3] * 2


@given(
    _charged(
        [anthropic(api="analytics", api_key_id=key, amount="0.9", list_amount="1") for key in ("a", None)],
        [
            *(
                anthropic_usage(api="analytics", api_key_id=key, uncached_input_tokens=n)
                for key, n in (("a", 5), (None, 6))
            ),
            anthropic_usage(uncached_input_tokens=99),
        ],
    )
)
def test_analytics_costs_are_matched_by_api_key(rows: list[Row]) -> None:
    """Analytics tells costs and usage by API key; it never meets the usage of the other API."""
    assert _consumed(rows) == [(5, "Tokens"), (6, "Tokens")]
    assert {(row["BilledCost"], row["ContractedCost"], row["ListCost"]) for row in rows} == {
        (Decimal("0.9"), Decimal("0.9"), Decimal(1))
    }


SEARCH = {"cost_type": "web_search", "token_type": None, "model": None, "service_tier": None}
IN_W = anthropic(**SEARCH, context_window=None, workspace_id="w")
SEARCHES_IN_W = [anthropic_usage(model=m, workspace_id="w", web_search_requests=n) for m, n in (("m", 5), ("n", 9))]


@given(_charged([IN_W], SEARCHES_IN_W), _charged([IN_W] * 2, SEARCHES_IN_W))
def test_web_searches_are_counted_by_workspace(rows_of_days: list[list[Row]]) -> None:
    """A charge for web searches, which names no model, is for the searches of all models of its workspace."""
    assert [_consumed(rows) for rows in rows_of_days] == [[(14, "Requests")], [(1, "Units")] * 2]


SEARCHES = [anthropic_usage(api="analytics", api_key_id=k, web_search_requests=n) for k, n in (("a", 5), (None, 9))]


@given(
    _charged([anthropic(api="analytics", **SEARCH)], SEARCHES),
    _charged([anthropic(api="analytics", api_key_id=key, **SEARCH) for key in ("a", None)], SEARCHES),
)
def test_web_searches_of_the_analytics_may_leave_out_the_key(rows_of_days: list[list[Row]]) -> None:
    """A charge for searches without a key is for those of all keys; where charges name keys, each is for its own."""
    of_all, of_each = rows_of_days
    assert _consumed(of_all) == [(14, "Requests")]
    assert _consumed(of_each) == [(5, "Requests"), (9, "Requests")]


CATEGORIES = {"regular": "Usage", "tax": "Tax", "adjustment": "Adjustment", "rounding_error": "Adjustment"}


@given({"gcp_billing_daily_raw": [gcp(cost_type=cost_type, net_cost="-3") for cost_type in CATEGORIES]})
def test_google_tells_the_category(rows: list[Row]) -> None:
    """Google's cost_type decides the category; usage that credits make negative is still usage."""
    assert {row["x_CostType"]: row["ChargeCategory"] for row in rows} == CATEGORIES
    assert {row["ChargeClass"] for row in rows} == {None}


@given({"gcp_billing_daily_raw": [gcp(adjustment_type="USAGE_CORRECTION", usage_amount="5", usage_unit="bytes")]})
def test_google_corrections_are_marked(rows: list[Row]) -> None:
    """A row with any part of adjustment_info is a correction and has no quantity."""
    (row,) = rows
    assert (row["ChargeCategory"], row["ChargeClass"], row["ConsumedQuantity"]) == ("Usage", "Correction", None)


CREDITED = {"cost": "8", "credits": "-3", "net_cost": "5"}


@given(
    {
        "gcp_billing_daily_raw": [
            gcp(**CREDITED, list_cost="10", contracted_cost="9", sku_id="told"),
            gcp(**CREDITED, list_cost=None, contracted_cost=None, sku_id="old"),
        ]
    }
)
def test_google_credits_lower_what_is_billed_only(rows: list[Row]) -> None:
    """BilledCost is net of credits; list and contracted cost are before them, and fall back to what is known."""
    names = ("BilledCost", "EffectiveCost", "ContractedCost", "ListCost", "x_Credits", "x_ListCostKnown")
    found = {row["SkuId"]: [row[name] for name in names] for row in rows}
    assert found == {"told": [5, 5, 9, 10, -3, True], "old": [5, 5, 8, 8, -3, False]}


@given(
    {
        "gcp_billing_daily_raw": [
            gcp(usage_amount="28800", usage_unit="seconds", usage_amount_in_pricing_units="8", pricing_unit="hour"),
            gcp(usage_unit="seconds", pricing_unit="hour"),
        ]
    }
)
def test_google_quantities(rows: list[Row]) -> None:
    """Usage has Google's quantities in Google's units, or one unit where the export has none."""
    names = ("ConsumedQuantity", "ConsumedUnit", "PricingQuantity", "PricingUnit")
    found = [[row[name] for name in names] for row in rows]
    assert sorted(found) == [[1, "Units", 1, "Units"], [28800, "Seconds", 8, "Hours"]]


UNITS = {
    "hour": "Hours", "h": "Hours", "count": "Count", "1000000 count": "1000000 Count", "gibibyte": "GiB",
    "gibibyte month": "GiB-Months", "tebibyte hours": "TiB-Hours", "month": "Months", "pixel hour": "pixel hour",
}  # fmt: skip
WORDS = {"seconds": "Seconds", "bytes": "B", "byte-seconds": "B-Seconds", "requests": "Requests", "odd": "odd"}


@given(
    {"gcp_billing_daily_raw": [gcp(sku_id=unit, pricing_unit=unit) for unit in UNITS]},
    {
        "gcp_billing_daily_raw": [
            gcp(sku_id=unit, pricing_unit=unit, usage_amount_in_pricing_units="1") for unit in UNITS
        ]
    },
    {"gcp_billing_daily_raw": [gcp(sku_id=word, usage_unit=word, usage_amount="1") for word in WORDS]},
)
def test_units_of_google_are_in_the_format_of_focus(rows_of_days: list[list[Row]]) -> None:
    """Known words become units of FOCUS, with number and span of time; other words stay as Google writes them."""
    unknown, priced, used = rows_of_days
    assert [row["PricingUnit"] for row in unknown] == ["Units"] * len(UNITS)
    assert {row["SkuId"]: row["PricingUnit"] for row in priced} == UNITS
    assert {row["SkuId"]: row["ConsumedUnit"] for row in used} == WORDS


@given({"gcp_billing_daily_raw": [gcp(transaction_type="THIRD_PARTY_RESELLER", seller_name="Seller")]})
def test_a_marketplace_seller_provides_the_service(rows: list[Row]) -> None:
    """A third party's offer is provided and published by its seller, invoiced by Google, hosted nobody knows where."""
    (row,) = rows
    names = ("ServiceProviderName", "PublisherName", "InvoiceIssuerName", "ProviderName", "HostProviderName")
    assert [row[name] for name in names] == ["Seller", "Seller", "Google Cloud", "Google Cloud", None]


def _bytes(local: Local, source: str) -> int:
    """What a query would read, as a dry run tells."""
    config = QueryJobConfig(dry_run=True)
    job = clients.bigquery(local.settings).query(f"SELECT * FROM {DATASET}.{source}", job_config=config)
    return int(job.total_bytes_processed)


def _schema(table: str) -> list[Row]:
    columns = [{"name": column.name, "type": column.type} for column in gate("org").columns(table)]
    return [PARTS if column["name"] == "parts" else column for column in columns]


def _python(type_: str, value: Any) -> Any:
    parse: dict[str, Any] = {"DATE": date.fromisoformat, "TIMESTAMP": datetime.fromisoformat, "NUMERIC": Decimal}
    return value if value is None else parse.get(type_, lambda same: same)(value)


def _multiset(rows: Iterable[Row]) -> Counter[tuple[Any, ...]]:
    return Counter(tuple(sorted(row.items())) for row in rows)


def _is_sample(row: Row, sample: Row) -> bool:
    names = ("ServiceProviderName", "BilledCost", "ChargeDescription", "x_ApiKeyId")
    return all(_text(row[name]) == _text(sample.get(name)) for name in names if name in row) and (
        row["x_UsageDate"] == date(2026, 11, 10)
    )


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    try:
        return f"{Decimal(value).normalize():f}"
    except (ArithmeticError, TypeError, ValueError):
        return str(value)
