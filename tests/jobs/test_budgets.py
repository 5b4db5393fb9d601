"""Events of budgets from Cloud Scheduler's call to the outbox: each once, whatever is killed, repeated or restated."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from cloudact import clients
from cloudact.notify.notifications import Event, Notification
from cloudact.notify.notifier import open_notifier
from cloudact.notify.webhooks import Webhooks
from cloudact.runs.run import MESSAGE_VARIABLE, Run
from cloudact.warehouse.bigquery import open_warehouse
from functions.composition import compose as compose_functions
from functions.routes import public_app
from jobs import looks
from jobs.budgets import BudgetLook
from jobs.composition import compose
from jobs.container import Execution
from jobs.task import work_through
from jobs.termination import Termination
from localcloud.integrations import ProviderAccount
from localcloud.onboarding import NewOrg, OnboardedOrg, onboard
from tests.conftest import NOON, Local
from tests.copied_tables import CopiedTables
from tests.day_histories import Found, after, load_histories
from tests.fault_proxy import Doorman
from tests.functions.costs.charges import Charge, load
from tests.functions.fleet import Fleet, new_fleet
from tests.jobs.test_usage_cost_run import llm_run
from tests.processes import started_processes

SIX = NOON.replace(hour=6)
FIRST, LAST = date(2026, 9, 14), date(2026, 11, 10)  # yesterday is what the daily call loads
SPENT = Decimal(100) * 10  # of November before that
WITHIN_S = 60.0
TINY = Decimal("0.000000002")


class Killing(Doorman):
    """BigQuery, as seen from its door: kills whoever would record that the n-th event was sent, before it does."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.victim: BaseProcess | None = None
        self.at_mark = 1
        self.asked: Counter[str] = Counter()  # what was told: by one query of all, and one by one

    def _forward(self, door: Any, body: bytes) -> Any:
        if door.command == "POST" and b"events_told" in body:
            self.asked["all"] += 1
        if door.command == "GET" and "/jobs/told_" in door.path:
            self.asked["one"] += 1
        if door.command == "POST" and b'"told_' in body:
            self.at_mark -= 1
            if self.at_mark == 0 and self.victim is not None:
                os.kill(self.victim.pid or 0, signal.SIGKILL)
        return super()._forward(door, body)


def run_container(env: dict[str, str], at: datetime, output: str) -> None:
    """What the image's entry point does, in a process of its own, as of that time."""
    with open(output, "a", encoding="utf-8") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    from jobs.main import main

    os._exit(main(env, clock=lambda: at))


@dataclass
class Told:
    """An org with budgets, whose events wait in the outbox."""

    fleet: Fleet
    org: OnboardedOrg
    api: FlaskClient
    door: Killing
    log: Path

    def put(self, what: str, *items: Any) -> None:
        path, key = f"/api/v1/organizations/{self.org.org_slug}/{what}", {"X-API-Key": self.org.api_key}
        answer = self.api.put(path, headers=key, json={what: items})
        assert answer.status_code == 200, answer.get_json()

    def events(self) -> list[tuple[Any, ...]]:
        """Type, what it is of, and the threshold of each event, in order."""
        request = {"parent": self.fleet.settings.webhook_queue_path, "response_view": "FULL"}
        bodies = [json.loads(task.http_request.body) for task in clients.tasks(self.fleet.settings).list_tasks(request)]
        assert all(body["org_slug"] == self.org.org_slug for body in bodies)
        return sorted(_brief(body["type"], body["data"]) for body in bodies)

    def killed(self, run: Run, *, attempt: int = 0) -> int | None:
        """Exit code of a container of the run, whose every call to BigQuery passes the door."""
        settings = self.fleet.settings.model_copy(update={"bigquery_endpoint": self.door.url})
        env = settings.to_env() | {MESSAGE_VARIABLE: run.model_dump_json(), "CLOUD_RUN_EXECUTION": "runner-1"}
        env |= {"CLOUD_RUN_TASK_ATTEMPT": str(attempt), "CLOUD_RUN_TASK_INDEX": "0"}
        with started_processes() as start:
            self.door.victim = start(run_container, env, SIX, str(self.log))
            self.door.victim.join(WITHIN_S)
            return self.door.victim.exitcode

    def worked(self, *runs: Run, at: datetime = SIX, name: str = "runner-2") -> None:
        """A task of these runs, to its end."""
        job = compose(self.fleet.settings, lambda: at)
        assert work_through(job, runs, Execution(name, 0, 0, True), Termination()) == 0

    def looked(self, run: Run) -> tuple[int, int]:
        """A look after that run. Returns how often it has asked what was told: of all events, and of one."""
        self.door.asked.clear()
        settings = self.fleet.settings.model_copy(update={"bigquery_endpoint": self.door.url})
        warehouse = open_warehouse(settings)
        notifier = open_notifier(settings, warehouse, lambda: SIX, {})
        look = BudgetLook(warehouse, looks.Told(warehouse, notifier), lambda: SIX)
        look.resume([run])
        look.tell()
        return self.door.asked["all"], self.door.asked["one"]


