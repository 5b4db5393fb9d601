"""Runs that are waited for: answered on a change, shared by all who wait, bounded, and never for what has ended.

Time is a clock that pauses move, so nothing here takes as long as it says.
"""

import select
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cloudact.error_codes import Code
from cloudact.errors import Retry
from cloudact.runs.ledger import RunEvent, StepEvent
from cloudact.runs.run import Run, Status
from functions.composition import compose
from functions.routes import public_app
from functions.runs.live import EVERY, LiveRuns
from functions.runs.run_rows import DetailedRun, RunRows, StoredRun, StoredStep
from functions.web.bodies import Bodies
from functions.web.waiting import MOST, hangs_up, places
from localcloud.onboarding import OnboardedOrg
from tests.conftest import NOON, Local, NewOrgs, SteppedClock, billing_run
from tests.log_lines import written_lines
from tests.served import under_framework

WITHIN_S = 60.0


class Instance:
    """An instance of the API whose pauses move its clock, and are told to whoever listens."""

    def __init__(self, local: Local, org: OnboardedOrg, threads: int = 8) -> None:
        self.org = org
        self.clock = SteppedClock()
        self.pauses: list[float] = []
        self.on_pause: Callable[[], object] = lambda: None
        self.live = LiveRuns(self.clock, self._pause)
        rooms = compose(local.settings, local.clock)
        self.reads = Counted(local.warehouse)
        rooms = rooms.replaced(runs=replace(rooms.runs, live=self.live, rows=self.reads))
        self.client: FlaskClient = public_app(rooms, Bodies(threads)).test_client()

    def get(self, run: Run, etag: str | None = None, prefer: str | None = None, **query: Any) -> TestResponse:
        """The run's detail, asked for with this ETag and preference."""
        sent = {"X-API-Key": self.org.api_key, "If-None-Match": etag, "Prefer": prefer}
        headers = {name: text for name, text in sent.items() if text is not None}
        path = f"/api/v1/pipelines/{self.org.org_slug}/runs/{run.run_id}"
        return self.client.get(path, headers=headers, query_string={"requested_date": run.requested_date, **query})

    def _pause(self, _connection: socket.socket | None, within_s: float) -> bool:
        self.pauses.append(within_s)
        self.clock.advance(seconds=within_s)
        return bool(self.on_pause())


class Counted(RunRows):
    """Counts how often steps, and so a run, are read; `away` says that BigQuery cannot be reached."""

    count = 0
    away = False

    def find(self, *wanted: Any) -> DetailedRun | None:
        if self.away:
            raise Retry(Code.BIGQUERY_UNAVAILABLE, "BigQuery is away.")
        return super().find(*wanted)

    def steps(self, run: StoredRun) -> list[StoredStep]:
        self.count += 1
        return super().steps(run)


@pytest.fixture
def running(local: Local, new_org: NewOrgs) -> tuple[OnboardedOrg, Run]:
    """A run that goes on."""
    org = new_org()
    run = billing_run(org)
    local.ledger.append_run(run, RunEvent(Status.RUNNING, started_at=NOON), NOON)
    return org, run


@pytest.fixture
def instance(local: Local, running: tuple[OnboardedOrg, Run]) -> Instance:
    return Instance(local, running[0])


def end(local: Local, run: Run) -> None:
    event = RunEvent(Status.SUCCESS, started_at=NOON, rows=7)
    local.ledger.append_run(run, event, NOON + timedelta(seconds=9))


def test_the_end_is_answered_when_it_is_read(
    instance: Instance, local: Local, running: tuple[OnboardedOrg, Run]
) -> None:
    """A request that knows the state waits for the next, and the run is read now and then meanwhile."""
    _, run = running
    etag = instance.get(run).headers["ETag"]
    instance.on_pause = lambda: end(local, run) if len(instance.pauses) == 3 else None
    with written_lines() as lines:
        answer = instance.get(run, etag, prefer="wait=25")
    (line,) = lines.of("request")
    assert (line["wait_s"], line["run_id"]) == (25, run.run_id)
    assert (answer.status_code, answer.get_json()["status"]) == (200, "SUCCESS")
    assert (answer.headers["Preference-Applied"], "Retry-After" in answer.headers) == ("wait=25", False)
    assert instance.pauses == [EVERY.total_seconds()] * 3
    assert instance.live.waiting.count == 0


@pytest.mark.parametrize(
    ("prefer", "query", "waited_s"),
    [
        ("wait=25", {}, 25), ("respond-async, wait=5; foo=1", {}, 5), ('WAIT="7"', {}, 7), ("wait=3600", {}, 25),
        (None, {"wait": 25}, 25), ("wait=25", {"wait": 3}, 3), ("wait=25", {"wait": 0}, 0), ("wait=soon", {}, 0),
        ("nowait=5", {}, 0), (None, {}, 0),
    ],
)  # fmt: skip
def test_without_a_change_it_is_304_after_the_wait(
    instance: Instance, running: tuple[OnboardedOrg, Run], prefer: str | None, query: dict[str, int], waited_s: int
) -> None:
    """The parameter or the preference says how long, 25 seconds at most; what cannot be understood is no preference."""
    _, run = running
    etag = instance.get(run).headers["ETag"]
    answer = instance.get(run, etag, prefer, **query)
    assert (answer.status_code, answer.headers["ETag"], answer.data) == (304, etag, b"")
    assert sum(instance.pauses) == waited_s


