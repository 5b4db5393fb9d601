"""Waits that an answer asks for: `Retry-After`, or until the limits that both vendors name begin anew.

https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers
https://platform.claude.com/docs/en/api/rate-limits#response-headers
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

ROUNDED_S = 1.0  # resets and the Date header are cut to whole seconds
# x-ratelimit-reset-requests, x-ratelimit-reset-tokens; anthropic-ratelimit-requests-reset, …-input-tokens-reset
_RESET = re.compile(r"(?=.*ratelimit).*\breset\b.*", re.IGNORECASE)
EPOCH_S = 1e9  # a larger number is an instant
_DURATION = re.compile(r"(?:\d{1,9}(?:\.\d{1,9})?(?:ms|us|µs|ns|d|h|m|s))+", re.ASCII)
_NUMBER = re.compile(r"\d{1,12}(?:\.\d{1,12})?", re.ASCII)
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|d|h|m|s)")
_UNIT_S = {"d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


@dataclass(frozen=True)
class Wait:
    """Seconds to wait; `asked` if the provider demands it (`Retry-After`), while a limit's reset is only a hint."""

    seconds: float
    asked: bool


def wait_of(status: int, headers: Mapping[str, str], now: datetime) -> Wait | None:
    """The wait that the headers of a failed call ask for; `None` where none can be understood.

    Every answer has limits; only a 429 is about them: first the one that is used up, else the next to open.
    """
    after = _milliseconds(headers.get("retry-after-ms", "").strip())
    if after is None:
        after = _retry_after(headers.get("retry-after", "").strip(), now)
    if after is not None:
        return Wait(after, asked=True)
    if status != 429:
        return None
    resets = list(_resets(headers, _date(headers.get("date", "")) or now))
    if not resets:
        return None
    used_up = [seconds for seconds, left in resets if left == "0"] or [seconds for seconds, left in resets if not left]
    return Wait((max(used_up) if used_up else min(resets)[0]) + ROUNDED_S, asked=False)


def _resets(headers: Mapping[str, str], now: datetime) -> Iterator[tuple[float, str]]:
    """Seconds until each limit begins anew, and what is left of it, `""` where that is not known."""
    for name, value in headers.items():
        seconds = _until(value.strip(), now) if _RESET.fullmatch(name) else None
        if seconds is not None:
            yield seconds, headers.get(name.lower().replace("reset", "remaining"), "").strip()


def _until(text: str, now: datetime) -> float | None:
    """`6m0s` and `120ms` (OpenAI), an instant in RFC 3339 (Anthropic), or a number: seconds, or an instant's."""
    if _DURATION.fullmatch(text):
        return sum(float(number) * _UNIT_S[unit] for number, unit in _PART.findall(text))
    if text.isascii() and text.replace(".", "", 1).isdigit():
        number = float(text[:15])
        return max(number - now.timestamp(), 0.0) if number >= EPOCH_S else number
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return _seconds(at if at.tzinfo else at.replace(tzinfo=UTC), now)


def _retry_after(text: str, now: datetime) -> float | None:
    """Seconds, whichever of its two forms it has (RFC 9110 §10.2.3); fractions are seen, though not allowed."""
    if _NUMBER.fullmatch(text):
        return float(text)
    at = _date(text)
    return None if at is None else _seconds(at, now)


def _milliseconds(text: str) -> float | None:
    """Seconds of OpenAI's header `retry-after-ms`, which its SDK reads before `Retry-After`."""
    return float(text) / 1000 if _NUMBER.fullmatch(text) else None


def _date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _seconds(at: datetime, now: datetime) -> float:
    return max((at - now) / timedelta(seconds=1), 0.0)
