"""The clock: the only module that reads the machine's time; everything else takes a `Clock`."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Current instant, aware, in UTC."""
    return datetime.now(UTC)


def instant(at: datetime) -> str:
    """ISO 8601 text of an instant as the API writes it: UTC with milliseconds, `2025-11-26T08:00:00.000Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def next_midnight(now: datetime) -> datetime:
    """End of the UTC day of `now`, when quotas reset."""
    tomorrow: date = now.astimezone(UTC).date() + timedelta(days=1)
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=UTC)
