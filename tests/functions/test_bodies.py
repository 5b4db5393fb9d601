"""Bodies that come slowly, without a length, broken, or not at all: sent over real sockets to the function as it runs.

Answers are counted: eight connections are as many as there are threads.
"""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from select import select
from urllib.parse import urlsplit

import pytest

from cloudact.settings import Settings
from functions.web.bodies import LINGERING
from localcloud.onboarding import NewOrg, onboard
from tests.conftest import Local
from tests.served import under_framework

THREADS = 8
WAITING = THREADS // 2
PATIENCE_S = 60.0
JSON, CHUNKED = "Content-Type: application/json", "Transfer-Encoding: chunked"
TRIGGER = "/api/v1/pipelines/run/bodies_org/gcp/cost/billing"
CANCEL = "/api/v1/pipelines/bodies_org/runs/00000000-0000-5000-8000-000000000000/cancel"


@dataclass(frozen=True)
class Told:
    """Status, headers in small letters, and JSON of an answer."""

    status: int
    headers: dict[str, str]
    body: dict[str, object]

    @classmethod
    def of(cls, raw: bytes) -> "Told":
        head, _, body = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): text for name, _, text in (line.partition(": ") for line in lines)}
        assert headers["content-type"] in ("application/json", "application/problem+json"), raw
        return cls(int(first.split()[1]), headers, json.loads(body))

    @property
    def refusal(self) -> tuple[int, object]:
        """Status and code of a problem document, which has a request id too."""
        assert self.headers["content-type"] == "application/problem+json"
        assert self.headers["x-request-id"] == self.body["request_id"]
        return self.status, self.body["code"]


class Sockets:
    """Connections to one server, all closed in the end."""

    def __init__(self, url: str, stack: ExitStack) -> None:
        self._address = ("127.0.0.1", urlsplit(url).port or 0)
        self._stack = stack

    def begin(self, method: str, path: str, *headers: str, body: bytes = b"") -> socket.socket:
        """Sends a request, or as much of it as is given, and leaves the connection open."""
        connection = self._stack.enter_context(socket.create_connection(self._address, PATIENCE_S))
        head = "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *headers, "", ""])
        connection.sendall(head.encode("latin-1") + body)
        return connection

    def ask(self, method: str, path: str, *headers: str, body: bytes = b"") -> Told:
        """Sends the same, and reads the answer."""
        return answer(self.begin(method, path, *headers, body=body))


def answer(connection: socket.socket) -> Told:
    """The answer on the connection, as soon as it is whole."""
    raw = b""
    while b"\r\n\r\n" not in raw or len(raw.partition(b"\r\n\r\n")[2]) < length(raw):
        raw += (part := connection.recv(65536))
        assert part, raw
    return Told.of(raw)


def ended(connection: socket.socket) -> bool:
    """Whether the server has hung up, or does within two seconds."""
    connection.settimeout(2.0)
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


def length(raw: bytes) -> int:
    head = raw.partition(b"\r\n\r\n")[0].decode().lower()
    return int(head.partition("content-length: ")[2].partition("\r\n")[0])


@contextmanager
def sockets(target: str, settings: Settings, folder: Path, source: str = "functions/main.py") -> Iterator[Sockets]:
    """Connections to a function in a process of its own, which logs no traceback."""
    environment = settings.to_env() | {"THREADS": str(THREADS)}
    with under_framework(target, environment, folder, source) as url, ExitStack() as stack:
        yield Sockets(url, stack)
    assert "Traceback" not in (folder / f"{target}.log").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def key(session_cloud: Local) -> str:
    """The header with the key of an org."""
    source = {"source_project": "p-billing", "source_dataset": "d", "source_table": "gcp_billing_export_v1_X"}
    org = onboard(session_cloud.settings, NewOrg("bodies_org", source, views=False))
    return f"X-API-Key: {org.api_key}"


@pytest.fixture(scope="module")
def api(session_cloud: Local, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sockets]:
    """The function `api` over the local cloud."""
    with sockets("api", session_cloud.settings, tmp_path_factory.mktemp("api")) as found:
        yield found


