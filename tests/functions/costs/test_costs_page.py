"""The console's page *Costs*: the API's numbers for the same question, in words, pictures and a file."""

from __future__ import annotations

import gzip
import html
import itertools
import json
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest

from cloudact.costs.labels import labels_of
from functions.composition import compose
from functions.console.cost_words import amount
from functions.console.pages import HEADERS
from functions.costs.stored_labels import StoredLabels
from localcloud.onboarding import OnboardedOrg
from tests.conftest import NOON, Local
from tests.functions.console.conftest import Browser, console_browser, queries
from tests.functions.console.test_pages import LARGEST_BYTES, MOST_QUERIES, MOST_REQUESTS, Html
from tests.functions.costs.charges import Charge, org_with_costs
from tests.functions.costs.conftest import Get

Query = Mapping[str, str]
OCTOBER = {"start": "2026-10-01", "end": "2026-10-31"}
QUESTIONS: tuple[Query, ...] = (
    {},
    OCTOBER | {"group_by": "provider", "compare": "previous_period"},
    OCTOBER | {"group_by": "sub_account,service", "granularity": "week", "limit": "2"},
    {"start": "2026-09-01", "end": "2026-11-11", "granularity": "month", "group_by": "tag:team", "provider": "gcp"},
    OCTOBER | {"granularity": "month", "basis": "invoice_month", "group_by": "region", "compare": "previous_period"},
    OCTOBER | {"metric": "consumed", "group_by": "model", "not_model": "gpt-6"},
    OCTOBER | {"group_by": "model", "model": "", "compare": "previous_period"},
)
HOSTILE = "</title><img src=x onerror=alert(1)>\"'{{7*7}}"


@pytest.fixture(scope="module")
def console(session_cloud: Local, org: OnboardedOrg) -> Browser:
    """A browser that the org's key has signed in."""
    session_cloud.clock.now = NOON
    return console_browser(session_cloud).sign_in(org)


def path_of(org: OnboardedOrg, query: Query | None = None, part: str = "") -> str:
    return f"/console/{org.org_slug}/costs{part}" + (f"?{urlencode(query)}" if query else "")


def sections(text: str) -> list[str]:
    """HTML of each currency or unit."""
    return re.findall(r'<section class="card stack costs">.*?</section>', text, re.DOTALL)


def table(section: str, kind: str) -> list[list[str]]:
    """Words of the cells of a table's body."""
    body = re.search(rf'<table class="{kind}[ "].*?<tbody>(.*?)</tbody>', section, re.DOTALL)
    rows = re.findall(r"<tr>(.*?)</tr>", body[1], re.DOTALL) if body else []
    return [[Browser.plain(cell).strip() for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)] for row in rows]


def exact(section: str) -> list[str]:
    """Exact numbers of a section: the sum, and that of each group."""
    return re.findall(r'<data value="([^"]+)"', section)


@pytest.mark.parametrize("query", QUESTIONS, ids=str)
def test_its_numbers_are_those_of_the_api(get: Get, console: Browser, org: OnboardedOrg, query: Query) -> None:
    """Each sum is exactly the API's, and each amount by period is the API's in words, for the same query string."""
    told = get(**query).get_json()
    assert console.get(path_of(org, query)).status_code == 200
    shown = sections(console.text)
    assert len(shown) == len(told["results"]) > 0
    for section, sums in zip(shown, told["results"], strict=True):
        assert exact(section) == [sums["total"], *(group["total"] for group in sums["groups"])]

        def words(text: str, quantity: bool = sums["currency"] is None) -> str:
            return amount(Decimal(text), is_quantity=quantity)

        columns = [sums["amounts"], *(group["amounts"] for group in sums["groups"] if len(sums["groups"]) > 1)]
        expected = [[words(each[at]) for each in columns] for at in range(len(told["periods"]))]
        assert [row[1:] for row in table(section, "amounts")] == expected[::-1]
        before = [words(group["previous_total"]) for group in sums["groups"] if group["previous_total"] is not None]
        assert [row[3] for row in table(section, "groups") if len(row) > 3] == before


@pytest.mark.parametrize("query", QUESTIONS, ids=str)
def test_its_file_is_that_of_the_api(get: Get, console: Browser, org: OnboardedOrg, query: Query) -> None:
    """The page links to the file that the API sends for the same question, byte by byte, with its name and type."""
    console.get(path_of(org, query))
    link = re.search(r'id="csv" href="([^"]+)"', console.text)
    assert link
    file, export = console.get(html.unescape(link[1])), get("/export", **query)
    assert (file.status_code, file.get_data()) == (200, export.get_data())
    assert file.get_data().count(b"\n") > 1
    for name in ("Content-Type", "Content-Disposition", "Cache-Control"):
        assert file.headers[name] == export.headers[name]
    assert file.headers["Content-Security-Policy"] == HEADERS["Content-Security-Policy"]


