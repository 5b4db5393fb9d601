"""Routes of `api`; those of `ops` are in ops_routes.py. What answers a path is imported when it is first asked for."""

import json
from collections.abc import Sequence
from functools import cache, partial

from flask import Flask, Response

from cloudact.error_codes import Code
from cloudact.json_types import JsonObject
from functions.composition import Rooms
from functions.web.app import create_app
from functions.web.bodies import Bodies
from functions.web.cors import allow_origins
from functions.web.endpoints import BASE, Endpoint, Function, add_endpoints
from functions.web.later import importing_later
from functions.web.refusals import (
    ADMINS_ONLY,
    ADMISSION,
    CHECKS,
    CLOUD_TASKS,
    COSTS,
    CREDENTIAL,
    MEMBER_OR_KEY,
    NO_BODY,
    NO_QUERY,
    ONBOARDED,
    ORG_DATASET,
    PIPELINE,
    PROVIDER,
    PROVIDER_AWAY,
    QUOTA,
    RUN,
    RUN_LIST,
    TENANT,
    refused,
)
from providers import PROVIDERS
from providers.provider import Provider

with importing_later(__name__):
    from functions.catalogue import list_pipelines, show_pipeline
    from functions.costs.anomalies import AnomaliesQuery, CostAnomalies, show_anomalies
    from functions.costs.budget_answers import (
        BudgetStandings,
        Forecast,
        ForecastQuery,
        MonthQuery,
        Runways,
        show_forecast,
        show_runway,
        show_standings,
    )
    from functions.costs.budget_endpoints import (
        BalancesBody,
        BalancesState,
        BudgetsBody,
        BudgetsState,
        RecordedBalances,
        RecordedBudgets,
        VersionQuery,
        put_balances,
        put_budgets,
        show_balances,
        show_budgets,
    )
    from functions.costs.endpoints import BYTES, export_costs, show_costs, show_unit_costs
    from functions.costs.inputs import CostsQuery, ExportQuery, UnitCostsQuery
    from functions.costs.label_endpoints import (
        LabelsBody,
        LabelsQuery,
        LabelsState,
        PutLabelsQuery,
        RecordedLabels,
        put_labels,
        show_labels,
    )
    from functions.costs.months import BilledMonths, MonthsQuery, show_months
    from functions.costs.shapes import Costs, UnitCosts
    from functions.error_pages import show_error
    from functions.focus.answers import FocusMetadata
    from functions.focus.metadata import MetadataQuery, show_metadata
    from functions.health import show_health, show_ready
    from functions.orgs.api_keys import rotate, show_keys
    from functions.orgs.integrations import (
        IntegrationList,
        IntegrationState,
        SetupBody,
        list_integrations,
        remove,
        set_up,
        show_integration,
        validate,
        with_providers,
    )
    from functions.orgs.invoices import (
        CSV,
        InvoiceBody,
        InvoiceList,
        InvoiceQuery,
        RecordedInvoices,
        add_invoices,
        list_invoices,
        remove_invoice,
    )
    from functions.orgs.keyless import KeylessQuery, KeylessSetup, show_keyless
    from functions.orgs.member_endpoints import MemberList, MembersQuery, delete_member, list_members, put_member
    from functions.orgs.shapes import MemberBody, MemberState
    from functions.orgs.timeline import Timeline, TimelineQuery, show_timeline
    from functions.orgs.webhook_deliveries import DeliveriesQuery, WebhookDeliveries, list_deliveries
    from functions.orgs.webhooks import (
        Ping,
        WebhookBody,
        WebhookState,
        delete_webhook,
        put_webhook,
        show_webhook,
        test_webhook,
    )
    from functions.runs.backfill import backfill
    from functions.runs.cancel_retry import cancel, retry
    from functions.runs.history import list_own_runs, list_runs, show_own_run, show_run
    from functions.runs.quota_answer import show_quota
    from functions.runs.start import trigger
    from functions.web.answers import (
        Backfilled,
        Cancelled,
        Catalogue,
        Document,
        ErrorPage,
        Health,
        Keys,
        OlderRun,
        Pipeline,
        Quota,
        Readiness,
        RotatedKey,
        RunDetail,
        RunPage,
        Started,
    )
    from functions.web.inputs import (
        BackfillBody,
        ProviderQuery,
        RotateBody,
        RunDetailQuery,
        RunQuery,
        RunsQuery,
        TriggerBody,
        TriggerQuery,
    )
    from functions.web.openapi import answer_document, document


