"""A page of an org's runs, newest first, read from the few days it lies in; and beside it, how many runs match.

A page never waits for the count of a long history: see docs/adr/0027.
"""

import datetime as dt
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import TypeVar

from cloudact.errors import Retry
from cloudact.logs import with_context
from cloudact.runs.ledger import RETENTION
from cloudact.runs.run import Status
from cloudact.warehouse.bigquery import Warehouse
from cloudact.warehouse.queries import Value
from functions.runs.run_rows import ListedRun

log = logging.getLogger(__name__)
COUNT_WAIT_S = 2.0  # beyond the time of the page itself; a count of a million runs takes about one
FIRST_SPAN, WIDER = dt.timedelta(days=7), 4
DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Filters:
    """Filters of a list; days are UTC days of the request, inclusive."""

    first_day: dt.date | None = None
    last_day: dt.date | None = None
    statuses: tuple[Status, ...] = ()
    pipeline: str | None = None
    date: dt.date | None = None
    not_pipeline: str | None = None
    trigger_types: tuple[str, ...] = ()

    @property
    def of_each_event(self) -> dict[str, Value]:
        """Filters that every event of a run answers alike, as parameters of the queries."""
        return {
            "pipeline": self.pipeline,
            "date": self.date,
            "not_pipeline": self.not_pipeline,
            "trigger_types": [*self.trigger_types],
        }

    @property
    def of_states(self) -> dict[str, Value]:
        """Filters that only all events of a run answer together, as parameters of the queries."""
        return {"statuses": [status.value for status in self.statuses]}


@dataclass(frozen=True)
class After:
    """Last run of the page before."""

    created_at: dt.datetime
    run_id: str


@dataclass(frozen=True)
class Page:
    """Runs of a page, and whether others follow. `total` counts all that match; `None`: not known in time."""

    runs: Sequence[ListedRun]
    more: bool
    total: int | None = None


