"""Which tables are read as a billing export, and what is said of those that are not."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from google.cloud.bigquery import SchemaField, TimePartitioning

from providers.gcp.columns import COLUMNS
from providers.gcp.export import LISTS, REQUIRED, TYPES, ExportTable, UnusableExport, from_table
from tests.jobs.billing.exports import DETAILED, STANDARD, export, schema, table


def test_the_recorded_exports_are_read() -> None:
    """Both recorded exports are usable, and only the detailed one has resources."""
    assert not export(STANDARD).detailed
    assert export(DETAILED).detailed
    assert "resource.global_name" in export(DETAILED).columns
    assert export(STANDARD).quoted == "`acme-billing`.`billing`.`export`"


@pytest.mark.parametrize("missing", ["cost", "credits", "usage_start_time", "export_time", "service", "project"])
def test_a_table_without_a_needed_column_is_refused(missing: str) -> None:
    """The error names the columns that are missing."""
    expected = "no " + ", ".join(path for path in REQUIRED if path.split(".")[0] == missing)
    with pytest.raises(UnusableExport, match=expected):
        export(STANDARD, frozenset({missing}))


@pytest.mark.parametrize("partitioning", [None, TimePartitioning(type_="DAY", field="usage_start_time")])
def test_a_copy_or_view_is_refused(partitioning: Any) -> None:
    """A table that is not partitioned by ingestion time cannot be pruned and is refused."""
    with pytest.raises(UnusableExport, match="not partitioned by ingestion time"):
        from_table(table(schema(STANDARD), partitioning))


def a_table(**changed: Any) -> Any:
    """The recorded export with something else about it."""
    made = table(schema(STANDARD))
    vars(made).update(changed)
    return made


@pytest.mark.parametrize("kind", ["VIEW", "MATERIALIZED_VIEW", "EXTERNAL"])
def test_what_is_no_table_is_refused(kind: str) -> None:
    """A view says that it is one."""
    with pytest.raises(UnusableExport, match=f"is a {kind.replace('_', ' ').lower()}"):
        from_table(a_table(table_type=kind, time_partitioning=None))


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"BilledCost": "NUMERIC", "ChargePeriodStart": "TIMESTAMP"}, "It looks like Cloud Billing's FOCUS export"),
        (
            {"export_time": "TIMESTAMP", "pricing_as_of_time": "TIMESTAMP"},
            "It looks like Cloud Billing's pricing export",
        ),
        ({"payer_billing_account_id": "STRING"}, "It looks like the export for resellers"),
        ({"Cost ": "FLOAT"}, "it has no billing_account_id, cost"),
    ],
)
def test_other_formats_are_named(columns: dict[str, str], found: str) -> None:
    """A table of another format is refused by what it is."""
    fields = [SchemaField(name, kind) for name, kind in columns.items()]
    with pytest.raises(UnusableExport, match=found):
        from_table(a_table(schema=fields))


@pytest.mark.parametrize(
    ("column", "changed", "found"),
    [
        ("export_time", {"type": "STRING"}, "its column export_time is STRING, not TIMESTAMP"),
        ("usage_start_time", {"type": "DATETIME"}, "its column usage_start_time is DATETIME, not TIMESTAMP"),
        ("credits", {"mode": "NULLABLE"}, "its column credits is no list, not a list of RECORD"),
        ("labels", {"mode": "NULLABLE"}, "its column labels is no list, not a list of RECORD"),
        ("labels", {"type": "STRING", "mode": "NULLABLE"}, "its column labels is STRING, not RECORD"),
        ("usage_end_time", {"type": "STRING"}, "its column usage_end_time is STRING, not TIMESTAMP"),
        ("cost", {"type": "STRING"}, "its column cost is STRING, not FLOAT"),
        ("currency", {"mode": "REPEATED"}, "its column currency is a list, not one STRING"),
        ("invoice.month", {"type": "INTEGER"}, "its column invoice.month is INTEGER, not STRING"),
        ("project.number", {"type": "INT64"}, "its column project.number is INT64, not STRING"),
        ("tags.inherited", {"type": "STRING"}, "its column tags.inherited is STRING, not BOOLEAN"),
    ],
)
def test_columns_of_another_type_are_named(column: str, changed: dict[str, str], found: str) -> None:
    """So is a copy that was loaded from a file, where columns bear the names and are something else."""
    with pytest.raises(UnusableExport, match=found):
        from_table(table(changed_at(schema(STANDARD), column, changed)))


def changed_at(fields: list[dict[str, Any]], path: str, changed: dict[str, str]) -> list[dict[str, Any]]:
    """The schema with something else about the column of this dotted path."""
    name, _, rest = path.partition(".")
    return [
        f if f["name"] != name else f | {"fields": changed_at(f["fields"], rest, changed)} if rest else f | changed
        for f in fields
    ]


@pytest.mark.parametrize("kind", ["FLOAT", "FLOAT64", "NUMERIC", "BIGNUMERIC", "INTEGER", "INT64"])
def test_any_number_is_a_number(kind: str) -> None:
    """A cost is read from every type of numbers, under the older names and GoogleSQL's."""
    assert from_table(table(changed_at(schema(STANDARD), "cost", {"type": kind}))).columns