def test_slow_bodies_free_their_threads(api: Sockets, key: str) -> None:
    """Of eight requests with two bytes of their bodies half are waited for and given up, and the rest is sent away."""
    slow = [api.begin("POST", TRIGGER, key, JSON, "Content-Length: 100", body=b"{}") for _ in range(THREADS)]
    assert api.ask("GET", "/health").body == {"status": "ok"}
    refusals = sorted(answer(each).refusal for each in slow)
    assert refusals == [(408, "body_slow")] * WAITING + [(503, "bodies_limited")] * WAITING


PATIENT = """
from functools import cache

from werkzeug.wrappers import Response

from cloudact.settings import Settings
from functions.composition import compose
from functions.routes import public_app
from functions.web.bodies import Bodies, Patience


@cache
def app():
    import os

    never = Patience(least_s=600, linger_s=600)
    return public_app(compose(Settings.from_env(os.environ)), Bodies(int(os.environ["THREADS"]), never))


def api(request):
    return Response.from_app(app(), request.environ)
"""


@pytest.fixture
def patient(session_cloud: Local, tmp_path: Path) -> Iterator[Sockets]:
    """The function `api` with a patience that outlasts the test: what waits for a body here, waits for good."""
    (tmp_path / "main.py").write_text(PATIENT)
    with sockets("api", session_cloud.settings, tmp_path, str(tmp_path / "main.py")) as found:
        yield found


def test_at_most_half_of_the_threads_wait_for_bodies(patient: Sockets, key: str) -> None:
    """Of eight slow bodies, ten times, four are waited for; all others are sent away, and what needs none is answered.

    A right key and a forged one are alike, since a body is read before anybody looks who sends it.
    """
    forged = f"X-API-Key: bodies_org_api_{'x' * 43}"
    slow = [
        patient.begin("POST", TRIGGER, (key, forged)[number % 2], JSON, "Content-Length: 100", body=b"{}")
        for number in range(THREADS * 10)
    ]
    assert patient.ask("GET", "/health").status == 200
    assert patient.ask("POST", CANCEL, key, JSON, "Content-Length: 2", body=b"{}").refusal == (404, "run_unknown")
    while len(slow) > WAITING:
        found = select(slow, [], [], PATIENCE_S)[0]
        told = [answer(each) for each in found]
        assert {(*each.refusal, each.headers["retry-after"]) for each in told} == {(503, "bodies_limited", "5")}
        slow = [each for each in slow if each not in found]
    assert len(slow) == WAITING


def test_two_threads_linger(patient: Sockets) -> None:
    """Eighty probes whose bodies do not end are answered, and so is the next: two threads at most are kept by them."""
    slow = [patient.begin("GET", "/health", "Content-Length: 100", body=b"ab") for _ in range(THREADS * 10)]
    assert [answer(each).status for each in [*slow, patient.begin("GET", "/health")]] == [200] * (THREADS * 10 + 1)
    kept = [each for each in slow if not ended(each)]
    assert len(kept) == LINGERING


def test_a_whole_body_ends_no_connection_while_others_linger(patient: Sockets) -> None:
    """Where no thread may linger any more, what is there already is taken all the same."""
    slow = [patient.begin("GET", "/health", "Content-Length: 100", body=b"ab") for _ in range(LINGERING)]
    assert [answer(each).status for each in slow] == [200] * LINGERING
    connection = patient.begin("GET", "/health", "Content-Length: 2", body=b"{}")
    for _ in range(3):
        assert answer(connection).status == 200
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}")


def test_a_drip_is_given_up_too(api: Sockets, key: str) -> None:
    """A byte now and then does not make a body fast: the time is that of the whole body."""
    slow = api.begin("POST", TRIGGER, key, JSON, "Content-Length: 262144", body=b"{")
    slow.settimeout(0.5)
    for _ in range(100):
        try:
            slow.sendall(b" ")
            slow.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            continue
        break
    slow.settimeout(30)
    assert answer(slow).refusal == (408, "body_slow")


