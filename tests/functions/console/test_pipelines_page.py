"""The pages *Pipelines*, *Backfill*, *Calendar* and *Overview*: what is loaded, what can be run, what came of it."""

import re
from datetime import date

import pytest

from cloudact.runs.ledger import RunEvent
from cloudact.runs.run import Status
from functions.console.calendar_page import _first_month
from functions.console.day_states import state_of
from functions.console.rows import PipelineDay
from localcloud.onboarding import OnboardedOrg, add_member
from tests.browser.scene import record
from tests.conftest import FIXTURE_DAY, NOON, Local, NewOrgs, billing_run
from tests.functions.console.conftest import Browser, console_browser

SignedIn = tuple[Browser, OnboardedOrg]


def day(status: Status, completeness: str | None = None) -> PipelineDay:
    loaded_at = NOON if completeness is not None else None
    return PipelineDay(
        "p", FIXTURE_DAY, "r", 1, status, "api", FIXTURE_DAY, NOON, NOON, 1, None, completeness or None, loaded_at
    )


@pytest.mark.parametrize(
    ("known", "state"),
    [
        (None, "none"),
        (day(Status.PENDING), "running"),
        (day(Status.RUNNING, "final"), "running"),
        (day(Status.SUCCESS, "final"), "final"),
        (day(Status.SUCCESS, "settling"), "changing"),
        (day(Status.SUCCESS, "provisional"), "changing"),
        (day(Status.SUCCESS, ""), "changing"),
        (day(Status.SUCCESS, "partial"), "lacking"),
        (day(Status.SUCCESS, "frozen"), "lacking"),
        (day(Status.FAILED), "failed"),
        (day(Status.FAILED, "final"), "final"),
        (day(Status.CANCELLED), "none"),
        (day(Status.CANCELLED, "settling"), "changing"),
    ],
)
def test_a_day_has_one_state(known: PipelineDay | None, state: str) -> None:
    """A day is what is loaded of it, unless something goes on or nothing was ever loaded."""
    assert state_of(known) == state


def test_pipelines_say_how_they_went(local: Local, signed_in: SignedIn) -> None:
    """Each pipeline has its last run, its next one, how many days are loaded, and whether its integration works."""
    browser, org = signed_in
    record(local, org.org_slug)
    browser.get(f"/console/{org.org_slug}/pipelines")
    cards = re.split(r'<section class="card stack" id="(\w+)">', browser.text)[1:]
    words = {name: Browser.plain(text) for name, text in zip(cards[::2], cards[1::2], strict=True)}
    assert [*words] == ["gcp_billing", "openai_usage_cost", "anthropic_usage_cost"]
    assert "30 of 30 loaded Last run Succeeded 2026-11-11 , 12 min ago , 3,012 rows" in words["gcp_billing"]
    assert "Last run Running 2026-11-11 , 31 s ago" in words["openai_usage_cost"]
    assert "28 of 30 loaded Last run Failed 2026-11-11" in words["anthropic_usage_cost"]
    assert all("Next run with the next daily call, for 2026-11-12 Integration Works" in each for each in words.values())


def test_a_pipeline_without_its_integration_cannot_be_run(browser: Browser, new_org: NewOrgs) -> None:
    """Where the integration is not set up the page leads there, instead of a form that would be refused."""
    org = new_org(accounts=())
    browser.sign_in(org).get(f"/console/{org.org_slug}/pipelines")
    assert browser.text.count('/run">') == 1
    assert browser.words.count("Its integration does not work yet.") == 2


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"date": "2026-11-10"}, "is already running"),
        ({"date": "2026-11-09"}, "is already completed; set force_refresh to run again"),
        ({"date": "2026-11-09", "force": "true"}, "triggered successfully"),
        ({"date": "2026-11-13"}, "date must lie between 2015-01-01 and today (2026-11-12 UTC)."),
        ({"date": "x"}, "date must be a date written YYYY-MM-DD."),
        ({}, "date must be a date written YYYY-MM-DD."),
    ],
)
def test_the_answer_to_run_is_told(local: Local, signed_in: SignedIn, fields: dict[str, str], words: str) -> None:
    """What came of Run is said on the run's page, or on that of the pipelines where none was started."""
    browser, org = signed_in
    local.ledger.append_run(billing_run(org, date(2026, 11, 10)), RunEvent(Status.PENDING), NOON)
    done = RunEvent(Status.SUCCESS, started_at=NOON, rows=1)
    local.ledger.append_run(billing_run(org, date(2026, 11, 9)), done, NOON)
    browser.get(f"/console/{org.org_slug}/pipelines")
    browser.send(f"/console/{org.org_slug}/pipelines/gcp_billing/run", **fields)
    browser.follow()
    assert words in browser.words
    assert browser.get(f"/console/{org.org_slug}/pipelines").status_code == 200
    assert words not in browser.words  # once


def test_an_unknown_pipeline_is_refused_on_the_page(reader: SignedIn) -> None:
    """A form of a pipeline that has left the registry says so."""
    browser, org = reader
    browser.get(f"/console/{org.org_slug}/pipelines")
    browser.send(f"/console/{org.org_slug}/pipelines/nothing/run", date="2026-11-10")
    browser.follow()
    assert "Unknown pipeline: nothing." in browser.words


