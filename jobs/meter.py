"""Meter of a container's seconds and bytes billed for a run, and their cost."""

import time
from collections.abc import Callable
from decimal import Decimal

from cloudact.runs.run_cost import Cost, Tariff
from cloudact.warehouse.bigquery import Warehouse

Seconds = Callable[[], float]


class Meter:
    """Counts from its construction or from `begin`. `warehouse` runs the queries that the service pays for.

    `seconds` is a clock that only grows.
    """

    def __init__(self, tariff: Tariff, warehouse: Warehouse, seconds: Seconds = time.monotonic) -> None:
        self._tariff = tariff
        self._warehouse = warehouse
        self._seconds = seconds
        self.begin()

    def begin(self) -> None:
        """Starts anew: everything used so far belongs to another run."""
        self._began_s, self._billed_before = self._seconds(), self._warehouse.bytes_billed

    def cost(self) -> Cost:
        """Cost up to now, without the container's start, and its end after the last event."""
        seconds = Decimal(f"{self._seconds() - self._began_s:.3f}")
        return self._tariff.cost(seconds, self._warehouse.bytes_billed - self._billed_before)
