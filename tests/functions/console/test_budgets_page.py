"""The page *Budgets*: budgets and prepaid balances are added, changed and removed; mistakes stand at their fields."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from cloudact.budgets.balance import Balance
from cloudact.budgets.budget import Budget
from functions.composition import compose
from localcloud.onboarding import OnboardedOrg, add_member
from tests.conftest import NOON, Local, NewOrgs
from tests.functions.console.conftest import Browser, console_browser, queries
from tests.functions.console.test_pages import LARGEST_BYTES, MOST_QUERIES, Html

HOSTILE = "<b>{{7*7}}\"'&"
ALL = {
    "name": "All", "of": "", "label": "", "value": "", "currency": "USD", "amount": "30000.50",
    "first_month": "2026-10", "last_month": "", "months": "2026-12 36000\r\n2027-01 100", "was": "", "act": "save",
}  # fmt: skip
MINE = {"provider": "openai", "currency": "USD", "amount": "5000", "as_of": "2026-11-01"}


@pytest.fixture
def org(new_org: NewOrgs) -> OnboardedOrg:
    return new_org()


@pytest.fixture
def console(local: Local, org: OnboardedOrg) -> Browser:
    """A browser that the org's key has signed in."""
    local.clock.now = NOON
    return console_browser(local).sign_in(org)


def path(org: OnboardedOrg, query: str = "") -> str:
    return f"/console/{org.org_slug}/settings/budgets{query}"


def send(browser: Browser, org: OnboardedOrg, what: str = "budgets", **fields: str) -> int:
    """Sends a form of the page that was last shown, with the version that it shows. Returns the answer's status."""
    etag = re.findall(r'name="etag" value="([^"]+)"', browser.text)[-1 if what == "balances" else 0]
    return browser.send(f"/console/{org.org_slug}/settings/{what}", None, **{"etag": etag, **fields}).status_code


def saved(browser: Browser, org: OnboardedOrg, what: str = "budgets", **fields: str) -> str:
    """Words of the page after a form was taken."""
    browser.get(path(org, "?add=1"))
    assert send(browser, org, what, **fields) == 303, browser.words
    browser.follow()
    return browser.words


def stored(local: Local, org: OnboardedOrg, what: str) -> Any:
    sql = f"SELECT {what} AS text FROM organizations.org_{what} WHERE org_slug = '{org.org_slug}' ORDER BY version DESC"
    return local.query(sql)[0]["text"]


def test_a_budget_is_added_changed_and_removed(local: Local, console: Browser, org: OnboardedOrg) -> None:
    """What the form shows of a budget is that budget again; each of them keeps its place."""
    words = saved(console, org, **ALL)
    assert "The budget All is added." in words
    assert "All all costs 30,000.50 USD from 2026-10 2026-12: 36,000.00 2027-01: 100.00" in words
    saved(console, org, **ALL | {"name": "AI", "of": "provider:openai", "last_month": "2027-12", "months": ""})
    console.get(path(org, "?change=All"))
    form = console.text.partition('id="budget"')[2].partition("</form>")[0]
    kept = dict(re.findall(r'<(?:input|textarea)[^>]* name="(\w+)"[^>]* value="([^"]*)"', form))
    assert (kept["was"], kept["amount"], kept["first_month"]) == ("All", "30000.5", "2026-10")
    assert "2026-12 36000\n2027-01 100</textarea>" in console.text
    words = saved(console, org, **ALL | {"was": "All", "name": "Everything", "months": ""})
    assert "The budget Everything is changed." in words
    assert words.index("Everything all costs") < words.index("AI OpenAI")
    assert "The budget AI is removed." in saved(console, org, **ALL | {"was": "AI", "act": "remove"})
    assert stored(local, org, "budgets") == (
        '[{"name":"Everything","currency":"USD","amount":"30000.5","first_month":"2026-10","version":3}]'
    )


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"name": ""}, "name", "This must have at least 1 character."),
        ({"currency": "usd"}, "currency", "A currency has three capital letters, such as USD."),
        ({"amount": "1,000"}, "amount", "This must be an amount such as 1234.56"),
        ({"amount": "0"}, "amount", "This must be more than 0."),
        ({"first_month": "11/2026"}, "first_month", "A month is written such as 2026-11."),
        ({"last_month": "2026-01"}, "last_month", "This must not have last_month before first_month."),
        ({"months": "2026-12"}, "months", "This needs a month and its amount in each line"),
        ({"months": "2026-09 1"}, "months", "This must have months from first_month to last_month."),
        ({"of": "label", "label": "Team"}, "label", "A label has small letters"),
    ],
)
def test_a_mistake_is_told_at_its_field(
    reader: tuple[Browser, OnboardedOrg], fields: dict[str, str], field: str, words: str
) -> None:
    """The form comes back with what was typed, the sentence stands at the field, and nothing is recorded."""
    console, org = reader
    console.get(path(org))
    assert send(console, org, **ALL | fields) == 400
    assert words in console.words
    marked = [each["id"] for each in Html(console.text).all("input", "select", "textarea") if each.get("aria-invalid")]
    assert marked == [f"budget-{field}"]
    assert 'value="30000.50"' in console.text or "amount" in fields
    assert "There are no budgets." in console.words


