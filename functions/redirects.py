"""Whether an address that a customer has chosen answers with a redirect, which Cloud Tasks might follow.

Asked once, without a body or any credential, of public addresses only: a name that leads into an inner network is left
alone, and so is whoever does not answer in time. A receiver that begins to redirect later is not seen (docs/adr/0009).
"""

import ipaddress
import socket
from urllib.parse import SplitResult, urlsplit

TIMEOUT_S = 3.0
_PORTS = {"https": 443, "http": 80}


def redirects(url: str, *, allow_http: bool = False) -> bool:
    """Whether HEAD of the address is answered with 3xx. `allow_http` as for `webhook_url`, which has accepted it."""
    from http.client import HTTPException

    parts = urlsplit(url)
    own = allow_http and parts.scheme == "http"
    try:
        address = _address(parts, public=not own)
        return address is not None and _status(parts, address) // 100 == 3
    except (OSError, HTTPException, ValueError):
        return False


def _address(parts: SplitResult, *, public: bool) -> tuple[str, int] | None:
    """What is looked at is what is called: a name may lead elsewhere the second time."""
    port = parts.port or _PORTS[parts.scheme]
    found = {str(told[4][0]) for told in socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)}
    if public and not all(ipaddress.ip_address(each).is_global for each in found):
        return None
    return min(found), port


def _status(parts: SplitResult, address: tuple[str, int]) -> int:
    import ssl
    from http.client import HTTPConnection

    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    connection.sock = socket.create_connection(address, TIMEOUT_S)
    try:
        if parts.scheme == "https":
            tls = ssl.create_default_context()
            connection.sock = tls.wrap_socket(connection.sock, server_hostname=parts.hostname)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("HEAD", path, headers={"Host": parts.netloc, "User-Agent": "CloudAct-Webhooks"})
        return connection.getresponse().status
    finally:
        connection.close()
