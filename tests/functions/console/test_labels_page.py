"""The pages *Labels*: rules read, changed step by step without scripts, tried, saved, and what stands in the way."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from cloudact.costs.labels import labels_of, text_of
from functions.composition import compose
from functions.console.label_draft import LARGEST, Draft
from functions.console.pages import HEADERS
from localcloud.onboarding import OnboardedOrg, add_member
from tests.conftest import NOON, Local
from tests.functions.console.conftest import Browser, console_browser, queries
from tests.functions.console.test_pages import LARGEST_BYTES, MOST_QUERIES, Html
from tests.functions.costs.charges import charges, org_with_costs

HOSTILE = "<b>{{7*7}}\"'&"


class Form(HTMLParser):
    """Fields of the page's last form, as a browser would send them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._name = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        name, value = told.get("name") or "", told.get("value") or ""
        if tag == "form":
            self.fields = {}
        elif tag == "input":
            self.fields[name] = value
        elif tag in ("select", "textarea"):
            self._name, self.fields[name] = name, ""
        elif tag == "option" and "selected" in told:
            self.fields[self._name] = value

    def handle_endtag(self, tag: str) -> None:
        if tag in ("select", "textarea"):
            self._name = ""

    def handle_data(self, data: str) -> None:
        if self._name and self.get_starttag_text().startswith("<textarea"):  # type: ignore[union-attr]
            self.fields[self._name] += data.removeprefix("\n")


@pytest.fixture(scope="module")
def org(session_cloud: Local) -> OnboardedOrg:
    return org_with_costs(session_cloud, "labels_console", charges(seed=5, rows_per_day=1))


@pytest.fixture
def console(session_cloud: Local, org: OnboardedOrg) -> Browser:
    """A browser that the org's key has signed in; the org has no labels."""
    session_cloud.clock.now = NOON
    store = compose(session_cloud.settings, session_cloud.clock).costs.labels
    if (before := store.newest(org.org_slug)).labels:
        store.add(org.org_slug, (), before, "a test")
    return console_browser(session_cloud).sign_in(org)


def path(org: OnboardedOrg, part: str = "") -> str:
    return f"/console/{org.org_slug}/settings/labels{part}"


def press(browser: Browser, org: OnboardedOrg, act: str, **fields: str) -> int:
    """Presses the form's button that means this, after some fields were filled in. Returns the answer's status."""
    sent = Form(browser.text).fields | fields | {"act": act}
    assert f'value="{act}"' in browser.text
    return browser.send(path(org, "/draft"), None, **sent).status_code


def made(browser: Browser, org: OnboardedOrg, name: str, *rules: dict[str, str]) -> None:
    """Makes a label of these rules in the draft that the page shows."""
    at = len(re.findall(r"Rename or move</button>", browser.text))
    for number, rule in enumerate(rules):
        if f'name="at" value="{at}.{number}"' not in browser.text:
            press(browser, org, f"open {at}.{number}")
        assert press(browser, org, "apply", **rule, **({"name": name} if not number else {})) == 200, browser.words


def saved(browser: Browser, org: OnboardedOrg) -> str:
    """Words of the page after what would change was looked at and saved."""
    assert press(browser, org, "try") == 200
    assert press(browser, org, "save") == 303
    browser.follow()
    return browser.words


OPENAI = {"dimension_0": "provider", "values_0": "openai", "value_0": "search"}
SPLIT = {"value_0": "search", "percent_0": "60", "value_1": "ads", "percent_1": "40"}


def stored(local: Local, org: OnboardedOrg) -> Any:
    rows = local.query(
        f"SELECT version, labels FROM organizations.org_labels WHERE org_slug = '{org.org_slug}' ORDER BY version"
    )
    return rows[-1]["version"], rows[-1]["labels"]


