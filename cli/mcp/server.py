"""MCP server over stdio. Owns the SDK of the Model Context Protocol, and knows no tool by name.

Standard output is the protocol's; standard error gets a line for each refusal, without arguments and answers.
"""

import json
import logging
from typing import TypeAlias

import anyio
import anyio.to_thread
import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from pydantic import BaseModel, ValidationError

from cli.failures import Failure
from cli.mcp.answers import ToolProblem
from cli.mcp.problems import problem_of, problem_of_arguments
from cli.mcp.reading import Reading
from cli.mcp.tools import INSTRUCTIONS, TOOLS, Tool
from cli.text import escaped_json

LARGEST_ANSWER = 200_000  # characters of JSON
CALLS_AT_ONCE = 4
_LOG = logging.getLogger("cloudact.mcp")
_BY_NAME = {tool.name: tool for tool in TOOLS}
_READS_ONLY = types.ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)
_Context: TypeAlias = ServerRequestContext[object]


def serve(reading: Reading, version: str) -> None:
    """Answers on standard input and output until the input ends."""
    anyio.run(_serve, server_of(reading, version))


def server_of(reading: Reading, version: str) -> Server[object]:
    """Server of the SDK with all tools, which has no transport yet."""
    at_once = anyio.CapacityLimiter(CALLS_AT_ONCE)

    async def list_tools(_context: _Context, _page: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_described(tool) for tool in TOOLS])

    async def call_tool(_context: _Context, asked: types.CallToolRequestParams) -> types.CallToolResult:
        return await anyio.to_thread.run_sync(
            answer, reading, asked.name, asked.arguments or {}, abandon_on_cancel=True, limiter=at_once
        )

    return Server(
        "cloudact", version=version, instructions=INSTRUCTIONS, on_list_tools=list_tools, on_call_tool=call_tool
    )


def answer(reading: Reading, name: str, arguments: dict[str, object]) -> types.CallToolResult:
    """Result of a call: the tool's answer, or an error with code, detail and hint."""
    tool = _BY_NAME.get(name)
    if tool is None:
        return _refusal(
            name, ToolProblem(code="tool_unknown", detail="There is no such tool.", hint=", ".join(_BY_NAME))
        )
    try:
        asked = tool.takes.model_validate_json(json.dumps(arguments))
    except ValidationError as err:
        return _refusal(tool.name, problem_of_arguments(err))
    try:
        return _told(tool, tool.read(reading, asked))
    except Failure as failure:
        return _refusal(tool.name, problem_of(reading, failure))
    except Exception as err:  # the client gets no word of what was not foreseen
        _LOG.error("%s: %s in %s", tool.name, type(err).__name__, _place(err))
        detail = "The API has answered with something that this version does not understand."
        return _refusal(tool.name, ToolProblem(code="answer_not_understood", detail=detail, hint="Is it up to date?"))


def _told(tool: Tool, told: BaseModel) -> types.CallToolResult:
    text = told.model_dump_json()
    if len(text) > LARGEST_ANSWER:
        detail = f"The answer has {len(text)} characters, and {LARGEST_ANSWER} at most are sent."
        hint = "Ask for fewer days, fewer groups, or a coarser granularity."
        return _refusal(tool.name, ToolProblem(code="answer_too_large", detail=detail, hint=hint))
    return _result(told, text, is_error=False)


def _refusal(name: str, problem: ToolProblem) -> types.CallToolResult:
    _LOG.warning("%s: %s", name[:64].encode("unicode_escape").decode(), problem.code)
    return _result(problem, problem.model_dump_json(), is_error=True)


def _result(told: BaseModel, text: str, *, is_error: bool) -> types.CallToolResult:
    """Result with the JSON twice, as the protocol wants it; as text, what could hide from a reader is escaped."""
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=escaped_json(text))],
        structured_content=told.model_dump(mode="json"),
        is_error=is_error,
    )


def _place(err: BaseException) -> str:
    trace = err.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}" if trace else "?"


def _described(tool: Tool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.input_schema,
        output_schema=tool.output_schema,
        annotations=_READS_ONLY,
    )


async def _serve(server: Server[object]) -> None:
    async with stdio_server() as (received, sent):
        await server.run(received, sent, server.create_initialization_options())
