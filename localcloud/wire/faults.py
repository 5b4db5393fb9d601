"""Rules for trouble on demand: which calls they strike, how often, and how often they struck."""

import random
import threading
from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field


class Rule(BaseModel, ABC):
    """One rule. times: at most so many strikes, unlimited when None. after: how many calls that it concerns are left
    alone first. seed: makes `probability` repeatable."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    probability: float = Field(default=1.0, ge=0, le=1)
    times: int | None = Field(default=None, ge=1)
    after: int = Field(default=0, ge=0)
    seed: int = 0

    @abstractmethod
    def concerns(self, place: str, method: str) -> bool:
        """Whether the rule is about this call at all."""


AnyRule = TypeVar("AnyRule", bound=Rule)


class Rules(Generic[AnyRule]):
    """The rules in force; the first that strikes wins."""

    def __init__(self) -> None:
        self._rules: list[_Record[AnyRule]] = []
        self._lock = threading.Lock()

    def add(self, rule: AnyRule) -> None:
        """Put a rule in force."""
        with self._lock:
            self._rules.append(_Record(rule))

    def clear(self) -> None:
        """Drop every rule."""
        with self._lock:
            self._rules.clear()

    def in_force(self) -> list[dict[str, object]]:
        """The rules with the number of their strikes so far."""
        with self._lock:
            return [{**record.rule.model_dump(), "struck": record.struck} for record in self._rules]

    def strike(self, place: str, method: str) -> AnyRule | None:
        """The rule that hits this call, if any."""
        with self._lock:
            return next((record.rule for record in self._rules if record.strikes(place, method)), None)


class _Record(Generic[AnyRule]):
    def __init__(self, rule: AnyRule) -> None:
        self.rule = rule
        self.struck = 0
        self._seen = 0
        self._random = random.Random(rule.seed)

    def strikes(self, place: str, method: str) -> bool:
        spent = self.rule.times is not None and self.struck >= self.rule.times
        if spent or not self.rule.concerns(place, method):
            return False
        self._seen += 1
        if self._seen <= self.rule.after:
            return False
        hit = self._random.random() < self.rule.probability
        self.struck += hit
        return hit