def test_a_label_is_made_tried_and_saved(local: Local, console: Browser, org: OnboardedOrg) -> None:
    """Rules are filled in one after the other, what they would change is seen, and saved; the page then reads them."""
    console.get(path(org, "/draft"))
    made(
        console,
        org,
        "team",
        OPENAI,
        {"dimension_0": "tag", "tag_0": "team", "how_0": "begins", "values_0": "ad"} | SPLIT,
    )
    assert press(console, org, "try") == 200
    assert "What would change" in console.words
    assert re.search(r"team search 0\.00 [\d,]+\.\d\d \+[\d,]+\.\d\d USD", console.words)
    assert "unattributed" in console.words
    assert press(console, org, "save") == 303
    console.follow()
    version, text = stored(local, org)
    assert f"Saved as version {version}." in console.words
    assert "1 provider is openai search" in console.words
    assert "2 tag team begins with ad search 60 % , ads 40 %" in console.words.replace("\xa0", " ")
    assert text == (
        '[{"name":"team","rules":[{"when":[{"dimension":"provider","one_of":["openai"]}],"value":"search"},'
        '{"when":[{"dimension":"tag:team","starts_with":"ad"}],"shares":[{"value":"search","share":"0.6"},'
        '{"value":"ads","share":"0.4"}]}]}]'
    )


def test_rules_are_changed_moved_and_removed(local: Local, console: Browser, org: OnboardedOrg) -> None:
    """What a form shows of a rule is that rule again; rules and labels change places and go, and labels their names."""
    console.get(path(org, "/draft"))
    made(console, org, "team", OPENAI)
    ones = ({"value_0": "one", "dimension_0": "model", "how_0": "none"}, {"value_0": "two"}, {"value_0": "three"})
    made(console, org, "env", *ones)
    press(console, org, "open 1.0")
    press(console, org, "up")
    press(console, org, "open 1.2")
    region = {"dimension_0": "region", "how_0": "is_or_none", "values_0": "a\r\nb "}
    assert press(console, org, "up", value_0="last", **region) == 200
    press(console, org, "open 1.2")
    press(console, org, "remove")
    press(console, org, "open 1")
    press(console, org, "up", name="stage")
    words = saved(console, org)
    assert "# Where Is given 1 model: none one 2 region is a or b or none last" in words
    assert words.index("Costs by stage") < words.index("Costs by team")
    _, text = stored(local, org)
    assert '{"when":[{"dimension":"region","one_of":["a","b",""]}],"value":"last"}' in text
    console.get(path(org, "/draft"))
    for _ in range(2):
        press(console, org, "open 0")
        press(console, org, "remove")
    assert "There are no labels." in saved(console, org)


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"name": "Team", "value_0": "x"}, "name", "A name has up to 40 small letters"),
        ({"name": "t", "value_0": ""}, "value_0", "This needs a value."),
        ({"name": "t"} | SPLIT | {"percent_1": "30"}, None, "The shares must be 100 % together; these are 90 %."),
        ({"name": "t"} | SPLIT | {"percent_1": ""}, "value_1", "Where there are several values, each has a share"),
        ({"name": "t"} | SPLIT | {"percent_1": "a lot"}, "value_1", "This must be a share such as 60 or 12.5"),
        ({"name": "t"} | SPLIT | {"value_1": "search"}, None, "This must have shares of different values."),
        ({"name": "t", "value_0": "x", "dimension_0": "model"}, "dimension_0", "This needs a value in each line"),
        ({"name": "t", "value_0": "x", "dimension_0": "tag", "values_0": "a"}, "dimension_0", "needs the key of a tag"),
        ({"name": "t", "value_0": "x", "values_0": "a"}, "dimension_0", "This needs to say what the values are of."),
        (
            {"name": "t", "value_0": "x", "dimension_0": "tag", "tag_0": 'a"b', "values_0": "a"},
            "dimension_0",
            "needs the key of a tag",
        ),
        (
            {"name": "t", "value_0": "x", "dimension_0": "sku", "how_0": "begins", "values_0": "a\r\nb"},
            "dimension_0",
            "This needs one beginning, in one line.",
        ),
        ({"name": "t", "value_0": "x\x07"}, "value_0", "This must be without control characters."),
    ],
)
def test_a_mistake_is_told_at_its_field(
    console: Browser, org: OnboardedOrg, fields: dict[str, str], field: str | None, words: str
) -> None:
    """The form comes back with all that was typed, the sentence stands at the field, and the field is marked."""
    console.get(path(org, "/draft"))
    assert press(console, org, "try", **fields) == 400
    assert words in console.words
    marked = [each["id"] for each in Html(console.text).all("input", "select", "textarea") if each.get("aria-invalid")]
    assert marked[:1] == ([field] if field else [])
    kept = Form(console.text).fields
    assert {name: kept[name].replace("\n", "\r\n") for name in fields} == {
        name: text.replace("\x07", "") for name, text in fields.items()
    }


