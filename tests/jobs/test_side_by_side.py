"""Reports are read side by side: at most four calls at once, and everything else as one after another."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudact.errors import Skip
from jobs.termination import Terminated
from providers import http
from providers.calls import MOST_AT_ONCE
from providers.openai.reports import COST_TABLE, USAGE_TABLE
from tests.jobs.side_by_side import (
    QUICK,
    WITHIN_S,
    OneAfterAnother,
    Page,
    Provider,
    Row,
    Told,
    lanes_left,
    read,
    source_of,
)

USAGE = ("completions", "decisions", "embeddings", "images", "moderations")
EVERY = (*USAGE, "costs")
TROUBLE = ("stop", "key", "rights", "busy", "gone", "passing", "limited", "dimension", "dimension", "cursor", "crash")


def usage(number: int = 1, **more: object) -> Row:
    return {"object": "x", "input_tokens": number, "project_id": f"proj_{number}", **more}


def cost(value: object = "1.5", **more: object) -> Row:
    return {"object": "x", "amount": {"value": value, "currency": "usd"}, "project_id": "p", **more}


def some_row(random: Random, report: str) -> Row:
    odd: dict[str, object] = random.choice([{}, {}, {"model": {"is": "odd"}}, {f"new_{random.randrange(9)}": 1}])
    if report != "costs":
        return usage(random.randrange(1000), **odd)
    if random.random() < 0.1:
        return {"project_id": "unpriced", **odd}
    return cost(random.randrange(1000) / 8, **odd)


def some_pages(random: Random, report: str, trouble: float) -> list[Page]:
    return [
        Page(
            [some_row(random, report) for _ in range(random.randrange(4))],
            random.choice(TROUBLE) if random.random() < trouble else "",
        )
        for _ in range(random.randrange(1, 5))
    ]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), trouble=st.sampled_from([0.0, 0.05, 0.15, 0.4]))
def test_side_by_side_gives_what_one_after_another_gives(seed: int, trouble: float) -> None:
    """Whatever fails, and in whichever order answers come: the same tables, digests, messages, total and error."""
    random = Random(seed)
    reports = random.sample(EVERY, random.randrange(1, len(EVERY) + 1))
    pages = {report: some_pages(random, report, trouble) for report in reports}
    expected = read(OneAfterAnother(source_of(Provider(pages).client, reports)))
    late = Provider(pages, at_call=lambda _report, _page: time.sleep(random.random() / 500))
    assert read(source_of(late.client, reports)) == expected
    assert late.most["all"] <= MOST_AT_ONCE
    assert all(most == 1 for report, most in late.most.items() if report != "all")
    assert lanes_left() == []


def test_four_reports_are_asked_at_once_after_one_was_accepted() -> None:
    """The first page of the costs is asked for alone; then four reports ask at the same time, and no fifth."""
    together = threading.Barrier(MOST_AT_ONCE)

    def meet(_report: str, _page: int) -> None:
        if len(provider.asked) > 1 and provider.asked[0] == ("costs", 0) and not met.is_set():
            together.wait(WITHIN_S)
            met.set()

    met = threading.Event()
    provider = Provider({report: [Page([])] * 3 for report in EVERY}, at_call=meet)
    assert read(source_of(provider.client, EVERY))["error"] == ""
    assert provider.asked[0] == ("costs", 0)
    assert {report for report, _ in provider.asked[1:5]} == {"costs", "completions", "decisions", "embeddings"}
    assert (provider.most["all"], met.is_set()) == (MOST_AT_ONCE, True)


def test_a_key_that_is_refused_is_asked_for_once() -> None:
    """No report is begun before the provider has accepted the key: it is not refused four times."""
    provider = Provider({report: [Page([], "key")] for report in EVERY})
    assert "refuses the key" in read(source_of(provider.client, EVERY))["error"]
    assert provider.asked == [("costs", 0)] * 2


@pytest.mark.parametrize("first", ["costs", "completions"])
def test_the_costs_decide_whichever_fails_first(first: str) -> None:
    """Costs and usage both fail: the run ends with the error of the costs, though that of the usage may come before."""
    failed = threading.Event()

    def in_order(report: str, page: int) -> None:
        if report == first and page == 1:
            failed.set()
        elif page == 1:
            assert failed.wait(WITHIN_S)

    pages = {report: [Page([]), Page([], "stop")] for report in ("completions", "costs")}
    found = read(source_of(Provider(pages, in_order).client, ["completions", "costs"]))
    assert "no costs 1" in found["error"]
    assert found["messages"] == []


def test_an_earlier_report_of_a_table_decides() -> None:
    """Of two reports of one table the first in order is told, though the other one failed before it."""
    failed = threading.Event()

    def in_order(report: str, page: int) -> None:
        if report == "embeddings":
            failed.set()
        elif (report, page) == ("completions", 1):
            assert failed.wait(WITHIN_S)

    pages = {"completions": [Page([]), Page([], "stop")], "embeddings": [Page([], "stop")], "costs": [Page([cost()])]}
    found = read(source_of(Provider(pages, in_order).client, [*pages]))
    assert [name for name, _ in found["files"]] == [COST_TABLE.name]
    (warning,) = [text for level, text in found["messages"] if level == "WARNING"]
    assert "no completions 1" in warning
    assert f"The table {USAGE_TABLE.name} was left as it is." in warning
    assert found["left"] == [f"{COST_TABLE.name}.parquet"]


def test_a_table_is_read_again_while_another_goes_on() -> None:
    """A dimension that a later page refuses has the whole table read again, without a row twice, and no other table."""
    pages = {
        "completions": [Page([usage(1)])],
        "embeddings": [Page([usage(2)]), Page([usage(3)])],
        "web_search_calls": [Page([usage(4)]), Page([usage(5)], "dimension")],
        "costs": [Page([cost()])] * 3,
    }
    provider = Provider(pages)
    found = read(source_of(provider.client, [*pages]))
    rows, _, _, coarser = dict(found["files"])[USAGE_TABLE.name]
    assert (sorted(row["input_tokens"] for row in rows), coarser) == ([1, 2, 3, 4, 5], True)
    assert len([text for _, text in found["messages"] if "was read without api_source" in text]) == 1
    assert provider.asked.count(("costs", 0)) == 1
    assert provider.asked.count(("web_search_calls", 0)) == 2


def test_what_was_said_is_said_once_where_a_table_is_read_again() -> None:
    """A report that is not offered is not offered at the second reading either, which is no second news."""
    pages = {
        "decisions": [Page([], "gone")],
        "web_search_calls": [Page([usage(1)]), Page([usage(2)], "dimension")],
        "costs": [Page([cost()])],
    }
    provider = Provider(pages)
    found = read(source_of(provider.client, [*pages]))
    assert provider.asked.count(("decisions", 0)) == 2
    assert len([text for _, text in found["messages"] if "does not offer the report decisions" in text]) == 1


@pytest.mark.parametrize("report", ["completions", "costs"])
def test_rows_that_are_thrown_away_need_no_room(report: str) -> None:
    """Where a table is read again, what does not count of it gives no table up, not even the costs."""
    rows: dict[str, Callable[..., Row]] = {"completions": usage, "costs": cost}
    random = Random(1)
    many = [rows[report](n, **dict.fromkeys(("model", "line_item"), random.randbytes(40).hex())) for n in range(1000)]
    again = [Page(many, "finer")] * 3 + [Page([rows[report](1)], "dimension")]
    pages = {name: again if name == report else [Page([row(1)])] for name, row in rows.items()}
    found = read(source_of(Provider(pages).client, [*pages]), room_bytes=20_000)
    assert (found["error"], len(found["files"])) == ("", 2)


def test_costs_without_amount_count_once_where_they_are_read_again() -> None:
    """A cost without an amount on a page that is read twice is one; its page is one too."""
    pages = {"costs": [Page([cost(), cost(), {"project_id": "unpriced"}]), Page([cost()], "dimension")]}
    found = read(source_of(Provider(pages).client, ["costs"]))
    assert (found["error"], found["unpriced"]) == ("", 1)
    assert ("INFO", "Pages with rows, by the column and row by row: costs 1 and 1.") in found["messages"]


def test_an_error_that_nobody_expected() -> None:
    """An error of our own in a thread ends the run as it would without threads, and the threads with it."""
    hooked: list[Any] = []
    before, threading.excepthook = threading.excepthook, hooked.append
    try:
        found = read(source_of(Provider({"completions": [Page([], "crash")]}).client, ["completions", "costs"]))
    finally:
        threading.excepthook = before
    assert (found["error"].split(" ", 1)[0], lanes_left(), hooked) == ("RuntimeError", [], [])


def test_the_total_is_read_beside_the_reports() -> None:
    """The provider's own total is asked for once, and told when it is wanted; its failure keeps nothing back."""
    pages = {"completions": [Page([usage()])] * 2, "costs": [Page([cost("2.5")])] * 2}
    provider = Provider(pages)
    assert read(source_of(provider.client, [*pages]))["total"] == ({"USD": 5}, [])
    assert provider.asked.count(("total", 0)) == 1


