"""A table's columns are those of its DDL: rows that fit are loaded, others are a clear error and never a guess."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudact.errors import Stop
from jobs.columns import BATCH_ROWS, RUN_COLUMNS, Columns
from jobs.parquet import write_parquet
from providers.anthropic import reports as anthropic
from providers.gcp.loaded_day import BILLING
from providers.openai import reports as openai
from providers.source import Table
from tests.conftest import FIXTURE_DAY, Local, NewOrgs
from tests.ddl_columns import ddl_columns
from tests.providers.vendor import Vendor, costs, fixture_pages, table_rows

AT = datetime(2026, 11, 11, 6, tzinfo=UTC)
RUN = {"org_slug": "acme", "run_id": "r-1", "ingested_at": AT}
COSTS = openai.COST_TABLE.name
COST: dict[str, Any] = {"usage_date": FIXTURE_DAY, "amount": Decimal("1.5"), "currency": "USD", "raw": "{}"}
TABLES = [
    openai.USAGE_TABLE,
    openai.COST_TABLE,
    anthropic.USAGE_TABLE,
    anthropic.COST_TABLE,
    anthropic.CLAUDE_CODE_TABLE,
    BILLING,
]


def batches(*rows: Mapping[str, Any] | pa.RecordBatch, table: str = COSTS) -> list[pa.RecordBatch]:
    return list(ddl_columns(table).batches(rows, RUN))


def refusal(*rows: Mapping[str, Any] | pa.RecordBatch) -> tuple[str, str]:
    with pytest.raises(Stop) as stop:
        batches(*rows)
    return stop.value.code, stop.value.message


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_what_a_source_declares_is_in_the_ddl(table: Table) -> None:
    """The money, its currency, the age of a row and the run's own columns are columns of the table."""
    names = set(ddl_columns(table.name).schema.names)
    assert {*RUN_COLUMNS, "usage_date", *filter(None, [table.money, table.as_of])} <= names
    assert not table.of_money or "currency" in names


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_bigquery_describes_the_ddl(local: Local, new_org: NewOrgs, table: Table) -> None:
    """What a run asks BigQuery for is what the scripts say: names, types, order and NOT NULL."""
    described = Columns(table.name, local.warehouse.columns(new_org().org_slug, table.name))
    assert described.schema == ddl_columns(table.name).schema


def test_rows_of_the_providers_fit() -> None:
    """What OpenAI's and Anthropic's fixtures give fits the tables, every column with a type of its own."""
    openai_costs = Vendor({"costs": fixture_pages("openai_costs_page1", "openai_costs_page2")}).openai()
    usage = Vendor({"usage/completions": fixture_pages("openai_usage_completions")}).openai()
    report = Vendor({"cost_report": fixture_pages("anthropic_cost_report_page1", "anthropic_cost_report_page2")})
    for table, rows in (
        (openai.COST_TABLE, table_rows(openai_costs, "costs")),
        (openai.USAGE_TABLE, table_rows(usage, "completions")),
        (anthropic.COST_TABLE, table_rows(report.anthropic(), "cost")),
    ):
        (batch,) = batches(*rows, table=table.name)
        assert (batch.num_rows, batch.schema) == (len(rows), ddl_columns(table.name).schema)
        assert [row["usage_date"] for row in batch.to_pylist()] == [FIXTURE_DAY] * len(rows)


def test_what_a_row_leaves_out_is_null() -> None:
    """A nullable column that a row lacks is NULL, and the run's own columns are added."""
    (row,) = batches(COST)[0].to_pylist()
    assert row == dict.fromkeys(ddl_columns(COSTS).schema.names) | COST | RUN


def test_rows_keep_who_wrote_them() -> None:
    """Rows of the org's own table that are written again keep the run that wrote them first."""
    kept = {"org_slug": "acme", "run_id": "r-0", "ingested_at": datetime(2026, 11, 1, tzinfo=UTC)}
    batch = pa.RecordBatch.from_pylist([{**COST, **kept}])
    assert {name: batches(batch)[0].to_pylist()[0][name] for name in kept} == kept


