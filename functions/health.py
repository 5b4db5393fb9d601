"""GET /health: the process answers. GET /health/ready: what it depends on answers too, within two seconds."""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import timedelta
from typing import Literal

from flask import Response

from cloudact import logs
from cloudact.clock import Clock
from functions.auth.cache import TtlCache
from functions.web.answers import Health, Readiness, answered

log = logging.getLogger(__name__)
READY_TIMEOUT_S = 1.5  # of waiting, whatever hangs; the rest of the two seconds is for everything else
CALL_TIMEOUT_S = 1.0  # of one call; connecting may take as long again, so it bounds nothing by itself
TTL = timedelta(seconds=5)  # anyone may ask, so an answer must stay cheap


def show_health(_room: None) -> Response:
    """200: the process answers."""
    return answered(Health(status="ok"))


def show_ready(dependencies: "Dependencies") -> Response:
    """200 if everything can be reached that the service depends on, else 503."""
    return dependencies.show()


class Dependencies:
    """Health checks of what the service depends on, made in parallel and at most once in five seconds.

    `checks` are callables by the name of what they reach; each raises where it cannot.
    """

    def __init__(
        self, checks: Mapping[str, Callable[[], object]], clock: Clock, within_s: float = READY_TIMEOUT_S
    ) -> None:
        self._checks = {name: _Check(name, call) for name, call in checks.items()}
        self._within_s = within_s
        self._seen: TtlCache[str, dict[str, Literal["ok", "unavailable"]]] = TtlCache(
            lambda _: self._check_all(), clock, TTL
        )

    def show(self) -> Response:
        """200 if everything can be reached, else 503 naming what cannot."""
        checks = self._seen.get("")
        ready = all(status == "ok" for status in checks.values())
        answer = Readiness(status="ok" if ready else "unavailable", checks=checks)
        return answered(answer) if ready else answered(answer, 503, {"Retry-After": "10"})

    def _check_all(self) -> dict[str, Literal["ok", "unavailable"]]:
        calls = {name: check.begin() for name, check in self._checks.items()}
        wait(calls.values(), timeout=self._within_s)
        return {name: "ok" if _reached(name, call) else "unavailable" for name, call in calls.items()}


class _Check:
    """Check of one dependency in a thread of its own: a call that hangs delays no other, and is not repeated.

    Building a client, importing its library and fetching a token happen in that thread too.
    """

    def __init__(self, name: str, call: Callable[[], object]) -> None:
        self._call = call
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"ready-{name}")
        self._future: Future[object] | None = None

    def begin(self) -> Future[object]:
        """Future of the call that is under way, or else of a new one."""
        if self._future is None or self._future.done():
            self._future = self._thread.submit(logs.with_context(self._call))
        return self._future


def _reached(name: str, call: Future[object]) -> bool:
    done = call.done()
    failure = call.exception() if done else None
    if done and failure is None:
        return True
    log.warning("not ready", extra={"fields": {"dependency": name}}, exc_info=failure)
    return False
