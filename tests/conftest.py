"""One local cloud for the whole session, and what tests are made of: orgs, a clock, an API client."""

import atexit
import gc
import itertools
import json
import logging
import os
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any, cast

import hypothesis
import pytest
from flask import Flask, Response
from flask.testing import FlaskClient
from google.cloud.bigquery import Client

from cloudact import clients, redaction
from cloudact.logs import JsonLines
from cloudact.pipelines.registry import Registry
from cloudact.runs.ledger import Ledger
from cloudact.runs.run import Run, TriggerType
from cloudact.settings import ROOT, Settings
from cloudact.warehouse.bigquery import Warehouse, open_warehouse
from functions.composition import Rooms, compose
from functions.routes import public_app
from functions.runs.admission_facts import Admissions
from functions.runs.run_rows import RunRows
from localcloud.billing_export import load_export
from localcloud.google_apis.local_cloud import LocalCloud
from localcloud.google_apis.local_cloud import Settings as CloudSettings
from localcloud.google_apis.run.container import Images
from localcloud.integrations import ProviderAccount
from localcloud.onboarding import NewOrg, OnboardedOrg, onboard
from localcloud.providers.local_providers import LocalProviders
from localcloud.providers.local_providers import Settings as ProviderSettings
from localcloud.provision import provision
from localcloud.stack import local_settings
from providers import PROVIDERS
from providers.provider import secret_patterns
from tests.checked_requests import (
    counted,
    pytest_sessionfinish,
    pytest_terminal_summary,
    pytest_testnodedown,
)
from tests.copied_tables import CopiedTables
from tests.cpu_seconds import pytest_configure
from tests.import_order import import_in_turn
from tests.listed_problems import problems_are_listed
from tests.slow import pytest_collection_modifyitems

__all__ = [  # pytest finds them here
    "problems_are_listed",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_sessionfinish",
    "pytest_terminal_summary",
    "pytest_testnodedown",
]
FIXTURES = ROOT / "tests" / "fixtures" / "providers"
FIXTURE_DAY = date(2026, 11, 10)
NOON = datetime(2026, 11, 12, 12, 0, tzinfo=UTC)
NewOrgs = Callable[..., OnboardedOrg]
NewApi = Callable[[], FlaskClient]
# Whoever starts the tests may ignore Ctrl-C, as a shell does for what it runs in the background; what the tests start
# would inherit that, and never stop for it.
signal.signal(signal.SIGINT, signal.default_int_handler)
gc.set_threshold(20_000)  # the default has it look through thousands of collected tests again and again
# Hypothesis gives each example 200 ms, which a busy machine does not always have.
hypothesis.settings.register_profile("untimed", hypothesis.settings.default, deadline=None)
hypothesis.settings.load_profile("untimed")


def pytest_sessionstart(session: pytest.Session) -> None:
    """A worker of pytest-xdist ends without taking itself apart, for which Python looks through all objects again.

    The controller has every report by then, and the exit code is its own. Nor does the collector find anything while
    tests are collected; other programs that import this module keep theirs.
    """
    gc.disable()
    if hasattr(session.config, "workerinput"):
        atexit.register(os._exit, 0)
    import_in_turn(session.config)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """What was imported and collected stays for the session: the garbage collector need not look at it."""
    gc.freeze()
    gc.enable()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Nor need it look through thousands of reports, three a test, in a controller that has run no test itself."""
    if config.pluginmanager.hasplugin("dsession"):
        gc.freeze()


@dataclass
class SteppedClock:
    """Time that passes when told to."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass(frozen=True)