@pytest.mark.parametrize(
    ("request_line", "headers", "refusal"),
    [
        (("POST", TRIGGER), (JSON, "Content-Length: 100"), (401, "api_key_required")),
        (("POST", TRIGGER), ("X-API-Key: no-key", JSON, "Content-Length: 100"), (401, "api_key_invalid")),
        (("POST", TRIGGER), ("Authorization: Bearer x.y.z", JSON, "Content-Length: 100"), (401, "session_invalid")),
        (("POST", TRIGGER), (JSON, "Content-Length: 262145"), (413, "body_too_large")),
        (("POST", "/api/v1/nothing"), (JSON, "Content-Length: 100"), (404, "endpoint_unknown")),
        (("POST", "/health"), (JSON, "Content-Length: 100"), (405, "method_not_allowed")),
        (("POST", "/robots.txt"), (JSON, CHUNKED), (404, "endpoint_unknown")),
    ],
)
def test_what_headers_refuse_waits_for_no_body(
    api: Sockets, request_line: tuple[str, str], headers: tuple[str, ...], refusal: tuple[int, str]
) -> None:
    """Eight such requests at once get their answers though two bytes of each body are all that ever comes."""
    slow = [api.begin(*request_line, *headers, body=b"{}") for _ in range(THREADS)]
    assert [answer(each).refusal for each in slow] == [refusal] * THREADS


def test_health_reads_nothing(api: Sockets) -> None:
    """Eight probes with unfinished bodies are answered, and so is the next."""
    slow = [api.begin("GET", "/health", "Content-Length: 100", body=b"ab") for _ in range(THREADS)]
    assert [answer(each).status for each in [*slow, api.begin("GET", "/health")]] == [200] * (THREADS + 1)


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + end


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (chunked(b"{}" + b" " * 262_143), (413, "body_too_large")),
        (chunked(*[b"{" + b" " * 99_999] * 3), (413, "body_too_large")),
        (chunked(b"{}" + b"x" * 262_202), (413, "body_too_large")),
        (chunked(b"{" + b"x" * 262_143), (400, "body_invalid")),
        (chunked(b"{}", end=b"zz\r\n\r\n"), (400, "body_broken")),
        (chunked(b"{}", end=b"-5\r\n{}\r\n"), (400, "body_broken")),
        (b"2\r\n{}without an end\r\n0\r\n\r\n", (400, "body_broken")),
        (chunked(b"{}", end=b"0\r\nno trailer\r\n\r\n"), (400, "body_broken")),
    ],
    ids=["one too large", "many", "not JSON behind JSON", "the largest", "no number", "negative", "no end", "trailer"],
)
def test_bodies_without_a_length(api: Sockets, key: str, body: bytes, refusal: tuple[int, str]) -> None:
    """A body is judged as a whole or not at all, and what is malformed is refused without a traceback."""
    assert api.ask("POST", TRIGGER, key, JSON, CHUNKED, body=body).refusal == refusal


def test_a_body_without_a_length_is_obeyed(api: Sockets, key: str) -> None:
    """One that is whole, valid and small enough starts the run; before, none of the refused ones had taken a slot."""
    body = chunked(b'{"date": "2026-11', b'-10"}', b" " * 262_118)
    told = api.ask("POST", TRIGGER, key, JSON, CHUNKED, body=body)
    assert (told.status, told.body["date"], told.headers["ratelimit"].split(";")[1]) == (202, "2026-11-10", "r=24")


def test_a_body_of_another_type_is_not_read(api: Sockets, key: str) -> None:
    """What is said to be no JSON is refused though two bytes of it are all that ever comes."""
    for headers in (
        ("Content-Type: text/plain", CHUNKED),
        ("Content-Type: text/xml", "Content-Length: 9"),
        ("Content-Length: 9",),
    ):
        assert api.ask("POST", CANCEL, key, *headers, body=b"{}").refusal == (415, "body_not_json")


def test_an_empty_body_without_a_length(api: Sockets, key: str) -> None:
    """Chunks without a byte are no body, whatever their type is not."""
    assert api.ask("POST", CANCEL, key, CHUNKED, body=b"0\r\n\r\n").refusal == (404, "run_unknown")


