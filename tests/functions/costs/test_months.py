"""GET /costs/{org}/months: what the view of months has, by the API and on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from google.cloud.bigquery import QueryJobConfig
from werkzeug.test import TestResponse

from cloudact import clients
from functions.composition import compose
from functions.routes import public_app
from localcloud.onboarding import OnboardedOrg
from tests.cli.conftest import Shell
from tests.conftest import Local
from tests.functions.costs.charges import Charge, org_with_costs
from tests.functions.costs.conftest import Watched
from tests.infra.test_months import Books
from tests.served import served

ALIKE = (
    "provider", "currency", "status", "invoices", "days_missing", "days_not_final", "checksum", "unexplained_reason",
)  # fmt: skip
CATEGORIES = ("usage", "purchase", "tax", "credit", "adjustment")


@pytest.fixture(scope="module")
def billed(session_cloud: Local, found: list[Charge]) -> OnboardedOrg:
    """An org whose October is copied, with an invoice that has more; other months are open."""
    org = org_with_costs(session_cloud, "months_api", found)
    books = Books(session_cloud, org.org_slug, "openai")
    books.copy("202610", Usage="90.123456789", Credit="-0.5")
    books.invoice("202610", "110", number="A-1", tax="10")
    books.invoice("202610", "-1", number="B-2")
    books.write()
    return org


def months(api: FlaskClient, org: OnboardedOrg, etag: str = "", **query: str) -> TestResponse:
    headers = {"X-API-Key": org.api_key, **({"If-None-Match": etag} if etag else {})}
    return api.get(f"/api/v1/costs/{org.org_slug}/months", headers=headers, query_string=query)


def told(value: Any) -> str | None:
    return None if value is None else f"{Decimal(value):f}"


def test_each_month_is_that_of_the_view(api: FlaskClient, local: Local, billed: OnboardedOrg) -> None:
    """Every month of every provider and currency, with all amounts; the newest first."""
    answer = months(api, billed, start="2026-08", end="2026-11").get_json()
    rows = local.query(
        f"SELECT * FROM {billed.org_slug}.invoice_months WHERE invoice_month BETWEEN '202608' AND '202611' "
        "ORDER BY invoice_month DESC, provider, currency"
    )
    assert (answer["start"], answer["end"], len(answer["months"])) == ("2026-08", "2026-11", len(rows))
    assert len(rows) > 6
    for month, row in zip(answer["months"], rows, strict=True):
        assert month["month"].replace("-", "") == row["invoice_month"]
        for name in ALIKE:
            assert month[name] == row[name]
        for name in (
            "cost",
            "provider_total",
            "invoice_total",
            "invoice_total_now",
            "invoice_tax",
            "residual",
            "unexplained",
        ):
            assert told(month[name]) == told(row[name].normalize() if row[name] is not None else None)
        assert month["costs"].keys() == {name for name in CATEGORIES if row[f"{name}_cost"] is not None}


def test_a_residual_has_its_parts(api: FlaskClient, billed: OnboardedOrg) -> None:
    """A copied month has amounts; an open one has a part that says why nothing is known, and no zero."""
    every = months(api, billed, start="2026-09", end="2026-10").get_json()["months"]
    (copied,) = [month for month in every if month["status"] != "open"]
    assert (copied["cost"], copied["costs"]) == ("89.623456789", {"usage": "90.123456789", "credit": "-0.5"})
    assert (copied["invoices"], copied["invoice_total"], copied["invoice_tax"]) == ("A-1, B-2", "109", None)
    assert (copied["residual"], copied["unexplained"]) == ("19.376543211", "9.376543211")
    assert copied["parts"] == [{"name": "tax_not_told", "amount": "10"}]
    for month in every:
        if month["status"] == "open":
            assert month["parts"] == [{"name": "days_missing", "amount": None}]
            assert (month["residual"], month["invoice_total"], month["unexplained"]) == (None, None, None)


def test_an_unchanged_answer_costs_no_query(watched_api: FlaskClient, door: Watched, billed: OnboardedOrg) -> None:
    """The first one is one query, the same again none, and 304 where the caller has it."""
    key = {"X-API-Key": billed.api_key}
    watched_api.get(f"/api/v1/organizations/{billed.org_slug}/api-key", headers=key)  # the key is known from now on
    door.asked()
    first = months(watched_api, billed, start="2026-10", end="2026-10")
    assert int(first.headers["X-Bytes-Processed"]) > 0
    assert door.asked()[0] == 1
    again = months(watched_api, billed, start="2026-10", end="2026-10")
    assert (again.get_json(), again.headers["X-Bytes-Processed"]) == (first.get_json(), "0")
    known = months(watched_api, billed, first.headers["ETag"], start="2026-10", end="2026-10")
    assert (known.status_code, door.asked()[0]) == (304, 0)


def test_days_of_the_asked_months_alone_are_read(api: FlaskClient, local: Local, billed: OnboardedOrg) -> None:
    """Months read the charges of their days, and of those whose charges Google may bill in them, no day more."""
    read = {}
    for start, end in (("2026-08", "2026-08"), ("2026-12", "2026-12"), ("2025-06", "2025-06"), ("2025-12", "2026-11")):
        read[start] = int(months(api, billed, start=start, end=end).headers["X-Bytes-Processed"])
    every = dry_run(local, billed, "TRUE")
    of_august = dry_run(local, billed, "usage_date BETWEEN '2026-06-30' AND '2026-09-07'")
    assert read["2025-12"] - read["2025-06"] == every
    of_december = dry_run(local, billed, "usage_date BETWEEN '2026-09-30' AND '2027-01-07'")
    assert 0 < read["2026-08"] - read["2025-06"] == of_august < every
    assert 0 < read["2026-12"] - read["2025-06"] == of_december < every


def dry_run(local: Local, org: OnboardedOrg, where: str) -> int:
    """Bytes of the org's charges of these days."""
    config = QueryJobConfig(dry_run=True, use_query_cache=False)
    sql = f"SELECT * FROM {org.org_slug}.charges WHERE {where}"
    return int(clients.bigquery(local.settings).query(sql, job_config=config).total_bytes_processed)


