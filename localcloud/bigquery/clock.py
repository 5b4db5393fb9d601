"""The server's clock: the machine's, or one that a test has stopped.

It stamps tables and datasets and decides what has expired. `CURRENT_TIMESTAMP()`, and the partition of rows that name
none, stay the machine's.
"""

from __future__ import annotations

from datetime import UTC, datetime


class StoppableClock:
    """bqemulator's `Clock`."""

    def __init__(self) -> None:
        self.stopped_at: datetime | None = None

    def now(self) -> datetime:
        """The present instant in UTC."""
        return self.stopped_at or datetime.now(UTC)

    def now_ms(self) -> int:
        """The same in milliseconds since 1970."""
        return int(self.now().timestamp() * 1000)
