"""Many orgs in a service dataset and a queue of their own, and the function that starts their daily runs."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask.testing import FlaskClient
from google.cloud.tasks_v2 import Task
from werkzeug.test import TestResponse

from cloudact import clients
from cloudact.clock import Clock
from cloudact.runs.batch import Batch
from cloudact.runs.ledger import Ledger, RunEvent
from cloudact.runs.run import Run, Status
from cloudact.settings import Settings
from cloudact.warehouse.bigquery import Warehouse, open_warehouse
from functions.auth.service_accounts import Caller
from functions.composition import compose
from functions.ops_routes import private_app
from functions.runs.admission_facts import Admissions
from functions.runs.queue import batch_in
from functions.runs.run_rows import RunRows
from functions.schedule.run_rows import ScheduleRows
from localcloud.provision import provision
from tests.conftest import NOON, Local
from tests.copied_tables import copy_service_tables
from tests.functions.operators import AUDIENCE, operator_token

INTEGRATIONS = ("GCP_SA", "OPENAI", "ANTHROPIC")


def new_fleet(local: Local, **changes: Any) -> "Fleet":
    """No orgs yet; a job of its own, since the job's environment names the dataset."""
    name = f"fleet{next(local.numbers)}"
    own = {"dataset": name, "queue": name, "job": name, "webhook_queue": f"{name}-webhooks"}
    known = {field: value for field, value in own.items() if field in Settings.model_fields}
    return Fleet(local, local.settings.model_copy(update=known | changes))


@dataclass
class Fleet:
    """The orgs of one test. Nothing is dispatched: what the queue holds is what was started."""

    local: Local
    settings: Settings
    token: str = field(init=False)

    def __post_init__(self) -> None:
        copy_service_tables(self.local.settings, self.settings)
        provision(self.settings)
        self.token = operator_token(self.local)

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.warehouse)

    @property
    def runs(self) -> RunRows:
        return RunRows(self.warehouse)

    @property
    def schedule(self) -> ScheduleRows:
        return ScheduleRows(self.warehouse)

    @property
    def admissions(self) -> Admissions:
        return Admissions(self.warehouse)

    @property
    def warehouse(self) -> Warehouse:
        return open_warehouse(self.settings)

    def add(
        self,
        orgs: Iterable[str],
        integrations: Sequence[str] = ("GCP_SA",),
        *,
        since: dt.datetime = NOON,
        subscription: str = "ACTIVE",
        status: str = "VALID",
    ) -> None:
        """Orgs that are in this state from now on."""
        slugs, at = list(orgs), self.local.clock().isoformat()
        self._append("org_profiles", [profile(slug, since) for slug in slugs])
        self._append("org_subscriptions", [subscribed(slug, subscription, at) for slug in slugs])
        self._append("org_integrations", [connected(slug, one, status, at) for slug in slugs for one in integrations])

    def _append(self, table: str, rows: list[dict[str, Any]]) -> None:
        self.warehouse.append(table, rows, [str(row) for row in rows])

    def ops(self, settings: Settings | None = None, clock: Clock | None = None) -> FlaskClient:
        """An instance of the function."""
        settings = (settings or self.settings).model_copy(update={"ops_audience": AUDIENCE})
        return private_app(compose(settings, clock or self.local.clock), Caller(settings)).test_client()

    def post(self, ops: FlaskClient, **options: Any) -> TestResponse:
        """One call of /ops/daily."""
        return ops.post("/ops/daily", headers={"Authorization": f"Bearer {self.token}"}, **options)

    def daily(self) -> dict[str, int]:
        """What a call tells."""
        answer = self.post(self.ops())
        assert answer.status_code == 200, answer.get_json()
        told: dict[str, int] = answer.get_json()
        return told

    def tasks(self) -> list[Any]:
        """The queue, in the order in which it fires."""
        request = {"parent": self.settings.queue_path, "response_view": Task.View.FULL, "page_size": 1000}
        return sorted(clients.tasks(self.settings).list_tasks(request=request), key=lambda task: task.schedule_time)

    def batches(self) -> list[Batch]:
        """The batches that the queue holds."""
        return [batch for task in self.tasks() if (batch := batch_in(task.http_request.body))]

    def started(self) -> list[Run]:
        """Their runs."""
        return [run for batch in self.batches() for run in batch.runs()]

    def fire(self) -> list[Run]:
        """Takes all tasks off the queue, as Cloud Tasks does once jobs.run has answered; their runs."""
        tasks, queue = self.tasks(), clients.tasks(self.settings)
        for task in tasks:
            queue.delete_task(name=task.name)
        return [run for task in tasks if (batch := batch_in(task.http_request.body)) for run in batch.runs()]

    def end(self, runs: Iterable[Run], status: Status = Status.SUCCESS, took: dt.timedelta = dt.timedelta(0)) -> None:
        """Tells that these runs have ended, each after as long."""
        now = self.local.clock()
        self.ledger.append_runs([(run, RunEvent(status, started_at=now - took)) for run in runs], now)

    def memberships(self) -> Counter[str]:
        """In how many batches each run is, by what the ledger tells."""
        sql = f"SELECT DISTINCT run_id, batch_id FROM {self.settings.dataset}.pipeline_run_events"
        return Counter(row["run_id"] for row in self.local.query(sql) if row["batch_id"])


def profile(slug: str, since: dt.datetime) -> dict[str, Any]:
    """A row of org_profiles."""
    fixed = {"status": "ACTIVE", "generation": 1, "keys_before": 0}
    return {"org_slug": slug, "dataset": slug, "created_at": since.isoformat(), **fixed}


def subscribed(slug: str, status: str, at: str) -> dict[str, Any]:
    """A row of org_subscriptions."""
    return {"org_slug": slug, "plan": "STARTER", "status": status, "daily_limit": 6, "updated_at": at}


def connected(slug: str, integration: str, status: str, at: str) -> dict[str, Any]:
    """A row of org_integrations."""
    return {"org_slug": slug, "integration": integration, "status": status, "ciphertext": "x", "updated_at": at}
