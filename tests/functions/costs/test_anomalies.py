"""Anomalies from the tables to whoever is told: by the API, and once by the webhook after the run that settles."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cloudact import clients
from cloudact.notify.webhooks import Webhooks
from functions.composition import compose as compose_functions
from functions.routes import public_app
from jobs.composition import compose
from jobs.container import Execution
from jobs.task import work_through
from jobs.termination import Termination
from localcloud.google_apis.rest.faults import Fault
from localcloud.integrations import ProviderAccount
from localcloud.onboarding import NewOrg, OnboardedOrg, onboard
from tests.cli.conftest import Shell
from tests.conftest import FIXTURE_DAY, NOON, Local
from tests.copied_tables import CopiedTables
from tests.day_histories import Found, after, load_histories
from tests.functions.console.conftest import console_browser, queries
from tests.functions.console.test_pages import MOST_QUERIES
from tests.functions.costs.charges import Charge, load
from tests.jobs.test_usage_cost_run import llm_run
from tests.log_lines import written_lines
from tests.served import served

FIRST, THE_DAY, LAST = date(2026, 8, 15), FIXTURE_DAY, date(2026, 11, 11)
KEY = "key\"2\\\n'`--"
USUAL = Charge(FIRST, "openai", Decimal(100), model="gpt-6", token_type="output", sub_account="proj_a", api_key="key_1")
ODD = Charge(FIRST, "openai", Decimal("40.5"), model="gpt-6", token_type="output", sub_account="proj_a", api_key=KEY)
OLD = Charge(FIRST, "gcp", Decimal(60), currency="EUR", service="BigQuery", sub_account="p-1", invoice_month="202611")


def days() -> Iterator[date]:
    return (FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1))


def charged() -> Iterator[Charge]:
    for day in days():
        for charge in (USUAL, OLD):
            yield _on(charge, day, charge.billed)
        yield _on(ODD, day, ODD.billed * (9 if day >= THE_DAY else 1))


def _on(charge: Charge, day: date, billed: Decimal) -> Charge:
    return Charge(**{**charge.__dict__, "day": day, "billed": billed})


def histories() -> list[Found]:
    """The last week's days were read 6 and 30 hours after their end, as far as that is over, and all others a week."""
    found = []
    for day in days():
        reads = ((174, "final"),) if after(day, 174) < NOON else ((6, "settling"), (30, "settling"))
        found += [Found(day, after(day, hours), state) for hours, state in reads if after(day, hours) < NOON]
    return sorted(found, key=lambda each: each.at)


@pytest.fixture(scope="module")
def org(session_cloud: Local, copied_tables: CopiedTables) -> OnboardedOrg:
    source = {"source_project": "anomalies-billing", "source_dataset": "d", "source_table": "t"}
    accounts = (ProviderAccount("OPENAI", seed=5),)
    org = onboard(session_cloud.settings, NewOrg("anomalies_org", source, accounts=accounts), copied_tables)
    load(session_cloud, org.org_slug, charged())
    load_histories(session_cloud, org.org_slug, {org.org_slug: histories()})
    return org


def ask(api: FlaskClient, org: OnboardedOrg, headers: dict[str, str] | None = None, **query: Any) -> TestResponse:
    sent = {"X-API-Key": org.api_key, **(headers or {})}
    return api.get(f"/api/v1/costs/{org.org_slug}/anomalies", headers=sent, query_string=query)


def test_an_anomaly_is_told_and_shown(local: Local, instance: FlaskClient, org: OnboardedOrg) -> None:
    """The key that grew is named, exactly and since when, and the query that is told shows those very amounts."""
    answer = ask(instance, org).get_json()
    (anomaly,) = answer["anomalies"]
    assert (anomaly["kind"], anomaly["layer"], anomaly["since"], anomaly["last_date"]) == (
        "rise", "api_key", "2026-11-10", "2026-11-10",
    )  # fmt: skip
    assert anomaly["key"] == {"provider": "openai", "sub_account": "proj_a", "api_key": KEY}
    assert anomaly["names"] == {"sub_account": "proj_a"}
    told = (anomaly["currency"], anomaly["amount"], anomaly["expected"], anomaly["difference"])
    assert told == ("USD", "364.5", "40.5", "324")
    shown = {row["x_UsageDate"]: row["cost"] for row in local.query(anomaly["query"])}
    assert (shown[THE_DAY], shown[THE_DAY - timedelta(days=7)]) == (Decimal("364.5"), Decimal("40.5"))
    assert set(shown) == {day for day in days() if day >= THE_DAY - timedelta(weeks=8)}


