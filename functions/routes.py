"""Which path is answered by what."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from flask import Flask, Response

from cloudact import logs
from cloudact.orgs.org import is_slug
from functions.auth.service_accounts import Caller
from functions.catalogue import list_pipelines, show_pipeline
from functions.composition import Api
from functions.health import show_health
from functions.orgs.api_keys import rotate, show_keys
from functions.orgs.integrations import (
    IntegrationList,
    IntegrationState,
    SetupBody,
    list_integrations,
    remove,
    set_up,
    validate,
    with_providers,
)
from functions.orgs.keyless import KeylessQuery, KeylessSetup, show_keyless
from functions.orgs.members import remove_member, set_member
from functions.orgs.onboarding import change_subscription, new_key, offboard, onboard, revoke_key, show_org
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
from functions.runs.quota import show_quota
from functions.runs.trigger import trigger
from functions.schedule.daily import daily
from functions.schedule.sweep import sweep
from functions.web.answers import (
    Backfilled,
    Cancelled,
    Catalogue,
    Document,
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
from functions.web.app import create_app
from functions.web.cors import allow_origins
from functions.web.endpoints import BASE, Endpoint, add_endpoints
from functions.web.inputs import BackfillBody, ProviderQuery, RotateBody, RunQuery, RunsQuery, TriggerBody, TriggerQuery
from functions.web.openapi import KEY, SESSION, document, documenting
from providers import PROVIDERS
from providers.provider import Provider


def public_app(api: Api) -> Flask:
    """The function `api`."""
    app = create_app("api", api.project)
    allow_origins(app, api.origins)
    add_endpoints(app, PUBLIC, api)
    app.after_request(api.key_uses.after)
    return app


_ORG = "/organizations/<org>"
_RUNS = "/pipelines/<org>/runs"
_INTEGRATIONS = "/integrations/<org>"
_LEFT = ("Location", "RateLimit", "RateLimit-Policy")
PUBLIC: tuple[Endpoint, ...] = (
    Endpoint(
        "GET", "/validator/pipelines", "list_pipelines", list_pipelines, "Pipelines that exist",
        {200: Catalogue}, (400,), query=ProviderQuery, public=True, conditional=True,
    ),
    Endpoint(
        "GET", "/validator/pipelines/<pipeline>", "pipeline", show_pipeline, "One pipeline",
        {200: Pipeline}, (404,), public=True, conditional=True,
    ),
    Endpoint(
        "POST", "/pipelines/run/<org>/<path:path>", "trigger", trigger,
        "Start a run, or find the one that answers the request; an empty domain is `//` or left out",
        {200: Started, 202: Started}, (404, 415, 429), query=TriggerQuery, body=TriggerBody, headers=_LEFT,
        documented=(
            "/pipelines/run/{org}/{provider}/{domain}/{pipeline}",
            "/pipelines/run/{org}/{provider}/{pipeline}",
        ),
    ),
    Endpoint(
        "POST", "/pipelines/<org>/backfill", "backfill", backfill,
        "Run many dates of a pipeline, the newest first, as far as the day's quota goes",
        {200: Backfilled, 202: Backfilled}, (404, 415), body=BackfillBody, headers=_LEFT[1:],
    ),
    Endpoint("GET", _RUNS, "runs", list_runs, "Runs, newest first", {200: RunPage}, query=RunsQuery),
    Endpoint(
        "GET", f"{_RUNS}/<run_id>", "run", show_run, "One run with its steps",
        {200: RunDetail}, (404,), query=RunQuery, conditional=True,
    ),
    Endpoint(
        "POST", f"{_RUNS}/<run_id>/cancel", "cancel", cancel, "End a run before its time",
        {202: Cancelled}, (404, 409, 415), query=RunQuery,
    ),
    Endpoint(
        "POST", f"{_RUNS}/<run_id>/retry", "retry", retry, "The next generation of a failed or cancelled run",
        {200: Started, 202: Started}, (404, 409, 415, 429), query=RunQuery, headers=_LEFT,
    ),
    Endpoint(
        "GET", "/pipelines/runs", "own_runs", list_own_runs, "Older path: runs of the credential's organization",
        {200: RunPage}, query=RunsQuery,
    ),
    Endpoint(
        "GET", "/pipelines/runs/<pipeline_logging_id>", "own_run", show_own_run, "Older path and shape of one run",
        {200: OlderRun}, (404,), query=RunQuery, conditional=True,
    ),
    Endpoint("GET", f"{_ORG}/quota", "quota", show_quota, "What is left of the UTC day", {200: Quota}),
    Endpoint("GET", f"{_ORG}/api-key", "api_key", show_keys, "The keys, by their fingerprints", {200: Keys}),
    Endpoint(
        "POST", f"{_ORG}/api-key/rotate", "rotate", rotate, "A new key; the old ones work for a grace period",
        {201: RotatedKey}, (409, 415), body=RotateBody,
    ),
    Endpoint(
        "GET", f"{_ORG}/webhook", "webhook", show_webhook, "Where the organization is told of events",
        {200: WebhookState},
    ),
    Endpoint(
        "PUT", f"{_ORG}/webhook", "put_webhook", put_webhook, "Set where and of which events; shows the signing secret",
        {200: WebhookState}, (409, 415), body=WebhookBody,
    ),
    Endpoint(
        "DELETE", f"{_ORG}/webhook", "delete_webhook", delete_webhook, "Send no more events",
        {200: WebhookState}, (415,),
    ),
    Endpoint(
        "POST", f"{_ORG}/webhook/test", "test_webhook", test_webhook, "Send a test event",
        {202: Ping}, (404, 409, 415),
    ),
    Endpoint(
        "GET", _INTEGRATIONS, "integrations", list_integrations, "What is set up to reach each provider",
        {200: IntegrationList},
    ),
    Endpoint(
        "GET", f"{_INTEGRATIONS}/gcp/keyless", "keyless", show_keyless,
        "The commands with which the organization lets us read its billing export without a key",
        {200: KeylessSetup}, query=KeylessQuery,
    ),
    Endpoint(
        "POST", f"{_INTEGRATIONS}/<provider>/setup", "set_up", set_up,
        "Set up a credential, once the provider has accepted it; what was set up before stays until then",
        {200: IntegrationState, 201: IntegrationState}, (404, 415), body=SetupBody,
    ),
    Endpoint(
        "POST", f"{_INTEGRATIONS}/<provider>/validate", "validate", validate, "Ask the provider again",
        {200: IntegrationState}, (404, 415),
    ),
    Endpoint(
        "DELETE", f"{_INTEGRATIONS}/<provider>", "remove", remove, "Forget the credential",
        {200: IntegrationState}, (404, 415),
    ),
    Endpoint(
        "GET", "/health", "health", show_health, "The process answers", {200: Health}, public=True, bases=("", BASE)
    ),
    Endpoint(
        "GET", "/health/ready", "ready", lambda api: api.dependencies.show(), "What it depends on answers too",
        {200: Readiness, 503: Readiness}, public=True, bases=("", BASE),
    ),
    Endpoint(
        "GET", "/openapi.json", "openapi", documenting(lambda providers: public_document(providers)), "This document",
        {200: Document}, public=True, conditional=True, bases=("", BASE),
    ),
)  # fmt: skip


def public_document(providers: Sequence[Provider] = PROVIDERS) -> dict[str, Any]:
    """The OpenAPI document of the function `api`."""
    return with_providers(document(PUBLIC, KEY | SESSION), providers)


def private_app(api: Api, caller: Caller) -> Flask:
    """The function `ops`: every path but health is for known service accounts only."""
    app = create_app("ops", api.project)

    def answer(work: Callable[[Api], Response]) -> Response:
        caller.verify()
        return work(api)

    for work in (daily, sweep):
        app.post(f"/ops/{work.__name__}", endpoint=work.__name__)(partial(answer, work))
    app.get("/ops/caller", endpoint="caller")(caller.show)
    _add_orgs(app, api, caller)
    _add_health(app)
    return app


def _add_orgs(app: Flask, api: Api, caller: Caller) -> None:
    """Orgs and what belongs to them, for operators."""

    def add(method: str, path: str, view: Callable[..., Response]) -> None:
        def answer(**parts: str) -> Response:
            caller.verify()
            if is_slug(parts.get("org", "")):
                logs.know(org_slug=parts["org"])
            return view(api, **parts)

        app.add_url_rule(f"/ops/orgs{path}", view.__name__, answer, methods=[method])

    add("POST", "", onboard)
    add("GET", "/<org>", show_org)
    add("DELETE", "/<org>", offboard)
    add("POST", "/<org>/subscription", change_subscription)
    add("POST", "/<org>/api-key", new_key)
    add("DELETE", "/<org>/api-keys/<fingerprint>", revoke_key)
    add("PUT", "/<org>/members/<user_id>", set_member)
    add("DELETE", "/<org>/members/<user_id>", remove_member)


def _add_health(app: Flask) -> None:
    """`/health`, with and without prefix: the process answers."""
    app.get("/health", endpoint="health")(lambda: show_health(None))
    app.get(f"{BASE}/health", endpoint="health_v1")(lambda: show_health(None))
