"""The composition root of the functions: builds the collaborators of each room, once per instance."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from cloudact import clients, redaction, secrets
from cloudact.clock import Clock, utc_now
from cloudact.notify.notifier import Notifier, open_outbox, open_signing
from cloudact.notify.webhooks import Webhooks
from cloudact.orgs.integrations import Integrations
from cloudact.orgs.vault import Vault
from cloudact.pipelines.registry import Registry, load_registry
from cloudact.runs.ledger import Ledger
from cloudact.settings import Settings
from cloudact.warehouse.bigquery import Warehouse, open_warehouse
from functions.auth import sessions
from functions.auth.api_keys import KeyCache
from functions.auth.authenticate import Authentication
from functions.auth.caller_cache import CallerCache
from functions.auth.key_uses import WAIT_S, KeyUses
from functions.auth.limits import ADMISSIONS, CHECKS, TokenBuckets
from functions.auth.sessions import Keys, PublicKeys, Sessions, SharedSecret
from functions.auth.stored_callers import StoredCallers
from functions.costs.anomaly_answers import AnomalyAnswers
from functions.costs.answers import CostAnswers, KeptAnswers
from functions.costs.collaborators import OrgCosts
from functions.costs.plans import OrgPlans
from functions.costs.states import Shipped, TableStates
from functions.costs.stored_labels import LabelStore
from functions.focus.collaborators import Focus
from functions.health import CALL_TIMEOUT_S, READY_TIMEOUT_S, Dependencies
from functions.orgs import redirects
from functions.orgs.api_keys import OrgKeys
from functions.orgs.collaborators import MemberOperations, OrgOperations
from functions.orgs.connections import Connections
from functions.orgs.dataset_access import DatasetAccess
from functions.orgs.integrations import OrgIntegrations
from functions.orgs.invoices import OrgInvoices
from functions.orgs.key_issue import ApiKeys
from functions.orgs.onboarding import Onboarding
from functions.orgs.org_members import OrgMembers
from functions.orgs.plans import load_plans
from functions.orgs.stored_invoices import Invoices
from functions.orgs.tenant import Tenants
from functions.orgs.webhooks import OrgWebhooks
from functions.runs.admission_facts import Admissions
from functions.runs.collaborators import Runs
from functions.runs.queue import CREATE_TIMEOUT_S, RunQueue
from functions.runs.quota_notices import QuotaNotices
from functions.runs.recent_answers import RecentAnswers
from functions.runs.run_pages import COUNT_WAIT_S, RunPages
from functions.runs.run_rows import RunRows
from functions.schedule.collaborators import Schedule
from functions.schedule.pace import Pace
from functions.schedule.run_rows import ScheduleRows
from functions.web.probes import Probes
from providers import PROVIDERS
from providers.provider import Provider, connect, ids, secret_patterns, sql_folders

PATIENCE_S = 8.0  # a request that waits longer than this is better answered with 503
OPS_PATIENCE_S = 60.0  # the function `ops` reads all orgs at once, and nobody waits for its answer
KMS_PATIENCE_S = 4.0
COSTS_PATIENCE_S = 40.0  # a question may read two years; shorter than Cloud Run gives API
STATES_AT_ONCE = 8  # of tables, beside the requests: one org's
COUNTS_AT_ONCE = 4  # of lists, beside the requests; one that has to wait for its turn may be told too late


@dataclass(frozen=True)
class Rooms:
    """The collaborators of each room, by the names that endpoints give, and what both functions need beside them."""

    project: str
    providers: tuple[Provider, ...]
    origins: frozenset[str]
    key_uses: KeyUses
    registry: Registry
    dependencies: Dependencies
    runs: Runs
    costs: OrgCosts
    schedule: Schedule
    keys: OrgKeys
    integrations: OrgIntegrations
    webhooks: OrgWebhooks
    invoices: OrgInvoices
    operations: OrgOperations
    members: MemberOperations
    focus: Focus


def compose(
    settings: Settings,
    clock: Clock = utc_now,
    *,
    patience_s: float | None = None,
    providers: Sequence[Provider] = PROVIDERS,
) -> Rooms:
    """Builds all rooms from settings and configs; Google's clients are built when first needed.

    `patience_s` bounds a call of BigQuery, by default as long as a request can wait.
    """
    patience_s = settings.time_out(PATIENCE_S) if patience_s is None else patience_s
    redaction.know(secret_patterns(providers))
    warehouse, registry = open_warehouse(settings, patience_s), load_registry(settings.configs_dir, providers)
    ledger, queue, callers = Ledger(warehouse), _queue(settings, clock), StoredCallers(warehouse)
    signing = open_signing(settings)
    outbox = open_outbox(settings, signing, clock)
    webhooks = Webhooks(warehouse, clock)
    notifier = Notifier(webhooks, outbox, ids(providers))
    auth = Authentication(
        keys=KeyCache(callers.api_keys, clock),
        sessions=Sessions(_session_keys(settings, clock), settings, clock),
        members=CallerCache(callers.memberships, clock, bool),
        clock=clock,
    )
    recent = RecentAnswers(clock)
    answers = _cost_answers(settings, clock, warehouse, providers)
    keys = OrgKeys(auth, Tenants(warehouse), ApiKeys(warehouse, clock), callers, clock)
    return Rooms(
        project=settings.project,
        providers=tuple(providers),
        origins=settings.origins,
        key_uses=KeyUses(warehouse, auth.keys, clock, settings.time_out(WAIT_S)),
        registry=registry,
        dependencies=Dependencies(_health_checks(settings, queue), clock, settings.time_out(READY_TIMEOUT_S)),
        runs=Runs(
            auth=auth,
            registry=registry,
            ledger=ledger,
            admissions=Admissions(warehouse),
            rows=RunRows(warehouse),
            pages=_run_pages(settings, warehouse),
            warehouse=warehouse,
            queue=queue,
            quota_notices=QuotaNotices(notifier, clock),
            recent=recent,
            fruitless=TokenBuckets(ADMISSIONS, clock),
            clock=clock,
        ),
        costs=OrgCosts(
            auth,
            answers,
            clock,
            AnomalyAnswers(answers),
            LabelStore(warehouse, clock),
            OrgPlans(warehouse, answers, clock, [provider.id for provider in providers]),
        ),
        schedule=Schedule(
            registry=registry,
            ledger=ledger,
            rows=ScheduleRows(warehouse),
            warehouse=warehouse,
            queue=queue,
            pace=Pace.of(settings),
            notifier=notifier,
            clock=clock,
        ),
        keys=keys,
        integrations=OrgIntegrations(
            auth,
            tuple(providers),
            _connections(settings, clock, warehouse, notifier, providers),
            settings.reader_service_account,
            TokenBuckets(CHECKS, clock),
            recent.changed,
        ),
        webhooks=OrgWebhooks(
            auth,
            webhooks,
            signing,
            outbox,
            clock,
            settings.webhook_allow_http,
            Probes(settings.time_out(redirects.TIMEOUT_S)),
        ),
        invoices=OrgInvoices(auth, Invoices(warehouse, clock), [provider.id for provider in providers], clock),
        operations=OrgOperations(
            _onboarding(settings, clock, warehouse, keys, providers),
            keys.tenants,
            keys,
            OrgMembers(warehouse, clock),
            DatasetAccess(warehouse, settings.dataset_accounts),
        ),
        members=MemberOperations(OrgMembers(warehouse, clock)),
        focus=Focus(auth, warehouse, clock),
    )


def _cost_answers(settings: Settings, clock: Clock, warehouse: Warehouse, providers: Sequence[Provider]) -> CostAnswers:
    shipped = Shipped.with_providers(sql_folders(providers))
    states = TableStates(warehouse, shipped, ThreadPoolExecutor(STATES_AT_ONCE, "table-states"), clock)
    return CostAnswers(open_warehouse(settings, COSTS_PATIENCE_S), states, clock, KeptAnswers())


def _queue(settings: Settings, clock: Clock) -> RunQueue:
    return RunQueue(
        lambda: clients.tasks(settings),
        lambda: clients.google_http(settings),
        settings,
        clock,
        timeout_s=settings.time_out(PATIENCE_S),
        create_timeout_s=settings.time_out(CREATE_TIMEOUT_S),
    )


def _run_pages(settings: Settings, warehouse: Warehouse) -> RunPages:
    counting = ThreadPoolExecutor(COUNTS_AT_ONCE, "run-counts")
    return RunPages(warehouse, counting, settings.time_out(COUNT_WAIT_S))


def _connections(
    settings: Settings, clock: Clock, warehouse: Warehouse, notifier: Notifier, providers: Sequence[Provider]
) -> Connections:
    return Connections(
        Integrations(warehouse, clock, notifier.tell_invalid),
        connect(settings, clock, providers),
        lambda: Vault(clients.kms(settings), settings.kms_key, settings.time_out(KMS_PATIENCE_S)),
        clock,
    )


def _onboarding(
    settings: Settings, clock: Clock, warehouse: Warehouse, keys: OrgKeys, providers: Sequence[Provider]
) -> Onboarding:
    return Onboarding(
        warehouse,
        keys.tenants,
        keys.issued_keys,
        load_plans(settings.configs_dir),
        clock,
        dataset_accounts=settings.dataset_accounts,
        folders=sql_folders(providers),
    )


def _health_checks(settings: Settings, queue: RunQueue) -> Mapping[str, Callable[[], object]]:
    """The calls that tell whether each dependency can be reached, with a shorter time-out than other requests have."""
    timeout_s = settings.time_out(CALL_TIMEOUT_S)
    impatient = open_warehouse(settings, timeout_s)
    return {"bigquery": lambda: impatient.rows("ready"), "cloud_tasks": lambda: queue.look(timeout_s)}


def _session_keys(settings: Settings, clock: Clock) -> Keys | None:
    if settings.jwt_jwks_url:
        return PublicKeys(settings.jwt_jwks_url, clock, settings.time_out(sessions.TIMEOUT_S))
    if settings.jwt_secret:
        return SharedSecret(lambda: _read_secret(settings))
    return None


def _read_secret(settings: Settings) -> bytes:
    manager, timeout_s = clients.secret_manager(settings), settings.time_out(secrets.TIMEOUT_S)
    return secrets.read_secret(manager, settings.jwt_secret, timeout_s)
