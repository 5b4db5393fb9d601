"""The console over the session's local cloud, and a browser without scripts that keeps its cookies."""

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import requests
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from functions.composition import Rooms, compose
from functions.console_routes import console_app
from localcloud.onboarding import NewOrg, OnboardedOrg, onboard
from tests.conftest import NOON, Local, NewOrgs
from tests.copied_tables import CopiedTables

SAME = {"Sec-Fetch-Site": "same-origin"}


@dataclass
class Browser:
    """A person who reads pages and sends their forms, by a test client over https."""

    client: FlaskClient
    last: TestResponse | None = field(default=None, repr=False)

    def get(self, path: str, **headers: str) -> TestResponse:
        self.last = self.client.get(path, headers=headers, base_url="https://localhost")
        return self.last

    def send(self, path: str, headers: dict[str, str] | None = None, /, **fields: str) -> TestResponse:
        """Sends a form to the path, with the token that the last page had."""
        token = re.search(r'name="form_token" value="([^"]+)"', self.text)
        sent = ({"form_token": token[1]} if token else {}) | fields
        self.last = self.client.post(
            path,
            data=urlencode(sent),
            headers=SAME if headers is None else headers,
            content_type="application/x-www-form-urlencoded",
            base_url="https://localhost",
        )
        return self.last

    def follow(self) -> TestResponse:
        """The page that the last answer leads to."""
        assert self.last is not None
        assert self.last.status_code == 303, self.last.get_data(as_text=True)
        url = urlsplit(self.last.headers["Location"])
        return self.get(url.path + (f"?{url.query}" if url.query else ""))

    @property
    def text(self) -> str:
        """HTML of the last page."""
        return self.last.get_data(as_text=True) if self.last else ""

    @property
    def words(self) -> str:
        """Last page without its markup, spaces as one."""
        return self.plain(self.text)

    @staticmethod
    def plain(text: str) -> str:
        """Words of a piece of HTML."""
        return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", text)))

    def sign_in(self, org: OnboardedOrg) -> "Browser":
        self.get("/console/sign-in")
        answer = self.send("/console/sign-in", api_key=org.api_key)
        assert answer.status_code == 303, self.words
        return self


@contextmanager
def queries(local: Local) -> Iterator[list[int]]:
    """How many queries BigQuery was asked meanwhile, as the last of the list."""
    url = f"{local.settings.bigquery_endpoint}/local/requests"
    requests.delete(url, timeout=5)
    counts: list[int] = []
    yield counts
    asked = requests.get(url, timeout=5).json()["requests"]
    counts.append(sum(number for name, number in asked.items() if name in ("jobs.query", "jobs.insert")))


def patient(rooms: Rooms, within_s: float = 60.0, **changes: Any) -> Rooms:
    """The collaborators, which wait for the counts of lists however busy the machine is."""
    pages = replace(rooms.runs.pages, count_wait_s=within_s, **changes)
    return rooms.replaced(runs=replace(rooms.runs, pages=pages))


def console_browser(local: Local, **settings: Any) -> Browser:
    """A browser at a console with these settings, which nobody has signed in to."""
    changed = local.settings.model_copy(update=settings)
    rooms = patient(compose(changed, local.clock))
    return Browser(console_app(rooms, changed, clock=local.clock).test_client())


@pytest.fixture
def browser(local: Local) -> Browser:
    """A browser at the console, which nobody has signed in to."""
    return console_browser(local)


@pytest.fixture
def signed_in(browser: Browser, new_org: NewOrgs) -> tuple[Browser, OnboardedOrg]:
    """A browser in which an org's key has signed in, and the org."""
    org = new_org()
    return browser.sign_in(org), org


@pytest.fixture(scope="module")
def read_only(session_cloud: Local, copied_tables: CopiedTables) -> OnboardedOrg:
    """An org for the tests of a module that change nothing of it."""
    session_cloud.clock.now = NOON
    source = {"source_project": "read-only-billing", "source_dataset": "billing_export", "source_table": "export"}
    org = NewOrg(f"org_{next(session_cloud.numbers)}", source, views=False)
    return onboard(session_cloud.settings, org, copied_tables)


@pytest.fixture
def reader(browser: Browser, read_only: OnboardedOrg) -> tuple[Browser, OnboardedOrg]:
    """A browser in which that org's key has signed in, and the org."""
    return browser.sign_in(read_only), read_only
