"""The columns of `gcp_billing_daily_raw`: how each comes from one row of the export, or from a group of them.

Names and types are those of the statement's result, which must fit the table (a test analyses it). What reads an export
column may use only those it names; where an old export lacks one of them it is NULL, and a part of a longer expression
is left out.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from providers.gcp.labels import pairs_text


@dataclass(frozen=True)
class Part:
    """An expression over one export row, of use only where the export has the columns that it reads."""

    expression: str
    reads: tuple[str, ...]


@dataclass(frozen=True)
class Column:
    """A column of the result, of GoogleSQL `type`: the `parts` that an export has, joined by `between` and `around`.

    A column without `total` is a dimension, grouped by. `total` is its value for a group of rows and `single` for a row
    that stays alone; both are written over the parts' values of all columns, by their names, of `row_type` if that is
    another type. The parts of a column that is `of_lists` are written over `LISTS`.
    """

    name: str
    type: str
    parts: tuple[Part, ...] = ()
    total: str | None = None
    single: str | None = None
    between: str = ""
    around: tuple[str, str] = ("", "")
    row_type: str = ""
    of_lists: bool = False

    def known(self, export: Set[str]) -> tuple[Part, ...]:
        """The parts that a table with the columns `export` (dotted paths) has."""
        return tuple(part for part in self.parts if set(part.reads) <= export)

    def over(self, export: Set[str]) -> str:
        """The expression over one row of a table that has the columns `export`."""
        known = [part.expression for part in self.known(export)]
        if not known:
            return f"CAST(NULL AS {self.row_type or self.type})"
        return self.between.join(known).join(self.around)


def _column(name: str, type_: str, expression: str, *reads: str, of_lists: bool = False) -> Column:
    return Column(name, type_, (Part(expression, reads),), of_lists=of_lists)


def _text(name: str, path: str) -> Column:
    # Google writes '' for what is absent as well: it must not make a group, a project or a correction of its own.
    return _column(name, "STRING", f"IF(TRIM({path}) = '', NULL, {path})", path)


def _price(name: str, path: str) -> Column:
    return _column(name, "NUMERIC", f"CAST({path} AS NUMERIC)", path)


def _amount(name: str, expression: str, *reads: str, stand_ins: str = "", of_lists: bool = False) -> Column:
    """A sum of exact values, rounded once to NUMERIC's ninth decimal: many rows cost less than 1e-9 each.

    BIGNUMERIC, since a sum of floats depends on the order of the rows. NULL only where no row tells the amount; where
    some do, `stand_ins` (columns, with commas before each) count for the others.
    """
    value = f"COALESCE({name}{stand_ins})" if stand_ins else name
    total = f"IF(COUNT({name}) = 0, NULL, CAST(SUM({value}) AS NUMERIC))"
    part = Part(f"CAST({expression} AS BIGNUMERIC)", reads)
    single = f"CAST({name} AS NUMERIC)"
    return Column(name, "NUMERIC", (part,), total=total, single=single, row_type="BIGNUMERIC", of_lists=of_lists)


def _known(name: str, amount: str) -> Column:
    """Whether every row tells the amount."""
    return Column(name, "BOOL", total=f"COUNT({amount}) = COUNT(*)", single=f"{amount} IS NOT NULL")


def _told(path: str) -> str:
    # No price belongs to a tax or a rounding: a zero that Google writes there is no cost at list price.
    return f"IF(LOWER(TRIM(cost_type)) IN ('tax', 'rounding_error'), NULLIF({path}, 0), {path})"


TAG_KEY = "CONCAT(IFNULL(CONCAT(NULLIF(label.namespace, ''), '/'), ''), label.key)"
"""Two organisations may use one tag key: the namespace tells them apart, as in Google's own tag names."""

_LABELS = ("labels.key", "labels.value")
_PROJECT_LABELS = ("project.labels.key", "project.labels.value")
_SYSTEM_LABELS = ("system_labels.key", "system_labels.value")
_TAGS = ("tags.key", "tags.value", "tags.namespace", "tags.inherited")

