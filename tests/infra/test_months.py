"""Months and their invoices: what the rules call the residual of a copy, and what blocks a close."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from cloudact import clients
from localcloud.onboarding import NewOrg, onboard
from tests.conftest import Local
from tests.googlesql import gate
from tests.infra.org_views import inlined
from tests.lineage import sources

MADE = "2026-03-09 06:00:00 UTC"
NUMBERS = itertools.count(1)


@dataclass
class Books:
    """Months of one org; each test has a provider of its own, so that they share the org."""

    local: Local
    slug: str
    provider: str = field(default_factory=lambda: f"vendor{next(NUMBERS)}")

    def run(self, sql: str) -> None:
        clients.bigquery(self.local.settings).query_and_wait(sql)

    def insert(self, table: str, **columns: str) -> None:
        """Adds a row of these expressions; the texts that every row has come with it."""
        names, values = ", ".join(columns), ", ".join(columns.values())
        self.run(f"INSERT INTO {self.slug}.{table} (org_slug, {names}) VALUES ('{self.slug}', {values})")

    def copy(self, month: str, status: str = "provisional", made_at: str = MADE, **costs: str) -> None:
        """A copy of a month, by charge category; `Usage_credits` and `Usage_lines` tell more of one."""
        for category in [name for name in costs if "_" not in name]:
            self.insert(
                "month_closes", provider=f"'{self.provider}'", invoice_month=f"'{month}'", currency="'USD'",
                status=f"'{status}'", made_at=f"TIMESTAMP '{made_at}'", run_id="'r'",
                usage_date=f"DATE '{month[:4]}-{month[4:]}-01'", charge_category=f"'{category}'",
                cost=f"NUMERIC '{costs[category]}'", row_count="1", line_count=costs.get(f"{category}_lines", "1"),
                credits=costs.get(f"{category}_credits", "NULL"),
                tells_invoice_month="FALSE", checksum="'c'",
            )  # fmt: skip

    def invoice(self, month: str, total: str, number: str = "A-1", at: str = MADE, **told: str) -> None:
        self.insert(
            "invoices", issuer=f"'{self.provider}'", number=f"'{number}'", invoice_month=f"'{month}'",
            currency="'USD'", total=f"NUMERIC '{total}'", is_void=told.pop("is_void", "FALSE"),
            recorded_at=f"TIMESTAMP '{at}'", recorded_by="'me'", entry_id=f"'{next(NUMBERS)}'", **told,
        )  # fmt: skip

    def change(self, day: str, recorded_at: str, change: str, cause: str = "late_rows") -> None:
        """A day whose cost a run has changed."""
        self.insert(
            "day_history", usage_date=f"DATE '{day}'", provider=f"'{self.provider}'", pipeline="'p'", run_id="'r'",
            generation=str(next(NUMBERS)), trigger_type="'schedule'", read_at=f"TIMESTAMP '{recorded_at}'",
            recorded_at=f"TIMESTAMP '{recorded_at}'", is_changed="TRUE", cause=f"'{cause}'", completeness="'final'",
            rows_before="1", rows_after="1",
            costs=f"[STRUCT('USD' AS currency, NUMERIC '0' AS before, NUMERIC '{change}' AS after)]",
        )  # fmt: skip

    def month(self, month: str = "202602", view: str = "copied_months") -> dict[str, Any]:
        where = f"provider = '{self.provider}' AND invoice_month = '{month}'"
        (found,) = self.local.query(f"SELECT * FROM {self.slug}.{view} WHERE {where}")
        return found


@pytest.fixture(scope="module")
def slug(session_cloud: Local) -> str:
    """One org for all of these tests."""
    name = f"months_{next(session_cloud.numbers)}"
    source = {"source_project": "months", "source_dataset": "d", "source_table": "gcp_billing_export_v1_X"}
    return onboard(session_cloud.settings, NewOrg(name, source)).org_slug


@pytest.fixture
def books(local: Local, slug: str) -> Books:
    return Books(local, slug)


def parts(month: Mapping[str, Any]) -> dict[str, str]:
    """Names and amounts of the residual's parts, without trailing zeros."""
    return {part["name"]: f"{part['amount'].normalize():f}" for part in month["parts"]}


