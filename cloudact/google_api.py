"""Google's REST APIs by one HTTP client: authenticated, repeated while a failure may pass, answers as JSON.

For the calls that every run and every request makes: Google's libraries cost 0.2 s of CPU to import (docs/adr/0030).
"""

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlencode

from cloudact.google_errors import GoogleRefusal, is_worth_repeating

if TYPE_CHECKING:
    import httpx
    from google.auth.credentials import Credentials
    from google.auth.transport import Request

JsonAnswer: TypeAlias = dict[str, Any]
Body: TypeAlias = "Mapping[str, Any] | bytes | None"
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
USER_AGENT = "CloudAct-Pipelines/1.0 (https://cloudact.ai)"
_OF_ALL = {"Accept": "*/*", "Accept-Encoding": "gzip, deflate", "User-Agent": USER_AGENT}


class Authorization:
    """Headers that tell who calls; `credentials` are read when first needed, `None` stands for nobody."""

    def __init__(self, credentials: "Callable[[], Credentials] | None", http: "Callable[[], httpx.Client]") -> None:
        self._read = credentials
        self._http = http
        self._credentials: Credentials | None = None
        self._renewing = Lock()

    def headers(self, timeout_s: float, *, renewed: bool = False) -> dict[str, str]:
        """Headers of one call; `renewed` asks for a new token.

        Raises google-auth's errors where there is none, and `TimeoutError` where another thread is still asking for it.
        """
        if self._read is None:
            return {}
        if not self._renewing.acquire(timeout=timeout_s):
            raise TimeoutError("a token has not come in time")
        try:
            if self._credentials is None:
                self._credentials = self._read()
            if renewed or not self._credentials.valid:
                self._credentials.refresh(_token_request(self._http(), timeout_s))
            headers: dict[str, str] = {}
            self._credentials.apply(headers)
        finally:
            self._renewing.release()
        return headers

    @property
    def can_renew(self) -> bool:
        """Whether another token may help where one is refused."""
        return self._read is not None


class GoogleApi:
    """One of Google's REST APIs at `url`. Raises `GoogleRefusal`, httpx's and google-auth's errors.

    `is_repeated` tells of an error whether the call is made again at once. Of a `discreet` one Google's words are not
    kept, since they may repeat what was sent.
    """

    def __init__(
        self,
        url: str,
        authorization: Authorization,
        http: "Callable[[], httpx.Client]",
        is_repeated: Callable[[Exception], bool] = is_worth_repeating,
        *,
        discreet: bool = False,
    ) -> None:
        self._url = url.rstrip("/")
        self._authorization = authorization
        self._http = http
        self._is_repeated = is_repeated
        self._discreet = discreet

    def call(
        self,
        method: str,
        path: str,
        body: Body = None,
        *,
        patience_s: float,
        timeout_s: float | None = None,
        query: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> JsonAnswer:
        """Answer to one call, which is repeated with growing pauses for `patience_s`.

        Each try may take `timeout_s`, or as long as the patience.
        """
        timeout_s = patience_s if timeout_s is None else timeout_s
        give_up = time.monotonic() + patience_s
        longest_s = FIRST_PAUSE_S
        while True:
            try:
                return self._once(method, path, body, query, headers or {}, timeout_s)
            except Exception as err:
                pause_s = random.uniform(0, longest_s)  # noqa: S311 - jitter
                if not self._is_repeated(err) or time.monotonic() + pause_s > give_up:
                    raise
            time.sleep(pause_s)
            longest_s = min(longest_s * 2, LONGEST_PAUSE_S)

    def _once(
        self,
        method: str,
        path: str,
        body: Body,
        query: Mapping[str, str | int] | None,
        headers: Mapping[str, str],
        timeout_s: float,
    ) -> JsonAnswer:
        import httpx

        sent = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        kind = {"Content-Type": "application/json"} if sent is not body else {}
        url = httpx.URL(f"{self._url}/{path}" + (f"?{urlencode(query)}" if query else ""))
        within = httpx.Timeout(timeout_s).as_dict()
        for renewed in (False, True):
            until = time.monotonic() + timeout_s
            known = {**_OF_ALL, **kind, **self._authorization.headers(timeout_s, renewed=renewed), **headers}
            # Not by the client's own `stream`: to merge its URL, headers and cookies takes a third of the call's time.
            request = httpx.Request(method, url, content=sent, headers=known, extensions={"timeout": within})
            with closing(self._http().send(request, stream=True)) as answer:
                told = b"".join(_in_time(answer, until))
            if answer.status_code != 401 or not self._authorization.can_renew:
                break
        return _read(answer, told, discreet=self._discreet)


def _in_time(answer: "httpx.Response", until: float) -> Iterator[bytes]:
    """The body as it comes. The client bounds the wait for each piece alone."""
    import httpx

    for number, piece in enumerate(answer.iter_bytes()):
        if number and time.monotonic() > until:
            raise httpx.ReadTimeout("the answer comes too slowly", request=answer.request)
        yield piece


def _read(answer: "httpx.Response", body: bytes, *, discreet: bool) -> JsonAnswer:
    try:
        told = json.loads(body) if body else {}
    except ValueError:  # a page of something on the way
        told = None
    if answer.is_success and isinstance(told, dict):
        return told
    error = told.get("error") if isinstance(told, dict) else None
    error = error if isinstance(error, dict) else {}
    errors, words = error.get("errors") or [], error.get("message", "no JSON")
    if discreet:
        errors, words = [{"reason": each.get("reason")} for each in errors], error.get("status", "refused")
    status = answer.status_code if not answer.is_success else 502
    where = f"{answer.request.method} {answer.request.url.copy_with(query=None)}"
    raise GoogleRefusal(status, f"{status} {where}: {words}", errors)


def _token_request(http: "httpx.Client", timeout_s: float) -> "Request":
    """Transport of google-auth for the calls that get a token, each of which may take so long."""
    import httpx
    from google.auth.exceptions import TransportError
    from google.auth.transport import Request, Response

    class Answer(Response):
        def __init__(self, answer: httpx.Response) -> None:
            self._answer = answer

        @property
        def status(self) -> int:
            return self._answer.status_code

        @property
        def headers(self) -> Mapping[str, str]:
            return self._answer.headers

        @property
        def data(self) -> bytes:
            return self._answer.content

    class ByHttpx(Request):
        def __call__(
            self,
            url: str,
            method: str = "GET",
            body: bytes | None = None,
            headers: Mapping[str, str] | None = None,
            timeout: float | None = None,
            **_: object,
        ) -> Answer:
            within_s = timeout_s if timeout is None else min(timeout, timeout_s)
            try:
                return Answer(http.request(method, url, content=body, headers=headers, timeout=within_s))
            except (httpx.TransportError, httpx.DecodingError) as err:
                raise TransportError(err) from err

    return ByHttpx()
