"""The composition root of the functions: builds the collaborators of a room with the first request for it."""

import copy
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cloudact import clients, redaction, secrets
from cloudact.clock import Clock, utc_now
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
from functions.runs.recent_answers import RecentAnswers
from functions.web.later import built_once, imported, importing_later
from functions.web.probes import Probes
from providers import PROVIDERS
from providers.provider import Provider, connect, ids, secret_patterns, sql_folders

with importing_later(__name__):
    from cloudact.notify.deliveries import Deliveries
    from cloudact.notify.event_log import EventLog
    from cloudact.notify.notifier import Notifier, open_event_log, open_outbox, open_signing
    from cloudact.notify.signing import Signing
    from cloudact.notify.webhook_posts import Outbox
    from cloudact.notify.webhooks import Webhooks
    from cloudact.orgs.integrations import Integrations
    from cloudact.orgs.vault import Vault
    from cloudact.pipelines.registry import Registry, load_registry
    from functions.costs.anomaly_answers import anomaly_answers
    from functions.costs.answers import CostAnswers, KeptAnswers
    from functions.costs.collaborators import OrgCosts
    from functions.costs.month_answers import month_answers
    from functions.costs.plans import OrgPlans, spending_answers
    from functions.costs.states import Shipped, TableStates
    from functions.costs.stored_budgets import BalanceStore, BudgetStore
    from functions.costs.stored_labels import LabelStore
    from functions.focus.collaborators import Focus
    from functions.health import CALL_TIMEOUT_S, READY_TIMEOUT_S, Dependencies
    from functions.orgs.api_keys import OrgKeys
    from functions.orgs.collaborators import MemberOperations, OrgOperations
    from functions.orgs.connections import Connections
    from functions.orgs.dataset_access import DatasetAccess
    from functions.orgs.integrations import OrgIntegrations
    from functions.orgs.invoices import OrgInvoices
    from functions.orgs.key_issue import ApiKeys
    from functions.orgs.member_endpoints import OrgPeople
    from functions.orgs.onboarding import Onboarding
    from functions.orgs.org_members import OrgMembers
    from functions.orgs.plans import load_plans
    from functions.orgs.redirects import TIMEOUT_S as REDIRECTS_TIMEOUT_S
    from functions.orgs.stored_invoices import Invoices
    from functions.orgs.tenant import Tenants
    from functions.orgs.timeline import OrgTimeline
    from functions.orgs.timeline_pages import TimelinePages
    from functions.orgs.webhooks import OrgWebhooks
    from functions.runs.admission_facts import Admissions
    from functions.runs.collaborators import Runs
    from functions.runs.queue import CREATE_TIMEOUT_S, RunQueue
    from functions.runs.quota_notices import QuotaNotices
    from functions.runs.run_pages import COUNT_WAIT_S, RunPages
    from functions.runs.run_rows import RunRows
    from functions.schedule.collaborators import Schedule
    from functions.schedule.pace import Pace
    from functions.schedule.run_rows import ScheduleRows

PATIENCE_S = 8.0  # a request that waits longer than this is better answered with 503
OPS_PATIENCE_S = 60.0  # the function `ops` reads all orgs at once, and nobody waits for its answer
KMS_PATIENCE_S = 4.0
COSTS_PATIENCE_S = 40.0  # a question may read two years; shorter than Cloud Run gives API
STATES_AT_ONCE = 8  # of tables, beside the requests: one org's
COUNTS_AT_ONCE = 4  # of lists, beside the requests; one that has to wait for its turn may be told too late


