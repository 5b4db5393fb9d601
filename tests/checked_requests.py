"""How many requests a session has checked against Google's schemas: here, in the servers it started, in its workers.

tests/conftest.py makes the hooks known. A server's own count is fetched before it ends; a worker hands its counts to
the controller, which prints one line at the end.
"""

import json
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from infra.discovery.check import REFUSED, tally

SERVERS: Counter[str] = Counter()  # of other processes of this session
RECORDED: Counter[str] = Counter()  # of rehearsals
WORKERS = {"local": Counter[str](), "recorded": Counter[str]()}  # of pytest-xdist
KEY = "checked_requests"


@contextmanager
def counted(url: str) -> Iterator[None]:
    """Adds what the server at `url` has checked, when it is no longer needed."""
    yield
    with urllib.request.urlopen(f"{url}/local/schemas", timeout=10) as answer:  # noqa: S310 - our own loopback address
        SERVERS.update(json.load(answer))


def counts() -> dict[str, Mapping[str, int]]:
    """All that is known in this process."""
    local = Counter(tally().counts()) + SERVERS + WORKERS["local"]
    return {"local": local, "recorded": RECORDED + WORKERS["recorded"]}


def line(known: Mapping[str, Mapping[str, int]]) -> str:
    """`google requests checked against discovery: 12 local (bigquery.v2 9, run.v2 3; refused 1), 0 recorded`."""
    return "google requests checked against discovery: " + ", ".join(_told(*each) for each in known.items())


def _told(where: str, known: Mapping[str, int]) -> str:
    apis = {api: number for api, number in sorted(known.items()) if api != REFUSED}
    each = ", ".join(f"{api} {number:,}" for api, number in apis.items())
    detail = f" ({each}; refused {known.get(REFUSED, 0)})" if apis else ""
    return f"{sum(apis.values()):,} {where}{detail}"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker's counts go to the controller."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[KEY] = {where: dict(known) for where, known in counts().items()}


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """The controller adds them."""
    for where, known in getattr(node, "workeroutput", {}).get(KEY, {}).items():
        WORKERS[where].update(known)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The line."""
    terminalreporter.write_line(line(counts()))
