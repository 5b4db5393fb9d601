"""The composition root of the job: builds the collaborators of an attempt, once per container."""

from collections.abc import Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING

from cloudact import clients, redaction
from cloudact.clock import Clock, utc_now
from cloudact.error_codes import Code
from cloudact.errors import Stop
from cloudact.notify.notifier import open_notifier
from cloudact.orgs.integrations import Integrations
from cloudact.orgs.vault import Vault
from cloudact.pipelines.config import Step
from cloudact.pipelines.registry import UnknownPipeline, load_registry
from cloudact.pipelines.steps import StepType
from cloudact.runs.ledger import Ledger
from cloudact.runs.load import RunLoad
from cloudact.runs.run import Run
from cloudact.runs.run_cost import Tariff
from cloudact.settings import Settings
from cloudact.warehouse.bigquery import open_warehouse
from jobs.anomalies import AnomalyLook
from jobs.attempt import Job, Processor
from jobs.budgets import BudgetLook
from jobs.claim import Claim
from jobs.daily_names import DailyNames
from jobs.day_load import DayLoad
from jobs.heartbeat import CancellationCheck, Heartbeat
from jobs.looks import Looks, Told
from jobs.meter import Meter
from jobs.processor import SourceProcessor
from providers import PROVIDERS, http
from providers.org_day import OrgDay
from providers.provider import Provider, connect, ids, secret_patterns
from providers.source import SourceContext

if TYPE_CHECKING:
    import httpx


def compose(
    settings: Settings,
    clock: Clock = utc_now,
    time: http.Time = http.Time(),  # noqa: B008 - no state
    providers: Sequence[Provider] = PROVIDERS,
) -> Job:
    """Collaborators of the job; clients are built when first needed. `time` is the clock of waits for providers."""
    redaction.know(secret_patterns(providers))
    return _Composition(settings, clock, time, providers).job


class _Composition:
    def __init__(self, settings: Settings, clock: Clock, time: http.Time, providers: Sequence[Provider]) -> None:
        self._settings = settings
        self._time = time
        self._clock = clock
        self._sockets = http.Sockets()
        self._warehouse = open_warehouse(settings)
        self._registry = load_registry(settings.configs_dir, providers)
        self._connectors = connect(settings, clock, providers)
        notifier = open_notifier(settings, self._warehouse, clock, ids(providers))
        self._integrations = Integrations(self._warehouse, clock, notifier.tell_invalid)
        told = Told(self._warehouse, notifier)
        self._looks = Looks([AnomalyLook(self._warehouse, told, clock), BudgetLook(self._warehouse, told, clock)])
        meter = Meter(Tariff.of(settings), self._warehouse)
        self.job = Job(
            self._warehouse,
            Ledger(self._warehouse),
            self._steps,
            self._processor,
            clock,
            notifier,
            meter,
            self._version,
            self._looks,
        )

    def _version(self, run: Run) -> str | None:
        try:
            return self._registry.config(self._registry.get(run.pipeline)).pipeline.version
        except UnknownPipeline:  # its steps will say so
            return None

    def _steps(self, run: Run) -> Sequence[Step]:
        try:
            return self._registry.config(self._registry.get(run.pipeline)).steps
        except UnknownPipeline as err:
            raise Stop(Code.PIPELINE_WITHDRAWN, str(err), "Contact support if it should be there.") from err

    def _processor(self, run: Run, own: Claim, load: RunLoad) -> Processor:
        import pyarrow as pa

        # Arrow's own allocator keeps what each thread has freed: 30 MB more for reports that are read side by side.
        pa.set_memory_pool(pa.system_memory_pool())
        entry = self._registry.get(run.pipeline)
        name = entry.required_integration
        connector, integration = self._connectors[name], self._integrations.of(run.org_slug, name)
        vault = Vault(clients.kms(self._settings), self._settings.kms_key)
        day = OrgDay(run, integration.org_dataset, self._warehouse)
        context = SourceContext(
            run=run,
            read_at=own.started_at,
            integration=integration,
            credential=vault.decrypt(run.org_slug, name, integration.ciphertext),
            settings=self._settings,
            url=connector.context.url,
            foreign_keys=connector.context.foreign_keys,
            day=day,
            http=lambda: self._http,
            patience=self._patience,
            time=self._time,
            break_off=self._sockets.break_off,
        )
        open_directory = connector.provider.open_directory
        return SourceProcessor(
            source=connector.provider.open_source(context),
            day_load=DayLoad(day, load, own.started_at, entry.restate_days, self._clock, self._version(run)),
            heartbeat=Heartbeat(CancellationCheck(lambda: self.job.ensure_wanted(run), self._clock), self._clock),
            clock=self._clock,
            reject_credential=partial(self._integrations.mark_invalid, integration),
            reconciles=any(step.type is StepType.RECONCILE for step in self._steps(run)),
            file_bytes=self._settings.day_file_bytes,
            names=DailyNames(context, open_directory) if open_directory else None,
            loaded_days=self._looks.take_note,
        )

    @property
    def _patience(self) -> http.Patience:
        return http.Patience(self._settings.provider_attempts, self._settings.provider_longest_wait_s)

    @cached_property
    def _http(self) -> "httpx.Client":
        return http.client(sockets=self._sockets)