def test_a_connection_goes_on_after_a_body_that_nobody_reads(api: Sockets) -> None:
    """A whole body that the endpoint ignores is no reason to hang up."""
    connection = api.begin("GET", "/health", "Content-Length: 2", body=b"{}")
    assert answer(connection).status == 200
    connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert answer(connection).status == 200


def test_ops_reads_no_body_of_strangers(session_cloud: Local, tmp_path: Path) -> None:
    """Eight strangers are refused by their missing token, and the function answers on."""
    with sockets("ops", session_cloud.settings, tmp_path) as ops:
        slow = [ops.begin("POST", "/ops/orgs", JSON, "Content-Length: 100", body=b"{}") for _ in range(THREADS)]
        assert [answer(each).refusal for each in slow] == [(401, "token_required")] * THREADS
        assert ops.ask("GET", "/health").status == 200


# What the framework's router, or the server before it, refuses by itself

PATHS = [
    "/", "/robots.txt", "/favicon.ico", "/favicon.ico/", "/api", "/api/v1", "/%0A", "/health%0A", "/%00", "/a%00b",
    "/%", "/%zz", "/%ff%fe", "/%E2%80%AE", "/..", "/../../etc/passwd", "//", "///health", "/" + "x" * 60_000,
    "/pipelines/acmecorp%0A/runs", "/api/v1/pipelines/acmecorp%0A/runs", "/api/v1/pipelines/a%0Ab/runs",
    "/api/v1/pipelines/%00/runs", "/api/v1/pipelines/runs/%0A", "/api/v1/validator/pipelines/%0A", "/api/v1//health",
    "/api/v1/pipelines//runs", "/health?%zz=%00",
]  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "TRACE", "BREW"])
def test_no_path_leads_to_html(api: Sockets, method: str) -> None:
    """Whatever the path and the method, the answer is JSON with a request id: a problem document unless it is 200."""
    for path in PATHS:
        told = api.ask(method, path)
        assert (told.status, told.headers["content-type"]) == (200, "application/json") or told.refusal[0] < 500, path
        assert told.headers["x-request-id"]


@pytest.mark.parametrize(
    ("request_line", "header", "status"),
    [
        (("GET", "*"), "A: b", 400),
        (("GET", "/health"), f"X-Long: {'x' * 9000}", 431),
        (("GET", "/health"), "Content-Length: abc", 400),
        (("GET", "/health"), "no header", 400),
        (("GET", "/health"), "X-Null: a\0b", 400),
        (("GET", "/health"), "Transfer-Encoding: gzip", 400),
        (("get it", "/health"), "A: b", 400),
    ],
)
def test_what_is_no_http_gets_no_html(api: Sockets, request_line: tuple[str, str], header: str, status: int) -> None:
    """gunicorn refuses it before it is a request of ours, and with a problem document of ours."""
    assert api.ask(*request_line, header).refusal == (status, "request_malformed")


def test_the_caller_s_request_id_comes_back(api: Sockets) -> None:
    """Also where the framework's router has refused the path."""
    for path in ("/robots.txt", "/a%0Ab"):
        told = api.ask("GET", path, "X-Request-ID: mine-42").body
        assert (told["request_id"], told["instance"]) == ("mine-42", path)


def test_a_trigger_with_a_slash_at_the_end(api: Sockets, key: str) -> None:
    """It is the same request, and so the same run; an empty domain stays one."""
    asked = (key, JSON, "Content-Length: 22")
    runs = [api.ask("POST", path, *asked, body=b'{"date": "2026-11-09"}') for path in (TRIGGER, f"{TRIGGER}/")]
    assert [told.status for told in runs] == [202, 200]
    assert runs[0].body["run_id"] == runs[1].body["run_id"]
    path = "/api/v1/pipelines/run/bodies_org/openai//usage_cost/"
    assert api.ask("POST", path, *asked, body=b'{"date": "2026-11-09"}').refusal[1] != "pipeline_unknown"


@pytest.mark.parametrize("path", ["/health", "/api/v1/health", "/api/v1/validator/pipelines", "/openapi.json"])
def test_a_slash_at_the_end_changes_nothing(api: Sockets, path: str) -> None:
    """The answer is the same, without a redirect."""
    assert api.ask("GET", f"{path}/").body == api.ask("GET", path).body
