"""The container behind a front: asked once over HTTP/1.1, and its whole answer."""

from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

import httpcore

from localcloud.cloud_run_front.pages import Answer, Header, Refused

# Between two neighbours only (RFC 9110 §7.6.1). A body goes on as a whole, however it came.
NEIGHBOURS = frozenset(
    b"connection expect keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer"
    b" transfer-encoding upgrade".split()
)
SERVER = (b"server", b"Google Frontend")


class Container:
    """Reached at `upstream` (http://host:port); answers of more than `largest` bytes are refused."""

    def __init__(self, upstream: str, largest: int) -> None:
        self._address = urlsplit(upstream)
        self._largest = largest
        # A kept connection may be closed by the container just when it is used again, and a POST cannot be repeated.
        self._pool = httpcore.AsyncConnectionPool(max_connections=None, max_keepalive_connections=0)

    async def ask(self, method: str, target: bytes, headers: Sequence[Header], body: bytes) -> Answer:
        """What it answers to this request target, as it is sent. What it has done when it hangs up is not known."""
        host, port = self._address.hostname or "", self._address.port
        url = httpcore.URL(scheme=self._address.scheme, host=host, port=port, target=target)
        sent = [*_without(headers, NEIGHBOURS), (b"connection", b"close")]
        if body:
            sent = [*_without(sent, (b"content-length",)), (b"content-length", str(len(body)).encode())]
        try:
            async with self._pool.stream(method, url, headers=sent, content=body) as told:
                kept = _without(told.headers, NEIGHBOURS | {b"server"})
                return Answer(told.status, [*kept, SERVER], await self._whole(told))
        except (httpcore.NetworkError, httpcore.ProtocolError) as err:
            raise Refused(503, "The service is not available.") from err

    async def _whole(self, told: httpcore.Response) -> bytes:
        parts, size = [], 0
        async for part in told.aiter_stream():
            parts.append(part)
            size += len(part)
            if size > self._largest:
                raise Refused(500, "The response of the container was too large.")
        return b"".join(parts)


def _without(headers: Sequence[Header], names: Iterable[bytes]) -> list[Header]:
    """Nor without what Connection names."""
    named = [part.strip().lower() for name, value in headers if name == b"connection" for part in value.split(b",")]
    left_out = {*names, *named}
    return [header for header in headers if header[0].lower() not in left_out]
