"""A front on a loopback port, in a thread of its own."""

import socket
import threading

import uvicorn

from localcloud.cloud_run_front.front import Front, Service

HOST = "127.0.0.1"
LARGEST_HEAD = 2**20  # what the server reads of a header at all; the front's own limit is far below
STOP_WITHIN_S = 5


def listening(port: int) -> socket.socket:
    """A socket on this port, 0 for any free one. Raises OSError where it is taken."""
    # With the protocol spelled out asyncio sets TCP_NODELAY; without it every answer waits 40 ms for Nagle.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    listener.listen(512)
    return listener


def address(listener: socket.socket) -> str:
    """The URL that it answers."""
    return f"http://{HOST}:{listener.getsockname()[1]}"


class FrontServer:
    """Serves between `start` and `stop`."""

    def __init__(self, service: Service, listener: socket.socket) -> None:
        config = uvicorn.Config(
            Front(service),
            http="h11",
            h11_max_incomplete_event_size=LARGEST_HEAD,
            log_config=None,
            access_log=False,
            lifespan="off",
            proxy_headers=False,  # this is the outermost proxy: what a caller says of others is only passed on
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=STOP_WITHIN_S,
        )
        self._listener = listener
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), daemon=True)
        self.url = address(listener)

    def start(self) -> None:
        """Requests that came before wait in the socket."""
        self._thread.start()

    def stop(self) -> None:
        """Lets requests end for a few seconds, then closes the port."""
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()
