"""State of the schedule: each org's pipelines and dates, and the batches that exist already."""

import datetime as dt
import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice

from cloudact.pipelines.registry import Entry, Registry
from cloudact.runs.batch import Batch, groups
from cloudact.runs.late_data import LateDataScan, loads_of
from cloudact.runs.ledger import Generation, Ledger
from cloudact.runs.run import Run, Status
from functions.schedule.due import CATCH_UP_DAYS, ScheduledPipeline, is_given_up, is_overdue, scheduled_run
from functions.schedule.late_dates import hold_back, late_runs
from functions.schedule.run_rows import DateState, PlanRow, ScheduleRows

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BatchedRun:
    """Run that an earlier call of the day has put into a batch. `begun`: a container has recorded an event of it."""

    batch_id: str
    index: int
    run: Run
    begun: bool
    ended: bool = False


@dataclass(frozen=True)
class ScheduleState:
    """Facts that a daily call plans with. `run_takes`: mean duration of yesterday's and today's runs, if any.

    `given_up` has the service's own newest run of each date that has failed for too long, and is not notified of yet.
    """

    pipelines: tuple[ScheduledPipeline, ...]
    batched: tuple[BatchedRun, ...]
    run_takes: dt.timedelta | None = None
    given_up: tuple[Run, ...] = ()

    def turns(self, task_runs: int) -> Counter[str]:
        """Number of tasks of each org in batches."""
        found = [[each.run for each in members] for members in self._by_batch().values()]
        return Counter(group[0].org_slug for runs in found for group in groups(runs, task_runs))

    def _by_batch(self) -> Mapping[str, list[BatchedRun]]:
        """Batched runs by batch id, in the order of their batch."""
        found: defaultdict[str, list[BatchedRun]] = defaultdict(list)
        for each in sorted(self.batched, key=lambda each: each.index):
            found[each.batch_id].append(each)
        return found

    def unstarted(self, task_runs: int) -> Iterator[Batch]:
        """Batches with runs that have not begun: their tasks wait, or have fired, or were never created.

        A batch's id is made of its runs, so a batch of which not all runs were read is recognised and left to the
        sweep.
        """
        by_time = sorted(self._by_batch().items(), key=lambda item: item[1][0].run.requested_at)
        for batch_id, members in by_time:
            if all(each.begun for each in members):
                continue
            batch = _together(members, task_runs)
            if batch.batch_id == batch_id:
                yield batch
            else:
                log.warning("a batch is incomplete and left to the sweep", extra={"fields": {"batch_id": batch_id}})

    def at_work(self, task_runs: int) -> Iterator[int]:
        """Number of runs left of each task, in batches whose runs have all begun: `unstarted` has the others."""
        for members in self._by_batch().values():
            if all(each.begun for each in members):
                rest = iter(members)
                for group in groups([each.run for each in members], task_runs):
                    if left := sum(not each.ended for each in islice(rest, len(group))):
                        yield left


def _together(members: Iterable[BatchedRun], task_runs: int) -> Batch:
    """Batch of these runs, with the latest of their request times."""
    runs = [each.run for each in members]
    at = max(run.requested_at for run in runs)
    return Batch.of([run.model_copy(update={"requested_at": at}) for run in runs], task_runs)


def read_state(schedule: ScheduleRows, ledger: Ledger, registry: Registry, today: dt.date) -> ScheduleState:
    """Reads the day's plan: one query, and another where rows of earlier dates were found to have changed."""
    entries = {entry.id: entry for entry in registry.entries if entry.enabled and entry.schedule == "daily"}
    rows = schedule.plan(today - dt.timedelta(days=CATCH_UP_DAYS), today)
    pipelines = list(_pipelines(rows, entries.values()))
    batched = [each for row in rows for each in _batched(row, entries)]
    scans = {(row.org_slug, row.pipeline): LateDataScan.model_validate_json(row.look) for row in rows if row.look}
    found = list(_with_stale_dates(ledger, pipelines, scans, today))
    late = late_runs(((entries[each.run.pipeline], each.run) for each in batched), today)
    return ScheduleState(
        pipelines=tuple(hold_back(found, {row.org_slug: row.daily_limit for row in rows}, late, today)),
        batched=tuple(batched),
        run_takes=_mean(rows),
        given_up=tuple(run for row in rows for run in _given_up(row, entries, today)),
    )