class Rooms:
    """The collaborators of each room, by the names that endpoints give, and what both functions need beside them.

    A room is built, and its modules are imported, when it is first needed; one that several threads need at once is
    built once. `patience_s` bounds a call of BigQuery.
    """

    project: str
    providers: tuple[Provider, ...]
    origins: frozenset[str]
    key_uses: KeyUses

    def __init__(self, settings: Settings, clock: Clock, patience_s: float, providers: Sequence[Provider]) -> None:
        self._settings, self._clock = settings, clock
        self._warehouse = open_warehouse(settings, patience_s)
        self._ledger, self._callers = Ledger(self._warehouse), StoredCallers(self._warehouse)
        self._recent = RecentAnswers(clock)
        self._auth = Authentication(
            keys=KeyCache(self._callers.api_keys, clock),
            sessions=Sessions(_session_keys(settings, clock), settings, clock),
            members=CallerCache(self._callers.memberships, clock, bool),
            clock=clock,
        )
        self.project = settings.project
        self.providers = tuple(providers)
        self.origins = settings.origins
        self.key_uses = KeyUses(self._warehouse, self._auth.keys, clock, settings.time_out(WAIT_S))

    def replaced(self, **rooms: Any) -> "Rooms":
        """Copy that has these rooms in the place of its own."""
        other = copy.copy(self)
        vars(other).update(rooms)
        return other

    @built_once
    def registry(self) -> Registry:
        """The pipelines that exist."""
        return load_registry(self._settings.configs_dir, self.providers)

    @built_once
    def dependencies(self) -> Dependencies:
        """Health checks of what the service depends on."""
        within_s = self._settings.time_out(imported(READY_TIMEOUT_S))
        return Dependencies(_health_checks(self._settings, self._queue), self._clock, within_s)

    @built_once
    def runs(self) -> Runs:
        """Runs of orgs."""
        return Runs(
            auth=self._auth,
            registry=self.registry,
            ledger=self._ledger,
            admissions=Admissions(self._warehouse),
            rows=RunRows(self._warehouse),
            pages=_run_pages(self._settings, self._warehouse),
            warehouse=self._warehouse,
            queue=self._queue,
            quota_notices=QuotaNotices(self._notifier, self._clock),
            recent=self._recent,
            fruitless=TokenBuckets(ADMISSIONS, self._clock),
            clock=self._clock,
        )

    @built_once
    def costs(self) -> OrgCosts:
        """Costs of orgs, with their anomalies and labels."""
        answers = _cost_answers(self._settings, self._clock, self._warehouse, self.providers)
        labels = LabelStore(self._warehouse, self._clock)
        return OrgCosts(
            self._auth,
            answers,
            self._clock,
            anomaly_answers(answers),
            labels,
            month_answers(answers),
            self._plans(answers),
        )

    def _plans(self, answers: CostAnswers) -> OrgPlans:
        return OrgPlans(
            BudgetStore(self._warehouse, self._clock),
            BalanceStore(self._warehouse, self._clock),
            spending_answers(answers, self._clock),
            [provider.id for provider in self.providers],
        )

    @built_once
    def schedule(self) -> Schedule:
        """Everything that Cloud Scheduler asks for."""
        return Schedule(
            registry=self.registry,
            ledger=self._ledger,
            rows=ScheduleRows(self._warehouse),
            warehouse=self._warehouse,
            queue=self._queue,
            pace=imported(Pace).of(self._settings),
            notifier=self._notifier,
            deliveries=self._deliveries,
            clock=self._clock,
        )

    @built_once
    def keys(self) -> OrgKeys:
        """Keys of orgs."""
        issued = ApiKeys(self._warehouse, self._clock)
        return OrgKeys(self._auth, Tenants(self._warehouse), issued, self._callers, self._clock)

    @built_once
    def integrations(self) -> OrgIntegrations:
        """Credentials of orgs for their providers."""
        return OrgIntegrations(
            self._auth,
            self.providers,
            _connections(self._settings, self._clock, self._warehouse, self._notifier, self.providers),
            self._settings.reader_service_account,
            TokenBuckets(CHECKS, self._clock),
            self._recent.changed,
        )

    @built_once
    def webhooks(self) -> OrgWebhooks:
        """Webhooks of orgs."""
        return OrgWebhooks(
            self._auth,
            self._webhooks,
            self._signing,
            self._outbox,
            self._clock,
            self._settings.webhook_allow_http,
            Probes(self._settings.time_out(imported(REDIRECTS_TIMEOUT_S))),
            self._deliveries,
            self._events,
        )

    @built_once
    def invoices(self) -> OrgInvoices:
        """What providers have billed."""
        stored = Invoices(self._warehouse, self._clock)
        return OrgInvoices(self._auth, stored, [provider.id for provider in self.providers], self._clock)

    @built_once
    def operations(self) -> OrgOperations:
        """What operators do with orgs."""
        return OrgOperations(
            _onboarding(self._settings, self._clock, self._warehouse, self.keys, self.providers),
            self.keys.tenants,
            self.keys,
            OrgMembers(self._warehouse, self._clock),
            DatasetAccess(self._warehouse, self._settings.dataset_accounts),
        )

    @built_once
    def members(self) -> MemberOperations:
        """What operators do with members."""
        return MemberOperations(OrgMembers(self._warehouse, self._clock))

    @built_once
    def people(self) -> OrgPeople:
        """Members of an org, for themselves."""
        return OrgPeople(self._auth, OrgMembers(self._warehouse, self._clock))

    @built_once
    def timeline(self) -> OrgTimeline:
        """What has happened in an org."""
        return OrgTimeline(self._auth, TimelinePages(self._warehouse), self._clock)

    @built_once
    def focus(self) -> Focus:
        """FOCUS metadata of an org's costs."""
        return Focus(self._auth, self._warehouse, self._clock)

    @built_once
    def _queue(self) -> RunQueue:
        return RunQueue(
            lambda: clients.tasks(self._settings),
            lambda: clients.google_http(self._settings),
            self._settings,
            self._clock,
            timeout_s=self._settings.time_out(PATIENCE_S),
            create_timeout_s=self._settings.time_out(imported(CREATE_TIMEOUT_S)),
        )

    @built_once
    def _webhooks(self) -> Webhooks:
        return Webhooks(self._warehouse, self._clock)

    @built_once
    def _signing(self) -> Signing:
        return open_signing(self._settings)

    @built_once
    def _outbox(self) -> "Outbox | None":
        return open_outbox(self._settings, self._signing, self._clock)

    @built_once
    def _notifier(self) -> Notifier:
        return Notifier(self._webhooks, self._outbox, self._events, ids(self.providers))

    @built_once
    def _events(self) -> "EventLog":
        return open_event_log(self._settings, self._clock)

    @built_once
    def _deliveries(self) -> Deliveries:
        return Deliveries(self._warehouse, self._outbox, self._events, self._clock)


