"""Sign-in to the console: a key once for a session, one click locally, and forms from our own pages alone."""

import re
from urllib.parse import quote

import pytest

from cloudact.orgs.org import fingerprint, key_hash, new_api_key
from functions.composition import compose
from functions.console.sessions import back_to
from functions.console_routes import console_app
from functions.routes import public_app
from localcloud.onboarding import OnboardedOrg, add_member
from tests.conftest import Local, NewOrgs
from tests.functions.console.conftest import SAME, Browser

COOKIE = re.compile(r"^__Host-cloudact=[\w.-]+; Expires=[^;]+; Max-Age=604800; Secure; HttpOnly; Path=/; SameSite=Lax$")
SignedIn = tuple[Browser, OnboardedOrg]


def test_a_key_is_exchanged_once_for_a_session(browser: Browser, new_org: NewOrgs) -> None:
    """The right key leads to the org's first page, by a cookie that no script sees; the key is in no answer."""
    org = new_org()
    browser.get("/console/sign-in")
    answer = browser.send(
        "/console/sign-in", api_key=f" {org.api_key} ", back=f"/console/{org.org_slug}/runs?status=FAILED"
    )
    (cookie,) = answer.headers.getlist("Set-Cookie")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/console/{org.org_slug}/runs?status=FAILED")
    assert COOKIE.fullmatch(cookie)
    page = browser.follow()
    assert page.status_code == 200
    assert fingerprint(key_hash(org.api_key)) in browser.words
    assert org.api_key not in browser.text + str(answer.headers)


@pytest.mark.parametrize(
    "key",
    ["", "x", new_api_key("nobody"), "nobody_api_" + "x" * 43 + "\n"],
    ids=["none", "short", "unknown", "with a line end"],
)
def test_a_wrong_key_signs_nobody_in(browser: Browser, key: str) -> None:
    """Whatever is no key of an org is answered as the API answers it, beside the form, and is not repeated."""
    browser.get("/console/sign-in")
    answer = browser.send("/console/sign-in", api_key=key, back="/console/acme/runs")
    assert (answer.status_code, answer.headers.getlist("Set-Cookie")) == (401, [])
    assert "Invalid or inactive API key" in browser.words
    assert 'name="back" value="/console/acme/runs"' in browser.text
    assert len(key) < 2 or key not in browser.text


def test_pages_need_a_session_and_lead_back(browser: Browser, read_only: OnboardedOrg) -> None:
    """Who is not signed in is sent to sign in, and comes back to the very page with its filters."""
    wanted = f"/console/{read_only.org_slug}/runs?status=-SUCCESS&pipeline=gcp_billing"
    answer = browser.get(wanted)
    assert answer.headers["Location"] == f"/console/sign-in?back={quote(wanted, safe='')}"
    browser.follow()
    browser.send(
        "/console/sign-in",
        api_key=read_only.api_key,
        back=re.findall(r'name="back" value="([^"]+)"', browser.text)[-1].replace("&amp;", "&"),
    )
    assert browser.follow().status_code == 200
    assert browser.last is not None
    assert browser.last.request.full_path == wanted


def test_a_session_ends_by_itself(signed_in: SignedIn, local: Local) -> None:
    """After twelve hours one signs in again, and is told why; a part of a page sends the whole page there."""
    browser, org = signed_in
    local.clock.advance(hours=12)
    session = session_text(browser)
    for headers in ({}, {"HX-Request": "true", "HX-Current-URL": f"https://localhost/console/{org.org_slug}/runs"}):
        browser.client.set_cookie("__Host-cloudact", session, domain="localhost")
        answer = browser.get(f"/console/{org.org_slug}/runs", **headers)
        path = answer.headers["HX-Redirect" if headers else "Location"]
        assert (answer.status_code, path) == (
            401 if headers else 303,
            f"/console/sign-in?back=%2Fconsole%2F{org.org_slug}%2Fruns&ended=true",
        )
    browser.get(path)
    assert "Your session has ended" in browser.words


