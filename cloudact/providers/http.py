"""GETs JSON from a provider: amounts stay exact, passing trouble is repeated, a refusal is explained.

Owns httpx. Knows no vendor: what a status means is handed in. Nothing that an answer says is shown before it was
cleared of keys and personal data; headers are never shown.
"""

import json
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Protocol

import stamina

from cloudact.errors import Retry, RunError, Stop

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)
USER_AGENT = "CloudAct-Pipelines/1.0 (https://cloudact.ai)"
LARGEST_ANSWER_BYTES = 64 * 2**20
PASSING_STATUSES = frozenset({408, 409, 425, 429})  # and every 5xx, Anthropic's 529 among them
SHOWN_CHARACTERS = 300

Query = Iterable[tuple[str, str]]
_KEY = re.compile(r"\bsk-[\w*-]{4,}")
_EMAIL = re.compile(r"[^\s@\"'<>]+@[^\s@\"'<>]+\.[A-Za-z]{2,}")


@dataclass(frozen=True)
class Patience:
    """How often one call is made before it is given up, and how long each part of it may take.

    `longest_wait_s` is between two calls, whatever Retry-After asks for: who asks us will ask again.
    """

    attempts: int = 6
    longest_wait_s: float = 60.0
    call_timeout_s: float = 60.0
    connect_timeout_s: float = 10.0


IN_A_JOB = Patience()
IN_A_REQUEST = Patience(attempts=2, longest_wait_s=1.0, call_timeout_s=4.0, connect_timeout_s=3.0)


@dataclass(frozen=True)
class Refusal:
    """What a provider says with a 4xx: `reason` is its word for programs, `param` the parameter that it minds."""

    status: int
    reason: str
    param: str
    message: str


class Refused(Stop):
    """The provider answers 4xx, and will again until a person, or the question, changes."""

    def __init__(self, code: str, message: str, hint: str, refusal: Refusal) -> None:
        super().__init__(code, message, hint)
        self.refusal = refusal

    @property
    def blames_credential(self) -> bool:
        """Whether the credential is what must change."""
        return self.refusal.status in (401, 403)


class Busy(Retry):
    """A passing failure; `wait_s` is what the provider asks for, `None` where it asks for nothing."""

    def __init__(self, code: str, message: str, wait_s: float | None = None) -> None:
        super().__init__(code, message, "It is tried again.")
        self.wait_s = wait_s


class Refusing(Protocol):
    """What must be known of a vendor to explain why it refuses."""

    @property
    def name(self) -> str:
        """Its name in sentences."""

    @property
    def code(self) -> str:
        """The beginning of our error codes for it."""

    def refusal(self, status: int, body: Any) -> Refusal:
        """Reads the body of a failed call."""

    def explain(self, refusal: Refusal) -> tuple[str, str, str]:
        """Code, sentence and hint."""


