"""The scan for late data: which earlier dates have rows that no run has loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from cloudact.clock import Clock
from cloudact.runs.late_data import LateDataScan, stale_dates
from providers.org_day import OrgDay
from providers.source import Progress, TellsLateRows


@dataclass(frozen=True)
class LateDataScanner:
    """Scans once a day and org: in the run of yesterday, whoever requested it."""

    day: OrgDay
    source: TellsLateRows
    clock: Clock
    progress: Progress

    @property
    def due(self) -> bool:
        """Whether this run is the one that scans."""
        return self.day.run.date == self.day.run.requested_date - timedelta(days=1)

    def scan(self) -> LateDataScan:
        """Scans the source, and returns the stale dates. Raises the errors of the source and the ledger.

        After an error the next scan begins at the same watermark.
        """
        run, results = self.day.run, self.day.results
        last = results.last_scan(run)
        last = last if last and last.source == self.source.looks_into else None
        seen = last.watermark if last else None
        newest_rows = self.source.late_dates(seen, self.progress)
        at, within = self.clock(), self._within_reach(newest_rows)
        loads = results.loads(run, {*within, *(last.stale if last else ())})
        stale = (last.still_stale(loads) if last else {}) | stale_dates(within, at, loads)
        if stale:
            dates = ", ".join(map(str, sorted(stale)))
            self.progress.message(f"{len(stale)} earlier dates have new rows: {dates}.")
        newest = [*newest_rows.values(), *filter(None, [seen])]
        return LateDataScan(source=self.source.looks_into, at=at, watermark=max(newest, default=None), stale=stale)

    def _within_reach(self, newest_rows: Mapping[date, datetime]) -> dict[date, datetime]:
        """Earlier dates with new rows, without those so old that a run of them would not see the rows."""
        late_days, run_date = self.source.late_days, self.day.run.date
        oldest = run_date - timedelta(days=late_days - 1)
        beyond = sorted(day for day in newest_rows if day < oldest)
        if beyond:
            dates = ", ".join(map(str, beyond))
            text = f"New rows of {dates} came too late to be loaded: more than {late_days} days."
            self.progress.message(text, level="WARNING")
        return {day: newest for day, newest in newest_rows.items() if oldest <= day < run_date}
