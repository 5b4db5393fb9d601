"""Looks at the costs of orgs whose days a task has loaded, at its end: each tells orgs what it has found, once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from cloudact.notify.notifications import Notification
from cloudact.notify.notifier import Notifier
from cloudact.runs.run import Run
from cloudact.warehouse.bigquery import Warehouse
from jobs.day_load import DayLoad, Loaded


class Look(Protocol):
    """One look. It takes note of loaded days, and tells when all runs of the task have ended; it raises nothing."""

    def take_note(self, day_load: DayLoad, loaded: Loaded) -> None:
        """Remembers an org whose day was loaded, if that is news."""

    def resume(self, runs: Sequence[Run]) -> None:
        """Takes note of what an earlier try of the task may have loaded without a look at it."""

    def tell(self) -> None:
        """Looks at each of these orgs, and tells what is new."""


@dataclass(frozen=True)
class Looks:
    """All looks of a container."""

    looks: Sequence[Look]

    def take_note(self, day_load: DayLoad, loaded: Loaded) -> None:
        """Lets each look take note of a loaded day."""
        for look in self.looks:
            look.take_note(day_load, loaded)

    def resume(self, runs: Sequence[Run]) -> None:
        """Lets each look take note of what an earlier try may have loaded without a look at it."""
        for look in self.looks:
            look.resume(runs)

    def tell(self) -> None:
        """Lets each look tell what is new."""
        for look in self.looks:
            look.tell()


@dataclass(frozen=True)
class Told:
    """Record of events that were sent, each by the id of a query without rows: BigQuery takes an id once.

    It keeps ids for months, and Cloud Tasks the name of an event for a day.
    """

    warehouse: Warehouse
    notifier: Notifier

    def has(self, event: Notification) -> bool:
        """Whether the event was sent before."""
        return self.warehouse.has_job(_mark(event))

    def unsent(self, org_slug: str, events: Sequence[Notification], days: tuple[date, date]) -> Iterator[Notification]:
        """Events of an org that were not sent before; `days` are the first and the last on which one may have been.

        One query says so of all that were recorded. The others are looked up one by one, as they are taken: whoever has
        sent an event may have failed to record its row.
        """
        ids = [self.notifier.own(event).id for event in events]
        known = self._recorded(org_slug, ids, days) if ids else set()
        others = (event for event, id_ in zip(events, ids, strict=True) if id_ not in known)
        return (event for event in others if not self.has(event))

    def _recorded(self, org_slug: str, ids: Sequence[str], days: tuple[date, date]) -> set[str]:
        first, last = days
        rows = self.warehouse.rows(
            "events_told", org_slug=org_slug, event_ids=tuple(ids), first_day=first, last_day=last
        )
        return {row["event_id"] for row in rows}

    def send(self, event: Notification) -> bool:
        """Sends the event, and then records that. Returns whether it will arrive.

        A container that dies in between is followed by one that sends it again, under the same name.
        """
        if not self.notifier.notify(event):
            return False
        self.warehouse.start_query(_mark(event), "ready")
        return True


def _mark(event: Notification) -> str:
    return f"told_{event.id}"
