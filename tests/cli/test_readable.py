"""Times, durations, sizes and days as people read and write them."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import click
import pytest

from cli.days import DAY, MONTH, last_day_of
from cli.readable import ago, duration, instant, readable, size

NOW = datetime(2026, 11, 29, 16, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (timedelta(seconds=1), "just now"), (timedelta(seconds=-2), "just now"), (timedelta(seconds=40), "40 s ago"),
        (timedelta(minutes=2), "2 min ago"), (timedelta(minutes=-30), "in 30 min"), (timedelta(hours=5), "5 h ago"),
        (timedelta(days=3), "3 days ago"), (timedelta(days=-6), "in 6 days"), (timedelta(days=60), "2026-09-30"),
    ],
)  # fmt: skip
def test_how_long_ago(before: timedelta, words: str) -> None:
    """A time is told by its distance, in the unit that fits, and by its day where that is far."""
    assert ago((NOW - before).isoformat(), NOW) == words


def test_a_time_is_told_exactly_too() -> None:
    """Among facts a time is UTC to the second, whatever its offset, and its distance."""
    assert instant("2026-11-29T16:53:31.25+01:00", NOW) == "2026-11-29 15:53:31 UTC, 6 min ago"


@pytest.mark.parametrize("value", [None, "", "soon", "2026-11-29", "2026-11-29T10:00:00", 7])
def test_what_is_no_time_stays(value: object) -> None:
    """A text of a newer API, a day, and a time without an offset are shown as they are."""
    assert ago(value, NOW) == instant(value, NOW) == value


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"), (0.246, "246 ms"), (Decimal("4.04"), "4.0 s"), (59, "59 s"), (Decimal("59.99"), "60.0 s"),
        (125, "2 min 5 s"), (Decimal("3780.2"), "1 h 3 min"), (None, None), ("?", "?"), (True, True),
    ],
)  # fmt: skip
def test_a_duration(seconds: object, words: object) -> None:
    """A duration has one or two units; what is none stays as it is."""
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (10 * 2**20, "10.0 MiB"), (3 * 2**39, "1.5 TiB"), (None, None)],
)
def test_a_size(count: object, words: object) -> None:
    """Bytes are told in binary units."""
    assert size(count) == words


def test_fields_are_read_by_their_names() -> None:
    """The name of a field tells its unit; a duration's label loses it."""
    assert readable("duration_seconds", 125) == ("duration", "2 min 5 s")
    assert readable("bytes_billed", 2048) == ("bytes_billed", "2.0 KiB")
    assert readable("rows_processed", 2048) == ("rows_processed", 2048)


def test_a_day_in_words() -> None:
    """today, yesterday and 3d are days before now, in UTC; a date stays."""
    days = [DAY.convert(text, None, None) for text in ("today", "Yesterday", "1d", "30d")]
    assert days[1] == days[2]
    first, *_, last = map(datetime.fromisoformat, days)
    assert first - last in (timedelta(days=30), timedelta(days=29))  # midnight may pass meanwhile
    assert DAY.convert("2026-11-10", None, None) == "2026-11-10"


def test_a_month_in_words() -> None:
    """last is the month before this one; a month that goes on ends yesterday, or with its first day."""
    today = datetime.now(UTC).date()
    this, last, told = [MONTH.convert(text, None, None) for text in ("this", "Last", "2024-02")]
    assert today - date.fromisoformat(this) <= timedelta(days=31)
    assert date.fromisoformat(last_day_of(last)) == date.fromisoformat(this) - timedelta(days=1)
    assert (told, last_day_of(told)) == ("2024-02-01", "2024-02-29")
    assert this <= last_day_of(this) <= today.isoformat()
    assert (date.fromisoformat(last_day_of(this, is_whole=True)) + timedelta(days=1)).day == 1
    with pytest.raises(click.BadParameter, match="write YYYY-MM, this, or last"):
        MONTH.convert("2026-13", None, None)


@pytest.mark.parametrize("text", ["tomorrow", "20261110", "2026-02-30", "2026-W46-1", "3 d", "-3d", ""])
def test_what_is_no_day(text: str) -> None:
    """Anything else is refused in a sentence that says what to write."""
    with pytest.raises(click.BadParameter, match="write YYYY-MM-DD, today, yesterday, or 3d"):
        DAY.convert(text, None, None)
