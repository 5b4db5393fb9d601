"""The parts of one server, put together: bqemulator's context, and what replaces its routes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bqemulator.api.dependencies import AppContext
from bqemulator.catalog.duckdb_repository import DuckDBCatalogRepository
from bqemulator.catalog.memory_repository import MemoryCatalogRepository
from bqemulator.config import PersistenceMode, Settings
from bqemulator.domain.events import EventBus
from bqemulator.observability.metrics import MetricsRegistry
from bqemulator.row_access.policy import RowAccessPolicyManager
from bqemulator.udf.runtime import UDFRegistry
from bqemulator.versioning.snapshots import SnapshotManager

from localcloud.bigquery.clock import StoppableClock
from localcloud.bigquery.denials import Denials
from localcloud.bigquery.engine import LocalEngine
from localcloud.bigquery.job_book import JobBook
from localcloud.bigquery.kept_translations import KeptTranslations
from localcloud.bigquery.load_quota import LoadQuota
from localcloud.bigquery.query_jobs import Queries
from localcloud.bigquery.request_ids import RequestIds
from localcloud.bigquery.results import ResultStore
from localcloud.bigquery.stopping import Stop
from localcloud.bigquery.stream_buffer import StreamBuffer
from localcloud.bigquery.streaming import InsertIds
from localcloud.bigquery.tables import Tables
from localcloud.bigquery.traffic import Traffic
from localcloud.bigquery.turn import Turn
from localcloud.bigquery.upload_files import Upload


class NoSnapshots(SnapshotManager):  # type: ignore[misc, unused-ignore]
    """Time travel is not emulated: bqemulator copies the whole table at every DML statement."""

    def capture(self, *_: Any, **__: Any) -> None:
        """Keep nothing."""


@dataclass(frozen=True)
class Emulator:
    """Everything a route needs, one in its `turn` after the other where it needs the database."""

    context: AppContext
    engine: LocalEngine
    tables: Tables
    jobs: JobBook
    queries: Queries
    clock: StoppableClock
    stream: StreamBuffer
    turn: Turn
    results: ResultStore = field(default_factory=ResultStore)
    insert_ids: InsertIds = field(default_factory=InsertIds)
    denials: Denials = field(default_factory=Denials)
    load_quota: LoadQuota = field(default_factory=LoadQuota)
    traffic: Traffic = field(default_factory=Traffic)
    request_ids: RequestIds = field(default_factory=RequestIds)
    uploads: dict[str, Upload] = field(default_factory=dict)
    running: dict[tuple[str, str], Stop] = field(default_factory=dict)


async def start(settings: Settings, kept: KeptTranslations | None = None) -> Emulator:
    """Open the database and build the parts over it, with what servers have kept of statements."""
    engine = LocalEngine(settings)
    await engine.start()
    clock = StoppableClock()
    context = _context(settings, engine, clock)
    context.udf_registry.hydrate(context.catalog, engine)
    tables = Tables(context, engine)
    stream = StreamBuffer(tables)
    jobs, queries, turn = JobBook(context), Queries(context, tables, kept), Turn(tables, stream)
    return Emulator(context, engine, tables, jobs, queries, clock, stream, turn)


def _context(settings: Settings, engine: LocalEngine, clock: StoppableClock) -> AppContext:
    events = EventBus()
    catalog = _catalog(settings, engine)
    return AppContext(
        settings=settings,
        clock=clock,
        engine=engine,
        catalog=catalog,
        metrics=MetricsRegistry(),
        events=events,
        udf_registry=UDFRegistry(settings),
        snapshots=NoSnapshots(engine=engine, catalog=catalog, clock=clock, events=events, retention_days=0),
        row_access=RowAccessPolicyManager(catalog=catalog, clock=clock),
    )


def _catalog(settings: Settings, engine: LocalEngine) -> Any:
    if settings.persistence_mode is PersistenceMode.EPHEMERAL:
        return MemoryCatalogRepository(engine)
    catalog = DuckDBCatalogRepository(engine)
    catalog.ensure_ready()
    return catalog
