"""The statement run by Google's reference implementation, compared with plain Decimal arithmetic."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from localcloud.billing_export import rows_for_day
from providers.gcp.columns import COLUMNS
from providers.gcp.source_day import Reach, compile_facts
from providers.gcp.statement import OPERATIONS, Statement, compile_statement
from tests.googlesql_reference import run
from tests.jobs.billing.exact_totals import day_groups, groups_of
from tests.jobs.billing.exports import DETAILED, STANDARD, export, rows, schema

LATER = datetime(2027, 6, 1, tzinfo=UTC)
TYPES = {c.name: c.type for c in COLUMNS}


def result(
    name: str, source: list[dict[str, Any]], day: date, *, snapshot: datetime = LATER, late_days: int = 60,
    operations: tuple[str, ...] = OPERATIONS, inactive: tuple[str, ...] = (),
) -> list[dict[str, Any]]:  # fmt: skip
    """The rows that Google's implementation gives for the day, as Python values."""
    statement = compile_statement(
        export(name), operations=operations, day=day, snapshot=snapshot, late_days=late_days,
        inactive_projects=inactive,
    )  # fmt: skip
    return [{n: _python(TYPES[n], v) for n, v in row.items()} for row in _run(statement, name, source)]


def _run(statement: Statement, name: str, source: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return run(statement.sql, statement.parameters, "acme-billing.billing.export", schema(name), source)


def _python(type_: str, value: Any) -> Any:
    if value is None or type_ == "STRING":
        return value
    parse: dict[str, Any] = {"DATE": date.fromisoformat, "TIMESTAMP": datetime.fromisoformat}
    convert = parse | {"FLOAT64": float, "INT64": int, "BOOL": bool}
    return convert.get(type_, Decimal)(value)


@pytest.mark.parametrize("name", [STANDARD, DETAILED])
@pytest.mark.parametrize("day", [date(2026, 11, 10), date(2026, 11, 1)])
def test_the_recorded_day_is_exact(name: str, day: date) -> None:
    """The recorded rows give the same groups and totals, to the last digit, as plain Decimal arithmetic."""
    found = groups_of(result(name, rows(name), day))
    assert found == day_groups(rows(name), day, LATER)
    assert found


@pytest.mark.parametrize("day", [date(2026, 3, 1), date(2026, 3, 2)])
def test_a_generated_day_is_exact(day: date) -> None:
    """So does a generated day, whose rows come late, early, as credits, corrections and tax."""
    source = [row for d in (1, 2, 3) for row in rows_for_day(7, date(2026, 3, d), 400, detailed=True)]
    assert groups_of(result(DETAILED, source, day)) == day_groups(source, day, LATER)


def test_late_rows_count_once_exported() -> None:
    """A row that Google delivered days later counts, unless it was exported after the snapshot."""
    day, before = date(2026, 11, 10), datetime(2026, 11, 12, tzinfo=UTC)
    cost = sum(row["cost"] for row in result(STANDARD, rows(STANDARD), day, late_days=10))
    early = sum(row["cost"] for row in result(STANDARD, rows(STANDARD), day, snapshot=before))
    assert cost - early == Decimal("1.2")


def test_a_row_in_the_partition_of_the_day_before_counts() -> None:
    """Usage in the first UTC hours lies in the previous (Pacific) partition and is counted."""
    row = rows(STANDARD)[0] | {"usage_start_time": "2026-11-10 01:00:00 UTC", "_partition_date": "2026-11-09"}
    assert len(result(STANDARD, [row], date(2026, 11, 10))) == 1
    assert not result(STANDARD, [row | {"_partition_date": "2026-11-08"}], date(2026, 11, 10))


def test_a_row_of_an_empty_project_is_one_without_project() -> None:
    """NULL and '' are one group, and inactive projects never take rows without a project along."""
    row = rows(STANDARD)[0]
    source = [row | {"project": None}, row | {"project": row["project"] | {"id": "", "name": "", "number": " "}}, row]
    source = [each | {"project": (each["project"] or {}) | {"labels": [], "ancestry_numbers": ""}} for each in source]
    found = result(STANDARD, source, date(2026, 11, 10), inactive=("acme-prod",))
    assert [(r["project_id"], r["project_number"], r["source_row_count"]) for r in found] == [(None, None, 2)]


def test_the_dropped_rows_are_counted() -> None:
    """The count of filtered rows is how many rows of the day belong to inactive projects."""
    counted = compile_facts(
        export(STANDARD),
        day=date(2026, 11, 10),
        snapshot=LATER,
        reach=Reach(early_days=1, late_days=10),
        inactive_projects=["acme-prod"],
        loaded_until=None,
    )
    assert [row["filtered_rows"] for row in _run(counted, STANDARD, rows(STANDARD))] == [Decimal(5)]


def test_without_aggregation_each_row_stays() -> None:
    """Without `aggregate_by_service` every export row is a row of the result."""
    source = list(rows_for_day(7, date(2026, 3, 2), 200))
    found = result(STANDARD, source, date(2026, 3, 2), operations=())
    assert len(found) == 200
    assert {row["source_row_count"] for row in found} == {1}


def test_labels_are_canonical() -> None:
    """Equal label sets in any order become one text, keys sorted and characters escaped as JSON has it."""
    labels = [{"key": "b", "value": 'x"y\\z'}, {"key": "a", "value": "é"}]
    tags = [{"key": "env", "value": "prod", "inherited": True, "namespace": "1111"}]
    one = rows(STANDARD)[0] | {"labels": labels, "tags": tags}
    (found,) = result(STANDARD, [one, one | {"labels": labels[::-1]}], date(2026, 11, 10))
    assert (found["labels"], found["tags"]) == ('{"a":"é","b":"x\\"y\\\\z"}', '{"1111/env":"prod"}')
