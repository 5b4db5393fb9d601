"""Months and their invoices: what the rules call the residual of a copy, and what blocks a close."""

from __future__ import annotations

import datetime as dt
import itertools
import os
import signal
import threading
from calendar import monthrange
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from multiprocessing.process import BaseProcess
from typing import Any

import pytest
from flask.testing import FlaskClient
from google.cloud.bigquery import ArrayQueryParameter, LoadJobConfig, QueryJobConfig, ScalarQueryParameter

from cloudact import clients
from cloudact.runs.run import Run, TriggerType
from cloudact.settings import Settings
from cloudact.warehouse.bigquery import open_warehouse
from jobs.months import tie_months
from localcloud.onboarding import NewOrg, OnboardedOrg, onboard
from providers.org_day import OrgDay
from tests.conftest import NOON, Local, billing_run
from tests.fault_proxy import Doorman
from tests.googlesql import gate
from tests.infra.org_views import inlined
from tests.jobs.test_months import YESTERDAY, tell, tie
from tests.lineage import sources
from tests.processes import started_processes

MADE = "2026-03-09 06:00:00 UTC"
NUMBERS = itertools.count(1)
Row = dict[str, Any]


@dataclass
class Books:
    """Months of one org; each has a provider of its own, so that many share the org and are read at once.

    What is told is loaded when next something is asked, or by `write`.
    """

    local: Local
    slug: str
    provider: str = field(default_factory=lambda: f"vendor{next(NUMBERS)}")
    told: list[tuple[str, Row]] = field(default_factory=list)

    def run(self, sql: str) -> None:
        self.write()
        clients.bigquery(self.local.settings).query_and_wait(sql)

    def insert(self, table: str, **columns: Any) -> None:
        """Tells a row of these values; None is left out."""
        known = {name: value for name, value in columns.items() if value is not None}
        self.told.append((table, {"org_slug": self.slug} | known))

    def write(self) -> None:
        """Loads what was told since."""
        load([self])

    def copy(
        self,
        month: str,
        status: str = "provisional",
        made_at: str = MADE,
        *,
        currency: str = "USD",
        parts: list[Row] | None = None,
        later_credits: str | None = None,
        tells_month: bool = False,
        **costs: str,
    ) -> None:
        """A copy of a month, by charge category; `Usage_credits` and `Usage_lines` tell more of one."""
        for category in [name for name in costs if "_" not in name]:
            self.insert(
                "month_closes", provider=self.provider, invoice_month=month,
                currency=currency, parts=parts, status=status, made_at=made_at,
                run_id="r", usage_date=f"{month[:4]}-{month[4:]}-01", charge_category=category,
                cost=costs[category], row_count=1, line_count=costs.get(f"{category}_lines", "1"),
                credits=costs.get(f"{category}_credits"),
                tells_invoice_month=tells_month, checksum="c", billed_later_credits=later_credits,
            )  # fmt: skip

    def invoice(self, month: str, total: str, number: str = "A-1", at: str = MADE, **told: Any) -> None:
        self.insert(
            "invoices", issuer=self.provider, number=number, invoice_month=month,
            recorded_at=at, recorded_by="me", entry_id=f"{next(NUMBERS)}",
            **{"total": total, "currency": "USD", "is_void": False} | told,
        )  # fmt: skip

    def change(
        self,
        day: str,
        recorded_at: str,
        change: str,
        cause: str | None = "late_rows",
        before: str | None = "0",
        **more: Any,
    ) -> None:
        """A day whose cost a run has changed; from what may not be known. `more` are columns as they stand."""
        sides = {"currency": "USD", "before": before, "after": change}
        self.insert(
            "day_history", usage_date=day, provider=self.provider, pipeline="p", run_id="r",
            generation=next(NUMBERS), trigger_type="schedule", read_at=recorded_at,
            recorded_at=recorded_at, is_changed=True, rows_before=1, rows_after=1, cause=cause,
            **{"completeness": "final", "costs": [sides]} | more,
        )  # fmt: skip

    def months(self, month: str = "202602", view: str = "copied_months") -> dict[str, Row]:
        """A month by its currencies."""
        return {row["currency"]: row for row in rows_of([self], month, view)}

    def month(self, month: str = "202602", view: str = "copied_months") -> Row:
        """A month that has one currency."""
        (found,) = rows_of([self], month, view)
        return found


def load(every: Sequence[Books]) -> None:
    """Loads what these books of one org were told since, by one job for each table."""
    rows = [row for each in every for row in each.told]
    client = clients.bigquery(every[0].local.settings)
    for name in sorted({table for table, _ in rows}):
        table = client.get_table(f"{every[0].slug}.{name}")
        config = LoadJobConfig(schema=table.schema)
        client.load_table_from_json([row for of, row in rows if of == name], table, job_config=config).result()
    for each in every:
        each.told.clear()


def rows_of(every: Sequence[Books], month: str, view: str) -> list[Row]:
    """What a view says of a month of these books, by a text that is translated once."""
    load(every)
    sql = f"SELECT * FROM {every[0].slug}.{view} WHERE provider IN UNNEST(@providers) AND invoice_month = @month"
    asked = [
        ArrayQueryParameter("providers", "STRING", [each.provider for each in every]),
        ScalarQueryParameter("month", "STRING", month),
    ]
    config = QueryJobConfig(query_parameters=asked)
    return [dict(row) for row in clients.bigquery(every[0].local.settings).query_and_wait(sql, job_config=config)]


@pytest.fixture(scope="module")
def org(session_cloud: Local) -> OnboardedOrg:
    """One org for all of these tests."""
    name = f"months_{next(session_cloud.numbers)}"
    source = {"source_project": "months", "source_dataset": "d", "source_table": "gcp_billing_export_v1_X"}
    return onboard(session_cloud.settings, NewOrg(name, source))


@pytest.fixture
def books(local: Local, org: OnboardedOrg) -> Books:
    return Books(local, org.org_slug)


Februaries = Callable[[Callable[..., None], Mapping[Any, Sequence[Any]]], dict[Any, Row]]


