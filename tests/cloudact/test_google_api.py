"""Google's REST APIs by our own client: what is repeated, what is refused, and who calls."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from google.auth.credentials import Credentials
from google.auth.exceptions import RefreshError

from cloudact import clients
from cloudact.errors import Retry
from cloudact.google_api import Authorization, GoogleApi
from cloudact.google_errors import GoogleRefusal, is_passing, is_unavailable, is_worth_repeating, refused_with
from cloudact.settings import Settings
from cloudact.warehouse.bigquery import Access, Warehouse
from cloudact.warehouse.resources import parameter, rows
from tests.conftest import NOON, Local

Answered = httpx.Response | Exception


@dataclass
class Google:
    """Gives the answers in their order, and notes what it was asked."""

    answers: list[Answered]
    asked: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def api(
        self,
        credentials: Callable[[], Credentials] | None = None,
        is_repeated: Callable[[Exception], bool] = is_worth_repeating,
        *,
        discreet: bool = False,
    ) -> GoogleApi:
        """An API that is this Google's."""
        client = httpx.Client(transport=httpx.MockTransport(self))
        authorization = Authorization(credentials, lambda: client)
        return GoogleApi("https://google.invalid", authorization, lambda: client, is_repeated, discreet=discreet)


def refusal(status: int, reason: str = "") -> httpx.Response:
    errors = [{"reason": reason}] if reason else []
    return httpx.Response(status, json={"error": {"code": status, "message": "No.", "errors": errors}})


WELL = httpx.Response(200, json={"n": 1})
Answers = Callable[[Sequence[bytes]], str]


@pytest.fixture
def answered() -> Iterator[Answers]:
    """Answers one call with pieces of bytes, a twentieth of a second apart, at the address that it gives."""
    with ExitStack() as left:

        def at(pieces: Sequence[bytes]) -> str:
            listener = left.enter_context(socket.create_server(("127.0.0.1", 0)))

            def answer() -> None:
                connection, _ = listener.accept()
                with connection, suppress(OSError):
                    connection.recv(65536)
                    for piece in pieces:
                        connection.sendall(piece)
                        time.sleep(0.05)

            thread = threading.Thread(target=answer, daemon=True)
            left.callback(thread.join, 20)
            thread.start()
            return f"http://127.0.0.1:{listener.getsockname()[1]}"

        yield at


@pytest.mark.parametrize(
    "trouble",
    [
        refusal(503),
        refusal(429),
        refusal(400, "rateLimitExceeded"),
        httpx.ConnectError("gone"),
        httpx.Response(502),
        httpx.DecodingError("no gzip"),
    ],
)
def test_what_may_pass_is_repeated(trouble: Answered) -> None:
    """Trouble of Google's own and broken connections are met by the same call again."""
    google = Google([trouble, WELL])
    assert google.api().call("POST", "v1/x", {"a": 1}, patience_s=5) == {"n": 1}
    assert [(each.method, each.content) for each in google.asked] == [("POST", b'{"a": 1}')] * 2


@pytest.mark.parametrize(
    "trouble", [refusal(400), refusal(404, "notFound"), refusal(403, "quotaExceeded"), refusal(409)]
)
def test_what_lasts_is_not_repeated(trouble: httpx.Response) -> None:
    """A refusal reaches the caller with its status, its reasons and Google's words, without the query."""
    google = Google([trouble])
    with pytest.raises(GoogleRefusal, match=rf"^{trouble.status_code} GET https://google.invalid/v1/x: No.$") as raised:
        google.api().call("GET", "v1/x", patience_s=5, query={"page": "secret"})
    assert refused_with(raised.value, trouble.status_code)
    assert not is_passing(raised.value)


def test_patience_is_bounded() -> None:
    """Who waits no longer gets what Google said last, which may pass later."""
    google = Google([refusal(503)] * 9)
    with pytest.raises(GoogleRefusal) as raised:
        google.api().call("GET", "v1/x", patience_s=0)
    assert (len(google.asked), is_passing(raised.value)) == (1, True)


@pytest.mark.parametrize(
    ("trouble", "calls"),
    [
        (refusal(503), 2),
        (refusal(429), 1),
        (refusal(500), 1),
        (httpx.ReadError("gone"), 2),
        (httpx.DecodingError("no"), 2),
        (httpx.ConnectError("refused"), 1),
    ],
)
def test_kms_is_asked_again_where_it_was_not_there(trouble: Answered, calls: int) -> None:
    """Each API has the rule of its own client library, and to encrypt or decrypt twice does no harm."""
    google = Google([trouble, WELL])
    try:
        google.api(is_repeated=is_unavailable).call("GET", "v1/x", patience_s=5)
    except (GoogleRefusal, httpx.ConnectError):
        assert calls == 1
    assert len(google.asked) == calls


@pytest.mark.parametrize("err", [httpx.DecodingError("no gzip"), httpx.ReadTimeout("slow"), TimeoutError()])
def test_an_answer_that_does_not_come_whole_may_come_later(err: Exception) -> None:
    """Whoever asked may try again."""
    assert is_passing(err)


