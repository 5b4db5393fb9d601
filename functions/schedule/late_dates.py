"""Late dates of a day: an org has as many as its plan has runs, and the rest wait for the days after.

A date is late if only its source's newer rows, or a failure, bring it up: neither a missed day nor one that the
registry restates today. An org makes its dates late at will, by rows dated back in its own export, and these runs count
against no quota; so it can make the service run no more of them than it may ask for itself (docs/adr/0025).
"""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from cloudact.pipelines.registry import Entry
from cloudact.runs.run import Run, TriggerType
from functions.schedule.due import ScheduledPipeline, due, is_half_loaded, is_last_try, restated_dates
from functions.schedule.run_rows import DateState


def hold_back(
    scheduled: Sequence[ScheduledPipeline], limits: Mapping[str, int], started: Mapping[str, int], today: dt.date
) -> Iterator[ScheduledPipeline]:
    """Pipelines with the late dates in `held` for which their org has no room today.

    `limits` and `started` are numbers of runs by org: what its plan allows in a day, and the late dates of today that
    are in batches. Dates that may not wait come first, then what the service has not run for longest, then what is
    oldest, so dates that keep failing hold up no others.
    """
    late: defaultdict[str, list[tuple[tuple[bool, dt.date, dt.date], int, dt.date]]] = defaultdict(list)
    for place, each in enumerate(scheduled):
        for date in late_dates(each, today):
            known = each.runs.get(date)
            asked_on = (known.asked_on if known else None) or dt.date.min
            late[each.org_slug].append(
                ((known is None or not _may_not_wait(known, today), asked_on, date), place, date)
            )
    held: defaultdict[int, set[dt.date]] = defaultdict(set)
    for org, dates in late.items():
        room = max(limits[org] - started.get(org, 0), 0)
        for _, place, date in sorted(dates)[room:]:
            held[place].add(date)
    for place, each in enumerate(scheduled):
        yield replace(each, held=frozenset(held[place])) if place in held else each


def _may_not_wait(known: DateState, today: dt.date) -> bool:
    """Whether a date goes before what has waited longer: half-loaded ones, and each for its last try.

    A half-loaded day that was repeated in vain yesterday waits a day like the others.
    """
    yesterday = today - dt.timedelta(days=1)
    repeated = known.owed is not None and known.asked_on == yesterday and known.owed.since < yesterday
    return is_last_try(known, today) or (is_half_loaded(known) and not repeated)


def late_dates(scheduled: ScheduledPipeline, today: dt.date) -> Iterator[dt.date]:
    """Late dates that are due. One that waits for a load quota has had its place on the day it was run first."""
    for date, trigger in due(scheduled, today):
        known = scheduled.runs.get(date)
        if _is_late(scheduled.entry, date, trigger, today) and not (known and known.postponed):
            yield date


def late_runs(runs: Iterable[tuple[Entry, Run]], today: dt.date) -> Counter[str]:
    """Number of late dates among an org's runs of today."""
    return Counter(run.org_slug for entry, run in runs if _is_late(entry, run.date, run.trigger_type, today))


def _is_late(entry: Entry, date: dt.date, trigger: TriggerType, today: dt.date) -> bool:
    return trigger is TriggerType.RESTATEMENT and date not in restated_dates(entry, today)
