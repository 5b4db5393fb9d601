"""Pages of a long history: which runs they hold, which days they read, and what a count adds."""

from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from cloudact.error_codes import Code
from cloudact.errors import Retry
from cloudact.runs.ledger import RunEvent
from cloudact.runs.run import Run, Status, TriggerType
from cloudact.warehouse.bigquery import Access, Warehouse
from functions.runs.run_pages import After, Filters, Page, RunPages
from localcloud.onboarding import OnboardedOrg
from tests.conftest import NOON, Local, NewOrgs, billing_run

TODAY = NOON.date()
# Days before today on which runs were requested: a full week, gaps, a burst, and one at the edge of the retention.
DAYS_AGO = (0, 0, 1, 2, 2, 3, 6, 7, 8, 33, 34, 35, 35, 35, 35, 35, 36, 120, 121, 399)
ENDINGS = (Status.SUCCESS, Status.FAILED, None, Status.SUCCESS, Status.CANCELLED)


class Recording(Warehouse):
    """Notes which query reads which days; what `refuse` names fails."""

    def __init__(self, local: Local, refuse: str = "") -> None:
        settings = local.settings
        super().__init__(Access.of(settings), installation=settings.installation)
        self.read_days: list[tuple[str, int]] = []
        self.refuse = refuse

    def rows(
        self, query: str, /, dataset: str | None = None, org_table: str | None = None, **values: Any
    ) -> list[dict[str, Any]]:
        if query == self.refuse:
            raise Retry(Code.BIGQUERY_UNAVAILABLE, "BigQuery does not answer.")
        self.read_days.append((query, (values["last_day"] - values["first_day"]).days + 1))
        return super().rows(query, dataset, org_table, **values)


class AtOnce(Executor):
    """Runs what is submitted at once, so that the order of queries is known."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Retry as err:
            done.set_exception(err)
        return done


class Never(Executor):
    """Takes what is submitted and never runs it: a count that takes for ever."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:  # noqa: ARG002
        return Future()


@pytest.fixture(scope="module")
def history(session_cloud: Local) -> tuple[str, list[tuple[Run, Status]]]:
    """An org's runs with their status, newest first."""
    session_cloud.clock.now = NOON
    org = "pages_of_runs"
    runs = []
    for n, days in enumerate(DAYS_AGO):
        at = NOON - timedelta(days=days, minutes=n)
        run = Run(
            org_slug=org, pipeline="gcp_billing", provider="gcp", domain="cost", name="billing", generation=n + 1,
            date=date(2026, 11, 1 + n % 3), requested_at=at, triggered_by="me",
            trigger_type=TriggerType.API if n % 2 else TriggerType.SCHEDULE,
        )  # fmt: skip
        session_cloud.ledger.append_run(run, RunEvent(Status.PENDING), at)
        if ending := ENDINGS[n % len(ENDINGS)]:
            session_cloud.ledger.append_run(run, RunEvent(ending, started_at=at), at + timedelta(seconds=9))
        runs.append((run, ending or Status.PENDING))
    return org, runs


def pages_of(warehouse: Warehouse) -> RunPages:
    return RunPages(warehouse, AtOnce())


def ids(page: Page) -> list[str]:
    return [run.run_id for run in page.runs]


@pytest.mark.parametrize(
    ("filters", "matches"),
    [
        (Filters(), lambda _run, _status: True),
        (Filters(statuses=(Status.SUCCESS,)), lambda _run, status: status is Status.SUCCESS),
        (Filters(date=date(2026, 11, 2)), lambda run, _status: run.date.day == 2),
        (Filters(trigger_types=("schedule",)), lambda run, _status: run.trigger_type is TriggerType.SCHEDULE),
        (
            Filters(statuses=(Status.FAILED, Status.PENDING), pipeline="pages_of_runs-gcp-billing"),
            lambda _run, status: status in (Status.FAILED, Status.PENDING),
        ),
        (
            Filters(first_day=TODAY - timedelta(days=35), last_day=TODAY - timedelta(days=3)),
            lambda run, _status: 3 <= (TODAY - run.requested_at.date()).days <= 35,
        ),
        (Filters(pipeline="openai_usage_cost"), lambda _run, _status: False),
        (Filters(last_day=date(2015, 1, 1)), lambda _run, _status: False),
    ],
)
@pytest.mark.parametrize("limit", [1, 3, 7, 20, 100])
def test_both_ways_give_every_match_once(
    local: Local,
    history: tuple[str, list[tuple[Run, Status]]],
    filters: Filters,
    matches: Callable[[Run, Status], bool],
    limit: int,
) -> None:
    """By cursor and by offset, counted or not, the pages are those of the list in memory; the last is not empty."""
    org, runs = history
    wanted = [run.run_id for run, status in runs if matches(run, status)]
    pages = pages_of(local.warehouse)
    first = pages.first(org, filters, TODAY, limit, counted=True)
    assert (first.total, ids(first)) == (len(wanted), wanted[:limit])
    assert pages.first(org, filters, TODAY, limit, counted=False) == Page(first.runs, first.more)
    seen, page = ids(first), first
    while page.more:
        last = page.runs[-1]
        page = pages.after(org, filters, TODAY, limit, After(last.created_at, last.run_id))
        assert (page.total, bool(page.runs)) == (None, True)
        seen += ids(page)
    assert seen == wanted
    for offset in range(1, len(wanted) + 2, 1 if limit == 3 else 5):
        page = pages.at(org, filters, TODAY, limit, offset)
        rest = wanted[offset:]
        assert (page.total, ids(page), page.more) == (len(wanted), rest[:limit], len(rest) > limit)