def compose(
    settings: Settings,
    clock: Clock = utc_now,
    *,
    patience_s: float | None = None,
    providers: Sequence[Provider] = PROVIDERS,
) -> Rooms:
    """Rooms for these settings and configs; Google's clients are built when first needed.

    `patience_s` bounds a call of BigQuery, by default as long as a request can wait.
    """
    redaction.know(secret_patterns(providers))
    return Rooms(settings, clock, settings.time_out(PATIENCE_S) if patience_s is None else patience_s, providers)


def _cost_answers(settings: Settings, clock: Clock, warehouse: Warehouse, providers: Sequence[Provider]) -> CostAnswers:
    shipped = imported(Shipped).with_providers(sql_folders(providers))
    states = TableStates(warehouse, shipped, ThreadPoolExecutor(STATES_AT_ONCE, "table-states"), clock)
    return CostAnswers(open_warehouse(settings, COSTS_PATIENCE_S), states, clock, KeptAnswers())


def _run_pages(settings: Settings, warehouse: Warehouse) -> RunPages:
    counting = ThreadPoolExecutor(COUNTS_AT_ONCE, "run-counts")
    return RunPages(warehouse, counting, settings.time_out(imported(COUNT_WAIT_S)))


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
    timeout_s = settings.time_out(imported(CALL_TIMEOUT_S))
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
