"""Times, durations and sizes as people read them; `--json` has them exactly."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

_AGO = (  # below so many seconds, in units of so many
    (90, 1, "s"), (90 * 60, 60, "min"), (36 * 3600, 3600, "h"), (14 * 86400, 86400, "days"),
)  # fmt: skip
JUST_NOW_S = 3


def readable(name: str, value: object) -> tuple[str, object]:
    """Name and value of a field as a person reads them; by its name, a time, a duration or a size."""
    if name.endswith(("_at", "_until")):
        return name, instant(value)
    if name.endswith("_seconds"):
        return name.removesuffix("_seconds"), duration(value)
    if name.startswith("bytes_"):
        return name, size(value)
    return name, value


def instant(value: object, now: datetime | None = None) -> object:
    """`2026-11-29 15:53:31 UTC, 2 min ago`; what is no time stays as it is."""
    at = _parsed(value)
    return value if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC, {_distance(at, now)}"


def ago(value: object, now: datetime | None = None) -> object:
    """`2 min ago`, `in 3 h`, or the day where that is far; what is no time stays as it is."""
    at = _parsed(value)
    return value if at is None else _distance(at, now)


def duration(seconds: object) -> object:
    """`850 ms`, `12.3 s`, `2 min 5 s`, `1 h 3 min`; what is no number stays as it is."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float | Decimal):
        return seconds
    if 0 < seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < 60:
        return f"{seconds} s" if isinstance(seconds, int) else f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def size(count: object) -> object:
    """`512 B`, `10.0 MiB`; what is no number of bytes stays as it is."""
    if isinstance(count, bool) or not isinstance(count, int):
        return count
    if count < 1024:
        return f"{count} B"
    units = ("KiB", "MiB", "GiB", "TiB", "PiB")
    power = min((count.bit_length() - 1) // 10, len(units))
    return f"{count / 1024**power:.1f} {units[power - 1]}"


def _parsed(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo else None


def _distance(at: datetime, now: datetime | None) -> str:
    seconds = (at - (now or datetime.now(UTC))) / timedelta(seconds=1)
    if abs(seconds) < JUST_NOW_S:
        return "just now"
    for below, unit_s, unit in _AGO:
        if abs(seconds) < below:
            count = f"{round(abs(seconds) / unit_s)} {unit}"
            return f"in {count}" if seconds > 0 else f"{count} ago"
    return f"{at:%Y-%m-%d}"