def _brief(kind: str, data: dict[str, Any]) -> tuple[Any, ...]:
    if kind == "balance_low":
        return kind, data["provider"], data["threshold_days"]
    return kind, data["budget"]["name"], data["budget"]["version"], data["month"], data.get("threshold", 0)


@pytest.fixture
def told(local: Local, copied_tables: CopiedTables, tmp_path: Path) -> Iterator[Told]:
    local.clock.now = SIX
    fleet = new_fleet(local)
    source = {"source_project": "budgets-billing", "source_dataset": "d", "source_table": "t"}
    slug = f"budgeted_{next(local.numbers)}"
    org = onboard(fleet.settings, NewOrg(slug, source, accounts=(ProviderAccount("OPENAI", seed=5),)), copied_tables)
    span = [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)]
    load(local, slug, [Charge(day, "openai", Decimal(100), model="gpt-6", token_type="output") for day in span])
    load_histories(local, slug, {slug: [Found(day, after(day, 1), "final", changed=True) for day in span]})
    Webhooks(fleet.warehouse, local.clock).put(slug, "https://hooks.example.com/x", list(WANTED))
    door = Killing(fleet.settings.bigquery_endpoint)
    api = public_app(compose_functions(fleet.settings, local.clock)).test_client()
    yield Told(fleet, org, api, door, tmp_path / "container.log")
    door.close()


WANTED = ("budget_threshold", "budget_forecast", "balance_low")
BUDGET = {"currency": "USD", "first_month": "2026-10"}
HALF = {"name": "Half", "amount": str(2 * SPENT + TINY)} | BUDGET  # reached by the first billionth of yesterday's
OVER = {"name": "Over", "amount": "1000.000000001", "of": {"provider": "openai"}} | BUDGET
LARGE = {"name": "Large", "amount": "1000000"} | BUDGET
PREPAID = {"provider": "openai", "currency": "USD", "as_of": "2026-11-01", "amount": "1900"}
NEWS = [
    ("balance_low", "openai", 14),
    ("budget_forecast", "Half", 1, "2026-11", 0),
    ("budget_forecast", "Over", 1, "2026-11", 0),
    ("budget_threshold", "Half", 1, "2026-11", 50),
    ("budget_threshold", "Over", 1, "2026-11", 50),
    ("budget_threshold", "Over", 1, "2026-11", 80),
    ("budget_threshold", "Over", 1, "2026-11", 100),
]


def test_from_the_daily_call_to_the_outbox(told: Told) -> None:
    """Killed between sending the third event and recording that, the task is tried again: each event is there once.

    Nothing comes of the same delivery again, of a restatement, or of another budget's change; a new amount is news.
    """
    told.put("budgets", HALF, OVER, LARGE)
    told.put("balances", PREPAID)
    told.fleet.daily()
    (run,) = [run for run in told.fleet.fire() if (run.provider, run.date) == ("openai", LAST + timedelta(days=1))]
    told.door.at_mark = 3
    assert told.killed(run) == -signal.SIGKILL
    assert len(told.events()) == 3
    told.door.at_mark = 0
    assert told.killed(run, attempt=1) == 0
    assert told.events() == NEWS
    told.worked(run)
    again = llm_run(told.org, "openai", run.date, generation=2, force_refresh=True)
    told.worked(again, at=SIX + timedelta(hours=3))
    assert told.events() == NEWS
    told.put("budgets", HALF, OVER | {"amount": "1800"}, LARGE | {"amount": "999999"})
    third = llm_run(told.org, "openai", run.date, generation=3, force_refresh=True)
    told.worked(third, at=SIX + timedelta(hours=4))
    new = [("budget_forecast", "Over", 2, "2026-11", 0), ("budget_threshold", "Over", 2, "2026-11", 50)]
    assert told.events() == sorted([*NEWS, *new])


def test_what_one_look_has_no_room_for_the_next_ones_tell(told: Told) -> None:
    """Of 52 events a look tells 50, and the next one the others; what was told is asked once, whatever there is of it.

    Only what no row says of is asked for by itself: what is new, and what was told and not recorded, such as one here.
    """
    names = [f"Budget {number}" for number in range(13)]
    told.put("budgets", *[OVER | {"name": name, "amount": str(SPENT)} for name in names])
    key = json.dumps([names[0], 1, "2026-11", 50])
    before = Notification(Event.BUDGET_THRESHOLD, told.org.org_slug, key, SIX)
    told.fleet.warehouse.start_query(f"told_{before.id}", "ready")
    run = llm_run(told.org, "openai", LAST)
    assert told.looked(run) == (1, 1 + 50)
    first = told.events()
    assert len(set(first)) == len(first) == 50
    assert told.looked(run) == (1, 1 + 1)
    every = [("budget_threshold", name, 1, "2026-11", each) for name in names for each in (50, 80, 100)]
    every += [("budget_forecast", name, 1, "2026-11", 0) for name in names]
    assert told.events() == sorted(every[1:])
    assert told.looked(run) == (1, 1)
    assert len(told.events()) == 51
