"""GETs JSON from a provider: amounts stay exact, passing trouble is repeated, a refusal is explained.

Owns httpx. Knows no vendor: what a status means is handed in. Nothing that an answer says is shown before it was
cleared of keys and personal data; headers are never shown.
"""

import json
import logging
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Protocol

import tenacity

from cloudact.errors import Exhausted, RunError, Stop

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)
USER_AGENT = "CloudAct-Pipelines/1.0 (https://cloudact.ai)"
LONGEST_WAIT_S = 120.0  # who asks for more is asked again when the platform tries the run again
SLICE_S = 5.0  # how long a wait goes on without a sign of life
LARGEST_ANSWER_BYTES = 32 * 2**20
PASSING_STATUSES = frozenset({408, 409, 425, 429})  # and every 5xx, Anthropic's 529 among them
SHOWN_CHARACTERS, CLEARED_CHARACTERS = 300, 64 * 1024

Query = Iterable[tuple[str, str]]
_KEY = re.compile(r"\bsk-[\w*-]{4,}")
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w.-]{1,255}")


@dataclass(frozen=True)
class Patience:
    """How often one call is made before it is given up, and how long each part of it may take.

    `longest_wait_s` is between two tries, whatever Retry-After asks for; `call_timeout_s` is for one read, and the
    whole answer has `answer_within_s`.
    """

    attempts: int = 6
    longest_wait_s: float = LONGEST_WAIT_S
    call_timeout_s: float = 45.0
    connect_timeout_s: float = 10.0
    answer_within_s: float = 120.0


IN_A_JOB = Patience()
IN_A_REQUEST = Patience(attempts=2, longest_wait_s=1.0, call_timeout_s=4.0, connect_timeout_s=3.0, answer_within_s=6.0)


@dataclass(frozen=True)
class Refusal:
    """What a provider says with a 4xx: `reason` is its word for programs, `param` the parameter that it minds.

    `vendors_own` is false where the body is not the vendor's: a proxy or firewall on the way has answered.
    """

    status: int
    reason: str
    param: str
    message: str
    vendors_own: bool = True


class Refused(Stop):
    """The provider answers 4xx, and will again until a person, or the question, changes."""

    def __init__(self, code: str, message: str, hint: str, refusal: Refusal) -> None:
        super().__init__(code, message, hint)
        self.refusal = refusal

    @property
    def blames_credential(self) -> bool:
        """Whether the credential is what must change."""
        return self.refusal.status in (401, 403)


class Busy(Exhausted):
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
    """Reads from one vendor with one credential. `tick` is called while a call works or waits, every few seconds."""

    def __init__(
        self,
        vendor: Refusing,
        url: str,
        headers: Mapping[str, str],
        client: "httpx.Client",
        patience: Patience,
        tick: Callable[[], None],
    ) -> None:
        self._vendor = vendor
        self._url = url
        self._headers = headers
        self._client = client
        self._patience = patience
        self._tick = tick

    def get(self, path: str, query: Query, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The JSON object at `path`; numbers with a fraction or an exponent are `Decimal` of exactly that value.

        Raises `Refused` for a 4xx, and `Busy` where it stays unreachable, overloaded or unreadable.
        """
        asked = tuple(query)
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self._patience.attempts),
            retry=tenacity.retry_if_exception(self._worth_waiting),
            wait=self._wait,
            sleep=self._sleep,
            reraise=True,
        )
        answer: dict[str, Any] = retrying(self._once, path, asked, headers or {})
        return answer

    def _worth_waiting(self, err: BaseException) -> bool:
        return isinstance(err, Busy) and (err.wait_s or 0) <= LONGEST_WAIT_S

    def _wait(self, state: tenacity.RetryCallState) -> float:
        """What the provider asks for, else twice as long each time; with jitter, so that runs do not ask in step."""
        err = state.outcome.exception() if state.outcome else None
        asked = err.wait_s if isinstance(err, Busy) else None
        wait = 2.0 ** (state.attempt_number - 1) if asked is None else max(asked, 1.0)
        return float(min(wait + random.uniform(0, 1), self._patience.longest_wait_s))  # noqa: S311 - jitter

    def _sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._tick()
            time.sleep(min(left, SLICE_S))

    def _once(self, path: str, query: tuple[tuple[str, str], ...], headers: Mapping[str, str]) -> dict[str, Any]:
        import httpx

        self._tick()
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

    def _bounded(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The body's pieces, until it is too large or takes too long: a drip would outlast every other limit."""
        read, until = 0, time.monotonic() + self._patience.answer_within_s
        for chunk in chunks:
            self._tick()
            read += len(chunk)
            if read > LARGEST_ANSWER_BYTES:
                raise self._unreadable("sends a page larger than any it should have")
            if time.monotonic() > until:
                raise Busy(f"{self._vendor.code}_unavailable", f"{self._vendor.name} does not end its answer.")
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
        told = self._vendor.refusal(status, _json_or_none(body))
        refusal = replace(told, reason=_shown(told.reason), param=_shown(told.param), message=_shown(told.message))
        fields = {"provider": self._vendor.name, "status": status, "path": path, "reason": refusal.reason}
        log.warning("the provider answers %d: %s", status, refusal.message, extra={"fields": fields})
        said = f": {refusal.message}" if refusal.message else "."
        if status == 429:
            message = f"{self._vendor.name} refuses more requests at the moment (HTTP 429){said}"
            return Busy(f"{self._vendor.code}_rate_limited", message, _retry_after(headers))
        if status >= 500 or status in PASSING_STATUSES:
            message = f"{self._vendor.name} has trouble of its own (HTTP {status}){said}"
            return Busy(f"{self._vendor.code}_unavailable", message, _retry_after(headers))
        refused = Refused(*self._vendor.explain(refusal), refusal=refusal)
        if refused.blames_credential and not refusal.vendors_own:
            return self._unreadable(f"did not answer itself: something on the way refuses (HTTP {status})")
        return refused


def _shown(text: str) -> str:
    return cleared(text[: 4 * SHOWN_CHARACTERS])[:SHOWN_CHARACTERS]


def client(patience: Patience = IN_A_JOB) -> "httpx.Client":
    """A client that keeps connections, follows no redirect and takes no proxy or credential from the environment."""
    import httpx

    timeout = httpx.Timeout(patience.call_timeout_s, connect=patience.connect_timeout_s)
    return httpx.Client(timeout=timeout, trust_env=False)


def read_json(body: bytes) -> Any:
    """JSON with exact numbers; raises `ValueError` for anything else: NaN, endless nesting, impossible exponents."""
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_no_number)
    except RecursionError as err:
        raise ValueError("nested too deeply") from err
    except ArithmeticError as err:
        raise ValueError("holds a number that none can be") from err


def cleared(text: str) -> str:
    """The text without anything that looks like a key or an e-mail address, and valid to be stored anywhere."""
    whole = text[:CLEARED_CHARACTERS].encode("utf-8", "replace").decode()  # JSON may hold half of a character
    return _EMAIL.sub("[e-mail]", _KEY.sub("[key]", whole))


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _json_or_none(body: bytes) -> Any:
    try:
        return read_json(body)
    except ValueError:
        return None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """`Retry-After` in seconds, whichever of its two forms it has (RFC 9110 §10.2.3)."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:6])
    try:
        wait = parsedate_to_datetime(text) - datetime.now(UTC)
    except (ValueError, TypeError):
        return None
    return max(wait / timedelta(seconds=1), 0.0)
