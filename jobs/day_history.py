"""The history of a day: records in the org's own dataset what a successful run found the day to be (docs/adr/0037).

Recording comes after the load and never undoes it: what cannot be recorded is logged, and the next record of the day
tells what was before it.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

from cloudact.runs.result import Fingerprint, Result, plain
from cloudact.runs.run import Run
from cloudact.warehouse.resources import Job
from jobs.deadline import Deadline
from providers.lines import numeric
from providers.org_day import OrgDay

log = logging.getLogger(__name__)
_NOTHING = Decimal()
_Amounts: TypeAlias = Mapping[str, Decimal]
WITHIN_S = 20.0  # less than what the sweep takes for silence


def record_day(
    day: OrgDay,
    result: Result,
    had: Mapping[str, int],
    version: str | None,
    read_at: datetime,
    at: datetime,
    within_s: float = WITHIN_S,
    totals: Mapping[str, Decimal] | None = None,
) -> None:
    """Adds the run's row to the history of its day; a second call for the same run adds nothing.

    `had` is how many rows each table had of the day before, `version` that of the pipeline's file, and `at` when the
    day was found loaded. `totals` are the provider's own by currency, `None` where it reports none. Waits `within_s`
    at most for the row to be there: it goes on by itself. Whatever fails is logged as `day_not_recorded` and raised by
    nobody, since the day is loaded.
    """
    try:
        job = _insert(day, result, had, version, read_at, at, totals)
        if job is not None:
            day.warehouse.wait_for(job, Deadline(within_s, "BigQuery has not added the row").tick)
            if job.error_result:
                _log_failure(day.run, str(job.error_result.get("message")))
    except Exception as err:  # whatever it is: the next try of the run would find it decided, and record nothing
        _log_failure(day.run, str(err) or type(err).__name__)


def _insert(
    day: OrgDay,
    result: Result,
    had: Mapping[str, int],
    version: str | None,
    read_at: datetime,
    at: datetime,
    totals: Mapping[str, Decimal] | None,
) -> Job | None:
    run = day.run
    return day.warehouse.start_query(
        f"history_{run.run_id}",
        "record_day",
        day.dataset,
        usage_date=run.date,
        org_slug=run.org_slug,
        provider=run.provider,
        pipeline=run.pipeline,
        run_id=run.run_id,
        generation=run.generation,
        trigger_type=run.trigger_type.value,
        pipeline_version=version,
        read_at=read_at,
        recorded_at=at,
        is_changed=not result.unchanged,
        cause=result.cause.value if result.cause else None,
        completeness=result.completeness.value,
        source_as_of=result.fingerprint.source_as_of,
        rows_before=sum(had.values()),
        rows_after=result.fingerprint.rows,
        is_total_known=totals is not None,
        totals=list(_totals(totals or {})),
        costs=list(_amounts(result, had, lambda fingerprint: fingerprint.cost)),
        credits=list(_amounts(result, had, lambda fingerprint: fingerprint.credits)),
    )


def _totals(totals: Mapping[str, Decimal]) -> Iterator[str]:
    """Yields JSON texts of each currency's total, as NUMERIC holds it."""
    for currency in sorted(totals):
        yield json.dumps({"currency": currency, "total": plain(numeric(totals[currency]))})


def _amounts(result: Result, had: Mapping[str, int], of: Callable[[Fingerprint], _Amounts | None]) -> Iterator[str]:
    """Yields JSON texts of the amounts before and after in each currency of the day; null is what nobody knows.

    A currency that the day does not have any more, or did not have before, is nothing in it. Results of older versions
    tell no credits.
    """
    was_empty = not any(had.values())
    previous = None if was_empty or result.previous is None else result.previous.fingerprint
    before = {} if was_empty else of(previous) if previous else None
    after = of(result.fingerprint)
    for currency in sorted({*(previous.cost if previous else ()), *result.fingerprint.cost}):
        yield json.dumps({"currency": currency, "before": _text(before, currency), "after": _text(after, currency)})


def _text(amounts: _Amounts | None, currency: str) -> str | None:
    return plain(amounts.get(currency, _NOTHING)) if amounts is not None else None


def _log_failure(run: Run, why: str) -> None:
    fields = {"event": "day_not_recorded", "run_id": run.run_id, "org_slug": run.org_slug, "why": why}
    log.warning("the day's history was not recorded", extra={"fields": fields})
