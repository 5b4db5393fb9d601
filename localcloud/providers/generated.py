"""Keeps days that were generated, so that page 300 of a large day costs what page 1 does; bounded by its facts."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

from localcloud.providers.facts import Fact

Facts = list[Fact]
MOST_FACTS = 1_500_000


class Generated:
    """The days used last."""

    def __init__(self, most: int = MOST_FACTS) -> None:
        self._most = most
        self._days: OrderedDict[Hashable, Facts] = OrderedDict()
        self._total = 0
        self._lock = threading.RLock()  # costs are generated from usage

    def get(self, name: Hashable, make: Callable[[], Facts]) -> Facts:
        """The facts of that name, made when they are not there."""
        with self._lock:
            if name not in self._days:
                self._days[name] = facts = make()
                self._total += len(facts)
                self._forget_oldest()
            self._days.move_to_end(name)
            return self._days[name]

    def _forget_oldest(self) -> None:
        while self._total > self._most and len(self._days) > 1:
            self._total -= len(self._days.popitem(last=False)[1])
