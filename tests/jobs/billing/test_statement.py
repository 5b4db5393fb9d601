"""Every variant of the statement is GoogleSQL and gives exactly the target's columns."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import cache
from itertools import chain, combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.gcp.columns import COLUMNS
from providers.gcp.export import ExportTable
from providers.gcp.source_day import Reach, compile_facts, compile_reach
from providers.gcp.statement import OPERATIONS, Statement, compile_late_dates, compile_statement
from tests.googlesql import INGESTION_TIME, Column, GoogleSql, gate, parameter_types
from tests.jobs.billing.exports import DETAILED, OPTIONAL, STANDARD, export, schema

SUBSETS = list(chain.from_iterable(combinations(OPERATIONS, n) for n in range(4)))
OUTPUT = tuple(Column(c.name, c.type) for c in COLUMNS)


def compiled(source: ExportTable, operations: Sequence[str] = OPERATIONS, **changed: Any) -> Statement:
    """The statement of 2026-11-10 with two inactive projects."""
    arguments: dict[str, Any] = {
        "day": date(2026, 11, 10), "snapshot": datetime(2026, 11, 14, tzinfo=UTC), "late_days": 10,
        "inactive_projects": ["old-1", "old-2"],
    }  # fmt: skip
    return compile_statement(source, operations=operations, **arguments | changed)


def analyzed(statement: Statement, fields: list[dict[str, Any]]) -> tuple[Column, ...]:
    return _known(json.dumps(fields)).analyze(statement.sql, parameter_types(statement.parameters))


@cache
def _known(fields: str) -> GoogleSql:
    """A catalog with the export alone, which is all that a statement of ours reads."""
    return GoogleSql().add_schema("acme-billing.billing.export", json.loads(fields), INGESTION_TIME)


@pytest.mark.parametrize("name", [STANDARD, DETAILED])
@pytest.mark.parametrize("operations", SUBSETS)
def test_every_set_of_operations_is_google_sql(name: str, operations: tuple[str, ...]) -> None:
    """Each subset of the operations gives the target's columns, in its order and types."""
    assert analyzed(compiled(export(name), operations), schema(name)) == OUTPUT


@settings(max_examples=25, deadline=None)
@given(st.sets(st.sampled_from(OPTIONAL)), st.sampled_from(SUBSETS))
def test_an_old_schema_is_google_sql(missing: set[str], operations: tuple[str, ...]) -> None:
    """A table without some of the later columns gives the same columns, NULL where it has nothing."""
    without = frozenset(missing)
    assert analyzed(compiled(export(STANDARD, without), operations), schema(STANDARD, without)) == OUTPUT


def test_numeric_columns_of_the_export_are_google_sql() -> None:
    """Costs may be NUMERIC instead of FLOAT64 in the export."""
    fields = [f | {"type": "NUMERIC"} if f["type"] == "FLOAT" else f for f in schema(DETAILED)]
    assert analyzed(compiled(export(DETAILED)), fields) == OUTPUT


def test_the_target_has_these_columns_and_the_run() -> None:
    """The table has the statement's output and, before what was added later, org, run and time of ingestion."""
    run = (Column("org_slug", "STRING"), Column("run_id", "STRING"), Column("ingested_at", "TIMESTAMP"))
    table = gate("org").columns("gcp_billing_daily_raw")
    first = table.index(run[0])
    assert table[first : first + len(run)] == run
    assert table[:first] + table[first + len(run) :] == OUTPUT


@pytest.mark.parametrize("name", [STANDARD, DETAILED])
def test_the_questions_about_the_source_are_google_sql(name: str) -> None:
    """Where a day's rows lie, and what they are, by currency."""
    asked: dict[str, Any] = {"day": date(2026, 1, 1), "snapshot": datetime(2026, 2, 1, tzinfo=UTC)}
    where = compile_reach(export(name), **asked, late_days=60)
    assert [column.type for column in analyzed(where, schema(name))] == ["TIMESTAMP"] * 2
    facts = compile_facts(export(name), **asked, reach=Reach(), inactive_projects=["x"], loaded_until=None)
    assert [column.type for column in analyzed(facts, schema(name))] == [
        "STRING", "INT64", "NUMERIC", "TIMESTAMP", "TIMESTAMP", "INT64", "NUMERIC", "INT64",
    ]  # fmt: skip


