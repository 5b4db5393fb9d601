"""A day through the local BigQuery, over the wire: export → statement → batches → Parquet → the org's partition."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from google.cloud.bigquery import Client, LoadJobConfig, QueryJobConfig

from cloudact.warehouse.queries import in_org_dataset
from cloudact.warehouse.scripts import Scope, load_scripts, statements
from jobs.parquet import write_parquet
from localcloud.billing_export import load_export, rows_for_day
from providers.gcp.export import ExportTable, from_table
from providers.gcp.result_pages import page_batches
from providers.gcp.source_day import Reach, compile_facts, facts_of
from providers.gcp.statement import OPERATIONS, compile_statement
from tests.ddl_columns import ddl_columns
from tests.jobs.billing.exact_totals import day_groups, grand_total, groups_of
from tests.jobs.billing.exports import DETAILED, STANDARD, rows, schema

AT = datetime(2026, 12, 31, tzinfo=UTC)
ROWS_A_DAY = 1_000
DAYS = [date(2026, 4, day) for day in (1, 2, 3, 4)]
DDL = [
    statement
    for script in load_scripts(Scope.ORG)
    if script.version
    for statement in statements(script.text)
    if "org_dataset.gcp_billing_daily_raw" in statement
]


def written(client: Client, source: ExportTable, day: date, path: Path, **changed: Any) -> list[dict[str, Any]]:
    """The day as the rows of its Parquet file."""
    arguments: dict[str, Any] = {
        "operations": OPERATIONS, "snapshot": AT, "late_days": 60, "inactive_projects": []
    } | changed  # fmt: skip
    statement = compile_statement(source, day=day, **arguments)
    job = client.query(statement.sql, QueryJobConfig(query_parameters=list(statement.parameters)))
    columns = ddl_columns("gcp_billing_daily_raw")
    run = {"org_slug": "acme", "run_id": "r-1", "ingested_at": AT}
    write_parquet(path, columns.schema, columns.batches(page_batches(job.result()), run))
    found: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return found


@pytest.fixture(scope="module", params=[STANDARD, DETAILED])
def recorded(request: pytest.FixtureRequest, client: Client) -> tuple[ExportTable, list[dict[str, Any]]]:
    """A table with the recorded rows of one kind of export."""
    name = f"acme-billing.billing.{request.param}"
    load_export(client, name, schema(request.param), rows(request.param))
    return from_table(client.get_table(name)), rows(request.param)


@pytest.fixture(scope="module")
def generated(client: Client) -> tuple[ExportTable, list[dict[str, Any]]]:
    """A detailed export of four days, each of which is one page."""
    source = [row for day in DAYS for row in rows_for_day(11, day, ROWS_A_DAY, detailed=True)]
    load_export(client, "acme-billing.billing.generated", schema(DETAILED), source)
    return from_table(client.get_table("acme-billing.billing.generated")), source


Source = tuple[ExportTable, list[dict[str, Any]]]


@pytest.mark.parametrize("day", [date(2026, 11, 10), date(2026, 11, 1), date(2026, 11, 5)])
def test_the_recorded_days_are_exact(client: Client, recorded: Source, day: date, tmp_path: Path) -> None:
    """Groups and totals of the recorded rows are those of plain Decimal arithmetic, to the last digit."""
    table, source = recorded
    assert groups_of(written(client, table, day, tmp_path / "day")) == day_groups(source, day, AT)


@pytest.mark.parametrize("day", DAYS)
def test_the_generated_days_are_exact(client: Client, generated: Source, day: date, tmp_path: Path) -> None:
    """So are the groups and totals of each day of a generated export."""
    table, source = generated
    found, expected = groups_of(written(client, table, day, tmp_path / "day")), day_groups(source, day, AT)
    assert grand_total(found.values()) == grand_total(expected.values())
    assert found == expected


def test_rows_exported_after_the_snapshot_wait(client: Client, recorded: Source, tmp_path: Path) -> None:
    """The late row (1.20) counts from its export on; the correction three weeks later from its own."""
    table, _ = recorded
    snapshots = [datetime(2026, *day, tzinfo=UTC) for day in ((11, 11), (11, 14), (12, 4))]
    found = [written(client, table, date(2026, 11, 10), tmp_path / "day", snapshot=at) for at in snapshots]
    first, second, third = (sum(row["cost"] for row in day) for day in found)
    assert (second - first, third - second) == (Decimal("1.2"), Decimal("-0.02"))


def test_inactive_projects_are_dropped_and_counted(client: Client, generated: Source, tmp_path: Path) -> None:
    """What `filter_active_projects` drops is what its count says, and rows without a project stay."""
    table, source = generated
    drop = ["acme-prod-000", "acme-dev-001"]
    found = groups_of(written(client, table, DAYS[1], tmp_path / "day", inactive_projects=drop))
    assert found == day_groups(source, DAYS[1], AT, drop)
    counted = compile_facts(
        table, day=DAYS[1], snapshot=AT, reach=Reach(late_days=60), inactive_projects=drop, loaded_until=None
    )
    job = client.query(counted.sql, QueryJobConfig(query_parameters=list(counted.parameters)))
    kept = sum(group["source_row_count"] for group in found.values())
    assert facts_of(job.result()).filtered_rows == ROWS_A_DAY - kept > 0


def test_a_day_replaces_its_partition(client: Client, recorded: Source, tmp_path: Path) -> None:
    """The Parquet file loads into the shipped table as it is, and loading it again changes nothing."""
    for statement in DDL:
        client.query(in_org_dataset(statement, "acme")).result()
    table, source = recorded
    written(client, table, date(2026, 11, 10), tmp_path / "day")
    net_cost = grand_total(day_groups(source, date(2026, 11, 10), AT).values())["net_cost"]
    assert [_loaded(client, tmp_path / "day"), _loaded(client, tmp_path / "day")] == [(6, net_cost)] * 2


def _loaded(client: Client, path: Path) -> tuple[int, Decimal]:
    name = "acme-billing.acme.gcp_billing_daily_raw"
    config = LoadJobConfig(
        source_format="PARQUET", write_disposition="WRITE_TRUNCATE", schema=client.get_table(name).schema
    )
    with path.open("rb") as file:
        client.load_table_from_file(file, f"{name}$20261110", job_config=config).result()
    (row,) = client.query(f"SELECT COUNT(*) AS n, SUM(net_cost) AS cost FROM `{name}`").result()
    return row.n, row.cost
