"""The end of a wait that a run's success must not depend on."""

import time


class Deadline:
    """The end of a wait, some seconds from now; `why` says what has not happened by then."""

    def __init__(self, seconds: float, why: str) -> None:
        self._end = time.monotonic() + seconds
        self._why = f"{why} within {seconds:g} seconds"

    def tick(self) -> None:
        """Raises `TimeoutError` once it has passed."""
        if time.monotonic() > self._end:
            raise TimeoutError(self._why)
