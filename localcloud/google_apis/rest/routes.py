"""REST routes of a Google API, read from the installed client's own REST transport.

The transport's nested classes (`_CreateTask`, `_RunJob` …) carry the `google.api.http` rules and, in the
annotation of `__call__`, the request type: so the stand-in speaks exactly what the installed client speaks.
"""

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_VARIABLE = re.compile(r"\{([\w.]+)(?:=([^}]*))?\}")
_WILDCARDS = {"**": ".+", "*": "[^/:]+"}


@dataclass(frozen=True)
class Route:
    """One HTTP rule of one method: `POST /v2/{parent=projects/*/…/queues/*}/tasks` of `CreateTask`."""

    method: str
    verb: str
    pattern: re.Pattern[str]
    path_fields: tuple[str, ...]
    body_field: str | None
    request_type: type[Any]

    def match(self, verb: str, path: str) -> dict[str, str] | None:
        """The request fields bound by the path, or None when this is not the route."""
        found = self.pattern.fullmatch(path) if verb == self.verb else None
        return dict(zip(self.path_fields, found.groups(), strict=True)) if found else None


def routes_of(transport: type[Any]) -> Iterator[Route]:
    """Every route of a client's REST transport class."""
    for name, stub in vars(transport).items():
        if inspect.isclass(stub) and hasattr(stub, "_get_http_options"):
            yield from _routes_of_method(name.removeprefix("_"), stub)


def _routes_of_method(method: str, stub: Any) -> Iterator[Route]:
    request_type = inspect.signature(stub.__call__).parameters["request"].annotation
    for rule in stub._get_http_options():
        yield _route(method, rule, request_type)


def _route(method: str, rule: Mapping[str, str], request_type: type[Any]) -> Route:
    pattern, fields = _compile(rule["uri"])
    return Route(method, rule["method"].upper(), pattern, fields, rule.get("body"), request_type)


def _compile(uri: str) -> tuple[re.Pattern[str], tuple[str, ...]]:
    """A path template as a regular expression with one group per variable, and the variables' names."""
    expression, fields, end = "", [], 0
    for variable in _VARIABLE.finditer(uri):
        fields.append(variable[1])
        expression += re.escape(uri[end : variable.start()]) + f"({_segments(variable[2] or '*')})"
        end = variable.end()
    return re.compile(expression + re.escape(uri[end:])), tuple(fields)


def _segments(template: str) -> str:
    parts = re.split(r"(\*\*|\*)", template)
    return "".join(_WILDCARDS.get(part) or re.escape(part) for part in parts)
