"""The load of a run happens once or never, whoever dies.

Its job ids `load_<run_id>_0`, `_1`, … are taken in order, and BigQuery accepts each once. A load that failed for a
passing reason leaves the decision to the next id. Whoever inserts the first undecided id decides: the job, with its
load, or whoever settles the run, with a fence (a query that reads nothing); from then on no load of this run can start.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from cloudact.errors import Retry, Skip
from cloudact.google_errors import PASSING_REASONS
from cloudact.warehouse import Warehouse, wait_for

OWN_TRIES = 3
Tick = Callable[[], None]


class LoadRefused(Exception):
    """BigQuery refused the rows for good; the partition is as it was."""


class Fenced(Skip):
    """The run was settled by someone else; it must not load."""


@dataclass(frozen=True)
class Settled:
    """How a run's load was decided: the rows it loaded, or `None` and why it never will."""

    rows: int | None
    reason: str


class RunLoad:
    """The load of one run."""

    def __init__(self, warehouse: Warehouse, run_id: str) -> None:
        self._warehouse = warehouse
        self._run_id = run_id

    def rows(self, tick: Tick) -> int | None:
        """Rows of the load that has happened, waiting for one under way; `None` where none has, or none ever will."""
        _, job = self._first_undecided(tick)
        return None if job is None or _is_fence(job) else int(job.output_rows or 0)

    def load(self, dataset: str, table: str, day: date, parquet: Path, tick: Tick) -> int:
        """Replaces the day with the file's rows, unless an earlier try of this run has; answers how many there are.

        Raises `Fenced`, `LoadRefused`, and `Retry` after three loads that failed for a passing reason.
        """
        for tries in range(OWN_TRIES):
            number, job = self._first_undecided(tick)
            if job is None:
                _pause(tries)
                job = self._warehouse.start_load(self._id(number), dataset, table, day, parquet)
                if job is None:
                    continue
                wait_for(job, tick)
            if _is_fence(job):
                raise Fenced(f"run {self._run_id} was settled before it could load")
            if not job.error_result:
                return int(job.output_rows or 0)
        raise Retry("load_failed", "BigQuery could not load the rows at the moment.", "It is tried again.")

    def settle(self, reason: str, tick: Tick) -> "Settled":
        """From now on this run cannot load; or it has, and then that is the outcome.

        Where it was settled before, the first reason stands.
        """
        while True:
            try:
                number, job = self._first_undecided(tick)
            except LoadRefused:
                return Settled(None, reason)  # and no other load is ever tried
            if job is not None and _is_fence(job):
                return Settled(None, str(job.query_parameters[0].value))
            if job is not None:
                return Settled(int(job.output_rows or 0), reason)
            self._warehouse.start_query(self._id(number), "fence", reason=reason)

    def _first_undecided(self, tick: Tick) -> tuple[int, Any | None]:
        """The first id that no failed load has: free (`None`), a fence, or a load that succeeded."""
        number = 0
        while True:
            job = self._warehouse.job(self._id(number))
            if job is None or _is_fence(job):
                return number, job
            wait_for(job, tick)
            if not job.error_result:
                return number, job
            if job.error_result.get("reason") not in PASSING_REASONS:
                raise LoadRefused(str(job.error_result.get("message", "")))
            number += 1

    def _id(self, number: int) -> str:
        return f"load_{self._run_id}_{number}"


def _is_fence(job: Any) -> bool:
    return bool(job.job_type == "query")


def _pause(tries: int) -> None:
    """Before another load: BigQuery's rate limits count by ten seconds."""
    if tries:
        time.sleep(random.uniform(1, 5 * tries))  # noqa: S311 - jitter
