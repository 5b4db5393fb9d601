"""The body of a request: read only where an endpoint takes one, up to a size and within a time.

A server that calls us by WSGI waits for a slow client without end, and holds a thread for it. Its socket is the only
way to end such a wait from outside: once the reading side is shut, the server finds the end of the stream.
"""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from threading import BoundedSemaphore, Event, Lock, Thread
from types import TracebackType
from typing import IO, Any, cast

from flask import Flask, Request, Response, current_app, g

from cloudact.error_codes import Code
from functions.web.problems import Problem

LARGEST_BYTES = 256 * 1024
LINGER_BYTES = 1024 * 1024
LINGERING = 2  # threads of a server at once
_SOCKETS = ("gunicorn.socket", "werkzeug.socket")  # where a server puts the socket of the connection
_EXTENSION = "bodies"


@dataclass(frozen=True)
class Patience:
    """Time that a thread gives a body: `least_s`, and as much more as its announced length takes at `bytes_per_s`.

    Beyond `at_once_s` it waits only while few others do. What an answer leaves unread is taken for `linger_s`, so that
    a client that sends before it reads gets to read.
    """

    least_s: float = 2.0
    bytes_per_s: int = 100_000
    at_once_s: float = 0.1
    linger_s: float = 0.5

    def within_s(self, length: int | None) -> float:
        """Seconds for a body of this length; one of unknown length may be the largest."""
        return self.least_s + (LARGEST_BYTES if length is None else length) / self.bytes_per_s


class Deadline:
    """Context in which a socket may be read until its time is over; then its reading side is shut for good.

    After `at_once_s` it takes one of the places, or is over if none is free; after `within_s` it is over in any case.
    `crowded` and `passed` say which of these has happened. Without a socket, as in a test client, it is never over.
    """

    def __init__(
        self, connection: socket.socket | None, places: BoundedSemaphore, at_once_s: float, within_s: float
    ) -> None:
        self.crowded = self.passed = False
        self._connection = connection
        self._places = places
        self._at_once_s, self._within_s = at_once_s, within_s
        self._lock = Lock()
        self._left = Event()

    def __enter__(self) -> "Deadline":
        if self._connection is not None:
            Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:  # the connection may be another request's from now on
            self._left.set()

    def _watch(self) -> None:
        if self._left.wait(self._at_once_s):
            return
        if not self._places.acquire(blocking=False):
            self._end(crowded=True)
            return
        try:
            if not self._left.wait(self._within_s - self._at_once_s):
                self._end(crowded=False)
        finally:
            self._places.release()

    def _end(self, *, crowded: bool) -> None:
        with self._lock:
            if not self._left.is_set():
                self.crowded, self.passed = crowded, not crowded
                _shut(self._connection)