@pytest.fixture(scope="module")
def februaries(session_cloud: Local, org: OnboardedOrg) -> Februaries:
    """Tells cases to books of their own, once and all together, and answers the copied February of each."""
    known: dict[Callable[..., None], dict[Any, Row]] = {}

    def of(tell_one: Callable[..., None], cases: Mapping[Any, Sequence[Any]]) -> dict[Any, Row]:
        if tell_one not in known:
            books = {case: Books(session_cloud, org.org_slug) for case in cases}
            for case, told in cases.items():
                tell_one(books[case], *told)
            rows = rows_of([*books.values()], "202602", "copied_months")
            found = {row["provider"]: row for row in rows}
            assert len(found) == len(rows)
            known[tell_one] = {case: found[each.provider] for case, each in books.items()}
        return known[tell_one]

    return of


def parts(month: Mapping[str, Any]) -> dict[str, str]:
    """Names and amounts of the residual's parts, without trailing zeros."""
    return {part["name"]: f"{part['amount'].normalize():f}" for part in month["parts"]}


CASES: dict[str, tuple[dict[str, Any], str, dict[str, str], dict[str, str], str]] = {
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
    "credits that are rows": ({"Usage": "100", "Credit": "-25"}, "75", {"credits": "-25"}, {}, "0"),
    "credits that are rows, taken off twice": (
        {"Usage": "100", "Credit": "-25"}, "50", {"credits": "-25"}, {}, "-25",
    ),
    "prepaid beside credits that are rows": (
        {"Usage": "100", "Credit": "-25"}, "70", {"credits": "-30"}, {"credits": "-5"}, "0",
    ),
    "fewer credits than the rows have": ({"Usage": "100", "Credit": "-25"}, "75", {"credits": "-5"}, {}, "0"),
    "many lines, and nothing that is billed": ({"Usage": "0", "Usage_lines": "2000"}, "10", {}, {}, "10"),
    "no line to be rounded, but the total": (
        {"Usage": "99.995", "Usage_lines": "0"}, "100", {}, {"rounding": "0.005"}, "0",
    ),
    "a thousandth of the month": (
        {"Usage": "100", "Usage_lines": "2000"}, "100.10", {}, {"rounding": "0.1"}, "0",
    ),
    "more than a thousandth": ({"Usage": "100", "Usage_lines": "2000"}, "100.11", {}, {}, "0.11"),
    "a hundred cents": ({"Usage": "9000", "Usage_lines": "2000"}, "9001", {}, {"rounding": "1"}, "0"),
    "more than a hundred cents": ({"Usage": "9000", "Usage_lines": "2000"}, "9001.01", {}, {}, "1.01"),
    "half a cent a line": ({"Usage": "99.98", "Usage_lines": "4"}, "100", {}, {"rounding": "0.02"}, "0"),
    "all at once": (
        {"Usage": "100.004", "Adjustment": "-1"}, "393", {"tax": "19", "credits": "-25", "priority_tier": "300"},
        {"tax_not_told": "19", "credits": "-25", "priority_tier": "300", "rounding": "-0.004"}, "0",
    ),
}  # fmt: skip


def bill(books: Books, costs: dict[str, Any], total: str, told: dict[str, str], *_: object) -> None:
    books.copy("202602", **costs)
    books.invoice("202602", total, **told)


@pytest.mark.parametrize("case", CASES)
def test_what_a_residual_is_called(februaries: Februaries, case: str) -> None:
    """Each part has its rule and its amount, they add up to the residual, and what no rule explains is told as such."""
    *_, named, unexplained = CASES[case]
    month = februaries(bill, CASES)[case]
    assert parts(month) == named
    assert month["unexplained"] == Decimal(unexplained)
    whole = sum((part["amount"] for part in month["parts"]), month["unexplained"])
    assert whole == month["residual"] == month["invoice_total"] - month["cost"]


CURRENCIES = {
    ("JPY", "1000.5", "1001"): ("0.5", "0"),
    ("JPY", "1000.4", "1001"): (None, "0.6"),
    ("VUV", "1000.5", "1001"): ("0.5", "0"),
    ("KWD", "100", "100.0005"): ("0.0005", "0"),
    ("KWD", "100", "100.005"): (None, "0.005"),
    ("EUR", "100", "100.005"): ("0.005", "0"),
}


def bill_in(books: Books, currency: str, cost: str, total: str) -> None:
    books.copy("202602", currency=currency, Usage=cost)
    books.invoice("202602", total, currency=currency)


@pytest.mark.parametrize("case", CURRENCIES, ids=str)
def test_rounding_by_currency(februaries: Februaries, case: tuple[str, str, str]) -> None:
    """What may be rounded is half of the currency's own smallest unit: a yen, a cent, a fils."""
    rounding, unexplained = CURRENCIES[case]
    month = februaries(bill_in, {each: each for each in CURRENCIES})[case]
    assert parts(month) == ({"rounding": rounding} if rounding else {})
    assert month["unexplained"] == Decimal(unexplained)


def test_two_currencies_in_one_month(books: Books) -> None:
    """Each currency ties with its own invoices, alone: nothing of one explains the other."""
    for currency, cost, total, tax in (("USD", "100", "119", "19"), ("EUR", "50", "69", "0")):
        books.copy("202602", currency=currency, Usage=cost)
        books.invoice("202602", total, number=currency, currency=currency, tax=tax)
    told = {each: (parts(month), month["unexplained"], month["invoices"]) for each, month in books.months().items()}
    assert told == {"USD": ({"tax_not_told": "19"}, 0, "USD"), "EUR": ({}, 19, "EUR")}


LATE = "2026-03-03 06:00:00 UTC"  # after the invoice of February was issued, and before the copy
TWO = {"issued_on": "2026-03-01"}
NOT_BILLED = [{"name": "billed_later", "amount": "-5"}]
# What January has not billed, February's invoice, why a day of it has changed, and the parts that explain all.
CAME_LATE: dict[str, tuple[list[Row] | None, str, dict[str, str], str, dict[str, str] | None]] = {
    "after": (None, "93", TWO, "late_rows", {"billed_later": "-7"}),
    "no date": (None, "93", {}, "late_rows", None),
    "on the invoice": (None, "93", {"issued_on": "2026-03-03"}, "late_rows", None),
    "loaded late": (None, "93", TWO, "first_load", None),
    "before": (NOT_BILLED, "105", {"issued_on": "2026-03-04"}, "late_rows", {"late_usage_of_month_before": "5"}),
    "before, and billed then": (None, "105", {"issued_on": "2026-03-04"}, "late_rows", None),
    "both": (NOT_BILLED, "98", TWO, "late_rows", {"late_usage_of_month_before": "5", "billed_later": "-7"}),
    "neither is needed": (NOT_BILLED, "100", TWO, "late_rows", {}),
    "a date before the month": (None, "93", {"issued_on": "2025-03-01"}, "late_rows", None),
    "the last date there is": (None, "93", {"issued_on": "9999-12-31"}, "late_rows", None),
}