def public_app(rooms: Rooms, bodies: Bodies | None = None) -> Flask:
    """App of the function `api`. `bodies` are as its server has threads for them."""
    app = create_app("api", rooms.project, bodies)
    allow_origins(app, rooms.origins)
    add_endpoints(app, PUBLIC, rooms)
    app.after_request(rooms.key_uses.after)
    return app


def public_document(providers: Sequence[Provider] = PROVIDERS) -> JsonObject:
    """The OpenAPI document of the function `api` with these providers."""
    with_api = [provider.id for provider in providers if provider.url]
    return with_providers(document(API, PUBLIC, with_api), providers)


@cache
def _document_text(providers: tuple[Provider, ...]) -> str:
    return json.dumps(public_document(providers), ensure_ascii=False)


def show_document(providers: tuple[Provider, ...]) -> Response:
    """200 with the OpenAPI document of `api`."""
    return answer_document(API, _document_text(providers))


KEY = {"ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "a key opens one organization"}}
SESSION = {
    "Session": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "the session of a member of the organization; excludes X-API-Key",
    }
}
API = Function(
    title="CloudAct Pipelines",
    description="Runs pipelines that load what cloud and AI providers bill into an organization's BigQuery dataset.",
    security=KEY | SESSION,
    of_callers=MEMBER_OR_KEY,
)
_ORG = "/organizations/<org>"
_RUNS = "/pipelines/<org>/runs"
_INTEGRATIONS = "/integrations/<org>"
_LEFT = ("Location", "RateLimit", "RateLimit-Policy")
_OWN_ORG = refused(400, Code.ORG_AMBIGUOUS)
_TRIGGER = PIPELINE | TENANT | QUOTA | ADMISSION | refused(400, Code.FIELDS_CONFLICT, Code.FIELD_MISSING)
_BACKFILL = PIPELINE | TENANT | ADMISSION | NO_QUERY | refused(400, Code.FIELDS_CONFLICT)
_NOT_RETRIED = refused(409, Code.RUN_NOT_RETRYABLE, Code.RUN_SUPERSEDED)
_RETRY = RUN | NO_BODY | PIPELINE | TENANT | QUOTA | ADMISSION | _NOT_RETRIED
_NO_EVENTS = refused(409, Code.WEBHOOKS_UNAVAILABLE)
_SET_UP = ADMINS_ONLY | PROVIDER | CREDENTIAL | PROVIDER_AWAY | CHECKS
_VALIDATE = NO_BODY | PROVIDER | PROVIDER_AWAY | CHECKS | refused(400, Code.INTEGRATION_MISSING)
_catalogue = partial(Endpoint, room="registry", public=True, conditional=True)
_runs = partial(Endpoint, room="runs")
_costs = partial(Endpoint, room="costs", conditional=True)
_LABELS = (
    ADMINS_ONLY
    | refused(409, Code.LABELS_CHANGED)
    | refused(412, Code.LABELS_CHANGED)
    | refused(400, Code.COSTS_TOO_LARGE)
    | refused(429, Code.COSTS_LIMITED)
    | ORG_DATASET
)
_BUDGETS = ADMINS_ONLY | refused(409, Code.BUDGETS_CHANGED) | refused(412, Code.BUDGETS_CHANGED)
_BALANCES = ADMINS_ONLY | refused(409, Code.BALANCES_CHANGED) | refused(412, Code.BALANCES_CHANGED)
_keys = partial(Endpoint, room="keys")
_webhooks = partial(Endpoint, room="webhooks")
_integrations = partial(Endpoint, room="integrations")
_people = partial(Endpoint, room="people")
_NO_OWNER = ADMINS_ONLY | refused(400, Code.FIELD_INVALID) | refused(409, Code.MEMBER_LAST_OWNER)
_invoices = partial(Endpoint, room="invoices")
PUBLIC: tuple[Endpoint, ...] = (
    _catalogue(
        "GET", "/validator/pipelines", "list_pipelines", list_pipelines, "Pipelines that exist",
        {200: Catalogue}, query=ProviderQuery,
    ),
    _catalogue(
        "GET", "/validator/pipelines/<pipeline>", "pipeline", show_pipeline, "One pipeline",
        {200: Pipeline}, PIPELINE,
    ),
    _runs(
        "POST", "/pipelines/run/<org>/<path:path>", "trigger", trigger,
        "Start a run, or find the one that answers the request; an empty domain is `//` or left out",
        {200: Started, 202: Started}, _TRIGGER, query=TriggerQuery, body=TriggerBody, headers=_LEFT,
        documented=(
            "/pipelines/run/{org}/{provider}/{domain}/{pipeline}",
            "/pipelines/run/{org}/{provider}/{pipeline}",
        ),
    ),
    _runs(
        "POST", "/pipelines/<org>/backfill", "backfill", backfill,
        "Run many dates of a pipeline, the newest first, as far as the day's quota goes",
        {200: Backfilled, 202: Backfilled}, _BACKFILL, body=BackfillBody, headers=_LEFT[1:],
    ),
    _runs("GET", _RUNS, "runs", list_runs, "Runs, newest first", {200: RunPage}, RUN_LIST, query=RunsQuery),
    _runs(
        "GET", f"{_RUNS}/<run_id>", "run", show_run, "One run with its steps; with `wait` held back until it changes",
        {200: RunDetail}, RUN, query=RunDetailQuery, conditional=True, waits=True,
    ),
    _runs(
        "POST", f"{_RUNS}/<run_id>/cancel", "cancel", cancel, "End a run before its time",
        {202: Cancelled}, RUN | NO_BODY | refused(409, Code.RUN_FINAL, Code.RUN_ENDING), query=RunQuery,
    ),
    _runs(
        "POST", f"{_RUNS}/<run_id>/retry", "retry", retry, "The next generation of a failed or cancelled run",
        {200: Started, 202: Started}, _RETRY, query=RunQuery, headers=_LEFT,
    ),
    _runs(
        "GET", "/pipelines/runs", "own_runs", list_own_runs, "Older path: runs of the credential's organization",
        {200: RunPage}, RUN_LIST | _OWN_ORG, query=RunsQuery,
    ),
    _runs(
        "GET", "/pipelines/runs/<pipeline_logging_id>", "own_run", show_own_run, "Older path and shape of one run",
        {200: OlderRun}, RUN | _OWN_ORG, query=RunQuery, conditional=True,
    ),
    _costs(
        "GET", "/costs/<org>", "costs", show_costs, "Costs by period and group, with the completeness of their days",
        {200: Costs}, COSTS, query=CostsQuery, headers=(BYTES,),
    ),
    _costs(
        "GET", "/costs/<org>/unit-costs", "unit_costs", show_unit_costs,
        "Cost of a million tokens by model and type, and what caches have saved",
        {200: UnitCosts}, COSTS, query=UnitCostsQuery, headers=(BYTES,),
    ),
    _costs(
        "GET", f"{_ORG}/labels", "labels", show_labels, "The labels, or an older version of them",
        {200: LabelsState}, refused(404, Code.LABELS_UNKNOWN), query=LabelsQuery,
    ),
    Endpoint(
        "PUT", f"{_ORG}/labels", "put_labels", put_labels,
        "Replace the labels, for all days at once; with `dry_run` tell what that would change",
        {200: RecordedLabels}, _LABELS, query=PutLabelsQuery, body=LabelsBody, room="costs", headers=("ETag",),
        guarded=True,
    ),
    Endpoint(
        "GET", "/costs/<org>/export", "export_costs", export_costs,
        "The costs that a question shows as CSV, or FOCUS rows as Parquet, sent while they are written",
        {}, COSTS, query=ExportQuery, room="costs", headers=(BYTES, "Content-Disposition"),
        files=("text/csv", "application/vnd.apache.parquet"),
    ),
    _costs(
        "GET", "/costs/<org>/anomalies", "anomalies", show_anomalies,
        "What has changed in the costs: since when, by how much, and the query that shows it",
        {200: CostAnomalies}, COSTS, query=AnomaliesQuery, headers=(BYTES,),
    ),
    _costs(
        "GET", "/costs/<org>/months", "billed_months", show_months,
        "What each month costs, what was invoiced for it, and what is left between the two",
        {200: BilledMonths}, COSTS, query=MonthsQuery, headers=(BYTES,),
    ),
    _costs(
        "GET", "/costs/<org>/budgets", "budget_standings", show_standings,
        "How each budget stands in a month: spent, forecast with its range, and what that rests on",
        {200: BudgetStandings}, COSTS, query=MonthQuery, headers=(BYTES,),
    ),
    _costs(
        "GET", "/costs/<org>/forecast", "forecast", show_forecast,
        "What a month will cost, with its range, in total and by provider or label",
        {200: Forecast}, COSTS, query=ForecastQuery, headers=(BYTES,),
    ),
    _costs(
        "GET", "/costs/<org>/runway", "runway", show_runway,
        "What is left of prepaid balances, and when they run out",
        {200: Runways}, COSTS | NO_QUERY, headers=(BYTES,),
    ),
    _costs(
        "GET", f"{_ORG}/budgets", "budgets", show_budgets, "The budgets, or an older version of them",
        {200: BudgetsState}, refused(404, Code.BUDGETS_UNKNOWN), query=VersionQuery,
    ),
    Endpoint(
        "PUT", f"{_ORG}/budgets", "put_budgets", put_budgets,
        "Replace the budgets; one that is as it was keeps its version, and its events are not told again",
        {200: RecordedBudgets}, _BUDGETS | refused(400, Code.LABEL_UNKNOWN), body=BudgetsBody, room="costs",
        headers=("ETag",), guarded=True,
    ),
    _costs(
        "GET", f"{_ORG}/balances", "balances", show_balances, "The prepaid balances, or an older version of them",
        {200: BalancesState}, refused(404, Code.BALANCES_UNKNOWN), query=VersionQuery,
    ),
    Endpoint(
        "PUT", f"{_ORG}/balances", "put_balances", put_balances,
        "Replace the prepaid balances; of a provider and currency the one with the latest day counts",
        {200: RecordedBalances}, _BALANCES, body=BalancesBody, room="costs", headers=("ETag",), guarded=True,
    ),
    _runs("GET", f"{_ORG}/quota", "quota", show_quota, "What is left of the UTC day", {200: Quota}, NO_QUERY),
    _keys("GET", f"{_ORG}/api-key", "api_key", show_keys, "The keys, by their fingerprints", {200: Keys}, NO_QUERY),
    _keys(
        "POST", f"{_ORG}/api-key/rotate", "rotate", rotate, "A new key; the old ones work for a grace period",
        {201: RotatedKey}, ADMINS_ONLY | refused(409, Code.ORG_OFFBOARDED), body=RotateBody,
    ),
    _webhooks(
        "GET", f"{_ORG}/webhook", "webhook", show_webhook, "Where the organization is told of events",
        {200: WebhookState}, NO_QUERY,
    ),
    _webhooks(
        "PUT", f"{_ORG}/webhook", "put_webhook", put_webhook, "Set where and of which events; shows the signing secret",
        {200: WebhookState}, ADMINS_ONLY | _NO_EVENTS | refused(400, Code.WEBHOOK_URL_INVALID), body=WebhookBody,
    ),
    _webhooks(
        "DELETE", f"{_ORG}/webhook", "delete_webhook", delete_webhook, "Send no more events",
        {200: WebhookState}, ADMINS_ONLY | NO_BODY,
    ),
    _webhooks(
        "POST", f"{_ORG}/webhook/test", "test_webhook", test_webhook, "Send a test event",
        {202: Ping}, NO_BODY | _NO_EVENTS | CLOUD_TASKS | refused(404, Code.WEBHOOK_MISSING),
    ),
    _webhooks(
        "GET", f"{_ORG}/webhook/deliveries", "webhook_deliveries", list_deliveries,
        "The last events that were to be posted, and what became of each", {200: WebhookDeliveries},
        query=DeliveriesQuery,
    ),
    Endpoint(
        "GET", f"{_ORG}/timeline", "timeline", show_timeline,
        "What has happened, newest first: runs, restatements, dates given up, credentials, quota, budgets, anomalies",
        {200: Timeline}, RUN_LIST, query=TimelineQuery, room="timeline",
    ),
    _people(
        "GET", f"{_ORG}/members", "members", list_members, "Who may act for it, by their ids",
        {200: MemberList}, refused(400, Code.PAGE_CURSOR_INVALID), query=MembersQuery,
    ),
    _people(
        "PUT", f"{_ORG}/members/<rest:user_id>", "put_member", put_member,
        "Let a person act for the organization, or in another role; only owners make and unmake owners",
        {200: MemberState}, NO_QUERY | _NO_OWNER, body=MemberBody,
    ),
    _people(
        "DELETE", f"{_ORG}/members/<rest:user_id>", "delete_member", delete_member,
        "Let a person act for it no more; everybody may leave but the last owner",
        {200: MemberState}, NO_BODY | _NO_OWNER | refused(404, Code.MEMBER_UNKNOWN),
    ),
    _invoices(
        "GET", f"{_ORG}/invoices", "invoices", list_invoices, "What providers have billed, as it was told",
        {200: InvoiceList}, NO_QUERY,
    ),
    _invoices(
        "POST", f"{_ORG}/invoices", "add_invoices", add_invoices,
        "Tell an invoice, or as CSV up to 1000, all or none; one that was told before is corrected by what differs",
        {200: RecordedInvoices, 201: RecordedInvoices}, ADMINS_ONLY | NO_QUERY, body=InvoiceBody, other_bodies=(CSV,),
    ),
    _invoices(
        "DELETE", f"{_ORG}/invoices", "remove_invoice", remove_invoice, "Count an invoice no more; its rows are kept",
        {200: RecordedInvoices}, ADMINS_ONLY | NO_BODY | refused(404, Code.INVOICE_UNKNOWN), query=InvoiceQuery,
    ),
    _integrations(
        "GET", _INTEGRATIONS, "integrations", list_integrations, "What is set up to reach each provider",
        {200: IntegrationList}, NO_QUERY,
    ),
    _integrations(
        "GET", f"{_INTEGRATIONS}/<provider>", "integration", show_integration, "One of them",
        {200: IntegrationState}, NO_QUERY | PROVIDER,
    ),
    _integrations(
        "GET", f"{_INTEGRATIONS}/gcp/keyless", "keyless", show_keyless,
        "The commands with which the organization lets us read its billing export without a key",
        {200: KeylessSetup}, ONBOARDED | refused(400, Code.KEYLESS_UNAVAILABLE), query=KeylessQuery,
    ),
    _integrations(
        "POST", f"{_INTEGRATIONS}/<provider>/setup", "set_up", set_up,
        "Set up a credential, once the provider has accepted it; what was set up before stays until then. "
        "Ten set-ups and validations of an organization at once, then one in 30 seconds",
        {200: IntegrationState, 201: IntegrationState}, _SET_UP, body=SetupBody,
    ),
    _integrations(
        "POST", f"{_INTEGRATIONS}/<provider>/validate", "validate", validate,
        "Ask the provider again; counts like a set-up",
        {200: IntegrationState}, _VALIDATE,
    ),
    _integrations(
        "DELETE", f"{_INTEGRATIONS}/<provider>", "remove", remove, "Forget the credential",
        {200: IntegrationState}, ADMINS_ONLY | NO_BODY | PROVIDER,
    ),
    Endpoint(
        "GET", "/focus/<org>/metadata", "focus_metadata", show_metadata,
        "FOCUS metadata of `focus_costs`: its columns, how recent each day is, how it is delivered and corrected",
        {200: FocusMetadata}, ORG_DATASET | refused(400, Code.FIELDS_CONFLICT), query=MetadataQuery, room="focus",
        conditional=True,
    ),
    Endpoint(
        "GET", "/health", "health", show_health, "The process answers", {200: Health}, public=True, bases=("", BASE)
    ),
    Endpoint(
        "GET", "/health/ready", "ready", show_ready, "What it depends on answers too",
        {200: Readiness, 503: Readiness}, public=True, room="dependencies", bases=("", BASE),
    ),
    Endpoint(
        "GET", "/errors/<code>", "error", show_error, "What an error code means",
        {200: ErrorPage}, refused(404, Code.CODE_UNKNOWN), public=True, room="providers", bases=("",),
    ),
    Endpoint(
        "GET", "/openapi.json", "openapi", show_document, "This document",
        {200: Document}, public=True, room="providers", conditional=True, bases=("", BASE),
    ),
)  # fmt: skip