class Local:
    """The local cloud of the session; its tasks fire when a test says so."""

    settings: Settings
    google: LocalCloud
    providers: LocalProviders
    clock: SteppedClock
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def warehouse(self) -> Warehouse:
        return open_warehouse(self.settings)

    @cached_property
    def tables(self) -> CopiedTables:
        """What fills the datasets of new orgs."""
        return CopiedTables(self.settings)

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.warehouse)

    @property
    def runs(self) -> RunRows:
        return RunRows(self.warehouse)

    @property
    def admissions(self) -> Admissions:
        return Admissions(self.warehouse)

    @cached_property
    def analyst(self) -> Client:
        """BigQuery as an analyst has it; one client keeps its connections."""
        return clients.bigquery(self.settings)

    def query(self, sql: str) -> list[dict[str, Any]]:
        """What an analyst reads."""
        rows = self.analyst.query_and_wait(sql)
        return [{name: row[name] for name in row.keys()} for row in rows]  # noqa: SIM118 - a row is no mapping


@pytest.fixture(autouse=True, scope="session")
def keys_are_known() -> None:
    """What an entry point tells the process first, so that tests of its parts find keys scrubbed too."""
    redaction.know(secret_patterns(PROVIDERS))


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """An entry point that a test calls sends all logs, INFO too, to what is stdout then; the next test has another."""
    root = logging.getLogger()
    level = root.level
    yield
    root.setLevel(level)
    for handler in [each for each in root.handlers if isinstance(each.formatter, JsonLines)]:
        root.removeHandler(handler)


