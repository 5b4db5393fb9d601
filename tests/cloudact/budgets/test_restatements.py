"""Restatements: what part of their final cost other days had at the age of a day's last read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cloudact.budgets.restatements import shares_by_day
from cloudact.budgets.spending import Shares

TODAY = date(2026, 11, 12)
HOURLY = {6: "0.8", 30: "0.98", 54: "1"}  # part of the cost at the hours of a day's reads; all of it after a week


def rows(day: date, reads: Mapping[int, str], ended: bool = True, minutes: int = 0) -> list[dict[str, Any]]:
    parts = {**reads, **({174: "1"} if ended else {})}
    return [
        {
            "provider": "a", "pipeline": "p", "usage_date": day, "generation": number,
            "age_minutes": hours * 60 + minutes, "state": "final" if hours == 174 else "settling",
            "currency": "USD", "amount": 50 * Decimal(part),
        }
        for number, (hours, part) in enumerate(parts.items(), start=1)
    ]  # fmt: skip


def days(count: int, reads: Mapping[int, str] = HOURLY, minutes: int = 0) -> list[dict[str, Any]]:
    return [row for back in range(8, 8 + count) for row in rows(TODAY - timedelta(days=back), reads, minutes=minutes)]


@pytest.mark.parametrize(("hours", "share"), [(6, "0.8"), (30, "0.98"), (54, "1")])
def test_a_day_is_compared_at_its_own_age(hours: int, share: str) -> None:
    """Whose last read was at 30 hours is compared with what others had at 30 hours, some minutes later too."""
    day = TODAY - timedelta(days=1)
    own = rows(day, {at: part for at, part in HOURLY.items() if at <= hours}, ended=False)
    told = shares_by_day(days(9, minutes=40) + own)
    assert told["a", day] == Shares(*[Decimal(share)] * 3)


def test_median_and_bounds() -> None:
    """The median is of all measured days; a day whose last read was its first says nothing of others."""
    day = TODAY - timedelta(days=1)
    early = [{6: part} for part in ("0.5", "0.6", "0.7", "0.7", "0.8", "0.9", "1.1")]
    found = [row for back, reads in enumerate(early, start=8) for row in rows(TODAY - timedelta(days=back), reads)]
    once = rows(TODAY - timedelta(days=40), {})
    told = shares_by_day(found + once + rows(day, {6: "1"}, ended=False))
    assert told["a", day] == Shares(Decimal("0.7"), Decimal("0.5"), Decimal("1.1"))


def test_one_day_in_twenty_is_odd() -> None:
    """Of twenty days the one that had least, and the one that had most, widen no range."""
    day = TODAY - timedelta(days=1)
    parts = ["0.1", *["0.9"] * 9, *["0.96"] * 9, "3"]
    found = [row for back, part in enumerate(parts, start=8) for row in rows(TODAY - timedelta(days=back), {6: part})]
    told = shares_by_day(found + rows(day, {6: "1"}, ended=False))
    assert told["a", day] == Shares(Decimal("0.93"), Decimal("0.9"), Decimal("0.96"))


@pytest.mark.parametrize("before", [days(6), days(9, {6: "0"}), days(9, {170: "1"})], ids=["six", "nothing", "later"])
def test_too_little_says_nothing(before: list[dict[str, Any]]) -> None:
    """Six days, days that had nothing yet, and days that were not read at this age are no measure."""
    day = TODAY - timedelta(days=1)
    assert ("a", day) not in shares_by_day(before + rows(day, {6: "1"}, ended=False))


def test_a_day_that_is_not_over_is_not_compared() -> None:
    """What was read before the end of its day has no age."""
    assert ("a", TODAY) not in shares_by_day(days(9) + rows(TODAY, {-12: "0.3"}, ended=False))
