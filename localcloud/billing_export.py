"""Makes Cloud Billing exports of any size that have the traits of real ones, and loads them as Google would.

Deterministic: (seed, day, rows) always give the same rows. A day has hourly windows, rows delivered late or in
the partition of the day before (partitions follow Pacific delivery), several credits, tax at month start,
corrections, marketplace sellers, costs down to 1e-10, floats with 15 to 17 digits, and the previous invoice
month in the first hours of a month. Rows are dicts as `bq` writes NDJSON; `_partition_date` tells the partition.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from localcloud.billing_catalogue import ACCOUNT, Catalogue, Line, Row

if TYPE_CHECKING:
    from google.cloud.bigquery import Client, Table

PACIFIC = timedelta(hours=8)
ROWS_PER_LINE = 10
CREDITS = (
    ("SUSTAINED_USAGE_DISCOUNT", "Sustained Usage Discount", 0.2),
    ("COMMITTED_USAGE_DISCOUNT", "Committed Usage Discount: CPU", 0.37),
    ("FEE_UTILIZATION_OFFSET", "Flexible CUD offset", 0.28),
    ("FREE_TIER", "Free tier", 0.05),
    ("PROMOTION", "Startup program", 0.1),
    ("DISCOUNT", "Negotiated discount", 0.033),
)


def rows_for_day(
    seed: int, day: date, rows: int, *, detailed: bool = False, billing_account_id: str = ACCOUNT
) -> Iterator[Row]:
    """`rows` export rows whose usage lies in the UTC day. On the first of a month one more: the month's tax.

    About ten hourly rows share their dimensions, so a day aggregates to a tenth of its rows.
    """
    rng = random.Random(f"{seed}/{day}")
    catalogue = Catalogue.of(random.Random(seed), billing_account_id)
    lines = [catalogue.line(rng) for _ in range(rows // ROWS_PER_LINE + 1)]
    for number in range(rows):
        yield _usage(rng, catalogue.account, rng.choice(lines), day, number, detailed)
    if day.day == 1 and rows:
        yield _tax(catalogue.account, day, detailed)


def load_export(client: Client, table_ref: str, schema: Sequence[dict[str, Any]], rows: Iterable[Row]) -> int:
    """Create `project.dataset.table` if it is missing and append the rows, each to its own partition.

    `schema` is the API's JSON (`tests/fixtures/providers/*.schema.json`). Loads NDJSON by partition decorator, one
    job a partition, and keeps rows in files, not in memory. Answers the number of rows. Raises what the client raises.
    """
    from google.cloud.bigquery import LoadJobConfig

    table = create_export(client, table_ref, schema)
    config = LoadJobConfig(
        source_format="NEWLINE_DELIMITED_JSON", schema=table.schema, write_disposition="WRITE_APPEND"
    )
    with ExitStack() as files:
        partitions: dict[str, Any] = {}
        count = 0
        for row in rows:
            name = row["_partition_date"].replace("-", "")
            if name not in partitions:
                partitions[name] = files.enter_context(TemporaryFile())
            partitions[name].write(_line(row))
            count += 1
        for name, file in sorted(partitions.items()):
            size = file.tell()  # what is small is uploaded by one call where its size is known
            target = f"{table_ref}${name}"
            client.load_table_from_file(file, target, rewind=True, size=size, job_config=config).result()
    return count


def create_export(client: Client, table_ref: str, schema: Sequence[dict[str, Any]], **partitioning: Any) -> Table:
    """The table as Cloud Billing makes it: partitioned by ingestion time, by day; an existing one is kept.

    `partitioning` is what it has otherwise, as customers' copies do: `expiration_ms`, `type_`, `field`. An export that
    moves is another such table, without the rows of before.
    """
    from google.cloud.bigquery import SchemaField, Table, TimePartitioning

    table = Table(table_ref, schema=[SchemaField.from_api_repr(field) for field in schema])
    table.time_partitioning = TimePartitioning(**{"type_": "DAY"} | partitioning)
    return client.create_table(table, exists_ok=True)


def _line(row: Row) -> bytes:
    return json.dumps({k: v for k, v in row.items() if k != "_partition_date"}).encode() + b"\n"


def _usage(rng: random.Random, account: str, line: Line, day: date, number: int, detailed: bool) -> Row:
    """One hour of a line: usage, or (1 in 200) a correction of it."""
    start = datetime(day.year, day.month, day.day, rng.randrange(24), tzinfo=UTC)
    row = _blank(account, start, start + timedelta(hours=1), detailed)
    row |= {"service": line.sku.service, "sku": line.sku.sku, "project": line.project}
    row |= {"location": line.location, "labels": line.labels} | ({"resource": line.resource} if detailed else {})
    corrected = rng.random() < 0.005
    row |= _correction(rng, line, number) if corrected else _charge(rng, line)
    if row["seller_name"]:
        row["invoice"]["publisher_type"] = "PARTNER"
    return _delivered(rng, row, start)


def _blank(account: str, start: datetime, end: datetime, detailed: bool) -> Row:
    month = (
        (start - PACIFIC).date().isoformat()[:7].replace("-", "")
    )  # Google bills Pacific months: the first hours are the month before
    row: Row = {
        "billing_account_id": account, "usage_start_time": f"{start.isoformat(' ')[:19]} UTC",
        "usage_end_time": f"{end.isoformat(' ')[:19]} UTC", "project": None, "labels": [], "system_labels": [],
        "location": None, "tags": [], "transaction_type": "GOOGLE", "seller_name": None, "currency": "USD",
        "currency_conversion_rate": 1.0, "usage": None, "credits": [],
        "invoice": {"month": month, "publisher_type": "GOOGLE"}, "cost_type": "regular",
        "adjustment_info": None, "price": None,
        "consumption_model": {"id": "7754-699E-0EBF", "description": "Default"},
    }  # fmt: skip
    return row | ({"resource": None, "subscription": None} if detailed else {})


def _charge(rng: random.Random, line: Line) -> Row:
    unit = line.sku.unit
    amount = unit.hourly * rng.random() ** 4
    priced = amount * unit.factor
    cost = priced * line.sku.unit_price
    usage = {
        "amount": amount, "unit": unit.base, "amount_in_pricing_units": priced, "pricing_unit": unit.pricing,
    }  # fmt: skip
    charge = {"usage": usage, "price": line.sku.price} | _costs(cost, cost * 1.25)
    if not line.sku.seller:
        return charge | {"credits": _credits(rng, cost)}
    return charge | {"transaction_type": "THIRD_PARTY_RESELLER", "seller_name": line.sku.seller}


def _correction(rng: random.Random, line: Line, number: int) -> Row:
    info = {
        "id": f"adj-{number % 7}", "description": "Billing correction", "mode": "PARTIAL_CORRECTION",
        "type": "USAGE_CORRECTION",
    }  # fmt: skip
    cost = -line.sku.unit_price * rng.random()
    usage = {"amount": 0.0, "unit": line.sku.unit.base, "amount_in_pricing_units": 0.0}
    return {"cost_type": "adjustment", "adjustment_info": info, "usage": usage} | _costs(cost, cost)


def _costs(cost: float, list_cost: float) -> Row:
    return {
        "cost": cost, "cost_at_list": list_cost, "cost_at_effective_price_default": cost,
        "cost_at_list_consumption_model": list_cost,
    }  # fmt: skip


def _credits(rng: random.Random, cost: float) -> list[Row]:
    if rng.random() < 0.6:
        return []
    chosen = rng.sample(CREDITS, rng.choice((1, 1, 2, 3)))
    return [
        {"name": name, "amount": -cost * share * rng.random(), "full_name": name, "id": type_.lower(), "type": type_}
        for type_, name, share in chosen
    ]


def _delivered(rng: random.Random, row: Row, start: datetime) -> Row:
    """Adds when the row was exported: some hours after the usage, or (1 in 20) two to six days."""
    hours = rng.uniform(3, 9) if rng.random() < 0.95 else rng.uniform(48, 130)
    return row | _export(start + timedelta(hours=hours, microseconds=rng.randrange(10**6)))


def _export(moment: datetime) -> Row:
    """The time of export and the partition it lands in, that of the Pacific day."""
    partition = (moment - PACIFIC).date().isoformat()
    return {"export_time": f"{moment.isoformat(' ', 'microseconds')[:26]} UTC", "_partition_date": partition}


def _tax(account: str, day: date, detailed: bool) -> Row:
    """The month's tax: of no project, spanning the month, delivered after it."""
    start = datetime(day.year, day.month, 1, tzinfo=UTC) + PACIFIC
    end = (start + timedelta(days=31)).replace(day=1)
    row = _blank(account, start, end, detailed) | _costs(1337.42, 1337.42)
    row |= {"service": {"id": "0000-0000-0000", "description": "Invoice"}, "cost_type": "tax"}
    row |= {"sku": {"id": "TAX0-0000-0000", "description": "Tax"}}
    return row | _export(end + timedelta(days=1, hours=12))
