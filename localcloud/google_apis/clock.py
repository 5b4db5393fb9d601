"""Time as an argument: every stand-in asks a `Clock`, so tests can move 24 hours without sleeping."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The real time, aware, UTC."""
    return datetime.now(UTC)
