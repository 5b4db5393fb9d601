"""One service's front as an ASGI app: checks a request, hands it to the container, and passes the answer back."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.types import Receive, Scope, Send

from localcloud.cloud_run_front.container import Container
from localcloud.cloud_run_front.limits import Limits
from localcloud.cloud_run_front.pages import Answer, Header, Refused

if TYPE_CHECKING:
    from localcloud.cloud_run_front.invoker_check import InvokerCheck

SLASHES = re.compile(rb"/{2,}")
BODILESS = (204, 304)


@dataclass(frozen=True)
class Service:
    """A container at `upstream` (http://host:port). Without a check everybody is let in, with the headers they sent."""

    upstream: str
    check: "InvokerCheck | None" = None
    limits: Limits = field(default_factory=Limits)
    merge_slashes: bool = False


class Front:
    """Holds whole requests in memory: never more than `concurrency` of them, and each for `timeout_s` at most."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._limits = service.limits
        self._container = Container(service.upstream, service.limits.body_bytes)
        self._places = asyncio.Semaphore(service.limits.concurrency)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"only HTTP is passed on, not {scope['type']}")
        try:
            answer = await self._answer(scope, receive)
        except Refused as refused:
            answer = refused.answer()
        await _send(answer, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        headers = self._within_limits(scope)
        if self._service.check:
            headers = await asyncio.to_thread(self._service.check.passed_on, headers)
        async with self._place():
            try:
                async with asyncio.timeout(self._limits.timeout_s):
                    body = await self._body(receive)
                    return await self._container.ask(
                        scope["method"], self._target(scope), _forwarded(scope, headers), body
                    )
            except TimeoutError as err:
                raise Refused(504, "The upstream request has timed out.") from err

    def _within_limits(self, scope: Scope) -> list[Header]:
        headers: list[Header] = list(scope["headers"])
        told = sum(len(name) + len(value) + len(b": \r\n") for name, value in headers)
        if told + len(scope["raw_path"]) + len(scope["query_string"]) > self._limits.header_bytes:
            raise Refused(413, "Your client issued a request whose header was too large.")
        if int(dict(headers).get(b"content-length", b"0")) > self._limits.body_bytes:  # digits: the server has looked
            raise _too_large()
        return headers

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """One of those that the instances have."""
        try:
            async with asyncio.timeout(self._limits.pending_s):
                await self._places.acquire()
        except TimeoutError as err:
            raise Refused(429, "Rate exceeded.") from err
        try:
            yield
        finally:
            self._places.release()

    async def _body(self, receive: Receive) -> bytes:
        body, more = bytearray(), True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Refused(400, "The client has gone.")
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self._limits.body_bytes:
                raise _too_large()
        return bytes(body)

    def _target(self, scope: Scope) -> bytes:
        path: bytes = scope["raw_path"]
        if self._service.merge_slashes:
            path = SLASHES.sub(b"/", path)
        return path + (b"?" + scope["query_string"] if scope["query_string"] else b"")


def _too_large() -> Refused:
    return Refused(413, "Your client issued a request that was too large.")


def _forwarded(scope: Scope, headers: list[Header]) -> list[Header]:
    """Adds who calls to whoever is said to have called before; the scheme is https, as everywhere at Cloud Run."""
    before = [value for name, value in headers if name == b"x-forwarded-for"]
    kept = [header for header in headers if header[0] not in (b"x-forwarded-for", b"x-forwarded-proto")]
    caller = b", ".join([*before, str(scope["client"][0]).encode()])
    return [*kept, (b"x-forwarded-for", caller), (b"x-forwarded-proto", b"https")]


async def _send(answer: Answer, send: Send) -> None:
    headers = list(answer.headers)
    if answer.status not in BODILESS and all(name.lower() != b"content-length" for name, _ in headers):
        headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
