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
WITHIN_S = 1.5  # of waiting, whatever hangs; the rest of the two seconds is for everything else that an answer needs
LOOK_S = 1.0  # after which a call is given up; connecting may take as long again, so it bounds nothing by itself
KEPT = timedelta(seconds=5)  # anyone may ask, so asking must stay cheap


def show_health(_room: None) -> Response:
    """The process answers."""
    return answered(Health(status="ok"))


def show_ready(dependencies: "Dependencies") -> Response:
    """200 if everything can be reached that the service depends on, else 503."""
    return dependencies.show()


class Dependencies:
    """Asked at the same time, at most once in five seconds; `looks` raise where something cannot be reached."""

    def __init__(self, looks: Mapping[str, Callable[[], object]], clock: Clock, within_s: float = WITHIN_S) -> None:
        self._looks = {name: _Look(name, ask) for name, ask in looks.items()}
        self._within_s = within_s
        self._seen: TtlCache[str, dict[str, Literal["ok", "unavailable"]]] = TtlCache(
            lambda _: self._look(), clock, KEPT
        )

    def show(self) -> Response:
        """200 if everything can be reached, else 503 naming what cannot."""
        checks = self._seen.get("")
        ready = all(told == "ok" for told in checks.values())
        answer = Readiness(status="ok" if ready else "unavailable", checks=checks)
        return answered(answer) if ready else answered(answer, 503, {"Retry-After": "10"})

    def _look(self) -> dict[str, Literal["ok", "unavailable"]]:
        asked = {name: look.begin() for name, look in self._looks.items()}
        wait(asked.values(), timeout=self._within_s)
        return {name: "ok" if _reached(name, answer) else "unavailable" for name, answer in asked.items()}


class _Look:
    """One dependency and the one thread that asks it: what hangs holds up no other look, and is not asked again.

    Building a client, importing its library and fetching a token happen in that thread too.
    """

    def __init__(self, name: str, ask: Callable[[], object]) -> None:
        self._ask = ask
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"ready-{name}")
        self._asked: Future[object] | None = None

    def begin(self) -> Future[object]:
        """The answer to come: of the question that is still open, if there is one."""
        if self._asked is None or self._asked.done():
            self._asked = self._thread.submit(logs.with_context(self._ask))
        return self._asked


def _reached(name: str, answer: Future[object]) -> bool:
    done = answer.done()
    failure = answer.exception() if done else None
    if done and failure is None:
        return True
    log.warning("not ready", extra={"fields": {"dependency": name}}, exc_info=failure)
    return False