@pytest.fixture(scope="session")
def bigquery_url() -> Iterator[str]:
    """The URL of a local BigQuery of this test session, in memory."""
    command = [sys.executable, "-m", "localcloud.bigquery", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        url = server.stdout.readline().split()[-1]  # "bigquery ready http://127.0.0.1:PORT"
        with counted(url):
            yield url
        server.terminate()


@pytest.fixture(scope="session")
def session_cloud(bigquery_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    clock = SteppedClock()
    images = Images({"*": [sys.executable, "-m", "localcloud.job"]}, ROOT)
    google = LocalCloud(CloudSettings(tmp_path_factory.mktemp("google"), images=images, clock=clock, dispatching=False))
    providers = LocalProviders(ProviderSettings(clock=clock))
    google.start()
    providers.start()
    settings = local_settings(bigquery_url, google.url, providers.urls)
    quick_refusals = {"provider_attempts": 3, "provider_longest_wait_s": 0.0}
    # What is counted must not depend on how busy this machine is: no call is given up because it is slow.
    settings = settings.model_copy(update={**quick_refusals, "timeout_factor": 15.0})
    provision(settings)
    yield Local(settings, google, providers, clock)
    providers.stop()
    google.stop()


@pytest.fixture
def local(session_cloud: Local) -> Local:
    """The session's cloud, its clock back at noon."""
    session_cloud.clock.now = NOON
    return session_cloud


@pytest.fixture(scope="module")
def shared_local(session_cloud: Local) -> Local:
    """The session's cloud at noon, for what the tests of a file share."""
    session_cloud.clock.now = NOON
    return session_cloud


@pytest.fixture(scope="session")
def copied_tables(session_cloud: Local) -> CopiedTables:
    """What fills the datasets of new orgs."""
    return session_cloud.tables


@pytest.fixture(scope="session")
def orgs(session_cloud: Local, copied_tables: CopiedTables) -> NewOrgs:
    """Onboards orgs with the fixture export and 40 rows a day at each provider, also for tests that share one.

    `views` are all of them, none, or those that are named with what they read.
    """

    def make(**wanted: Any) -> OnboardedOrg:
        slug = wanted.pop("org_slug", f"org_{next(session_cloud.numbers)}")
        source = {
            "source_project": f"{slug.replace('_', '-')}-billing",
            "source_dataset": "billing_export",
            "source_table": "gcp_billing_export_v1_012345_6789AB_CDEF01",
        } | wanted.pop("source", {})
        seed = zlib.crc32(slug.encode())
        accounts = wanted.pop("accounts", (ProviderAccount("OPENAI", seed), ProviderAccount("ANTHROPIC", seed)))
        views = wanted.pop("views", False)
        org = NewOrg(slug, source, accounts=accounts, views=views is True, **wanted)
        onboarded = onboard(session_cloud.settings, org, copied_tables)
        if isinstance(views, tuple):
            copied_tables.make_views(slug, views)
        return onboarded

    return make


@pytest.fixture
def new_org(local: Local, orgs: NewOrgs) -> NewOrgs:  # noqa: ARG001 - puts the clock back
    """Onboards orgs of a test's own."""
    return orgs


@pytest.fixture(scope="module")
def unchanged_org(shared_local: Local, orgs: NewOrgs) -> OnboardedOrg:  # noqa: ARG001 - puts the clock back
    """An org in which nothing is ever started or changed: for requests that are refused."""
    return orgs()


def load_fixture_export(local: Local, org: OnboardedOrg, kind: str = "v1") -> list[dict[str, Any]]:
    """Loads the fixture rows as the org's export and answers them."""
    rows: list[dict[str, Any]] = fixture(f"gcp_billing_export_{kind}.rows.json")
    load_rows(local, org, rows, kind)
    return rows


def org_with_its_own_queue(local: Local, new_org: NewOrgs) -> OnboardedOrg:
    """An org with an export, and a queue without the tasks of other tests."""
    clients.tasks(local.settings).purge_queue(name=local.settings.queue_path)
    org = new_org()
    load_fixture_export(local, org)
    return org


def load_rows(local: Local, org: OnboardedOrg, rows: list[dict[str, Any]], kind: str = "v1") -> None:
    """Appends rows to the org's export, each in its own partition."""
    project = org.credentials["GCP_SA"]["project_id"]
    client = clients.bigquery(local.settings.model_copy(update={"project": project}))
    client.create_dataset("billing_export", exists_ok=True)
    table = f"{project}.billing_export.gcp_billing_export_{kind}_012345_6789AB_CDEF01"
    load_export(client, table, fixture(f"gcp_billing_export_{kind}.schema.json"), rows)


def fixture(name: str) -> Any:
    """A provider fixture's JSON."""
    return json.loads((FIXTURES / name).read_text(encoding="utf-8"))


def billing_run(org: OnboardedOrg, day: date = FIXTURE_DAY, **changes: Any) -> Run:
    """A run of gcp_billing as the trigger would ask for it."""
    wanted: dict[str, Any] = {
        "org_slug": org.org_slug,
        "pipeline": "gcp_billing",
        "provider": "gcp",
        "domain": "cost",
        "name": "billing",
        "date": day,
        "generation": 1,
        "trigger_type": TriggerType.API,
        "triggered_by": "api_key",
        "requested_at": NOON,
    }
    return Run.model_validate(wanted | changes)


class RoomsOfTheTest:
    """Rooms of the test that runs, behind one app for all of them: to make its routes takes longer than a request."""

    def __init__(self, rooms: Rooms) -> None:
        self.rooms = rooms

    def __getattr__(self, room: str) -> Any:
        return getattr(self.rooms, room)

    @property
    def key_uses(self) -> "RoomsOfTheTest":
        return self

    def after(self, response: Response) -> Response:
        return self.rooms.key_uses.after(response)


@pytest.fixture(scope="session")
def shared_rooms(session_cloud: Local) -> tuple[Flask, RoomsOfTheTest, Registry]:
    """An app of the function `api` with rooms that can be replaced, and the pipelines that all of them have."""
    first = compose(session_cloud.settings, session_cloud.clock)
    rooms = RoomsOfTheTest(first)
    return public_app(cast(Rooms, rooms)), rooms, first.registry


@pytest.fixture
def new_api(local: Local, shared_rooms: tuple[Flask, RoomsOfTheTest, Registry]) -> NewApi:
    """Makes the function `api` with its real collaborators anew: nothing is remembered, and the one before is gone."""
    app, rooms, registry = shared_rooms

    def make() -> FlaskClient:
        rooms.rooms = compose(local.settings, local.clock).replaced(registry=registry)
        return app.test_client()

    return make


@pytest.fixture
def api(new_api: NewApi) -> FlaskClient:
    """The function `api` as no other test has used it."""
    return new_api()
