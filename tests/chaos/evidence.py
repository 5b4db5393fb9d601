"""Gathers what a campaign has left behind: the tables as they are stored, BigQuery's jobs, and every text."""

import datetime as dt
import json
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from cloudact import clients
from tests.chaos.invariants import Event, Evidence, Job, Written
from tests.chaos.world import World

if TYPE_CHECKING:
    from google.cloud.bigquery import Client

TOTALS = {  # the measure of each table that its provider's total is compared with
    "gcp_billing_daily_raw": "net_cost",
    "openai_usage_daily_raw": "num_model_requests",
    "openai_cost_daily_raw": "amount",
    "anthropic_usage_daily_raw": "output_tokens",
    "anthropic_cost_daily_raw": "amount",
    "anthropic_claude_code_daily_raw": "output_tokens",
}
HISTORY = "day_history"
_DECIDING = re.compile(r"load_([0-9a-f-]{36})_(\d+)")
_MOST_JOBS = 1_000_000


def gather(world: World) -> Evidence:
    """Reads all tables of the campaign's service dataset and of its orgs, the jobs of its runs, and its logs."""
    client = clients.bigquery(world.fleet.settings)
    stored = {
        f"{world.fleet.settings.dataset}.{name}": rows for name, rows in _tables(client, world.fleet.settings.dataset)
    }
    events = [_event(row) for row in stored[f"{world.fleet.settings.dataset}.pipeline_run_events"]]
    written: list[Written] = []
    recorded: Counter[str] = Counter()
    for tenant in world.tenants.values():
        for name, rows in _tables(client, tenant.slug):
            stored[f"{tenant.slug}.{name}"] = rows
            if name == HISTORY:
                recorded.update(row["run_id"] for row in rows)
            else:
                written += _written(f"{tenant.slug}.{name}", TOTALS.get(name), rows)
    runs = {event.run_id for event in events}
    return Evidence(
        events=events,
        jobs=[job for job in deciding_jobs(client) if job.run_id in runs],
        written=written,
        recorded=recorded,
        expected=world.expected,
        limits={tenant.slug: world.limits[letter] for letter, tenant in world.tenants.items()},
        admitted=frozenset(world.admitted),
        promised=list(world.promised),
        texts=[*_texts(stored), *_logs(world)],
        secrets=[secret for tenant in world.tenants.values() for secret in tenant.secrets],
        statuses=dict(world.statuses),
        hung=list(world.containers.hung),
    )


def _tables(client: "Client", dataset: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for table in client.list_tables(dataset):
        if table.table_type == "TABLE":
            rows = client.query_and_wait(f"SELECT * FROM `{dataset}.{table.table_id}`")
            yield table.table_id, [dict(row.items()) for row in rows]


def _event(row: dict[str, Any]) -> Event:
    return Event(
        run_id=row["run_id"],
        org=row["org_slug"],
        requested_date=row["requested_date"],
        event_id=row["event_id"],
        status=row["status"],
        counted=row["counted"],
        generation=row["generation"],
        started_at=row["started_at"],
        rows=row["rows_processed"],
        error_code=row["error_code"],
    )


def deciding_jobs(client: "Client") -> Iterator[Job]:
    """Yields the jobs that decide runs. A fence is a query whose parameter is the verdict."""
    for job in client.list_jobs(max_results=_MOST_JOBS, all_users=True):
        named = _DECIDING.match(job.job_id or "")
        if not named:
            continue
        of_run: dict[str, Any] = {"run_id": named[1], "number": int(named[2]), "created": job.created}
        if job.job_type == "load":
            yield _load(of_run, job)
        else:
            (verdict,) = [each.value for each in job.query_parameters if each.name == "verdict"]
            yield Job(**of_run, verdict=json.loads(verdict)["status"])


def _load(of_run: dict[str, Any], job: Any) -> Job:
    table, _, day = job.destination.table_id.partition("$")
    error = (job.error_result or {}).get("reason")
    return Job(
        **of_run,
        table=f"{job.destination.dataset_id}.{table}",
        day=dt.datetime.strptime(day, "%Y%m%d").replace(tzinfo=dt.UTC).date() if day else None,
        rows=int(job.output_rows or 0),
        parts=int(job.labels.get("parts", 1)),
        attempt=job.labels.get("attempt", ""),
        error=error,
    )


def _written(table: str, measure: str | None, rows: list[dict[str, Any]]) -> Iterator[Written]:
    places = {(row["usage_date"], row["run_id"]) for row in rows if "usage_date" in row}
    for day, run_id in sorted(places):
        own = [row for row in rows if (row["usage_date"], row["run_id"]) == (day, run_id)]
        total = sum((Decimal(row[measure] or 0) for row in own), Decimal()) if measure else None
        yield Written(table, day, run_id, len(own), total)


def _texts(stored: dict[str, list[dict[str, Any]]]) -> Iterator[tuple[str, str]]:
    for name, rows in stored.items():
        yield name, "\n".join(map(repr, rows))


def _logs(world: World) -> Iterator[tuple[str, str]]:
    for path in sorted(world.folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(world.folder).as_posix(), path.read_text(encoding="utf-8", errors="replace")
    for task in world.fleet.tasks():
        yield task.name, task.http_request.body.decode()
