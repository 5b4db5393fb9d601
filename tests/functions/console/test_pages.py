"""What holds for every page: no foreign thing, few bytes, few requests, few queries, and that it can be read."""

import gzip
import hashlib
import itertools
from collections.abc import Mapping
from datetime import timedelta
from html.parser import HTMLParser

import pytest
import requests

from cloudact.error_codes import Code
from cloudact.errors import Stop
from cloudact.runs.ledger import RunEvent
from cloudact.runs.run import Status
from functions.console.pages import HEADERS
from functions.console.static_files import FOLDER, HTMX, HTMX_SHA256, static_files
from functions.console_routes import PAGES
from localcloud.onboarding import NewOrg, onboard
from tests.conftest import NOON, Local, NewOrgs, billing_run
from tests.copied_tables import CopiedTables
from tests.functions.console.conftest import Browser, console_browser, queries

LARGEST_BYTES, MOST_REQUESTS, MOST_QUERIES = 60_000, 5, 2
PATHS = {
    "overview": "",
    "pipelines": "/pipelines",
    "backfill": "/pipelines/gcp_billing/backfill",
    "plan": "/pipelines/gcp_billing/backfill?first=2025-11-12&last=2026-11-11&reprocess=completed",
    "runs": "/runs",
    "no runs": "/runs?status=CANCELLED",
    "run": "/runs/{run_id}?requested_date={day}",
    "failed run": "/runs/{failed_id}?requested_date={day}",
    "calendar": "/calendar",
    "month": "/calendar?month=2026-10",
    "timeline": "/timeline",
    "timeline of kinds": "/timeline?kind=-run&from=2026-01-01",
    "empty timeline": "/timeline?kind=budget",
    "integrations": "/settings",
    "keys": "/settings/keys",
    "members": "/settings/members",
    "webhook": "/settings/webhook",
    "budgets": "/settings/budgets",
    "labels": "/settings/labels",
    "first label": "/settings/labels/draft",
}
VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "rect", "path"}


class Html(HTMLParser):
    """A page as elements: their names with attributes, in order; fails where they are not nested."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def all(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag in tags]


@pytest.fixture(scope="module")
def year(session_cloud: Local, copied_tables: CopiedTables) -> Mapping[str, str]:
    """An org whose ledger is full: a run of each of four hundred days and pipeline, of all states."""
    source = {"source_project": "year", "source_dataset": "export", "source_table": "gcp_billing_export_v1_0"}
    org = onboard(session_cloud.settings, NewOrg("a_year_of_runs", source, views=False), copied_tables)
    states = (Status.SUCCESS, Status.SUCCESS, Status.FAILED, Status.CANCELLED, Status.RUNNING, Status.PENDING)
    pipelines = (("gcp", "billing"), ("openai", "usage_cost"), ("anthropic", "usage_cost"))
    events = []
    for number, (provider, name) in itertools.product(range(400), pipelines):
        at = NOON - timedelta(days=number)
        pipeline = f"{provider}_{name}"
        changes = {"requested_at": at, "name": name, "provider": provider, "pipeline": pipeline}
        run = billing_run(org, at.date() - timedelta(days=1), **changes)
        status = states[(number * 7 + len(pipeline)) % len(states)]
        error = Stop(Code.CREDENTIAL_REJECTED, "The provider refuses the key.", "Make a new one.")
        events.append((run, RunEvent(status, started_at=at, rows=number, error=error if status == "FAILED" else None)))
    session_cloud.ledger.append_runs(events, NOON)
    failed = next(run for run, event in events if event.status is Status.FAILED and run.requested_at == NOON)
    ids = {"run_id": events[0][0].run_id, "failed_id": failed.run_id, "day": NOON.date().isoformat()}
    return {"org": org.org_slug, "key": org.api_key} | ids


@pytest.fixture(scope="module")
def console(session_cloud: Local, year: Mapping[str, str]) -> Browser:
    """A browser that the org's key has signed in."""
    session_cloud.clock.now = NOON
    browser = console_browser(session_cloud)
    browser.get("/console/sign-in")
    assert browser.send("/console/sign-in", api_key=year["key"]).status_code == 303
    browser.get(f"/console/{year['org']}")  # who calls is looked up once a minute, and its use recorded once a day
    return browser


def address(year: Mapping[str, str], name: str) -> str:
    return f"/console/{year['org']}{PATHS[name].format(**year)}"