def test_a_page_reads_the_days_it_lies_in(local: Local, history: tuple[str, list[tuple[Run, Status]]]) -> None:
    """A week is read for a page that lies in it, no day twice, and an offset reads the days that the count tells."""
    org, _ = history
    warehouse = Recording(local)
    pages = pages_of(warehouse)

    def days_read(act: Callable[[], object]) -> list[tuple[str, int]]:
        warehouse.read_days.clear()
        act()
        return warehouse.read_days

    counted = ("run_count", 401)
    assert days_read(lambda: pages.first(org, Filters(), TODAY, 5, counted=True)) == [counted, ("run_list", 8)]
    assert days_read(lambda: pages.first(org, Filters(), TODAY, 5, counted=False)) == [("run_list", 8)]
    # 9 runs of the last 8 days are not enough: the count tells that the days up to 33 and 34 days ago have the rest
    assert days_read(lambda: pages.first(org, Filters(), TODAY, 10, counted=True)) == [
        counted,
        ("run_list", 8),
        ("run_list", 27),
    ]
    assert days_read(lambda: pages.first(org, Filters(), TODAY, 10, counted=False)) == [
        ("run_list", 8),
        ("run_list", 29),
    ]
    assert days_read(lambda: pages.at(org, Filters(), TODAY, 3, 11)) == [counted, ("run_list", 1)]
    assert days_read(lambda: pages.at(org, Filters(), TODAY, 3, 500)) == [counted]
    oldest = After(NOON - timedelta(days=399), "z")
    assert days_read(lambda: pages.after(org, Filters(), TODAY, 3, oldest)) == [("run_list", 2)]


def test_an_org_without_runs_is_asked_for_once(local: Local, new_org: NewOrgs) -> None:
    """A history that is known to be empty, or to lie in this week, is not searched further."""
    org = new_org()
    warehouse = Recording(local)
    page = pages_of(warehouse).first(org.org_slug, Filters(), TODAY, 20, counted=True)
    assert (page, [query for query, _ in warehouse.read_days]) == (Page([], False, 0), ["run_count", "run_list"])
    run = billing_run(org)
    local.ledger.append_run(run, RunEvent(Status.PENDING), NOON)
    warehouse.read_days.clear()
    page = pages_of(warehouse).first(org.org_slug, Filters(), TODAY, 20, counted=True)
    assert (ids(page), page.total, len(warehouse.read_days)) == ([run.run_id], 1, 2)


def test_a_page_does_not_wait_for_its_count(local: Local, history: tuple[str, list[tuple[Run, Status]]]) -> None:
    """Where the count is late or fails, the page is there and its total is unknown."""
    org, runs = history
    late = RunPages(local.warehouse, Never(), count_wait_s=0).first(org, Filters(), TODAY, 12, counted=True)
    failed = pages_of(Recording(local, refuse="run_count")).first(org, Filters(), TODAY, 12, counted=True)
    assert late == failed
    assert (ids(late), late.more, late.total) == ([run.run_id for run, _ in runs[:12]], True, None)


def test_an_offset_waits_for_no_count_of_others(local: Local, history: tuple[str, list[tuple[Run, Status]]]) -> None:
    """A page by offset counts in its own thread, also while every count beside pages takes for ever."""
    org, runs = history
    page = RunPages(local.warehouse, Never()).at(org, Filters(), TODAY, 3, 5)
    assert ids(page) == [run.run_id for run, _ in runs[5:8]]


def test_an_offset_needs_its_count(local: Local, history: tuple[str, list[tuple[Run, Status]]]) -> None:
    """A page by offset raises where the count fails: nothing else tells where it begins."""
    with pytest.raises(Retry):
        pages_of(Recording(local, refuse="run_count")).at(history[0], Filters(), TODAY, 3, 5)


def test_a_thread_counts(local: Local, history: tuple[str, list[tuple[Run, Status]]]) -> None:
    """The count runs beside the page in a thread of its own."""
    with ThreadPoolExecutor(1) as counting:
        page = RunPages(local.warehouse, counting, count_wait_s=60).first(history[0], Filters(), TODAY, 3, counted=True)
    assert page.total == len(DAYS_AGO)


def test_the_answer_says_what_its_total_is(api: FlaskClient, local: Local, new_org: NewOrgs) -> None:
    """`total` is exact, or left out where it was not wanted; anything but true and false is refused."""
    org: OnboardedOrg = new_org()
    run = billing_run(org)
    local.ledger.append_run(run, RunEvent(Status.PENDING), NOON)

    def asked(**query: str) -> dict[str, Any]:
        headers = {"X-API-Key": org.api_key}
        path = f"/api/v1/pipelines/{org.org_slug}/runs"
        answer: dict[str, Any] = api.get(path, headers=headers, query_string=query).get_json()
        return answer

    assert {name: asked()[name] for name in ("total", "total_is")} == {"total": 1, "total_is": "exact"}
    for query in ({"total": "false"}, {"total": "false", "offset": "1"}):
        assert not {"total", "total_is"} & set(asked(**query))
    assert asked(total="no")["detail"] == "total must be true or false."
