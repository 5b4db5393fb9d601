"""Looks for anomalies at the end of a task that has settled a day, and tells each once (docs/adr/0045).

All runs of the task have ended by then, and nothing here changes one: whatever fails is logged, and the next look,
within a day, finds the same.
"""

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta

from cloudact.anomalies.cost_days import DAY, TOLD_DAYS, Window, cost_days
from cloudact.clock import Clock
from cloudact.notify.notifications import Notification, cost_anomaly
from cloudact.runs.result import Completeness
from cloudact.runs.run import Run
from cloudact.warehouse.bigquery import Warehouse
from jobs.day_load import DayLoad, Loaded
from jobs.looks import Told

log = logging.getLogger(__name__)
SETTLES_AFTER = timedelta(hours=24)  # from the end of a day to a reading of it, as `sql/queries/cost_cells.sql` has it
MOST_TOLD = 20  # of one look; what is left is told by the next


class AnomalyLook:
    """Look of one container for anomalies of the orgs whose days it has loaded: one for each org and UTC day at most.

    The id of a query without rows says that an org was looked at on a day: BigQuery keeps ids for months, longer than
    an anomaly is news.
    """

    def __init__(self, warehouse: Warehouse, told: Told, clock: Clock) -> None:
        self._warehouse = warehouse
        self._told = told
        self._clock = clock
        self._datasets: dict[str, str] = {}  # by org

    def take_note(self, day_load: DayLoad, loaded: Loaded) -> None:
        """Remembers an org of whose days one may have settled with this load."""
        run, read_at = day_load.run, day_load.read_at
        over = datetime.combine(run.date + DAY, time(), UTC)
        is_news = (read_at.astimezone(UTC).date() - run.date).days <= TOLD_DAYS
        unsettled = (Completeness.PROVISIONAL, Completeness.PARTIAL)
        if is_news and read_at >= over + SETTLES_AFTER and loaded.result.completeness not in unsettled:
            self._datasets[run.org_slug] = day_load.day.dataset

    def resume(self, runs: Sequence[Run]) -> None:
        """Leaves them to the next look: which of them have settled a day is not known any more."""

    def tell(self) -> None:
        """Looks at each of these orgs unless it was looked at today, and tells what is new. Raises nothing."""
        for org_slug, dataset in self._datasets.items():
            try:
                self._tell(org_slug, dataset)
            except Exception as err:  # whatever it is: the runs have ended, and the next look finds the same
                fields = {"event": "anomalies_not_looked_for", "org_slug": org_slug, "error_type": type(err).__name__}
                log.warning("anomalies could not be looked for", extra={"fields": fields}, exc_info=err)
        self._datasets.clear()

    def _tell(self, org_slug: str, dataset: str) -> None:
        looked = f"anomalies_{org_slug}_{self._clock():%Y%m%d}"
        if self._warehouse.has_job(looked):
            return
        found = list(self._found(org_slug, dataset))
        told = [self._told.send(each) for each in found[:MOST_TOLD]]
        fields = {"event": "anomalies_looked_for", "org_slug": org_slug, "found": len(found), "told": sum(told)}
        log.info("anomalies were looked for", extra={"fields": fields})
        if all(told):
            self._warehouse.start_query(looked, "ready")

    def _found(self, org_slug: str, dataset: str) -> Iterator[Notification]:
        """Events of anomalies of the last days that were not sent before."""
        from cloudact.anomalies.finder import find_anomalies  # few containers settle a day
        from cloudact.anomalies.query_text import query_text

        window = Window.ending(self._clock().date() - DAY, TOLD_DAYS)
        costs = cost_days(self._warehouse.rows("cost_cells", dataset, None, **window.values(org_slug)))
        for anomaly in find_anomalies(costs, window):
            event = cost_anomaly(org_slug, anomaly, costs.names, query_text(anomaly, dataset), self._clock())
            if not self._told.has(event):
                yield event
