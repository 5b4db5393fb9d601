"""Containers that tests put behind a front, and the front before them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from localcloud.cloud_run_front.front import Service
from localcloud.cloud_run_front.server import FrontServer, listening


class Echo(BaseHTTPRequestHandler):
    """Answers what it was asked. /slow waits until `released`, /large answers 2 KiB, /hangup says nothing at all."""

    protocol_version = "HTTP/1.1"
    released: Event

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/slow":
            self.released.wait(10)
        if self.path == "/hangup":
            self.close_connection = True
            return
        target = self.requestline.split()[1]  # http.server itself merges slashes at the beginning of a path
        told = {"target": target, "headers": self.headers.items(), "size": len(body)}
        content = b"x" * 2048 if self.path == "/large" else json.dumps(told).encode()
        self.send_response(418)
        self.send_header("Server", "echo")
        self.send_header("Set-Cookie", "a=1")
        self.send_header("Set-Cookie", "b=2")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_POST = do_HEAD = do_OPTIONS = _answer  # noqa: N815 - names given by http.server

    def log_message(self, *args: Any) -> None:
        """Silence."""


@contextmanager
def echoing() -> Iterator[tuple[str, Event]]:
    """The URL of an echo, and what lets its slow answers go."""
    released = Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (Echo,), {"released": released}))
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", released
    finally:
        released.set()
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def fronted(service: Service) -> Iterator[str]:
    """The URL of a front."""
    server = FrontServer(service, listening(0))
    server.start()
    try:
        yield server.url
    finally:
        server.stop()
