"""Pages of what has happened in an org, newest first: a count by day and kind tells the days that a page lies in."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cloudact.runs.ledger import RETENTION
from cloudact.warehouse.bigquery import Warehouse


class TimelineKind(StrEnum):
    """Kind of what has happened. `RESTATEMENT`: a run of the service's own for an older date.

    `GIVEN_UP`: dates that the service runs no more.
    """

    RUN = "run"
    RESTATEMENT = "restatement"
    GIVEN_UP = "given_up"
    CREDENTIAL = "credential"
    QUOTA = "quota"
    BUDGET = "budget"
    ANOMALY = "anomaly"


@dataclass(frozen=True)
class TimelineFilters:
    """Filters of a page; no kind for all, days are UTC days and inclusive."""

    kinds: tuple[TimelineKind, ...] = ()
    first_day: dt.date | None = None
    last_day: dt.date | None = None

    def lets_kind_through(self, kind: TimelineKind) -> bool:
        """Whether entries of the kind are wanted."""
        return not self.kinds or kind in self.kinds

    def lets_day_through(self, day: dt.date) -> bool:
        """Whether entries of the day are wanted."""
        return (self.first_day or dt.date.min) <= day <= (self.last_day or dt.date.max)


@dataclass(frozen=True)
class LastShown:
    """Last entry of the page before."""

    at: dt.datetime
    entry_id: str


@dataclass(frozen=True)
class TimelineRow:
    """Entry of the timeline; what is not of its kind is `None`. `difference` and `data` are JSON."""

    day: dt.date
    happened_at: dt.datetime
    entry_id: str
    kind: TimelineKind
    what: str
    run_id: str | None
    pipeline: str | None
    date: dt.date | None
    generation: int | None
    trigger_type: str | None
    triggered_by: str | None
    rows_processed: int | None
    error_code: str | None
    unchanged: bool | None
    cause: str | None
    difference: str | None
    integration: str | None
    name: str | None
    fingerprint: str | None
    data: str | None


@dataclass(frozen=True)
class KindCount:
    """Number of entries of a kind on a UTC day."""

    day: dt.date
    kind: TimelineKind
    entries: int


@dataclass(frozen=True)
class TimelineRows:
    """Entries of a page, whether others follow, and how many there are of each day and kind, whatever the filters."""

    rows: Sequence[TimelineRow]
    more: bool
    counts: Sequence[KindCount]

    def by_kind(self, filters: TimelineFilters) -> Mapping[TimelineKind, int]:
        """Numbers of entries on the days of the filters, by kind."""
        found = Counter[TimelineKind]()
        for each in self.counts:
            if filters.lets_day_through(each.day):
                found[each.kind] += each.entries
        return found


@dataclass(frozen=True)
class TimelinePages:
    """Reads pages of one org's timeline, each by two queries at most; raises `Retry` without BigQuery."""

    warehouse: Warehouse

    def page(
        self, org_slug: str, filters: TimelineFilters, now: dt.datetime, limit: int, after: LastShown | None = None
    ) -> TimelineRows:
        """Entries after the last one of the page before, of the last 400 days."""
        today = now.date()
        counts = self.warehouse.read(
            KindCount, "timeline_counts", org_slug=org_slug, first_day=today - RETENTION, last_day=today, now=now
        )
        days = _reaching(_matching(counts, filters, after), limit + 1, after)
        if days is None:
            return TimelineRows((), more=False, counts=counts)
        rows = self.warehouse.read(
            TimelineRow,
            "timeline",
            org_slug=org_slug,
            first_day=days[0],
            last_day=days[1],
            now=now,
            kinds=[*filters.kinds],
            before_at=after.at if after else None,
            before_id=after.entry_id if after else None,
            row_limit=limit + 1,
        )
        return TimelineRows(rows[:limit], more=len(rows) > limit, counts=counts)


def _matching(counts: Iterable[KindCount], filters: TimelineFilters, after: LastShown | None) -> Mapping[dt.date, int]:
    """Numbers of entries that the filters let through, by day, as far as they can follow the last one shown."""
    days = Counter[dt.date]()
    for each in counts:
        if filters.lets_kind_through(each.kind) and filters.lets_day_through(each.day):
            days[each.day] += each.entries
    return {day: number for day, number in days.items() if after is None or day <= after.at.date()}


def _reaching(days: Mapping[dt.date, int], number: int, after: LastShown | None) -> tuple[dt.date, dt.date] | None:
    """First and last day of the newest entries, so many of them; `None` without any.

    Of the day of the last one shown nobody knows how many follow, so it counts for none.
    """
    newest = sorted(days, reverse=True)
    seen = 0
    for day in newest:
        seen += days[day] if after is None or day < after.at.date() else 0
        if seen >= number:
            return day, newest[0]
    return (newest[-1], newest[0]) if newest else None
