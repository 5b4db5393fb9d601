"""GETs JSON from a provider: amounts stay exact, passing trouble is repeated, a refusal is explained.

Owns httpx. Knows no vendor: what a status means is handed in. Nothing that an answer says is shown before it was
cleared of keys and personal data; headers are never shown.
"""

import logging
import random
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast
from weakref import WeakSet

import tenacity

from cloudact.clients import trusted_certificates
from cloudact.clock import Clock, utc_now
from cloudact.error_codes import ErrorCode, ProviderFailure, provider_code
from cloudact.errors import Exhausted, RunError, Stop
from cloudact.google_api import USER_AGENT
from cloudact.json_types import Json, JsonObject
from cloudact.redaction import cleared
from providers.calls import Call, Calls
from providers.exact_json import Unreadable, read_json, read_object
from providers.refusals import Refusal
from providers.waits import Wait, wait_of

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)
LONGEST_WAIT_S = 120.0  # who asks for more is asked again when the platform tries the run again
SLICE_S = 1.0  # how long a wait goes on without a sign of life
LARGEST_ANSWER_BYTES = 32 * 2**20
PIECE_BYTES = 64 * 1024
ENCODING = "gzip"  # the only one that is asked for and read
_GZIP = zlib.MAX_WBITS | 16  # zlib's name of the format
PASSING_STATUSES = frozenset({408, 409, 425, 429})  # and every 5xx, Anthropic's 529 among them
SHOWN_CHARACTERS = 300

Query = Iterable[tuple[str, str]]
Pairs = tuple[tuple[str, str], ...]
Answer = TypeVar("Answer")
Decode = Callable[[bytes], Answer]


@dataclass(frozen=True)
class Patience:
    """Limits of one call: how often it is made before it is given up, and how long each part of it may take.

    `longest_wait_s` is between two tries, whatever the provider asks for; `call_timeout_s` is for one read, and the
    whole answer has `answer_within_s`. `doubt_s`: after how long a call with a doubtful 401 or 403 is made once
    more; `None` takes each as final at once, as where a person waits for the answer.
    """

    attempts: int = 6
    longest_wait_s: float = LONGEST_WAIT_S
    call_timeout_s: float = 45.0
    connect_timeout_s: float = 10.0
    answer_within_s: float = 120.0
    doubt_s: float | None = 20.0


IN_A_JOB = Patience()
IN_A_REQUEST = Patience(
    attempts=2, longest_wait_s=1.0, call_timeout_s=4.0, connect_timeout_s=3.0, answer_within_s=6.0, doubt_s=None
)


@dataclass(frozen=True)
class Time:
    """The clock, and how to wait."""

    now: Clock = utc_now
    sleep: Callable[[float], None] = time.sleep


class Refused(Stop):
    """The provider answers 4xx, and will again until a person, or the question, changes."""

    def __init__(self, code: ErrorCode, message: str, hint: str, refusal: Refusal) -> None:
        super().__init__(code, message, hint)
        self.refusal = refusal

    @property
    def blames_credential(self) -> bool:
        """Whether the credential is what must change."""
        return self.refusal.about_credential


class Busy(Exhausted):
    """A passing failure; `wait` is what the provider asks for, `None` where it asks for nothing.

    `limited`: there were too many calls.
    """

    def __init__(self, code: ErrorCode, message: str, wait: Wait | None = None, *, limited: bool = False) -> None:
        super().__init__(code, message, "It is tried again.")
        self.wait = wait
        self.limited = limited

    @property
    def wait_s(self) -> float | None:
        """Seconds that the provider asks to wait; `None` where it asks for nothing."""
        return self.wait.seconds if self.wait else None


