"""Admission is exact: parallel triggers against a threaded server, with and without a Cloud Tasks that fails."""

import datetime as dt
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import local as thread_local
from typing import Any

import pytest
import requests

from cloudact import clients
from cloudact.runs.run import run_id
from functions.composition import compose
from functions.routes import public_app
from localcloud.google_apis.rest.faults import Fault
from localcloud.onboarding import OnboardedOrg
from tests.conftest import Local, NewOrgs
from tests.served import served

SEEN_BY_NO_SWEEP = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)  # far from the days of other tests
FIRST, LIMIT, REQUESTS, CLIENTS = dt.date(2025, 1, 1), 25, 200, 100
AT_ONCE = 40  # the local BigQuery answers one query after another, and a request waits for 8 s
ROUNDS = 20


@dataclass(frozen=True)
class Answer:
    """What a client keeps of one answer; `run_id` is `None` where none was given."""

    code: int
    date: str
    run_id: str | None


Send = Callable[[OnboardedOrg, Sequence[dt.date]], list[Answer]]


@pytest.fixture
def url(local: Local) -> Iterator[str]:
    """The function `api` behind a server with a thread for every connection."""
    local.clock.now = SEEN_BY_NO_SWEEP
    with served(public_app(compose(local.settings, local.clock))) as url:
        yield url


@pytest.fixture
def flaky(local: Local) -> Iterator[None]:
    """Three of a hundred creations and reads of tasks fail, and as many answers get lost."""
    for number, method in enumerate(("CreateTask", "GetTask")):
        wrong: dict[str, Any] = {"api": "tasks", "method": method, "probability": 0.03}
        local.google.faults.add(Fault(kind="error", status=503, seed=number, **wrong))
        local.google.faults.add(Fault(kind="lost_reply", seed=10 + number, **wrong))
    yield
    local.google.faults.clear()


@pytest.fixture
def send(url: str) -> Iterator[Send]:
    """Sends one request for each date, 40 at once; whoever is told 503 asks again."""
    mine = thread_local()

    def ask(org: OnboardedOrg, date: dt.date) -> Answer:
        if not hasattr(mine, "session"):
            mine.session = requests.Session()
        address = f"{url}/api/v1/pipelines/run/{org.org_slug}/gcp/cost/billing"
        sent = {"json": {"date": date.isoformat()}, "headers": {"X-API-Key": org.api_key}}
        answer = mine.session.post(address, timeout=120, **sent)
        return Answer(answer.status_code, date.isoformat(), answer.json().get("run_id"))

    def until_final(org: OnboardedOrg, date: dt.date) -> list[Answer]:
        answers = [ask(org, date)]
        while answers[-1].code == 503 and len(answers) < 10:
            answers.append(ask(org, date))
        return answers

    with ThreadPoolExecutor(AT_ONCE) as threads:

        def in_parallel(org: OnboardedOrg, dates: Sequence[dt.date]) -> list[Answer]:
            asked = [threads.submit(until_final, org, date) for date in dates]
            return [answer for each in asked for answer in each.result()]

        yield in_parallel


def tasks_of(local: Local, org: OnboardedOrg) -> int:
    tasks = clients.tasks(local.settings).list_tasks(request={"parent": local.settings.queue_path})
    return sum(f"-{org.org_slug}-" in task.name for task in tasks)


def counted(local: Local, org: OnboardedOrg) -> int:
    """The runs that the ledger counts against the day's quota."""
    sql = f"SELECT pipelines_today FROM organizations.org_usage_quotas WHERE org_slug = '{org.org_slug}'"
    return max(int(row["pipelines_today"]) for row in local.query(sql))


def codes(answers: Sequence[Answer]) -> dict[int, int]:
    return dict(Counter(answer.code for answer in answers))


def distinct_dates() -> list[dt.date]:
    return [FIRST + dt.timedelta(days=n) for n in range(REQUESTS)]


