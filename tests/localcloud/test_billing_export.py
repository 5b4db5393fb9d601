"""The invented export has the traits of a real one, and is the same every time."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from localcloud.billing_export import rows_for_day

DAY = date(2026, 11, 1)
FIXTURES = Path(__file__).parents[1] / "fixtures" / "providers"


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return list(rows_for_day(3, DAY, 5_000, detailed=True))


def test_it_is_deterministic() -> None:
    """The same seed, day and size give the same rows; another seed gives others."""
    assert list(rows_for_day(3, DAY, 50)) == list(rows_for_day(3, DAY, 50))
    assert list(rows_for_day(3, DAY, 50)) != list(rows_for_day(4, DAY, 50))


@pytest.mark.parametrize(("kind", "detailed"), [("v1", False), ("resource_v1", True)])
def test_rows_have_the_recorded_columns(kind: str, detailed: bool) -> None:
    """A row has exactly the columns of the recorded schema and where it is delivered."""
    schema = json.loads((FIXTURES / f"gcp_billing_export_{kind}.schema.json").read_text())
    (row,) = rows_for_day(3, date(2026, 11, 2), 1, detailed=detailed)
    assert set(row) == {field["name"] for field in schema} | {"_partition_date"}


def test_usage_lies_in_the_day(rows: list[dict[str, Any]]) -> None:
    """Every row's usage begins in the UTC day, at each of its hours."""
    starts = {row["usage_start_time"] for row in rows}
    assert {start[:10] for start in starts} == {"2026-11-01"}
    assert len(starts) == 24


def test_delivery_is_early_and_late(rows: list[dict[str, Any]]) -> None:
    """Some rows lie in the partition of the day before, some two to six days later."""
    days = {(date.fromisoformat(row["_partition_date"]) - DAY) // timedelta(days=1) for row in rows}
    assert {-1, 0, 2, 3, 4, 5} <= days


def test_money_is_as_awkward_as_google_s(rows: list[dict[str, Any]]) -> None:
    """Costs have up to 17 digits and go below a billionth; credits are of several types, some rows have many."""
    costs = [row["cost"] for row in rows]
    assert max(len(repr(cost).strip("-0.").replace(".", "")) for cost in costs) >= 17
    assert any(0 < cost < 5e-10 for cost in costs)
    assert len({credit["type"] for row in rows for credit in row["credits"]}) == 6
    assert max(len(row["credits"]) for row in rows) == 3


def test_the_odd_rows_are_there(rows: list[dict[str, Any]]) -> None:
    """Tax without a project, corrections, sellers, rows without a project and the previous invoice month."""
    assert [row["project"] for row in rows if row["cost_type"] == "tax"] == [None]
    assert any(row["adjustment_info"] and row["cost"] < 0 for row in rows)
    assert {row["invoice"]["publisher_type"] for row in rows if row["seller_name"]} == {"PARTNER"}
    assert sum(row["project"] is None for row in rows) > 10
    assert {row["invoice"]["month"] for row in rows} == {"202610", "202611"}


def test_days_share_a_catalogue() -> None:
    """Projects and SKUs are the same from day to day."""
    first, second = ({row["sku"]["id"] for row in rows_for_day(3, date(2026, 11, d), 4_000)} for d in (2, 3))
    assert len(first & second) > 100
