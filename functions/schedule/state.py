"""What the ledger's one read of the day means: what each org is owed, and which batches exist already."""

import datetime as dt
import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from cloudact.pipelines.registry import Entry, Registry
from cloudact.runs.batch import Batch, groups
from cloudact.runs.late_data import Look, loads_of
from cloudact.runs.ledger import Ledger
from cloudact.runs.run import Run, Status, TriggerType
from functions.schedule.due import CATCH_UP_DAYS, Known, Owed, scheduled_run

log = logging.getLogger(__name__)
POSTPONED = "POSTPONED"  # the query's word
OF_EACH = 5  # words that are told of each date; what was batched today has more


@dataclass(frozen=True)
class Batched:
    """A run that an earlier call of the day has put into a batch. `begun`: a container has told of it."""

    batch_id: str
    index: int
    run: Run
    begun: bool
    ended: bool = False


@dataclass(frozen=True)
class Facts:
    """Everything a call needs to know. `run_takes`: the mean of yesterday's and today's runs; None without any."""

    owed: tuple[Owed, ...]
    batched: tuple[Batched, ...]
    run_takes: dt.timedelta | None = None

    def turns(self, task_runs: int) -> Counter[str]:
        """How many tasks of each org are in batches."""
        found = [[each.run for each in members] for members in self._by_batch().values()]
        return Counter(group[0].org_slug for runs in found for group in groups(runs, task_runs))

    def _by_batch(self) -> Mapping[str, list[Batched]]:
        """What is batched, in the order in which it was."""
        found: defaultdict[str, list[Batched]] = defaultdict(list)
        for each in sorted(self.batched, key=lambda each: each.index):
            found[each.batch_id].append(each)
        return found

    def unstarted(self, task_runs: int) -> Iterator[Batch]:
        """Batches with runs that have not begun: their tasks wait, or have fired, or were never created.

        A batch's id is made of its runs, so one of which not all runs were read is recognised and left to the sweep.
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
        """How many runs are left of each task, in batches whose runs have all begun: `unstarted` has the others."""
        for members in self._by_batch().values():
            if all(each.begun for each in members):
                rest = iter(members)
                for group in groups([each.run for each in members], task_runs):
                    if left := sum(not each.ended for each in islice(rest, len(group))):
                        yield left


def _together(members: Iterable[Batched], task_runs: int) -> Batch:
    """The batch of these runs. Who asked for one of them at the same moment was earlier than the batch."""
    runs = [each.run for each in members]
    at = max(run.requested_at for run in runs)
    return Batch.of([run.model_copy(update={"requested_at": at}) for run in runs], task_runs)


def read_facts(ledger: Ledger, registry: Registry, today: dt.date) -> Facts:
    """One query; another where rows of earlier dates were found to have changed."""
    entries = {entry.id: entry for entry in registry.entries if entry.enabled and entry.schedule == "daily"}
    orgs: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in ledger.daily_plan(today - dt.timedelta(days=CATCH_UP_DAYS), today):
        orgs[row["org_slug"]].append(row)
    owed = [each for rows in orgs.values() for each in _owed(rows, entries.values())]
    batched = [each for rows in orgs.values() for row in rows for each in _batched(row, entries)]
    looks = {
        (row["org_slug"], row["pipeline"]): Look.model_validate_json(row["look"])
        for rows in orgs.values()
        for row in rows
        if row["look"]
    }
    return Facts(tuple(_with_stale_dates(ledger, owed, looks, today)), tuple(batched), _mean(orgs.values()))


def _mean(orgs: Iterable[list[Mapping[str, Any]]]) -> dt.timedelta | None:
    """How long a run has taken on the whole, of all that have ended lately."""
    told = [(row["ended"], row["took_ms"]) for rows in orgs for row in rows if row["ended"]]
    ended = sum(number for number, _ in told)
    return dt.timedelta(milliseconds=sum(took for _, took in told)) / ended if ended else None


def _owed(rows: list[Mapping[str, Any]], entries: Iterable[Entry]) -> Iterator[Owed]:
    """An org's pipelines whose integration works."""
    of = {row["pipeline"]: row for row in rows}
    first = rows[0]
    for entry in entries:
        if entry.required_integration in first["integrations"].split():
            row = of.get(entry.id, {"known": None})
            known = {each.date: each for each in map(_known, _facts(row))}
            yield Owed(first["org_slug"], entry, first["since"], known)


def _facts(row: Mapping[str, Any]) -> list[list[str]]:
    return [fact.split(" ") for fact in row["known"].split(",")] if row["known"] else []


def _known(fact: list[str]) -> Known:
    date, generation, status, loaded_on, asked_on = fact[:OF_EACH]
    postponed = status == POSTPONED
    became = Status.FAILED if postponed else Status(status)
    return Known(dt.date.fromisoformat(date), int(generation), became, _day(loaded_on), _day(asked_on), postponed)


def _day(text: str) -> dt.date | None:
    return None if text == "-" else dt.date.fromisoformat(text)


def _batched(row: Mapping[str, Any], entries: Mapping[str, Entry]) -> Iterator[Batched]:
    for fact in _facts(row):
        if len(fact) > OF_EACH and row["pipeline"] in entries:
            known, (batch_id, index, trigger, at) = _known(fact), fact[OF_EACH:]
            run = scheduled_run(
                row["org_slug"],
                entries[row["pipeline"]],
                known.date,
                known.generation,
                TriggerType(trigger),
                dt.datetime.fromisoformat(at),
            )
            begun = known.status not in (Status.PENDING, Status.CANCELLED)
            yield Batched(batch_id, int(index), run, begun=begun, ended=known.status.final)


def _with_stale_dates(
    ledger: Ledger, owed: list[Owed], looks: Mapping[tuple[str, str], Look], today: dt.date
) -> Iterator[Owed]:
    """A date stays stale until a run has loaded what the look saw, whatever becomes of its restatements."""
    stale = {(each.org_slug, each.entry.id): looks.get((each.org_slug, each.entry.id)) for each in owed}
    wanted = [(*key, date) for key, look in stale.items() if look for date in look.stale]
    found: defaultdict[tuple[str, str], dict[dt.date, Mapping[str, Any]]] = defaultdict(dict)
    for row in ledger.generations(wanted, today):
        found[row["org_slug"], row["pipeline"]][row["date"]] = row
    for each in owed:
        rows, look = found[each.org_slug, each.entry.id], stale[each.org_slug, each.entry.id]
        runs = dict(each.runs) | {date: _newest(row) for date, row in rows.items()}
        yield replace(each, runs=runs, stale=frozenset(look.open(loads_of(rows.values())) if look else ()))


def _newest(row: Mapping[str, Any]) -> Known:
    return Known(row["date"], row["generation"], Status(row["status"]), row["loaded_on"], row["asked_on"])
