"""The load of a run and its outcome: both happen once or never, whatever crashes.

A run replaces one day of one or several tables. Its job ids `load_<run_id>_0`, `_1`, … are taken in order, and BigQuery
accepts each once. A load that succeeded hands on to the next table, a load that failed for a passing reason to another
try; a new try of the run, which has read anew, replaces all of its tables. Whoever inserts the first free id decides:
the job, with its load (or with a fence, where the tables have its rows already), or whoever settles the run, with a
fence. A fence is a query that reads nothing and carries the outcome. After a fence no load of this run can start, and
every reader gets the same outcome.
"""

import json
import random
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import TypedDict

from cloudact.error_codes import Code, stored_code
from cloudact.errors import CONTACT_SUPPORT, Exhausted, Postponed, Retry, RunError, Skip, Stop
from cloudact.google_errors import OVER_QUOTA, PASSING_REASONS
from cloudact.runs.result import HalfLoad
from cloudact.runs.run import Status
from cloudact.warehouse.bigquery import Warehouse
from cloudact.warehouse.day_partition import DayPartition
from cloudact.warehouse.resources import Column, Job

OVER_LOAD_QUOTA = Code.LOAD_QUOTA_EXCEEDED  # 100,000 load jobs a day and project, 1,500 a day and table
OWN_TRIES = 3
ROUNDS = 5
PARTS, ATTEMPT = "parts", "attempt"  # labels of a load: how many tables its try replaces, and which try it is
HALF_LOADED = "It had replaced the day before in"
Tick = Callable[[], None]


class _StoredError(TypedDict):
    """Error of an outcome, as the fence carries it."""

    code: str
    message: str
    hint: str
    retryable: bool


@dataclass(frozen=True)
class Outcome:
    """Final status of a run. `rows` is the day's row count; `result` is the JSON of a `Result`, or of a `HalfLoad`.

    `at` is when the fence was inserted, which every event of this outcome repeats.
    """

    status: Status
    rows: int | None = None
    error: RunError | None = None
    at: datetime | None = None
    result: str | None = None

    @property
    def parameters(self) -> str:
        """JSON of the outcome, as the fence carries it."""
        told = ("code", "message", "hint", "retryable")
        error = {name: getattr(self.error, name) for name in told} if self.error else None
        at = self.at.isoformat() if self.at else None
        return json.dumps({"status": self.status, "at": at, "error": error, "rows": self.rows, "result": self.result})