def test_what_a_page_asks_of_bigquery(session_cloud: Local, console: Browser, org: OnboardedOrg) -> None:
    """A new question is one query, the same one and its file none; what a filter hides costs one query more."""
    query = {"start": "2026-10-03", "end": "2026-10-05", "group_by": "provider"}
    console.get(path_of(org, query))  # who asks is looked up once a minute
    for path, most in (
        (path_of(org, query), 0),
        (path_of(org, query, "/export"), 0),
        (path_of(org, query | {"granularity": "week"}), 1),
        (path_of(org, query | {"model": "none", "provider": "gcp", "not_region": "r", "tag": "a=b"}), MOST_QUERIES),
        (path_of(org, query | {"group_by": "colour"}), 0),
    ):
        with queries(session_cloud) as asked:
            console.get(path)
        assert asked[0] == most, path


def test_groups_without_a_name_are_told_apart(console: Browser, org: OnboardedOrg) -> None:
    """What has no value, what is beyond the limit and groups have words and colours of their own."""
    console.get(path_of(org, OCTOBER | {"group_by": "region", "limit": "1"}))
    usd = next(each for each in sections(console.text) if " USD</h2>" in each)
    assert [row[0] for row in table(usd, "groups")] == ["Iowa us-central1", "Unattributed no region"]
    console.get(path_of(org, OCTOBER | {"group_by": "sub_account,service", "limit": "1", "provider": "gcp"}))
    usd = next(each for each in sections(console.text) if " USD</h2>" in each)
    names = [row[0] for row in table(usd, "groups")]
    assert names[-1].startswith("Other 8 groups beyond the largest")
    assert {'class="s1"', 'class="so"'} <= set(re.findall(r'<rect width="12" height="12" ([^/]+)/>', usd))


def test_a_group_leads_to_itself_alone(console: Browser, org: OnboardedOrg) -> None:
    """The link of a group is a filter that shows what the group costs and nothing else, also where it has no value."""
    query = OCTOBER | {"group_by": "model,token_type", "provider": "openai", "limit": "50"}
    console.get(path_of(org, query))
    row = r'<th scope="row">.*?<a href="([^"]+)">.*?</th><td class="num"><data value="([^"]+)"'
    links = re.findall(row, console.text)
    assert len(links) > 8
    for link, total in links[::3]:
        console.get(html.unescape(link))
        (section,) = sections(console.text)
        assert exact(section) == [total, total]
        assert parse_qs(urlsplit(html.unescape(link)).query)["provider"] == ["openai"]


def test_a_form_becomes_the_question_of_the_api(console: Browser, org: OnboardedOrg) -> None:
    """Empty fields are left out and a filter and a tag are added: the address has parameters of the API alone."""
    sent = [("start", "2026-10-01"), ("end", ""), ("group_by", "provider"), ("group_by", ""), ("by_tag", "team")]
    sent += [("model", ""), ("limit", ""), ("add", "not_tag"), ("add_value", "team=ads")]
    answer = console.get(f"{path_of(org)}?{urlencode(sent)}")
    assert answer.status_code == 303
    asked = parse_qs(urlsplit(answer.headers["Location"]).query, keep_blank_values=True)
    expected = {"start": ["2026-10-01"], "group_by": ["provider", "tag:team"], "model": [""], "not_tag": ["team=ads"]}
    assert asked == expected
    assert console.follow().status_code == 200
    assert "not tag team: ads" in console.words
    assert "model: none" in console.words
    turned = re.search(r'href="([^"]+)">not<span class="hide"> model: none', console.text)
    assert turned
    console.get(html.unescape(turned[1]))
    assert "not model: none" in console.words


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"start": "2026-11-10", "end": "2026-11-01"}, "start"),
        ({"end": "tomorrow"}, "end"),
        ({"group_by": "colour"}, "group_by"),
        ({"limit": "501"}, "limit"),
        ({"basis": "invoice_month"}, "basis"),
        ({"tag": "team"}, "add"),
        ({"compare": "x"}, None),
        ({"colour": "red"}, None),
    ],
    ids=str,
)
def test_a_wrong_question_is_told_at_its_field(
    get: Get, console: Browser, org: OnboardedOrg, query: Query, field: str | None
) -> None:
    """The API's own sentence stands once, in the form that still has what was sent, and names the field."""
    refusal = get(**query)
    answer = console.get(path_of(org, query))
    assert (answer.status_code, refusal.status_code) == (400, 400)
    assert console.words.count(refusal.get_json()["detail"]) == 1
    marked = [each.get("id") for each in Html(console.text).all("input", "select") if each.get("aria-invalid")]
    assert marked[:1] == ([field] if field and field != "group_by" else ["group1"] if field else [])
    assert sections(console.text) == []