def bill_and_change(
    books: Books, not_billed: list[Row] | None, total: str, told: dict[str, str], cause: str, *_: object
) -> None:
    books.copy("202601", "closed", "2026-02-09 06:00:00 UTC", parts=not_billed, Usage="55")
    books.invoice("202601", "50", number="A-0", issued_on="2026-02-01")
    books.change("2026-01-31", "2026-02-04 06:00:00 UTC", "5")
    books.copy("202602", Usage="100")
    books.invoice("202602", total, **told)
    books.change("2026-02-28", LATE, "7", cause)


@pytest.mark.parametrize("case", CAME_LATE)
def test_what_came_late(februaries: Februaries, case: str) -> None:
    """What changed after an invoice was issued is on the next one, by what the earlier month was closed with; it counts
    only where the rest vanishes with it. A date that cannot be the invoice's is none."""
    month = februaries(bill_and_change, CAME_LATE)[case]
    assert (parts(month) if month["unexplained"] == 0 else None) == CAME_LATE[case][-1]


def test_lateness_is_not_rounding(books: Books) -> None:
    """What came late is called so where that leaves less to rounding, which many lines allow: else the next month would
    be billed what this one rounded away, and with fewer lines of its own it could never close."""
    books.copy("202602", Usage="9000.83", Usage_lines="2000")
    books.invoice("202602", "9000", **TWO)
    assert parts(books.month()) == {"rounding": "-0.83"}
    books.change("2026-02-28", LATE, "0.8")
    month = books.month()
    assert (parts(month), month["unexplained"]) == ({"billed_later": "-0.8", "rounding": "-0.03"}, 0)


def credits_change(amount: str) -> list[Row]:
    """The credits of a day that became these from nothing, as a column."""
    return [{"currency": "USD", "before": "0", "after": amount}]


# Issued with usage of 100, credits that are rows of 25, prepaid of 3.50, and tax of 19; then a day has changed.
CHANGED_CREDITS: dict[str, tuple[dict[str, str], str, list[Row] | None, str | None]] = {
    "up": ({"Usage": "108", "Credit": "-27.5"}, "5.5", credits_change("-2.5"), "-5.5"),
    "down": ({"Usage": "96", "Credit": "-23.75"}, "-2.75", credits_change("1.25"), "2.75"),
    "alone": ({"Usage": "100", "Credit": "-27.5"}, "-2.5", credits_change("-2.5"), "2.5"),
    "gone": ({"Usage": "100"}, "25", credits_change("25"), "-25"),
    "unknown": ({"Usage": "108", "Credit": "-27.5"}, "5.5", None, None),
    "not all of it": ({"Usage": "109", "Credit": "-27.5"}, "5.5", credits_change("-2.5"), None),
}


def bill_and_change_credits(
    books: Books, costs: dict[str, Any], change: str, credits_of_day: list[Row] | None, *_: object
) -> None:
    books.copy("202602", **costs)
    books.invoice("202602", "90.5", tax="19", credits="-28.5", **TWO)
    books.change("2026-02-28", LATE, change, credits=credits_of_day)


@pytest.mark.parametrize("case", CHANGED_CREDITS)
def test_credits_that_changed_after_the_invoice(februaries: Februaries, case: str) -> None:
    """An invoice tells the credits that were rows when it was issued: those take nothing from what was prepaid,
    whatever they are today. Where no record tells what they were, or a rest remains, lateness explains nothing."""
    later = CHANGED_CREDITS[case][-1]
    month = februaries(bill_and_change_credits, CHANGED_CREDITS)[case]
    late = {"credits": "-3.5", "billed_later": later} if later else {"credits": "-1"}
    assert month["unexplained_reason"] == ("credits_not_recorded" if case == "unknown" else None)
    assert parts(month) == {"tax_not_told": "19"} | late
    assert (month["unexplained"] == 0) is (later is not None)
    assert sum(part["amount"] for part in month["parts"]) + month["unexplained"] == month["residual"]


@pytest.mark.parametrize(
    ("later_credits", "named", "unexplained"),
    [("2.5", {"credits": "-3.5", "late_usage_of_month_before": "5.5"}, 0), (None, {"credits": "-6"}, 8)],
    ids=["known", "unknown"],
)
def test_late_credits_of_the_month_before(
    books: Books, later_credits: str | None, named: dict[str, str], unexplained: int
) -> None:
    """Late credits of the month before are among those that this invoice tells, and count once: with that month's."""
    not_billed = [{"name": "billed_later", "amount": "-5.5"}]
    made_at = "2026-02-09 06:00:00 UTC"
    books.copy("202601", "closed", made_at, parts=not_billed, later_credits=later_credits, Usage="55")
    books.copy("202602", Usage="100", Credit="-25")
    books.invoice("202602", "77", credits="-31", issued_on="2026-03-04")
    month = books.month()
    assert (parts(month), month["unexplained"]) == (named, unexplained)
    assert month["unexplained_reason"] == ("credits_not_recorded" if unexplained else None)


def test_usage_and_credits_of_equal_amount_that_came_late(books: Books) -> None:
    """Usage that came late with as much of credits changes no sum, and its credits are still on the next invoice."""
    late = credits_change("-10")
    books.copy("202601", "provisional", "2026-02-09 06:00:00 UTC", Usage="110", Credit="-20")
    books.invoice("202601", "90", number="A-0", credits="-10", issued_on="2026-02-01")
    books.change("2026-01-31", "2026-02-04 06:00:00 UTC", "0", credits=late)
    before = books.month("202601")
    assert (parts(before), before["unexplained"], before["late_after_credits"]) == ({}, 0, 10)
    books.copy("202601", "closed", "2026-02-09 06:00:00 UTC", parts=[], later_credits="10", Usage="110", Credit="-20")
    books.copy("202602", Usage="100", Credit="-5")
    books.invoice("202602", "95", credits="-15", issued_on="2026-03-01")
    month = books.month()
    assert (parts(month), month["unexplained"]) == ({}, 0)