def test_what_somebody_else_has_saved_is_not_overwritten(
    session_cloud: Local, console: Browser, org: OnboardedOrg
) -> None:
    """Neither tried nor saved: the draft stays, and is tried against what was saved once that is asked for."""
    other = console_browser(session_cloud).sign_in(org)
    for browser, name in ((console, "mine"), (other, "theirs")):
        browser.get(path(org, "/draft"))
        made(browser, org, name, {"value_0": name})
    press(console, org, "try")
    assert "Saved as version" in saved(other, org)
    assert press(console, org, "save") == 412
    assert "The labels have been changed meanwhile" in console.words
    assert "all that is left mine" in console.words
    assert press(console, org, "again") == 200
    assert "theirs" in console.words
    assert press(console, org, "save") == 303
    console.follow()
    assert "Costs by mine" in console.words
    assert "theirs" not in console.words
    console.get(path(org, "/draft"))
    press(console, org, "open 0")
    press(console, org, "remove")
    saved(console, org)


def test_who_may_change_them(local: Local, console: Browser, org: OnboardedOrg) -> None:
    """A member reads the rules and is offered no form; sending one is refused, and so is one of another session."""
    console.get(path(org, "/draft"))
    form = Form(console.text).fields | {"act": "save"}
    assert console.send(path(org, "/draft"), None, **(form | {"form_token": "x"})).status_code == 403
    add_member(local.settings, org.org_slug, "labels-reader", "member")
    member = console_browser(local, console_demo_user="labels-reader")
    member.get("/console/sign-in")
    member.send("/console/sign-in/demo")
    member.get(path(org))
    assert "Owners and admins change labels." in member.words
    assert "/draft" not in member.text
    assert member.get(path(org, "/draft")).status_code == 403
    member.get(path(org))
    assert member.send(path(org, "/draft"), None, **(form | {"form_token": token(member)})).status_code == 403


def token(browser: Browser) -> str:
    found = re.search(r'name="form_token" value="([^"]+)"', browser.text)
    assert found
    return found[1]


@pytest.mark.parametrize(
    "fields",
    [
        {"draft": "!!"},
        {"draft": "W10="[:-1]},
        {"act": "dance"},
        {"act": ""},
        {"at": "7.3"},
        {"act": "open 9.9"},
        {"draft": Draft((), "").text + "AAAA"},
    ],
)
def test_a_form_that_no_page_of_ours_makes(console: Browser, org: OnboardedOrg, fields: dict[str, str]) -> None:
    """What was made by hand and means nothing is refused as a page, and changes nothing."""
    console.get(path(org, "/draft"))
    answer = console.send(path(org, "/draft"), None, **(Form(console.text).fields | {"act": "try"} | fields))
    assert answer.status_code == 400


def test_hostile_values_are_values(console: Browser, org: OnboardedOrg) -> None:
    """Markup in values is shown as it was written, in the form, in the table and in what would change."""
    console.get(path(org, "/draft"))
    made(console, org, "odd", {"dimension_0": "service", "values_0": f"{HOSTILE}\r\n{HOSTILE}2", "value_0": HOSTILE})
    assert f"1 service is {HOSTILE} or {HOSTILE}2 {HOSTILE}" in console.words
    press(console, org, "open 0.0")
    kept = Form(console.text).fields
    assert (kept["values_0"], kept["value_0"]) == (f"{HOSTILE}\n{HOSTILE}2", HOSTILE)
    assert press(console, org, "try") == 200
    assert not Html(console.text).all("b")[2:]


