"""What a run does for its org's months: carries invoices, copies months that are over, closes those that tie.

That comes after the load and never undoes it: what cannot be done is logged, and the next run does it (docs/adr/0036).
The SQL decides what is due; this knows the order, and the ids by which each statement is taken once.
"""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from cloudact.clock import Clock
from cloudact.runs.run import Run
from cloudact.warehouse.queries import Value
from providers.org_day import OrgDay

log = logging.getLogger(__name__)
WITHIN_S = 60.0
DAYS_BEFORE = 62  # of a month: late rows that are billed in it are as old, since none is loaded 60 days after its day
Tick = Callable[[], None]


@dataclass(frozen=True)
class _DueMonth:
    invoice_month: str
    first_day: date


def tie_months(day: OrgDay, clock: Clock, tick: Tick, within_s: float = WITHIN_S) -> None:
    """Does what is due for the months of the run's org and provider; nothing where the org has recorded no invoice.

    Runs of yesterday do it, and of days in a month that is over. `tick` is called while BigQuery works, `within_s` at
    most; then it goes on by itself. Whatever fails is logged as `months_not_tied` and raised by nobody.
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
    """Whether a run does it: one of a day is enough for invoices, and a day of a month that is over may be its last."""
    today = run.requested_date
    return run.date == today - timedelta(days=1) or run.date < today.replace(day=1)


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
        self._insert("invoices", "carry_invoices", org_slug=run.org_slug)
        for month in self._due():
            last_day = (month.first_day + timedelta(days=31)).replace(
                day=1
            )  # of another time zone ends in that UTC day
            self._insert(
                f"copy_{month.invoice_month}",
                "copy_month",
                **self._of_provider,
                invoice_month=month.invoice_month,
                first_day=month.first_day - timedelta(days=DAYS_BEFORE),
                last_day=last_day,
                made_at=self.clock(),
                run_id=run.run_id,
            )
        self._insert("close", "close_months", **self._of_provider, made_at=self.clock(), run_id=run.run_id)

    def _due(self) -> Iterator[_DueMonth]:
        yield from self.day.warehouse.read(_DueMonth, "months_due", self.day.dataset, **self._of_provider)

    @property
    def _of_provider(self) -> dict[str, str]:
        return {"org_slug": self.day.run.org_slug, "provider": self.day.run.provider}

    def _insert(self, what: str, query: str, **values: Value) -> None:
        """Runs an INSERT once for the run; what an earlier try has begun is there, or comes with the next run."""
        warehouse = self.day.warehouse
        job = warehouse.start_query(f"{what}_{self.day.run.run_id}", query, self.day.dataset, **values)
        if job is None:
            return
        warehouse.wait_for(job, self.tick)
        if job.error_result:
            raise RuntimeError(f"{query}: {job.error_result.get('message')}")


def _log_failure(run: Run, why: str) -> None:
    fields = {"event": "months_not_tied", "run_id": run.run_id, "org_slug": run.org_slug, "why": why}
    log.warning("the org's months were not tied", extra={"fields": fields})
