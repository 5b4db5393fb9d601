"""The composition root of the functions: builds what the endpoints are handed, once per instance."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cloudact import clients
from cloudact.clock import Clock, utc_now
from cloudact.notify.notifier import Notifier, Outbox, open_outbox, open_signing
from cloudact.notify.signing import Signing
from cloudact.notify.webhooks import Webhooks
from cloudact.orgs.integrations import Integrations
from cloudact.orgs.members import Membership
from cloudact.orgs.vault import Vault
from cloudact.pipelines.registry import Registry, load_registry
from cloudact.runs.ledger import Ledger
from cloudact.secrets import read_secret
from cloudact.settings import Settings
from cloudact.warehouse.bigquery import Warehouse, open_warehouse
from functions.auth.cache import Remembered
from functions.auth.key_cache import KeyRing
from functions.auth.key_uses import KeyUses
from functions.auth.sessions import Keys, PublicKeys, Sessions, SharedSecret
from functions.auth.stored_callers import StoredCallers
from functions.health import LOOK_S, Dependencies
from functions.orgs.connections import Connections
from functions.orgs.key_issue import ApiKeys
from functions.orgs.lifecycle import Onboarding
from functions.orgs.plans import load_plans
from functions.orgs.tenant import Tenants
from functions.runs.admission_facts import Admissions
from functions.runs.queue import RunQueue
from functions.runs.quota_notices import QuotaWatch
from functions.runs.run_rows import RunRows
from functions.schedule.pace import Pace
from functions.schedule.run_rows import ScheduleRows
from providers.credential_checks import checks

PATIENCE_S = 8.0  # a request that waits longer than this is better answered with 503
OPS_PATIENCE_S = 60.0  # the function `ops` reads all orgs at once, and nobody waits for its answer
KMS_PATIENCE_S = 4.0


@dataclass(frozen=True)
class Api:
    """The collaborators of the public endpoints."""

    project: str
    registry: Registry
    warehouse: Warehouse
    ledger: Ledger
    admissions: Admissions
    runs: RunRows
    schedule: ScheduleRows
    stored_callers: StoredCallers
    queue: RunQueue
    keys: KeyRing
    sessions: Sessions
    members: Remembered[tuple[Membership, ...]]
    dependencies: Dependencies
    origins: frozenset[str]
    clock: Clock
    tenants: Tenants
    issued_keys: ApiKeys
    onboarding: Onboarding
    key_uses: KeyUses
    pace: Pace
    connections: Connections
    webhooks: Webhooks
    signing: Signing
    outbox: Outbox | None
    notifier: Notifier
    quota_watch: QuotaWatch
    webhook_allow_http: bool
    reader: str


def compose(settings: Settings, clock: Clock = utc_now, *, patience_s: float = PATIENCE_S) -> Api:
    """Reads the configs; Google's clients are built when they are first needed."""
    warehouse = open_warehouse(settings, patience_s)
    callers = StoredCallers(warehouse)
    keys = KeyRing(callers.api_key, clock)
    tenants, issued_keys = Tenants(warehouse), ApiKeys(warehouse, clock)
    queue = RunQueue(
        lambda: clients.tasks(settings),
        lambda: clients.google_http(settings),
        settings,
        clock,
        timeout_s=PATIENCE_S,
    )
    webhooks, signing = Webhooks(warehouse, clock), open_signing(settings)
    outbox = open_outbox(settings, signing, clock)
    notifier = Notifier(webhooks, outbox)
    return Api(
        project=settings.project,
        registry=load_registry(settings.configs_dir),
        warehouse=warehouse,
        ledger=Ledger(warehouse),
        admissions=Admissions(warehouse),
        runs=RunRows(warehouse),
        schedule=ScheduleRows(warehouse),
        stored_callers=callers,
        queue=queue,
        keys=keys,
        sessions=Sessions(_session_keys(settings, clock), settings, clock),
        members=Remembered(callers.memberships, clock),
        dependencies=Dependencies(_looks(settings, queue), clock),
        origins=settings.origins,
        clock=clock,
        tenants=tenants,
        issued_keys=issued_keys,
        onboarding=Onboarding(
            warehouse,
            tenants,
            issued_keys,
            load_plans(settings.configs_dir),
            clock,
            dataset_writers=settings.dataset_writer_accounts,
        ),
        key_uses=KeyUses(warehouse, keys, clock),
        pace=Pace.of(settings),
        connections=Connections(
            Integrations(warehouse, clock, notifier.tell_invalid),
            checks(settings, clock),
            lambda: Vault(clients.kms(settings), settings.kms_key, KMS_PATIENCE_S),
            clock,
        ),
        webhooks=webhooks,
        signing=signing,
        outbox=outbox,
        notifier=notifier,
        quota_watch=QuotaWatch(notifier, clock),
        webhook_allow_http=settings.webhook_allow_http,
        reader=settings.reader_service_account,
    )


def _looks(settings: Settings, queue: RunQueue) -> Mapping[str, Callable[[], object]]:
    """How each dependency is asked for its health: with less patience than a request for something else has."""
    impatient = open_warehouse(settings, LOOK_S)
    return {"bigquery": lambda: impatient.rows("ready"), "cloud_tasks": lambda: queue.look(LOOK_S)}


def _session_keys(settings: Settings, clock: Clock) -> Keys | None:
    if settings.jwt_jwks_url:
        return PublicKeys(settings.jwt_jwks_url, clock)
    if settings.jwt_secret:
        return SharedSecret(lambda: read_secret(lambda: clients.secret_manager(settings), settings.jwt_secret))
    return None