def test_a_form_of_an_ended_session_leads_back_to_its_page(signed_in: SignedIn, local: Local) -> None:
    """Who sends a form too late signs in again and comes back to the page of the form, which has done nothing."""
    browser, org = signed_in
    page = f"/console/{org.org_slug}/pipelines"
    browser.get(page)
    local.clock.advance(hours=13)
    came_from = SAME | {"Referer": f"https://localhost{page}"}
    answer = browser.send(f"{page}/gcp_billing/run", came_from, date="2026-11-10")
    assert answer.headers["Location"] == f"/console/sign-in?back={quote(page, safe='')}&ended=true"
    browser.sign_in(org).get(f"/console/{org.org_slug}/runs")
    assert "Nothing has run yet" in browser.words


def session_text(browser: Browser) -> str:
    cookie = browser.client.get_cookie("__Host-cloudact", domain="localhost")
    assert cookie is not None
    return cookie.value


def test_a_session_ends_with_its_key(signed_in: SignedIn, local: Local) -> None:
    """A key that is revoked ends its sessions within a minute, as it ends the API's calls."""
    browser, org = signed_in
    rooms = compose(local.settings, local.clock)
    rooms.keys.issued_keys.revoke(list(rooms.keys.tenants.read(org.org_slug).api_keys))
    local.clock.advance(seconds=61)
    answer = browser.get(f"/console/{org.org_slug}")
    assert answer.status_code == 303
    assert "ended=true" in answer.headers["Location"]
    assert "__Host-cloudact=;" in answer.headers["Set-Cookie"]


def test_a_session_opens_its_own_org_alone(signed_in: SignedIn, new_org: NewOrgs) -> None:
    """Pages of another org, and of one that does not exist, are refused alike."""
    browser, _ = signed_in
    answers = []
    for slug in (new_org().org_slug, "nobody_at_all"):
        answer = browser.get(f"/console/{slug}/runs")
        answers.append((answer.status_code, re.sub(r"request [\w-]+", "", browser.words)))
    assert answers[0] == answers[1]
    assert answers[0][0] == 403


@pytest.mark.parametrize(
    "back",
    [
        "https://evil.example/",
        "//evil.example",
        "/console//evil.example/../..",
        "/api/v1/health",
        "/console\\evil",
        "javascript:alert(1)",
        "/console/x\r\nSet-Cookie: a=b",
        "/console/sign-in",
        "/consolex",
    ],
)
def test_nobody_is_sent_elsewhere(browser: Browser, read_only: OnboardedOrg, back: str) -> None:
    """A path that is none of the console's leads to its first page."""
    browser.get(f"/console/sign-in?back={quote(back)}")
    browser.send("/console/sign-in", api_key=read_only.api_key, back=back)
    assert browser.last is not None
    location = browser.last.headers["Location"]
    assert location == "/console"