def test_every_column_that_is_read_has_a_type() -> None:
    """What a run reads of an export is judged before it reads; each list is a list of records."""
    assert {path for column in COLUMNS for part in column.parts for path in part.reads} <= TYPES.keys()
    assert set(REQUIRED) | LISTS <= TYPES.keys()


def test_what_a_table_will_lose() -> None:
    """Partitions are lost by their start, and with them the first rows of the UTC day after; the table at its end."""
    keeps = TimePartitioning(type_="DAY", expiration_ms=60 * 86_400_000)
    made = from_table(a_table(time_partitioning=keeps, expires=datetime(2027, 1, 1, tzinfo=UTC)))
    assert made.lost_by(datetime(2026, 12, 12, 23, tzinfo=UTC)) == date(2026, 10, 14)
    assert [text.split(" ", 1)[1][:37] for text in made.warnings] == [
        "deletes partitions after 60 days. Dat",
        "itself will be deleted on 2027-01-01:",
    ]
    assert (export(STANDARD).lost_by(datetime.now(UTC)), export(STANDARD).warnings) == (None, ())


@pytest.mark.parametrize(
    ("location", "since"), [("US", date(2026, 10, 1)), ("eu", date(2026, 10, 1)), ("us-east1", None)]
)
def test_since_when_an_export_is_filled(location: str, since: date | None) -> None:
    """A multi-region is filled backwards, a region from its creation on."""
    created = datetime(2026, 11, 12, 12, tzinfo=UTC)
    filled = from_table(a_table(location=location, created=created)).filled_from
    assert filled == (datetime.combine(since, datetime.min.time(), UTC) if since else created)


@pytest.mark.parametrize(
    "parts", [("p`; DROP", "d", "t"), ("p", "d-x", "t"), ("p", "d", "t`"), ("p", "d", ""), ("p", "d", "t\n")]
)
def test_a_name_that_is_no_identifier_is_refused(parts: tuple[str, str, str]) -> None:
    """What is not a BigQuery name never reaches SQL."""
    with pytest.raises(UnusableExport, match="not a valid BigQuery name"):
        ExportTable(*parts, location="US", columns=frozenset(REQUIRED), detailed=False)


@pytest.mark.parametrize(
    ("created", "oldest"),
    [
        (datetime(2026, 11, 12, 12, tzinfo=UTC), date(2026, 10, 1)),
        (datetime(2026, 11, 2, 0, tzinfo=UTC), date(2026, 10, 1)),
        (datetime(2026, 11, 1, 6, 59, tzinfo=UTC), date(2026, 9, 1)),  # October in California
        (datetime(2026, 1, 31, tzinfo=UTC), date(2025, 12, 1)),
        (None, None),
    ],
)
def test_the_first_date_that_can_have_rows(created: datetime | None, oldest: date | None) -> None:
    """The first day of the month before the table was made, by the month in which it surely was."""
    made = ExportTable("p", "d", "t", "US", frozenset(REQUIRED), detailed=False, created=created)
    assert made.oldest_date == oldest


@pytest.mark.parametrize("project", ["acme-prod", "example.com:acme-prod", "test"])
def test_project_names_of_every_age_are_read(project: str) -> None:
    """Plain and domain-scoped project ids are both identifiers."""
    assert ExportTable(project, "d", "t", "US", frozenset(REQUIRED), False).quoted == f"`{project}`.`d`.`t`"
