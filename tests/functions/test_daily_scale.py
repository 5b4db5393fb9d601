"""The daily fan-out of many orgs: what one call costs, and that it grows with the orgs and no faster.

Orgs are bulk-loaded into a service dataset of their own; nothing is dispatched, so a queued task is one `jobs.run`.
A quiet day is one whose older dates were all looked at today; an ordinary one restates three dates of every pipeline.
"""

import datetime as dt
import io
import json
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import pytest

from cloudact import clients
from cloudact.runs.run import Run, Status, TriggerType
from cloudact.settings import Settings
from functions.auth.service_accounts import Caller
from functions.composition import OPS_PATIENCE_S, compose
from functions.ops_routes import private_app
from functions.runs.queue import batch_in
from tests.conftest import NOON, Local, SteppedClock
from tests.fault_proxy import Doorman
from tests.functions.fleet import INTEGRATIONS, Fleet, connected, new_fleet, profile, subscribed
from tests.functions.operators import AUDIENCE

YEAR_AGO = NOON - dt.timedelta(days=365)
PIPELINES = (
    ("gcp_billing", "gcp", "cost", "billing"),
    ("openai_usage_cost", "openai", "", "usage_cost"),
    ("anthropic_usage_cost", "anthropic", "", "usage_cost"),
)
RESTATED = (2, 3, 7)


@dataclass(frozen=True)
class Measured:
    """What a call cost: its requests and their bytes, its own peak memory, and what it told."""

    orgs: int
    seconds: float
    requests: int
    sent: int
    received: int
    peak_mib: float
    told: dict[str, int]
    tasks: int
    first_runs: float  # when the last org's first run was enqueued, in means of all runs' times

    def __str__(self) -> str:
        """One line of the report."""
        told = f"{self.told['planned']} runs, {self.tasks} jobs.run"
        traffic = f"{self.requests} requests, {self.sent / 2**20:.1f} MiB sent, {self.received / 2**20:.1f} received"
        return (
            f"{self.orgs} orgs: {told}, {self.seconds:.1f} s, {traffic}, peak {self.peak_mib:.0f} MiB, "
            f"last org's first run at {self.first_runs:.2f} of the mean\n"
        )


class Scale(Doorman):
    """Counts the bytes as well, and remembers when each batch was enqueued."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.sent = self.received = 0
        self.enqueued: list[tuple[float, bytes]] = []

    def _forward(self, door: Any, body: bytes) -> Any:
        answer = super()._forward(door, body)
        self.sent, self.received = self.sent + len(body), self.received + len(answer[2])
        return answer


def load(fleet: Fleet, table: str, rows: Iterable[dict[str, Any]]) -> None:
    """One load job."""
    client, name = clients.bigquery(fleet.settings), f"{fleet.settings.project}.{fleet.settings.dataset}.{table}"
    from google.cloud.bigquery import LoadJobConfig

    text = "\n".join(json.dumps(row) for row in rows).encode()
    config = LoadJobConfig(schema=client.get_table(name).schema, source_format="NEWLINE_DELIMITED_JSON")
    client.load_table_from_file(io.BytesIO(text), name, job_config=config).result()


def populate(fleet: Fleet, slugs: list[str], *, quiet: bool) -> None:
    """Orgs with all three integrations, whose last week is loaded but for yesterday."""
    at = YEAR_AGO.isoformat()
    load(fleet, "org_profiles", (profile(slug, YEAR_AGO) for slug in slugs))
    load(fleet, "org_subscriptions", (subscribed(slug, "ACTIVE", at) for slug in slugs))
    connections = (connected(slug, integration, "VALID", at) for slug in slugs for integration in INTEGRATIONS)
    load(fleet, "org_integrations", connections)
    load(fleet, "pipeline_run_events", (row for slug in slugs for row in history(slug, quiet=quiet)))


def history(slug: str, *, quiet: bool) -> Iterator[dict[str, Any]]:
    """The final events of a week's runs."""
    for pipeline, provider, domain, name in PIPELINES:
        for days in range(2, 8):
            at = NOON - dt.timedelta(hours=1, days=0 if quiet and days in RESTATED else days - 1)
            date = (NOON - dt.timedelta(days=days)).date()
            run = Run(
                org_slug=slug, pipeline=pipeline, provider=provider, domain=domain, name=name, date=date, generation=1,
                trigger_type=TriggerType.SCHEDULE, triggered_by="scheduler", requested_at=at,
            )  # fmt: skip
            yield {
                "requested_date": at.date().isoformat(), "org_slug": slug, "run_id": run.run_id,
                "event_id": f"{run.run_id}/SUCCESS", "occurred_at": at.isoformat(), "status": Status.SUCCESS,
                "pipeline": pipeline, "pipeline_id": run.pipeline_id, "provider": provider, "domain": domain,
                "date": date.isoformat(), "generation": 1, "trigger_type": "schedule", "triggered_by": "scheduler",
                "counted": False, "requested_at": at.isoformat(), "started_at": at.isoformat(), "parameters": "{}",
            }  # fmt: skip


