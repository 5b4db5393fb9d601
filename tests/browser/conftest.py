"""One browser and one console behind a real socket for all tests of a module."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from cloudact.budgets.balance import balances_of
from cloudact.budgets.budget import budgets_of
from cloudact.costs.labels import labels_of
from cloudact.runs.run import Run
from functions.composition import compose
from functions.console_routes import console_app
from functions.costs.stored_budgets import StoredBalances, StoredBudgets
from functions.costs.stored_labels import StoredLabels
from localcloud.demo_orgs import DEMO_USER
from localcloud.integrations import ProviderAccount
from localcloud.onboarding import NewOrg, OnboardedOrg, add_member, onboard
from tests.browser.chromium import Chromium, chromium
from tests.browser.events import tell
from tests.browser.scene import BALANCES, BUDGETS, LABELS, record
from tests.conftest import NOON, Local, load_fixture_export
from tests.copied_tables import CopiedTables
from tests.functions.console.conftest import patient
from tests.functions.costs.charges import charges, load
from tests.served import served


@dataclass(frozen=True)
class Scene:
    """The console's address, the orgs that its demo user owns, and runs of the first by what they show."""

    url: str
    org: OnboardedOrg
    other: OnboardedOrg
    runs: dict[str, Run]


def made(local: Local, slug: str, tables: CopiedTables, *, views: bool = False) -> OnboardedOrg:
    """An org with an export and accounts at the other providers, which the demo user owns; with views it has costs."""
    source = {
        "source_project": f"{slug}-billing",
        "source_dataset": "billing_export",
        "source_table": "gcp_billing_export_v1_012345_6789AB_CDEF01",
    }
    accounts = (ProviderAccount("OPENAI", 1), ProviderAccount("ANTHROPIC", 1))
    org = onboard(local.settings, NewOrg(slug, source, accounts=accounts, views=views), tables)
    load_fixture_export(local, org)
    add_member(local.settings, slug, DEMO_USER, "owner")
    return org


@pytest.fixture(scope="module")
def scene(session_cloud: Local, copied_tables: CopiedTables) -> Iterator[Scene]:
    session_cloud.clock.now = NOON
    org = made(session_cloud, "northwind", copied_tables, views=True)
    other = made(session_cloud, "fabrikam", copied_tables)
    for user_id, role in (("auth0|ada-lovelace", "admin"), ("<b>mia</b>", "member")):
        add_member(session_cloud.settings, org.org_slug, user_id, role)
    load(session_cloud, org.org_slug, charges())
    runs = record(session_cloud, org.org_slug)
    tell(session_cloud, org.org_slug, runs["failed"])
    rooms = patient(compose(session_cloud.settings, session_cloud.clock))
    rooms.costs.labels.add(org.org_slug, labels_of(LABELS), StoredLabels(), DEMO_USER)
    rooms.costs.plans.budgets.add(org.org_slug, budgets_of(BUDGETS), StoredBudgets(), DEMO_USER)
    rooms.costs.plans.balances.add(org.org_slug, balances_of(BALANCES), StoredBalances(), DEMO_USER)
    with served(console_app(rooms, session_cloud.settings, clock=session_cloud.clock)) as url:
        yield Scene(url, org, other, runs)


@pytest.fixture(scope="module")
def window() -> Iterator[Chromium]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def browser(window: Chromium, scene: Scene) -> Chromium:
    """The browser, in which nobody is signed in, with nothing to complain of yet."""
    return signed_out(window, scene)


@pytest.fixture
def owner(browser: Chromium) -> Chromium:
    """The browser, in which the owner of both orgs has signed in by one click."""
    return signed_in(browser)


def signed_out(window: Chromium, scene: Scene) -> Chromium:
    """The browser, which forgets who has signed in and what it has asked for and complained of."""
    window.scripts(allowed=True)
    window.look(1280, "light")
    window.forget()
    window.go(f"{scene.url}/console/sign-in")
    window.requests()
    window.complaints()
    return window


def signed_in(browser: Chromium) -> Chromium:
    """The browser after one click on the sign-in page."""
    browser.click("Sign in as the owner of the demo organizations")
    browser.until_it_says("Organizations")
    return browser