def test_a_backfill_is_looked_at_before_it_starts(local: Local, signed_in: SignedIn) -> None:
    """The dry run is a calendar that starts nothing; the button starts what it shows, as far as the quota goes."""
    browser, org = signed_in
    local.ledger.append_run(
        billing_run(org, date(2026, 11, 9)), RunEvent(Status.SUCCESS, started_at=NOON, rows=1), NOON
    )
    path = f"/console/{org.org_slug}/pipelines/gcp_billing/backfill"
    browser.get(f"{path}?first=2026-10-30&last=2026-11-11")
    assert "12 dates run 1 loaded." in browser.words
    assert re.findall(r'<td class="day (\w+)" title="[^"]*">9<', browser.text) == ["already_completed"]
    assert len(re.findall(r'<td class="day run"', browser.text)) == 12
    browser.get(f"/console/{org.org_slug}/runs")
    assert "1 run" in browser.words
    browser.get(f"{path}?first=2026-10-30&last=2026-11-11&reprocess=completed")
    fields = dict(re.findall(r'<input type="hidden" name="(first|last|reprocess)" value="([^"]+)"', browser.text))
    browser.send(path, **fields)
    browser.follow()
    assert "13 runs were started." in browser.words
    assert "13 runs match" in browser.words


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("first=2026-11-11&last=2026-11-01", "start_date must not be after end_date."),
        ("first=2020-01-01&last=2026-11-01", "must not lie more than 366 dates apart"),
        ("first=x&last=2026-11-01", "start_date must be a date"),
        ("first=2026-11-01&last=2026-11-02&reprocess=x", "reprocess must be one of none, failed, completed"),
    ],
)
def test_a_wrong_backfill_is_said_beside_its_form(reader: SignedIn, query: str, words: str) -> None:
    """What cannot be planned is said in a sentence, and the form keeps what was typed."""
    browser, org = reader
    assert browser.get(f"/console/{org.org_slug}/pipelines/gcp_billing/backfill?{query}").status_code == 200
    assert words in browser.words
    assert "Start " not in browser.words


def test_members_see_what_the_api_lets_them_do(local: Local, new_org: NewOrgs) -> None:
    """A member of the lowest role runs pipelines, but is offered no credential form, and a forged one is refused."""
    org = new_org()
    add_member(local.settings, org.org_slug, "a-member", "member")
    browser = console_browser(local, console_demo_user="a-member")
    browser.get("/console/sign-in")
    browser.send("/console/sign-in/demo", back=f"/console/{org.org_slug}/settings")
    browser.follow()
    assert "Owners and admins set up credentials." in browser.words
    assert "<textarea" not in browser.text
    browser.send(f"/console/{org.org_slug}/settings/integrations/openai/remove", confirm="true")
    browser.follow()
    assert "Only owners and admins of the organization may do this." in browser.words
    assert browser.words.count("Works") == 3


def test_the_calendar_has_thirteen_months(local: Local, signed_in: SignedIn) -> None:
    """Each pipeline is one picture of all its days by state, with the same numbers by month and words for its sum."""
    browser, org = signed_in
    record(local, org.org_slug)
    browser.get(f"/console/{org.org_slug}/calendar")
    labels = re.findall(r'aria-label="(\w[^"]*days: [^"]+)"', browser.text)
    states = "367 complete, 2 loaded, may still change, 1 waiting or running, 6 never loaded"
    assert labels[1] == f"OpenAI Usage &amp; Cost, 376 days: {states}"
    days = [len(re.findall(r"M\d+ \d", path)) for path in re.findall(r'<path class="\w+" d="([^"]+)"', browser.text)]
    assert sum(days) == 3 * 376
    assert "Aug 2026 31 of 31 25 of 31 31 of 31" in browser.words
    assert "Nov 2026 11 of 11 11 of 11 9 of 11 2 failed" in browser.words
    browser.get(f"/console/{org.org_slug}/calendar?month=2026-08")
    assert "Sat 8 Aug complete never loaded complete" in browser.words


@pytest.mark.parametrize(
    ("today", "first"),
    [
        (date(2026, 11, 12), date(2025, 11, 1)),
        (date(2026, 1, 31), date(2025, 1, 1)),
        (date(2024, 2, 29), date(2023, 2, 1)),
    ],
)
def test_the_first_month_is_that_of_a_year_ago(today: date, first: date) -> None:
    """Thirteen months are this one, the same of last year, and those between."""
    assert _first_month(today) == first


def test_the_overview_says_what_needs_a_person(local: Local, signed_in: SignedIn) -> None:
    """Failed dates come first; then what is loaded, the integrations, the quota and the newest runs."""
    browser, org = signed_in
    record(local, org.org_slug)
    browser.get(f"/console/{org.org_slug}")
    assert "1 run is under way. The newest runs of 2 dates failed." in browser.words
    assert "Failed Anthropic Usage & Cost 2026-11-11 6 h ago credential_rejected" in browser.words.replace(
        "\u00a0", " "
    )
    assert "2 of 25 runs of people and keys" in browser.words
    assert browser.words.count("Works") == 3
