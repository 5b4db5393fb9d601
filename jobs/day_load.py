"""Replaces one day of an org's tables by files, unless a table would lose too much or the tables have it already."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from cloudact.clock import Clock, utc_now
from cloudact.runs.late_data import LateDataScan
from cloudact.runs.load import AlreadySettled, Outcome, Part, RunLoad
from cloudact.runs.result import (
    Completeness,
    CostFall,
    Difference,
    Earlier,
    Fingerprint,
    Gap,
    Result,
    completeness,
)
from cloudact.runs.run import Run, Status
from jobs.change_cause import cause_of
from jobs.day_history import record_day
from jobs.shrinking import cost_falls, refuse_shrinking
from jobs.unchanged import is_loaded
from providers.org_day import OrgDay

Tick = Callable[[], None]


@dataclass(frozen=True)
class Loaded:
    """Loaded day. `at` is when it was found to be loaded already.

    `fewer` describes what became fewer rows, `fell` the amounts that became less than half in no more rows.
    """

    rows: int
    result: Result
    at: datetime | None = None
    fewer: tuple[str, ...] = ()
    fell: tuple[CostFall, ...] = ()


class _Begun(Exception):
    """Raised where an earlier try of this run has replaced some tables: what was read of them no longer holds."""


@dataclass(frozen=True)
class DayLoad:
    """Guarded load of one run. `restate_days` are the pipeline's; after the last of them a day is final.

    `version` is that of the pipeline's file.
    """

    day: OrgDay
    run_load: RunLoad
    read_at: datetime
    restate_days: Sequence[int] = ()
    clock: Clock = utc_now
    version: str | None = None

    @property
    def run(self) -> Run:
        """Run that loads."""
        return self.day.run

    def replace(
        self,
        parts: Sequence[Part],
        fingerprint: Fingerprint,
        tick: Tick,
        scan: LateDataScan | None = None,
        gap: Gap | None = None,
        totals: Mapping[str, Decimal] | None = None,
    ) -> Loaded:
        """Loads every part with one load job each, or none where the tables have exactly these rows already.

        Records either in the history of the day. `gap` is what the source is known to lack, `totals` are the
        provider's own by currency. Raises `Stop` before
        anything is loaded where the day would shrink too much, and what `RunLoad.load` raises.
        """
        had = {part.table: self.day.row_count(part.table) for part in parts}
        earlier = self.day.earlier()
        fewer = () if self.run.force_refresh else refuse_shrinking(parts, had, fingerprint, earlier)
        result = self._result(fingerprint, earlier, scan, gap)
        loaded = None
        if not self.run.force_refresh and is_loaded(fingerprint, earlier, had):
            loaded = self._keep(result.model_copy(update={"unchanged": True}), tick)
        if loaded is None:
            cause = cause_of(self.run, fingerprint, earlier, had, self.version)
            rows = self.run_load.load(parts, self.run.date, tick)
            fell = cost_falls(parts, fingerprint, earlier)
            loaded = Loaded(rows, result.model_copy(update={"cause": cause}), fewer=fewer, fell=fell)
        at = loaded.at or self.clock()
        record_day(self.day, loaded.result, had, self.version, self.read_at, at, totals=totals)
        return loaded

    def _result(self, fingerprint: Fingerprint, earlier: Earlier, scan: LateDataScan | None, gap: Gap | None) -> Result:
        previous = earlier.previous
        reached = completeness(self.run.date, self.read_at, fingerprint, self.restate_days)
        if gap:
            reached = Completeness.FROZEN if gap.kept else Completeness.PARTIAL
        return Result(
            fingerprint=fingerprint,
            previous=previous,
            difference=Difference.of(fingerprint, previous.fingerprint) if previous else None,
            unchanged=False,
            completeness=reached,
            look=scan,
            gap=gap,
        )

    def _keep(self, result: Result, tick: Tick) -> Loaded | None:
        """Settles the run as unchanged by a fence in the load's place; `None` where it must load."""
        wish = Outcome(Status.SUCCESS, rows=result.fingerprint.rows, at=self.clock(), result=result.text)
        try:
            outcome = self.run_load.settle(wish, tick, begun=_load_after_all)
        except _Begun:
            return None
        if outcome.status is not Status.SUCCESS or outcome.rows is None:
            raise AlreadySettled(outcome)
        return Loaded(outcome.rows, result, outcome.at)


def _load_after_all() -> None:
    raise _Begun
