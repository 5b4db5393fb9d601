"""The body of a request: read only where an endpoint takes one, up to a size and within a time.

A server that calls us by WSGI waits for a slow client without end, and holds a thread for it. Its socket is the only
way to end such a wait from outside: once the reading side is shut, the server finds the end of the stream.
"""

import socket
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from threading import Lock, Timer
from types import TracebackType
from typing import IO, Any, cast

from flask import Request, Response, g

from cloudact.error_codes import Code
from functions.web.problems import Problem

LARGEST_BYTES = 256 * 1024
WITHIN_S = 5.0  # the largest body takes 420 kbit/s, and all that we are sent is far smaller
# What an answer leaves unread is taken for a moment, so that a client that sends before it reads gets to read.
LINGER_S, LINGER_BYTES = 0.5, 1024 * 1024
_SOCKETS = ("gunicorn.socket", "werkzeug.socket")  # where a server puts the socket of the connection


class NotReceived(Problem):
    """Refusal of a body that did not come whole: nothing needs to be known of its sender for that."""


class Deadline:
    """Context in which a socket may be read: when `within_s` seconds are over, its reading side is shut for good.

    `passed` says whether that has happened. Without a socket, as in a test client, there is no deadline.
    """

    def __init__(self, connection: socket.socket | None, within_s: float) -> None:
        self.passed = False
        self._connection = connection
        self._lock = Lock()
        self._left = False
        self._timer = Timer(within_s, self._pass)
        self._timer.daemon = True

    def __enter__(self) -> "Deadline":
        if self._connection is not None:
            self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:  # the connection may be another request's from now on
            self._left = True

    def _pass(self) -> None:
        with self._lock:
            if not self._left:
                self.passed = True
                _shut(self._connection)


def refuse_by_length(request: Request) -> None:
    """Raises 413 for a body that is announced to be too large, before anything of it is read."""
    if (request.content_length or 0) > LARGEST_BYTES:
        raise _too_large()


def announced(request: Request) -> bool:
    """Whether the request's headers say that a body follows; one of unknown length may turn out to be empty."""
    return bool(request.content_length) or _chunked(request)


def read(request: Request) -> bytes:
    """Whole body of the request, empty without one.

    Raises 413 where it is too large, 408 where it is too slow, 400 where it breaks off or is malformed.
    """
    if not announced(request):
        return b""
    if "body" not in g:
        g.body = _received(request)
    whole: bytes = g.body
    return whole


def _received(request: Request) -> bytes:
    length = request.content_length
    most = LARGEST_BYTES + 1 if length is None else length
    failure: Exception | None = None
    body = b""
    with Deadline(_connection(request.environ), WITHIN_S) as deadline:
        try:
            body = _take(_stream(request.environ), most)
        except Exception as err:  # malformed chunks, a connection that breaks: every server has errors of its own
            failure = err
    if len(body) > LARGEST_BYTES:
        raise _too_large()
    if failure is None and length in (None, len(body)):
        return body
    if deadline.passed:
        raise NotReceived(408, f"The body did not arrive within {WITHIN_S:.0f} seconds.", code=Code.BODY_SLOW)
    raise NotReceived(400, "The body broke off, or its chunks are malformed.", code=Code.BODY_BROKEN) from failure


def leave_rest(request: Request, response: Response) -> None:
    """Arranges that nothing waits for what is left of the body, once the response has been sent."""
    connection = _connection(request.environ)
    if connection is not None and announced(request) and "body" not in g:
        response.call_on_close(partial(_linger, connection, _stream(request.environ)))


def _linger(connection: socket.socket, stream: IO[bytes]) -> None:
    """Takes what comes at once. A body that goes on ends the connection: where the next request begins is not known."""
    ended = False
    with Deadline(connection, LINGER_S) as deadline, suppress(Exception):  # as in `read`; nobody waits any more
        ended = len(_take(stream, LINGER_BYTES)) < LINGER_BYTES
    if not ended and not deadline.passed:
        _shut(connection)


def _take(stream: IO[bytes], most: int) -> bytes:
    parts, left = [], most
    while left > 0 and (part := stream.read(left)):
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


def _connection(environ: Mapping[str, Any]) -> socket.socket | None:
    return next((environ[name] for name in _SOCKETS if name in environ), None)


def _stream(environ: Mapping[str, Any]) -> IO[bytes]:
    return cast("IO[bytes]", environ["wsgi.input"])


def _too_large() -> NotReceived:
    return NotReceived(413, "The body is larger than 256 KiB.", code=Code.BODY_TOO_LARGE)
