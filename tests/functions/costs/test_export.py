"""GET /costs/{org}/export: the amounts that are shown as CSV, and FOCUS rows as Parquet, in parts."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from flask.testing import FlaskClient

from cloudact.costs.dimensions import Dimension
from functions.composition import compose
from functions.costs import parquet as written
from functions.costs.answer import answer_of
from functions.costs.csv_file import csv_of, defused
from functions.costs.question import Days, Question
from functions.costs.shapes import plain
from functions.routes import public_app
from localcloud.onboarding import OnboardedOrg
from tests.conftest import Local
from tests.functions.costs.conftest import Get

OCTOBER = {"start": "2026-10-01", "end": "2026-10-31"}


def test_csv_has_what_is_shown(get: Get) -> None:
    """Each amount of the answer is one line, with its days, group, currency and the days before."""
    query = {"start": "2026-10-03", "end": "2026-10-20", "group_by": "provider,tag:team", "granularity": "week"}
    query |= {"compare": "previous_period", "limit": "2"}
    shown = get(**query).get_json()
    exported = get("/export", **query)
    assert exported.headers["Content-Type"].startswith("text/csv")
    name = "costs_org-costs-2026-10-03-2026-10-20.csv"
    assert exported.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert exported.headers["Cache-Control"] == "private, no-store"
    assert exported.headers["Vary"].startswith("X-API-Key, Authorization")
    lines = list(csv.DictReader(io.StringIO(exported.get_data(as_text=True))))
    told = [
        (sums["currency"], group["kind"], (group["key"] or {}).get("tag:team"), amount)
        for sums in shown["results"]
        for group in sums["groups"]
        for amount in [*group["amounts"], group["previous_total"]]
    ]
    assert [(each["currency"], each["kind"], each["tag:team"] or None, each["amount"]) for each in lines] == told
    assert [(each["period"], each["start"], each["end"]) for each in lines[:5]] == [
        ("current", "2026-10-03", "2026-10-04"),
        ("current", "2026-10-05", "2026-10-11"),
        ("current", "2026-10-12", "2026-10-18"),
        ("current", "2026-10-19", "2026-10-20"),
        ("previous", "2026-09-15", "2026-10-02"),
    ]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1"])
def test_a_formula_is_text(text: str) -> None:
    """A value that a spreadsheet would compute gets an apostrophe; an amount below zero stays a number."""
    question = Question(Days(date(2026, 11, 1), date(2026, 11, 1)), group_by=(Dimension("sku"),))
    row: dict[str, Any] = {
        "part": "amount", "currency": "USD", "unit": None, "place": 1, "is_unattributed": False, "is_previous": False,
        "group_key": f'{{"sku": {json.dumps(text)}}}', "names": f'{{"sku": {json.dumps(text)}}}',
        "period_start": date(2026, 11, 1), "amount": Decimal("-1.5"), "group_count": 1,
    }  # fmt: skip
    lines = "".join(csv_of(answer_of(question, [row], date(2026, 11, 2))))
    _, cells = csv.reader(io.StringIO(lines, newline=""))
    assert cells[4:6] == [f"'{text}"] * 2
    assert cells[-1] == "-1.5"
    assert defused("a=b") == "a=b"


def test_parquet_has_the_rows_of_focus(get: Get, local: Local, org: OnboardedOrg) -> None:
    """Another reader of Parquet finds the rows of the view, of the days and filters alone, in all columns and types."""
    exported = get("/export", format="parquet", start="2026-10-01", end="2026-10-05", not_model="gpt-6")
    assert exported.status_code == 200
    assert exported.headers["Content-Type"] == "application/vnd.apache.parquet"
    assert exported.headers["Content-Disposition"].endswith('filename="costs_org-focus-2026-10-01-2026-10-05.parquet"')
    table = pq.read_table(pa.BufferReader(exported.data))
    expected = local.query(
        f"SELECT * FROM {org.org_slug}.focus_costs WHERE x_UsageDate BETWEEN '2026-10-01' AND '2026-10-05' "
        "AND IFNULL(x_Model, '') != 'gpt-6'"
    )
    assert expected
    assert sorted(map(comparable, table.to_pylist())) == sorted(map(comparable, expected))
    assert table.schema.field("BilledCost").type == pa.decimal128(38, 9)
    assert table.schema.field("x_UsageDate").type == pa.date32()
    assert table.schema.field("ChargePeriodStart").type == pa.timestamp("us", tz="UTC")
    assert table.schema.field("x_ListCostKnown").type == pa.bool_()


def comparable(row: dict[str, Any]) -> list[tuple[str, str]]:
    """The row as text, whatever class of time zone its instants have."""

    def text(value: object) -> str:
        if isinstance(value, Decimal):
            return plain(value)
        return value.isoformat() if isinstance(value, datetime) else repr(value)

    return [(name, text(value)) for name, value in row.items()]


def test_no_rows_are_a_file_too(get: Get) -> None:
    """A file without rows has all columns."""
    exported = get("/export", format="parquet", start="2026-10-01", end="2026-10-05", model="nobody")
    table = pq.read_table(pa.BufferReader(exported.data))
    assert (table.num_rows, table.num_columns > 80) == (0, True)


CELLS: dict[str, list[str | None]] = {
    "STRING": ["", "é\U0001f600", None, "x" * 300, "'", "\0"],
    "NUMERIC": ["0", "-0.000000001", None, "99999999999999999999999999999.999999999", "1.5", "-3"],
    "DATE": ["1970-01-01", "2026-11-10", None, "1969-12-31", "9999-12-31", "0001-01-01"],
    "TIMESTAMP": ["0", "1790000000000001", None, "-1", "5", "6"],
    "INTEGER": ["0", "-9223372036854775808", None, "9223372036854775807", "5", "6"],
    "BOOLEAN": ["true", "false", None, "true", "true", "false"],
}


@pytest.mark.parametrize("rows", [1, 7, 8, 9, 40])
def test_every_type_is_read_as_it_was(rows: int) -> None:
    """Whatever the number of rows, and whether values are all there, mixed or all missing."""
    columns = [written.column(kind, kind) for kind in CELLS]
    columns += [written.column(f"{kind}_none", kind) for kind in CELLS]
    columns += [written.column(f"{kind}_all", kind) for kind in CELLS]
    full = {kind: [cell for cell in cells if cell is not None] for kind, cells in CELLS.items()}
    data = [
        [CELLS[kind][number % 6] for kind in CELLS] + [None for _ in CELLS] + [full[kind][number % 5] for kind in CELLS]
        for number in range(rows)
    ]
    parts = list(written.parquet(columns, [data[:3], data[3:]] if rows > 3 else [data]))
    assert len(parts) == (4 if rows > 3 else 3)
    table = pq.read_table(pa.BufferReader(b"".join(parts)))
    assert table.schema.names == [each.name for each in columns]
    found = [list(row.values()) for row in table.to_pylist()]
    assert found == [[_read(kind, cell) for kind, cell in zip([*CELLS] * 3, row, strict=True)] for row in data]


def _read(kind: str, cell: str | None) -> object:
    if cell is None:
        return None
    if kind == "TIMESTAMP":
        return pa.scalar(int(cell), pa.timestamp("us", tz="UTC")).as_py()
    readers: dict[str, Any] = {"STRING": str, "INTEGER": int, "DATE": date.fromisoformat}
    readers |= {"NUMERIC": Decimal, "BOOLEAN": lambda text: text == "true"}
    return readers[kind](cell)


def test_a_file_is_sent_while_it_is_written(local: Local, org: OnboardedOrg) -> None:
    """Each page of rows is a row group, and sent before the next one is asked for."""
    rooms = compose(local.settings, local.clock)
    api = public_app(rooms.replaced(costs=replace(rooms.costs, page_rows=50))).test_client()
    key = {"X-API-Key": org.api_key}
    path = f"/api/v1/costs/{org.org_slug}/export?format=parquet&start=2026-10-01&end=2026-10-31"
    parts = list(api.get(path, headers=key, buffered=False).iter_encoded())
    table = pq.ParquetFile(pa.BufferReader(b"".join(parts)))
    groups = [table.metadata.row_group(number).num_rows for number in range(table.metadata.num_row_groups)]
    assert groups == [50, 50, 50, 36]
    assert len(parts) == 6


REFUSED = [
    ({"format": "parquet", "start": "2026-07-01", "end": "2026-10-01"}, "end", "field_invalid"),
    ({"format": "parquet", "group_by": "model"}, "group_by", "fields_conflict"),
    ({"format": "xlsx"}, "format", "field_invalid"),
    ({"format": "csv", "group_by": "label:a"}, "group_by", "label_unknown"),
    ({"format": "csv", "allocated_by": "team"}, "allocated_by", "fields_conflict"),
    ({"format": "parquet", "allocated_by": "nobody"}, "allocated_by", "label_unknown"),
    ({"format": "parquet", "allocated_by": "team\n"}, "allocated_by", "field_invalid"),
    (
        {"format": "parquet", "allocated_by": "nobody", "start": "2026-07-01", "end": "2026-10-01"},
        "allocated_by",
        "label_unknown",
    ),
    ({"start": "2025-01-01", "end": "2026-10-01"}, "end", "field_invalid"),
]


@pytest.mark.parametrize(("query", "field", "code"), REFUSED, ids=[str(each[0]) for each in REFUSED])
def test_what_cannot_be_exported(get: Get, query: dict[str, str], field: str, code: str) -> None:
    """A question without an answer is 400, and names the parameter."""
    answer = get("/export", **query)
    assert (answer.status_code, answer.get_json()["field"], answer.get_json()["code"]) == (400, field, code)


def test_another_org_s_rows_are_never_exported(api: FlaskClient, org: OnboardedOrg, other_org: OnboardedOrg) -> None:
    """The key of one org opens no export of another."""
    for form in ("csv", "parquet"):
        path = f"/api/v1/costs/{other_org.org_slug}/export?format={form}"
        assert api.get(path, headers={"X-API-Key": org.api_key}).status_code == 403


def test_two_exports_of_rows_at_once(api: FlaskClient, org: OnboardedOrg) -> None:
    """A third one is 429 until one of them has ended, or its reader has gone."""
    key = {"X-API-Key": org.api_key}
    path = f"/api/v1/costs/{org.org_slug}/export?format=parquet&start=2026-10-01&end=2026-10-02"
    open_ones = [api.get(path, headers=key, buffered=False) for _ in range(2)]
    refused = api.get(path, headers=key)
    assert (refused.status_code, refused.get_json()["code"]) == (429, "costs_limited")
    open_ones[0].close()
    assert api.get(path, headers=key).status_code == 200
