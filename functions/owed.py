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
    """One query; a second one only where rows of dates beyond the last week have changed."""
    entries = {entry.id: entry for entry in registry.entries if entry.enabled and entry.schedule == "daily"}
    orgs: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in ledger.daily_plan(today - dt.timedelta(days=CATCH_UP_DAYS), today):
        orgs[row["org_slug"]].append(row)
    owed = [each for rows in orgs.values() for each in _owed(rows, entries.values())]
    batched = [each for rows in orgs.values() for row in rows for each in _batched(row, entries)]
    return Facts(tuple(_with_older_dates(ledger, owed, today)), tuple(batched))


def _owed(rows: list[Mapping[str, Any]], entries: Iterable[Entry]) -> Iterator[Owed]:
    """An org's pipelines whose integration works."""
    of = {row["pipeline"]: row for row in rows}
    first = rows[0]
    for entry in entries:
        if entry.required_integration in first["integrations"].split():
            row = of.get(entry.id, {"known": None, "result": None})
            known = {each.date: each for each in map(_known, _facts(row))}
            yield Owed(first["org_slug"], entry, first["since"], known, _stale(row["result"]))


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


def _stale(result: str | None) -> frozenset[dt.date]:
    """The dates that the pipeline's last run found to have newer rows than what was loaded."""
    dates = json.loads(result).get("stale_dates") or () if result else ()
    return frozenset(date for date in map(dt.date.fromisoformat, dates) if date >= FIRST_DATE)


def _with_older_dates(ledger: Ledger, owed: list[Owed], today: dt.date) -> list[Owed]:
    """What is stale may be older than what the query looks at; the generations of such dates are read by their date."""
    older = [(each, each.stale - each.runs.keys()) for each in owed]
    dates = frozenset[dt.date]().union(*(missing for _, missing in older))
    if not dates:
        return owed
    asked = [each for each, missing in older if missing]
    rows = ledger.generations((e.org_slug for e in asked), (e.entry.id for e in asked), dates, today)
    found: defaultdict[tuple[str, str], dict[dt.date, Known]] = defaultdict(dict)
    for row in rows:
        known = Known(row["date"], row["generation"], Status(row["status"]), row["requested_date"])
        found[row["org_slug"], row["pipeline"]][known.date] = known
    return [replace(each, runs=found[each.org_slug, each.entry.id] | dict(each.runs)) for each in owed]