@pytest.mark.parametrize("name", PATHS)
def test_a_page_is_small_and_asks_little(local: Local, console: Browser, year: Mapping[str, str], name: str) -> None:
    """A page of a full ledger weighs at most 60 kB with all it loads, in five requests, and costs two queries."""
    with queries(local) as asked:
        answer = console.get(address(year, name), **{"Accept-Encoding": "gzip"})
    assert answer.status_code == 200
    assert asked[0] <= MOST_QUERIES
    page = gzip.decompress(answer.get_data()).decode()
    loaded = [
        *(each["src"] for each in Html(page).all("script")),
        *(each["href"] for each in Html(page).all("link")),
    ]
    parts = [console.get(str(path), **{"Accept-Encoding": "gzip"}) for path in loaded]
    assert [part.status_code for part in parts] == [200] * len(loaded)
    assert 1 + len(loaded) <= MOST_REQUESTS
    assert len(answer.get_data()) + sum(len(part.get_data()) for part in parts) <= LARGEST_BYTES
    assert len(page) <= LARGEST_BYTES  # also for who takes nothing compressed


@pytest.mark.parametrize("name", PATHS)
def test_a_page_has_nothing_foreign(console: Browser, year: Mapping[str, str], name: str) -> None:
    """No address leads elsewhere, nothing is inline that the policy forbids, and each name stands once."""
    answer = console.get(address(year, name))
    page = Html(console.text)
    assert {each: answer.headers[each] for each in HEADERS} == HEADERS
    assert answer.headers["Cache-Control"] == "no-store"
    for tag, attributes in page.elements:
        assert not [each for each in attributes if each.startswith("on") or each in ("style", "srcdoc")], (
            tag,
            attributes,
        )
        for link in ("href", "src", "action", "hx-get"):
            path = attributes.get(link)
            assert path is None or path.startswith(("/console", "#", "?")), (tag, path)
    assert not page.all("style", "iframe", "object", "base")
    ids = [each["id"] for _, each in page.elements if each.get("id")]
    assert len(ids) == len(set(ids))
    assert "None" not in console.words.replace("None yet", "")


@pytest.mark.parametrize("name", PATHS)
def test_a_page_can_be_read_by_ear(console: Browser, year: Mapping[str, str], name: str) -> None:
    """A page has a language, a title, one main part and heading, labels, and names for pictures and columns."""
    console.get(address(year, name))
    page = Html(console.text)
    assert page.all("html")[0]["lang"] == "en"
    assert [len(page.all(each)) for each in ("main", "h1", "header")] == [1, 1, 1]
    assert console.text.partition("</head>")[0].count("</title>") == 1
    labelled = {each.get("for") for each in page.all("label")}
    for each in page.all("input", "select", "textarea"):
        assert each.get("type") in ("hidden", "checkbox") or each["id"] in labelled
    levels = [int(tag[1]) for tag, _ in page.elements if tag in ("h1", "h2", "h3")]
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    for each in page.all("svg"):
        assert each.get("aria-hidden") == "true" or (each.get("role") == "img" and each.get("aria-label"))
    assert all(each.get("scope") for each in page.all("th"))
    assert all(each.get("aria-label") for each in page.all("nav"))


