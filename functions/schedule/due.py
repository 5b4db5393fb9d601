"""Due runs of today: yesterday, days that were missed, dates that providers restate, and what failed and is owed.

Pure: from facts of the ledger to runs, in the order in which they start. Equal facts give an equal plan.
"""

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

from cloudact.pipelines.registry import Entry
from cloudact.runs.batch import groups
from cloudact.runs.run import Run, Status, TriggerType
from functions.runs.new_run import new_run
from functions.schedule.run_rows import DateState

CATCH_UP_DAYS = 7  # how long a day that was never loaded, or a run that failed, is made up for
TRIGGERED_BY = "scheduler"


@dataclass(frozen=True)
class ScheduledPipeline:
    """Org and pipeline on the schedule: onboarded date, state of each date, and dates with late rows.

    `held` are late dates that wait for another day (`late_dates`).
    """

    org_slug: str
    entry: Entry
    since: dt.date
    runs: Mapping[dt.date, DateState]
    stale: frozenset[dt.date] = frozenset()
    held: frozenset[dt.date] = frozenset()


def plan(
    scheduled: Iterable[ScheduledPipeline],
    now: dt.datetime,
    started: Mapping[str, int] | None = None,
    task_runs: int = 1,
) -> list[Run]:
    """All due runs, in turns: a turn is what one task works on, up to `task_runs` of an org.

    Every org's first turn comes before any org's second, so no org waits behind another's pile, and yesterday before
    what is restated; a half-loaded day is the first of its kind. `started` is how many tasks of the org an earlier call
    of the day has batched. An org that has had its turns waits for the others to have theirs, so a call that continues
    after a crash, or plans beside another, makes the batches that the first call would have made.
    """
    today = now.astimezone(dt.UTC).date()
    by_org: defaultdict[str, list[tuple[bool, Run]]] = defaultdict(list)
    for each in scheduled:
        by_org[each.org_slug] += [
            (is_half_loaded(each.runs.get(date)), _run(each, date, trigger, now)) for date, trigger in due(each, today)
        ]
    turns: dict[str, list[list[Run]]] = {}
    for org, runs in by_org.items():
        runs.sort(key=lambda one: (one[1].trigger_type is TriggerType.RESTATEMENT, not one[0], today - one[1].date))
        turns[org] = [[]] * (started or {}).get(org, 0) + list(groups((run for _, run in runs), task_runs))
    return list(interleaved(turns, today))


def due(scheduled: ScheduledPipeline, today: dt.date) -> Iterator[tuple[dt.date, TriggerType]]:
    """Dates to run, the newest first, each once: those never loaded, then those that may have changed since.

    What failed is owed until it is given up, and then comes only where it is to be restated anyway. Of a pipeline that
    never works two dates are tried: yesterday, and the oldest of those that are half loaded.
    """
    yesterday = today - dt.timedelta(days=1)
    first = max(today - dt.timedelta(days=CATCH_UP_DAYS), min(scheduled.since, yesterday))
    missed = {date for date in _days(first, yesterday) if not _loaded(scheduled.runs.get(date))}
    postponed = {date for date, known in scheduled.runs.items() if known.postponed}
    owed = {date for date, known in scheduled.runs.items() if known.owed}
    given_up = {date for date in owed if is_given_up(scheduled.runs[date], today)}
    late = (scheduled.stale | owed) - given_up - scheduled.held
    planned = missed | restated_dates(scheduled.entry, today) | postponed
    wanted = {date for date in planned | late if date < today}
    dates = wanted & {yesterday, *_oldest_half_loaded(scheduled, today)} if _never_works(scheduled) else wanted
    for date in sorted(dates & missed, reverse=True):
        if _free(scheduled.runs.get(date), today):
            yield date, TriggerType.SCHEDULE
    for date in sorted(dates - missed, reverse=True):
        if _free(scheduled.runs.get(date), today):
            yield date, TriggerType.RESTATEMENT


