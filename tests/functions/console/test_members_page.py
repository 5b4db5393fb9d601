"""The page *Members*: what each role sees of it, and what its forms do."""

import html
import re

import pytest

from localcloud.onboarding import OnboardedOrg, add_member
from tests.conftest import NOON, Local, NewOrgs
from tests.functions.console.conftest import Browser, console_browser
from tests.functions.console.test_pages import LARGEST_BYTES

HOSTILE = '<img/src=x>"&'


@pytest.fixture
def org(local: Local, new_org: NewOrgs) -> OnboardedOrg:
    org = new_org()
    add_member(local.settings, org.org_slug, HOSTILE, "admin")
    return org


def signed_in(local: Local, org: OnboardedOrg, user_id: str = "") -> Browser:
    """A browser of the person, who signs in by the one click; of the org's key without one."""
    browser = console_browser(local, **({"console_demo_user": user_id} if user_id else {}))
    if not user_id:
        return browser.sign_in(org)
    browser.get("/console/sign-in")
    assert browser.send("/console/sign-in/demo").status_code == 303
    return browser


def members(browser: Browser, org: OnboardedOrg, path: str = "", **fields: str) -> str:
    """Words of the page, after its form was sent if there are fields."""
    base = f"/console/{org.org_slug}/settings/members"
    browser.get(base)
    if fields:
        browser.send(base + path, **fields)
        browser.follow()
    return browser.words


def test_an_owner_sees_who_they_are_and_manages(local: Local, org: OnboardedOrg) -> None:
    """The owner is marked, adds an owner, and may then leave; whoever left is shown the pages no more."""
    browser = signed_in(local, org, org.user_id)
    words = members(browser, org)
    assert f"{org.user_id} You Owner" in words
    assert "The only owner stays one until somebody else is" in words
    assert f"{HOSTILE} Admin" in words
    assert "<img" not in browser.text
    assert "is the only owner; make somebody else an owner first." in members(
        browser, org, "/remove", user_id=org.user_id, confirm="true"
    )
    assert "zoe is owner now." in members(browser, org, user_id="zoe", role="owner")
    assert "confirm must be ticked" in members(browser, org, "/remove", user_id=org.user_id)
    browser.send(f"/console/{org.org_slug}/settings/members/remove", user_id=org.user_id, confirm="true")
    local.clock.advance(seconds=61)
    assert browser.follow().status_code == 403


def test_a_key_manages_all_but_owners(local: Local, org: OnboardedOrg) -> None:
    """A key gives and takes roles as an admin does, and has no form for an owner, nor for a role of one."""
    browser = signed_in(local, org)
    words = members(browser, org)
    assert " You " not in words
    assert 'value="owner"' not in browser.text
    assert (
        re.findall(r'name="user_id" value="([^"]*)"', browser.text)
        == [HOSTILE.replace("&", "&amp;").replace('"', "&#34;").replace("<", "&lt;").replace(">", "&gt;")] * 2
    )
    assert "is member now." in members(browser, org, user_id=HOSTILE, role="member")
    assert "Only owners of the organization may do this." in members(browser, org, user_id="x", role="owner")
    assert "role must be one of owner, admin, member." in members(browser, org, user_id="x", role="king")
    assert "is no member any more." in members(browser, org, "/remove", user_id=HOSTILE, confirm="true")
    assert HOSTILE not in members(browser, org)


def test_a_member_reads_and_may_leave(local: Local, org: OnboardedOrg) -> None:
    """A member has the list and one form, that of leaving; another form that they send is refused."""
    user = f"user-{next(local.numbers)}"
    add_member(local.settings, org.org_slug, user, "member")
    browser = signed_in(local, org, user)
    words = members(browser, org)
    assert f"{user} You Member" in words
    assert re.findall(r'<form[^>]* action="[^"]*/members(/\w+)?"', browser.text) == ["/remove"]
    assert "Only owners and admins of the organization may do this." in members(
        browser, org, "/remove", user_id=HOSTILE, confirm="true"
    )
    assert HOSTILE in members(browser, org)


def test_many_members_are_shown_in_pages(local: Local, new_org: NewOrgs) -> None:
    """Links lead through all of them, each once, and no page is larger than pages are."""
    org = new_org()
    users = sorted(f"{HOSTILE}|{'x' * 100}{number:02}" for number in range(60))
    columns = {"org_slug": org.org_slug, "role": "member", "created_at": NOON.isoformat()}
    local.warehouse.append("org_members", [columns | {"user_id": each} for each in users], users)
    browser, path = signed_in(local, org), f"/console/{org.org_slug}/settings/members"
    shown = list[str]()
    while path:
        assert browser.get(path).status_code == 200
        assert len(browser.text.encode()) <= LARGEST_BYTES
        shown += [html.unescape(each) for each in re.findall(r'scope="row"[^>]*><code>(.*?)</code>', browser.text)]
        more = re.search(r'<a id="more" href="([^"]+)"', browser.text)
        path = html.unescape(more[1]) if more else ""
    assert shown == sorted([*users, org.user_id])
    assert "First · 61 members" in browser.words


def test_another_org_s_members(local: Local, org: OnboardedOrg, new_org: NewOrgs) -> None:
    """Whoever is signed in for one org neither sees nor changes the members of another."""
    browser, path = signed_in(local, new_org()), f"/console/{org.org_slug}/settings/members"
    assert browser.get(path).status_code == 403
    assert HOSTILE not in browser.words
    assert browser.send(path, user_id="x", role="admin").status_code == 403
