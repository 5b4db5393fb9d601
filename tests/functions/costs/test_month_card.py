"""The overview's costs: the month to date by provider, the same days of the month before, and what moved most."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from functions.console.cost_words import amount, difference, percent_more
from functions.console.month_card import Months
from functions.costs.question import Days
from localcloud.onboarding import OnboardedOrg
from tests.conftest import NOON, Local, NewOrgs
from tests.functions.console.conftest import Browser, console_browser, queries
from tests.functions.console.test_pages import LARGEST_BYTES, MOST_QUERIES, Html
from tests.functions.costs.conftest import Get

NOVEMBER = {"start": "2026-11-01", "end": "2026-11-11", "granularity": "month", "limit": "500"}
OCTOBER = {"start": "2026-10-01", "end": "2026-10-11", "granularity": "month", "limit": "500"}


@pytest.fixture(scope="module")
def console(session_cloud: Local, org: OnboardedOrg) -> Browser:
    """A browser that the org's key has signed in, on the overview."""
    session_cloud.clock.now = NOON
    browser = console_browser(session_cloud).sign_in(org)
    assert browser.get(f"/console/{org.org_slug}").status_code == 200
    return browser


def rows(text: str, caption: str) -> list[list[str]]:
    """Words of the cells of the card's tables with this caption, one currency after the other."""
    tables = re.findall(rf"<caption>{caption}.*?<tbody>(.*?)</tbody>", text, re.DOTALL)
    found = [row for table in tables for row in re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)]
    return [[Browser.plain(cell).strip() for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)] for row in found]


def totals(answer: Any) -> dict[str, dict[tuple[str | None, ...], Decimal]]:
    """Sums of the API by currency and group."""
    return {
        sums["currency"]: {tuple(group["key"].values()): Decimal(group["total"]) for group in sums["groups"]}
        for sums in answer.get_json()["results"]
    }


def added(pairs: Iterable[tuple[Decimal, Decimal]]) -> tuple[Decimal, Decimal]:
    """Sums of both months."""
    new, old = zip(*pairs, strict=True)
    return sum(new, Decimal()), sum(old, Decimal())


def percent(new: Decimal, old: Decimal) -> str:
    """Words of the change, as they are read on the page."""
    return Browser.plain(percent_more(new, old))


def test_the_month_is_that_of_the_api(get: Get, console: Browser) -> None:
    """Sums of both months, of each provider and of the five that moved most are the API's for the same days."""
    now, before = (totals(get(**days, group_by="provider,service,model")) for days in (NOVEMBER, OCTOBER))
    providers, movers = [], []
    for currency in sorted(now):
        moved = {
            key: (now[currency].get(key, Decimal()), before[currency].get(key, Decimal()))
            for key in {*now[currency], *before[currency]}
        }
        new, old = added(moved.values())
        assert (
            f"{amount(new)} {currency} {difference(new, old)} ({percent(new, old)}) from {amount(old)}" in console.words
        )
        for name, provider in (("Google Cloud", "gcp"), ("OpenAI", "openai")):
            of_provider = [both for key, both in moved.items() if key[0] == provider]
            if of_provider:
                new, old = added(of_provider)
                providers.append([name, amount(new), amount(old), percent(new, old)])
        top = sorted(moved.values(), key=lambda both: -abs(both[0] - both[1]))[:5]
        movers += [[amount(new), difference(new, old), percent(new, old)] for new, old in top]
    assert sorted(rows(console.text, "By provider")) == sorted(providers)
    assert [row[1:] for row in rows(console.text, "What moved most")] == movers


def test_it_costs_the_overview_one_query(session_cloud: Local, org: OnboardedOrg) -> None:
    """An instance that knows nothing asks two queries for the page, then one until something is loaded."""
    fresh = console_browser(session_cloud).sign_in(org)
    session_cloud.clock.now = NOON
    fresh.get(f"/console/{org.org_slug}/settings/keys")  # who asks is looked up once a minute
    for most in (MOST_QUERIES, MOST_QUERIES - 1):
        with queries(session_cloud) as asked:
            fresh.get(f"/console/{org.org_slug}")
        assert asked[0] == most
    assert len(fresh.text) <= LARGEST_BYTES
    page = Html(fresh.text)
    ids = [each["id"] for _, each in page.elements if each.get("id")]
    assert len(ids) == len(set(ids))
    assert 'class="before"' in fresh.text


def test_costs_that_cannot_be_read_take_nothing_else_along(local: Local, new_org: NewOrgs) -> None:
    """Where an org's costs cannot be read the card says so, and the rest of the overview is there."""
    org = new_org()
    browser = console_browser(local).sign_in(org)
    browser.get(f"/console/{org.org_slug}")
    assert "dataset cannot be read" in browser.words
    assert "Quota of today" in browser.words


@pytest.mark.parametrize(
    ("last", "now", "before"),
    [
        ("2026-11-11", ("2026-11-01", "2026-11-11"), ("2026-10-01", "2026-10-11")),
        ("2026-11-01", ("2026-11-01", "2026-11-01"), ("2026-10-01", "2026-10-01")),
        ("2026-03-31", ("2026-03-01", "2026-03-31"), ("2026-02-01", "2026-02-28")),
        ("2027-01-15", ("2027-01-01", "2027-01-15"), ("2026-12-01", "2026-12-15")),
    ],
)
def test_the_same_days_of_the_month_before(last: str, now: tuple[str, str], before: tuple[str, str]) -> None:
    """A month up to a day has as many days before, or all of a shorter month."""
    months = Months.until(date.fromisoformat(last))
    assert months == Months(*(Days(*(date.fromisoformat(day) for day in each)) for each in (now, before)))
