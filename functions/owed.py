"""What the ledger's one read of the day means: what each org is owed, and which batches exist already."""

import datetime as dt
import json
import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cloudact.batches import Batch
from cloudact.ledger import Ledger
from cloudact.registry import Entry, Registry
from cloudact.runs import FIRST_DATE, Run, Status, TriggerType
from functions.planning import CATCH_UP_DAYS, Known, Owed, scheduled_run

log = logging.getLogger(__name__)
Notes = dict[dt.date, dt.datetime]  # when a date was found to have newer rows


@dataclass(frozen=True)
class Batched:
    """A run that an earlier call of the day has put into a batch. `begun`: a container has told of it."""

    batch_id: str
    index: int
    run: Run
    begun: bool


@dataclass(frozen=True)
class Facts:
    """Everything a call needs to know."""

    owed: tuple[Owed, ...]
    batched: tuple[Batched, ...]

    def turns(self) -> Counter[str]:
        """How many runs of each org are batched."""
        return Counter(each.run.org_slug for each in self.batched)

    def unstarted(self) -> Iterator[Batch]:
        """Batches none of whose runs has begun: their tasks wait, or were never created.

        A batch's id is made of its runs, so one of which not all runs were read is recognised and left to the sweep.
        """
        found: defaultdict[str, list[Batched]] = defaultdict(list)
        for each in self.batched:
            found[each.batch_id].append(each)
        for batch_id, members in sorted(found.items(), key=lambda item: item[1][0].run.requested_at):
            if any(each.begun for each in members):
                continue
            batch = Batch.of([each.run for each in sorted(members, key=lambda each: each.index)])
            if batch.batch_id == batch_id:
                yield batch
            else:
                log.warning("a batch is incomplete and left to the sweep", extra={"fields": {"batch_id": batch_id}})


def read_facts(ledger: Ledger, registry: Registry, today: dt.date) -> Facts:
    """One query; another where rows of earlier dates were found to have changed."""
    entries = {entry.id: entry for entry in registry.entries if entry.enabled and entry.schedule == "daily"}
    orgs: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in ledger.daily_plan(today - dt.timedelta(days=CATCH_UP_DAYS), today):
        orgs[row["org_slug"]].append(row)
    owed = [each for rows in orgs.values() for each in _owed(rows, entries.values())]
    batched = [each for rows in orgs.values() for row in rows for each in _batched(row, entries)]
    notes = {(row["org_slug"], row["pipeline"]): _noted(row["notes"]) for rows in orgs.values() for row in rows}
    return Facts(tuple(_with_stale_dates(ledger, owed, notes, today)), tuple(batched))


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
    date, generation, status, requested_date = fact[:4]
    return Known(dt.date.fromisoformat(date), int(generation), Status(status), dt.date.fromisoformat(requested_date))


def _batched(row: Mapping[str, Any], entries: Mapping[str, Entry]) -> Iterator[Batched]:
    for fact in _facts(row):
        if len(fact) > 4 and row["pipeline"] in entries:
            known, (batch_id, index, trigger, at) = _known(fact), fact[4:]
            run = scheduled_run(
                row["org_slug"],
                entries[row["pipeline"]],
                known.date,
                known.generation,
                TriggerType(trigger),
                dt.datetime.fromisoformat(at),
            )
            yield Batched(batch_id, int(index), run, begun=known.status not in (Status.PENDING, Status.CANCELLED))


def _noted(notes: str | None) -> Notes:
    """When each date was last found to have newer rows than what was loaded."""
    noted: Notes = {}
    for note in sorted(notes.split(";")) if notes else ():
        at, _, dates = note.partition(" ")
        found = map(dt.date.fromisoformat, json.loads(dates))
        noted |= {date: dt.datetime.fromisoformat(at) for date in found if date >= FIRST_DATE}
    return noted


def _with_stale_dates(
    ledger: Ledger, owed: list[Owed], notes: Mapping[tuple[str, str], Notes], today: dt.date
) -> Iterator[Owed]:
    """A date is stale until a run that started no earlier than the one that noted it has loaded it.

    Such a run reads everything that the note was about. A restatement that fails leaves the date stale.
    """
    noted = {(each.org_slug, each.entry.id): notes.get((each.org_slug, each.entry.id), {}) for each in owed}
    wanted = [(*key, date) for key, dates in noted.items() for date in dates]
    rows = {(row["org_slug"], row["pipeline"], row["date"]): row for row in ledger.generations(wanted, today)}
    for each in owed:
        key = (each.org_slug, each.entry.id)
        found = {date: rows[*key, date] for date in noted[key] if (*key, date) in rows}
        loaded = {date for date, row in found.items() if row["loaded_at"] and row["loaded_at"] >= noted[key][date]}
        runs = {date: _newest(row) for date, row in found.items()}
        yield replace(each, runs=runs | dict(each.runs), stale=frozenset(noted[key].keys() - loaded))


def _newest(row: Mapping[str, Any]) -> Known:
    return Known(row["date"], row["generation"], Status(row["status"]), row["requested_date"])
