"""The page *Timeline*: words and links of each kind, filters in the address, and what an empty list says."""

import re
from typing import Any

import pytest

from functions.console.timeline_lines import line_of
from functions.orgs.timeline import TimelineEntry, TimelineEvent
from functions.orgs.timeline_pages import TimelineKind
from localcloud.onboarding import OnboardedOrg
from tests.conftest import NOON, Local, NewOrgs
from tests.functions.console.conftest import Browser, console_browser
from tests.functions.test_timeline import ALL, org

__all__ = ["org"]


OLDEST = "MjAyNi0wMS0wMVQwMDowMDowMCswMDowMCB4"  # the first moment of 2026


@pytest.fixture
def signed_in(local: Local, org: OnboardedOrg) -> Browser:
    return console_browser(local).sign_in(org)


def show(browser: Browser, org: OnboardedOrg, query: str = "") -> str:
    """Words of the page."""
    assert browser.get(f"/console/{org.org_slug}/timeline{query}").status_code == 200
    return browser.words.replace("\u00a0", " ")


def links(browser: Browser) -> list[str]:
    """Where the lines of the list lead."""
    return [each.replace("&amp;", "&") for each in re.findall(r'<th scope="row"><a href="([^"]+)"', browser.text)]


def counts(browser: Browser) -> list[tuple[str, int]]:
    return [(kind, int(number)) for kind, number in re.findall(r'id="kind-(\w+)"[^>]*>[^<]*<b>(\d+)</b>', browser.text)]


def test_each_kind_is_told_in_words(signed_in: Browser, org: OnboardedOrg) -> None:
    """A line says what happened, in which state, and leads to the run, the day or the settings."""
    words = show(signed_in, org)
    for told in (
        "Failed gcp_billing · 2026-11-10 by API key · credential_rejected Run 60 min ago",
        "Used up The day's quota is used up 6 of 6 runs of 2026-11-12 Quota",
        "Succeeded gcp_billing · 2026-11-05 no. 2 · +2 rows, +3.71 USD, late rows Restatement",
        "Does not work INVENTED: The provider does not accept the credential any more",
        "Revoked API key revoked",
        "Given up gcp_billing · 2 dates, 2026-09-01 to 2026-09-02 Failed for a week",
        "Spent Budget <b>all</b>: 80 % is spent 810.00 of 1,000.00 USD in 2026-11 Budget",
    ):
        assert told in words, told
    assert "<b>all</b>" not in signed_in.text
    base = f"/console/{org.org_slug}"
    found = links(signed_in)
    assert found[0].startswith(f"{base}/runs/")
    assert found[1] == f"{base}/runs?from=2026-11-12&to=2026-11-12"
    assert {f"{base}/settings/keys", f"{base}/settings#"} <= {*found}
    assert len(found) == len(ALL)


def test_budgets_are_told_with_their_amounts() -> None:
    """What is spent, or expected, of a budget in its month; an event that is not known yet has its own words."""
    cost = {"currency": "USD", "budget": "1000", "spent": "812.5", "forecast": {"amount": "1100"}}
    data: dict[str, Any] = {"budget": {"name": "all"}, "month": "2026-11", "threshold": 80, "cost": cost}
    balance = {"currency": "USD", "amount": "500", "left": "61.5"}
    low = {"provider": "openai", "days_left": 6, "balance": balance, "ends": {"runs_out_on": "2026-11-18"}}
    told = []
    for kind, of in {
        "budget_threshold": data,
        "budget_forecast": data,
        "balance_low": low,
        "budget_new": {"x": 1},
    }.items():
        event = TimelineEvent(type=kind, data=of)
        entry = TimelineEntry(id="e", at=NOON, kind=TimelineKind.BUDGET, run=None, credential=None, event=event)
        line = line_of(entry, "acme", {}, {"openai": "OpenAI"})
        told.append(tuple(text.replace("\u00a0", " ") for text in (line.told.words, line.told.detail)))
    assert told == [
        ("Budget all: 80 % is spent", "812.50 of 1,000.00 USD in 2026-11"),
        ("Budget all will be passed", "1,100.00 expected of 1,000.00 USD in 2026-11"),
        ("Balance of OpenAI: 6 days left", "61.50 of 500.00 USD left, until 2026-11-18"),
        ("Budget new", "x: 1"),
    ]


