"""The world of a campaign: orgs, what their providers tell, the functions, the queue; and what an action does to it."""

import datetime as dt
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import requests
from google.api_core.exceptions import GoogleAPICallError
from werkzeug.test import TestResponse

from cloudact import clients
from cloudact.runs.run import Run, run_id
from functions.composition import compose
from functions.routes import public_app
from functions.runs.queue import batch_in, run_in
from localcloud.google_apis.rest.faults import Fault as GoogleFault
from localcloud.integrations import ProviderAccount
from localcloud.onboarding import NewOrg, OnboardedOrg, onboard
from localcloud.providers.anthropic.claude_code import claude_code_records
from localcloud.providers.anthropic.costs import cost_report_total
from localcloud.providers.anthropic.usage import anthropic_usage
from localcloud.providers.faults import Fault as ProviderFault
from localcloud.providers.keys import Restatement
from localcloud.providers.openai.costs import openai_total
from localcloud.providers.openai.reports import USAGE
from localcloud.providers.openai.usage import openai_usage
from tests.chaos.actions import DAYS_BACK, LAST_DAY, Action
from tests.chaos.containers import Containers, Execution, Kill, messages
from tests.chaos.invariants import Job
from tests.conftest import Local, fixture, load_rows
from tests.functions.fleet import Fleet, new_fleet
from tests.functions.operators import operator_token

BEGINS = dt.datetime(2026, 11, 12, 6, tzinfo=dt.UTC)
LIMITS = {"a": 4, "b": 9, "c": 40}  # runs a day that people may ask for
ROWS = 20  # of a provider's finest report
PATHS = {
    "gcp_billing": "gcp/cost/billing",
    "openai_usage_cost": "openai/usage_cost",
    "anthropic_usage_cost": "anthropic/usage_cost",
}
GENERATIONS = 60  # looked through for the number of one
ROUNDS = 12  # of sweeps until nothing is left to do


@dataclass
class Tenant:
    """An org, with the rows of its export that it was ever given."""

    letter: str
    org: OnboardedOrg
    seed: int
    export: list[dict[str, Any]] = field(default_factory=list)

    @property
    def slug(self) -> str:
        """Its slug, which is its dataset too."""
        return self.org.org_slug

    @property
    def secrets(self) -> list[str]:
        """Whatever of it may be nowhere: its API key, its providers' keys, each line of its private key."""
        credentials = self.org.credentials
        keys = [credentials[name]["api_key"] for name in ("OPENAI", "ANTHROPIC")]
        lines = [line for line in credentials["GCP_SA"]["private_key"].splitlines() if len(line) > 40]
        return [self.org.api_key, *keys, *lines]


