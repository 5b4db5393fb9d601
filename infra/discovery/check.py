"""Check of a request against Google's schemas: its method, and Google's refusal if it is not well formed.

Each checked request is counted, by API, while the process runs: a test suite reports how many it checked.
"""

import re
import threading
from collections import Counter
from collections.abc import Iterator
from functools import cache
from urllib.parse import parse_qs

from infra.discovery.documents import Method, document, find
from infra.discovery.exceptions import is_allowed, is_undescribed
from infra.discovery.sent import NotWellFormed, Sent, metadata
from infra.discovery.values import Fault, Path, faults, query_fault

REFUSED = "refused"
MOST_TOLD = 10  # faults of one request


class NotDescribed(Exception):
    """Raised for a method that Google does not have: 404."""


class CheckedRequests:
    """Number of checked requests, by API, and how many of them were `refused`."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, name: str) -> None:
        """Counts one request."""
        with self._lock:
            self._counts[name] += 1

    def counts(self) -> dict[str, int]:
        """All counts so far."""
        with self._lock:
            return dict(self._counts)


@cache
def tally() -> CheckedRequests:
    """Tally of this process."""
    return CheckedRequests()


def check(sent: Sent) -> Method | None:
    """Method that a request is for; `None` where Google answers a path that it does not describe.

    Raises NotDescribed or NotWellFormed.
    """
    method = find(sent.verb, sent.path)
    if method is None and is_undescribed(sent.path):
        return None
    if method is None:
        raise NotDescribed(f"Method not found: {sent.verb} {sent.path}")
    tally().add(method.api)
    try:
        _refuse_faults(method, sent)
    except NotWellFormed:
        tally().add(REFUSED)
        raise
    return method


def _refuse_faults(method: Method, sent: Sent) -> None:
    wrong = [fault for fault in _faults(method, sent) if not is_allowed(method.name, fault)]
    if wrong:
        raise NotWellFormed("\n".join(f"Invalid JSON payload received. {fault.message}" for fault in wrong[:MOST_TOLD]))


def _faults(method: Method, sent: Sent) -> Iterator[Fault]:
    query = parse_qs(sent.query, keep_blank_values=True)
    yield from _query_faults(method, query)
    if method.is_upload and (sent.verb == "PUT" or query.get("uploadType") == ["media"]):
        return  # the file itself
    body = metadata(sent)
    if "request" in method.described:
        schema = method.described["request"]
        yield from faults(document(method.api).schemas, schema, {} if body is None else body, _root(schema["$ref"]))
    elif body not in (None, {}):
        yield Fault("unknown", "", f'Unknown name "{next(iter(body), "")}": Cannot find field.')


def _query_faults(method: Method, query: dict[str, list[str]]) -> Iterator[Fault]:
    known = {**document(method.api).parameters, **method.described.get("parameters", {})}
    for name, texts in query.items():
        if name not in known or known[name].get("location") == "path":
            words = f"Unknown name \"{name}\": Cannot bind query parameter. Field '{name}' could not be found."
            yield Fault("parameter", name, words)
        elif fault := query_fault(known[name], texts, name):
            yield fault
    for name, parameter in known.items():
        if parameter.get("required") and parameter.get("location") == "query" and name not in query:
            yield Fault("parameter", name, f"Required parameter is missing: {name}")


def _root(schema: str) -> Path:
    """Root of Google's field paths: a request is its own root, a resource is the field that carries it."""
    return () if schema.endswith("Request") else (re.sub(r"^GoogleCloud\w+?V\d", "", schema).lower(),)