# A scalar sub-query: a JOIN with UNNEST would count the cost once per credit.
NET_CREDITS = "IFNULL(SUM(CAST(credit.amount AS BIGNUMERIC)), 0)"
CREDITS = f"(SELECT {NET_CREDITS} FROM UNNEST(credits) AS credit)"  # noqa: S608 (fixed text)
_DISCOUNT = "STARTS_WITH(credit.type, 'COMMITTED_USAGE_DISCOUNT')"
_FEE = "credit.type = 'FEE_UTILIZATION_OFFSET'"


def _pairs(name: str, kind: str, path: str, *reads: str, key: str = "label.key", inherits: bool = False) -> Column:
    return Column(name, "STRUCT", (Part(pairs_text(kind, path, key, inherits=inherits), reads),))


# What columns take from the lists of a row, each looked through once for all of them, and what they need beside that.
LISTS = (
    _pairs("label_pairs", "label", "labels", *_LABELS),
    _pairs("project_label_pairs", "project_label", "project.labels", *_PROJECT_LABELS),
    _pairs("system_label_pairs", "system_label", "system_labels", *_SYSTEM_LABELS),
    _pairs("tag_pairs", "tag", "tags", *_TAGS, key=TAG_KEY, inherits=True),
    Column(
        "of_credits", "STRUCT",
        (
            Part(f"{NET_CREDITS} AS net", ("credits.amount",)),
            Part(
                f"SUM(IF({_DISCOUNT} OR {_FEE}, CAST(credit.amount AS BIGNUMERIC), NULL)) AS commitment",
                ("credits.amount", "credits.type"),
            ),
            Part(f"IFNULL(LOGICAL_OR({_DISCOUNT}), FALSE) AS has_discount", ("credits.type",)),
            Part(f"IFNULL(LOGICAL_OR({_FEE}), FALSE) AS has_fee", ("credits.type",)),
        ),
        between=", ", around=("(SELECT AS STRUCT ", " FROM UNNEST(credits) AS credit)"),
    ),
    # What a fee for a commitment is known by (docs.cloud.google.com/docs/cuds-multiprice-datamodel, -example-queries).
    _column(
        "is_described_as_fee", "BOOL",
        r"IFNULL(REGEXP_CONTAINS(LOWER(sku.description), r'^commitment\b|\bcommitted use discounts?\b'), FALSE)",
        "sku.description",
    ),
    _column(
        "is_labelled_as_fee", "BOOL",
        "EXISTS(SELECT 1 FROM UNNEST(labels) AS label WHERE label.key = 'goog-originating-sku-id')", "labels.key",
    ),
    _column(
        "is_of_subscription", "BOOL",
        "subscription.instance_id != '' AND consumption_model.description = 'Default'",
        "subscription.instance_id", "consumption_model.description",
    ),
)  # fmt: skip

FEE_SIGNS = (
    Part("is_described_as_fee", ("sku.description",)),
    Part("of_credits.has_fee", ("credits.type",)),
    Part("is_labelled_as_fee", ("labels.key",)),
    # Usage names its commitment only where another consumption model than the default prices it.
    Part(
        "(is_of_subscription AND NOT of_credits.has_discount) IS TRUE",
        ("subscription.instance_id", "consumption_model.description", "credits.type"),
    ),
)
MORE_PAIRS = (
    Part("label_pairs.more", _LABELS),
    Part("project_label_pairs.more", _PROJECT_LABELS),
    Part("system_label_pairs.more", _SYSTEM_LABELS),
    Part("tag_pairs.more", _TAGS),
)

