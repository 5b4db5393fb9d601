"""The log line that a run has ended, from which the ratio of failed runs is counted.

Whoever decided the outcome writes the line after the event, so there is one per run. A process that dies between the
two leaves it to whoever settles the run after it.
"""

import logging
from datetime import datetime

from cloudact.runs.ledger import RunEvent
from cloudact.runs.run import Run

log = logging.getLogger(__name__)


def log_run_ended(run: Run, event: RunEvent, at: datetime) -> None:
    """Logs the end of a run as INFO whatever its status: a failure has a line of its own."""
    duration_s = (at - event.started_at).total_seconds() if event.started_at else None
    fields: dict[str, object] = {
        "event": "run_ended",
        "run_id": run.run_id,
        "org_slug": run.org_slug,
        "pipeline": run.pipeline,
        "date": run.date,
        "generation": run.generation,
        "trigger_type": run.trigger_type,
        "status": event.status,
        "code": event.error.code if event.error else "none",
        "duration_s": duration_s,
        "rows": event.rows,
        "bytes_billed": event.bytes_billed,
    }
    if event.cost:
        fields |= {**event.cost.row, "cost_usd": f"{event.cost.total_usd:f}"}
    log.info("run ended", extra={"fields": fields})