def test_a_filter_that_hides_everything_is_named(console: Browser, org: OnboardedOrg) -> None:
    """Where nothing matches, each filter that alone hides all others let through is named, with the way without it."""
    console.get(path_of(org, OCTOBER | {"provider": "gcp", "region": "us-central1", "service": "OpenAI API"}))
    assert "The filter service: OpenAI API hides all" in console.words
    assert "The filter provider: gcp" not in console.words
    link = re.search(r'href="([^"]+)">Show costs without it', console.text)
    assert link
    console.get(html.unescape(link[1]))
    assert len(sections(console.text)) > 0
    console.get(path_of(org, OCTOBER | {"provider": "gcp", "model": "gpt-6"}))
    assert "The filter provider: gcp hides all" in console.words
    console.get(path_of(org, OCTOBER | {"provider": "a", "model": "b"}))
    assert "More than one filter hides them" in console.words
    console.get(path_of(org, {"start": "2025-01-01", "end": "2025-01-03"}))
    assert "Nothing is loaded of these days" in console.words


def test_days_that_may_change_are_marked(get: Get, console: Browser, org: OnboardedOrg) -> None:
    """A day that is not final is hatched, its row says why, and a sentence counts the days of each provider."""
    query = {"start": "2026-11-09", "end": "2026-11-12", "group_by": "provider"}
    states = {(each["provider"], each["date"]): each["state"] for each in get(**query).get_json()["completeness"]}
    console.get(path_of(org, query))
    assert set(states.values()) == {"unknown", "missing"}
    missing = sorted(day for (provider, day), state in states.items() if (provider, state) == ("openai", "missing"))
    assert missing == ["2026-11-12"]
    assert (
        "OpenAI: 1 day not loaded (12 Nov 2026), 3 days loaded before there was a history (9 \u2013 11 Nov 2026)"
        in (console.words)
    )
    usd = sections(console.text)[-1]
    notes = [row[0] for row in table(usd, "amounts")]
    assert notes[0] == "Thu 12 Nov not loaded"
    assert all("may change" in each for each in notes[1:])
    assert 'fill="url(#open)"' in usd
    assert 'class="lack"' in usd


LARGE: tuple[Query, ...] = (
    {"start": "2025-10-08", "end": "2026-11-11", "group_by": "service,model,token_type", "limit": "40"},
    {"start": "2026-09-01", "end": "2026-11-11", "group_by": "sub_account,api_key,model", "limit": "200"},
    {"start": "2026-09-01", "end": "2026-11-11", "group_by": "provider,service,tag:team", "compare": "previous_period"},
    {"start": "2026-09-01", "end": "2026-11-11", "metric": "consumed", "group_by": "service,region"},
)


@pytest.mark.parametrize("query", LARGE, ids=str)
def test_it_is_small_and_can_be_read(console: Browser, org: OnboardedOrg, query: Query) -> None:
    """A large page weighs at most 60 kB with all it loads, in five requests; nothing in it is inline or nameless."""
    answer = console.get(path_of(org, query), **{"Accept-Encoding": "gzip"})
    text = gzip.decompress(answer.get_data()).decode()
    page = Html(text)
    loaded = [str(each["src"]) for each in page.all("script")] + [str(each["href"]) for each in page.all("link")]
    parts = [console.get(path, **{"Accept-Encoding": "gzip"}).get_data() for path in loaded]
    assert 1 + len(loaded) <= MOST_REQUESTS
    assert len(answer.get_data()) + sum(map(len, parts)) <= LARGEST_BYTES
    assert len(text) <= LARGEST_BYTES
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "srcdoc")], tag
    ids = [each["id"] for _, each in page.elements if each.get("id")]
    assert len(ids) == len(set(ids))
    paints = {str(each["fill"]) for tag, each in page.elements if tag in ("rect", "path") and each.get("fill")}
    assert paints - {"currentColor"} <= {f"url(#{name})" for name in ids}
    for each in page.all("svg"):
        assert each.get("aria-hidden") == "true" or (each.get("role") == "img" and each.get("aria-label"))
    labelled = {each.get("for") for each in page.all("label")}
    for each in page.all("input", "select"):
        assert each.get("type") in ("hidden", "checkbox") or each["id"] in labelled
    assert all(each.get("scope") for each in page.all("th"))
    levels = [int(tag[1]) for tag, _ in page.elements if tag in ("h1", "h2", "h3")]
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