# January's status, what it has not billed, when it changed, February's invoice, and the parts that explain all.
BILLED_ONCE: dict[str, tuple[str, list[Row] | None, str, str, dict[str, str] | None]] = {
    "not closed": ("provisional", None, "2026-02-04", "107", None),
    "on its invoice": ("closed", None, "2026-02-04", "107", None),
    "after its close": ("closed", None, "2026-02-20", "107", {"late_usage_of_month_before": "7"}),
    "both": ("closed", NOT_BILLED, "2026-02-20", "112", {"late_usage_of_month_before": "12"}),
    "one of both": ("closed", NOT_BILLED, "2026-02-20", "107", None),
    "after this invoice too": ("closed", None, "2026-03-06", "107", None),
}


def change_the_month_before(
    books: Books, status: str, not_billed: list[Row] | None, changed_at: str, total: str, *_: object
) -> None:
    books.copy("202601", status, "2026-02-09 06:00:00 UTC", parts=not_billed, Usage="107")
    books.invoice("202601", "107", number="A-0", issued_on="2026-02-01")
    books.change("2026-01-31", f"{changed_at} 06:00:00 UTC", "7")
    books.copy("202602", Usage="100")
    books.invoice("202602", total, issued_on="2026-03-04")


@pytest.mark.parametrize("case", BILLED_ONCE)
def test_late_usage_is_billed_once(februaries: Februaries, case: str) -> None:
    """A month explains what it is billed too much by the month before only as far as that one closed without it."""
    month = februaries(change_the_month_before, BILLED_ONCE)[case]
    assert (parts(month) if month["unexplained"] == 0 else None) == BILLED_ONCE[case][-1]


def change_both_months(books: Books, own: str) -> None:
    books.copy("202601", "closed", "2026-02-09 06:00:00 UTC", parts=NOT_BILLED, Usage="55")
    books.copy("202602", Usage="100")
    books.invoice("202602", "100", **TWO)
    books.change("2026-02-28", LATE, own)


@pytest.mark.parametrize("own", ["5", "6"])
def test_late_usage_of_two_months_that_cancels_out(februaries: Februaries, own: str) -> None:
    """An invoice that has what the month before lacked, and lacks as much of its own, says so: else the next month,
    which is billed that, could not close."""
    month = februaries(change_both_months, {"5": ["5"], "6": ["6"]})[own]
    both = {"late_usage_of_month_before": "5", "billed_later": "-5"}
    assert (parts(month), month["unexplained"]) == (both if own == "5" else {}, 0)


def test_what_came_after_this_invoice_is_not_on_it(books: Books) -> None:
    """A month that closed late was billed without changes that came after the next invoice: that has them as little."""
    books.copy("202601", "closed", "2026-04-09 06:00:00 UTC", parts=NOT_BILLED, Usage="55")
    books.change("2026-01-31", "2026-02-04 06:00:00 UTC", "3")
    books.change("2026-01-31", "2026-03-20 06:00:00 UTC", "2")
    books.copy("202602", made_at="2026-04-09 06:00:00 UTC", Usage="100")
    books.invoice("202602", "103", issued_on="2026-03-04")
    assert parts(books.month()) == {"late_usage_of_month_before": "3"}


def test_google_bills_late_usage_by_its_own_month(books: Books) -> None:
    """Where rows tell the month that they are billed in, what came late explains nothing."""
    books.copy("202601", "closed", "2026-02-09 06:00:00 UTC", tells_month=True, parts=NOT_BILLED, Usage="55")
    books.copy("202602", tells_month=True, Usage="100")
    books.change("2026-02-28", LATE, "7")
    for day, (total, unexplained) in enumerate((("105", 5), ("93", -7), ("98", -2)), start=10):
        books.invoice("202602", total, at=f"2026-03-{day} 00:00:00 UTC", **TWO)
        month = books.month()
        assert (parts(month), month["unexplained"]) == ({}, unexplained)


def test_a_change_from_nobody_knows_what(books: Books) -> None:
    """A sum of which a part is not known is not known: neither told, nor an explanation. Nothing changed is zero."""
    books.copy("202602", Usage="100")
    books.invoice("202602", "93", **TWO)
    assert books.month()["later_change"] == 0
    books.change("2026-02-28", LATE, "7")
    assert books.month()["unexplained"] == 0
    books.change("2026-02-27", LATE, "900", before=None)
    month = books.month()
    assert (month["later_change"], month["unexplained"]) == (0, -7)
    assert month["unexplained_reason"] == "changes_not_recorded"
    books.change("2026-02-26", "2026-04-01 06:00:00 UTC", "5")
    assert books.month()["later_change"] == 5
    books.change("2026-02-25", "2026-04-01 06:00:00 UTC", "900", before=None)
    assert books.month()["later_change"] is None


@pytest.mark.parametrize(("cause", "later_change"), [("late_rows", 0), (None, None)], ids=["known", "unknown"])
def test_a_change_without_costs(books: Books, cause: str | None, later_change: int | None) -> None:
    """A day that had no costs and has none has changed by nothing; one of which nobody knows what it had, by nobody
    knows what, in any currency."""
    books.copy("202602", Usage="100")
    books.change("2026-02-28", "2026-04-01 06:00:00 UTC", "0", cause, costs=[])
    assert books.month()["later_change"] == later_change


def test_a_month_that_is_none_stops_no_other(books: Books) -> None:
    """What a provider tells as its month need not be one: the others are as they were."""
    books.copy("202601", Usage="1")
    books.run(f"UPDATE {books.slug}.month_closes SET invoice_month = '202613' WHERE provider = '{books.provider}'")
    books.copy("202602", Usage="100")
    books.invoice("202602", "100")
    assert (books.month()["unexplained"], books.month("202613")["cost"]) == (0, 1)


def test_what_some_invoices_tell(books: Books) -> None:
    """What is told of tax, credits and the priority tier is added up and explains at most that; the rest is left."""
    books.copy("202602", Usage="100")
    books.invoice("202602", "60", number="A-1", tax="10", credits="-5")
    books.invoice("202602", "70", number="A-2", priority_tier="20")
    month = books.month()
    assert parts(month) == {"tax_not_told": "10", "credits": "-5", "priority_tier": "20"}
    assert (month["unexplained"], month["invoice_tax"]) == (5, None)