def test_an_anomaly_is_told_by_names() -> None:
    """Providers have the names that they have everywhere, and what the event itself names has that name."""
    key = {"provider": "gcp", "service": "S1", "sub_account": "p-1"}
    data: dict[str, Any] = {
        "of": {"layer": "sub_account", "key": key, "names": {"sub_account": "Search"}},
        "since": "2026-11-10", "cost": {"currency": "USD", "amount": "9", "expected": "1"},
    }  # fmt: skip
    event = TimelineEvent(type="cost_anomaly", data=data)
    entry = TimelineEntry(id="e", at=NOON, kind=TimelineKind.ANOMALY, run=None, credential=None, event=event)
    assert line_of(entry, "acme", {}, {"gcp": "Google Cloud"}).told.words == "Costs of Google Cloud · S1 · Search"


def test_kinds_are_links_with_their_numbers(signed_in: Browser, org: OnboardedOrg) -> None:
    """Each kind has its number on the days of the list, whatever kind is shown; one kind may be left out."""
    everything = [
        ("all", 15),
        ("run", 1),
        ("restatement", 1),
        ("given_up", 1),
        ("credential", 9),
        ("quota", 1),
        ("budget", 1),
        ("anomaly", 1),
    ]
    show(signed_in, org, "?kind=-credential")
    assert counts(signed_in) == everything
    assert len(links(signed_in)) == 6
    show(signed_in, org, "?kind=given_up")
    (path,) = links(signed_in)
    assert path.endswith("/runs?status=FAILED&pipeline=gcp_billing&from=2026-11-12&to=2026-11-12")
    assert signed_in.get(path).status_code == 200
    assert "gcp_billing" in signed_in.words
    show(signed_in, org, "?kind=-credential")
    assert f'href="/console/{org.org_slug}/timeline?kind=quota"' in signed_in.text
    show(signed_in, org, "?from=2026-11-12")
    assert dict(counts(signed_in))["credential"] == 1


def test_an_empty_list_names_the_filter(signed_in: Browser, org: OnboardedOrg, local: Local, new_org: NewOrgs) -> None:
    """The filter that hides everything is named, with a link to the list without it; without any nothing happened."""
    words = show(signed_in, org, "?kind=run&to=2026-11-11")
    assert "The filter kind: Runs hides all that the others let through." in words
    assert "The filter until: 2026-11-11 hides all that the others let through." in words
    assert f'href="/console/{org.org_slug}/timeline?kind=run"' in signed_in.text
    assert "More than one filter hides everything." in show(signed_in, org, "?from=2026-11-13&to=2026-01-01")
    other = new_org()
    assert "Nothing has happened yet." in show(console_browser(local).sign_in(other), other)


def test_pages_follow_each_other(signed_in: Browser, org: OnboardedOrg, local: Local) -> None:
    """A link leads to what is older, and back to the newest; no entry is shown twice or left out."""
    rows = [
        {
            "occurred_on": "2026-11-01", "org_slug": org.org_slug, "event_id": f"e{number:02}", "event": "quota_near",
            "occurred_at": "2026-11-01T00:00:00+00:00", "data": "{}", "recorded_at": "2026-11-01T00:00:00+00:00",
            "delivery": "none",
        }
        for number in range(40)
    ]  # fmt: skip
    local.warehouse.append("org_events", rows, [f"{org.org_slug}/{row['event_id']}" for row in rows])
    path, pages = f"/console/{org.org_slug}/timeline", list[int]()
    while path:
        signed_in.get(path)
        pages.append(len(links(signed_in)))
        older = re.search(r'<a id="older" href="([^"]+)"', signed_in.text)
        path = older[1].replace("&amp;", "&") if older else ""
    assert pages == [25, 25, 5]
    signed_in.get(f"/console/{org.org_slug}/timeline?after={OLDEST}")
    assert "Nothing is older. Newest" in signed_in.words
    assert "Newest</a>" in signed_in.text


def test_another_org_s_timeline(local: Local, org: OnboardedOrg, new_org: NewOrgs) -> None:
    """Whoever is signed in for another org is refused, and a filter that is none is said."""
    browser = console_browser(local).sign_in(new_org())
    assert browser.get(f"/console/{org.org_slug}/timeline").status_code == 403
    assert "gcp_billing" not in browser.words
    own = console_browser(local).sign_in(org)
    assert own.get(f"/console/{org.org_slug}/timeline?kind=x").status_code == 400
