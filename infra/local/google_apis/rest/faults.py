"""Faults on demand: which call of which method fails, loses its reply or is late."""

import random
import threading
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Fault(BaseModel):
    """One rule, as posted to `/local/faults`.

    kind: `error` answers `status` (default 503) without any effect; `lost_reply` has the effect, then answers
    `status`, or closes the connection when none is given; `delay` waits `delay_s` seconds first.
    times: at most so many strikes, unlimited when None. seed: makes `probability` repeatable.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    api: Literal["tasks", "run", "kms", "secrets", "operations"]
    method: str = "*"
    kind: Literal["error", "lost_reply", "delay"]
    status: int | None = Field(default=None, ge=400, le=599)
    probability: float = Field(default=1.0, ge=0, le=1)
    times: int | None = Field(default=None, ge=1)
    seed: int = 0
    delay_s: float = Field(default=0.0, ge=0, le=600)


class Faults:
    """The rules in force; the first that strikes wins."""

    def __init__(self) -> None:
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """Put a rule in force."""
        with self._lock:
            self._rules.append(_Rule(fault))

    def clear(self) -> None:
        """Drop every rule."""
        with self._lock:
            self._rules.clear()

    def in_force(self) -> list[dict[str, object]]:
        """The rules with the number of their strikes so far."""
        with self._lock:
            return [{**rule.fault.model_dump(), "struck": rule.struck} for rule in self._rules]

    def strike(self, api: str, method: str) -> Fault | None:
        """The fault that hits this call, if any."""
        with self._lock:
            return next((rule.fault for rule in self._rules if rule.strikes(api, method)), None)


class _Rule:
    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.struck = 0
        self._random = random.Random(fault.seed)

    def strikes(self, api: str, method: str) -> bool:
        fault = self.fault
        spent = fault.times is not None and self.struck >= fault.times
        if spent or api != fault.api or fault.method not in ("*", method):
            return False
        hit = self._random.random() < fault.probability
        self.struck += hit
        return hit