class Refusing(Protocol):
    """A vendor, as far as it must be known to explain why it refuses."""

    @property
    def name(self) -> str:
        """The vendor's name in sentences."""

    @property
    def id(self) -> str:
        """The id of the vendor's `Provider`, with which its error codes begin."""

    def refusal(self, status: int, body: Json) -> Refusal:
        """Reads the body of a failed call."""

    def explain(self, refusal: Refusal, path: str) -> tuple[ErrorCode, str, str]:
        """Code, sentence and hint of a refusal by the API at `path`."""


class ProviderHttp:
    """Reads from one vendor with one credential, by the rules of `calls`.

    A 401 or 403 is asked once more, later: what an integration is called INVALID for must have been said twice. Only a
    refusal that names a missing right is final at once, and any where a person waits.
    """

    def __init__(
        self,
        vendor: Refusing,
        url: str,
        headers: Mapping[str, str],
        client: "httpx.Client",
        patience: Patience,
        calls: Calls,
        time: Time,
    ) -> None:
        self._vendor = vendor
        self._url = url
        self._headers = headers
        self._client = client
        self._patience = patience
        self.calls = calls
        self._tick = calls.tick
        self._turns = calls.turns
        self._time = time

    def get(
        self, path: str, query: Query, headers: Mapping[str, str] | None = None, *, may_lack_rights: bool = False
    ) -> JsonObject:
        """The JSON object at `path`; numbers with a fraction or an exponent are `Spelled`. Raises as `read` does."""
        return self.read(path, query, read_object, headers, may_lack_rights=may_lack_rights)

    def read(
        self,
        path: str,
        query: Query,
        decode: Decode[Answer],
        headers: Mapping[str, str] | None = None,
        *,
        may_lack_rights: bool = False,
    ) -> Answer:
        """What `decode` makes of the answer's body at `path`; it raises `Unreadable` for what is asked for again.

        Raises `Refused` for a 4xx, and `Busy` where it stays unreachable, overloaded or unreadable, or refuses for a
        reason that is not the credential's. `may_lack_rights` takes a missing right as final at once.
        """
        question = path, tuple(query), headers or {}, decode, Call()
        try:
            answer = self._patiently(*question)
        except Refused as err:
            if not self._doubtful(err.refusal, may_lack_rights):
                raise
            answer = self._once_more(*question)
        self._turns.accept()
        return answer

    def error_code(self, failure: ProviderFailure) -> ErrorCode:
        """The code of this failure of the vendor: `openai_unavailable`."""
        return provider_code(self._vendor.id, failure)

    def _doubtful(self, refusal: Refusal, may_lack_rights: bool) -> bool:
        if self._patience.doubt_s is None or refusal.status not in (401, 403):
            return False
        if refusal.param and not refusal.about_credential:  # it minds the question
            return False
        if refusal.about_credential and refusal.about_rights:  # a key of another kind, or with less, stays so
            return self._turns.accepted and not may_lack_rights
        return True

    def _once_more(
        self, path: str, query: Pairs, headers: Mapping[str, str], decode: Decode[Answer], call: Call
    ) -> Answer:
        self._sleep(min(self._patience.doubt_s or 0, self._patience.longest_wait_s))
        try:
            return self._patiently(path, query, headers, decode, call)
        except Refused as err:
            if err.refusal.status in (401, 403) and not err.blames_credential:
                raise Busy(err.code, err.message) from err
            raise

    def _patiently(
        self, path: str, query: Pairs, headers: Mapping[str, str], decode: Decode[Answer], call: Call
    ) -> Answer:
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self._patience.attempts),
            retry=tenacity.retry_if_exception(self._worth_waiting),
            wait=self._wait,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            answer: Answer = retrying(self._in_turn, path, query, headers, decode, call)
        finally:
            self._turns.over(call)
        return answer

    def _worth_waiting(self, err: BaseException) -> bool:
        """Whether to try again here: not where the provider asks for more than `LONGEST_WAIT_S` seconds.

        A limit's reset is no such demand, since the limit may open before.
        """
        return isinstance(err, Busy) and not (err.wait and err.wait.asked and err.wait.seconds > LONGEST_WAIT_S)

    def _wait(self, state: tenacity.RetryCallState) -> float:
        """Seconds until the next try: twice as long each time, and never less than the provider asks for.

        With jitter, so that runs do not ask in step.
        """
        err = state.outcome.exception() if state.outcome else None
        least = (err.wait_s if isinstance(err, Busy) else None) or 0.0
        wait = max(least, 2.0 ** (state.attempt_number - 1))
        return float(min(wait + random.uniform(0, 1), self._patience.longest_wait_s))  # noqa: S311 - jitter

    def _sleep(self, seconds: float) -> None:
        while seconds > 0:
            self._tick()
            self._time.sleep(min(seconds, SLICE_S))
            seconds -= SLICE_S

    def _in_turn(
        self, path: str, query: Pairs, headers: Mapping[str, str], decode: Decode[Answer], call: Call
    ) -> Answer:
        with self._turns.one(call, self._tick):
            try:
                return self._once(path, query, headers, decode)
            except Busy as err:
                if err.limited:
                    self._turns.refuse(call)
                raise

    def _once(self, path: str, query: Pairs, headers: Mapping[str, str], decode: Decode[Answer]) -> Answer:
        import httpx

        self._tick()
        try:
            with closing(self._client.send(self._request(path, query, headers), stream=True)) as response:
                body = self._body(response)
        except (httpx.TransportError, zlib.error) as err:
            message = f"{self._vendor.name} could not be reached, or broke off in the middle of its answer."
            raise Busy(self.error_code(ProviderFailure.UNAVAILABLE), message) from err
        if response.status_code == 200:
            return self._decoded(body, decode)
        raise self._failure(response.status_code, response.headers, body, path)

    def _request(self, path: str, query: Pairs, headers: Mapping[str, str]) -> "httpx.Request":
        """A call as it is sent: a client has nothing to add, and to let it try takes as long as to send it."""
        import httpx

        general = {"Accept": "*/*", "Accept-Encoding": ENCODING, "User-Agent": USER_AGENT}
        timeout = {"timeout": self._client.timeout.as_dict()}
        return httpx.Request(
            "GET",
            self._url + path,
            params=query,
            headers={**self._headers, **headers, **general},
            extensions=timeout,
        )

    def _body(self, response: "httpx.Response") -> bytes:
        """The whole body. Empty where nobody can decode it and the status, with its headers, says what to do."""
        try:
            return b"".join(self._bounded(self._pieces(response)))
        except (Busy, zlib.error):
            if response.status_code == 200:
                raise
            return b""

    def _pieces(self, response: "httpx.Response") -> Iterator[bytes]:
        """The pieces of the body, plain or from one gzip. Raises `Busy` for any other encoding, or for more than one.

        httpx would undo as many as are named, each a thousandfold and whole: 2.6 kB of `gzip, gzip` become 1.5 GiB.
        """
        wire = iter(cast("httpx.SyncByteStream", response.stream))
        encoding = response.headers.get("Content-Encoding", "").strip().lower()
        if encoding in ("", "identity"):
            return wire
        if encoding not in (ENCODING, f"x-{ENCODING}"):
            raise self._unreadable("answers in an encoding that was not asked for")
        return unzipped(wire)

    def _bounded(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yields the body's pieces. Raises `Busy` for too large or slow a body: a drip outlasts every other limit."""
        read, until = 0, time.monotonic() + self._patience.answer_within_s
        for chunk in chunks:
            self._tick()
            read += len(chunk)
            if read > LARGEST_ANSWER_BYTES:
                raise self._unreadable("sends a page larger than any it should have")
            if time.monotonic() > until:
                raise Busy(
                    self.error_code(ProviderFailure.UNAVAILABLE),
                    f"{self._vendor.name} does not end its answer.",
                )
            yield chunk

    def _decoded(self, body: bytes, decode: Decode[Answer]) -> Answer:
        try:
            return decode(body)
        except Unreadable as err:
            raise self._unreadable(f"answers with {err}") from err

    def _unreadable(self, does: str) -> Busy:
        return Busy(self.error_code(ProviderFailure.UNREADABLE), f"{self._vendor.name} {does}.")

    def _failure(self, status: int, headers: Mapping[str, str], body: bytes, path: str) -> RunError:
        raw = self._vendor.refusal(status, _json_or_none(body))
        wait = wait_of(status, headers, self._time.now())
        refusal = replace(raw, reason=_shown(raw.reason), param=_shown(raw.param), message=_shown(raw.message))
        fields = {"provider": self._vendor.name, "status": status, "path": path, "reason": refusal.reason}
        log.warning("the provider answers %d: %s", status, refusal.message, extra={"fields": fields})
        words = f": {refusal.message}" if refusal.message else "."
        if status == 429:
            message = f"{self._vendor.name} refuses more requests at the moment (HTTP 429){words}"
            return Busy(self.error_code(ProviderFailure.RATE_LIMITED), message, wait, limited=True)
        if status >= 500 or status in PASSING_STATUSES:
            message = f"{self._vendor.name} has trouble of its own (HTTP {status}){words}"
            return Busy(self.error_code(ProviderFailure.UNAVAILABLE), message, wait)
        if status in (401, 403) and not refusal.vendors_own:
            return self._unreadable(f"did not answer itself: something on the way refuses (HTTP {status})")
        return Refused(*self._vendor.explain(refusal, path), refusal=refusal)


def unzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yields what a gzip holds, at most `PIECE_BYTES` at once, so that the reader can stop before it is much.

    It may have several members and zeros after each, as gzip's own program reads it (RFC 1952, 2.2). Raises
    `zlib.error` for what is no gzip, is cut off, or goes on with anything else.
    """
    member = zlib.decompressobj(wbits=_GZIP)
    for piece in pieces:
        left, full = piece, False
        while left or full:
            if member.eof:
                left = left.lstrip(b"\0")
                if not left:
                    break
                member = zlib.decompressobj(wbits=_GZIP)
            out = member.decompress(left, PIECE_BYTES)
            yield out
            left, full = member.unused_data or member.unconsumed_tail, len(out) == PIECE_BYTES
    if not member.eof:
        raise zlib.error("the gzip is cut off")


def _shown(text: str) -> str:
    return cleared(text)[:SHOWN_CHARACTERS]


def client(patience: Patience = IN_A_JOB, sockets: "Sockets | None" = None) -> "httpx.Client":
    """A client that keeps connections, follows no redirect and takes no proxy or credential from the environment.

    `sockets` learns of every connection that the client opens.
    """
    import httpx

    timeout = httpx.Timeout(patience.call_timeout_s, connect=patience.connect_timeout_s)
    hooks = {"request": [sockets.follow]} if sockets else {}
    return httpx.Client(timeout=timeout, trust_env=False, verify=trusted_certificates(), event_hooks=hooks)


class Sockets:
    """The sockets that a client has open, so that another thread can end the calls that wait for a silent provider."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: WeakSet[socket.socket] = WeakSet()

    def follow(self, request: "httpx.Request") -> None:
        """Has the client tell of the connection that it opens for this request, if it opens one."""
        request.extensions["trace"] = self._trace

    def break_off(self) -> None:
        """Ends every call at work as if its connection had broken; the client opens others when it is used again."""
        with self._lock:
            for each in self._open:
                with suppress(OSError):  # it is closed already
                    socket.socket.shutdown(each, socket.SHUT_RDWR)  # of TLS too: nobody there needs a farewell

    def _trace(self, event: str, told: Mapping[str, Any]) -> None:
        # https://www.python-httpx.org/advanced/extensions/#trace
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            with self._lock:
                self._open.add(told["return_value"].get_extra_info("socket"))


def _json_or_none(body: bytes) -> Json:
    try:
        return read_json(body)
    except ValueError:
        return None