def test_what_was_sent_is_not_told() -> None:
    """Google repeats values that it refuses; where they are secrets its words are not kept, but status and reasons."""
    words = "Invalid value at 'plaintext': \"c2stYWRtaW4\""
    error = {"message": words, "status": "INVALID_ARGUMENT", "errors": [{"reason": "invalid", "message": words}]}
    google = Google([httpx.Response(400, json={"error": error})])
    with pytest.raises(GoogleRefusal) as raised:
        google.api(discreet=True).call("POST", "v1/k:encrypt", {"plaintext": "x"}, patience_s=0)
    assert str(raised.value) == "400 POST https://google.invalid/v1/k:encrypt: INVALID_ARGUMENT"
    assert (raised.value.errors, "c2st" in repr(vars(raised.value))) == ([{"reason": "invalid"}], False)


@pytest.mark.parametrize("api", [clients.kms, clients.secret_manager])
def test_apis_of_secrets_are_discreet(local: Local, api: Callable[[Settings], GoogleApi], answered: Answers) -> None:
    """Cloud KMS and Secret Manager are called so."""
    url = answered([b"HTTP/1.1 400 No\r\nContent-Length: 30\r\n\r\n", b'{"error":{"message":"s3cret"}}'])
    asked = local.settings.model_copy(update={"kms_endpoint": url, "secrets_endpoint": url})
    with pytest.raises(GoogleRefusal) as raised:
        api(asked).call("GET", "v1/x", patience_s=0, timeout_s=5)
    assert "s3cret" not in str(raised.value)


def test_an_answer_that_drips_is_given_up(answered: Answers) -> None:
    """Each piece comes in time, the whole does not."""
    url = answered([b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", *[b" "] * 200])
    with pytest.raises(httpx.ReadTimeout, match="too slowly"):
        clients.bigquery_api(url).call("GET", "x", patience_s=0, timeout_s=0.5)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'"text"'])
def test_an_answer_that_is_none(body: bytes) -> None:
    """What is not a JSON object comes from something on the way, and may pass."""
    with pytest.raises(GoogleRefusal) as raised:
        Google([httpx.Response(200, content=body)]).api().call("GET", "v1/x", patience_s=0)
    assert is_passing(raised.value)