def test_a_number_is_one_however_it_is_typed(books: Books) -> None:
    """Rows whose numbers differ in case or in spaces around them are of one invoice: the newest counts."""
    books.copy("202602", Usage="100")
    books.invoice("202602", "1", number="inv-1 ", at="2026-03-01 00:00:00 UTC")
    books.invoice("202602", "100", number="INV-1")
    month = books.month()
    assert (month["invoices"], month["invoice_total"]) == ("INV-1", 100)


# What the days of a month and the first after it are, why the month is open, and how many of its days are not final.
OPEN = [
    ("final", None, "next_day_not_final", 0),
    ("final", "final", "not_copied", 0),
    ("final", "settling", "next_day_not_final", 0),
    ("settling", "settling", "days_not_final", 28),
]


def test_a_month_without_a_copy_is_open(local: Local, org: OnboardedOrg) -> None:
    """What keeps it open has its name: days, the first day after it, or only that no run has copied it yet."""
    every = [Books(local, org.org_slug) for _ in OPEN]
    for books, (days, next_day, _, _) in zip(every, OPEN, strict=True):
        books.invoice("202602", "5")
        for day in range(1, 29):
            books.change(f"2026-02-{day:02}", MADE, "1", completeness=days)
        if next_day:
            books.change("2026-03-01", MADE, "1", completeness=next_day)
    rows = {row["provider"]: row for row in rows_of(every, "202602", "invoice_months")}
    months = [rows[books.provider] for books in every]
    assert [(month["status"], month["parts"][0]["name"], month["days_not_final"]) for month in months] == [
        ("open", because, days_not_final) for _, _, because, days_not_final in OPEN
    ]


def test_several_invoices_corrections_and_void_ones(books: Books) -> None:
    """The newest row of a number counts, void ones do not, others add up; a tax that one does not tell is unknown."""
    books.copy("202602", Usage="100")
    books.invoice("202602", "1", number="A-1", at="2026-03-01 00:00:00 UTC")
    books.invoice("202602", "60", number="A-1", tax="0")
    books.invoice("202602", "40", number="A-2")
    books.invoice("202602", "9", number="A-3", at="2026-03-01 00:00:00 UTC")
    books.invoice("202602", "9", number="A-3", is_void=True)
    month = books.month()
    assert (month["invoices"], month["invoice_total"], month["invoice_tax"]) == ("A-1, A-2", 100, None)
    assert (month["residual"], month["unexplained"]) == (0, 0)


def test_the_newest_copy_counts_until_one_is_closed(books: Books) -> None:
    """A newer provisional copy replaces the one before; once closed, the earliest closed one stands for good."""
    books.copy("202602", made_at="2026-03-09 06:00:00 UTC", Usage="100")
    books.copy("202602", made_at="2026-03-10 06:00:00 UTC", Usage="101")
    month = books.month()
    assert (month["cost"], month["status"]) == (101, "provisional")
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
    """Every day of it, and the first after it, which must have been read: its first hours may be billed in it."""

    def days() -> tuple[int, int, bool]:
        month = books.month(view="closable_months")
        return month["days_missing"], month["days_not_final"], month["is_final"]

    for day in range(1, 28):
        books.change(f"2026-02-{day:02}", MADE, "1")
    assert days() == (1, 0, False)
    books.change("2026-02-28", MADE, "1")
    assert days() == (0, 0, False)
    books.change("2026-03-01", MADE, "1")
    assert days() == (0, 0, True)
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


class Google:
    """October of an org at Google: a day's rows as they are in its table, and each day final in the history."""

    def __init__(self, local: Local, org: OnboardedOrg) -> None:
        self._local, self._org = local, org

    def run(self, sql: str) -> None:
        clients.bigquery(self._local.settings).query_and_wait(sql.replace("org_dataset", self._org.org_slug))

    def charge(
        self, day: str, month: str, cost: str, cost_type: str = "regular", sku: str = "S-1", currency: str = "USD"
    ) -> None:
        self._load(
            "gcp_billing_daily_raw",
            [{
                "usage_date": day, "invoice_month": month, "sku_id": sku, "cost_type": cost_type, "currency": currency,
                "cost": cost, "credits": "0", "net_cost": cost, "org_slug": self._org.org_slug, "run_id": "r",
                "ingested_at": "2026-11-01 00:00:00 UTC",
            }],
        )  # fmt: skip

    def _load(self, name: str, rows: list[Row]) -> None:
        client = clients.bigquery(self._local.settings)
        table = f"{self._org.org_slug}.{name}"
        config = LoadJobConfig(schema=client.get_table(table).schema)
        client.load_table_from_json(rows, table, job_config=config).result()

    def read(self, first: dt.date, last: dt.date) -> None:
        """Records that each of these days, and the first after them, was found final, and changed, at noon."""
        self.record(first, last + dt.timedelta(days=1), NOON)

    def record(self, first: dt.date, last: dt.date, at: dt.datetime) -> None:
        """Records that each of these days was found final, and changed, then."""
        number = next(NUMBERS)
        self._load(
            "day_history",
            [{
                "usage_date": str(first + dt.timedelta(days=days)), "org_slug": self._org.org_slug, "provider": "gcp",
                "pipeline": "gcp_billing", "run_id": "r", "generation": number, "trigger_type": "schedule",
                "read_at": str(at), "recorded_at": str(at), "is_changed": True, "cause": "late_rows",
                "completeness": "final", "rows_before": 0, "rows_after": 1,
            } for days in range((last - first).days + 1)],
        )  # fmt: skip

    def changed(self, *days: str) -> None:
        """A minute later these days are recorded as changed."""
        for day in days:
            self._local.clock.advance(minutes=1)
            self.record(dt.date.fromisoformat(day), dt.date.fromisoformat(day), self._local.clock())

    def tie(self) -> None:
        """The run of yesterday does what is due, a minute later."""
        self._local.clock.advance(minutes=1)
        tie(self._local, billing_run(self._org, YESTERDAY, generation=next(NUMBERS)))

    def rows(self, sql: str) -> list[dict[str, Any]]:
        return self._local.query(sql.replace("org_dataset", self._org.org_slug))

    def months(self) -> dict[tuple[str, str], dict[str, Any]]:
        """All of its months, by month and currency."""
        rows = self.rows("SELECT * FROM org_dataset.invoice_months WHERE provider = 'gcp'")
        found = {(row["invoice_month"], row["currency"]): row for row in rows}
        assert len(found) == len(rows)
        return found

    def month(self, month: str = "202610", currency: str = "USD") -> dict[str, Any]:
        return self.months()[month, currency]

    def state(self, month: str, currency: str = "USD") -> tuple[str, Any]:
        return state(self.month(month, currency))

    def refuses_and_closes(self, api: FlaskClient, org: OnboardedOrg, sums: Mapping[str, tuple[int, int]]) -> None:
        """Against an invoice of the sum before its months do not close, against one of today's sum they do, once."""
        for turn, status in enumerate(("provisional", "closed")):
            for month, both in sums.items():
                tell(api, org, number=f"Q-{month}", month=f"{month[:4]}-{month[4:]}", total=f"{both[turn]}")
            self.tie()
            found = self.months()
            assert {month: state(found[month, "USD"]) for month in sums} == {
                month: (status, today) for month, (_, today) in sums.items()
            }
        assert [found[month, "USD"]["later_change"] for month in sums] == [0] * len(sums)
        assert self.changes() == []
        self.tie()
        closed = self.rows(
            "SELECT invoice_month AS month, COUNT(DISTINCT run_id) AS runs FROM org_dataset.month_closes "
            "WHERE status = 'closed' GROUP BY month"
        )
        assert {each["month"]: each["runs"] for each in closed} == dict.fromkeys(sums, 1)

    def copies(self) -> dict[str, int]:
        """How often each month was copied."""
        sql = "SELECT invoice_month, COUNT(DISTINCT made_at) AS copies FROM org_dataset.month_closes GROUP BY 1"
        return {each["invoice_month"]: each["copies"] for each in self.rows(sql)}

    def statuses(self) -> dict[str, int]:
        """How many runs have copied, and how many have closed."""
        sql = "SELECT status, COUNT(DISTINCT run_id) AS runs FROM org_dataset.month_closes GROUP BY 1"
        return {each["status"]: each["runs"] for each in self.rows(sql) if each["status"] != "empty"}

    def changes(self) -> list[dict[str, Any]]:
        sql = "SELECT * FROM org_dataset.closed_month_changes WHERE usage_date >= '2020-01-01'"
        return self.rows(sql)