def silent(spoken: bytes) -> Iterator[socket.socket]:
    """A server that takes calls, says this to each, and nothing more."""
    listener = socket.create_server(("127.0.0.1", 0))
    taken: list[socket.socket] = []

    def take() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            taken.append(connection)
            connection.sendall(spoken)

    thread = threading.Thread(target=take)
    thread.start()
    yield listener
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(WITHIN_S)
    for connection in taken:
        connection.close()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n"


@pytest.fixture(params=[b"", HEAD, HEAD + b'{"data": ['], ids=["no_word", "head", "half_a_body"])
def silent_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a provider that takes calls and does not answer them."""
    for listener in silent(request.param):
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("ends", [Skip("cancelled"), Terminated()], ids=["cancelled", "sigterm"])
def test_a_run_ends_while_its_provider_is_silent(silent_url: str, ends: BaseException) -> None:
    """Nothing comes, so nothing waits for it: the second look ends the run, its calls and its threads.

    The client is used by the next run of the container as if nothing had happened.
    """

    def look(beat: int) -> None:
        if beat == 2:
            raise ends

    sockets = http.Sockets()
    with http.client(http.IN_A_JOB, sockets) as client:
        source = source_of(client, EVERY, sockets.break_off, silent_url, http.IN_A_JOB)
        progress = Told(look)
        found: Callable[[], Any] = lambda: read(source, progress)  # noqa: E731 - one of two ways to end
        if isinstance(ends, Skip):
            assert found()["error"] == "Skip  cancelled"
        else:
            with pytest.raises(Terminated):
                found()
        assert (progress.beats, lanes_left()) == (2, [])


@pytest.mark.parametrize("ends", [Skip("cancelled"), Terminated()], ids=["cancelled", "sigterm"])
def test_a_run_ends_while_its_provider_takes_no_calls(ends: BaseException) -> None:
    """Nobody can break off a call that has no connection yet: the run is over before it, and the thread ends later."""

    def look(beat: int) -> None:
        if beat == 2:
            raise ends

    sockets = http.Sockets()
    with full_listener() as url, http.client(http.IN_A_JOB, sockets) as client:
        source = source_of(client, EVERY, sockets.break_off, url, http.IN_A_JOB)
        try:
            read(source, Told(look))
        except Terminated:
            assert isinstance(ends, Terminated)
        assert "lane" in lanes_left()
    for thread in threading.enumerate():
        if thread.name in lanes_left():
            thread.join(WITHIN_S)
    assert lanes_left() == []


@contextmanager
def full_listener() -> Iterator[str]:
    """The address of a provider that has no room for another connection."""
    with socket.socket() as listener, ExitStack() as taken:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            connection = taken.enter_context(socket.socket())
            connection.setblocking(False)
            connection.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_client_goes_on_after_a_run_was_broken_off() -> None:
    """Connections that were broken off are replaced by new ones."""
    sockets = http.Sockets()
    for listener in silent(HEAD.replace(b"500", b"2") + b"{}"):
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with http.client(http.IN_A_JOB, sockets) as client:
            for _ in range(2):
                assert client.get(url).json() == {}
                sockets.break_off()


def test_reports_that_wait_are_stopped_too() -> None:
    """A run that is cancelled while one report waits for a limit and others wait for it ends at the next look."""
    limited = threading.Event()

    def look(_beat: int) -> None:
        if limited.is_set():
            raise Skip("cancelled")

    def slept(_seconds: float) -> None:
        limited.set()
        time.sleep(0.01)

    pages = {report: [Page([]), Page([], "limited" if report == "costs" else "")] for report in EVERY}
    patient = http.Patience(attempts=6, longest_wait_s=3600)
    source = source_of(Provider(pages).client, EVERY, patience=patient, time=http.Time(sleep=slept))
    assert read(source, Told(look))["error"] == "Skip  cancelled"
    assert lanes_left() == []
    assert QUICK.longest_wait_s == 0