@pytest.mark.parametrize("wait", ["26", "-1", "x", "1.5", ""])
def test_a_wait_that_is_none(instance: Instance, running: tuple[OnboardedOrg, Run], wait: str) -> None:
    """A parameter, unlike a preference, is refused where it cannot be kept."""
    answer = instance.get(running[1], wait=wait)
    assert (answer.status_code, answer.get_json()["field"]) == (400, "wait")


def test_nobody_waits_for_what_is_there(instance: Instance, local: Local, running: tuple[OnboardedOrg, Run]) -> None:
    """A state that is not known, and a run that has ended, are answered at once."""
    _, run = running
    for etag in (None, '"another"'):
        answer = instance.get(run, etag, "wait=25")
        assert (answer.status_code, answer.headers["Preference-Applied"]) == (200, "wait=25")
    end(local, run)
    instance.clock.advance(seconds=2)
    final = instance.get(run).headers["ETag"]
    assert instance.get(run, final, "wait=25").status_code == 304
    assert instance.get(run, "*", wait=25).status_code == 304
    assert instance.pauses == []


def test_a_run_that_is_not_there_is_not_waited_for(instance: Instance) -> None:
    """An unknown run is 404 at once."""
    unknown = billing_run(instance.org, generation=9)
    assert instance.get(unknown, '"x"', "wait=25").status_code == 404
    assert instance.pauses == []


def test_another_org_is_not_given_a_shared_reading(
    instance: Instance, new_org: NewOrgs, running: tuple[OnboardedOrg, Run]
) -> None:
    """Readings are of an org and a run: who names another org's run gets 404 beside a fresh reading of it."""
    stranger, (_, run) = new_org(), running
    assert instance.get(run, wait=25).status_code == 200
    path = f"/api/v1/pipelines/{stranger.org_slug}/runs/{run.run_id}?wait=25"
    answer = instance.client.get(path, headers={"X-API-Key": stranger.api_key})
    assert (answer.status_code, answer.get_json()["code"]) == (404, "run_unknown")


@contextmanager
def held(instance: Instance, run: Run, etag: str, number: int) -> Iterator[ThreadPoolExecutor]:
    """So many requests that wait, in threads of a pool, until the end of the context."""
    inside, go_on = [Event() for _ in range(number)], Event()
    entered = iter(inside)

    def hold() -> bool:
        if (event := next(entered, None)) is not None:
            event.set()
            assert go_on.wait(WITHIN_S)
        return True  # the client has gone: nobody waits twice

    instance.on_pause = hold
    with ThreadPoolExecutor(number) as pool:
        waiting = [pool.submit(instance.get, run, etag, "wait=25") for _ in range(number)]
        try:
            assert all(event.wait(WITHIN_S) for event in inside)
            yield pool
        finally:
            go_on.set()
        assert [each.result(WITHIN_S).status_code for each in waiting] == [304] * number


def test_a_quarter_of_the_threads_may_wait(instance: Instance, running: tuple[OnboardedOrg, Run]) -> None:
    """Who finds no place is answered at once and told when the run is read again; a place that is left is free."""
    _, run = running
    etag = instance.get(run).headers["ETag"]
    with held(instance, run, etag, places(8)):
        assert instance.live.waiting.count == places(8)
        turned_away = instance.get(run, etag, "wait=25")
    assert (turned_away.status_code, turned_away.headers["ETag"]) == (304, etag)
    assert "Preference-Applied" not in turned_away.headers
    assert 1 <= int(turned_away.headers["Retry-After"]) <= 2
    assert instance.live.waiting.count == 0


def test_a_server_of_few_threads_lets_nobody_wait(local: Local, running: tuple[OnboardedOrg, Run]) -> None:
    """Everybody is answered at once there, and the change is seen with the next reading."""
    org, run = running
    instance = Instance(local, org, threads=2)
    etag = instance.get(run).headers["ETag"]
    assert "Retry-After" in instance.get(run, etag, "wait=25").headers
    end(local, run)
    assert instance.get(run, etag, "wait=25").status_code == 304
    instance.clock.advance(seconds=EVERY.total_seconds())
    assert instance.get(run, etag, "wait=25").get_json()["status"] == "SUCCESS"
    assert instance.pauses == []


