"""The claim: of all deliveries of a run, one execution owns it, and its retries continue where it stopped."""

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from cloudact.errors import Skip
from cloudact.runs.run import Run
from cloudact.warehouse.bigquery import Warehouse
from jobs.container import Execution


@dataclass(frozen=True)
class Claim:
    """Ownership of a run by this execution. `started_at` is the run's first start, equal in every retry."""

    started_at: datetime


def claim(warehouse: Warehouse, run: Run, execution: Execution, now: datetime) -> Claim:
    """Claims the run for this execution, or returns its earlier claim; raises `Skip` if another execution owns it."""
    winner = warehouse.accept_once(
        run.claim_id, "claim", execution=execution.claimant, started_at=now, requested_date=run.requested_date
    )
    if winner["execution"] != execution.claimant:
        raise Skip(f"run {run.run_id} is the work of execution {winner['execution']}")
    return Claim(cast("datetime", winner["started_at"]))  # as it was given