COLUMNS = (
    _column("usage_date", "DATE", "DATE(usage_start_time)", "usage_start_time"),
    _text("billing_account_id", "billing_account_id"),
    _text("invoice_month", "invoice.month"),
    _text("invoice_publisher_type", "invoice.publisher_type"),
    _text("project_id", "project.id"),
    _text("project_name", "project.name"),
    _text("project_number", "project.number"),
    _text("project_ancestry_numbers", "project.ancestry_numbers"),
    _column("project_labels", "STRING", "project_label_pairs.object", *_PROJECT_LABELS, of_lists=True),
    _text("service_id", "service.id"),
    _text("service_description", "service.description"),
    _text("sku_id", "sku.id"),
    _text("sku_description", "sku.description"),
    _text("location", "location.location"),
    _text("country", "location.country"),
    _text("region", "location.region"),
    _text("zone", "location.zone"),
    _text("resource_name", "resource.name"),
    _text("resource_global_name", "resource.global_name"),
    _text("subscription_id", "subscription.instance_id"),
    _column("labels", "STRING", "label_pairs.object", *_LABELS, of_lists=True),
    _column("system_labels", "STRING", "system_label_pairs.object", *_SYSTEM_LABELS, of_lists=True),
    _column("tags", "STRING", "tag_pairs.object", *_TAGS, of_lists=True),
    _text("cost_type", "cost_type"),
    _text("transaction_type", "transaction_type"),
    _text("seller_name", "seller_name"),
    _text("adjustment_id", "adjustment_info.id"),
    _text("adjustment_description", "adjustment_info.description"),
    _text("adjustment_mode", "adjustment_info.mode"),
    _text("adjustment_type", "adjustment_info.type"),
    _text("consumption_model_id", "consumption_model.id"),
    _text("consumption_model_description", "consumption_model.description"),
    _price("price_tier_start_amount", "price.tier_start_amount"),
    _price("price_unit_quantity", "price.pricing_unit_quantity"),
    _price("list_price", "price.list_price"),
    _price("effective_price", "price.effective_price"),
    _text("currency", "currency"),
    _column(
        "currency_conversion_rate", "FLOAT64", "CAST(currency_conversion_rate AS FLOAT64)", "currency_conversion_rate"
    ),
    _text("usage_unit", "usage.unit"),
    _text("pricing_unit", "usage.pricing_unit"),
    _amount("usage_amount", "usage.amount", "usage.amount"),
    _amount("usage_amount_in_pricing_units", "usage.amount_in_pricing_units", "usage.amount_in_pricing_units"),
    _amount("cost", "cost", "cost"),
    _amount("credits", "of_credits.net", "credits.amount", of_lists=True),
    # One export row's cost is never NULL; were it, the group's net cost must not vanish with it.
    Column(
        "net_cost",
        "NUMERIC",
        total="CAST(SUM(IFNULL(cost, 0) + credits) AS NUMERIC)",
        single="CAST(IFNULL(cost, 0) + credits AS NUMERIC)",
    ),
    _amount("list_cost", _told("cost_at_list"), "cost_at_list", "cost_type", stand_ins=", contracted_cost, cost"),
    _amount(
        "contracted_cost", _told("cost_at_effective_price_default"), "cost_at_effective_price_default", "cost_type",
        stand_ins=", cost",
    ),
    Column("source_row_count", "INT64", total="COUNT(*)", single="1"),
    Column(
        "source_max_export_time", "TIMESTAMP", (Part("export_time", ("export_time",)),),
        total="MAX(source_max_export_time)", single="source_max_export_time",
    ),
    # Most windows are hours. What lasts longer than its day is a charge of its own, with its own period.
    _column("period_start", "TIMESTAMP", "IF(usage_end_time > @day_end, usage_start_time, NULL)", "usage_end_time"),
    _column("period_end", "TIMESTAMP", "IF(usage_end_time > @day_end, usage_end_time, NULL)", "usage_end_time"),
    Column("commitment_fee", "BOOL", FEE_SIGNS, between=" OR ", around=("(", ")"), of_lists=True),
    Column(
        "more_labels", "STRING", MORE_PAIRS, between=", ",
        around=("NULLIF(CONCAT('[', SUBSTR(CONCAT(", "), 2), ']'), '[]')"), of_lists=True,
    ),
    _known("usage_amount_known", "usage_amount"),
    _known("pricing_amount_known", "usage_amount_in_pricing_units"),
    _known("list_cost_known", "list_cost"),
    _known("contracted_cost_known", "contracted_cost"),
    _amount("commitment_credits", "of_credits.commitment", "credits.amount", "credits.type", of_lists=True),
)  # fmt: skip
