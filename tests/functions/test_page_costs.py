"""What a page of a long history costs: 1,000,000 runs of one org."""

import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from google.cloud.bigquery import LoadJobConfig, SourceFormat
from pyarrow import parquet

from cloudact import clients
from cloudact.runs.run import run_id
from cloudact.warehouse.bigquery import Access, Warehouse, open_warehouse
from cloudact.warehouse.datasets import make_service_dataset
from cloudact.warehouse.migrations import Migrations
from functions.runs.run_pages import After, Filters, RunPages
from functions.runs.run_rows import ListedRun
from tests.conftest import Local

ORG, RUNS, DAYS, PAGE = "long_history", 1_000_000, 390, 100
TODAY = date(2026, 11, 12)
DATASET = "page_costs"


class Counting(Warehouse):
    """Notes the days that each list reads."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.bounds: list[tuple[date, date]] = []

    def events(self, first: date, last: date) -> int:
        """How many events lie in these days' partitions: what a query bounded to them reads."""
        day = timedelta(days=DAYS) / RUNS
        newest, oldest = moment(0), moment(RUNS - 1)
        begin = max(datetime(first.year, first.month, first.day, tzinfo=UTC), oldest)
        end = min(datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1), newest)
        return max(0, round((end - begin) / day))

    def rows(
        self, query: str, /, dataset: str | None = None, org_table: str | None = None, **values: Any
    ) -> list[dict[str, Any]]:
        if query == "run_list":
            self.bounds.append((values["first_day"], values["last_day"]))
        return super().rows(query, dataset, org_table, **values)


@pytest.fixture(scope="module")
def warehouse(session_cloud: Local, tmp_path_factory: pytest.TempPathFactory) -> Counting:
    settings = session_cloud.settings.model_copy(update={"dataset": DATASET})
    warehouse = Counting(Access.of(settings), installation=settings.installation, dataset=DATASET, patience_s=600)
    plain = open_warehouse(settings)
    make_service_dataset(plain, Migrations(plain, applied_by="test"), settings.installation)
    client = clients.bigquery(settings)
    table = f"{settings.project}.{DATASET}.pipeline_run_events"
    config = LoadJobConfig(
        schema=client.get_table(table).schema, source_format=SourceFormat.PARQUET, create_disposition="CREATE_NEVER"
    )
    with written(tmp_path_factory.mktemp("runs") / "runs.parquet").open("rb") as file:
        client.load_table_from_file(file, table, job_config=config).result()
    return warehouse


def written(path: Path) -> Path:
    """One event of each run, as an export of the ledger would hold it."""
    at = [moment(n) for n in range(RUNS)]
    ids = [run_id(ORG, "gcp_billing", TODAY, n + 1) for n in range(RUNS)]
    same = {
        "org_slug": ORG, "status": "SUCCESS", "pipeline": "gcp_billing", "pipeline_id": f"{ORG}-gcp-billing",
        "provider": "gcp", "domain": "cost", "trigger_type": "api", "triggered_by": "api_key",
        "parameters": '{"date": "2026-11-10", "force_refresh": false}',
    }  # fmt: skip
    columns = {name: pa.array([value] * RUNS) for name, value in same.items()} | {
        "requested_date": pa.array([each.date() for each in at]),
        "run_id": pa.array(ids),
        "event_id": pa.array([f"{run}/SUCCESS" for run in ids]),
        **{name: pa.array(at, pa.timestamp("us", "UTC")) for name in ("occurred_at", "requested_at", "started_at")},
        "date": pa.array([TODAY] * RUNS),
        "generation": pa.array(range(1, RUNS + 1), pa.int64()),
        "counted": pa.array([True] * RUNS),
    }
    parquet.write_table(pa.table(columns), path)
    return path


def after_run(number: int) -> After:
    """Where the page ends whose last run is the given one, counted from the newest."""
    return After(moment(number), run_id(ORG, "gcp_billing", TODAY, number + 1))


def moment(number: int) -> datetime:
    return datetime(2026, 11, 12, 11, tzinfo=UTC) - number * (timedelta(days=DAYS) / RUNS)


@dataclass(frozen=True)
class Cost:
    """Of one page: its time (median), and the days and events that its list reads; a count is not among them."""

    ms: float
    days: int
    events: int


def cost(warehouse: Counting, page: Callable[[], Sequence[ListedRun]], times_asked: int = 5) -> Cost:
    times = []
    for _ in range(times_asked):
        warehouse.bounds.clear()
        began = time.perf_counter()
        assert len(page()) == PAGE
        times.append((time.perf_counter() - began) * 1000)
    days = sum((last - first).days + 1 for first, last in warehouse.bounds)
    return Cost(statistics.median(times), days, sum(warehouse.events(first, last) for first, last in warehouse.bounds))


@pytest.mark.bench
def test_every_page_costs_what_page_1_costs(warehouse: Counting) -> None:
    """Counted or not, by cursor or offset, no page reads more than twice the events of another, nor takes longer."""
    pages = RunPages(warehouse, ThreadPoolExecutor(4), count_wait_s=600)

    def first(*, counted: bool) -> Sequence[ListedRun]:
        page = pages.first(ORG, Filters(), TODAY, PAGE, counted=counted)
        assert (page.total, page.more) == (RUNS if counted else None, True)
        return page.runs

    def by_cursor(number: int) -> Sequence[ListedRun]:
        page = pages.after(ORG, Filters(), TODAY, PAGE, after_run(PAGE * (number - 1) - 1))
        assert page.runs[-1].run_id == after_run(PAGE * number - 1).run_id
        return page.runs

    def by_offset(number: int) -> Sequence[ListedRun]:
        page = pages.at(ORG, Filters(), TODAY, PAGE, PAGE * (number - 1))
        assert (page.total, page.runs[-1].run_id) == (RUNS, after_run(PAGE * number - 1).run_id)
        return page.runs

    costs = {
        "page 1": cost(warehouse, lambda: first(counted=True)),
        "page 1, total=false": cost(warehouse, lambda: first(counted=False)),
        "page 2 by cursor": cost(warehouse, lambda: by_cursor(2)),
        "page 5,000 by cursor": cost(warehouse, lambda: by_cursor(5_000)),
        "page 10,000 by cursor": cost(warehouse, lambda: by_cursor(10_000)),
        "page 2 by offset": cost(warehouse, lambda: by_offset(2)),
        "page 5,000 by offset": cost(warehouse, lambda: by_offset(5_000)),
        "page 10,000 by offset": cost(warehouse, lambda: by_offset(10_000)),
    }
    for name, each in costs.items():
        print(f"{name:24} {each.ms:8.0f} ms {each.days:4} days {each.events:9,} events")  # noqa: T201
    most = max(costs["page 1"].events, costs["page 2 by cursor"].events)
    for each in costs.values():
        assert each.events <= 2 * most
        assert each.days <= 2 * costs["page 1"].days
