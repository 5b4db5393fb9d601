"""The view `loaded_days` over raw rows of all providers: which days are of one run, and which are of two."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from providers.source import Table
from tests.conftest import Local
from tests.googlesql import gate
from tests.infra.conftest import Read
from tests.infra.focus_rows import DATASET, DAY, LOADED, Row, anthropic, anthropic_usage, gcp, openai
from tests.infra.org_views import inlined, select_of
from tests.jobs.test_columns import TABLES
from tests.lineage import sources

BEFORE = {"run_id": "r-1", "ingested_at": "2026-11-11 06:00:00 UTC"}
AFTER = {"run_id": "r-2", "ingested_at": "2026-11-12 06:00:00 UTC"}


def days(local: Local, charges: list[Row]) -> list[Row]:
    """The view's rows of the day that `read` has just filled: it answers the charges of that day."""
    day = charges[0]["x_UsageDate"]
    return local.query(f"SELECT * FROM {DATASET}.loaded_days WHERE usage_date = '{day}' ORDER BY provider")


def test_days_of_one_run(local: Local, read: Read) -> None:
    """Each provider's day has its time and the rows of all of its tables, and nothing is behind."""
    charges = read(
        gcp_billing_daily_raw=[gcp(), gcp(sku_id="B-2")],
        anthropic_usage_daily_raw=[anthropic_usage()],
        anthropic_cost_daily_raw=[anthropic()],
    )
    at = datetime(2026, 11, 11, 6, tzinfo=UTC)
    found = [(row["provider"], row["row_count"], row["loaded_at"], row["behind"]) for row in days(local, charges)]
    assert found == [("anthropic", 2, at, None), ("gcp", 2, at, None)]
    assert not any(row["is_half_loaded"] for row in days(local, charges))


@pytest.mark.parametrize(
    ("usage", "costs", "behind", "half"),
    [(AFTER, BEFORE, "anthropic_cost_daily_raw", True), (BEFORE, AFTER, "anthropic_usage_daily_raw", False)],
    ids=["the costs were not loaded", "the usage could not be read"],
)
def test_a_day_of_two_runs(local: Local, read: Read, usage: Row, costs: Row, behind: str, half: bool) -> None:
    """The view names the table that is of the earlier run, and `x_RunId` of the day's charges is the costs' run. Half
    loaded is the day whose costs are behind: whose usage could not be read has the right costs."""
    charges = read(anthropic_usage_daily_raw=[anthropic_usage(**usage)], anthropic_cost_daily_raw=[anthropic(**costs)])
    (day,) = days(local, charges)
    assert (day["is_half_loaded"], day["behind"], day["loaded_at"].day) == (half, behind, 12)
    assert not day["costs_missing"]
    assert charges[0]["x_RunId"] == costs["run_id"]


def test_a_first_load_that_failed_before_the_costs(local: Local, read: Read) -> None:
    """Usage without any costs is a half-loaded day; activity without costs, or costs without usage, is none."""
    charges = read(gcp_billing_daily_raw=[gcp()], anthropic_usage_daily_raw=[anthropic_usage(**AFTER)])
    found = {row["provider"]: (row["is_half_loaded"], row["costs_missing"]) for row in days(local, charges)}
    assert found == {"gcp": (False, False), "anthropic": (True, True)}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_tables_of_costs_are_known_by_name(table: Table) -> None:
    """The view `loads` takes those tables for costs that the providers' records do."""
    assert bool(re.search("_(cost|billing)_daily_raw$", table.name)) == table.of_money
    assert "_daily_raw', '_(cost|billing)_daily_raw$') AS is_of_money" in select_of("loads")


def test_rows_that_a_frozen_day_has_kept(local: Local, read: Read) -> None:
    """Rows of several runs in one table are one load of it: the day is not half loaded."""
    (day,) = days(local, read(gcp_billing_daily_raw=[gcp(**BEFORE), gcp(**AFTER)]))
    assert (day["is_half_loaded"], day["behind"], day["row_count"]) == (False, None, 2)


def test_days_beside_costs(local: Local, read: Read) -> None:
    """An analyst leaves half-loaded days out of a sum by provider and day, and no day whose costs are right."""
    charges = read(
        gcp_billing_daily_raw=[gcp()],
        openai_cost_daily_raw=[openai(**AFTER)],
        openai_usage_daily_raw=[LOADED | BEFORE | {"usage_date": DAY, "endpoint": "completions"}],
        anthropic_usage_daily_raw=[anthropic_usage(**AFTER)],
        anthropic_cost_daily_raw=[anthropic(**BEFORE)],
    )
    sql = f"""
      SELECT costs.x_Provider AS name, SUM(costs.BilledCost) AS cost
      FROM {DATASET}.focus_costs AS costs
      INNER JOIN {DATASET}.loaded_days AS days
        ON days.provider = costs.x_Provider AND days.usage_date = costs.x_UsageDate AND NOT days.is_half_loaded
      WHERE costs.x_UsageDate = '{charges[0]["x_UsageDate"]}' AND days.usage_date = '{charges[0]["x_UsageDate"]}'
      GROUP BY name
      ORDER BY name
    """
    assert [row["name"] for row in local.query(sql)] == ["gcp", "openai"]


def test_every_raw_table_is_read_by_its_partitions() -> None:
    """The day is every raw table's partitioning column itself, and none is left out."""
    tables = {f"{table.name}.usage_date" for table in TABLES}
    assert sources(gate("org"), inlined("loaded_days"), "usage_date") == tables
