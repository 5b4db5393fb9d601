"""The pages *Runs* and *Run*: counts, pages, what is said of an empty list; steps, results, refusals."""

import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from cloudact.error_codes import Code
from cloudact.errors import Retry, Stop
from cloudact.runs.ledger import RunEvent, StepEvent
from cloudact.runs.run import Run, Status, TriggerType
from functions.composition import compose
from functions.console_routes import console_app
from localcloud.onboarding import OnboardedOrg
from tests.browser.scene import record
from tests.conftest import FIXTURE_DAY, NOON, Local, billing_run
from tests.functions.console.conftest import Browser, patient, queries
from tests.functions.test_run_pages import Never

SignedIn = tuple[Browser, OnboardedOrg]


@pytest.fixture(scope="module")
def sixty(session_cloud: Local, read_only: OnboardedOrg) -> list[Run]:
    """Sixty runs of an org that tests only read."""
    return sixty_runs(session_cloud, read_only)


def sixty_runs(local: Local, org: OnboardedOrg) -> list[Run]:
    """Sixty runs of sixty days, every third failed, every second the service's own; the newest first."""
    events = []
    for number in range(60):
        at = NOON - timedelta(days=number)
        trigger = TriggerType.SCHEDULE if number % 2 else TriggerType.API
        run = billing_run(org, at.date(), requested_at=at, trigger_type=trigger)
        error = Stop(Code.CREDENTIAL_REJECTED, f"Refused, the {number}th time.", "Mend it.")
        failed = RunEvent(Status.FAILED, started_at=at, error=error)
        events.append((run, RunEvent(Status.SUCCESS, started_at=at, rows=1234) if number % 3 else failed))
    local.ledger.append_runs(events, NOON)
    return [run for run, _ in events]


def shown(browser: Browser) -> list[str]:
    """Ids of the listed runs."""
    return re.findall(r'<a id="r\S+" href="[^"]*/runs/([0-9a-f-]{36})', browser.text)


def counts(browser: Browser) -> dict[str, int]:
    return {words: int(number) for words, number in re.findall(r">(\w+) <b>([\d,]+)</b>", browser.text)}


def test_pages_follow_each_other_without_a_gap(local: Local, reader: SignedIn, sixty: list[Run]) -> None:
    """Older runs follow page by page, each once, with the same counts on each page, for two queries."""
    browser, org = reader
    path, found = f"/console/{org.org_slug}/runs", []
    while path:
        with queries(local) as asked:
            browser.get(path)
        assert asked[0] <= 2
        assert counts(browser) == {"All": 60, "Waiting": 0, "Running": 0, "Succeeded": 40, "Failed": 20, "Cancelled": 0}
        found += shown(browser)
        older = re.search(r'<a id="older" href="([^"]+)"', browser.text)
        path = older[1].replace("&amp;", "&") if older else ""
    assert found == [run.run_id for run in sixty]


