"""The composition root of the job: builds what the engine is handed, once per container."""

from collections.abc import Sequence

from cloudact import clients
from cloudact.clock import Clock, utc_now
from cloudact.credentials import Vault, parse_service_account
from cloudact.integrations import Integrations
from cloudact.ledger import Ledger
from cloudact.pipelines import Step
from cloudact.registry import load_registry
from cloudact.run_load import RunLoad
from cloudact.runs import Run
from cloudact.settings import Settings
from cloudact.warehouse import Warehouse
from jobs.claim import Claim
from jobs.engine import Job, Processor
from jobs.processors.gcp_bq_etl import GcpBillingEtl, Limits
from jobs.watch import Watch

SOURCE_SCOPES = ("https://www.googleapis.com/auth/bigquery",)
PATIENCE_S = 60.0


def compose(settings: Settings, clock: Clock = utc_now) -> Job:
    """The job's collaborators; Google's clients are built when they are first needed."""
    warehouse = Warehouse(lambda: clients.bigquery(settings), dataset=settings.dataset, patience_s=PATIENCE_S)
    ledger = Ledger(warehouse)
    registry = load_registry(settings.configs_dir)
    integrations = Integrations(warehouse, clock)

    def steps(run: Run) -> Sequence[Step]:
        return registry.config(registry.get(run.pipeline)).steps

    def processor(run: Run, own: Claim, load: RunLoad) -> Processor:
        integration = registry.get(run.pipeline).required_integration
        tenant = integrations.of(run.org_slug, integration)
        vault = Vault(clients.kms(settings), settings.kms_key)
        key = parse_service_account(vault.decrypt(run.org_slug, integration, tenant.ciphertext))
        return GcpBillingEtl(
            for_run=run,
            started_at=own.started_at,
            tenant=tenant,
            default_project=key.project_id,
            build_source=lambda: clients.customer_bigquery(settings, key.reveal(), SOURCE_SCOPES),
            warehouse=warehouse,
            run_load=load,
            limits=Limits(settings.late_days, settings.max_bytes_billed),
            watch=Watch(lambda: job.ensure_wanted(run), clock),
            reject_credential=lambda why: integrations.mark_invalid(tenant, why),
        )

    job = Job(warehouse, ledger, steps, processor, clock)
    return job