def check_own_run_ids(org: OnboardedOrg, answers: Sequence[Answer]) -> None:
    """No request was ever answered with any run but its own first generation."""
    for answer in answers:
        own = run_id(org.org_slug, "gcp_billing", dt.date.fromisoformat(answer.date), 1)
        assert answer.run_id in (None, own)


def test_the_limit_is_exact(local: Local, new_org: NewOrgs, send: Send) -> None:
    """200 parallel triggers for 200 dates against a limit of 25: 25 x 202, 175 x 429, 25 tasks, 25 runs."""
    org = new_org(daily_limit=LIMIT)
    answers = send(org, distinct_dates())
    assert codes(answers) == {202: LIMIT, 429: REQUESTS - LIMIT}
    assert len({answer.run_id for answer in answers if answer.code == 202}) == LIMIT
    assert (tasks_of(local, org), counted(local, org)) == (LIMIT, LIMIT)
    check_own_run_ids(org, answers)


def test_identical_triggers_are_one_run(local: Local, new_org: NewOrgs, send: Send) -> None:
    """100 parallel identical triggers: one 202, 99 x 200, all with the same run; one task, one slot."""
    org = new_org(daily_limit=LIMIT)
    answers = send(org, [FIRST] * CLIENTS)
    assert codes(answers) == {202: 1, 200: CLIENTS - 1}
    assert {answer.run_id for answer in answers} == {run_id(org.org_slug, "gcp_billing", FIRST, 1)}
    assert (tasks_of(local, org), counted(local, org)) == (1, 1)


@pytest.mark.usefixtures("flaky")
@pytest.mark.bench
def test_the_limit_is_exact_while_cloud_tasks_fails(local: Local, new_org: NewOrgs, send: Send) -> None:
    """With lost and refused calls, and clients that ask again after 503: 25 dates admitted, 175 refused, 25 tasks."""
    org = new_org(daily_limit=LIMIT)
    answers = send(org, distinct_dates())
    assert set(codes(answers)) <= {200, 202, 429, 503}
    admitted = {answer.date for answer in answers if answer.code in (200, 202)}
    refused = {answer.date for answer in answers if answer.code == 429}
    assert (len(admitted), len(refused), admitted & refused) == (LIMIT, REQUESTS - LIMIT, set())
    assert tasks_of(local, org) == LIMIT
    check_own_run_ids(org, answers)


@pytest.mark.usefixtures("flaky")
@pytest.mark.bench
def test_identical_triggers_are_one_run_while_cloud_tasks_fails(local: Local, new_org: NewOrgs, send: Send) -> None:
    """With lost and refused calls: whoever is answered is told of the same run, and it has one task."""
    org = new_org(daily_limit=LIMIT)
    answers = send(org, [FIRST] * CLIENTS)
    assert set(codes(answers)) <= {200, 202, 503}
    assert {answer.run_id for answer in answers} - {None} == {run_id(org.org_slug, "gcp_billing", FIRST, 1)}
    assert sum(answer.code in (200, 202) for answer in answers) == CLIENTS
    assert tasks_of(local, org) == 1


@pytest.mark.bench
@pytest.mark.parametrize("number", range(ROUNDS))
def test_again_and_again(local: Local, new_org: NewOrgs, send: Send, number: int) -> None:
    """Both, twenty times, with the counts of each."""
    many, one = new_org(daily_limit=LIMIT), new_org(daily_limit=LIMIT)
    distinct, same = send(many, distinct_dates()), send(one, [FIRST] * CLIENTS)
    told = (codes(distinct), tasks_of(local, many), codes(same), tasks_of(local, one))
    sys.stdout.write(f"round {number + 1}: distinct {told[0]}, {told[1]} tasks; identical {told[2]}, {told[3]} task\n")
    assert told == ({202: LIMIT, 429: REQUESTS - LIMIT}, LIMIT, {202: 1, 200: CLIENTS - 1}, 1)
    assert len({answer.run_id for answer in same}) == 1
