"""What a run does for its org's months: carries invoices, copies months that are over, closes those that tie.

That comes after the load and never undoes it: what cannot be done is logged, and the next run does it (docs/adr/0036).
The SQL decides what is due; this knows the order, and the ids by which each statement is taken once.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from cloudact.clock import Clock
from cloudact.runs.run import Run, TriggerType
from cloudact.warehouse.queries import Value
from cloudact.warehouse.resources import Job
from providers.org_day import OrgDay

log = logging.getLogger(__name__)
WITHIN_S = 60.0
DAYS_BACK = 3660  # to look for rows that are billed in a month: ten years are all that a vendor corrects
ATTEMPTS = 100  # to close one month; each that ended without closing it has made another copy
Tick = Callable[[], None]


@dataclass(frozen=True)
class _DueMonth:
    invoice_month: str
    first_day: date


@dataclass(frozen=True)
class _ClosableMonth(_DueMonth):
    currency: str
    made_at: datetime
    run_id: str


@dataclass(frozen=True)
class _Span:
    invoice_month: str
    first_day: date
    last_day: date


def tie_months(day: OrgDay, clock: Clock, tick: Tick, within_s: float = WITHIN_S) -> None:
    """Does what is due for the months of the run's org and provider; nothing where the org has recorded no invoice.

    Runs of yesterday do it, and planned ones of days in a month that is over; no backfill. `tick` is called while
    BigQuery works, `within_s` at most; then it goes on by itself. Whatever fails is logged as `months_not_tied` and
    raised by nobody.
    """
    run = day.run
    if not _is_its_turn(run):
        return
    try:
        (told,) = day.warehouse.rows("invoice_entries", org_slug=run.org_slug)
        if told["entries"]:
            _Months(day, clock, _until(tick, within_s)).tie()
    except Exception as err:  # whatever it is: the day is loaded, and the next run does the same again
        _log_failure(run, str(err) or type(err).__name__)


def _is_its_turn(run: Run) -> bool:
    """Whether a run does it: one of yesterday, or a planned one that may be the last of a month's day.

    A backfill has a run for each day, and each would copy the months that the ones before have changed.
    """
    today = run.requested_date
    is_planned = run.trigger_type in (TriggerType.SCHEDULE, TriggerType.RESTATEMENT)
    return run.date == today - timedelta(days=1) or (is_planned and run.date < today.replace(day=1))


def _until(tick: Tick, within_s: float) -> Tick:
    end = time.monotonic() + within_s

    def look() -> None:
        tick()
        if time.monotonic() > end:
            raise TimeoutError(f"BigQuery has not tied the months within {within_s:g} seconds")

    return look


@dataclass(frozen=True)
class _Months:
    day: OrgDay
    clock: Clock
    tick: Tick

    def tie(self) -> None:
        run = self.day.run
        self._insert(f"invoices_{run.run_id}", "carry_invoices", org_slug=run.org_slug)
        due = self.day.warehouse.read(_DueMonth, "months_due", self.day.dataset, **self._of_provider)
        self._copy({f"copy_{month.invoice_month}_{run.run_id}": month for month in due})
        for closable in self._closable():
            if not self._close(closable):  # its rows are others than the history tells
                self._copy({f"copy_{closable.invoice_month}_{closable.currency}_{run.run_id}": closable})

    def _copy(self, months: Mapping[str, _DueMonth]) -> None:
        """Copies months by the ids of the jobs that do it."""
        made_at = self.clock()  # before anything is read: what changes meanwhile makes another copy
        for job_id, days in zip(months, self._days(*months.values()), strict=True):
            self._insert(job_id, "copy_month", **self._of_provider, **days, made_at=made_at, run_id=self.day.run.run_id)

    def _close(self, month: _ClosableMonth) -> bool:
        """Closes the month, once: the ids of its attempts are those of all runs, so no two of them do it at a time."""
        for number in range(1, ATTEMPTS + 1):
            (days,) = self._days(month)
            job, is_mine = self._insert(
                f"close_{self.day.run.org_slug}_{self.day.run.provider}_{month.invoice_month}_{month.currency}_{number}",
                "close_month",
                **self._of_provider,
                **days,
                currency=month.currency,
                copied_at=month.made_at,
                copied_by=month.run_id,
                closed_at=self.clock(),
                run_id=self.day.run.run_id,
            )
            if is_mine and job.written_rows:
                return True
            if not is_mine and not job.written_rows:
                continue  # it was at an older copy, or at rows that were others
            if month not in self._closable():
                return True
            if is_mine:
                return False
        raise RuntimeError(f"close_month: {month.invoice_month} was tried {ATTEMPTS} times")

    def _closable(self) -> list[_ClosableMonth]:
        return self.day.warehouse.read(_ClosableMonth, "months_to_close", self.day.dataset, **self._of_provider)

    def _days(self, *months: _DueMonth) -> list[dict[str, Value]]:
        """Reads which days have rows that are billed in each of the months: copy and close are of the same ones."""
        if not months:
            return []
        wanted: dict[str, Value] = {
            **self._of_provider,
            "invoice_months": [month.invoice_month for month in months],
            "first_day": min(month.first_day for month in months) - timedelta(days=DAYS_BACK),
            "last_day": self.clock().date(),
        }
        read = self.day.warehouse.read(_Span, "billed_spans", self.day.dataset, **wanted)
        spans = {span.invoice_month: (span.first_day, span.last_day) for span in read}
        days: list[dict[str, Value]] = []
        for month in months:
            first, last = spans.get(month.invoice_month, (month.first_day, month.first_day))
            earliest = month.first_day - timedelta(days=DAYS_BACK)  # of this month, whichever are asked for with it
            days.append({"invoice_month": month.invoice_month, "first_day": max(first, earliest), "last_day": last})
        return days

    @property
    def _of_provider(self) -> dict[str, str]:
        return {"org_slug": self.day.run.org_slug, "provider": self.day.run.provider}

    def _insert(self, job_id: str, query: str, **values: Value) -> tuple[Job, bool]:
        """Runs an INSERT once under this id, and waits for it; returns the job, and whether it is this call's own."""
        warehouse = self.day.warehouse
        started = warehouse.start_query(job_id, query, self.day.dataset, **values)
        job = started or warehouse.taken_job(job_id)
        warehouse.wait_for(job, self.tick)
        if started and job.error_result:
            raise RuntimeError(f"{query}: {job.error_result.get('message')}")
        return job, started is not None


def _log_failure(run: Run, why: str) -> None:
    fields = {"event": "months_not_tied", "run_id": run.run_id, "org_slug": run.org_slug, "why": why}
    log.warning("the org's months were not tied", extra={"fields": fields})