def test_only_newer_rows_are_google_sql() -> None:
    """A statement that asks for what was exported after an instant has the same columns."""
    assert (
        analyzed(compiled(export(STANDARD), exported_after=datetime(2026, 11, 12, tzinfo=UTC)), schema(STANDARD))
        == OUTPUT
    )


def late_dates(watermark: datetime | None) -> Statement:
    """The look of the run of 2026-11-10 at noon of the day after."""
    snapshot = datetime(2026, 11, 11, 12, tzinfo=UTC)
    day = date(2026, 11, 10)
    return compile_late_dates(export(STANDARD), day=day, snapshot=snapshot, watermark=watermark, late_days=60)


@pytest.mark.parametrize("name", [STANDARD, DETAILED])
def test_the_look_for_late_rows_is_google_sql(name: str) -> None:
    """One row a date, with the newest export among its rows."""
    output = (Column("usage_date", "DATE"), Column("newest_export_time", "TIMESTAMP"))
    assert analyzed(late_dates(datetime(2026, 11, 9, 7, 30, tzinfo=UTC)), schema(name)) == output


@pytest.mark.parametrize(
    ("watermark", "first"),
    [
        (datetime(2026, 11, 9, 7, 30, tzinfo=UTC), datetime(2026, 11, 8, tzinfo=UTC)),
        (datetime(2026, 11, 9, 5, 59, tzinfo=UTC), datetime(2026, 11, 7, tzinfo=UTC)),
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 9, 11, tzinfo=UTC)),
        (None, datetime(2026, 11, 9, tzinfo=UTC)),
    ],
    ids=["a later look", "six hours before", "after a long time", "the first"],
)
def test_the_look_for_late_rows_prunes(watermark: datetime | None, first: datetime) -> None:
    """It reads the partitions from the day before the watermark, less what is seen late, to the run's start."""
    statement = late_dates(watermark)
    moments = {p.name: p.value for p in statement.parameters if hasattr(p, "value")}
    assert moments["first_partition"] == first
    assert moments["end_partition"] == datetime(2026, 11, 12, tzinfo=UTC)
    assert statement.sql == late_dates(datetime(2020, 1, 1, tzinfo=UTC)).sql


def test_values_are_parameters() -> None:
    """No value of the call appears in the text, which is the same for every day and project."""
    statement = compiled(export(STANDARD), inactive_projects=["'; DROP TABLE x; --"])
    other = compiled(export(STANDARD), day=date(2020, 2, 29), late_days=45)
    assert statement.sql == other.sql


def test_bounds_are_constant_moments() -> None:
    """The partitions read are the day before to `late_days` after, as constants that prune."""
    moments = {p.name: p.value for p in compiled(export(STANDARD)).parameters if hasattr(p, "value")}
    assert moments["first_partition"] == datetime(2026, 11, 9, tzinfo=UTC)
    assert moments["end_partition"] == datetime(2026, 11, 20, tzinfo=UTC)
    assert moments["day_end"] == datetime(2026, 11, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("operations", "late_days", "message"),
    [
        (["sum"], 10, "Unknown operation 'sum'. Allowed: aggregate_by_service, filter_active_projects"),
        ([], 0, "late_days is 0"),
    ],
)
def test_a_wrong_step_is_refused(operations: list[str], late_days: int, message: str) -> None:
    """An unknown operation or an impossible window is refused in plain words."""
    with pytest.raises(ValueError, match=message):
        compiled(export(STANDARD), operations, late_days=late_days)