def test_what_the_api_refuses_is_said(console: Browser, org: OnboardedOrg) -> None:
    """A label or provider that there is not, a name that is taken, a balance of tomorrow: each in its own words."""
    saved(console, org, **ALL)
    for fields, words in (
        ({"name": "Team", "of": "label", "label": "team", "value": "a"}, "names the label team, and the organization"),
        ({"name": "X", "of": "provider:nobody"}, "which must be one of anthropic, gcp, openai"),
        ({"name": "All"}, "There is another budget of this name."),
    ):
        console.get(path(org, "?add=1"))
        assert send(console, org, **ALL | fields) == 400
        assert words in console.words
    assert send(console, org, "balances", **MINE | {"as_of": "2026-11-13"}) == 400
    assert "which must not be after today" in console.words


def test_what_somebody_else_has_saved_is_not_overwritten(local: Local, console: Browser, org: OnboardedOrg) -> None:
    """The form that is older is refused and keeps what was typed; sent again, it is added to what was saved."""
    console.get(path(org, "?add=1"))
    other = console_browser(local).sign_in(org)
    saved(other, org, **ALL)
    mine = ALL | {"name": "Mine"}
    assert send(console, org, **mine) == 412
    assert "The budgets have been changed meanwhile" in console.words
    assert 'value="Mine"' in console.text
    assert "All all costs" in console.words
    assert send(console, org, **mine) == 303
    console.follow()
    assert "Mine all costs" in console.words
    saved(other, org, **ALL | {"was": "Mine", "act": "remove"})
    assert send(console, org, **mine | {"was": "Mine", "amount": "7"}) == 412
    assert "This budget is not there any more" in console.words


def test_a_balance_is_added_and_removed(local: Local, console: Browser, org: OnboardedOrg) -> None:
    """Of a provider and currency the latest counts; the same day again replaces what was said of it."""
    saved(console, org, "balances", **MINE)
    saved(console, org, "balances", **MINE | {"amount": "4000"})
    words = saved(console, org, "balances", **MINE | {"as_of": "2026-11-09", "amount": "90.5"})
    assert "OpenAI 90.50 USD 2026-11-09 yes Remove OpenAI 4,000.00 USD 2026-11-01 no Remove" in words
    console.get(path(org))
    assert send(console, org, "balances", **MINE | {"amount": "much"}) == 400
    assert "This must be an amount such as 1234.56" in console.words
    words = saved(console, org, "balances", remove="openai USD 2026-11-09")
    assert "2026-11-09 yes" not in words
    assert stored(local, org, "balances") == (
        '[{"provider":"openai","currency":"USD","amount":"4000","as_of":"2026-11-01"}]'
    )


def test_who_may_change_them(local: Local, console: Browser, org: OnboardedOrg) -> None:
    """A member reads both and is offered no form; sending one is refused."""
    saved(console, org, **ALL)
    add_member(local.settings, org.org_slug, f"reader-{org.org_slug}", "member")
    member = console_browser(local, console_demo_user=f"reader-{org.org_slug}")
    member.get("/console/sign-in")
    member.send("/console/sign-in/demo")
    member.get(path(org, "?add=1"))
    assert "Owners and admins change budgets and balances." in member.words
    assert "All all costs 30,000.50 USD" in member.words
    assert not re.search(r'action="[^"]*(budgets|balances)', member.text)
    for what in ("budgets", "balances"):
        member.get(path(org))
        answer = member.send(f"/console/{org.org_slug}/settings/{what}", None, **ALL, etag="x")
        assert answer.status_code == 403


def test_hostile_names_are_names(console: Browser, org: OnboardedOrg) -> None:
    """Markup in a budget's name is shown as it was written, and its link leads to it."""
    words = saved(console, org, **ALL | {"name": HOSTILE})
    assert f"{HOSTILE} all costs" in words
    link = re.search(r'href="([^"]+change=[^"]+)"', console.text)
    assert link
    console.get(link[1])
    assert f"Change {HOSTILE}" in console.words
    console.get(f"/console/{org.org_slug}")
    assert not Html(console.text).all("b")[2:]


def test_the_page_is_small_and_asks_little(local: Local, console: Browser, org: OnboardedOrg) -> None:
    """With as many budgets and balances as there may be it has at most 60 kB, and costs two queries."""
    plans = compose(local.settings, local.clock).costs.plans
    months = [{"month": f"{2026 + n // 12}-{n % 12 + 1:02}", "amount": "2"} for n in range(60)]
    first = {"currency": "USD", "amount": "1", "first_month": "2026-01", "months": months}
    budgets = tuple(Budget.model_validate(first | {"name": f"{'x' * 60} {n}"}) for n in range(50))
    plans.budgets.add(org.org_slug, budgets, plans.budgets.newest(org.org_slug), "a test")
    days = (NOON.date() - timedelta(days=n) for n in range(200))
    balances = tuple(Balance.model_validate(MINE | {"as_of": day.isoformat()}) for day in days)
    plans.balances.add(org.org_slug, balances, plans.balances.newest(org.org_slug), "a test")
    console.get(path(org))
    with queries(local) as asked:
        console.get(path(org, "?add=1"))
    assert asked[0] == MOST_QUERIES
    assert len(console.text.encode()) <= LARGEST_BYTES
    assert "150 older ones have no room here." in console.words
    assert "from 2026-01 2026-01: 2.00 2026-02: 2.00 and 58 more months" in console.words
    labelled = {each.get("for") for each in Html(console.text).all("label")}
    fields = Html(console.text).all("input", "select", "textarea")
    assert all(each.get("type") == "hidden" or each["id"] in labelled for each in fields)
