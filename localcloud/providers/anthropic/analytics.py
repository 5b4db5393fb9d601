"""The second generation (beta): analytics/usage and analytics/cost, rows instead of buckets."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from cloudact.clock import Clock
from localcloud.providers.anthropic import asking, costs, errors, usage
from localcloud.providers.anthropic.days import Days
from localcloud.providers.anthropic.results import GROUP_FIELDS, cost_row, usage_row
from localcloud.providers.cursors import Cursors
from localcloud.providers.facts import Fact
from localcloud.providers.keys import RegisteredKey
from localcloud.providers.pages import bucket_page, days_between, without_amounts
from localcloud.providers.parameters import Parameters
from localcloud.providers.refusals import Body

COMMON = ("starting_at", "ending_at", "time_bucket_width", "limit", "page", "group_by")
UNCOUNTED = ("cost_type", "token_type")
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
LONGEST, OLDEST = timedelta(days=31), timedelta(days=365)
DEFAULT_ROWS, MOST_ROWS = 20, 1000


class Span(NamedTuple):
    """What one row is about: one day, or all of the window."""

    start: datetime
    end: datetime
    days: tuple[date, ...]


class Analytics:
    """Answers both for a key."""

    def __init__(self, days: Days, clock: Clock) -> None:
        self._days = days
        self._clock = clock

    def usage(self, key: RegisteredKey, asked: Parameters, cursors: Cursors) -> Body:
        """Token usage with the number of requests."""
        asking.refuse_unknown(asked, COMMON, usage.DIMS)
        by, only = asking.groups(asked, GROUP_FIELDS), asking.filters(asked, usage.DIMS)
        return self._rows(
            asked, cursors,
            lambda span: self._days.usage(key, span.days, by, only),
            lambda fact: usage_row(fact, by, key.seed),
        )  # fmt: skip

    def costs(self, key: RegisteredKey, asked: Parameters, cursors: Cursors) -> Body:
        """Costs before credits, at list price and after discounts."""
        asking.refuse_unknown(asked, COMMON, costs.DIMS)
        by, only = asking.groups(asked, GROUP_FIELDS, UNCOUNTED), asking.filters(asked, costs.DIMS)
        page = self._rows(
            asked, cursors,
            lambda span: self._days.costs(key, span.days, by, only, credited=False),
            lambda fact: cost_row(fact, by, key.seed),
        )  # fmt: skip
        paid = without_amounts([row["cost"] for row in page["data"]], key.without_amount if by else 0)
        return {**page, "data": [{**row, "cost": cost} for row, cost in zip(page["data"], paid, strict=True)]}

    def _rows(
        self,
        asked: Parameters,
        cursors: Cursors,
        facts: Callable[[Span], list[Fact]],
        row: Callable[[Fact], Mapping[str, Any]],
    ) -> Body:
        now = self._clock()
        spans, limit = _spans(asked, now), asking.limit(asked, DEFAULT_ROWS, MOST_ROWS)
        found = bucket_page(spans, facts, asking.position(cursors), len(spans), limit)
        data = [{**_bounds(span), **row(fact)} for span, part in found.buckets for fact in part]
        return {**asking.page(data, cursors, found.following), "data_refreshed_at": _refreshed_at(now)}


def _spans(asked: Parameters, now: datetime) -> list[Span]:
    start = asking.required_instant(asked, "starting_at")
    if start < max(BEGINNING, now - OLDEST):
        raise errors.invalid("starting_at: must be within the last 365 days and not before 2026-01-01")
    width, end = asked.one("time_bucket_width"), asking.instant(asked, "ending_at")
    if width and end is None:
        raise errors.invalid("ending_at: Field required with time_bucket_width")
    end = end or now
    if not start < end <= start + LONGEST:
        raise errors.invalid("ending_at: must be after starting_at, by at most 31 days")
    days = days_between(start.date(), (end - timedelta(microseconds=1)).date() + timedelta(days=1))
    if width is None:
        return [Span(start, end, tuple(days))]
    if width != "1d":
        raise errors.not_built(f"time_bucket_width {width}")
    return [_of_day(day) for day in days]


def _of_day(day: date) -> Span:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return Span(start, start + timedelta(days=1), (day,))


def _bounds(span: Span) -> Body:
    return {"starting_at": asking.rfc3339(span.start), "ending_at": asking.rfc3339(span.end)}


def _refreshed_at(now: datetime) -> str:
    """Five minutes before the last full hour (our assumption; the vendor only says that it is there)."""
    return asking.rfc3339(now.replace(minute=0, second=0, microsecond=0) - timedelta(minutes=5))
