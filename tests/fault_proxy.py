"""A loopback proxy before the local BigQuery: lets a test act at the n-th request, before it or after its effect."""

import http.client
import urllib.parse
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

Act = Callable[[], None]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Silent: whoever was killed leaves broken connections behind, and that was the point."""


class Doorman:
    """Forwards every request to `target`, one at a time per connection, and counts them from 1.

    The same GET again at once is not counted: how often a client asks whether a job is done depends on the machine.
    """

    def __init__(self, target: str) -> None:
        self._target = urllib.parse.urlsplit(target)
        self._lock = Lock()
        self.seen: list[str] = []
        self.acts: dict[tuple[int | str, str], Act] = {}
        doorman = self

        class Door(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                doorman._pass(self)

            do_POST = do_PUT = do_DELETE = do_PATCH = do_GET  # noqa: N815 - named by http.server

            def log_message(self, *_: Any) -> None:
                """Silent."""

        self._server = _Server(("127.0.0.1", 0), Door)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Ends the proxy."""
        self._server.shutdown()
        self._server.server_close()

    def at(self, number: int, moment: str, act: Act) -> None:
        """Does `act` at request `number`: `before` it reaches BigQuery, or `after` its effect and before its answer."""
        self.acts[number, moment] = act

    def at_first(self, fragment: str, moment: str, act: Act) -> None:
        """The same at the first request whose line holds `fragment`."""
        self.acts[fragment, moment] = act

    def _pass(self, door: BaseHTTPRequestHandler) -> None:
        body = door.rfile.read(int(door.headers.get("Content-Length") or 0))
        with self._lock:
            line = f"{door.command} {door.path.partition('?')[0]}"
            if self.seen[-1:] != [line] or door.command != "GET":
                self.seen.append(line)
            number = len(self.seen)
        self._act(number, "before")
        status, headers, answer = self._forward(door, body)
        self._act(number, "after")
        try:
            door.send_response(status)
            for name, value in headers:
                door.send_header(name, value)
            door.send_header("Content-Length", str(len(answer)))
            door.end_headers()
            door.wfile.write(answer)
        except OSError:
            door.close_connection = True  # whoever asked is dead: that was the point

    def _act(self, number: int, moment: str) -> None:
        line = self.seen[number - 1]
        due = [
            at
            for at in self.acts
            if at[1] == moment and (at[0] == number or (isinstance(at[0], str) and at[0] in line))
        ]
        for at in due:
            self.acts.pop(at)()

    def _forward(self, door: BaseHTTPRequestHandler, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self._target.hostname or "", self._target.port, timeout=60)
        headers = {name: value for name, value in door.headers.items() if name.lower() not in ("host", "connection")}
        headers["Host"] = urllib.parse.urlsplit(self.url).netloc  # upload sessions come back through this door
        connection.request(door.command, door.path, body, headers)
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        dropped = {"content-length", "transfer-encoding", "connection", "date", "server"}
        return response.status, [h for h in response.getheaders() if h[0].lower() not in dropped], answer