def test_what_it_asks_of_bigquery(session_cloud: Local, console: Browser, org: OnboardedOrg) -> None:
    """The rules are one query, a step of the draft none, what would change and saving two each."""
    console.get(path(org))
    for act, most in (("", 1), ("more", 0), ("apply", 0), ("try", MOST_QUERIES)):
        with queries(session_cloud) as asked:
            if act:
                press(console, org, act, **({"name": "few", "value_0": "x"} if act == "apply" else {}))
            else:
                console.get(path(org, "/draft"))
        assert asked[0] == most, act


def test_the_largest_page_is_small(console: Browser, org: OnboardedOrg) -> None:
    """A draft that just fits has at most 60 kB with the largest form open; what does not fit is left to other ways."""
    console.get(path(org, "/draft"))
    one_of = [{"dimension": "sub_account", "one_of": [f"project-{n}", "q"]} for n in range(75)]
    rules = [{"when": [each], "value": f"<{n}>"} for n, each in enumerate(one_of)]
    draft = Draft(labels_of(json.dumps([{"name": "many", "rules": rules}])), Form(console.text).fields["etag"])
    assert LARGEST * 0.8 < len(text_of(draft.labels)) <= LARGEST
    fields = {f"value_{n}": f"a value of the share {n}" for n in range(19)}
    fields |= {f"dimension_{n}": "service" for n in range(9)} | {f"values_{n}": "BigQuery" for n in range(9)}
    sent = Form(console.text).fields | fields | {"draft": draft.text, "at": "0.3", "act": "more"}
    answer = console.send(path(org, "/draft"), None, **sent)
    assert answer.status_code == 200
    page = Html(console.text)
    assert len(console.text.encode()) <= LARGEST_BYTES
    ids = [each["id"] for _, each in page.elements if each.get("id")]
    assert len(ids) == len(set(ids))
    fields_of_page, labelled = page.all("input", "select", "textarea"), {each.get("for") for each in page.all("label")}
    assert all(each.get("type") == "hidden" or each["id"] in labelled for each in fields_of_page)
    assert {each: answer.headers[each] for each in HEADERS} == HEADERS
    one_more = {"values_0": "\r\n".join(f"{'v' * 100}{n}" for n in range(50)), "value_0": "x", "act": "apply"}
    console.get(path(org, "/draft"))
    grown = Form(console.text).fields | {"dimension_0": "service", "draft": draft.text, "at": "0.3"} | one_more
    assert console.send(path(org, "/draft"), None, **grown).status_code == 400
    assert "With this the labels are more than a page can change" in console.words
    assert Form(console.text).fields["draft"] == draft.text
    large = Draft(labels_of(json.dumps([{"name": "many", "rules": [{"value": "x" * 100}] * 99}])), "").text
    assert console.send(path(org, "/draft"), None, **(sent | {"draft": large})).status_code == 400
    assert "more than a page can change" in console.words


def test_more_rules_than_a_page_has_room_for(session_cloud: Local, console: Browser, org: OnboardedOrg) -> None:
    """The first rules are shown, the others counted, and the page has at most 60 kB."""
    values = [f"{HOSTILE}{n}" for n in range(50)]
    rules = [{"when": [{"dimension": "service", "one_of": values}], "value": f"v{n}"} for n in range(30)]
    labels = labels_of(json.dumps([{"name": "many", "rules": rules}, {"name": "last", "rules": [{"value": "x"}]}]))
    store = compose(session_cloud.settings, session_cloud.clock).costs.labels
    store.add(org.org_slug, labels, store.newest(org.org_slug), "a test")
    console.get(path(org))
    assert len(console.text.encode()) <= LARGEST_BYTES
    shown = len(re.findall("<tr><td", console.text))
    assert shown > 5
    assert f"{31 - shown} more rules have no room here: cloudact labels show has all." in console.words
    assert "Costs by last" in console.words
