"""Google's REST APIs by our own client: what is repeated, what is refused, and who calls."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from google.auth.credentials import Credentials

from cloudact import clients
from cloudact.google_api import Authorization, GoogleApi
from cloudact.google_errors import GoogleRefusal, is_passing, is_unavailable, is_worth_repeating, refused_with
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
    ) -> GoogleApi:
        """An API that is this Google's."""
        client = httpx.Client(transport=httpx.MockTransport(self))
        return GoogleApi(
            "https://google.invalid", Authorization(credentials, lambda: client), lambda: client, is_repeated
        )


def refusal(status: int, reason: str = "") -> httpx.Response:
    errors = [{"reason": reason}] if reason else []
    return httpx.Response(status, json={"error": {"code": status, "message": "No.", "errors": errors}})


WELL = httpx.Response(200, json={"n": 1})


@pytest.mark.parametrize(
    "trouble",
    [refusal(503), refusal(429), refusal(400, "rateLimitExceeded"), httpx.ConnectError("gone"), httpx.Response(502)],
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


@pytest.mark.parametrize(("status", "calls"), [(503, 2), (429, 1)])
def test_kms_is_asked_again_for_503_alone(status: int, calls: int) -> None:
    """Each API has the rule of its own client library."""
    google = Google([refusal(status), WELL])
    try:
        google.api(is_repeated=is_unavailable).call("GET", "v1/x", patience_s=5)
    except GoogleRefusal:
        assert status != 503
    assert len(google.asked) == calls


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'"text"'])
def test_an_answer_that_is_none(body: bytes) -> None:
    """What is not a JSON object comes from something on the way, and may pass."""
    with pytest.raises(GoogleRefusal) as raised:
        Google([httpx.Response(200, content=body)]).api().call("GET", "v1/x", patience_s=0)
    assert is_passing(raised.value)


class Tokens(Credentials):
    """Credentials with a new token at each refresh, which they get over the network."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.number = 0

    def refresh(self, request: Any) -> None:
        """Asks for a token as google-auth's own credentials do."""
        answer = request(url="https://token.invalid/", method="POST", body=b"")
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