class ProviderHttp:
    """Reads from one vendor with one credential."""

    def __init__(
        self,
        vendor: Refusing,
        url: str,
        headers: Mapping[str, str],
        client: "httpx.Client",
        patience: Patience = IN_A_JOB,
    ) -> None:
        self._vendor = vendor
        self._url = url
        self._headers = headers
        self._client = client
        self._patience = patience

    def get(self, path: str, query: Query, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The JSON object at `path`; numbers with a fraction or an exponent are `Decimal`, digit by digit as sent.

        Raises `Refused` for a 4xx, and `Busy` where it stays unreachable, overloaded or unreadable.
        """
        longest = self._patience.longest_wait_s
        attempts = stamina.retry_context(
            on=lambda err: _wait(err, longest),
            attempts=self._patience.attempts,
            timeout=None,
            wait_initial=1.0,
            wait_max=longest,
        )
        for attempt in attempts:
            with attempt:
                answer = self._once(path, tuple(query), headers or {})
        return answer

    def _once(self, path: str, query: tuple[tuple[str, str], ...], headers: Mapping[str, str]) -> dict[str, Any]:
        import httpx

        try:
            with self._client.stream(
                "GET",
                self._url + path,
                params=query,
                headers={**self._headers, **headers, "User-Agent": USER_AGENT},
            ) as response:
                body = b"".join(self._bounded(response.iter_bytes()))
        except (httpx.TransportError, httpx.DecodingError) as err:
            message = f"{self._vendor.name} could not be reached, or broke off in the middle of its answer."
            raise Busy(f"{self._vendor.code}_unavailable", message) from err
        if response.status_code == 200:
            return self._object(body)
        raise self._failure(response.status_code, response.headers, body, path)

    def _bounded(self, chunks: Iterable[bytes]) -> Iterable[bytes]:
        read = 0
        for chunk in chunks:
            read += len(chunk)
            if read > LARGEST_ANSWER_BYTES:
                raise self._unreadable("sends a page larger than any it should have")
            yield chunk

    def _object(self, body: bytes) -> dict[str, Any]:
        try:
            answer = read_json(body)
        except ValueError as err:
            raise self._unreadable("answers with something that is not JSON") from err
        if not isinstance(answer, dict):
            raise self._unreadable("answers with JSON that is not an object")
        return answer

    def _unreadable(self, does: str) -> Busy:
        return Busy(f"{self._vendor.code}_unreadable", f"{self._vendor.name} {does}.")

    def _failure(self, status: int, headers: Mapping[str, str], body: bytes, path: str) -> RunError:
        refusal = self._vendor.refusal(status, _json_or_none(body))
        said = cleared(refusal.message)[:SHOWN_CHARACTERS]
        fields = {"provider": self._vendor.name, "status": status, "path": path, "reason": refusal.reason}
        log.warning("the provider answers %d: %s", status, said, extra={"fields": fields})
        if status == 429:
            message = f"{self._vendor.name} refuses more requests at the moment (429)."
            return Busy(f"{self._vendor.code}_rate_limited", message, _retry_after(headers))
        if status >= 500 or status in PASSING_STATUSES:
            message = f"{self._vendor.name} has trouble of its own (HTTP {status})."
            return Busy(f"{self._vendor.code}_unavailable", message, _retry_after(headers))
        refusal = Refusal(status, refusal.reason, refusal.param, said)
        return Refused(*self._vendor.explain(refusal), refusal=refusal)


def client(patience: Patience = IN_A_JOB) -> "httpx.Client":
    """A client that keeps connections, follows no redirect and takes no proxy or credential from the environment."""
    import httpx

    timeout = httpx.Timeout(patience.call_timeout_s, connect=patience.connect_timeout_s)
    return httpx.Client(timeout=timeout, trust_env=False)


def read_json(body: bytes) -> Any:
    """JSON with exact numbers; raises `ValueError` for anything else, NaN and endless nesting among it."""
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_no_number)
    except RecursionError as err:
        raise ValueError("nested too deeply") from err


def cleared(text: str) -> str:
    """The text without anything that looks like a key or an e-mail address."""
    return _EMAIL.sub("[e-mail]", _KEY.sub("[key]", text))


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _json_or_none(body: bytes) -> Any:
    try:
        return read_json(body)
    except ValueError:
        return None


def _wait(err: Exception, longest_s: float) -> bool | float:
    """How long until the next try: what the provider asks for, within limits; else stamina's backoff."""
    if not isinstance(err, Busy):
        return False
    return True if err.wait_s is None else min(err.wait_s, longest_s)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """`Retry-After` in seconds, whichever of its two forms it has (RFC 9110 §10.2.3)."""
    text = headers.get("retry-after", "").strip()
    if text.isdigit():
        return float(text[:6])
    try:
        wait = parsedate_to_datetime(text) - datetime.now(UTC)
    except (ValueError, TypeError):
        return None
    return max(wait / timedelta(seconds=1), 0.0)
