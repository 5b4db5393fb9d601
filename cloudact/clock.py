"""The one place that asks the machine what time it is; everything else is handed a `Clock`."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The current instant, aware, in UTC."""
    return datetime.now(UTC)


def instant(at: datetime) -> str:
    """The moment as clients read it: UTC with milliseconds, `2025-11-26T08:00:00.000Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def next_midnight(now: datetime) -> datetime:
    """When the UTC day of `now` ends: quotas reset then."""
    tomorrow: date = now.astimezone(UTC).date() + timedelta(days=1)
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=UTC)