@pytest.mark.parametrize(("threads", "most"), [(1, 0), (4, 1), (8, 2), (20, 5), (32, MOST), (80, MOST)])
def test_places(threads: int, most: int) -> None:
    """However many threads a server has, half are left to slow bodies and a quarter to everyone."""
    assert places(threads) == most
    assert most + max(threads // 2, 1) <= threads


def test_all_who_wait_share_one_reading(instance: Instance, running: tuple[OnboardedOrg, Run]) -> None:
    """A hundred who come before the next reading is due cost one, and so do those who come after that."""
    _, run = running
    etag = instance.get(run).headers["ETag"]
    before = instance.reads.count
    instance.on_pause = lambda: True
    for _ in range(2):
        now = instance.clock.now
        for _ in range(100):
            instance.clock.now = now
            instance.get(run, etag, "wait=25")
        instance.clock.now = now + EVERY
    assert instance.reads.count - before == 2


def test_who_has_gone_frees_the_place(instance: Instance, running: tuple[OnboardedOrg, Run]) -> None:
    """A connection that ends during a pause ends the waiting, and the run is not read for it again."""
    _, run = running
    etag = instance.get(run).headers["ETag"]
    instance.on_pause = lambda: True
    before = instance.reads.count
    instance.get(run, etag, "wait=25")
    assert (len(instance.pauses), instance.reads.count - before, instance.live.waiting.count) == (1, 1, 0)


def test_a_failure_while_waiting_frees_the_place(instance: Instance, running: tuple[OnboardedOrg, Run]) -> None:
    """Whatever a reading raises is answered as it is anywhere."""
    _, run = running
    etag = instance.get(run).headers["ETag"]
    instance.on_pause = lambda: setattr(instance.reads, "away", True)
    assert instance.get(run, etag, "wait=25").status_code == 503
    assert (len(instance.pauses), instance.live.waiting.count) == (1, 0)


def test_a_connection_that_ends_is_noticed() -> None:
    """Of a real pair of sockets: an end is seen at once, silence and an early next request are waited out."""
    ours, theirs = socket.socketpair()
    with closing(ours):
        assert not hangs_up(ours, 0.01)
        theirs.sendall(b"GET")
        assert not hangs_up(ours, 0.01)
        assert ours.recv(3) == b"GET"
        theirs.close()
        assert hangs_up(ours, WITHIN_S)
    assert hangs_up(ours, WITHIN_S)
    assert not hangs_up(None, 0.01)


def test_since(instance: Instance, local: Local, running: tuple[OnboardedOrg, Run]) -> None:
    """Only steps and messages of that instant or later, and steps that go on; the ETag is the whole run's."""
    _, run = running
    said = [(1, "first"), (5, "second")]
    for at, text in said:
        step = StepEvent(1, "extract", "gcp.bq_etl", Status.RUNNING, 1, text, level="INFO", text=text)
        local.ledger.append_step(run, step, NOON + timedelta(seconds=at))
    whole = instance.get(run)
    at = whole.get_json()["steps"][0]["messages"][-1]["at"]
    news = instance.get(run, since=at)
    assert [each["text"] for each in news.get_json()["steps"][0]["messages"]] == ["second"]
    assert news.headers["ETag"] == whole.headers["ETag"]
    later = instance.get(run, since="2026-11-12T13:00:06.000+01:00").get_json()
    assert [(step["step_name"], step["messages"]) for step in later["steps"]] == [("extract", [])]
    assert instance.get(run, since="noon").get_json()["field"] == "since"


def test_a_client_that_goes_frees_its_place(local: Local, running: tuple[OnboardedOrg, Run], tmp_path: Path) -> None:
    """At a server of four threads one may wait; once its connection ends, long before its 25 seconds, another may."""
    org, run = running
    path = f"/api/v1/pipelines/{org.org_slug}/runs/{run.run_id}?requested_date={run.requested_date}"
    key = {"X-API-Key": org.api_key}
    with under_framework("api", local.settings.to_env() | {"THREADS": "4"}, tmp_path) as url, httpx.Client() as http:
        known = {**key, "If-None-Match": http.get(url + path, headers=key).headers["ETag"]}

        def turned_away() -> bool:
            answer = http.get(f"{url}{path}&wait=1", headers=known)
            assert answer.status_code == 304
            return "Retry-After" in answer.headers

        def let_in_and_alone() -> bool:
            if select.select([waiting], [], [], 0.2)[0]:  # the other had the place: it comes again
                waiting.recv(65_536)
                waiting.sendall(asked)
                return False
            return turned_away()

        address = urlsplit(url)
        lines = [f"GET {path}&wait=25 HTTP/1.1", "Host: localhost", *(f"{name}: {known[name]}" for name in known)]
        asked = "\r\n".join([*lines, "", ""]).encode()
        with socket.create_connection((address.hostname, address.port), WITHIN_S) as waiting:
            waiting.sendall(asked)
            until(let_in_and_alone, WITHIN_S)
        until(lambda: not turned_away(), within_s=20)


def until(what: Callable[[], bool], within_s: float) -> None:
    """Returns once it is true."""
    deadline = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)