@pytest.fixture(scope="module")
def hostile(session_cloud: Local) -> tuple[Browser, OnboardedOrg]:
    """A browser of an org whose provider writes markup, reversing marks and formulas into every name."""
    charge: dict[str, Any] = {"service": HOSTILE, "sub_account": f"\u202e{HOSTILE}", "team": f"=1+1{HOSTILE}"}
    found = [Charge(date(2026, 11, 10), "gcp", Decimal("1.5"), region='"><b>', **charge)]
    found.append(Charge(date(2026, 11, 10), "gcp", Decimal("0.004"), service="other"))
    org = org_with_costs(session_cloud, "costs_hostile", found)
    session_cloud.clock.now = NOON
    return console_browser(session_cloud).sign_in(org), org


@pytest.fixture(scope="module")
def labelled(session_cloud: Local, hostile: tuple[Browser, OnboardedOrg]) -> tuple[Browser, OnboardedOrg]:
    """That browser and org, with a label whose value is as hostile as the rest."""
    console, org = hostile
    rule = {"when": [{"dimension": "service", "one_of": [HOSTILE]}], "value": HOSTILE}
    store = compose(session_cloud.settings, session_cloud.clock).costs.labels
    store.add(org.org_slug, labels_of(json.dumps([{"name": "team", "rules": [rule]}])), StoredLabels(), "a test")
    session_cloud.clock.advance(seconds=6)  # the console looks again after five
    return console, org


def test_labels_can_be_grouped_and_filtered_by(labelled: tuple[Browser, OnboardedOrg]) -> None:
    """The org's labels are among the choices; a value leads to itself alone, and one that hides everything is named."""
    console, org = labelled
    console.get(path_of(org))
    choices = [each["value"] for each in Html(console.text).all("option")]
    assert {"label:team", "not_label:team"} <= set(choices)
    console.get(path_of(org, {"group_by": "label:team"}))
    (section,) = sections(console.text)
    assert [row[:2] for row in table(section, "groups")[:2]] == [
        [HOSTILE, "1.50"],
        ["Unattributed no label team", "<0.01"],
    ]
    link = re.search(r'<th scope="row">.*?<a href="([^"]+)">', section)
    assert link
    console.get(html.unescape(link[1]))
    assert exact(sections(console.text)[0]) == ["1.5", "1.5"]
    console.get(f"{path_of(org)}?add=not_label:team&add_value={quote(HOSTILE)}")
    assert console.follow().status_code == 200
    assert f"not label team: {HOSTILE}" in console.words
    assert exact(sections(console.text)[0]) == ["0.004", "0.004"]
    console.get(path_of(org, {"label": "team=nobody", "provider": "gcp"}))
    assert "The filter label team: nobody hides all" in console.words


def test_labels_cost_a_page_one_query(session_cloud: Local, labelled: tuple[Browser, OnboardedOrg]) -> None:
    """An instance that knows neither the answer nor the labels asks twice; then none until either has changed."""
    _, org = labelled
    fresh = console_browser(session_cloud).sign_in(org)
    fresh.get(f"/console/{org.org_slug}/settings/keys")  # who asks is looked up once a minute
    for most in (MOST_QUERIES, 0):
        with queries(session_cloud) as asked:
            fresh.get(path_of(org, {"group_by": "label:team"}))
        assert asked[0] == most


@pytest.mark.parametrize("group_by", ["service", "sub_account,region", "tag:team"])
def test_hostile_names_are_names(hostile: tuple[Browser, OnboardedOrg], group_by: str) -> None:
    """Markup in the name of a service, a project or a tag is shown as it was written, and a link filters by it."""
    console, org = hostile
    console.get(path_of(org, {"group_by": group_by}))
    page = Html(console.text)
    assert not page.all("img", "b")[1:]  # the org's name is bold
    assert HOSTILE in console.words
    assert "\u202e" not in console.text
    assert "<0.01" in console.words
    links = [each["href"] for each in page.all("a") if "onerror" in str(each.get("href"))]
    assert len(links) == (0 if "sub_account" in group_by else 1)  # a reversing mark is nothing to ask with
    for link in links:
        console.get(str(link))
        assert [exact(each)[0] for each in sections(console.text)] == ["1.5"]
        assert HOSTILE in console.words


def test_another_org_sees_nothing(
    session_cloud: Local, org: OnboardedOrg, other_org: OnboardedOrg, console: Browser
) -> None:
    """With another org's key neither page nor file of the org is shown; nobody at all is led to the sign-in page."""
    other = console_browser(session_cloud).sign_in(other_org)
    for part in ("", "/export"):
        answer = other.get(path_of(org, OCTOBER, part))
        assert answer.status_code == 403
        assert "Compute" not in other.text
        nobody = console_browser(session_cloud).get(path_of(org, OCTOBER, part))
        assert (nobody.status_code, "/console/sign-in" in nobody.headers["Location"]) == (303, True)
    other.get(path_of(other_org, {"start": "2026-09-01", "end": "2026-09-30"}))
    console.get(path_of(org, {"start": "2026-09-01", "end": "2026-09-30"}))
    assert exact(other.text) != exact(console.text) != []