class Bodies:
    """Bodies that arrive at a server with so many threads, of which at most half wait for slow ones."""

    def __init__(self, threads: int = 8, patience: Patience | None = None) -> None:
        self.threads = threads
        self._patience = patience or Patience()
        self._waiting = BoundedSemaphore(max(threads // 2, 1))
        self._lingering = BoundedSemaphore(LINGERING)

    def install(self, app: Flask) -> None:
        """Makes the app receive its bodies so."""
        app.extensions[_EXTENSION] = self

    def receive(self, request: Request) -> bytes:
        """Whole body of the request, which has one; see `read`."""
        length = request.content_length
        most = LARGEST_BYTES + 1 if length is None else length
        within_s = self._patience.within_s(length)
        failure: Exception | None = None
        body = b""
        with Deadline(connection_of(request), self._waiting, self._patience.at_once_s, within_s) as deadline:
            try:
                body = _take(_stream(request.environ), most)
            except Exception as err:  # malformed chunks, a connection that breaks: every server has errors of its own
                failure = err
        if len(body) > LARGEST_BYTES:
            raise _too_large()
        if failure is None and length in (None, len(body)):
            return body
        if deadline.crowded:
            raise _crowded()
        if deadline.passed:
            raise Problem(408, f"The body did not arrive within {within_s:.1f} seconds.", code=Code.BODY_SLOW)
        raise Problem(400, "The body broke off, or its chunks are malformed.", code=Code.BODY_BROKEN) from failure

    def take_rest(self, connection: socket.socket, stream: IO[bytes]) -> None:
        """Takes what comes at once, or only what is there while enough threads linger.

        A body that goes on ends the connection: where the next request begins is not known.
        """
        if not self._lingering.acquire(blocking=False):
            with _without_waiting(connection):
                ended = _ends(stream)
        else:
            try:
                with Deadline(connection, BoundedSemaphore(), 0.0, self._patience.linger_s) as deadline:
                    ended = _ends(stream) and not deadline.passed
            finally:
                self._lingering.release()
        if not ended:
            _shut(connection)


def refuse_by_length(request: Request) -> None:
    """Raises 413 for a body that is announced to be too large, before anything of it is read."""
    if (request.content_length or 0) > LARGEST_BYTES:
        raise _too_large()


def announced(request: Request) -> bool:
    """Whether the request's headers say that a body follows; one of unknown length may turn out to be empty."""
    return bool(request.content_length) or _chunked(request)


def read(request: Request) -> bytes:
    """Whole body of the request, empty without one.

    Raises 413 where it is too large, 408 where it is too slow, 503 where it is slow while too many are, 400 where it
    breaks off or is malformed.
    """
    if not announced(request):
        return b""
    if "body" not in g:
        g.body = _bodies().receive(request)
    whole: bytes = g.body
    return whole


def leave_rest(request: Request, response: Response) -> None:
    """Arranges that nothing waits for what is left of the body, once the response has been sent."""
    connection = connection_of(request)
    if connection is not None and announced(request) and "body" not in g:
        response.call_on_close(partial(_bodies().take_rest, connection, _stream(request.environ)))


def connection_of(request: Request) -> socket.socket | None:
    """Socket of the request's connection; `None` where there is none, as in a test client."""
    return next((request.environ[name] for name in _SOCKETS if name in request.environ), None)


def threads() -> int:
    """Number of threads of the server, each of which answers one request."""
    return _bodies().threads


def _bodies() -> Bodies:
    return cast("Bodies", current_app.extensions[_EXTENSION])


@contextmanager
def _without_waiting(connection: socket.socket) -> Iterator[None]:
    timeout_s = connection.gettimeout()
    connection.setblocking(False)
    try:
        yield
    finally:
        connection.settimeout(timeout_s)


def _ends(stream: IO[bytes]) -> bool:
    """Whether the body has come to its end; takes it. One that is too long, malformed or not there has not."""
    with suppress(Exception):  # as in `receive`; nobody waits any more
        return len(_take(stream, LINGER_BYTES)) < LINGER_BYTES
    return False


def _take(stream: IO[bytes], most: int) -> bytes:
    parts, left = [], most
    while left > 0 and (part := stream.read(left)) != b"":
        if part is None:  # what a buffered stream reads where it may not wait
            raise BlockingIOError
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _shut(connection: socket.socket | None) -> None:
    try:
        if connection is not None:
            connection.shutdown(socket.SHUT_RD)
    except OSError:  # it is closed
        pass


def _chunked(request: Request) -> bool:
    return request.content_length is None and "Transfer-Encoding" in request.headers


def _stream(environ: Mapping[str, Any]) -> IO[bytes]:
    return cast("IO[bytes]", environ["wsgi.input"])


def _too_large() -> Problem:
    return Problem(413, "The body is larger than 256 KiB.", code=Code.BODY_TOO_LARGE)


def _crowded() -> Problem:
    detail = "Too many bodies come slowly at the moment. Please send the same request again."
    return Problem(503, detail, {"Retry-After": "5"}, code=Code.BODIES_LIMITED)