@pytest.mark.usefixtures("local")
def test_what_is_not_settled_is_not_judged(instance: FlaskClient, org: OnboardedOrg) -> None:
    """A day that was read once, hours after its end, waits; one without a history waits for a week."""
    settled = {each["provider"]: each["date"] for each in ask(instance, org).get_json()["settled_until"]}
    assert settled == {"openai": "2026-11-10", "gcp": "2026-11-03"}


def test_an_unchanged_answer_costs_no_query(api: FlaskClient, org: OnboardedOrg) -> None:
    """The ETag saves the answer, and the instance keeps it; a load makes another one."""
    first = ask(api, org)
    again = ask(api, org)
    assert int(again.headers["X-Bytes-Processed"]) == 0
    assert again.get_json() == first.get_json()
    assert ask(api, org, {"If-None-Match": first.headers["ETag"]}).status_code == 304
    earlier = ask(api, org, end="2026-10-31")
    assert (earlier.get_json()["anomalies"], earlier.get_json()["start"]) == ([], "2026-10-02")
    assert int(earlier.headers["X-Bytes-Processed"]) > 0


@pytest.mark.usefixtures("local")
@pytest.mark.parametrize("query", [{"end": "2026-11-12"}, {"end": "2014-12-31"}, {"end": "x"}])
def test_what_cannot_be_answered(instance: FlaskClient, org: OnboardedOrg, query: dict[str, str]) -> None:
    """A day that is not over, or no day, is refused with the field's name."""
    answer = ask(instance, org, None, **query)
    assert (answer.status_code, answer.get_json()["field"]) == (400, next(iter(query)))


def test_another_org_is_not_told(api: FlaskClient, org: OnboardedOrg, other_org: OnboardedOrg) -> None:
    """Another org's key is refused, and its own answer has nothing of this org."""
    path = f"/api/v1/costs/{org.org_slug}/anomalies"
    assert api.get(path, headers={"X-API-Key": other_org.api_key}).status_code == 403
    assert ask(api, other_org).get_json()["anomalies"] == []


def test_the_command_line_shows_it(local: Local, org: OnboardedOrg) -> None:
    """A line for each anomaly, and up to which days they are judged."""
    with served(public_app(compose_functions(local.settings, lambda: NOON))) as url:
        shell = Shell({"CLOUDACT_API_URL": url, "CLOUDACT_API_KEY": org.api_key})
        heading, line, judged = shell("anomalies").stdout.splitlines()
        nothing = shell("anomalies", "--end", "2026-10-31").stdout
    assert heading.split() == ["SINCE", "DAYS", "KIND", "AMOUNT", "EXPECTED", "CURRENCY", "OF"]
    assert line.split()[:6] == ["2026-11-10", "1", "rise", "364.5", "40.5", "USD"]
    assert "api key openai / proj_a / key" in line
    assert judged == "Judged are settled days: gcp 2026-11-03, openai 2026-11-10."
    assert nothing.startswith("Nothing unusual began from 2026-10-02 to 2026-10-31.\n")


def test_the_overview_shows_it(session_cloud: Local, org: OnboardedOrg) -> None:
    """A page of an instance that knows nothing costs two queries, and says what grew, by how much, and what waits."""
    session_cloud.clock.now = NOON
    browser = console_browser(session_cloud).sign_in(org)
    browser.get(f"/console/{org.org_slug}/settings/keys")  # who asks is looked up once a minute
    with queries(session_cloud) as asked:
        browser.get(f"/console/{org.org_slug}")
    assert asked[0] == MOST_QUERIES
    row = "Rose key\"2\\ '`-- API key of OpenAI, proj_a 10 Nov 2026 40.50 364.50 +324.00 USD"
    assert row in browser.words
    assert "Judged are settled days: Google Cloud until 3 Nov 2026, OpenAI until 10 Nov 2026." in browser.words


