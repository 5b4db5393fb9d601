"""What this container has used for a run, and what that costs; counts from when it was built, or begun anew."""

import time
from collections.abc import Callable
from decimal import Decimal

from cloudact.runs.run_cost import Cost, Tariff
from cloudact.warehouse.bigquery import Warehouse

Seconds = Callable[[], float]


class Meter:
    """`warehouse` is the one whose queries are ours to pay; `seconds` only ever grows."""

    def __init__(self, tariff: Tariff, warehouse: Warehouse, seconds: Seconds = time.monotonic) -> None:
        self._tariff = tariff
        self._warehouse = warehouse
        self._seconds = seconds
        self.begin()

    def begin(self) -> None:
        """What was used up to now was for another run."""
        self._began_s, self._billed_before = self._seconds(), self._warehouse.bytes_billed

    def cost(self) -> Cost:
        """Up to now; the container's start, and its end after the last event, are not in it."""
        seconds = Decimal(f"{self._seconds() - self._began_s:.3f}")
        return self._tariff.cost(seconds, self._warehouse.bytes_billed - self._billed_before)
