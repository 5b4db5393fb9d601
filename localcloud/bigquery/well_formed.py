"""Refuses what Google's schema of BigQuery does not describe, before any route sees it."""

from __future__ import annotations

from bqemulator.domain.errors import DomainError, NotFoundError, ValidationError
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra.discovery.check import NotDescribed, check
from infra.discovery.sent import NotWellFormed, Sent
from localcloud.bigquery.errors import envelope, error_proto

GOOGLES = ("/bigquery/", "/upload/", "/resumable/")


class WellFormed:
    """ASGI: reads each request of Google's API whole, checks it, and passes it on or answers 400 or 404."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is well formed, and what is not Google's."""
        if scope["type"] != "http" or not scope["path"].startswith(GOOGLES):
            await self._app(scope, receive, send)
            return
        body = await _whole(receive)
        error = _refusal(scope, body)
        if error is None:
            await self._app(scope, _again(body, receive), send)
            return
        answer = JSONResponse(envelope(error.http_status, error_proto(error)), error.http_status)
        await answer(scope, receive, send)


def _refusal(scope: Scope, body: bytes) -> DomainError | None:
    content_type = Headers(scope=scope).get("content-type", "")
    try:
        check(Sent(scope["method"], scope["path"], scope["query_string"].decode("latin-1"), body, content_type))
    except NotDescribed as err:
        return NotFoundError(str(err))
    except NotWellFormed as err:
        return ValidationError(str(err))
    return None


async def _whole(receive: Receive) -> bytes:
    """The body; what a client that hung up has sent of it."""
    chunks, more = [], True
    while more:
        message = await receive()
        chunks.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(chunks)


def _again(body: bytes, receive: Receive) -> Receive:
    """Tells the body once more, then what else there is."""
    told = False

    async def tell() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return tell