def test_an_overview_without_any_says_so(session_cloud: Local, other_org: OnboardedOrg) -> None:
    """Where nothing is unusual the page says that, and of which days."""
    session_cloud.clock.now = NOON
    browser = console_browser(session_cloud).sign_in(other_org)
    browser.get(f"/console/{other_org.org_slug}")
    assert "Nothing unusual began on the days that are settled. Judged are settled days: " in browser.words


def events(local: Local, org: OnboardedOrg) -> dict[str, dict[str, Any]]:
    """Events of anomalies that wait for the org's webhook, by the names of their tasks."""
    request = {"parent": local.settings.webhook_queue_path, "response_view": "FULL"}
    tasks = clients.tasks(local.settings).list_tasks(request=request)
    bodies = {task.name: json.loads(task.http_request.body) for task in tasks}
    return {
        name: body
        for name, body in bodies.items()
        if (body["org_slug"], body["type"]) == (org.org_slug, "cost_anomaly")
    }


def test_the_webhook_is_told_once(local: Local, org: OnboardedOrg) -> None:
    """What could not be queued is told by the day's next run; then the day is done with, and nothing told again."""
    Webhooks(local.warehouse, lambda: NOON).put(org.org_slug, "https://hooks.example.com/x", ["cost_anomaly"])
    local.google.faults.add(Fault(api="tasks", method="CreateTask", kind="error", status=503))
    try:
        ((found, told),) = _looks(local, org, THE_DAY, NOON, 2)
    finally:
        local.google.faults.clear()
    assert (found > 0, told, events(local, org)) == (True, 0, {})
    assert _looks(local, org, THE_DAY, NOON + timedelta(hours=1), 3) == [(found, found)]
    first = events(local, org)
    assert len(first) == found
    assert all(body["data"]["since"] <= "2026-11-10" for body in first.values())
    assert _looks(local, org, THE_DAY - timedelta(days=1), NOON + timedelta(hours=2), 2) == []
    ((_, told),) = _looks(local, org, LAST, NOON + timedelta(hours=18), 2)
    assert told == len(events(local, org)) - found
    assert _looks(local, org, LAST + timedelta(days=2), NOON + timedelta(days=2), 2) == []  # settles nothing


def _looks(local: Local, org: OnboardedOrg, day: date, at: datetime, generation: int) -> list[tuple[int, int]]:
    """How many anomalies were new, and told, in the looks after a run of this day at this time."""
    with written_lines() as lines:
        _worked(local, org, day, at, generation)
    return [(line["found"], line["told"]) for line in lines.of("anomalies_looked_for")]


def _worked(local: Local, org: OnboardedOrg, day: date, at: datetime, generation: int) -> None:
    run = llm_run(org, "openai", day, generation=generation, force_refresh=True)
    job = compose(local.settings, lambda: at)
    assert work_through(job, [run], Execution(f"runner-{at:%d%H}", 0, 0, True), Termination()) == 0


def test_what_an_event_tells(local: Local, org: OnboardedOrg) -> None:
    """Kind, layer with its key and names, amounts as text, since when, and a query that runs."""
    body = next(iter(events(local, org).values()))
    data = body["data"]
    assert set(data) == {"kind", "of", "since", "is_masked", "cost", "shown_by"}
    assert set(data["of"]) == {"layer", "key", "names"}
    assert Decimal(data["cost"]["difference"]) == Decimal(data["cost"]["amount"]) - Decimal(data["cost"]["expected"])
    shown = {str(row["x_UsageDate"]): row["cost"] for row in local.query(data["shown_by"]["query"])}
    assert shown.get(data["since"], Decimal()) == Decimal(data["cost"]["amount"])