def test_a_column_that_the_table_lacks() -> None:
    """Rows of a newer version do not lose a column in a table that no migration has reached: they say what to do."""
    for rows in ({**COST, "colour": None}, pa.RecordBatch.from_pylist([{**COST, "colour": "red"}])):
        code, message = refusal(rows)
        assert code == "table_outdated"
        assert message.startswith(f"The organization's table {COSTS} has no column colour")


@pytest.mark.parametrize("name", ["amount", "raw"])
def test_not_null_is_respected(name: str) -> None:
    """A row that lacks what each must have, or has NULL there, is refused by the column's name."""
    without = {key: value for key, value in COST.items() if key != name}
    for row in (without, COST | {name: None}):
        for either in (row, pa.RecordBatch.from_pylist([row])):
            assert refusal(COST, either) == ("rows_unfit", f"A row of {COSTS} has no {name}, which each must have.")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("amount", "a secret"),
        ("amount", 1.5),
        ("amount", Decimal("1e-10")),
        ("amount", Decimal("1e30")),
        ("usage_date", "a secret"),
        ("currency", 7),
    ],
)
def test_a_value_of_another_type(name: str, value: Any) -> None:
    """A value that the column cannot hold exactly is refused by the column's name, and is not shown."""
    code, message = refusal(COST | {name: value})
    assert (code, message.partition(" is no ")[0]) == ("rows_unfit", f"A value of {COSTS}.{name}")
    assert "secret" not in message


def test_a_batch_of_another_type() -> None:
    """Text is read as the column's type; money is never made of floating-point numbers."""
    amounts = {"text": pa.array(["2.000000001"]), "float": pa.array([2.0])}
    others = {"usage_date": pa.array([date(2026, 11, 10)]), "currency": pa.array(["USD"]), "raw": pa.array(["{}"])}
    (batch,) = batches(pa.RecordBatch.from_pydict(others | {"amount": amounts["text"]}))
    assert batch.to_pylist()[0]["amount"] == Decimal("2.000000001")
    code, message = refusal(pa.RecordBatch.from_pydict(others | {"amount": amounts["float"]}))
    assert (code, message.partition(" is no ")[0]) == ("rows_unfit", f"A value of {COSTS}.amount")


AMOUNTS = st.lists(st.decimals(-(10**6), 10**6, places=9), max_size=5)


@given(AMOUNTS, st.lists(st.booleans(), max_size=5))
def test_rows_and_batches_are_one(amounts: list[Decimal], as_batch: list[bool]) -> None:
    """A source may give rows, batches or both: the same rows are written, in their order."""
    rows = [COST | {"amount": amount} for amount in amounts]
    kinds = dict(enumerate(as_batch))
    given_ = [pa.RecordBatch.from_pylist([row]) if kinds.get(n) else row for n, row in enumerate(rows)]
    found = [row for batch in batches(*given_) for row in batch.to_pylist()]
    assert found == [row for batch in batches(*rows) for row in batch.to_pylist()]


def test_rows_are_batched(tmp_path: Path) -> None:
    """Memory holds so many rows at a time; the file has them all, with NOT NULL as in the table."""
    columns, asked = ddl_columns(COSTS), []

    def rows() -> Any:
        for number in range(BATCH_ROWS + 1):
            asked.append(number)
            yield COST

    found = columns.batches(rows(), RUN)
    assert (next(found).num_rows, len(asked)) == (BATCH_ROWS, BATCH_ROWS)
    assert write_parquet(tmp_path / "x", columns.schema, found) == 1
    assert pq.read_schema(tmp_path / "x") == columns.schema


def test_vendor_costs_have_their_currency() -> None:
    """The money of a row is summed by its currency, which the row must have."""
    (row,) = table_rows(Vendor({"costs": [costs("1.5")]}).openai(), "costs")
    assert (row[str(openai.COST_TABLE.money)], row["currency"]) == (Decimal("1.5"), "USD")
