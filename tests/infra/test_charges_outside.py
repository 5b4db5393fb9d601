"""A provider outside the product: its table and its charges, handed over as a folder, are in `focus_costs`."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from google.cloud.bigquery import QueryJobConfig

from cloudact import clients
from cloudact.warehouse.datasets import claim_org_dataset, fill_org_dataset
from cloudact.warehouse.scripts import Scope, load_scripts
from tests.conftest import Local
from tests.googlesql import GoogleSql, gate

TABLE = """CREATE TABLE IF NOT EXISTS org_dataset.zoo_daily_raw (
  usage_date DATE NOT NULL, animal STRING, amount NUMERIC NOT NULL, org_slug STRING NOT NULL, run_id STRING NOT NULL,
  ingested_at TIMESTAMP NOT NULL
) PARTITION BY usage_date;
"""
TOLD = {
    "usage_date": "usage_date", "org_slug": "org_slug", "run_id": "run_id", "ingested_at": "ingested_at",
    "provider": "'zoo'", "provider_name": "'The Zoo'", "sub_account_type": "'Cage'", "service_name": "'Feeding'",
    "service_category": "'Other'", "charge_category": "'Usage'", "is_correction": "FALSE", "billed_cost": "amount",
    "contracted_cost": "amount", "list_cost_known": "FALSE", "currency": "'EUR'", "consumed_quantity_known": "TRUE",
    "priced_as_consumed": "TRUE", "sku_id": "CONCAT('zoo/', animal)",
}  # fmt: skip


def columns() -> Iterator[str]:
    """The columns of `charges`, in another order than it has them; what the zoo does not tell is NULL."""
    for column in reversed(gate("org").columns("charges")):
        yield f"{TOLD.get(column.name, f'CAST(NULL AS {column.type})')} AS {column.name}"


def folder(path: Path) -> Path:
    select = f"SELECT {', '.join(columns())} FROM org_dataset.zoo_daily_raw"
    view = f"CREATE OR REPLACE VIEW org_dataset.charges_zoo AS {select};\n"
    (path / "001_zoo_daily_raw.sql").write_text(TABLE, encoding="utf-8")
    (path / "views_charges_zoo.sql").write_text(view, encoding="utf-8")
    return path


def test_what_is_made_is_google_sql(tmp_path: Path) -> None:
    """Google's analyzer accepts the scripts with one provider more, and `focus_costs` has the columns it had."""
    sql = GoogleSql().add_scripts(load_scripts(Scope.ORG, folders={"zoo": folder(tmp_path)}))
    assert sql.columns("focus_costs") == gate("org").columns("focus_costs")


def test_its_charges_are_in_focus_costs(local: Local, tmp_path: Path) -> None:
    """Its rows come out in FOCUS columns, and a bound on `x_UsageDate` reads the days of its table alone."""
    slug = f"zoo_{next(local.numbers)}"
    claim_org_dataset(local.warehouse, slug)
    fill_org_dataset(local.warehouse, slug, folders={"zoo": folder(tmp_path)})
    values = ", ".join(f"('2026-11-0{day}', 'seal', {day}, '{slug}', 'r-1', '2026-11-09')" for day in (1, 2, 3))
    client = clients.bigquery(local.settings)
    client.query_and_wait(f"INSERT INTO {slug}.zoo_daily_raw VALUES {values}")
    read = f"SELECT * FROM {slug}.focus_costs WHERE x_UsageDate = '2026-11-02'"
    (row,) = local.query(read)
    assert (row["x_Provider"], row["BilledCost"], row["SkuId"]) == ("zoo", Decimal(2), "zoo/seal")
    assert (row["BillingCurrency"], row["PricingUnit"], row["InvoiceIssuerName"]) == ("EUR", "Units", "The Zoo")
    day, whole = (
        client.query(sql, job_config=QueryJobConfig(dry_run=True)).total_bytes_processed
        for sql in (read, f"SELECT * FROM {slug}.focus_costs")
    )
    assert whole == 3 * day > 0
