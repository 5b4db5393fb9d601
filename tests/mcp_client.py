"""The official SDK's client before the MCP server, in memory; the server asks a real API.

The SDK is imported where it is used: it takes half a second, and every worker of pytest-xdist imports all tests.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio
import httpx
from pydantic import SecretStr

from cli.config import Config, OrgKey
from cli.http import Http
from cli.identity import Customer
from cli.mcp.reading import Reading
from cli.screen import Screen
from cli.session import Api

if TYPE_CHECKING:
    from mcp_types import CallToolResult


@dataclass(frozen=True)
class Asking:
    """The SDK's client before the server, in memory, and what the server asks of the API meanwhile."""

    reading: Reading
    sent: list[httpx.Request] = field(default_factory=list)

    def result(self, name: str, arguments: dict[str, Any]) -> CallToolResult:
        """Result of a call as the client has it, which has compared it with the tool's schema."""
        from mcp import Client

        from cli.mcp.server import server_of

        async def ask() -> CallToolResult:
            async with Client(server_of(self.reading, "test")) as client:
                await client.list_tools()
                return await client.call_tool(name, arguments)

        return anyio.run(ask)

    def __call__(self, name: str, **arguments: Any) -> Any:
        """Structured answer."""
        result = self.result(name, arguments)
        assert not result.is_error, result.content
        return result.structured_content

    def problem(self, name: str, **arguments: Any) -> Any:
        """Structured refusal, which is all that the client is told."""
        result = self.result(name, arguments)
        assert result.is_error
        text = json.loads(result.content[0].text)  # type: ignore[union-attr]
        assert text == result.structured_content
        assert "Traceback" not in json.dumps(text)
        return text

    def api(self, path: str, **query: Any) -> Any:
        """The API's own JSON."""
        return self.reading.api.http.call("GET", f"/api/v1/{path}", query=query).body


def asking(url: str, org: str, key: str, stack: ExitStack, transport: httpx.BaseTransport | None = None) -> Asking:
    """Asks the API at an address for an org, with a key; nothing is tried again."""
    client = stack.enter_context(httpx.Client(timeout=60, transport=transport))
    customer = Customer(Config(orgs=(OrgKey(org_slug=org, api_key=SecretStr(key)),)), org, None)
    api = Api(Http(url, customer.headers, client, 0), Screen(False), customer)
    asking = Asking(Reading(api))
    client.event_hooks = {"request": [asking.sent.append]}
    return asking
