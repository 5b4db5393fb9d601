"""Google's REST APIs by one HTTP client: authenticated, repeated while a failure may pass, answers as JSON.

For the calls that every run and every request makes: Google's libraries cost 0.2 s of CPU to import (docs/adr/0030).
"""

import json
import random
import time
from collections.abc import Callable, Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeAlias

from cloudact.google_errors import GoogleRefusal, is_worth_repeating

if TYPE_CHECKING:
    import httpx
    from google.auth.credentials import Credentials
    from google.auth.transport import Request

JsonAnswer: TypeAlias = dict[str, Any]
Body: TypeAlias = "Mapping[str, Any] | bytes | None"
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
USER_AGENT = "CloudAct-Pipelines/1.0 (https://cloudact.ai)"


class Authorization:
    """Headers that tell who calls; `credentials` are read when first needed, `None` stands for nobody."""

    def __init__(self, credentials: "Callable[[], Credentials] | None", http: "Callable[[], httpx.Client]") -> None:
        self._read = credentials
        self._http = http
        self._credentials: Credentials | None = None
        self._renewing = Lock()

    def headers(self, *, renewed: bool = False) -> dict[str, str]:
        """Headers of one call; `renewed` asks for a new token. Raises google-auth's errors where there is none."""
        if self._read is None:
            return {}
        with self._renewing:
            if self._credentials is None:
                self._credentials = self._read()
            if renewed or not self._credentials.valid:
                self._credentials.refresh(_token_request(self._http()))
            headers: dict[str, str] = {}
            self._credentials.apply(headers)
        return headers

    @property
    def can_renew(self) -> bool:
        """Whether another token may help where one is refused."""
        return self._read is not None


class GoogleApi:
    """One of Google's REST APIs at `url`. Raises `GoogleRefusal`, `httpx.TransportError` and google-auth's errors.

    `is_repeated` tells of an error whether the call is made again at once.
    """

    def __init__(
        self,
        url: str,
        authorization: Authorization,
        http: "Callable[[], httpx.Client]",
        is_repeated: Callable[[Exception], bool] = is_worth_repeating,
    ) -> None:
        self._url = url.rstrip("/")
        self._authorization = authorization
        self._http = http
        self._is_repeated = is_repeated

    def call(
        self,
        method: str,
        path: str,
        body: Body = None,
        *,
        patience_s: float,
        query: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> JsonAnswer:
        """Answer to one call, which is repeated with growing pauses for `patience_s`; each try may take as long."""
        give_up = time.monotonic() + patience_s
        longest_s = FIRST_PAUSE_S
        while True:
            try:
                return self._once(method, path, body, query, headers or {}, patience_s)
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
        sent = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        kind = {"Content-Type": "application/json"} if sent is not body else {}
        for renewed in (False, True):
            answer = self._http().request(
                method,
                f"{self._url}/{path}",
                content=sent,
                params=query,
                headers={"User-Agent": USER_AGENT, **kind, **self._authorization.headers(renewed=renewed), **headers},
                timeout=timeout_s,
            )
            if answer.status_code != 401 or not self._authorization.can_renew:
                break
        return _read(answer)


def _read(answer: "httpx.Response") -> JsonAnswer:
    try:
        told = json.loads(answer.content) if answer.content else {}
    except ValueError:  # a page of something on the way
        told = None
    if answer.is_success and isinstance(told, dict):
        return told
    error = told.get("error") if isinstance(told, dict) else None
    error = error if isinstance(error, dict) else {}
    status = answer.status_code if not answer.is_success else 502
    where = f"{answer.request.method} {answer.request.url.copy_with(query=None)}"
    raise GoogleRefusal(status, f"{status} {where}: {error.get('message', 'no JSON')}", error.get("errors") or [])


def _token_request(http: "httpx.Client") -> "Request":
    """Transport of google-auth for the calls that get a token."""
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
            timeout: float | None = 120,
            **_: object,
        ) -> Answer:
            try:
                return Answer(http.request(method, url, content=body, headers=headers, timeout=timeout))
            except httpx.TransportError as err:
                raise TransportError(err) from err

    return ByHttpx()
