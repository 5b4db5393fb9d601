"""The claim: of all deliveries of a run, one execution owns it, and its retries go on where it stopped."""

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from cloudact.errors import Skip
from cloudact.runs.run import Run
from cloudact.warehouse.bigquery import Warehouse
from jobs.execution import Execution


@dataclass(frozen=True)
class Claim:
    """The run is this execution's. `started_at` is the run's first start, the same in every retry."""

    started_at: datetime


def claim(warehouse: Warehouse, run: Run, execution: Execution, now: datetime) -> Claim:
    """Takes the run, or finds it taken by this very execution before; raises `Skip` if it is another's."""
    winner = warehouse.accept_once(
        run.claim_id, "claim", execution=execution.claimant, started_at=now, requested_date=run.requested_date
    )
    if winner["execution"] != execution.claimant:
        raise Skip(f"run {run.run_id} is the work of execution {winner['execution']}")
    return Claim(cast("datetime", winner["started_at"]))  # as it was given
