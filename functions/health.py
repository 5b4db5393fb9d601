"""GET /health: the process answers. GET /health/ready: what it depends on answers too, within two seconds."""

import logging
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import timedelta
from functools import cached_property
from typing import Any, Literal

from flask import Response

from cloudact.clock import Clock
from cloudact.warehouse import Warehouse
from functions.answers import Health, Readiness, answered
from functions.queue import RunQueue
from functions.remembered import Remembered

log = logging.getLogger(__name__)
WITHIN_S = 2.0
KEPT = timedelta(seconds=5)  # anyone may ask, so asking must stay cheap


def show_health(_api: object) -> Response:
    """The process answers."""
    return answered(Health(status="ok"))


class Dependencies:
    """BigQuery and Cloud Tasks, asked at the same time, at most once in five seconds."""

    def __init__(self, warehouse: Warehouse, queue: RunQueue, clock: Clock) -> None:
        self._looks = {"bigquery": lambda: warehouse.rows("ready"), "cloud_tasks": queue.look}
        self._seen = Remembered(lambda _: self._look(), clock, KEPT)

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(4 * len(self._looks), thread_name_prefix="ready")

    def show(self) -> Response:
        """200 if everything can be reached, else 503 naming what cannot."""
        checks = self._seen.find("")
        ready = all(told == "ok" for told in checks.values())
        answer = Readiness(status="ok" if ready else "unavailable", checks=checks)
        return answered(answer) if ready else answered(answer, 503, {"Retry-After": "10"})

    def _look(self) -> dict[str, Literal["ok", "unavailable"]]:
        asked: dict[str, Future[Any]] = {name: self._pool.submit(look) for name, look in self._looks.items()}
        wait(asked.values(), timeout=WITHIN_S)
        return {name: "ok" if _reached(name, answer) else "unavailable" for name, answer in asked.items()}


def _reached(name: str, answer: Future[Any]) -> bool:
    failure = answer.exception() if answer.done() else None
    if answer.done() and failure is None:
        return True
    answer.cancel()
    log.warning("not ready", extra={"fields": {"dependency": name}}, exc_info=failure)
    return False
