"""The part of Cloud Logging's query language that our metrics use, evaluated over the lines that we write.

Comparisons `=`, `>`, `>=`, `<`, `<=` and presence (`field:*`), with AND, OR, NOT and parentheses. A field that is not
there matches nothing. https://cloud.google.com/logging/docs/view/logging-query-language
"""

import json
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Entry = Mapping[str, Any]
Matches = Callable[[Entry], bool]
SEVERITIES = ("DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL")
# https://cloud.google.com/logging/docs/structured-logging: these do not stay in jsonPayload
MOVED = {
    "severity": "severity",
    "time": "timestamp",
    "httpRequest": "httpRequest",
    "logging.googleapis.com/trace": "trace",
    "logging.googleapis.com/spanId": "spanId",
    "logging.googleapis.com/trace_sampled": "traceSampled",
}
_TOKEN = re.compile(r'\s*(\(|\)|AND\b|OR\b|NOT\b|[\w./]+(?:>=|<=|:|=|>|<)(?:"[^"]*"|\*|[\w.-]+))')
_COMPARISON = re.compile(r'([\w./]+)(>=|<=|:|=|>|<)(?:"([^"]*)"|(.+))')
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


def entry(line: str, resource_type: str) -> Entry:
    """The log entry that Cloud Run makes of a line on stdout."""
    told = json.loads(line)
    moved = {MOVED[name]: told.pop(name) for name in tuple(told) if name in MOVED}
    return {"resource": {"type": resource_type}, "jsonPayload": told, **moved}


def compiled(query: str) -> Matches:
    """Whether an entry matches the query; `ValueError` for what is not understood."""
    tokens = list(_tokens(query))
    matches = _any_of(tokens)
    if tokens:
        raise ValueError(f"{query}: {tokens[0]} was not expected")
    return matches


def field(found: Entry, path: str) -> Any:
    """What stands there; `None` where nothing does."""
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None  # type: ignore[assignment]
    return found


def _tokens(query: str) -> Iterator[str]:
    at = 0
    while query[at:].strip():
        match = _TOKEN.match(query, at)
        if match is None:
            raise ValueError(f"{query}: cannot be read from {query[at:]!r} on")
        yield match[1]
        at = match.end()


def _any_of(tokens: list[str]) -> Matches:
    choices = [_all_of(tokens)]
    while tokens[:1] == ["OR"]:
        tokens.pop(0)
        choices.append(_all_of(tokens))
    return lambda found: any(choice(found) for choice in choices)


def _all_of(tokens: list[str]) -> Matches:
    terms = [_term(tokens)]
    while tokens[:1] == ["AND"]:
        tokens.pop(0)
        terms.append(_term(tokens))
    return lambda found: all(term(found) for term in terms)


def _term(tokens: list[str]) -> Matches:
    token = tokens.pop(0)
    if token == "NOT":
        inner = _term(tokens)
        return lambda found: not inner(found)
    if token == "(":
        inner = _any_of(tokens)
        if tokens.pop(0) != ")":
            raise ValueError("a parenthesis is not closed")
        return inner
    match = _COMPARISON.fullmatch(token)
    if match is None:
        raise ValueError(f"{token} is no comparison")
    return _comparison(match[1], match[2], match[3] if match[3] is not None else match[4])


def _comparison(path: str, sign: str, value: str) -> Matches:
    if sign == ":":
        return lambda found: field(found, path) is not None
    if path == "severity":
        return lambda found: _COMPARE[sign](SEVERITIES.index(found["severity"]), SEVERITIES.index(value))
    return lambda found: _compare(field(found, path), sign, value)


def _compare(there: Any, sign: str, value: str) -> bool:
    if there is None:
        return False
    number = isinstance(there, int | float) and not isinstance(there, bool)
    return _COMPARE[sign](float(there), float(value)) if number else _COMPARE[sign](str(there), value)