def state(month: Mapping[str, Any]) -> tuple[str, Any]:
    """Whether a month is closed, and what it costs."""
    return month["status"], month["cost"]


def test_a_month_of_google(local: Local, api: FlaskClient, org: OnboardedOrg) -> None:
    """What Google bills in a month is in it: late usage of the month before, tax, and the first hours of the next UTC
    month, but not usage that comes into the next invoice. A day that changes is copied again; then the month closes."""
    google = Google(local, org)
    google.charge("2026-10-05", "202610", "100")
    google.charge("2026-10-05", "202610", "-2", "adjustment")
    google.charge("2026-10-01", "202610", "19", "tax")
    google.charge("2026-09-29", "202610", "7")
    google.charge("2026-11-01", "202610", "3")
    google.charge("2026-10-31", "202611", "1000")
    google.read(dt.date(2026, 10, 1), dt.date(2026, 10, 31))
    tell(api, org, total="129.00", tax="19")
    tie(local, billing_run(org, YESTERDAY))
    month = google.month()
    assert (month["status"], month["cost"], month["residual"], month["unexplained"]) == ("provisional", 127, 2, 2)
    assert (month["usage_cost"], month["tax_cost"], month["adjustment_cost"]) == (110, 19, -2)
    assert (month["credit_cost"], month["provider_total"]) == (None, None)

    google.charge("2026-10-20", "202610", "2", sku="S-2")
    local.clock.advance(days=1)
    google.record(dt.date(2026, 10, 20), dt.date(2026, 10, 20), local.clock())
    local.clock.advance(minutes=1)
    tie(
        local,
        billing_run(
            org, dt.date(2026, 10, 20), generation=2, requested_at=local.clock(), trigger_type=TriggerType.RESTATEMENT
        ),
    )
    closed = google.month()
    assert (closed["status"], closed["cost"], closed["residual"], closed["parts"]) == ("closed", 129, 0, [])
    assert closed["checksum"] != month["checksum"]

    # The same sum at another SKU: no amount tells it, the checksum does.
    google.run("UPDATE org_dataset.gcp_billing_daily_raw SET sku_id = 'S-9' WHERE usage_date = '2026-10-20'")
    (change,) = local.query(f"SELECT * FROM {org.org_slug}.closed_month_changes WHERE usage_date >= '2026-09-01'")
    assert (change["usage_date"], change["cost_change"], change["closed_cost"]) == (dt.date(2026, 10, 20), 0, 2)
    assert google.month() == closed


@pytest.fixture
def google(local: Local, api: FlaskClient, org: OnboardedOrg) -> Google:
    """The org's months at Google, with nothing in them; an org that has told some invoice."""
    google = Google(local, org)
    tables = ("gcp_billing_daily_raw", "day_history", "month_closes", "invoices")
    for table in ("organizations.org_invoices", *(f"org_dataset.{table}" for table in tables)):
        google.run(f"DELETE FROM {table} WHERE org_slug = '{org.org_slug}'")
    tell(api, org, number="NONE", month="2020-01", total="0")
    return google


def test_each_month_looks_back_ten_years_of_its_own(google: Google) -> None:
    """Rows from more than ten years before a month are not in it, also where an earlier month is copied beside it."""
    google.charge("2026-09-05", "202609", "3")
    google.charge("2026-10-05", "202610", "100")
    google.charge("2016-09-23", "202610", "7")
    google.charge("2016-09-22", "202610", "1000")
    google.read(dt.date(2026, 9, 1), dt.date(2026, 10, 31))
    google.tie()
    assert google.copies() == {"202609": 1, "202610": 1}
    assert (google.month("202609")["cost"], google.month()["cost"]) == (3, 107)