CASES: dict[str, tuple[dict[str, str], str, dict[str, str], dict[str, str], str]] = {
    "it ties": ({"Usage": "100"}, "100", {}, {}, "0"),
    "tax that we are not told": ({"Usage": "100"}, "119", {"tax": "19"}, {"tax_not_told": "19"}, "0"),
    "tax that is among the rows": ({"Usage": "100", "Tax": "19"}, "119", {"tax": "19"}, {}, "0"),
    "another tax than that of the rows": ({"Usage": "100", "Tax": "19"}, "120", {"tax": "20"}, {}, "1"),
    "tax that nobody tells": ({"Usage": "100"}, "119", {}, {}, "19"),
    "prepaid": ({"Usage": "100"}, "75", {"credits": "-25"}, {"credits": "-25"}, "0"),
    "prepaid that nobody tells": ({"Usage": "100"}, "75", {}, {}, "-25"),
    "credits that are within the rows": (
        {"Usage": "75", "Usage_credits": "-25"}, "75", {"credits": "-25"}, {}, "0",
    ),
    "priority tier": ({"Usage": "100"}, "400", {"priority_tier": "300"}, {"priority_tier": "300"}, "0"),
    "half a cent": ({"Usage": "99.995"}, "100", {}, {"rounding": "0.005"}, "0"),
    "more than half a cent": ({"Usage": "99.994999999"}, "100", {}, {}, "0.005000001"),
    "half a cent a line": ({"Usage": "99.98", "Usage_lines": "4"}, "100", {}, {"rounding": "0.02"}, "0"),
    "all at once": (
        {"Usage": "100.004", "Credit": "-1"}, "393", {"tax": "19", "credits": "-25", "priority_tier": "300"},
        {"tax_not_told": "19", "credits": "-25", "priority_tier": "300", "rounding": "-0.004"}, "0",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_a_residual_is_called(books: Books, case: str) -> None:
    """Each part has its rule and its amount, they add up to the residual, and what no rule explains is told as such."""
    costs, total, told, named, unexplained = CASES[case]
    books.copy("202602", **costs)
    books.invoice("202602", total, **told)
    month = books.month()
    assert parts(month) == named
    assert month["unexplained"] == Decimal(unexplained)
    whole = sum((part["amount"] for part in month["parts"]), month["unexplained"])
    assert whole == month["residual"] == month["invoice_total"] - month["cost"]


LATE = "2026-03-03 06:00:00 UTC"  # after the invoice of February was issued, and before the copy


@pytest.mark.parametrize(
    ("before", "total", "told", "cause", "named"),
    [
        ("0", "93", {"issued_on": "DATE '2026-03-01'"}, "late_rows", {"billed_later": "-7"}),
        ("0", "93", {}, "late_rows", None),
        ("0", "93", {"issued_on": "DATE '2026-03-03'"}, "late_rows", None),
        ("0", "93", {"issued_on": "DATE '2026-03-01'"}, "first_load", None),
        ("5", "105", {"issued_on": "DATE '2026-03-04'"}, "late_rows", {"late_usage_of_month_before": "5"}),
        (
            "5", "98", {"issued_on": "DATE '2026-03-01'"}, "late_rows",
            {"late_usage_of_month_before": "5", "billed_later": "-7"},
        ),
        ("5", "100", {"issued_on": "DATE '2026-03-01'"}, "late_rows", {}),
    ],
    ids=["after", "no date", "on the invoice", "loaded late", "before", "both", "neither is needed"],
)  # fmt: skip
def test_what_came_late(
    books: Books, before: str, total: str, told: dict[str, str], cause: str, named: dict[str, str] | None
) -> None:
    """What changed after an invoice was issued is on the next one; it counts only where the rest vanishes with it."""
    books.copy("202601", Usage="50")
    books.invoice("202601", "50", number="A-0", issued_on="DATE '2026-02-01'")
    books.change("2026-01-31", "2026-02-04 06:00:00 UTC", before)
    books.copy("202602", Usage="100")
    books.invoice("202602", total, **told)
    books.change("2026-02-28", LATE, "7", cause)
    month = books.month()
    assert (parts(month) if month["unexplained"] == 0 else None) == named


def test_several_invoices_corrections_and_void_ones(books: Books) -> None:
    """The newest row of a number counts, void ones do not, others add up; a tax that one does not tell is unknown."""
    books.copy("202602", Usage="100")
    books.invoice("202602", "1", number="A-1", at="2026-03-01 00:00:00 UTC")
    books.invoice("202602", "60", number="A-1", tax="0")
    books.invoice("202602", "40", number="A-2")
    books.invoice("202602", "9", number="A-3", at="2026-03-01 00:00:00 UTC")
    books.invoice("202602", "9", number="A-3", is_void="TRUE")
    month = books.month()
    assert (month["invoices"], month["invoice_total"], month["invoice_tax"]) == ("A-1, A-2", 100, None)
    assert (month["residual"], month["unexplained"]) == (0, 0)


def test_the_newest_copy_counts_until_one_is_closed(books: Books) -> None:
    """A newer provisional copy replaces the one before; once closed, the earliest closed one stands for good."""
    books.copy("202602", made_at="2026-03-09 06:00:00 UTC", Usage="100")
    books.copy("202602", made_at="2026-03-10 06:00:00 UTC", Usage="101")
    assert (books.month()["cost"], books.month()["status"]) == (101, "provisional")
    books.copy("202602", "closed", "2026-03-11 06:00:00 UTC", Usage="101")
    books.copy("202602", "closed", "2026-03-12 06:00:00 UTC", Usage="200")
    books.copy("202602", made_at="2026-03-13 06:00:00 UTC", Usage="300")
    books.change("2026-02-28", "2026-03-13 06:00:00 UTC", "199")
    month = books.month()
    assert (month["cost"], month["status"], month["later_change"]) == (101, "closed", 199)
    assert month["unexplained"] == 0


def test_an_invoice_without_rows(books: Books) -> None:
    """Of a month of which nothing is loaded nothing is known but the invoice: all else is NULL, and named."""
    books.invoice("202602", "100")
    month = books.month(view="invoice_months")
    assert [month[name] for name in ("cost", "usage_cost", "provider_total", "residual", "unexplained")] == [None] * 5
    assert (month["status"], month["parts"]) == ("open", [{"name": "days_missing", "amount": None}])


def test_a_month_is_final_when_its_days_are(books: Books) -> None:
    """Every day of it, and the first after it where that was read: its first hours may be billed in it."""

    def days() -> tuple[int, int, bool]:
        month = books.month(view="closable_months")
        return month["days_missing"], month["days_not_final"], month["is_final"]

    for day in range(1, 28):
        books.change(f"2026-02-{day:02}", MADE, "1")
    assert days() == (1, 0, False)
    books.change("2026-02-28", MADE, "1")
    assert days() == (0, 0, True)
    books.change("2026-03-01", MADE, "1")
    books.run(
        f"UPDATE {books.slug}.day_history SET completeness = 'settling' "
        f"WHERE provider = '{books.provider}' AND usage_date = '2026-03-01'"
    )
    assert days() == (0, 0, False)


@pytest.mark.parametrize("view", ["billed_days", "closed_month_changes"])
def test_a_bound_reads_those_days_alone(view: str) -> None:
    """A bound on `usage_date` is one on the raw tables' partitions, by Google's analyzer."""
    raw = {"gcp_billing_daily_raw", "openai_cost_daily_raw", "anthropic_cost_daily_raw"}
    found = sources(gate("org"), inlined(view), "usage_date")
    assert {each.partition(".")[0] for each in found} >= raw
    assert {each.partition(".")[2] for each in found} == {"usage_date"}