def call(settings: Settings, token: str, said: Connection) -> None:
    """One call in a process of its own, so that its peak memory is the function's."""
    client = private_app(compose(settings, SteppedClock(), patience_s=OPS_PATIENCE_S), Caller(settings)).test_client()
    began = time.monotonic()
    answer = client.post("/ops/daily", headers={"Authorization": f"Bearer {token}"})
    seconds = time.monotonic() - began
    said.send((answer.status_code, answer.get_json(), seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))


def measured(local: Local, orgs: int, *, quiet: bool = True) -> Measured:
    """A call for so many orgs."""
    fleet = new_fleet(local)
    populate(fleet, [f"org_{number:05d}" for number in range(orgs)], quiet=quiet)
    bigquery, google = Scale(local.settings.bigquery_endpoint), Scale(local.google.url)
    urls = {"bigquery_endpoint": bigquery.url, "tasks_endpoint": google.url, "ops_audience": AUDIENCE}
    here, there = get_context("spawn").Pipe()
    process = get_context("spawn").Process(
        target=call, args=(fleet.settings.model_copy(update=urls), fleet.token, there)
    )
    process.start()
    assert here.poll(600)
    status, told, seconds, peak_kib = here.recv()
    process.join()
    for door in (bigquery, google):
        door.close()
    assert status == 200, told
    assert fleet.memberships().keys() == {run.run_id for run in fleet.started()}
    return Measured(
        orgs=orgs,
        seconds=seconds,
        requests=len(bigquery.seen) + len(google.seen),
        sent=bigquery.sent + google.sent,
        received=bigquery.received + google.received,
        peak_mib=peak_kib / 1024,
        told=told,
        tasks=len(fleet.tasks()),
        first_runs=last_first_run(fleet),
    )


def last_first_run(fleet: Fleet) -> float:
    """When the last org's first run fires, in means of the times at which runs fire."""
    first: dict[str, float] = {}
    times: defaultdict[float, int] = defaultdict(int)
    for task in fleet.tasks():
        after_s = (task.schedule_time - NOON).total_seconds()
        batch = batch_in(task.http_request.body)
        for item in batch.items if batch else ():
            first.setdefault(item.o, after_s)
            times[after_s] += 1
    mean = sum(after_s * runs for after_s, runs in times.items()) / sum(times.values())
    return max(first.values()) / mean


@pytest.mark.bench
def test_ten_thousand_orgs(local: Local) -> None:
    """30,000 runs from one call: within a minute, in time linear in orgs; with a new project's quota they end within
    a day, 13 tasks at once and an execution for as many."""
    measured(local, 10)  # whatever is done once
    small, large = measured(local, 100), measured(local, 10_000)
    for each in (small, large):
        sys.stdout.write(str(each))
        assert each.told["planned"] == each.told["started"] == 3 * each.told["tasks"] == 3 * each.orgs
    ratio = large.seconds / small.seconds
    sys.stdout.write(f"100 times the orgs take {ratio:.0f} times as long\n")
    assert large.seconds <= 60
    assert large.tasks == -(-10_000 // 13)
    assert 16 * large.told["minutes"] >= large.tasks
    assert large.told["minutes"] == 770
    assert ratio <= 150


@pytest.mark.bench
def test_ten_thousand_orgs_on_an_ordinary_day(local: Local) -> None:
    """The same with the restatement of three dates each: 120,000 runs, yesterday's of every org first. What the quota
    has no room for within a day are restatements; of them 13 tasks of nine runs each go on at once, to the end."""
    large = measured(local, 10_000, quiet=False)
    sys.stdout.write(str(large))
    assert large.told["restatements"] == 90_000
    assert large.first_runs <= 1.5
    assert large.told["started"] + large.told["left"] == 120_000
    # the last three of yesterday's tasks share a batch with ten others; from minute 772 on 13 tasks take three minutes
    assert large.told["left"] == 90_000 - 9 * (10 + 13 * -(-(24 * 60 - 772) // 3))