@dataclass(frozen=True)
class StatusPage(Page):
    """Page with how many runs each status has, whatever statuses the page is of."""

    by_status: Mapping[Status, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _DayCount:
    requested_date: dt.date
    runs: int


@dataclass(frozen=True)
class _StatusCount(_DayCount):
    status: Status


@dataclass(frozen=True)
class _Days:
    """UTC days of requests, inclusive; none where `last` is before `first`."""

    first: dt.date
    last: dt.date

    def spans(self, first: dt.date | None) -> Iterator["_Days"]:
        """Parts of these days, newest first: the days since `first`, then ever longer ones."""
        last, span = self.last, FIRST_SPAN
        begin = first
        while last >= self.first:
            begin = begin if begin and begin <= last else last - min(span, last - self.first)
            yield _Days(max(begin, self.first), last)
            last, span, begin = begin - DAY, span * WIDER, None


Counts = Sequence[_DayCount]
_Count = TypeVar("_Count", bound=_DayCount)


@dataclass(frozen=True)
class RunPages:
    """Reads pages of one org's runs. `counting` runs the counts beside the pages; `count_wait_s` bounds what they add.

    Every method raises `Retry` while BigQuery cannot be reached.
    """

    warehouse: Warehouse
    counting: Executor
    count_wait_s: float = COUNT_WAIT_S

    def first(self, org_slug: str, filters: Filters, today: dt.date, limit: int, *, counted: bool) -> Page:
        """The newest runs, and where `counted` how many match."""
        days = _days(filters, today)
        count = self.counting.submit(with_context(self._counts), org_slug, filters, days) if counted else None
        week = next(days.spans(None), days)
        runs = self._list(org_slug, filters, week, limit + 1)
        known = self._in_time(count)
        if len(runs) <= limit and (known is None or _sum(known) > len(runs)):
            rest = _since_oldest(known, _Days(days.first, week.first - DAY))
            first = _reaching(known, limit + 1) or rest.last - FIRST_SPAN * WIDER
            runs += self._read(org_slug, filters, rest, limit + 1 - len(runs), first)
        total = None if known is None else max(_sum(known), len(runs))
        return Page(runs[:limit], len(runs) > limit, total)

    def after(self, org_slug: str, filters: Filters, today: dt.date, limit: int, after: After) -> Page:
        """The runs that follow the last one of the page before."""
        within = _days(filters, today)
        days = _Days(within.first, min(within.last, after.created_at.date()))
        runs = self._read(org_slug, filters, days, limit + 1, after=after)
        return Page(runs[:limit], len(runs) > limit)

    def at(self, org_slug: str, filters: Filters, today: dt.date, limit: int, offset: int) -> Page:
        """The runs from `offset` on. Counts first, in this thread: the count tells the days they lie in."""
        days = _days(filters, today)
        counts = self._counts(org_slug, filters, days)
        passed = 0
        for each in counts:
            if passed + each.runs > offset:
                there = _since_oldest(counts, _Days(days.first, each.requested_date))
                first = _reaching(counts, offset + limit + 1)
                runs = self._read(org_slug, filters, there, limit + 1, first, offset=offset - passed)
                return Page(runs[:limit], len(runs) > limit, _sum(counts))
            passed += each.runs
        return Page((), False, passed)

    def with_counts(
        self, org_slug: str, filters: Filters, today: dt.date, limit: int, after: After | None = None
    ) -> StatusPage:
        """Runs after the last one of the page before, and how many there are of each status, in two queries.

        Counts first, since the counts tell the days that the runs lie in. A history that is too long to be counted in
        time is paged without: `by_status` is empty then.
        """
        days = _days(filters, today)
        counts = self._in_time(self.counting.submit(with_context(self._counts_by_status), org_slug, filters, days))
        if counts is None:
            page = self._uncounted(org_slug, filters, today, limit, after)
            return StatusPage(page.runs, page.more)
        by_status = {status: _sum(each for each in counts if each.status is status) for status in Status}
        matching = _by_day(each for each in counts if each.status in (filters.statuses or Status))
        total = _sum(matching)
        within = _Days(days.first, min(days.last, after.created_at.date())) if after else days
        left = [each for each in matching if each.requested_date <= within.last]
        if not left:
            return StatusPage((), False, total, by_status)
        passed = _sum(each for each in left if each.requested_date == within.last) if after else 0
        reach = _reaching(left, limit + 1 + passed) or within.first
        runs = self._list(org_slug, filters, _Days(reach, within.last), limit + 1, after=after)
        return StatusPage(runs[:limit], len(runs) > limit, total, by_status)

    def _uncounted(self, org_slug: str, filters: Filters, today: dt.date, limit: int, after: After | None) -> Page:
        if after:
            return self.after(org_slug, filters, today, limit, after)
        return self.first(org_slug, filters, today, limit, counted=False)

    def _counts_by_status(self, org_slug: str, filters: Filters, days: _Days) -> Sequence[_StatusCount]:
        if days.last < days.first:
            return []
        return self.warehouse.read(
            _StatusCount,
            "run_status_counts",
            None,
            org_slug=org_slug,
            first_day=days.first,
            last_day=days.last,
            **filters.of_each_event,
        )

    def _read(
        self,
        org_slug: str,
        filters: Filters,
        days: _Days,
        most: int,
        first: dt.date | None = None,
        *,
        offset: int = 0,
        after: After | None = None,
    ) -> list[ListedRun]:
        """Up to `most` runs of the days: of those since `first`, then of ever earlier ones until it is enough."""
        runs: list[ListedRun] = []
        for span in days.spans(first):
            runs += self._list(org_slug, filters, span, most - len(runs), 0 if runs else offset, after)
            if len(runs) == most:
                break
        return runs

    def _list(
        self,
        org_slug: str,
        filters: Filters,
        days: _Days,
        most: int,
        offset: int = 0,
        after: After | None = None,
    ) -> list[ListedRun]:
        if days.last < days.first:
            return []
        return self.warehouse.read(
            ListedRun,
            "run_list",
            None,
            org_slug=org_slug,
            first_day=days.first,
            last_day=days.last,
            **filters.of_states,
            **filters.of_each_event,
            before_at=after.created_at if after else None,
            before_id=after.run_id if after else None,
            row_limit=most,
            row_offset=offset,
        )

    def _counts(self, org_slug: str, filters: Filters, days: _Days) -> Counts:
        """Numbers of matching runs by day, the newest day first."""
        if days.last < days.first:
            return []
        query, values = "run_count", dict[str, Value]()
        if filters.statuses:
            query, values = "run_count_by_status", filters.of_states | filters.of_each_event
        elif any(filters.of_each_event.values()):
            query, values = "run_count_filtered", filters.of_each_event
        rows = self.warehouse.read(
            _DayCount, query, None, org_slug=org_slug, first_day=days.first, last_day=days.last, **values
        )
        return sorted(rows, key=lambda each: each.requested_date, reverse=True)

    def _in_time(self, count: "Future[Sequence[_Count]] | None") -> "Sequence[_Count] | None":
        if count is None:
            return None
        try:
            return count.result(self.count_wait_s)
        except TimeoutError:
            count.cancel()
            log.info("the runs of a list were not counted in time")
        except Retry as err:
            log.warning("the runs of a list could not be counted: %s", err)
        return None


def _days(filters: Filters, today: dt.date) -> _Days:
    return _Days(max(filters.first_day or dt.date.min, today - RETENTION), min(filters.last_day or today, today))


def _sum(counts: Iterable[_DayCount]) -> int:
    return sum(each.runs for each in counts)


def _by_day(counts: Iterable[_DayCount]) -> Counts:
    """Numbers of runs by day, the newest day first."""
    days = Counter[dt.date]()
    for each in counts:
        days[each.requested_date] += each.runs
    return [_DayCount(day, days[day]) for day in sorted(days, reverse=True)]


def _since_oldest(counts: Counts | None, days: _Days) -> _Days:
    """The days without those before the oldest run."""
    return _Days(counts[-1].requested_date, days.last) if counts else days


def _reaching(counts: Counts | None, number: int) -> dt.date | None:
    """The day back to which there are so many runs, or all; `None` where the counts do not tell."""
    seen = 0
    for each in counts or ():
        seen += each.runs
        if seen >= number:
            return each.requested_date
    return counts[-1].requested_date if counts else None
