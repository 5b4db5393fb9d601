"""Asks an address for the status of HEAD, within a time that covers DNS, connecting, TLS and the answer.

Nothing of the answer is read but its first line, however slowly or endlessly bytes come; no redirect is followed.
"""

import ipaddress
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import BoundedSemaphore, Event, Thread
from typing import Any
from urllib.parse import SplitResult

AT_ONCE = 4
LONGEST_LINE = 1024  # bytes
_PORTS = {"https": 443, "http": 80}
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d)[ \r\n]")


@dataclass(frozen=True)
class Probes:
    """Questions to strangers, each in a thread of its own: a request waits `within_s` seconds and no longer.

    The sockets end at the same time. Only the resolver, `look_up`, cannot be told to (`getaddrinfo` waits for as long
    as the system says), so a thread may outlive its request; there are never more than `at_once`.
    """

    within_s: float
    look_up: Callable[..., list[Any]] = socket.getaddrinfo
    at_once: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(AT_ONCE))

    def status(self, parts: SplitResult, *, own: bool) -> int | None:
        """What HEAD is answered with, or None: no answer in time, nobody who may be asked, or no thread is free.

        Only public IPv4 addresses are asked, with `own` any: an address that no customer has chosen.
        """
        if not self.at_once.acquire(blocking=False):
            return None
        told: list[int] = []
        ended, deadline = Event(), time.monotonic() + self.within_s
        try:
            Thread(target=self._ask, args=(parts, own, deadline, told, ended), daemon=True).start()
        except RuntimeError:  # the system has no thread left
            self.at_once.release()
        else:
            ended.wait(self.within_s)
        return told[0] if told else None

    def _ask(self, parts: SplitResult, own: bool, deadline: float, told: list[int], ended: Event) -> None:
        from http.client import HTTPException

        try:
            address = self._address(parts, own)
            if address is not None and (status := _status(parts, address, deadline)):
                told.append(status)
        except (OSError, HTTPException, ValueError):
            pass
        finally:
            self.at_once.release()
            ended.set()

    def _address(self, parts: SplitResult, own: bool) -> tuple[str, int] | None:
        """What is looked at is what is called: a name may lead elsewhere the second time."""
        port = parts.port or _PORTS[parts.scheme]
        told = self.look_up(parts.hostname, port, family=socket.AF_INET, type=socket.SOCK_STREAM)
        found = [str(each[4][0]) for each in told]
        return (found[0], port) if found and (own or all(map(may_be_asked, found))) else None


def may_be_asked(address: str) -> bool:
    """Whether it is one public host's IPv4 address. `is_global` alone is true of multicast in some Pythons."""
    ip = ipaddress.IPv4Address(address)
    return ip.is_global and not (ip.is_multicast or ip.is_reserved)


def _status(parts: SplitResult, address: tuple[str, int], deadline: float) -> int | None:
    """A time-out of a socket counts for one `connect`, handshake, `sendall` or `recv`; so each gets what is left."""
    import ssl
    from http.client import HTTPConnection

    connection = HTTPConnection(parts.hostname or "", parts.port)
    connection.sock = socket.create_connection(address, _left(deadline))
    try:
        if parts.scheme == "https":
            tls = ssl.create_default_context()
            connection.sock.settimeout(_left(deadline))
            connection.sock = tls.wrap_socket(connection.sock, server_hostname=parts.hostname)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.sock.settimeout(_left(deadline))
        connection.request("HEAD", path, headers={"Host": parts.netloc, "User-Agent": "CloudAct"})
        found = _STATUS.match(_first_line(connection.sock, deadline))
        return int(found[1]) if found else None
    finally:
        connection.close()


def _first_line(sock: socket.socket, deadline: float) -> bytes:
    """Nothing beyond it is waited for."""
    line = b""
    while b"\n" not in line and len(line) < LONGEST_LINE:
        sock.settimeout(_left(deadline))
        if not (more := sock.recv(LONGEST_LINE - len(line))):
            break
        line += more
    return line


def _left(deadline: float) -> float:
    """Seconds. Raises `TimeoutError` where none are."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