@dataclass
class World:
    """Everything of one campaign that is not drawn. `folder` is where its logs go, `limits` are its orgs'."""

    local: Local
    seed: int
    folder: Path
    limits: Mapping[str, int] = field(default_factory=lambda: LIMITS)
    admitted: set[str] = field(default_factory=set)
    promised: list[frozenset[str]] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    faults: int = 0

    def __post_init__(self) -> None:
        self.local.clock.now = BEGINS
        self.fleet: Fleet = new_fleet(self.local, batch_size=4, task_runs=3)
        self.containers = Containers(self.fleet.settings, self.folder)
        self.tenants = {letter: self._onboard(letter) for letter in self.limits}
        self._runs: dict[str, None] = {}
        self._factors: dict[tuple[str, str, dt.date], list[tuple[dt.datetime, Decimal]]] = {}
        self._executions = 0
        self._new_instance()

    def do(self, action: Action) -> str:
        """Does the action, and returns what came of it."""
        self.local.clock.advance(seconds=1)
        deed: Callable[..., object] = getattr(self, f"_{action.kind}")
        return str(deed(**action.about))

    # What a draw sees

    @property
    def letters(self) -> Sequence[str]:
        """The orgs."""
        return list(self.limits)

    def today(self) -> dt.date:
        """The UTC day it is."""
        return self.local.clock().date()

    @property
    def days_gone(self) -> int:
        """Days since the campaign began."""
        return (self.today() - BEGINS.date()).days

    def runs(self) -> Sequence[str]:
        """Runs that are known, in the order in which they came to be."""
        return list(self._runs)

    def due(self) -> Sequence[str]:
        """The first run of each task that may be delivered now."""
        now = self.local.clock()
        return [self._name(_runs_of(task)[0]) for task in self.fleet.tasks() if task.schedule_time <= now]

    # What people and programs do

    def _trigger(self, org: str, pipeline: str, date: str, force: bool = False) -> object:
        return self._noted(self._ask(org, pipeline, date, force))

    def _ask(self, org: str, pipeline: str, date: str, force: bool) -> TestResponse:
        return self._post(org, f"run/{self.tenants[org].slug}/{PATHS[pipeline]}", date=date, force_refresh=force)

    def _duplicates(self, org: str, pipeline: str, date: str, times: int) -> object:
        with ThreadPoolExecutor(times) as pool:
            answers = list(pool.map(lambda _: self._ask(org, pipeline, date, force=False), range(times)))
        return [self._noted(answer) for answer in answers]

    def _backfill(self, org: str, pipeline: str, start: str, end: str, reprocess: str) -> object:
        dates = {"pipeline": pipeline, "start_date": start, "end_date": end, "reprocess": reprocess}
        answer = self._post(org, f"{self.tenants[org].slug}/backfill", **dates)
        if answer.status_code == 202:
            for date in answer.get_json()["run"]:
                of_date = partial(run_id, self.tenants[org].slug, pipeline, dt.date.fromisoformat(date))
                self.promised.append(frozenset(map(of_date, range(1, GENERATIONS))) - self.admitted)
        return self._noted(answer)

    def _cancel(self, run: str) -> object:
        answer = self._about(run, "cancel")
        if answer.status_code == 202:
            self.containers.cancel(self._id(run))
        return self._noted(answer)

    def _retry(self, run: str) -> object:
        return self._noted(self._about(run, "retry"))

    def _about(self, run: str, what: str) -> TestResponse:
        letter = run.partition("/")[0]
        return self._post(letter, f"{self.tenants[letter].slug}/runs/{self._id(run)}/{what}")

    def _validate(self, org: str, provider: str) -> object:
        answer = self._call(org, f"integrations/{self.tenants[org].slug}/{provider}/validate")
        return self._noted(answer)

    def _post(self, letter: str, path: str, **body: object) -> TestResponse:
        return self._call(letter, f"pipelines/{path}", **body)

    def _call(self, letter: str, path: str, **body: object) -> TestResponse:
        headers = {"X-API-Key": self.tenants[letter].org.api_key}
        return self._app.test_client().post(f"/api/v1/{path}", headers=headers, **({"json": body} if body else {}))

    def _noted(self, answer: TestResponse) -> int:
        self.statuses[answer.status_code] += 1
        body = answer.get_json()
        with (self.folder / "answers.log").open("a", encoding="utf-8") as log:
            log.write(f"{answer.status_code} {json.dumps(body)}\n")
        if answer.status_code in (200, 202) and "deduplicated" in body:
            self._admit(body["run_id"], body["org_slug"], body["pipeline"], dt.date.fromisoformat(body["date"]))
        return answer.status_code

    def _daily(self) -> object:
        return self._operate("daily")

    def _sweep(self) -> object:
        return self._operate("sweep")

    def _operate(self, what: str) -> str:
        """Calls `ops` as Cloud Scheduler does; a new instance each time, as after a quiet night."""
        headers = {"Authorization": f"Bearer {operator_token(self.local)}"}
        answer = self.fleet.ops().post(f"/ops/{what}", headers=headers)
        self._noted(answer)
        return f"{answer.status_code} {_short(answer.get_json())}"

    def _new_instance(self) -> None:
        self._app = public_app(compose(self.fleet.settings, self.local.clock))

    # What the platform does

    def _deliver(self, run: str, again: bool = False, kills: Sequence[Any] = ()) -> object:
        for task in self.fleet.tasks():
            if self._name(_runs_of(task)[0]) == run:
                break
        else:
            return "gone"
        self._execute(task, [Kill.read(kill) for kill in kills])
        if not again:
            self._take_off(task)
        return "delivered"

    def _take_off(self, task: Any) -> None:
        """Takes a task off the queue, as Cloud Tasks does once jobs.run has answered. A fault is not for this call."""
        with suppress(requests.ConnectionError, GoogleAPICallError):
            clients.tasks(self.fleet.settings).delete_task(name=task.name)

    def _execute(self, task: Any, kills: list[Kill | None]) -> None:
        runs, (env, tasks) = _runs_of(task), messages(task.http_request.body)
        for run in runs:
            self._admit(run.run_id, run.org_slug, run.pipeline, run.date)
        self._executions += 1
        self.containers.start(
            Execution(
                name=f"runner-{self._executions}",
                env=env,
                tasks=tasks,
                run_ids=frozenset(run.run_id for run in runs),
                org_slugs=frozenset(run.org_slug for run in runs),
                kills=kills,
                now=self.local.clock(),
            )
        )

    def _wait(self, minutes: int) -> None:
        self.local.clock.advance(minutes=minutes)

    def _next_day(self) -> None:
        tomorrow = self.today() + dt.timedelta(days=1)
        self.local.clock.now = dt.datetime.combine(tomorrow, BEGINS.timetz())

    # What goes wrong

    def _provider_fault(
        self, times: int, after: int, fault: dict[str, Any] | None = None, echoes: Sequence[str] = ()
    ) -> None:
        self.faults += times
        if echoes:
            letter, provider = echoes
            key = self.tenants[letter].org.credentials[provider.upper()]["api_key"]
            fault = {"status": 500, "body": {"error": {"message": f"Trouble with {key}", "code": key, "param": key}}}
        strikes = {"path_regex": "/v1/", "times": times, "after": after}
        self.local.providers.faults.add(ProviderFault.model_validate({**strikes, **(fault or {})}))

    def _bigquery_fault(self, **fault: Any) -> None:
        self.faults += fault["times"]
        url = f"{self.local.settings.bigquery_endpoint}/local/faults"
        requests.post(url, json=fault, timeout=10).raise_for_status()

    def _google_fault(self, **fault: Any) -> None:
        self.faults += fault["times"]
        self.local.google.faults.add(GoogleFault.model_validate(fault))

    def calm(self) -> None:
        """Takes all faults back."""
        requests.delete(f"{self.local.settings.bigquery_endpoint}/local/faults", timeout=10).raise_for_status()
        self.local.providers.faults.clear()
        self.local.google.faults.clear()

    # What providers tell

    def _restate(self, org: str, date: str, provider: str, factor: str) -> None:
        tenant, day = self.tenants[org], dt.date.fromisoformat(date)
        self.containers.wait(tenant.slug)  # no run reads half of the one and half of the other
        key = tenant.org.credentials[provider.upper()]["api_key"]
        self.local.providers.keys.restate(Restatement(key=key, date=day, factor=Decimal(factor)))
        restated = self._factors.setdefault((tenant.slug, provider, day), [])
        restated.append((dt.datetime.now(dt.UTC), Decimal(factor)))

    def _late_row(self, org: str, date: str, cost: str) -> None:
        tenant, day = self.tenants[org], dt.date.fromisoformat(date)
        self.containers.wait(tenant.slug)
        self.calm()  # the row is there or not, but never perhaps
        self.local.clock.advance(minutes=2)  # after whatever a container of today has seen
        self._export(tenant, [_row(day, self.local.clock(), cost)])

    def expected(self, table: str, day: dt.date, load: Job, began: dt.datetime | None) -> Decimal | None:
        """The provider's own total of a table's day, as a run that began then was told it while it loaded."""
        slug, _, name = table.partition(".")
        tenant = next(each for each in self.tenants.values() if each.slug == slug)
        provider = name.partition("_")[0]
        if provider == "gcp":
            return _exported(tenant.export, day, began)
        factors = self._factors.get((slug, provider, day), ())
        factor = next((factor for at, factor in reversed(factors) if at <= load.created), Decimal(1))
        return PROVIDERS_TOTALS[name](tenant.seed, day, factor)

    # The beginning and the end

    def _onboard(self, letter: str) -> Tenant:
        slug, seed = f"chaos_{next(self.local.numbers)}_{letter}", self.seed * 10 + ord(letter) - ord("a")
        source = {
            "source_project": f"{slug.replace('_', '-')}-billing",
            "source_dataset": "billing_export",
            "source_table": "gcp_billing_export_v1_012345_6789AB_CDEF01",
        }
        accounts = (ProviderAccount("OPENAI", seed, ROWS), ProviderAccount("ANTHROPIC", seed, ROWS))
        new = NewOrg(slug, source, daily_limit=self.limits[letter], accounts=accounts, views=False)
        tenant = Tenant(letter, onboard(self.fleet.settings, new), seed)
        self._export(tenant, list(_first_rows(tenant.seed)))
        return tenant

    def _export(self, tenant: Tenant, rows: list[dict[str, Any]]) -> None:
        tenant.export += rows
        load_rows(self.local, tenant.org, rows)

    def settle(self) -> None:
        """Delivers what is queued and sweeps, without kills and faults, until there is nothing left to do."""
        self.calm()
        self.containers.wait()
        for _ in range(ROUNDS):
            for task in (tasks := self.fleet.tasks()):
                self._execute(task, [])
                self._take_off(task)
            self.containers.wait()
            self.local.clock.advance(hours=4)
            headers = {"Authorization": f"Bearer {operator_token(self.local)}"}
            swept = self.fleet.ops().post("/ops/sweep", headers=headers).get_json()
            if not tasks and not any(swept.values()):
                return

    # Names

    def _admit(self, admitted: str, org_slug: str, pipeline: str, date: dt.date) -> None:
        self.admitted.add(admitted)
        numbers = range(1, GENERATIONS)
        generation = next(n for n in numbers if run_id(org_slug, pipeline, date, n) == admitted)
        self._runs.setdefault(f"{self._letter(org_slug)}/{pipeline}/{date}/{generation}")

    def _name(self, run: Run) -> str:
        return f"{self._letter(run.org_slug)}/{run.pipeline}/{run.date}/{run.generation}"

    def _letter(self, org_slug: str) -> str:
        return org_slug.rpartition("_")[2]

    def _id(self, run: str) -> str:
        letter, pipeline, date, generation = run.split("/")
        return run_id(self.tenants[letter].slug, pipeline, dt.date.fromisoformat(date), int(generation))


