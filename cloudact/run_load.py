"""The load of a run happens once or never, whoever dies, and so does its end.

Its job ids `load_<run_id>_0`, `_1`, … are taken in order, and BigQuery accepts each once. A load that failed for a
passing reason leaves the decision to the next id. Whoever inserts the first undecided id decides: the job, with its
load, or whoever settles the run, with a fence (a query that reads nothing and carries the verdict). From then on no
load of this run can start, and everybody who asks is told the same verdict.
"""

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from cloudact.errors import Retry, RunError, Skip, Stop
from cloudact.google_errors import PASSING_REASONS
from cloudact.runs import Status
from cloudact.warehouse import Warehouse

OWN_TRIES = 3
ROUNDS = 5
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
        error = vars(self.error) | {"retryable": self.error.retryable} if self.error else None
        return json.dumps({"status": self.status, "at": self.at.isoformat() if self.at else None, "error": error})


class Settled(Skip):
    """The run was settled by someone else while it worked; it must not load."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(f"the run was settled as {verdict.status} before it could load")
        self.verdict = verdict


class RunLoad:
    """The load of one run."""

    def __init__(self, warehouse: Warehouse, run_id: str) -> None:
        self._warehouse = warehouse
        self._run_id = run_id

    def verdict(self, tick: Tick) -> Verdict | None:
        """What was decided, waiting for a load under way; `None` while nothing is."""
        _, job = self._first_undecided(tick)
        return None if job is None else _verdict(job)

    def load(self, dataset: str, table: str, day: date, parquet: Path, tick: Tick) -> int:
        """Replaces the day with the file's rows, unless an earlier try of this run has; answers how many there are.

        Raises `Settled`, `Stop` where BigQuery refuses the rows for good, and `Retry` after three loads that failed
        for a passing reason.
        """
        for tries in range(OWN_TRIES):
            number, job = self._first_undecided(tick)
            if job is None:
                _pause(tries)
                job = self._warehouse.start_load(self._id(number), dataset, table, day, parquet)
                if job is None or self._failed_passing(job, tick):
                    continue
            return _loaded(_verdict(job))
        raise Retry("load_failed", "BigQuery could not load the rows at the moment.", "It is tried again.")

    def settle(self, wish: Verdict, tick: Tick) -> Verdict:
        """Decides the run as wished, if nothing was decided before; answers what holds."""
        for tries in range(ROUNDS):
            number, job = self._first_undecided(tick)
            if job is not None:
                return _verdict(job)
            if self._warehouse.start_query(self._id(number), "fence", verdict=wish.parameters):
                return wish
            _pause(tries)
        raise Retry("bigquery_unavailable", "BigQuery refuses a job id that it does not know.")

    def _first_undecided(self, tick: Tick) -> tuple[int, Any | None]:
        """The first id that no failed load has: free (`None`), or with the job that decided."""
        number = 0
        while True:
            job = self._warehouse.job(self._id(number))
            if job is None or not self._failed_passing(job, tick):
                return number, job
            number += 1

    def _failed_passing(self, job: Any, tick: Tick) -> bool:
        """Whether this load decides nothing: it failed for a reason that passes."""
        if job.job_type != "load":
            return False
        self._warehouse.wait_for(job, tick)
        return bool(job.error_result) and job.error_result.get("reason") in PASSING_REASONS

    def _id(self, number: int) -> str:
        return f"load_{self._run_id}_{number}"


def _verdict(job: Any) -> Verdict:
    """What a decisive job says: a fence its verdict, a load its rows or why BigQuery refused them."""
    if job.job_type != "load":
        return _from_parameters(str(job.query_parameters[0].value))
    if job.error_result:
        message = f"BigQuery refused the rows: {job.error_result.get('message', '')}"
        return Verdict(Status.FAILED, error=Stop("load_refused", message, "Please contact support."))
    return Verdict(Status.SUCCESS, rows=int(job.output_rows or 0))


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