@pytest.mark.parametrize(
    "headers",
    [{}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "none"}, {"Origin": "https://evil.example"},
     {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site", "Origin": "https://localhost"}],
)  # fmt: skip
def test_forms_come_from_our_pages(reader: SignedIn, headers: dict[str, str]) -> None:
    """A form that another site sends is refused, with or without the token, and does nothing."""
    browser, org = reader
    browser.get(f"/console/{org.org_slug}/pipelines")
    answer = browser.send(f"/console/{org.org_slug}/pipelines/gcp_billing/run", headers, date="2026-11-10")
    assert answer.status_code == 403
    assert "does not come from a page of your session" in browser.words
    browser.get(f"/console/{org.org_slug}/runs")
    assert "Nothing has run yet" in browser.words


def test_older_browsers_are_known_by_their_origin(reader: SignedIn) -> None:
    """A browser that does not send Sec-Fetch-Site sends Origin, which must be ours."""
    browser, org = reader
    browser.get(f"/console/{org.org_slug}/pipelines")
    assert browser.send("/console/sign-out", {"Origin": "https://localhost"}).status_code == 303


@pytest.mark.parametrize("token", ["", "x", "a.b", "ä.ö"])
def test_forms_carry_the_token_of_their_session(reader: SignedIn, token: str) -> None:
    """A form without the token, with a wrong one or with that of another session is refused."""
    browser, org = reader
    path = f"/console/{org.org_slug}/pipelines/gcp_billing/run"
    assert browser.send(path, form_token=token, date="2026-11-10").status_code == 403


def test_a_token_is_of_one_session(reader: SignedIn, local: Local) -> None:
    """A page of another session, of the same key too, gives no token for this one."""
    browser, org = reader
    other = Browser(console_app(compose(local.settings, local.clock), local.settings, clock=local.clock).test_client())
    other.sign_in(org).get(f"/console/{org.org_slug}/pipelines")
    browser.last = other.last
    assert browser.send(f"/console/{org.org_slug}/pipelines/gcp_billing/run", date="2026-11-10").status_code == 403


def test_signing_out_forgets_the_session(reader: SignedIn) -> None:
    """After signing out, pages ask to sign in."""
    browser, org = reader
    browser.get(f"/console/{org.org_slug}")
    assert browser.send("/console/sign-out").status_code == 303
    assert browser.get(f"/console/{org.org_slug}").status_code == 303
    assert browser.client.get_cookie("__Host-cloudact", domain="localhost") is None


def test_one_click_signs_in_the_person_whom_a_setting_names(local: Local, new_org: NewOrgs) -> None:
    """The demo's owner chooses between their orgs; without the setting there is no such click."""
    orgs = [new_org() for _ in range(2)]
    for org in orgs:
        add_member(local.settings, org.org_slug, "the-owner", "owner")
    settings = local.settings.model_copy(update={"console_demo_user": "the-owner"})
    browser = Browser(console_app(compose(settings, local.clock), settings, clock=local.clock).test_client())
    browser.get("/console/sign-in")
    browser.send("/console/sign-in/demo", back="/console")
    browser.follow()
    assert all(f'href="/console/{org.org_slug}"' in browser.text for org in orgs)
    assert browser.get(f"/console/{orgs[1].org_slug}").status_code == 200
    settings = local.settings.model_copy(update={"console_demo_user": ""})
    nobody = Browser(console_app(compose(settings, local.clock), settings, clock=local.clock).test_client())
    nobody.get("/console/sign-in")
    assert "demo" not in nobody.words
    assert nobody.send("/console/sign-in/demo").status_code == 404


def test_a_session_is_no_credential_of_the_api(signed_in: SignedIn, local: Local) -> None:
    """The API takes keys and tokens from headers alone: a cookie that a browser sends by itself opens nothing."""
    browser, org = signed_in
    api = public_app(compose(local.settings, local.clock)).test_client()
    path, cookie = f"/api/v1/pipelines/{org.org_slug}/runs", session_text(browser)
    assert api.get(path, headers={"Cookie": f"__Host-cloudact={cookie}"}).status_code == 401
    assert api.get(path, headers={"Authorization": f"Bearer {cookie}"}).status_code == 401


def test_a_session_counts_as_a_use_of_its_key(signed_in: SignedIn) -> None:
    """The settings show when a key was last used, also where that was by the console."""
    browser, org = signed_in
    browser.get(f"/console/{org.org_slug}")
    browser.get(f"/console/{org.org_slug}/settings/keys")
    assert "2026-11-12" in browser.words


def test_signing_in_needs_a_page_of_ours(browser: Browser, read_only: OnboardedOrg) -> None:
    """Another site cannot sign somebody in as somebody else."""
    for headers in ({}, {"Sec-Fetch-Site": "cross-site"}):
        assert browser.send("/console/sign-in", headers, api_key=read_only.api_key).status_code == 403
    assert browser.send("/console/sign-in", SAME, api_key=read_only.api_key).status_code == 303


@pytest.mark.parametrize(
    ("path", "back"),
    [
        ("/console/acme/runs?status=-FAILED&cursor=a-b_c", "/console/acme/runs?status=-FAILED&cursor=a-b_c"),
        ("/console", "/console"),
        ("/console/", "/console"),
        ("//evil.example", "/console"),
        ("/console//evil.example", "/console"),
        ("/console/../api", "/console"),
        ("/console?next=https://evil.example", "/console"),
        ("/console/sign-in?back=/console", "/console"),
        ("/console/" + "a" * 1000, "/console"),
        (None, "/console"),
    ],
)
def test_a_way_back_is_a_page_of_ours(path: str | None, back: str) -> None:
    """Paths of the console with plain queries are gone back to, and nothing else."""
    assert back_to(path) == back
