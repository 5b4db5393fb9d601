"""The composition root of the job: builds what the engine is handed, once per container."""

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING

from cloudact import clients
from cloudact.clock import Clock, utc_now
from cloudact.notify.notifier import open_notifier
from cloudact.orgs.integrations import Integrations, UsableIntegration
from cloudact.orgs.vault import Vault
from cloudact.pipelines.config import Step
from cloudact.pipelines.registry import UnknownPipeline, load_registry
from cloudact.runs.ledger import Ledger
from cloudact.runs.load import RunLoad
from cloudact.runs.run import Run
from cloudact.runs.run_cost import Tariff
from cloudact.settings import Settings
from cloudact.warehouse.bigquery import open_warehouse
from jobs.bigquery_export import GcpBillingEtl, Limits
from jobs.cancellation import Watch
from jobs.claim import Claim
from jobs.engine import Job, Processor
from jobs.heartbeat import Life
from jobs.load import DayLoad
from jobs.meter import Meter
from jobs.usage_reports import OpenReports, UsageCost
from providers import http
from providers.admin_key import Vendor
from providers.anthropic.api import ANTHROPIC
from providers.anthropic.reports import AnthropicReports
from providers.gcp.access import open_bigquery, read_access
from providers.openai.api import OPENAI
from providers.openai.reports import OpenAiReports
from providers.source import Notes, Reports

if TYPE_CHECKING:
    import httpx


def compose(settings: Settings, clock: Clock = utc_now, time: http.Time = http.Time()) -> Job:  # noqa: B008 - no state
    """The job's collaborators; clients are built when they are first needed. `time` is that of waits for providers."""
    return _Composition(settings, clock, time).job


class _Composition:
    def __init__(self, settings: Settings, clock: Clock, time: http.Time) -> None:
        self._settings = settings
        self._time = time
        self._clock = clock
        self._warehouse = open_warehouse(settings)
        self._registry = load_registry(settings.configs_dir)
        notifier = open_notifier(settings, self._warehouse, clock)
        self._integrations = Integrations(self._warehouse, clock, notifier.tell_invalid)
        self._build = {
            "gcp.bq_etl": self._billing,
            "openai.usage_cost": self._openai,
            "anthropic.usage_cost": self._anthropic,
        }
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
        )

    def _version(self, run: Run) -> str | None:
        try:
            entry = self._registry.get(run.pipeline)
        except UnknownPipeline:  # its steps will say so
            return None
        return self._registry.config(entry).pipeline.version if entry.enabled else None

    def _steps(self, run: Run) -> Sequence[Step]:
        return self._registry.config(self._registry.get(run.pipeline)).steps

    def _processor(self, run: Run, own: Claim, load: RunLoad) -> Processor:
        entry = self._registry.get(run.pipeline)
        integration, processor = entry.required_integration, self._registry.config(entry).processor
        tenant = self._integrations.of(run.org_slug, integration)
        vault = Vault(clients.kms(self._settings), self._settings.kms_key)
        credential = vault.decrypt(run.org_slug, integration, tenant.ciphertext)
        return self._build[processor](run, own, load, tenant, credential)

    def _billing(self, run: Run, own: Claim, load: RunLoad, tenant: UsableIntegration, credential: bytes) -> Processor:
        access = read_access(credential)
        return GcpBillingEtl(
            for_run=run,
            started_at=own.started_at,
            tenant=tenant,
            default_project=access.project_id,
            build_source=lambda: open_bigquery(self._settings, access, tenant.onboarded),
            day_load=self._day_load(run, own, load),
            limits=Limits(self._settings.late_days, self._settings.max_bytes_billed),
            life=self._life(run),
            reject_credential=partial(self._integrations.mark_invalid, tenant),
        )

    def _openai(self, run: Run, own: Claim, load: RunLoad, tenant: UsableIntegration, credential: bytes) -> Processor:
        def open_reports(notes: Notes, tick: Callable[[], None]) -> Reports:
            api = self._opened(OPENAI, self._settings.openai_url, credential, tick)
            return OpenAiReports(api, run.date, notes)

        return self._usage_cost(run, own, load, tenant, open_reports)

    def _anthropic(
        self, run: Run, own: Claim, load: RunLoad, tenant: UsableIntegration, credential: bytes
    ) -> Processor:
        generation = str(tenant.settings.get("api", "reports"))

        def open_reports(notes: Notes, tick: Callable[[], None]) -> Reports:
            api = self._opened(ANTHROPIC, self._settings.anthropic_url, credential, tick)
            return AnthropicReports(api, run.date, notes, own.started_at.date(), generation)

        return self._usage_cost(run, own, load, tenant, open_reports)

    def _opened(self, vendor: Vendor, url: str, credential: bytes, tick: Callable[[], None]) -> http.ProviderHttp:
        return vendor.open(url, credential.decode(), self._http, self._patience, tick, self._time)

    def _usage_cost(
        self, run: Run, own: Claim, load: RunLoad, tenant: UsableIntegration, open_reports: OpenReports
    ) -> Processor:
        return UsageCost(
            for_run=run,
            started_at=own.started_at,
            tenant=tenant,
            open_reports=open_reports,
            day_load=self._day_load(run, own, load),
            life=self._life(run),
            reject_credential=partial(self._integrations.mark_invalid, tenant),
        )

    def _day_load(self, run: Run, own: Claim, load: RunLoad) -> DayLoad:
        restate_days = self._registry.get(run.pipeline).restate_days
        return DayLoad(run, self._warehouse, load, own.started_at, restate_days, self._clock)

    def _life(self, run: Run) -> Life:
        return Life(Watch(lambda: self.job.ensure_wanted(run), self._clock))

    @property
    def _patience(self) -> http.Patience:
        return http.Patience(self._settings.provider_attempts, self._settings.provider_longest_wait_s)

    @cached_property
    def _http(self) -> "httpx.Client":
        return http.client()