def restated_dates(entry: Entry, today: dt.date) -> set[dt.date]:
    """Dates that are restated today by the registry."""
    return {today - dt.timedelta(days=days) for days in entry.restate_days}


def is_given_up(known: DateState, today: dt.date) -> bool:
    """Whether the service's runs of the date have failed for a week, so that they are not repeated any more.

    What counts is what was tried: the last run came on the week's last day, or later, and not today. One that is under
    way, or waits for a load quota, is to end first.
    """
    tried_on = _tried_on(known)
    return tried_on is not None and _week_is_over(known, tried_on) and tried_on < today


def is_overdue(known: DateState, today: dt.date) -> bool:
    """Whether a date that failed would be given up today, had it been tried each day."""
    return _tried_on(known) is not None and _week_is_over(known, today - dt.timedelta(days=1))


def is_last_try(known: DateState, today: dt.date) -> bool:
    """Whether the date is given up if a run of today fails."""
    return known.owed is not None and known.owed.last is not None and _week_is_over(known, today)


def _tried_on(known: DateState) -> dt.date | None:
    """Day of the service's last run of a date that is owed, if that has ended for good."""
    if known.owed is None or known.owed.last is None or not known.status.final or known.postponed:
        return None
    return known.owed.last.requested_at.astimezone(dt.UTC).date()


def _week_is_over(known: DateState, day: dt.date) -> bool:
    return known.owed is not None and (day - known.owed.since).days >= CATCH_UP_DAYS - 1


def is_half_loaded(known: DateState | None) -> bool:
    """Whether a failed run has replaced some of the date's tables, and none has loaded it whole since."""
    return known is not None and known.owed is not None and known.owed.half_loaded


def _loaded(known: DateState | None) -> bool:
    return known is not None and known.loaded_on is not None


def _free(known: DateState | None, today: dt.date) -> bool:
    """Whether no run of the date is under way, and the service has not requested one today.

    What failed today waits until tomorrow. Postponed runs do not wait: BigQuery's quotas refill during the day.
    """
    return known is None or known.postponed or (known.status.final and known.asked_on != today)


def _never_works(scheduled: ScheduledPipeline) -> bool:
    """Whether something has failed and nothing was loaded all week: then few dates a day are tried."""
    known = scheduled.runs.values()
    failed = any(each.status is Status.FAILED and not each.postponed for each in known)
    return failed and not any(map(_loaded, known))


def _oldest_half_loaded(scheduled: ScheduledPipeline, today: dt.date) -> list[dt.date]:
    """The oldest half-loaded date that is not given up, if there is one: it is tried until it is."""
    half = (date for date, known in scheduled.runs.items() if is_half_loaded(known) and not is_given_up(known, today))
    return sorted(half)[:1]


def interleaved(by_org: Mapping[str, Sequence[Sequence[Run]]], today: dt.date) -> Iterator[Run]:
    """One turn of each org after the other, in an order of orgs that changes from day to day."""
    orgs = sorted(by_org, key=lambda org: hashlib.sha256(f"{today}/{org}".encode()).digest())
    for turn in zip_longest(*(by_org[org] for org in orgs), fillvalue=()):
        yield from chain.from_iterable(turn)


def _run(scheduled: ScheduledPipeline, date: dt.date, trigger: TriggerType, now: dt.datetime) -> Run:
    known = scheduled.runs.get(date)
    return scheduled_run(scheduled.org_slug, scheduled.entry, date, known.generation + 1 if known else 1, trigger, now)


def scheduled_run(
    org_slug: str, entry: Entry, date: dt.date, generation: int, trigger: TriggerType, at: dt.datetime
) -> Run:
    """Run that the service requests by itself."""
    return new_run(entry, org_slug, date, generation, trigger_type=trigger, triggered_by=TRIGGERED_BY, requested_at=at)


def _days(first: dt.date, last: dt.date) -> Iterator[dt.date]:
    return (first + dt.timedelta(days=n) for n in range((last - first).days + 1))
