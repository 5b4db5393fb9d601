"""Problems of a tool: what the API or the network has refused, with its code, detail and what to do."""

from collections.abc import Iterable

from pydantic import ValidationError

from cli.failures import Failure, RefusedByApi, Unreachable
from cli.mcp.answers import LONGEST_TEXT, ToolProblem
from cli.mcp.reading import Reading

_AWAY = "Ask again later. If it stays so, the address of the API (CLOUDACT_API_URL) may be wrong, or the service down."
_MOST_NAMED = 5


def problem_of(reading: Reading, failure: Failure) -> ToolProblem:
    """Problem that a failure is; what to do about a code comes from the API's page of it."""
    code, request_id, detail, hint = "usage", None, failure.format_message(), None
    if isinstance(failure, RefusedByApi | Unreachable):
        refused = isinstance(failure, RefusedByApi)
        hint = _remedy(reading, failure.code) if failure.code else None if refused else _AWAY
        code = failure.code or ("refused" if refused else "unreachable")
        request_id, detail = failure.request_id or None, failure.detail
    if isinstance(failure, RefusedByApi) and failure.status == 401:
        hint = " ".join(filter(None, (hint, reading.doubt))) or None
    return ToolProblem(code=code, detail=detail[:LONGEST_TEXT], hint=hint, request_id=request_id)


def problem_of_arguments(err: ValidationError) -> ToolProblem:
    """Problem of arguments that the tool does not take. Tells what is wrong, and not what was given."""
    wrong = [f"{'.'.join(map(str, each['loc'])) or 'arguments'}: {each['msg']}" for each in err.errors()[:_MOST_NAMED]]
    return ToolProblem(
        code="arguments_invalid", detail=_joined(wrong), hint="The tool's input schema says what it takes."
    )


def _joined(parts: Iterable[str]) -> str:
    return "; ".join(parts)[:LONGEST_TEXT]


def _remedy(reading: Reading, code: str) -> str | None:
    try:
        return str(reading.error_page(code)["remedy"])
    except (Failure, KeyError):
        return None
