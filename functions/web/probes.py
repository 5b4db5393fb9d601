"""Asks an address for the status of HEAD, within a time that covers DNS, connecting, TLS and the answer.

Nothing of the answer is read but its first line, however slowly or endlessly bytes come; no redirect is followed.
"""

import ipaddress
import re
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import BoundedSemaphore, Event, Thread
from typing import TypeAlias
from urllib.parse import SplitResult

AT_ONCE = 4
LONGEST_LINE = 1024  # bytes
_PORTS = {"https": 443, "http": 80}
AddressInfo: TypeAlias = tuple[int, int, int, str, tuple[object, ...]]
"""Family, type, protocol, canonical name and address, as `socket.getaddrinfo` gives them."""
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d)[ \r\n]")


@dataclass(frozen=True)
class Probes:
    """HEAD requests to addresses that customers choose, each in its own thread; a caller waits `within_s` seconds.

    The sockets end at the same time. Only the resolver, `look_up`, cannot be limited (`getaddrinfo` waits for as long
    as the system says), so a thread may outlive its request; there are never more than `at_once`.
    """

    within_s: float
    look_up: Callable[..., Sequence[AddressInfo]] = socket.getaddrinfo
    at_once: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(AT_ONCE))

    def status(self, parts: SplitResult, *, own: bool) -> int | None:
        """The HTTP status of HEAD; `None` without an answer in time, a public address or a free thread.

        Only public IPv4 addresses are asked; with `own` any address, for one that no customer has chosen.
        """
        if not self.at_once.acquire(blocking=False):
            return None
        statuses: list[int] = []
        ended, deadline = Event(), time.monotonic() + self.within_s
        try:
            Thread(target=self._ask, args=(parts, own, deadline, statuses, ended), daemon=True).start()
        except RuntimeError:  # the system has no thread left
            self.at_once.release()
        else:
            ended.wait(self.within_s)
        return statuses[0] if statuses else None

    def _ask(self, parts: SplitResult, own: bool, deadline: float, statuses: list[int], ended: Event) -> None:
        from http.client import HTTPException

        try:
            address = self._address(parts, own)
            if address is not None and (status := _status(parts, address, deadline)):
                statuses.append(status)
        except (OSError, HTTPException, ValueError):
            pass
        finally:
            self.at_once.release()
            ended.set()

    def _address(self, parts: SplitResult, own: bool) -> tuple[str, int] | None:
        """The address to connect to, the one that was checked: a name may resolve otherwise the second time."""
        port = parts.port or _PORTS[parts.scheme]
        records = self.look_up(parts.hostname, port, family=socket.AF_INET, type=socket.SOCK_STREAM)
        addresses = [str(each[4][0]) for each in records]
        return (addresses[0], port) if addresses and (own or all(map(may_be_asked, addresses))) else None


def may_be_asked(address: str) -> bool:
    """Whether the IPv4 address is a single public host's. `is_global` alone is true of multicast in some Pythons."""
    ip = ipaddress.IPv4Address(address)
    return ip.is_global and not (ip.is_multicast or ip.is_reserved)


def _status(parts: SplitResult, address: tuple[str, int], deadline: float) -> int | None:
    """The status of HEAD at the address. Each step gets the time that is left: a socket's time-out is per step."""
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
        line = _STATUS.match(_first_line(connection.sock, deadline))
        return int(line[1]) if line else None
    finally:
        connection.close()


def _first_line(sock: socket.socket, deadline: float) -> bytes:
    """The bytes up to the first line end, and perhaps more of the same packet; waits for nothing after it."""
    line = b""
    while b"\n" not in line and len(line) < LONGEST_LINE:
        sock.settimeout(_left(deadline))
        if not (more := sock.recv(LONGEST_LINE - len(line))):
            break
        line += more
    return line


def _left(deadline: float) -> float:
    """Seconds until the deadline. Raises `TimeoutError` where none are left."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
