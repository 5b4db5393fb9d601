"""Requests that wait for a change: for how long, how many at once, and whether their senders are still there.

A server that calls us by WSGI holds a thread for each. Of those that it has, slow bodies may take half (bodies.py) and
waiting requests a quarter, so a quarter is always left for requests that are answered at once.
"""

import re
import selectors
import socket
import time

from flask import Request, Response

LONGEST_S = 25  # shorter than what proxies and browsers give an answer; Cloud Run gives it API's 60
MOST = 8  # of an instance, however many threads it has
APPLIED = "Preference-Applied"
_WAIT = re.compile(r'(?:^|,)\s*wait\s*=\s*"?(\d{1,9})"?\s*(?=[;,]|$)', re.ASCII | re.IGNORECASE)


def preferred_wait_s(request: Request) -> int | None:
    """Seconds of `Prefer: wait=…` (RFC 7240), at most the longest; `None` without one that can be understood."""
    found = _WAIT.search(request.headers.get("Prefer", ""))
    return min(int(found[1]), LONGEST_S) if found else None


def apply_preference(request: Request, response: Response) -> None:
    """Says that `Prefer: wait=…` was heeded, where the request has it."""
    wait_s = preferred_wait_s(request)
    if wait_s is not None:
        response.headers[APPLIED] = f"wait={wait_s}"


def places(threads: int) -> int:
    """Number of requests that may wait at once at a server with so many threads."""
    return min(threads // 4, MOST)


def hangs_up(connection: socket.socket | None, within_s: float) -> bool:
    """Whether the client ends the connection within the time, which is waited for otherwise.

    Without a connection, as in a test client, nobody hangs up. Behind a proxy it is the proxy's connection: whether
    Google's front ends it with the client's is not known, so nothing but an earlier free place depends on this.
    """
    until = time.monotonic() + within_s
    if connection is not None and _readable(connection, within_s):
        if _ended(connection):
            return True
        time.sleep(max(until - time.monotonic(), 0.0))  # the next request came early
    elif connection is None:
        time.sleep(within_s)
    return False


def _readable(connection: socket.socket, within_s: float) -> bool:
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(connection, selectors.EVENT_READ)
            return bool(selector.select(within_s))
    except (OSError, ValueError):  # it is closed
        return True


def _ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
