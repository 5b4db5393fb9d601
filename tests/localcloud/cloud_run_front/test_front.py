"""The front without its invoker check: what reaches the container, and what the front answers itself."""

import http.client
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from localcloud.cloud_run_front.front import Service
from localcloud.cloud_run_front.limits import MIB, Limits
from localcloud.processes import free_port
from tests.localcloud.cloud_run_front.containers import echoing, fronted

SMALL = Limits(body_bytes=1024, header_bytes=900, timeout_s=0.3, concurrency=2, pending_s=0.2)
WITHIN_S = 60.0


@pytest.fixture
def echo() -> Iterator[tuple[str, Event]]:
    with echoing() as (url, released):
        yield url, released


@pytest.fixture
def front(echo: tuple[str, Event]) -> Iterator[str]:
    with fronted(Service(echo[0], limits=SMALL)) as url:
        yield url


def asked(url: str, method: str = "GET", target: str = "/", **options: Any) -> http.client.HTTPResponse:
    """One request whose target goes out as it is; clients with more comfort tidy it."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=WITHIN_S)
    connection.request(method, target, **options)
    return connection.getresponse()


def told(url: str, target: str, **options: Any) -> dict[str, Any]:
    """What the container saw."""
    seen: dict[str, Any] = json.loads(asked(url, target=target, **options).read())
    return seen


@pytest.mark.parametrize(
    "target", ["/a//b", "//a", "/a/../b", "/a/./b", "/%2F%2e%2e", "/a;b=c?x=1&x=%20&&y", "/%C3%A4"]
)
def test_a_path_arrives_as_it_was_sent(target: str, front: str) -> None:
    """Neither decoded, nor tidied, nor encoded again."""
    assert told(front, target)["target"] == target


def test_slashes_can_be_merged(echo: tuple[str, Event]) -> None:
    """As some of Google's proxies do; a query is not a path."""
    with fronted(Service(echo[0], merge_slashes=True)) as url:
        assert told(url, "//a///b?next=//c")["target"] == "/a/b?next=//c"


def test_what_is_added_and_what_is_not_passed_on(front: str) -> None:
    """The caller stands after whom it names; what concerns the connection stays here."""
    given = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "http", "Connection": "keep-alive, X-Hop"}
    seen = told(front, "/", headers={**given, "X-Hop": "1", "TE": "trailers", "Authorization": "Bearer as it is"})
    headers = {name.lower(): value for name, value in seen["headers"]}
    assert (headers["x-forwarded-for"], headers["x-forwarded-proto"]) == ("203.0.113.7, 127.0.0.1", "https")
    assert (headers["authorization"], headers["host"]) == ("Bearer as it is", urlsplit(front).netloc)
    assert not {"x-hop", "te"} & set(headers)


def test_an_answer_comes_back_whole(front: str) -> None:
    """Status, every header, body; HEAD keeps the length of what it does not carry."""
    answer = requests.post(front, data=b"x" * 1024, timeout=WITHIN_S)
    assert (answer.status_code, answer.json()["size"], answer.headers["Server"]) == (418, 1024, "Google Frontend")
    assert answer.raw.headers.getlist("Set-Cookie") == ["a=1", "b=2"]
    assert int(requests.head(front, timeout=WITHIN_S).headers["Content-Length"]) > 0


def test_a_body_in_chunks(front: str) -> None:
    """It goes on with its length; too large a one is refused though nobody told its length."""
    assert requests.post(front, data=iter([b"a" * 500, b"b" * 500]), timeout=WITHIN_S).json()["size"] == 1000
    assert requests.post(front, data=iter([b"a" * 600, b"b" * 600]), timeout=WITHIN_S).status_code == 413


def test_a_body_that_is_told_to_be_too_large(front: str) -> None:
    """413 as a page, before any of it is read."""
    answer = asked(front, "POST", headers={"Content-Length": "1025"})
    assert (answer.status, answer.headers.get_content_type()) == (413, "text/html")
    assert Limits().body_bytes == 32 * MIB


def test_a_header_that_is_too_large(front: str) -> None:
    """413, and whatever is smaller arrives."""
    assert asked(front, headers={"X-Large": "x" * 500}).status == 418
    assert asked(front, headers={"X-Large": "x" * 900}).status == 413
    assert asked(front, target="/" + "x" * 900).status == 413


def test_an_answer_that_is_too_large(front: str) -> None:
    """500, as at Cloud Run."""
    assert asked(front, target="/large").status == 500


def test_a_container_that_is_slow(front: str) -> None:
    """504 after the time-out of the request."""
    answer = asked(front, target="/slow")
    assert (answer.status, b"timed out" in answer.read()) == (504, True)


def test_a_client_that_is_slow(front: str) -> None:
    """A body that does not come holds its place no longer than a request may take."""
    with socket.create_connection(("127.0.0.1", urlsplit(front).port or 0), timeout=WITHIN_S) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 504 ")


def test_a_container_that_hangs_up(front: str) -> None:
    """503: what it has done is not known, so it is not asked again."""
    assert asked(front, "POST", "/hangup").status == 503


def test_a_container_that_is_not_there() -> None:
    """503."""
    with fronted(Service(f"http://127.0.0.1:{free_port()}")) as url:
        assert asked(url).status == 503


def test_more_requests_than_places(echo: tuple[str, Event]) -> None:
    """Who finds no place in time is told 429; all others are answered, and the places are free again then."""
    limits = Limits(concurrency=2, pending_s=0.2)
    with fronted(Service(echo[0], limits=limits)) as url, ThreadPoolExecutor(2) as pool:
        held = [pool.submit(asked, url, target="/slow") for _ in range(2)]
        statuses = [asked(url).status]
        while statuses[-1] == 418:  # until both are at work
            statuses.append(asked(url).status)
        assert statuses[-1] == 429
        echo[1].set()
        assert [each.result(WITHIN_S).status for each in held] == [418, 418]
        assert asked(url).status == 418


def test_many_at_once(echo: tuple[str, Event]) -> None:
    """Requests of many clients reach the container each with its own answer."""
    with fronted(Service(echo[0])) as url, ThreadPoolExecutor(40) as pool:
        targets = [f"/{number}" for number in range(200)]
        assert [seen["target"] for seen in pool.map(lambda target: told(url, target), targets)] == targets


@pytest.mark.parametrize(
    "garbage", [b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"\r\n\r\n"]
)
def test_what_is_no_http(garbage: bytes, front: str) -> None:
    """It gets a 400 or nothing, and the next request is answered."""
    with socket.create_connection(("127.0.0.1", urlsplit(front).port or 0), timeout=WITHIN_S) as client:
        client.sendall(garbage)
        client.shutdown(socket.SHUT_WR)
        assert client.recv(100)[:12] in (b"", b"HTTP/1.1 400")
    assert asked(front).status == 418
