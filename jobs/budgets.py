"""Looks at budgets and prepaid balances at the end of a task that has loaded a day, and tells each event once.

All runs of the task have ended by then, and nothing here changes one: whatever fails is logged, and the next look,
within a day, finds the same (docs/adr/0042).
"""

import logging
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import islice
from typing import TYPE_CHECKING

from cloudact.clock import Clock
from cloudact.notify.notifications import Notification, balance_low, budget_forecast, budget_threshold
from cloudact.runs.run import Run
from cloudact.warehouse.bigquery import Warehouse
from jobs.day_load import DayLoad, Loaded
from jobs.looks import Told

if TYPE_CHECKING:
    from cloudact.budgets.news import Watched

log = logging.getLogger(__name__)
MOST_TOLD = 50  # of one look; what is left is told by the next
NEWS_DAYS = 41  # that a day may be of the month, or of one that has just ended


class BudgetLook:
    """Look of one container at the budgets and prepaid balances of the orgs whose days it has loaded."""

    def __init__(self, warehouse: Warehouse, told: Told, clock: Clock) -> None:
        self._warehouse = warehouse
        self._told = told
        self._clock = clock
        self._newest: dict[str, date] = {}  # day of each org

    def take_note(self, day_load: DayLoad, loaded: Loaded) -> None:  # noqa: ARG002 - what was loaded does not matter
        """Remembers an org of which a day was loaded."""
        self.resume([day_load.run])

    def resume(self, runs: Sequence[Run]) -> None:
        """Remembers the orgs of these runs: what an earlier try has loaded is loaded, and it may have died since."""
        for run in runs:
            self._newest[run.org_slug] = max(run.date, self._newest.get(run.org_slug, run.date))

    def tell(self) -> None:
        """Looks at each of these orgs, and tells what is new. Raises nothing."""
        for org_slug, day in self._newest.items():
            try:
                if (self._clock().date() - day).days <= NEWS_DAYS:
                    self._tell(org_slug)
            except Exception as err:  # whatever it is: the runs have ended, and the next look finds the same
                fields = {"event": "budgets_not_looked_at", "org_slug": org_slug, "error_type": type(err).__name__}
                log.warning("budgets could not be looked at", extra={"fields": fields}, exc_info=err)
        self._newest.clear()

    def _tell(self, org_slug: str) -> None:
        (texts,) = self._warehouse.rows("plans_of_spending", org_slug=org_slug)
        if all(texts[name] in (None, "[]") for name in ("budgets", "balances")):
            return
        from cloudact.budgets.news import Watched  # few containers work for an org with budgets

        today = self._clock().date()
        watched = Watched.read(texts, today)
        if watched.is_nothing:
            return
        events = list(self._events(org_slug, watched))
        unsent = self._told.unsent(org_slug, events, (watched.first_day, today))
        told = [self._told.send(event) for event in islice(unsent, MOST_TOLD)]
        fields = {"event": "budgets_looked_at", "org_slug": org_slug, "found": len(told), "told": sum(told)}
        log.info("budgets were looked at", extra={"fields": fields})

    def _events(self, org_slug: str, watched: "Watched") -> Iterator[Notification]:
        """Events that hold now, also those that were sent before, by one query of the org's costs."""
        from cloudact.budgets.news import low_days
        from cloudact.budgets.statement import MOST_BYTES

        now = self._clock()
        query, values = watched.statement(org_slug)
        rows, _ = self._warehouse.measured(query, org_slug, MOST_BYTES, **values)
        standings, runways = watched.found(rows)
        for each in standings:
            yield from (budget_threshold(org_slug, each, threshold, now) for threshold in each.reached)
            if each.is_forecast_over and not each.month.is_over:
                yield budget_forecast(org_slug, each, now)
        for runway in runways:
            yield from (balance_low(org_slug, runway, days, now) for days in low_days(runway))