def test_a_month_whose_days_have_not_changed_closes(google: Google, api: FlaskClient, org: OnboardedOrg) -> None:
    """Days that were found as they had been loaded before there was a history have no change: the copy is of today."""
    google.charge("2026-02-05", "202602", "60")
    google.read(dt.date(2026, 2, 1), dt.date(2026, 2, 28))
    google.run(f"UPDATE org_dataset.day_history SET is_changed = FALSE WHERE org_slug = '{org.org_slug}'")
    tell(api, org, number="N-1", month="2026-02", total="60")
    google.tie()
    assert google.state("202602") == ("closed", 60)


def test_empty_months_starve_no_other(google: Google, api: FlaskClient, org: OnboardedOrg) -> None:
    """A month without rows is copied as empty, once, and three a run are: so each month has its turn."""
    google.charge("2026-05-05", "202605", "100")
    google.read(dt.date(2026, 5, 1), dt.date(2026, 8, 31))
    for _ in range(2):
        google.tie()
    assert google.copies() == {f"2026{month:02}": 1 for month in range(5, 9)}
    tell(api, org, number="S-1", month="2026-05", total="100")
    google.tie()
    assert google.state("202605") == ("closed", 100)
    (none,) = google.rows("SELECT COUNT(*) AS months FROM org_dataset.copied_months WHERE provider = 'gcp'")
    assert none["months"] == 1


def test_an_invoice_of_a_month_without_rows(google: Google, api: FlaskClient, org: OnboardedOrg) -> None:
    """It has a copy of nothing, in its currency, also if it is told after one; it ties where it bills nothing."""
    google.read(dt.date(2026, 5, 1), dt.date(2026, 5, 31))
    google.tie()
    tell(api, org, number="P-1", month="2026-05", total="100")
    google.tie()
    month = google.month("202605")
    assert (month["status"], month["cost"], month["residual"], month["unexplained"]) == ("provisional", 0, 100, 100)
    tell(api, org, number="P-1", month="2026-05", total="0")
    google.tie()
    assert google.state("202605") == ("closed", 0)
    assert google.changes() == []
    assert google.copies() == {"202605": 2}


# Months, and the day of the charge that each is billed late. With the last, more months have changed than a run copies.
STALE = {
    "a day of its own, one of two months before": {"202604": "2026-04-06", "202606": "2026-04-30"},
    "one of five months before": {"202606": "2026-01-05"},
}


@pytest.mark.parametrize("case", STALE)
def test_a_stale_copy_never_closes(google: Google, api: FlaskClient, org: OnboardedOrg, case: str) -> None:
    """A charge that comes after the copy, of whatever day, makes another copy of its month, however many months have
    changed with that day: the old sum is never closed, and nothing is told as a change that was there."""
    late = STALE[case]
    for month in late:
        google.charge(f"{month[:4]}-{month[4:]}-05", month, "60")
    google.read(dt.date.fromisoformat(min(late.values())).replace(day=1), dt.date(2026, 6, 30))
    for _ in range(2):
        google.tie()
    for month, day in late.items():
        google.charge(day, month, "5")
    google.changed(*late.values())
    google.refuses_and_closes(api, org, dict.fromkeys(late, (60, 65)))


def test_a_stale_copy_of_which_nothing_is_recorded_never_closes(
    google: Google, api: FlaskClient, org: OnboardedOrg
) -> None:
    """So does one that no run has recorded, of the month's own days and of those before: the rows are others."""
    late = {"202606": "2026-06-06", "202605": "2026-03-31", "202604": "2025-11-05"}
    for month in late:
        google.charge(f"{month[:4]}-{month[4:]}-05", month, "60")
    google.read(dt.date(2026, 4, 1), dt.date(2026, 6, 30))
    for known in (dt.date(2026, 3, 31), dt.date(2025, 11, 5)):
        google.record(known, known, NOON)
    google.tie()
    for month, day in late.items():
        google.charge(day, month, "5")
    google.refuses_and_closes(api, org, dict.fromkeys(late, (60, 65)))


def test_a_month_that_becomes_empty(google: Google) -> None:
    """Its next copy is of nothing; the older one does not stand."""
    google.charge("2026-08-05", "202608", "50")
    google.read(dt.date(2026, 8, 1), dt.date(2026, 8, 31))
    google.tie()
    assert google.state("202608") == ("provisional", 50)
    google.run("DELETE FROM org_dataset.gcp_billing_daily_raw WHERE usage_date = '2026-08-05'")
    google.changed("2026-08-05")
    google.tie()
    assert google.state("202608") == ("provisional", 0)


def test_a_currency_that_comes_after_the_close(google: Google, api: FlaskClient, org: OnboardedOrg) -> None:
    """It is copied and closed by itself, and is no change of what was closed."""
    google.charge("2026-07-05", "202607", "70")
    google.read(dt.date(2026, 7, 1), dt.date(2026, 7, 31))
    tell(api, org, number="C-1", month="2026-07", total="70")
    google.tie()
    google.charge("2026-07-05", "202607", "9", currency="EUR")
    google.changed("2026-07-05")
    assert google.changes() == []
    tell(api, org, number="C-2", month="2026-07", total="9", currency="EUR")
    google.tie()
    months = google.months()
    assert [state(months["202607", currency]) for currency in ("USD", "EUR")] == [("closed", 70), ("closed", 9)]