class AlreadySettled(Skip):
    """Raised where the run was settled by another process while it worked; it must not load."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(f"the run was settled as {outcome.status} before it could load")
        self.outcome = outcome


@dataclass(frozen=True)
class Part:
    """One table of a run's load, with the Parquet file of its day; a file without rows empties the day.

    `columns` are the table's, as the file was written with. `of_money`: the table holds costs. `coarser`: the source
    refused some of the dimensions asked for.
    """

    dataset: str
    table: str
    parquet: Path
    rows: int
    columns: Sequence[Column] = field(repr=False, hash=False)
    of_money: bool = True
    coarser: bool = False


@dataclass
class _Progress:
    """State of a run's job ids: first undecided number, loads of the latest try, and the outcome if any.

    Each load carries how many its try makes, so any reader can see whether all are there.
    """

    number: int = 0
    loads: list[Job] = field(default_factory=list)
    replaced: set[str] = field(default_factory=set)
    outcome: Outcome | None = None

    def add(self, job: Job) -> None:
        """Adds the job of the next id; a load must be over."""
        if _failed_passing(job):
            self.number += 1
        elif not _is_load(job):
            self.outcome = _fenced(job)
        elif job.error_result:
            self.outcome = _half_loaded(_refused(job), self.replaced)
        else:
            self._loaded(job)

    def of(self, attempt: str) -> int:
        """Number of tables that this try has replaced."""
        return len(self.loads) if self.loads and self.loads[0].labels.get(ATTEMPT) == attempt else 0

    def _loaded(self, job: Job) -> None:
        if self.loads and self.loads[0].labels.get(ATTEMPT) != job.labels.get(ATTEMPT):
            self.loads = []
        self.loads.append(job)
        self.replaced.add(job.destination_table.partition("$")[0])  # a load names its partition
        self.number += 1
        if len(self.loads) >= int(job.labels.get(PARTS, 1)):
            self.outcome = Outcome(Status.SUCCESS, rows=sum(load.output_rows for load in self.loads))


class RunLoad:
    """Load of one run, for one try of it."""

    def __init__(self, warehouse: Warehouse, run_id: str) -> None:
        self._warehouse = warehouse
        self._run_id = run_id
        self._attempt = uuid.uuid4().hex

    def outcome(self, tick: Tick) -> Outcome | None:
        """Outcome of the run, after waiting for a load under way; `None` if undecided, or tables are left to load."""
        return self._progress(tick).outcome

    def load(self, parts: Sequence[Part], day: date, tick: Tick) -> int:
        """Replaces the day of each table in turn, unless an earlier try has replaced all. Returns the day's rows.

        Raises `AlreadySettled`, `Stop` where BigQuery refuses the rows for good, `Exhausted` after three loads of a
        table that failed for a passing reason, and `Postponed` at once where the day's load jobs are used up.
        """
        progress, failed = self._progress(tick), 0
        while progress.outcome is None:
            if failed == OWN_TRIES:
                raise Exhausted(
                    Code.LOAD_FAILED, "BigQuery could not load the rows at the moment.", "It is tried again."
                )
            _pause(failed)
            done = progress.of(self._attempt)
            job = self._start(progress.number, parts[done], day, len(parts))
            if job is None:
                self._warehouse.taken_job(self._id(progress.number))
                failed, progress = failed + 1, self._progress(tick)
                continue
            self._warehouse.wait_for(job, tick)
            if _reason(job) == OVER_QUOTA:
                raise _postponed()
            progress.add(job)
            failed = 0 if progress.of(self._attempt) > done else failed + 1
        return _loaded(progress.outcome)

    def _start(self, number: int, part: Part, day: date, parts: int) -> Job | None:
        labels = {PARTS: str(parts), ATTEMPT: self._attempt}
        try:
            partition = DayPartition(part.dataset, part.table, day)
            return self._warehouse.start_load(self._id(number), partition, part.parquet, part.columns, labels)
        except Postponed as err:
            raise _postponed() from err

    def settle(self, wish: Outcome, tick: Tick, begun: Tick = lambda: None) -> Outcome:
        """Decides the run as wished unless it was decided before. Returns the outcome that holds.

        `begun` is called if some tables have been replaced already, and may raise to leave the run undecided.
        """
        for _ in range(ROUNDS):
            progress = self._progress(tick)
            if progress.outcome:
                return progress.outcome
            if progress.replaced:
                begun()
                wish = _half_loaded(wish, progress.replaced)
            if self._warehouse.start_query(self._id(progress.number), "fence", verdict=wish.parameters):
                return wish
            self._warehouse.taken_job(self._id(progress.number))
        raise Retry(Code.BIGQUERY_UNAVAILABLE, "Others keep deciding this run.")

    def _progress(self, tick: Tick) -> _Progress:
        progress = _Progress()
        while progress.outcome is None and (job := self._warehouse.job(self._id(progress.number))):
            if _is_load(job):
                self._warehouse.wait_for(job, tick)
            progress.add(job)
        return progress

    def _id(self, number: int) -> str:
        return f"load_{self._run_id}_{number}"


def _is_load(job: Job) -> bool:
    return job.job_type == "load"


def _failed_passing(job: Job) -> bool:
    """Whether this job is a load that failed for a passing reason, and so decides nothing."""
    return _is_load(job) and _reason(job) in PASSING_REASONS | {OVER_QUOTA}


def _reason(job: Job) -> str | None:
    return (job.error_result or {}).get("reason")


def _postponed() -> Postponed:
    message = "The service has loaded as much as BigQuery accepts in a day; the day was left as it is."
    return Postponed(
        OVER_LOAD_QUOTA, message, "What the service runs by itself it repeats; else try again in some hours."
    )


def _half_loaded(outcome: Outcome, tables: set[str]) -> Outcome:
    """Outcome whose message and result name the tables that the failed run has replaced."""
    if outcome.error is None or not tables or HALF_LOADED in outcome.error.message:
        return outcome
    message = f"{outcome.error.message} {HALF_LOADED} {', '.join(sorted(tables))}."
    kind = Retry if outcome.error.retryable else Stop
    error = kind(outcome.error.code, message, outcome.error.hint)
    return replace(outcome, error=error, result=HalfLoad(replaced=tuple(sorted(tables))).text)


def _refused(job: Job) -> Outcome:
    message = f"BigQuery refused the rows: {(job.error_result or {}).get('message', '')}"
    return Outcome(Status.FAILED, error=Stop(Code.LOAD_REFUSED, message, CONTACT_SUPPORT))


def _fenced(job: Job) -> Outcome:
    return _from_parameters(str(job.parameters["verdict"]))


def _from_parameters(text: str) -> Outcome:
    told = json.loads(text)
    return Outcome(
        Status(told["status"]),
        rows=told.get("rows"),
        error=_error(told["error"]) if told["error"] else None,
        at=datetime.fromisoformat(told["at"]) if told["at"] else None,
        result=told.get("result"),
    )


def _error(told: _StoredError) -> RunError:
    kind = Retry if told["retryable"] else Stop
    return kind(stored_code(told["code"]), told["message"], told["hint"])


def _loaded(outcome: Outcome) -> int:
    if outcome.rows is not None:
        return outcome.rows
    if outcome.error and outcome.error.code == Code.LOAD_REFUSED:
        raise outcome.error
    raise AlreadySettled(outcome)


def _pause(tries: int) -> None:
    """Sleeps some seconds before another try: BigQuery's rate limits count by ten seconds."""
    if tries:
        time.sleep(random.uniform(1, 5 * tries))  # noqa: S311 - jitter