def test_a_busy_day_takes_several_pages(local: Local, signed_in: SignedIn) -> None:
    """Pages that end within a day go on there: of three days with thirty runs each none is left out or comes twice."""
    browser, org = signed_in
    at = [NOON - timedelta(days=number // 30, minutes=number % 30) for number in range(90)]
    runs = [billing_run(org, FIXTURE_DAY - timedelta(days=n), requested_at=each) for n, each in enumerate(at)]
    local.ledger.append_runs([(run, RunEvent(Status.CANCELLED)) for run in runs], NOON)
    path, found = f"/console/{org.org_slug}/runs?status=CANCELLED", []
    while path:
        with queries(local) as asked:
            browser.get(path)
        assert asked[0] <= 2
        found.append(shown(browser))
        older = re.search(r'<a id="older" href="([^"]+)"', browser.text)
        path = older[1].replace("&amp;", "&") if older else ""
    assert [len(each) for each in found] == [25, 25, 25, 15]
    assert [run_id for each in found for run_id in each] == [run.run_id for run in runs]


@pytest.mark.parametrize(
    ("filters", "chosen"),
    [
        ({"status": "FAILED"}, lambda number: number % 3 == 0),
        ({"status": "-FAILED"}, lambda number: number % 3 != 0),
        ({"trigger": "scheduled"}, lambda number: number % 2 == 1),
        ({"trigger": "-scheduled", "status": "FAILED"}, lambda number: number % 6 == 0),
        ({"from": "2026-11-01", "to": "2026-11-05"}, lambda number: 7 <= number <= 11),
        ({"date": "2026-11-01"}, lambda number: number == 11),
        ({"pipeline": "gcp_billing"}, lambda _: True),
        ({"pipeline": "-gcp_billing"}, lambda _: False),
    ],
)
def test_a_filter_shows_what_it_names(reader: SignedIn, sixty: list[Run], filters: dict[str, str], chosen) -> None:  # type: ignore[no-untyped-def]
    """A list has the runs of its filters, the newest of them on its first page, and says how many match."""
    browser, org = reader
    browser.get(f"/console/{org.org_slug}/runs?{urlencode(filters)}")
    wanted = [run.run_id for number, run in enumerate(sixty) if chosen(number)]
    assert shown(browser) == wanted[:25]
    assert re.search(rf"\b{len(wanted)} runs? match", browser.words)


@pytest.mark.usefixtures("sixty")
def test_counts_are_of_every_status_whatever_is_shown(reader: SignedIn) -> None:
    """Each status has its count as a link, which the filter by status does not change but others do."""
    browser, org = reader
    browser.get(f"/console/{org.org_slug}/runs?status=CANCELLED&trigger=-scheduled")
    assert counts(browser) == {"All": 30, "Waiting": 0, "Running": 0, "Succeeded": 20, "Failed": 10, "Cancelled": 0}
    assert f'href="/console/{org.org_slug}/runs?status=FAILED&amp;trigger=-scheduled"' in browser.text


@pytest.mark.usefixtures("sixty")
def test_an_empty_list_says_which_filter_hides_all(reader: SignedIn) -> None:
    """The filter that hides everything is named, with a link to the list without it; for two together that is said."""
    browser, org = reader
    browser.get(f"/console/{org.org_slug}/runs?status=CANCELLED&trigger=scheduled")
    assert "The filter status: Cancelled hides all that the others let through." in browser.words
    assert "The filter started by" not in browser.words
    assert f'href="/console/{org.org_slug}/runs?trigger=scheduled"' in browser.text
    browser.get(f"/console/{org.org_slug}/runs?status=CANCELLED&pipeline=-gcp_billing")
    assert "More than one filter hides them." in browser.words


def test_lists_renew_themselves_while_something_goes_on(local: Local, signed_in: SignedIn) -> None:
    """A list with a run that goes on asks again every five seconds, and one whose runs have ended never does."""
    browser, org = signed_in
    run = billing_run(org)
    local.ledger.append_run(run, RunEvent(Status.RUNNING, started_at=NOON), NOON)
    browser.get(f"/console/{org.org_slug}/runs?pipeline=gcp_billing")
    assert f'hx-get="/console/{org.org_slug}/runs?pipeline=gcp_billing" hx-trigger="every 5s"' in browser.text
    local.ledger.append_run(run, RunEvent(Status.SUCCESS, started_at=NOON, rows=1), NOON)
    browser.get(f"/console/{org.org_slug}/runs")
    assert "every 5s" not in browser.text


def page_of(browser: Browser, run: Run, more: str = "") -> None:
    answer = browser.get(f"/console/{run.org_slug}/runs/{run.run_id}?requested_date={run.requested_date}{more}")
    assert answer.status_code == 200


def test_a_run_in_full(local: Local, signed_in: SignedIn) -> None:
    """A run's page has who started it, what it loaded and changed, its steps with their times, and what they said."""
    browser, org = signed_in
    run = record(local, org.org_slug)["done"]
    page_of(browser, run)
    for words in (
        "gcp_billing · 2026-11-11 Succeeded",
        "Started by person demo-owner",
        "Requested 2026-11-12 11:48:00 ( 12 min ago )",
        "Duration 12.2 s",
        "Generation 2",
        "Rows 3,012 Net cost 1,286.68 USD The day is may still change",
        "Change +12 rows, +3.71 USD against no. 1 : late rows",
        "Billed to you 70.0 MiB read from your export",
        "Cost of the run 0.00048 USD, estimated",
        "extract Succeeded 8.4 s 3,012",
        "Warning: One page came late and was asked for again.",
    ):
        assert words.replace(" ", "") in browser.words.replace(" ", "").replace("\u00a0", ""), words
    said = re.findall(r"(Reading the day|Costs are grouped|The totals agree)", browser.words)
    assert said == ["The totals agree", "Costs are grouped", "Reading the day"]
    page_of(browser, run, "&order=oldest")
    assert re.findall(r"(Reading the day|Costs are grouped|The totals agree)", browser.words) == said[::-1]
    assert "/retry" not in browser.text
    assert "/cancel" not in browser.text


def test_steps_lie_where_they_lay_in_time(local: Local, signed_in: SignedIn) -> None:
    """Each step's bar begins and ends in thousandths of the run's time."""
    browser, org = signed_in
    page_of(browser, record(local, org.org_slug)["done"])
    bars = re.findall(r'class="success" x="(\d+)" y="3" width="(\d+)"', browser.text)
    assert bars == [("0", "689"), ("689", "32"), ("721", "254")]


@pytest.mark.parametrize(
    ("error", "again"),
    [(Stop(Code.CREDENTIAL_REJECTED, "Refused.", "Mend it."), False), (Retry(Code.SOURCE_UNAVAILABLE, "Away."), True)],
)
def test_a_failure_says_why_and_what_to_do(
    local: Local, signed_in: SignedIn, error: Stop | Retry, *, again: bool
) -> None:
    """A failed run has its cause, the hint, the code, whether it may pass by itself, and Retry."""
    browser, org = signed_in
    run = billing_run(org)
    local.ledger.append_run(run, RunEvent(Status.FAILED, started_at=NOON, error=error), NOON)
    page_of(browser, run)
    assert error.message in browser.words
    assert f"Error {error.code}" in browser.words
    assert ("It may pass by itself: retry the run." in browser.words) == again
    assert f'action="/console/{org.org_slug}/runs/{run.run_id}/retry?requested_date=2026-11-12"' in browser.text


def test_a_part_is_given_once_the_run_has_changed(local: Local, signed_in: SignedIn) -> None:
    """The part of a run that goes on asks to be renewed with what it knows, until it is final."""
    browser, org = signed_in
    run = billing_run(org)
    local.ledger.append_run(run, RunEvent(Status.PENDING), NOON)
    page_of(browser, run)
    live = re.search(r'hx-get="([^"]+)"', browser.text)
    assert live
    step = StepEvent(0, "extract", "bigquery_query", Status.RUNNING, 0, "1", level="INFO", text="It has begun.")
    local.ledger.append_run(run, RunEvent(Status.RUNNING, started_at=NOON), NOON)
    local.ledger.append_step(run, step, NOON)
    answer = browser.get(live[1].replace("&amp;", "&"), **{"HX-Request": "true"})
    assert answer.status_code == 200
    assert browser.text.startswith('<div id="run" hx-get=')
    assert "It has begun." in browser.words
    local.ledger.append_run(run, RunEvent(Status.SUCCESS, started_at=NOON, rows=3), NOON)
    live = re.search(r'hx-get="([^"]+)"', browser.text)
    assert live
    local.clock.advance(seconds=2)
    browser.get(live[1].replace("&amp;", "&"), **{"HX-Request": "true"})
    assert "hx-get" not in browser.text
    assert "Succeeded" in browser.words


def test_a_run_is_cancelled_and_retried(signed_in: SignedIn) -> None:
    """Cancel ends a run and says so; Retry leads to its next generation; what cannot be done is said on the page."""
    browser, org = signed_in
    browser.get(f"/console/{org.org_slug}/pipelines")
    browser.send(f"/console/{org.org_slug}/pipelines/gcp_billing/run", date=FIXTURE_DAY.isoformat())
    browser.follow()
    assert "triggered successfully" in browser.words
    path = re.search(r'action="([^"]+/cancel[^"]*)"', browser.text)
    assert path
    browser.send(path[1])
    browser.follow()
    assert "is cancelled." in browser.words
    assert browser.client.get_cookie("__Host-cloudact-flash", domain="localhost") is None
    browser.send(path[1])
    browser.follow()
    assert "The run is CANCELLED already." in browser.words
    retry = re.search(r'action="([^"]+/retry[^"]*)"', browser.text)
    assert retry
    browser.send(retry[1])
    browser.follow()
    assert "Generation 2" in browser.words
    browser.get(path[1].replace("/cancel", ""))
    browser.send(retry[1])
    browser.follow()
    assert "A newer run of this pipeline and date exists" in browser.words


def test_a_history_too_long_to_count_is_paged_all_the_same(local: Local, reader: SignedIn, sixty: list[Run]) -> None:
    """Where the counts do not come in time, pages follow each other without them, and say so."""
    _, org = reader
    rooms = patient(compose(local.settings, local.clock), within_s=0.0, counting=Never())
    browser = Browser(console_app(rooms, local.settings, clock=local.clock).test_client()).sign_in(org)
    path, found = f"/console/{org.org_slug}/runs", []
    while path:
        browser.get(path)
        assert "Too many runs to count them in time" in browser.words
        found += shown(browser)
        older = re.search(r'<a id="older" href="([^"]+)"', browser.text)
        path = older[1].replace("&amp;", "&") if older else ""
    assert found == [run.run_id for run in sixty]
    assert counts(browser) == {}
    browser.get(f"/console/{org.org_slug}/runs?status=CANCELLED")
    assert "The filter status: Cancelled hides all" in browser.words


def chosen(browser: Browser, *words: str) -> dict[str, str]:
    """Fields of the rows that can be ticked and whose label has one of the words."""
    fields = re.findall(r'name="(run_[0-9a-f-]+)" value="([\d-]+)" aria-label="([^"]+)"', browser.text)
    return {name: day for name, day, label in fields if any(each in label for each in words)}


def test_several_runs_are_retried_at_once(local: Local, signed_in: SignedIn) -> None:
    """The ticked runs of a list are each retried; the list says how many, and why another was not."""
    browser, org = signed_in
    sixty = sixty_runs(local, org)
    path = f"/console/{org.org_slug}/runs?status=FAILED"
    browser.get(path)
    back = re.search(r'name="back" value="([^"]+)"', browser.text)
    assert back
    assert back[1] == path
    ticked = chosen(browser, "2026-11-09", "2026-11-06", "2026-11-03")
    assert len(ticked) == 3
    browser.send(f"/console/{org.org_slug}/runs", act="retry", back=path, **ticked)
    browser.follow()
    assert "3 runs were retried." in browser.words
    browser.send(f"/console/{org.org_slug}/runs", act="retry", back=path, **ticked)
    browser.follow()
    assert "0 runs were retried. 3 were not: A newer run of this pipeline and date exists" in browser.words
    browser.get(f"/console/{org.org_slug}/runs?status=PENDING")
    assert counts(browser)["Waiting"] == 3
    waiting = chosen(browser, "Waiting")
    success = {f"run_{sixty[1].run_id}": sixty[1].requested_date.isoformat()}
    browser.send(f"/console/{org.org_slug}/runs", act="cancel", back=path, **waiting, **success)
    browser.follow()
    assert "3 runs were cancelled. 1 was not: The run is SUCCESS already." in browser.words
    assert counts(browser)["Cancelled"] == 3
    assert local.clock.now == NOON


@pytest.mark.usefixtures("sixty")
def test_nothing_is_done_to_runs_that_nobody_chose(reader: SignedIn) -> None:
    """Without a ticked run, for runs of other orgs and for any other act nothing happens, and that is said."""
    browser, org = reader
    browser.get(f"/console/{org.org_slug}/runs")
    browser.send(f"/console/{org.org_slug}/runs", act="retry", back=f"/console/{org.org_slug}/runs")
    browser.follow()
    assert "No run was chosen" in browser.words
    foreign = {"run_00000000-0000-4000-8000-000000000000": ""}
    browser.send(f"/console/{org.org_slug}/runs", act="cancel", back=f"/console/{org.org_slug}/runs", **foreign)
    browser.follow()
    assert "0 runs were cancelled. 1 was not: Run not found" in browser.words
    assert browser.send(f"/console/{org.org_slug}/runs", act="delete").status_code == 400