def _mean(rows: Iterable[PlanRow]) -> dt.timedelta | None:
    """Mean duration of all runs that have ended lately; `None` without any."""
    ended_runs = [(row.ended, row.took_ms or 0) for row in rows if row.ended]
    ended = sum(number for number, _ in ended_runs)
    return dt.timedelta(milliseconds=sum(milliseconds for _, milliseconds in ended_runs)) / ended if ended else None


def _pipelines(rows: Iterable[PlanRow], entries: Collection[Entry]) -> Iterator[ScheduledPipeline]:
    """Pipelines of each org whose integration works; the rows of an org stand together."""
    for org_slug, group in groupby(rows, key=lambda row: row.org_slug):
        of = {row.pipeline: row for row in group}
        org = next(iter(of.values()))
        for entry in entries:
            if entry.required_integration in org.integrations.split():
                dates = of[entry.id].dates if entry.id in of else []
                yield ScheduledPipeline(org_slug, entry, org.since, {each.date: each for each in dates})


def _state(known: Generation, before: DateState | None) -> DateState:
    """State of a date by its newest generation. What is owed or postponed is known from the plan alone."""
    state = DateState(known.date, known.generation, known.status, known.loaded_on, known.asked_on)
    if before is None:
        return state
    postponed = before.postponed and before.generation == known.generation
    return replace(state, owed=before.owed, postponed=postponed)


def _given_up(row: PlanRow, entries: Mapping[str, Entry], today: dt.date) -> Iterator[Run]:
    """Runs to give up, also where the integration does not work any more: nobody else would say so.

    There nothing is tried any more, so the time alone decides.
    """
    entry = entries.get(row.pipeline or "")
    if entry is None:
        return
    is_over = is_given_up if entry.required_integration in row.integrations.split() else is_overdue
    for known in row.dates:
        last = known.owed.last if known.owed else None
        if last and is_over(known, today):
            yield scheduled_run(row.org_slug, entry, known.date, last.generation, last.trigger_type, last.requested_at)


def _batched(row: PlanRow, entries: Mapping[str, Entry]) -> Iterator[BatchedRun]:
    entry = entries.get(row.pipeline or "")
    for date in row.dates if entry else ():
        if entry and date.place:
            place = date.place
            run = scheduled_run(row.org_slug, entry, date.date, date.generation, place.trigger_type, place.requested_at)
            begun = date.status not in (Status.PENDING, Status.CANCELLED)
            yield BatchedRun(place.batch_id, place.position, run, begun=begun, ended=date.status.final)


def _with_stale_dates(
    ledger: Ledger,
    pipelines: Sequence[ScheduledPipeline],
    scans: Mapping[tuple[str, str | None], LateDataScan],
    today: dt.date,
) -> Iterator[ScheduledPipeline]:
    """Pipelines with their stale dates: a date stays stale until a run has loaded what the scan saw.

    One that was given up since its newest row came is stale no more.
    """
    seen = {(each.org_slug, each.entry.id): scans.get((each.org_slug, each.entry.id)) for each in pipelines}
    wanted = [(*key, date) for key, scan in seen.items() if scan for date in scan.stale]
    found: defaultdict[tuple[str, str], list[Generation]] = defaultdict(list)
    for generation in ledger.generations(wanted, today):
        found[generation.org_slug, generation.pipeline].append(generation)
    for each in pipelines:
        generations, scan = found[each.org_slug, each.entry.id], seen[each.org_slug, each.entry.id]
        dates = dict(each.runs)
        for known in generations:
            dates[known.date] = _state(known, dates.get(known.date))
        stale = scan.still_stale(loads_of(generations)) if scan else {}
        given_up = {known.date: known.given_up_at for known in generations if known.given_up_at}
        still = {date for date, newest in stale.items() if date not in given_up or given_up[date] < newest}
        yield replace(each, runs=dates, stale=frozenset(still))
