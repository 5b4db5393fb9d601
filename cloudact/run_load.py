"""The load of a run happens once or never, whoever dies, and so does its end.

A run replaces one day of one or several tables. Its job ids `load_<run_id>_0`, `_1`, … are taken in order, and BigQuery
accepts each once. A load that succeeded hands on to the next table, a load that failed for a passing reason to another
try. Whoever inserts the first free id decides what it is: the job, with its load, or whoever settles the run, with a
fence (a query that reads nothing and carries the verdict). From a fence on no load of this run can start, and
everybody who asks is told the same verdict.
"""

import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from cloudact.errors import Retry, RunError, Skip, Stop
from cloudact.google_errors import PASSING_REASONS
from cloudact.runs import Status
from cloudact.warehouse import Warehouse

OWN_TRIES = 3
ROUNDS = 5
PARTS = "parts"  # the label of a load that says how many tables the run replaces
HALF_LOADED = "It had replaced the day before in"
Tick = Callable[[], None]


@dataclass(frozen=True)
class Verdict:
    """How a run ended. `rows` are those loaded; `at` is when a fence was put up, which all who tell of it repeat."""

    status: Status
    rows: int | None = None
    error: RunError | None = None
    at: datetime | None = None

    @property
    def parameters(self) -> str:
        """What a fence carries."""
        told = ("code", "message", "hint", "retryable")
        error = {name: getattr(self.error, name) for name in told} if self.error else None
        return json.dumps({"status": self.status, "at": self.at.isoformat() if self.at else None, "error": error})


class Settled(Skip):
    """The run was settled by someone else while it worked; it must not load."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(f"the run was settled as {verdict.status} before it could load")
        self.verdict = verdict


@dataclass(frozen=True)
class Part:
    """One table of a run's load, with the file that holds its day; no rows empty the day."""

    dataset: str
    table: str
    parquet: Path
    rows: int


@dataclass
class _Progress:
    """What the ids so far say: the first that decides nothing, the loads that succeeded, and the end if there is one.

    Each load carries how many there are to be, so that anybody can tell whether they are all there.
    """

    number: int = 0
    loads: list[Any] = field(default_factory=list)
    verdict: Verdict | None = None

    @property
    def tables(self) -> set[str]:
        """The tables that this run has replaced."""
        return {job.destination.table_id.partition("$")[0] for job in self.loads}  # a load names its partition

    def add(self, job: Any) -> None:
        """Takes the next id's job, which is over if it is a load, into account."""
        if _failed_passing(job):
            self.number += 1
        elif job.job_type != "load" or job.error_result:
            self.verdict = _verdict(job)
        else:
            self.loads.append(job)
            self.number += 1
            if len(self.loads) >= int(job.labels.get(PARTS, 1)):
                self.verdict = Verdict(Status.SUCCESS, rows=sum(int(load.output_rows or 0) for load in self.loads))


class RunLoad:
    """The load of one run."""

    def __init__(self, warehouse: Warehouse, run_id: str) -> None:
        self._warehouse = warehouse
        self._run_id = run_id

    def verdict(self, tick: Tick) -> Verdict | None:
        """What was decided, waiting for a load under way; `None` while nothing is, or tables are left to load."""
        return self._progress(tick).verdict

    def load(self, parts: Sequence[Part], day: date, tick: Tick) -> int:
        """Replaces the day of each table in turn, unless an earlier try of this run has; answers how many rows it has.

        Raises `Settled`, `Stop` where BigQuery refuses the rows for good, and `Retry` after three loads that failed
        for a passing reason.
        """
        progress, failed = self._progress(tick), 0
        while progress.verdict is None:
            if failed == OWN_TRIES:
                raise Retry("load_failed", "BigQuery could not load the rows at the moment.", "It is tried again.")
            _pause(failed)
            part = next(part for part in parts if part.table not in progress.tables)
            job = self._warehouse.start_load(
                self._id(progress.number), part.dataset, part.table, day, part.parquet, {PARTS: str(len(parts))}
            )
            if job is None:
                failed, progress = failed + 1, self._progress(tick)
                continue
            self._warehouse.wait_for(job, tick)
            failed += _failed_passing(job)
            progress.add(job)
        return _loaded(progress.verdict)

    def settle(self, wish: Verdict, tick: Tick, begun: Tick = lambda: None) -> Verdict:
        """Decides the run as wished, if nothing was decided before; answers what holds.

        `begun` is called where some of its tables have been replaced already, and may raise to leave it at that.
        """
        for tries in range(ROUNDS):
            progress = self._progress(tick)
            if progress.verdict:
                return progress.verdict
            if progress.loads:
                begun()
                wish = _half_loaded(wish, progress.tables)
            if self._warehouse.start_query(self._id(progress.number), "fence", verdict=wish.parameters):
                return wish
            _pause(tries)
        raise Retry("bigquery_unavailable", "BigQuery refuses a job id that it does not know.")

    def _progress(self, tick: Tick) -> _Progress:
        progress = _Progress()
        while progress.verdict is None and (job := self._warehouse.job(self._id(progress.number))):
            if job.job_type == "load":
                self._warehouse.wait_for(job, tick)
            progress.add(job)
        return progress

    def _id(self, number: int) -> str:
        return f"load_{self._run_id}_{number}"


def _failed_passing(job: Any) -> bool:
    """Whether this job decides nothing: a load that failed for a reason that passes."""
    return job.job_type == "load" and (job.error_result or {}).get("reason") in PASSING_REASONS


def _half_loaded(wish: Verdict, tables: set[str]) -> Verdict:
    """The run's owner must know what the failed run has left behind."""
    if wish.error is None or HALF_LOADED in wish.error.message:
        return wish
    message = f"{wish.error.message} {HALF_LOADED} {', '.join(sorted(tables))}."
    kind = Retry if wish.error.retryable else Stop
    return replace(wish, error=kind(wish.error.code, message, wish.error.hint))


def _verdict(job: Any) -> Verdict:
    """What a job that ends the run says: a fence its verdict, a load why BigQuery refused it."""
    if job.job_type != "load":
        return _from_parameters(str(job.query_parameters[0].value))
    message = f"BigQuery refused the rows: {job.error_result.get('message', '')}"
    return Verdict(Status.FAILED, error=Stop("load_refused", message, "Please contact support."))


def _from_parameters(text: str) -> Verdict:
    told = json.loads(text)
    error = told["error"]
    kind = Retry if error and error.pop("retryable") else Stop
    return Verdict(
        Status(told["status"]),
        error=kind(**error) if error else None,
        at=datetime.fromisoformat(told["at"]) if told["at"] else None,
    )


def _loaded(verdict: Verdict) -> int:
    if verdict.rows is not None:
        return verdict.rows
    if verdict.error and verdict.error.code == "load_refused":
        raise verdict.error
    raise Settled(verdict)


def _pause(tries: int) -> None:
    """Before another try: BigQuery's rate limits count by ten seconds."""
    if tries:
        time.sleep(random.uniform(1, 5 * tries))  # noqa: S311 - jitter