def test_the_library_is_the_one_that_was_pinned() -> None:
    """htmx is byte for byte the file of the npm package, with its licence beside it, and pages name its hash."""
    assert hashlib.sha256((FOLDER / HTMX).read_bytes()).hexdigest() == HTMX_SHA256
    assert "Zero-Clause BSD" in (FOLDER / "htmx-LICENSE.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("packed", ["gzip", "identity"])
def test_files_are_kept_for_good(browser: Browser, packed: str) -> None:
    """A file's address names its content, so that browsers never ask again; who asks with its ETag gets 304."""
    for name, each in static_files().items():
        answer = browser.get(each.path, **{"Accept-Encoding": packed})
        content = answer.get_data()
        assert (gzip.decompress(content) if packed == "gzip" else content) == (FOLDER / name).read_bytes()
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["Content-Security-Policy"] == HEADERS["Content-Security-Policy"]
        again = browser.get(each.path, **{"Accept-Encoding": packed, "If-None-Match": answer.headers["ETag"]})
        assert again.status_code == 304
    assert browser.get("/console/-/console-000000000000.css").status_code == 404


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/console/nobody/nothing", 404, "There is no such page"),
        ("/console/-/../main.py", 404, "There is no such"),
        ("/console/a-b", 400, "org_slug must be"),
        ("/console/{org}/runs/42", 404, "Run not found: 42"),
        ("/console/{org}/runs?status=<b>x", 400, "status must be one of"),
        ("/console/{org}/runs?from=2026-13-01", 400, "must be a date"),
        ("/console/{org}/runs?after=x", 400, "cursor must be"),
        ("/console/{org}/runs?colour=red", 400, "Unknown field"),
        ("/console/{org}/pipelines/none/backfill", 404, "Unknown pipeline"),
        ("/console/{org}/calendar?month=x", 400, "must be a date"),
    ],
)
def test_a_refusal_is_a_page(console: Browser, year: Mapping[str, str], path: str, status: int, words: str) -> None:
    """What cannot be shown is said in a sentence, with the error's code and the request's id."""
    answer = console.get(path.format(**year))
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    assert words in console.words
    assert answer.headers["X-Request-ID"] in console.words
    assert "<b>x" not in console.text
    assert answer.headers["Content-Security-Policy"] == HEADERS["Content-Security-Policy"]
    Html(console.text)


def test_a_service_that_is_away_is_said_so(local: Local, new_org: NewOrgs) -> None:
    """While BigQuery does not answer, a page says that, and when to come again."""
    org = new_org()
    browser = console_browser(local).sign_in(org)
    browser.get(f"/console/{org.org_slug}")
    faults = f"{local.settings.bigquery_endpoint}/local/faults"
    fault = {"path_regex": "/queries$", "method": "POST", "status": 403, "reason": "quotaExceeded", "message": ""}
    requests.post(faults, json=fault | {"times": 9}, timeout=5).raise_for_status()
    answer = browser.get(f"/console/{org.org_slug}/runs")
    requests.delete(faults, timeout=5).raise_for_status()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert "not available at the moment" in browser.words


def test_pages_that_know_nobody_need_no_secret(local: Local, new_org: NewOrgs) -> None:
    """While the secret cannot be read one can see how to sign in; a session is judged later, and that is said."""
    org = new_org()
    signed = console_browser(local).sign_in(org)
    away = console_browser(local, secrets_endpoint="http://127.0.0.1:9")
    assert away.get("/console/sign-in").status_code == 200
    for name in ("__Host-cloudact", "__Host-cloudact-flash"):
        cookie = signed.client.get_cookie("__Host-cloudact", domain="localhost")
        assert cookie
        away.client.set_cookie(name, cookie.value, domain="localhost")
    assert away.get(f"/console/{org.org_slug}").status_code == 503
    assert "not available at the moment" in away.words


def test_a_deployment_that_lacks_something_is_said_so(local: Local, new_org: NewOrgs) -> None:
    """Where the secret that is configured does not exist, whoever signs in is told so by a page with its policy."""
    missing = local.settings.console_secret.replace("/secrets/", "/secrets/none-")
    browser = console_browser(local, console_secret=missing)
    browser.get("/console/sign-in")
    answer = browser.send("/console/sign-in", api_key=new_org().api_key)
    assert (answer.status_code, answer.mimetype) == (500, "text/html")
    assert Code.MISCONFIGURED in browser.words
    assert missing not in browser.text
    assert answer.headers["Content-Security-Policy"] == HEADERS["Content-Security-Policy"]


def test_the_policy_has_no_exception(browser: Browser) -> None:
    """Nothing is allowed but what comes from us, and no site may show a page of ours in its own."""
    policy = browser.get("/console/sign-in").headers["Content-Security-Policy"].split("; ")
    own = [f"{each} 'self'" for each in ("script-src", "style-src", "img-src", "connect-src", "form-action")]
    assert policy == ["default-src 'none'", *own, "frame-ancestors 'none'", "base-uri 'none'"]


def test_every_form_and_page_is_in_the_table() -> None:
    """Each path is answered once, and whatever changes something is no GET."""
    assert len({(each.method, each.path) for each in PAGES}) == len(PAGES)
    assert {each.view.__name__ for each in PAGES if each.method == "GET"} >= {"show_runs", "show_run", "show_overview"}
    assert all(each.view.__name__.startswith(("show", "ask", "answer")) for each in PAGES if each.method == "GET")
