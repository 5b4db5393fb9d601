"""Collaborators of the endpoints of costs."""

from dataclasses import dataclass, field
from threading import BoundedSemaphore

from cloudact.clock import Clock
from functions.auth.authenticate import Authentication
from functions.costs.anomaly_answers import AnomalyAnswers
from functions.costs.answers import CostAnswers
from functions.costs.month_answers import MonthAnswers
from functions.costs.plans import OrgPlans
from functions.costs.stored_labels import LabelStore

EXPORTS_AT_ONCE = 2  # of rows, of an instance: each holds a thread and some 50 MiB
PAGE_ROWS = 2_000  # of an export: a page takes these MiB while it is written; 50 pages less than Cloud Run's 60 s


@dataclass(frozen=True)
class OrgCosts:
    """Collaborators of every endpoint that shows costs. `exports` bounds the exports of rows at once.

    `page_rows` is how many rows of an export are in memory at once.
    """

    auth: Authentication
    answers: CostAnswers
    clock: Clock
    anomalies: AnomalyAnswers
    labels: LabelStore
    months: MonthAnswers
    plans: OrgPlans
    page_rows: int = PAGE_ROWS
    exports: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(EXPORTS_AT_ONCE))
