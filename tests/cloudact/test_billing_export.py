"""Which tables are read as a billing export, and what is said of those that are not."""

from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from cloudact.billing_export import REQUIRED, ExportTable, UnusableExport, from_table
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


@pytest.mark.parametrize("partitioning", [None, SimpleNamespace(type_="DAY", field="usage_start_time")])
def test_a_copy_or_view_is_refused(partitioning: Any) -> None:
    """A table that is not partitioned by ingestion time cannot be pruned and is refused."""
    with pytest.raises(UnusableExport, match="not partitioned by ingestion time"):
        from_table(table(schema(STANDARD), partitioning))


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
