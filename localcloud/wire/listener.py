"""HTTP/1.1 on a loopback socket: keep-alive, whole answers in one write, or broken ones on purpose."""

import os
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True)
class HttpRequest:
    """One request; `path` is percent-decoded, `query` is raw, `headers` ignore case."""

    verb: str
    path: str
    query: str = ""
    headers: Message = field(default_factory=Message)
    body: bytes = b""


class Sending(Enum):
    """How an answer leaves: WHOLE, HALF of its body before the connection is closed, or RESET before its first byte."""

    WHOLE = "whole"
    HALF = "half"
    RESET = "reset"


@dataclass(frozen=True)
class HttpAnswer:
    """One answer; JSON unless `headers` says otherwise."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    sending: Sending = Sending.WHOLE


Answering = Callable[[HttpRequest], HttpAnswer | None]  # None: hang up without a word

_JSON = {"Content-Type": "application/json; charset=UTF-8"}


class Listener:
    """A server on 127.0.0.1; `port` 0 takes a free one."""

    def __init__(self, answering: Answering, port: int) -> None:
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.answering = answering
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        """Accept connections from now on, in a thread."""
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Close the port and every open connection, so that a successor may take both over."""
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512  # the default of 5 refuses a burst of parallel clients
    answering: Answering

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        for connection in list(self._open):
            self.shutdown_request(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is not worth a traceback."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536  # unbuffered small writes meet Nagle and delayed ACK: 44 ms a call
    disable_nagle_algorithm = True

    def _answer(self) -> None:
        answer = cast(_Server, self.server).answering(self._request())
        if answer is None or answer.sending is not Sending.WHOLE:
            self.close_connection = True
        if answer is None:
            return
        if answer.sending is Sending.RESET:
            self._reset()
            return
        self.send_response_only(answer.status)
        of_all = {"Server": self.version_string(), "Date": self.date_time_string(), **_JSON}
        for name, value in {**of_all, **answer.headers, "Content-Length": str(len(answer.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        half = len(answer.body) // 2
        self.wfile.write(answer.body[:half] if answer.sending is Sending.HALF else answer.body)

    def _reset(self) -> None:
        """Closes with RST instead of FIN, as a crashed proxy does: no time to linger, and no shutdown before."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _answer  # noqa: N815 - names given by http.server

    def _request(self) -> HttpRequest:
        target = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return HttpRequest(self.command, unquote(target.path), target.query, self.headers, body)

    def log_message(self, *args: object) -> None:
        """No access log: `GET /local/requests` counts instead."""
