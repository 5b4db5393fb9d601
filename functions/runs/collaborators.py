"""Collaborators of the endpoints of runs."""

from dataclasses import dataclass, field

from cloudact.clock import Clock
from cloudact.pipelines.registry import Registry
from cloudact.runs.ledger import Ledger
from cloudact.warehouse.bigquery import Warehouse
from functions.auth.authenticate import Authentication
from functions.auth.limits import TokenBuckets
from functions.runs.admission_facts import Admissions
from functions.runs.live import LiveRuns
from functions.runs.queue import RunQueue
from functions.runs.quota_notices import QuotaNotices
from functions.runs.recent_answers import RecentAnswers
from functions.runs.run_pages import RunPages
from functions.runs.run_rows import RunRows


@dataclass(frozen=True)
class Runs:
    """Collaborators of every endpoint that starts, ends or shows runs. `warehouse` settles a run's load.

    `fruitless` bounds, by org, the admissions that start nothing. `live` has what the requests that wait share.
    """

    auth: Authentication
    registry: Registry
    ledger: Ledger
    admissions: Admissions
    rows: RunRows
    pages: RunPages
    warehouse: Warehouse
    queue: RunQueue
    quota_notices: QuotaNotices
    recent: RecentAnswers
    fruitless: TokenBuckets[str]
    clock: Clock
    live: LiveRuns = field(default_factory=LiveRuns)