def _openai_requests(seed: int, day: dt.date, factor: Decimal) -> Decimal:
    reports = [report for report in USAGE.values() if report.measures[-1] == "num_model_requests"]
    usage = [fact for report in reports for fact in openai_usage(seed, day, report.name, ROWS, factor)]
    return Decimal(sum(fact.measures[-1] for fact in usage))


def _anthropic_tokens(seed: int, day: dt.date, factor: Decimal) -> Decimal:
    return Decimal(sum(fact.measures[4] for fact in anthropic_usage(seed, day, ROWS, factor)))


def _claude_code_tokens(seed: int, day: dt.date, factor: Decimal) -> Decimal:
    models = [model for record in claude_code_records(seed, day, ROWS, factor) for model in record["model_breakdown"]]
    return Decimal(sum(model["tokens"]["output"] for model in models))


PROVIDERS_TOTALS: Mapping[str, Callable[[int, dt.date, Decimal], Decimal]] = {
    "openai_usage_daily_raw": _openai_requests,
    "openai_cost_daily_raw": lambda seed, day, factor: openai_total(seed, day, ROWS, factor),
    "anthropic_usage_daily_raw": _anthropic_tokens,
    "anthropic_cost_daily_raw": lambda seed, day, factor: cost_report_total(seed, day, ROWS, factor) / 100,
    "anthropic_claude_code_daily_raw": _claude_code_tokens,
}
"""What a provider itself adds up to for a day of a table, in the measure that `evidence.TOTALS` names."""


