"""The daily calls that the service would have made for an org before its first start, and the runs that they started.

Each run is worked on by the job's own code, with the clock at that day's call: it reads, loads, records the day and
tells the ledger as any run does.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property

import httpx

from cloudact import clients
from cloudact.clock import Clock, utc_now
from cloudact.notify.notifier import open_notifier
from cloudact.orgs.integrations import UsableIntegration
from cloudact.orgs.org import Onboarded
from cloudact.pipelines.registry import Entry, Registry, load_registry
from cloudact.pipelines.steps import StepType
from cloudact.runs.batch import Batch, batches
from cloudact.runs.late_data import loads_of
from cloudact.runs.ledger import Ledger, RunEvent
from cloudact.runs.load import RunLoad
from cloudact.runs.run import Run, Status, TriggerType
from cloudact.runs.run_cost import Tariff
from cloudact.settings import Settings
from cloudact.warehouse.bigquery import open_warehouse
from functions.runs.queue import DELAY, batch_task_id
from functions.schedule.due import restated_dates, scheduled_run
from jobs.attempt import DONE, Job, Processor, work
from jobs.claim import Claim
from jobs.container import Execution
from jobs.daily_names import DailyNames
from jobs.day_load import DayLoad
from jobs.heartbeat import CancellationCheck, Heartbeat
from jobs.looks import Looks
from jobs.meter import Meter
from jobs.reading import Reading
from localcloud.company.activity import drawn
from localcloud.past.processor import PastProcessor
from localcloud.past.sources import ExportedDays, InProcess, OneReportAtATime, PastExport, ScannedExport
from localcloud.past.warehouse import PastWarehouse
from localcloud.providers.anthropic.api import Anthropic
from localcloud.providers.faults import Faults
from localcloud.providers.front import Front
from localcloud.providers.keys import Keys, RegisteredKey
from localcloud.providers.openai.api import OpenAI
from localcloud.providers.refusals import Vendor
from localcloud.providers.request_log import RequestLog
from providers import PROVIDERS, http
from providers.gcp.steps import TransformConfig
from providers.http import Patience, Time
from providers.org_day import OrgDay
from providers.provider import Connector, connect, ids
from providers.source import Source, SourceContext

CALLED_AT = time(6, 0, 4, tzinfo=UTC)
STARTS_AFTER = DELAY + timedelta(seconds=9)


@dataclass(frozen=True)
class PastOrg:
    """An org with what its runs read: the settings of its integrations, and the keys as the stand-ins know them."""

    org_slug: str
    settings: dict[str, dict[str, str]]
    keys: tuple[RegisteredKey, ...]


@dataclass
class PassingClock:
    """A clock of the past, on which each look takes some milliseconds."""

    now: datetime
    look: timedelta

    def __call__(self) -> datetime:
        self.now += self.look
        return self.now


def live_through(
    settings: Settings, org: PastOrg, dates: Collection[date], today: date, *, goes_on: bool = False
) -> int:
    """Works on every run of these dates that the daily calls before today's would have started; how many there were.

    Today's call is not among them, so yesterday is left alone. None of the dates may have had a run. An org with runs
    of other dates `goes_on`: late rows are left to the next real scan, which looks into all dates. Raises
    `RuntimeError` where a run does not end well.
    """
    days = sorted(day for day in dates if day < today - timedelta(days=1))
    if not days:
        return 0
    past = _Past(settings, org, days, today, goes_on)
    for ago in range((today - days[0]).days - 1, 0, -1):
        past.call(today - timedelta(days=ago))
    past.warehouse.write(clients.bigquery(settings), org.org_slug)
    return past.runs


@dataclass
class _Past:
    settings: Settings
    org: PastOrg
    days: list[date]
    today: date
    goes_on: bool
    runs: int = 0
    _readings: dict[str, Reading] = field(default_factory=dict)
    _generations: dict[tuple[str, date], int] = field(default_factory=dict)
    _named: set[str] = field(default_factory=set)

    @cached_property
    def warehouse(self) -> PastWarehouse:
        return PastWarehouse.before(open_warehouse(self.settings))

    @cached_property
    def registry(self) -> Registry:
        return load_registry(self.settings.configs_dir, PROVIDERS)

    @cached_property
    def connectors(self) -> dict[str, Connector]:
        return connect(self.settings, utc_now, PROVIDERS)

    @cached_property
    def http(self) -> httpx.Client:
        keys = Keys()
        for key in self.org.keys:
            keys.register(key)

        def begun() -> datetime:  # the stand-ins tell nothing of days that have not
            return datetime.combine(self.today, time(), UTC)

        vendors: list[Vendor] = [OpenAI(keys, begun), Anthropic(keys, begun)]
        return httpx.Client(
            transport=InProcess({each.name: Front(each, {}, Faults(), RequestLog()) for each in vendors})
        )

    @cached_property
    def exported(self) -> ExportedDays:
        (operations,) = (
            step.config.operations
            for step in self.registry.config(self.registry.get("gcp_billing")).steps
            if isinstance(step.config, TransformConfig)
        )
        source = self.org.settings["GCP_SA"]
        client = clients.bigquery(self.settings.model_copy(update={"project": source["source_project"]}))
        return ExportedDays.read(client, source, self.days[0], self.days[-1], operations)

    def call(self, today: date) -> None:
        """Does what the daily call of this day starts."""
        at = datetime.combine(today, CALLED_AT) + timedelta(milliseconds=drawn(today, "call") % 2000)
        for batch in batches(self._due(today, at), task_runs=self.settings.task_runs):
            self._record_pending(batch, at + DELAY)
            for index in range(len(batch.tasks)):
                execution = Execution(f"{self.settings.job}-{batch.batch_id[:5]}", index, 0, False, len(batch.items))
                clock = PassingClock(at + STARTS_AFTER, timedelta())
                for run in batch.of_task(index):
                    self._work(run, execution, clock)

    def _due(self, today: date, at: datetime) -> list[Run]:
        """Yesterday of every pipeline, then what the registry restates and what has late rows.

        In the order of `functions.schedule.due`.
        """
        known = set(self.days)
        wanted = [
            (trigger, date_, entry)
            for entry in self._entries()
            for trigger, dates in (
                (TriggerType.SCHEDULE, {today - timedelta(days=1)}),
                (TriggerType.RESTATEMENT, restated_dates(entry, today) | self._stale(entry, today)),
            )
            for date_ in dates & known
        ]
        wanted.sort(key=lambda each: (each[0] is TriggerType.RESTATEMENT, today - each[1]))
        return [self._run(entry, date_, trigger, at) for trigger, date_, entry in wanted]

    def _stale(self, entry: Entry, today: date) -> set[date]:
        """Dates with late rows that the last scan saw, and no run has loaded since."""
        scan = self.warehouse.last_scan(entry.id)
        wanted = [(self.org.org_slug, entry.id, day) for day in scan.stale] if scan else []
        return set(scan.still_stale(loads_of(Ledger(self.warehouse).generations(wanted, today)))) if scan else set()

    def _entries(self) -> Iterator[Entry]:
        return (e for e in self.registry.entries if e.enabled and e.required_integration in self.org.settings)

    def _run(self, entry: Entry, day: date, trigger: TriggerType, at: datetime) -> Run:
        generation = self._generations[entry.id, day] = self._generations.get((entry.id, day), 0) + 1
        return scheduled_run(self.org.org_slug, entry, day, generation, trigger, at)

    def _record_pending(self, batch: Batch, at: datetime) -> None:
        batch_id, task_id = batch.batch_id, batch_task_id(batch.batch_id)
        events = [
            (run, RunEvent(Status.PENDING, key=f"/{batch_id}", task_id=task_id, batch_id=batch_id, batch_index=index))
            for index, run in enumerate(batch.runs())
        ]
        Ledger(self.warehouse).append_runs(events, at)

    def _work(self, run: Run, execution: Execution, clock: PassingClock) -> None:
        clock.look = timedelta(milliseconds=25 + drawn(run.run_id, "pace") % 70)
        if work(self._job(clock), run, execution) != DONE or not self.warehouse.has_succeeded(run.run_id):
            raise RuntimeError(f"a run of the past has not ended well: {run.pipeline_id} {run.date}")
        self.runs += 1

    def _job(self, clock: PassingClock) -> Job:
        notifier = open_notifier(self.settings, self.warehouse, clock, ids(PROVIDERS))
        return Job(
            self.warehouse,
            Ledger(self.warehouse),
            lambda run: self.registry.config(self.registry.get(run.pipeline)).steps,
            lambda run, own, load: self._processor(run, own, load, clock),
            clock,
            notifier,
            Meter(Tariff.of(self.settings), self.warehouse, lambda: clock.now.timestamp()),
            lambda run: self.registry.config(self.registry.get(run.pipeline)).pipeline.version,
            Looks([]),  # the past is nobody's news
        )

    def _processor(self, run: Run, own: Claim, load: RunLoad, clock: Clock) -> Processor:
        entry = self.registry.get(run.pipeline)
        config = self.registry.config(entry)
        context = self._context(run, own, entry.required_integration)
        return PastProcessor(
            readings=self._readings,
            source=self._source(context, entry.required_integration),
            day_load=DayLoad(context.day, load, own.started_at, entry.restate_days, clock, config.pipeline.version),
            heartbeat=Heartbeat(CancellationCheck(lambda: None, clock), clock),
            clock=clock,
            reject_credential=_never,
            reconciles=any(step.type is StepType.RECONCILE for step in config.steps),
            file_bytes=self.settings.day_file_bytes,
            names=self._names(context, entry.required_integration),
        )

    def _source(self, context: SourceContext, name: str) -> Source:
        if name == "GCP_SA":
            export = PastExport if self.goes_on else ScannedExport
            return export(self.exported, context.run.date, context.read_at)
        connector = self.connectors[name]
        inside = replace(context, url=f"http://{connector.provider.id}", http=lambda: self.http)
        return OneReportAtATime(connector.provider.open_source(inside))

    def _names(self, context: SourceContext, name: str) -> DailyNames | None:
        """Reads the names in the first call alone: no other would find one that has changed."""
        open_directory = self.connectors[name].provider.open_directory
        if open_directory is None or name in self._named:
            return None
        self._named.add(name)
        return DailyNames(context, open_directory)

    def _context(self, run: Run, own: Claim, name: str) -> SourceContext:
        connector = self.connectors[name]
        key = next((each.key for each in self.org.keys if each.kind == connector.provider.id), "")
        onboarded = Onboarded(run.org_slug, 1, self.settings.installation)
        return SourceContext(
            run=run,
            read_at=own.started_at,
            integration=UsableIntegration(
                org_slug=run.org_slug, integration=name, ciphertext="", settings=dict(self.org.settings[name]),
                org_dataset=run.org_slug, onboarded=onboarded,
            ),
            credential=key.encode(),
            settings=self.settings,
            url=connector.context.url,
            foreign_keys=connector.context.foreign_keys,
            day=OrgDay(run, self.org.org_slug, self.warehouse),
            http=http.client,
            patience=Patience(1, 0.0),
            time=Time(),
        )  # fmt: skip


def _never(why: str) -> None:
    raise RuntimeError(f"a stand-in refuses a key of the past: {why}")