def test_runs_at_once_close_once(google: Google, local: Local, api: FlaskClient, org: OnboardedOrg) -> None:
    """Of runs that find a month to close at once, one closes it; so no later one can be taken for the first."""
    google.charge("2026-03-05", "202603", "60")
    google.read(dt.date(2026, 3, 1), dt.date(2026, 3, 31))
    google.tie()
    tell(api, org, number="T-1", month="2026-03", total="60")
    runs = [billing_run(org, YESTERDAY, generation=next(NUMBERS)) for _ in range(3)]
    threads = [threading.Thread(target=tie, args=(local, run)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    closed = google.rows(
        "SELECT run_id, SUM(cost) AS cost FROM org_dataset.month_closes WHERE status = 'closed' GROUP BY 1"
    )
    assert [each["cost"] for each in closed] == [60]


def test_a_run_that_ended_before_the_close(google: Google, local: Local, api: FlaskClient, org: OnboardedOrg) -> None:
    """The same run tried again copies nothing a second time, and closes."""
    google.charge("2026-03-05", "202603", "60")
    google.read(dt.date(2026, 3, 1), dt.date(2026, 3, 31))
    run = billing_run(org, YESTERDAY, generation=next(NUMBERS))
    tie(local, run)
    assert google.state("202603") == ("provisional", 60)
    tell(api, org, number="E-1", month="2026-03", total="60")
    google.run(
        "INSERT INTO org_dataset.invoices SELECT * FROM organizations.org_invoices AS told "
        f"WHERE told.org_slug = '{org.org_slug}' AND told.number = 'E-1' AND told.total = 60 "
        "AND told.entry_id NOT IN (SELECT entry_id FROM org_dataset.invoices)"
    )
    tie(local, run)
    assert google.state("202603") == ("closed", 60)
    assert google.copies() == {"202603": 1}


def tie_and_exit(settings: Settings, run: Run, now: dt.datetime) -> None:
    """What a container does for months after its load, in a process of its own."""
    tie_months(OrgDay(run, run.org_slug, open_warehouse(settings)), lambda: now, lambda: None)
    os._exit(0)


@pytest.mark.parametrize(
    ("number", "statement", "left"),
    [(1, "invoices_{run_id}", {}), (2, "copy_{month}_{run_id}", {"provisional": 1}),
     (3, "close_{slug}_gcp_{month}_USD_1", {"provisional": 1, "closed": 1})],
    ids=["carried", "copied", "closed"],
)  # fmt: skip
def test_killed_between_two_statements(
    google: Google,
    local: Local,
    api: FlaskClient,
    org: OnboardedOrg,
    number: int,
    statement: str,
    left: dict[str, int],
) -> None:
    """A container that is killed once BigQuery has taken the invoices, the copy or the close leaves that, and the next
    run does the rest: each invoice is carried once, and the month is closed once, whole."""
    first = dt.date(2025, number, 1)  # a month that nothing else has closed: so the third statement is the close
    google.charge(f"{first}", f"{first:%Y%m}", "60")
    google.charge(f"{first}", f"{first:%Y%m}", "-2", "adjustment")
    google.read(first, first + dt.timedelta(days=monthrange(first.year, number)[1] - 1))
    tell(api, org, number="K-1", month=f"{first:%Y-%m}", total="58")
    run = billing_run(org, YESTERDAY, generation=next(NUMBERS))
    with closing(Doorman(local.settings.bigquery_endpoint)) as door, started_processes() as start:
        victim: list[BaseProcess] = []
        at_statement(door, number, lambda: os.kill(victim[0].pid or 0, signal.SIGKILL))
        settings = local.settings.model_copy(update={"bigquery_endpoint": door.url})
        victim.append(start(tie_and_exit, settings, run, local.clock()))
        victim[0].join(60)
        assert victim[0].exitcode == -signal.SIGKILL
    job_id = statement.format(run_id=run.run_id, month=f"{first:%Y%m}", slug=org.org_slug)
    local.warehouse.wait_for(local.warehouse.taken_job(job_id), lambda: None)
    assert google.statuses() == left
    carried = (
        f"SELECT COUNT(*) AS told FROM org_dataset.invoices WHERE number = 'K-1' AND invoice_month = '{first:%Y%m}'"
    )
    assert google.rows(carried) == [{"told": 1}]
    for _ in range(2):
        google.tie()
    assert google.rows(carried) == [{"told": 1}]
    assert google.statuses() == {"provisional": 1, "closed": 1}
    assert google.state(f"{first:%Y%m}") == ("closed", 58)


def at_statement(door: Doorman, number: int, act: Callable[[], None]) -> None:
    """Does `act` when BigQuery has taken the n-th statement that changes something, before its answer."""
    door.at_first("/jobs", "after", act if number == 1 else lambda: at_statement(door, number - 1, act))


def test_a_backfill_copies_nothing(google: Google, local: Local, org: OnboardedOrg) -> None:
    """Each of its runs changes a month; the run of yesterday copies what they have changed, once."""
    google.charge("2026-09-05", "202609", "60")
    google.read(dt.date(2026, 9, 1), dt.date(2026, 10, 31))
    google.tie()
    assert google.copies() == {"202609": 1, "202610": 1}
    for day in range(1, 8):
        google.changed(f"2026-09-{day:02}")
        wanted = {"generation": next(NUMBERS), "trigger_type": TriggerType.BACKFILL}
        tie(local, billing_run(org, dt.date(2026, 9, day), **wanted))
    assert google.copies() == {"202609": 1, "202610": 1}
    google.tie()
    assert google.copies() == {"202609": 2, "202610": 2}


def test_which_copies_may_close(books: Books, local: Local) -> None:
    """One that is as new as its days, while all of them are final."""

    def months() -> list[str]:
        wanted = {"org_slug": books.slug, "provider": books.provider}
        books.write()
        return [each["invoice_month"] for each in local.warehouse.rows("months_to_close", books.slug, **wanted)]

    books.copy("202602", Usage="100")
    books.invoice("202602", "100")
    for day in range(29):
        books.change(str(dt.date(2026, 2, 1) + dt.timedelta(days=day)), "2026-03-08 06:00:00 UTC", "1")
    assert months() == ["202602"]
    of_one = f"WHERE provider = '{books.provider}' AND usage_date = '2026-02-10'"
    books.run(f"UPDATE {books.slug}.day_history SET completeness = 'settling' {of_one}")
    assert months() == []
    books.run(f"UPDATE {books.slug}.day_history SET completeness = 'final' {of_one}")
    books.change("2026-02-10", "2026-03-10 06:00:00 UTC", "1")
    assert months() == []


def test_each_pipeline_must_have_loaded_a_day(books: Books) -> None:
    """A day that one of the month's pipelines has not loaded is missing, though another has."""
    for day in range(1, 29):
        books.change(f"2026-02-{day:02}", MADE, "1")
    books.change("2026-02-03", MADE, "1")
    books.run(
        f"UPDATE {books.slug}.day_history SET pipeline = 'q' WHERE provider = '{books.provider}' "
        f"AND generation = (SELECT MAX(generation) FROM {books.slug}.day_history WHERE provider = '{books.provider}')"
    )
    month = books.month(view="closable_months")
    assert (month["days_missing"], month["is_final"]) == (27, False)