class Tokens(Credentials):
    """Credentials with a new token at each refresh, which they get over the network."""

    def __init__(self, **asks: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.number, self.asks = 0, asks

    def refresh(self, request: Any) -> None:
        """Asks for a token as google-auth's own credentials do."""
        answer = request(url="https://token.invalid/", method="POST", body=b"", **self.asks)
        self.number += 1
        self.token = f"{answer.data.decode()}{self.number}" if answer.status == 200 else None


def test_a_token_is_kept_until_it_is_refused() -> None:
    """One token serves all calls; where it is refused a new one is asked for, once."""
    token, refused = httpx.Response(200, content=b"t"), refusal(401)
    google = Google([token, WELL, WELL, refused, token, WELL, refused, token, refused])
    credentials = Tokens()
    api = google.api(lambda: credentials)
    for _ in range(3):
        api.call("GET", "v1/x", patience_s=5)
    with pytest.raises(GoogleRefusal):
        api.call("GET", "v1/x", patience_s=5)
    sent = [each.headers["Authorization"] for each in google.asked if each.url.host == "google.invalid"]
    assert [each.removeprefix("Bearer ") for each in sent] == ["t1", "t1", "t1", "t2", "t2", "t3"]


@pytest.mark.parametrize(("asks", "within_s"), [({}, 7.0), ({"timeout": 120}, 7.0), ({"timeout": 3}, 3)])
def test_a_token_comes_within_the_time_of_its_call(asks: dict[str, Any], within_s: float) -> None:
    """Whatever google-auth would wait, the caller waits no longer for a token than for the answer."""
    google = Google([httpx.Response(200, content=b"t"), WELL])
    google.api(lambda: Tokens(**asks)).call("GET", "v1/x", patience_s=0, timeout_s=7.0)
    assert google.asked[0].extensions["timeout"]["read"] == within_s


def test_nobody_waits_long_for_a_token_of_another() -> None:
    """While one thread asks for a token that does not come, others are told so when their own time is over."""
    asking, over = threading.Event(), threading.Event()

    def silent(_request: httpx.Request) -> httpx.Response:
        asking.set()
        over.wait(20)
        return httpx.Response(200, content=b"t")

    http = httpx.Client(transport=httpx.MockTransport(silent))
    authorization = Authorization(Tokens, lambda: http)
    first = threading.Thread(target=authorization.headers, args=(20,))
    first.start()
    assert asking.wait(20)
    with pytest.raises(TimeoutError):
        authorization.headers(0.01)
    over.set()
    first.join(20)
    assert authorization.headers(0.01)["authorization"] == "Bearer t1"


def test_the_local_cloud_is_reached_without_a_proxy(monkeypatch: pytest.MonkeyPatch, answered: Answers) -> None:
    """A proxy of the environment is for Google's own addresses."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    clients._plain_http.cache_clear()
    url = answered([b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{"n": 1}'])
    assert clients.bigquery_api(url).call("GET", "x", patience_s=0, timeout_s=5) == {"n": 1}


TYPES = """SELECT 'é' AS text, 7 AS n, 1.5 AS f, NUMERIC '0.123456789' AS money, TRUE AS yes, FALSE AS no,
    DATE '2026-11-29' AS day, TIMESTAMP '2026-11-29 01:02:03.000004+00' AS at, [1, 2] AS many,
    STRUCT('a' AS a, CAST(NULL AS INT64) AS b) AS one, [STRUCT('a' AS a)] AS some, CAST(NULL AS STRING) AS nothing"""


def test_values_are_those_of_the_client_library(local: Local) -> None:
    """Every type that our queries answer is read as Google's client reads it."""
    project = local.settings.project
    asked = {"query": TYPES, "useLegacySql": False, "formatOptions": {"useInt64Timestamp": True}}
    api = clients.bigquery_api(local.settings.bigquery_endpoint)
    answer = api.call("POST", f"bigquery/v2/projects/{project}/queries", asked, patience_s=30)
    assert rows(answer["schema"], answer["rows"]) == local.query(TYPES)


@pytest.mark.parametrize(
    ("kind", "value"),
    [("STRING", "é'"), ("INT64", -7), ("BOOL", False), ("DATE", NOON.date()), ("TIMESTAMP", NOON), ("STRING", None)],
)
def test_parameters_arrive(local: Local, kind: str, value: Any) -> None:
    """A parameter of each type is in the query what it was for us."""
    asked = {
        "query": "SELECT @p AS p",
        "useLegacySql": False,
        "formatOptions": {"useInt64Timestamp": True},
        "parameterMode": "NAMED",
        "queryParameters": [parameter("p", kind, value)],
    }
    api = clients.bigquery_api(local.settings.bigquery_endpoint)
    answer = api.call("POST", f"bigquery/v2/projects/{local.settings.project}/queries", asked, patience_s=30)
    assert rows(answer["schema"], answer["rows"]) == [{"p": value}]


def page(numbers: Sequence[int], **more: Any) -> httpx.Response:
    """A page of a result with one column."""
    schema = {"fields": [{"name": "n", "type": "INTEGER"}]}
    found = {"rows": [{"f": [{"v": str(n)}]} for n in numbers], "schema": schema, "totalBytesProcessed": "1"}
    job = {"jobReference": {"projectId": "p", "jobId": "j", "location": "US"}}
    return httpx.Response(200, json={"jobComplete": True, **found, **job, **more})


def warehouse(google: Google, patience_s: float = 60) -> Warehouse:
    return Warehouse(Access("p", "US", google.api(), lambda: pytest.fail("no client")), patience_s=patience_s)


def test_a_result_of_several_pages() -> None:
    """A query that is not over at once is waited for, and all of its pages are read."""
    waiting = page([], jobComplete=False)
    google = Google([waiting, page([1, 2], pageToken="2"), page([3])])
    asking = warehouse(google)
    assert asking.rows("ready") == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert [each.url.params.get("pageToken") for each in google.asked] == [None, None, "2"]
    assert {each.url.params["location"] for each in google.asked[1:]} == {"US"}


def test_a_query_that_does_not_end_is_cancelled() -> None:
    """Nobody pays for what nobody waits for."""
    google = Google([page([], jobComplete=False), page([])])
    with pytest.raises(Exception, match="could not be reached or is overloaded"):
        warehouse(google, patience_s=0).rows("ready")
    assert google.asked[-1].url.path == "/bigquery/v2/projects/p/jobs/j/cancel"


@pytest.mark.parametrize("trouble", [httpx.ReadTimeout("slow"), refusal(503), RefreshError("no token")])
def test_a_query_that_cannot_be_cancelled_either(trouble: Answered) -> None:
    """The caller learns that the query has not ended, whatever became of the cancel, which is sent once."""
    google = Google([page([], jobComplete=False), trouble])
    with pytest.raises(Retry) as raised:
        warehouse(google, patience_s=0).rows("ready")
    assert isinstance(raised.value.__cause__, TimeoutError)
    assert len(google.asked) == 2


def test_bigquery_waits_less_than_we_do() -> None:
    """Each call has BigQuery wait for what is left of the patience, and us longer, so that its answer arrives."""
    waiting = page([], jobComplete=False)
    google = Google([waiting, page([1])])
    warehouse(google, patience_s=30).rows("ready")
    first, second = google.asked
    waits_ms = json.loads(first.content)["timeoutMs"], int(second.url.params["timeoutMs"])
    assert 0 < waits_ms[1] < waits_ms[0] == 30_000
    for asked, wait_ms in zip(google.asked, waits_ms, strict=True):
        assert asked.extensions["timeout"]["read"] * 1000 >= wait_ms + 4_000