def _runs_of(task: Any) -> list[Run]:
    batch = batch_in(task.http_request.body)
    return batch.runs() if batch else [run_in(task.http_request.body)]


def _first_rows(seed: int) -> Iterator[dict[str, Any]]:
    """Yields the export's rows of every date that a campaign may ask for, delivered the morning after, or by now."""
    first = dt.datetime.combine(BEGINS.date(), dt.time(1), dt.UTC)
    for days in range(-DAYS_BACK - 1, LAST_DAY + 1):
        day = BEGINS.date() + dt.timedelta(days=days)
        drawn = random.Random(f"{seed}/{day}")
        for _ in range(3):
            delivered = max(first, first + dt.timedelta(days=days + 1))
            yield _row(day, delivered, f"{drawn.randint(1, 9_999_999) / 100_000}")


def _row(day: dt.date, delivered: dt.datetime, cost: str) -> dict[str, Any]:
    row: dict[str, Any] = fixture("gcp_billing_export_v1.rows.json")[0]
    when = {"usage_start_time": f"{day} 05:00:00 UTC", "usage_end_time": f"{day} 06:00:00 UTC"}
    at = {"export_time": f"{delivered:%Y-%m-%d %H:%M:%S} UTC", "_partition_date": f"{delivered:%Y-%m-%d}"}
    return row | when | at | {"cost": float(cost), "credits": []}


def _exported(rows: Sequence[dict[str, Any]], day: dt.date, until: dt.datetime | None) -> Decimal | None:
    """What the export has of the day, less what came after the run had begun."""
    if until is None:
        return None
    of_day = [row for row in rows if row["usage_start_time"].startswith(f"{day} ")]
    known = [row for row in of_day if dt.datetime.fromisoformat(row["export_time"].replace(" UTC", "+00:00")) <= until]
    return sum((Decimal(str(row["cost"])) for row in known), Decimal())


def _short(body: Any) -> str:
    return json.dumps({name: len(value) if isinstance(value, list) else value for name, value in body.items()})
