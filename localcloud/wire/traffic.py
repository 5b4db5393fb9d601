"""Counts of the calls seen on the wire, by method, so that tests can assert how often we really asked."""

import threading
from collections import Counter


class Traffic:
    """Calls per method, and their outcomes: the HTTP status, or `lost`."""

    def __init__(self) -> None:
        self._calls: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def count(self, method: str, outcome: str) -> None:
        """Note one call."""
        with self._lock:
            self._calls[method, outcome] += 1

    def reset(self) -> None:
        """Start again from zero."""
        with self._lock:
            self._calls.clear()

    def summary(self) -> dict[str, dict[str, int]]:
        """`{"tasks.CreateTask": {"calls": 3, "200": 2, "409": 1}}`."""
        methods: dict[str, dict[str, int]] = {}
        with self._lock:
            for (method, outcome), count in sorted(self._calls.items()):
                outcomes = methods.setdefault(method, {"calls": 0})
                outcomes["calls"] += count
                outcomes[outcome] = count
        return methods
