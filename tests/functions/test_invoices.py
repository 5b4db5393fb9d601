"""`/organizations/{org}/invoices`: told, corrected, removed, by those who may; read from JSON and from CSV."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from localcloud.onboarding import OnboardedOrg, add_member
from tests.conftest import NOON, Local, NewOrgs
from tests.sessions import bearer

INVOICE: dict[str, Any] = {
    "number": "INV-1",
    "issuer": "openai",
    "month": "2026-10",
    "total": "1234.50",
    "currency": "USD",
}
HEADER = "number,issuer,month,total,currency,tax"


@dataclass
class Books:
    """The invoices of one org, by the API."""

    api: FlaskClient
    org: OnboardedOrg

    def call(self, method: str, **options: Any) -> TestResponse:
        options = {"headers": {"X-API-Key": self.org.api_key}} | options
        return self.api.open(f"/api/v1/organizations/{self.org.org_slug}/invoices", method=method, **options)

    def tell(self, **fields: Any) -> TestResponse:
        return self.call("POST", json=INVOICE | fields)

    def tell_csv(self, *lines: str, media_type: str = "text/csv") -> TestResponse:
        return self.call("POST", data="\r\n".join(lines).encode(), content_type=media_type)

    def listed(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("GET").get_json()["invoices"]
        return found


@pytest.fixture
def books(api: FlaskClient, new_org: NewOrgs) -> Books:
    return Books(api, new_org())


@pytest.fixture
def untold(local: Local, instance: FlaskClient, unchanged_org: OnboardedOrg) -> Books:
    """An org of whose invoices nothing is ever told: for what is refused."""
    assert local.clock.now == NOON
    return Books(instance, unchanged_org)


def outcomes(answer: TestResponse) -> list[str]:
    return [each["outcome"] for each in answer.get_json()["invoices"]]


def refusal(answer: TestResponse) -> tuple[int, str, str]:
    body = answer.get_json()
    return answer.status_code, body["code"], body["detail"]


def test_an_invoice_is_told_corrected_and_removed(local: Local, books: Books) -> None:
    """The same words again change nothing; others are a correction, and say so; every row is kept."""
    added = books.tell(tax="197.10", issued_on="2026-11-01")
    again = books.tell(total=1234.5, tax="197.100", issued_on="2026-11-01")
    corrected = books.tell(total="1234.51", credits="-5")
    told = [(each.status_code, outcomes(each)) for each in (added, again, corrected)]
    assert told == [(201, ["added"]), (200, ["unchanged"]), (200, ["corrected"])]
    (listed,) = books.listed()
    assert listed | {"outcome": "corrected"} == corrected.get_json()["invoices"][0]
    assert [listed[name] for name in ("total", "tax", "credits", "issued_on", "corrections")] == [
        "1234.51", None, "-5", None, 1,
    ]  # fmt: skip
    query = {"issuer": "openai", "number": "INV-1"}
    removed = books.call("DELETE", query_string=query)
    assert (removed.status_code, outcomes(removed), books.listed()) == (200, ["removed"], [])
    assert refusal(books.call("DELETE", query_string=query))[:2] == (404, "invoice_unknown")
    rows = local.query(
        f"SELECT total, is_void FROM organizations.org_invoices WHERE org_slug = '{books.org.org_slug}' "
        "ORDER BY recorded_at"
    )
    assert [(str(row["total"]), row["is_void"]) for row in rows] == [
        ("1234.5", False), ("1234.51", False), ("1234.51", True),
    ]  # fmt: skip
    assert (books.tell().status_code, outcomes(books.tell())) == (201, ["unchanged"])  # it counts again


def test_csv_is_all_or_nothing(books: Books) -> None:
    """Rows are those of JSON bodies, an empty field is not known; one wrong row refuses all, and is named."""
    rows = ["INV-1,openai,2026-10,100.00,USD,", "7/2026 B,gcp,2026-09,-3,EUR,-0.5"]
    wrong = books.tell_csv(HEADER, *rows, 'INV-3,openai,2026-10,"1,234.50",USD,')
    assert refusal(wrong)[:2] == (400, "field_invalid")
    assert refusal(wrong)[2].startswith("Row 4: total must be an amount")
    assert books.listed() == []
    answer = books.tell_csv("\ufeff" + HEADER, *rows, "", media_type="text/csv; charset=utf-8")
    assert (answer.status_code, answer.get_json()["message"]) == (201, "2 added.")
    assert [(each["number"], each["tax"]) for each in books.listed()] == [("INV-1", None), ("7/2026 B", "-0.5")]
    again = books.tell_csv(HEADER, *rows, "INV-9,openai,2026-10,1,USD,")
    assert (again.status_code, again.get_json()["message"]) == (201, "1 added, 2 unchanged.")


ROW = "INV-1,openai,2026-10,100.00,USD,"


@pytest.mark.parametrize(
    ("lines", "code", "detail"),
    [
        ([HEADER, "=HYPERLINK(1),openai,2026-10,1,USD,"], "field_invalid", "Row 2: number must be 1 to 100"),
        ([HEADER, ROW, "+1,openai,2026-10,1,USD,"], "field_invalid", "Row 3: number must be"),
        ([HEADER, "INV-1,openai,2026-10,=1+1,USD,"], "field_invalid", "Row 2: total must be an amount"),
        ([HEADER, "INV-1,openai,2026-13,1,USD,"], "field_invalid", "Row 2: month must be a month"),
        ([HEADER, "INV-1,openai,2027-01,1,USD,"], "field_invalid", "Row 2: month must not lie in the future"),
        ([HEADER, "INV-1,azure,2026-10,1,USD,"], "field_invalid", "Row 2: issuer must be one of gcp, openai,"),
        ([HEADER, "INV-1,openai,2026-10,,USD,"], "field_missing", "Row 2: total is required"),
        ([HEADER, ROW, ROW], "field_invalid", "Row 3: number INV-1 stands twice"),
        ([HEADER, ROW + ",x"], "body_invalid", "Row 2 has 7 fields, and the header 6"),
        (["number,issuer,month,total,currency,colour", ROW], "field_unknown", "The header row has a column"),
        (["number,issuer,month,total", "a"], "field_missing", "The header row lacks currency"),
        (["number,number,issuer,month,total,currency", "a"], "field_unknown",
         "The header row has a column that is not known or stands twice: 'number'."),
        ([HEADER, "INV\0-1,openai,2026-10,1,USD,"], "body_invalid", "The body holds a NUL character"),
        ([HEADER, "INV-1,openai,2026-10,1,USD,2"], "field_invalid", "Row 2: tax must lie between 0 and 1"),
        ([HEADER, '"INV-1,openai'], "body_invalid", "The body is not CSV"),
        ([HEADER], "body_invalid", "The body has no row"),
        ([HEADER, *[ROW] * 1001], "body_invalid", "The body has more than 1000 rows"),
    ],
)  # fmt: skip
def test_csv_that_is_refused(untold: Books, lines: list[str], code: str, detail: str) -> None:
    """A row is named by its number, the header being 1; what a spreadsheet would compute is no value of any field."""
    answer = refusal(untold.tell_csv(*lines))
    assert answer[:2] == (400, code)
    assert answer[2].startswith(detail)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"number": "@SUM(A1)"}, "number"),
        ({"total": "1e3"}, "total"),
        ({"total": True}, "total"),
        ({"total": None}, "total"),
        ({"total": "NaN"}, "total"),
        ({"total": "0.0000000001"}, "total"),
        ({"currency": "usd"}, "currency"),
        ({"credits": "5"}, "credits"),
        ({"priority_tier": "-1"}, "priority_tier"),
        ({"issued_on": "01.11.2026"}, "issued_on"),
        ({"issued_on": "2026-09-30"}, "issued_on"),
        ({"issued_on": "2026-11-14"}, "issued_on"),
        ({"issued_on": "9999-12-31"}, "issued_on"),
        ({"tax": "1234.51"}, "tax"),
        ({"tax": "-1"}, "tax"),
        ({"total": "-10", "tax": "1"}, "tax"),
        ({"total": "-10", "tax": "-11"}, "tax"),
        ({"total": "0", "tax": "19"}, "tax"),
        ({"total": 123456789012345.678}, "total"),
        ({"total": 1234567890123456}, "total"),
    ],
)
def test_a_field_that_is_refused(untold: Books, fields: dict[str, Any], named: str) -> None:
    """What is no plain amount, month or name is refused by name."""
    answer = untold.tell(**fields)
    assert (answer.status_code, answer.get_json()["field"]) == (400, named)


AT_A_LIMIT: list[dict[str, Any]] = [
    {"issued_on": "2026-10-01"},
    {"issued_on": "2026-11-13"},
    {"tax": "1234.50"},
    {"total": "-10", "tax": "-10"},
    {"total": "0", "tax": "19", "credits": "-119"},
    {"total": "1234567890123456.78"},
    {"total": 123456789012.345},
]


def test_a_field_at_its_limit(books: Books) -> None:
    """An invoice may come in its month and be of tomorrow; credits may leave less to pay than the tax."""
    for number, fields in enumerate(AT_A_LIMIT):
        assert books.tell(number=f"INV-{number}", **fields).status_code == 201, fields


def test_zero_has_no_sign(books: Books) -> None:
    """A zero below zero is zero."""
    (told,) = books.tell(total="-0.00", tax="-0").get_json()["invoices"]
    assert (told["total"], told["tax"]) == ("0", "0")


def test_a_number_is_one_however_it_is_typed(books: Books) -> None:
    """Capitals and spaces at the end make no other invoice: it is corrected, twice in a file, and removed."""
    books.tell()
    assert outcomes(books.tell(number="inv-1 ")) == ["corrected"]
    twice = refusal(books.tell_csv(HEADER, ROW, ROW.replace("INV-1", "inv-1 ")))
    assert twice == (400, "field_invalid", "Row 3: number inv-1 stands twice.")
    assert [each["number"] for each in books.listed()] == ["inv-1"]
    removed = books.call("DELETE", query_string={"issuer": "openai", "number": "INV-1 "})
    assert (removed.status_code, books.listed()) == (200, [])


def test_removals_are_no_corrections(books: Books) -> None:
    """Corrections count what was told again otherwise, not that it was taken away."""
    books.tell()
    books.tell(total="2")
    removed = books.call("DELETE", query_string={"issuer": "openai", "number": "INV-1"}).get_json()["invoices"]
    again = books.tell(total="3").get_json()["invoices"]
    assert [each["corrections"] for each in removed + again + books.listed()] == [1, 2, 2]


def test_other_bodies(books: Books) -> None:
    """A body of another type, and one that is too large, is refused whole."""
    json_or_csv = "The body must be JSON (Content-Type: application/json) or CSV (text/csv)."
    assert refusal(books.tell_csv(HEADER, media_type="text/plain")) == (415, "body_not_json", json_or_csv)
    other = books.tell_csv(HEADER, ROW, media_type="text/csv; charset=windows-1252")
    assert refusal(other) == (415, "body_not_json", "CSV must be in UTF-8.")
    body = books.api.get("/openapi.json").get_json()["paths"]["/api/v1/organizations/{org}/invoices"]["post"]
    assert (body["requestBody"]["required"], {*body["requestBody"]["content"]}) == (
        True, {"application/json", "text/csv"},
    )  # fmt: skip
    query = refusal(books.call("GET", query_string={"x": "1"}))
    assert query == (400, "field_unknown", "Unknown field 'x'. Allowed: none.")
    assert refusal(books.tell_csv(HEADER, "x" * 300_000))[:2] == (413, "body_too_large")


@pytest.fixture
def people(local: Local, books: Books) -> Iterator[Callable[[str], dict[str, str]]]:
    def of(role: str) -> dict[str, str]:
        user = f"{role}-{books.org.org_slug}"
        add_member(local.settings, books.org.org_slug, user, role)
        return bearer(local, user)

    return of  # type: ignore[return-value]


def test_who_may(books: Books, people: Callable[[str], dict[str, str]], new_org: NewOrgs) -> None:
    """Members look, owners and admins change; another org's key does neither, and sees nothing of it."""
    member, admin, other = people("member"), people("admin"), {"X-API-Key": new_org().api_key}
    removal = {"query_string": {"issuer": "openai", "number": "INV-1"}}
    assert refusal(books.call("POST", headers=member, json=INVOICE))[:2] == (403, "role_required")
    assert books.call("POST", headers=admin, json=INVOICE).status_code == 201
    assert refusal(books.call("DELETE", headers=member, **removal))[:2] == (403, "role_required")
    assert [each["number"] for each in books.call("GET", headers=member).get_json()["invoices"]] == ["INV-1"]
    for method, options in (("GET", {}), ("POST", {"json": INVOICE}), ("DELETE", removal)):
        assert refusal(books.call(method, headers=other, **options))[:2] == (403, "org_forbidden")
    mine = Books(books.api, new_org())
    mine.tell(total="1")
    assert [each["total"] for each in books.listed()] == ["1234.5"]
