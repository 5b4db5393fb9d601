"""Times, durations, sizes and numbers as the console shows them, and text without what would disturb the page."""

import unicodedata
from datetime import date, datetime, timedelta
from decimal import Decimal

from cloudact.clock import instant

_AGO = (  # below so many seconds, in units of so many
    (90, 1, "s"), (90 * 60, 60, "min"), (36 * 3600, 3600, "h"), (14 * 86400, 86400, "days"),
)  # fmt: skip
JUST_NOW_S = 3
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
NBSP = "\u00a0"
NO_VALUE = "\u2013"


def clean(text: str) -> str:
    """Text without controls, and without invisible and reversing marks; line ends stay."""
    return "".join(each for each in text if each == "\n" or unicodedata.category(each) not in _UNSAFE)


def number(count: int | None) -> str:
    """`12,345`, or a dash for none."""
    return NO_VALUE if count is None else f"{count:,}"


def duration(milliseconds: float | None) -> str:
    """`850 ms`, `12.3 s`, `2 min 5 s`, `1 h 3 min`, or a dash for none."""
    if milliseconds is None:
        return NO_VALUE
    if milliseconds < 1000:
        return f"{round(milliseconds)}{NBSP}ms"
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:.1f}{NBSP}s"
    whole = round(milliseconds / 1000)
    if whole < 3600:
        return f"{whole // 60}{NBSP}min {whole % 60}{NBSP}s"
    return f"{whole // 3600}{NBSP}h {whole % 3600 // 60}{NBSP}min"


def size(count: int | None) -> str:
    """`512 B`, `10.0 MiB`, or a dash for none."""
    if count is None:
        return NO_VALUE
    if count < 1024:
        return f"{count}{NBSP}B"
    units = ("KiB", "MiB", "GiB", "TiB", "PiB")
    power = min((count.bit_length() - 1) // 10, len(units))
    return f"{count / 1024**power:.1f}{NBSP}{units[power - 1]}"


def money(amount: str) -> str:
    """`1,284.20` of an exact amount; of one below a cent, its first two digits that are not zero."""
    exact = Decimal(amount)
    if abs(exact) >= Decimal("0.01") or not exact:
        return f"{exact:,.2f}"
    return f"{exact:.{1 - exact.adjusted()}f}"


def utc(at: datetime) -> str:
    """`2026-11-29 15:53:31`, to be followed by its zone, which is UTC."""
    return f"{at:%Y-%m-%d %H:%M:%S}"


def clock(at: datetime) -> str:
    """`15:53:31`."""
    return f"{at:%H:%M:%S}"


def machine(at: datetime) -> str:
    """Instant as a page's script reads it."""
    return str(instant(at))


def ago(at: datetime, now: datetime) -> str:
    """`2 min ago`, `in 3 h`, or the day where that is far."""
    seconds = (at - now) / timedelta(seconds=1)
    if abs(seconds) < JUST_NOW_S:
        return "just now"
    for below, unit_s, unit in _AGO:
        if abs(seconds) < below:
            count = f"{round(abs(seconds) / unit_s)}{NBSP}{unit}"
            return f"in {count}" if seconds > 0 else f"{count} ago"
    return f"{at:%Y-%m-%d}"


def weekday(day: date) -> str:
    """`Sun 29 Nov`."""
    return f"{day:%a} {day.day} {day:%b}"