REFUSED = [
    ({"start": "2026-11", "end": "2026-10"}, "start"),
    ({"start": "2021-11", "end": "2026-11"}, "end"),
    ({"start": "2026-13"}, "start"),
    ({"end": "2026-10-01"}, "end"),
    ({"end": "0000-01"}, "end"),
]


@pytest.mark.parametrize(("query", "field"), REFUSED, ids=[str(each[0]) for each in REFUSED])
def test_what_is_no_month(instance: FlaskClient, billed: OnboardedOrg, query: dict[str, str], field: str) -> None:
    """400 names the parameter."""
    answer = months(instance, billed, **query)
    assert (answer.status_code, answer.get_json()["field"]) == (400, field)


def test_another_org_s_months_are_not_told(api: FlaskClient, billed: OnboardedOrg, other_org: OnboardedOrg) -> None:
    """A key opens its own org, and an org without an invoice has none of another's."""
    path = f"/api/v1/costs/{billed.org_slug}/months"
    assert api.get(path, headers={"X-API-Key": other_org.api_key}).status_code == 403
    assert {month["invoices"] for month in months(api, other_org).get_json()["months"]} <= {None}


@pytest.fixture(scope="module")
def shell(session_cloud: Local, billed: OnboardedOrg) -> Iterator[Shell]:
    with served(public_app(compose(session_cloud.settings, session_cloud.clock))) as url:
        yield Shell({"CLOUDACT_API_URL": url}).of(billed)


def test_a_person_reads_it(shell: Shell) -> None:
    """A line for each month says what is left, and why."""
    head, *lines = shell("months", "--since", "2026-09", "--until", "2026-10").stdout.splitlines()
    assert head.split() == ["MONTH", "OF", "STATUS", "COST", "INVOICED", "RESIDUAL", "INVOICES", "WHY"]
    (copied,) = [line for line in lines if "provisional" in line]
    assert copied.split()[:3] == ["2026-10", "openai", "USD"]
    assert copied.endswith("tax not told 10, unexplained 9.376543211")
    assert (
        "Nothing was charged or invoiced from 2020-01 to 2020-02."
        in shell("months", "--since", "2020-01", "--until", "2020-02").stdout
    )
