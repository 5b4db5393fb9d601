"""Collaborators of the endpoints of the scheduler."""

from dataclasses import dataclass

from cloudact.clock import Clock
from cloudact.notify.deliveries import Deliveries
from cloudact.notify.notifier import Notifier
from cloudact.pipelines.registry import Registry
from cloudact.runs.ledger import Ledger
from cloudact.warehouse.bigquery import Warehouse
from functions.runs.queue import RunQueue
from functions.schedule.pace import Pace
from functions.schedule.run_rows import ScheduleRows


@dataclass(frozen=True)
class Schedule:
    """Collaborators of the daily call and the sweep. `warehouse` settles a run's load."""

    registry: Registry
    ledger: Ledger
    rows: ScheduleRows
    warehouse: Warehouse
    queue: RunQueue
    pace: Pace
    notifier: Notifier
    deliveries: Deliveries
    clock: Clock
