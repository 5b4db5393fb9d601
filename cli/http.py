"""Calls of one function over HTTP. Passing trouble is tried again, a refusal becomes a sentence.

Owns httpx. Knows no endpoint and no screen.
"""

import itertools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import TypedDict
from urllib.parse import quote

import click
import httpx

from cli.failures import DATASET_UNREADABLE, QUOTA_EXCEEDED, Failure, RefusedByApi, Unreachable, Usage
from cli.json_object import JsonObject

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 8.0
TIMEOUT = httpx.Timeout(120.0, connect=10.0)
BASE = "/api/v1"
Headers = Callable[[], Mapping[str, str]]


@dataclass(frozen=True)
class Answer:
    """Answer of the API: its text as sent, and its JSON; fractions are `Decimal`. A 304 has neither, CSV has no JSON.

    Names of headers are in lower case.
    """

    status: int
    text: str
    body: JsonObject
    headers: Mapping[str, str] = field(default_factory=dict)


class CallOptions(TypedDict, total=False):
    """Parts of a call besides method and path. `makes_key`: its answer holds a key, which is shown once.

    `csv` is a body of that type, in place of `body`.
    """

    body: Mapping[str, object]
    csv: bytes
    query: Mapping[str, object] | None
    headers: Mapping[str, str]
    public: bool
    makes_key: bool


class _Passing(Exception):
    """Raised for trouble that may pass. `heard`: the request may have had its effect."""

    def __init__(self, failure: Failure, *, heard: bool, wait_s: float | None = None) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.heard = heard
        self.wait_s = wait_s


def _on_stderr(text: str) -> None:
    click.echo(text, err=True)


class Http:
    """Client of one function. `headers` make the credential headers, for each call that needs them.

    `tell` is called with a sentence about trouble that is tried again.
    """

    def __init__(
        self,
        url: str,
        headers: Headers,
        client: httpx.Client,
        retry_for_s: float,
        tell: Callable[[str], object] = _on_stderr,
    ) -> None:
        self._url = checked_url(url)
        self._headers = headers
        self._client = client
        self._retry_for_s = retry_for_s
        self._tell = tell

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        query: Mapping[str, object] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        public: bool = False,
        makes_key: bool = False,
        csv: bytes | None = None,
    ) -> Answer:
        """Answer to the call, 2xx, or 304 where `headers` ask for that.

        A call that makes a key is not repeated once it may have had its effect: the key would be lost. Raises
        `RefusedByApi` and `Unreachable`.
        """
        sent = {**({} if public else self._headers()), **(headers or {})}
        parameters = _parameters(query or {})
        if csv is not None:
            sent["Content-Type"] = "text/csv"
        request = self._client.build_request(
            method, self._url + path, params=parameters, json=body, content=csv, headers=sent
        )
        give_up = time.monotonic() + self._retry_for_s
        for attempt in itertools.count():
            try:
                return self._once(request)
            except _Passing as passing:
                wait_s = passing.wait_s if passing.wait_s is not None else _backoff(attempt)
                if (makes_key and passing.heard) or time.monotonic() + wait_s > give_up:
                    raise passing.failure from passing
                self._tell(f"{passing.failure.format_message()} Trying again in {wait_s:.1f} s.")
                time.sleep(wait_s)
        raise AssertionError

    def _once(self, request: httpx.Request) -> Answer:
        try:
            response = self._client.send(request)
        except (httpx.ConnectError, httpx.ConnectTimeout) as err:
            raise _Passing(Unreachable(f"{self._url} cannot be reached."), heard=False) from err
        except (httpx.TransportError, httpx.DecodingError) as err:
            raise _Passing(Unreachable(f"{self._url} broke off before it had answered."), heard=True) from err
        return _read(self._url, response)


def _parameters(query: Mapping[str, object]) -> Mapping[str, Sequence[str]]:
    """Values of the query string by name; one that is a list stands once for each of its items."""
    values = {name: value if isinstance(value, list) else [value] for name, value in query.items()}
    return {name: [str(each) for each in several if each is not None] for name, several in values.items()}


def path_of(*parts: str) -> str:
    """Path of these parts, each escaped; an empty part stays, since an empty domain is written so."""
    if {".", ".."} & set(parts):
        raise Usage("A name cannot be . or ..")
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def checked_url(text: str) -> str:
    """URL without a path. Refuses http except to this machine, since a key must not be sent in the clear."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as err:
        raise Usage(f"This is not a URL: {text}") from err
    if url.scheme not in ("http", "https") or not url.host or url.userinfo:
        raise Usage(f"A URL like https://api.example.com is needed, not {url.copy_with(userinfo=b'')}")
    if url.scheme == "http" and not _is_here(url.host):
        raise Usage(f"http://{url.host} would send the key in the clear; use https.")
    return text.rstrip("/").removesuffix(BASE)


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _backoff(attempt: int) -> float:
    return min(FIRST_WAIT_S * 2.0**attempt, LONGEST_WAIT_S)


def _read(url: str, response: httpx.Response) -> Answer:
    status, body = response.status_code, _object(response)
    request_id = response.headers.get("X-Request-ID", "")
    if status == httpx.codes.NOT_MODIFIED:
        return Answer(status, "", {}, dict(response.headers))
    if response.is_success and response.headers.get("content-type", "").startswith("text/csv"):
        return Answer(status, response.text, {}, dict(response.headers))
    if body is not None and response.is_success:
        return Answer(status, response.text, body, dict(response.headers))
    if 400 <= status < 500:
        detail = (body or {}).get("detail") or f"{url} refuses without saying why."
        refusal = RefusedByApi(status, str(detail), request_id, str((body or {}).get("code", "")))
        if status == 429 and refusal.code != QUOTA_EXCEEDED:  # too much at the moment, not of the day
            raise _Passing(refusal, heard=False, wait_s=retry_after_s(response.headers))
        raise refusal
    detail = (body or {}).get("detail") or f"{url} answers {status} with something that is not the API's."
    failure = Unreachable(str(detail), request_id, str((body or {}).get("code", "")))
    if status in (502, 503, 504) and failure.code != DATASET_UNREADABLE:  # that is so until someone mends it
        raise _Passing(failure, heard=status != 503, wait_s=retry_after_s(response.headers))
    raise failure


def _object(response: httpx.Response) -> JsonObject | None:
    try:
        body = json.loads(response.content, parse_float=Decimal)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds of `Retry-After`, in whichever of its two forms (RFC 9110 §10.2.3)."""
    text = headers.get("retry-after", "").strip()
    if text.isdigit():
        return float(text[:9])
    try:
        return max((parsedate_to_datetime(text) - datetime.now(UTC)) / timedelta(seconds=1), 0.0)
    except (ValueError, TypeError):
        return None
