"""Which path is answered by what."""

from collections.abc import Callable

from flask import Flask, Response, jsonify

from functions.api_keys import rotate, show_keys
from functions.app import create_app
from functions.caller import Caller
from functions.catalogue import list_pipelines, show_pipeline
from functions.composition import Api
from functions.integrations import list_integrations, remove, set_up, validate
from functions.onboarding import change_subscription, new_key, offboard, onboard, revoke_key, show_org
from functions.quota import show_quota
from functions.runs import list_runs, show_run
from functions.settle import cancel, retry
from functions.sweep import sweep
from functions.trigger import trigger

BASE = "/api/v1"


def public_app(api: Api) -> Flask:
    """The function `api`."""
    app = create_app("api")
    app.get(f"{BASE}/validator/pipelines")(lambda: list_pipelines(api.registry))
    app.get(f"{BASE}/validator/pipelines/<pipeline>", endpoint="pipeline")(
        lambda pipeline: show_pipeline(api.registry, pipeline)
    )
    app.post(f"{BASE}/pipelines/run/<org>/<path:path>", endpoint="trigger")(lambda org, path: trigger(api, org, path))
    app.get(f"{BASE}/pipelines/<org>/runs", endpoint="runs")(lambda org: list_runs(api, org))
    app.get(f"{BASE}/pipelines/<org>/runs/<run_id>", endpoint="run")(lambda org, run_id: show_run(api, org, run_id))
    run = f"{BASE}/pipelines/<org>/runs/<run_id>"
    app.post(f"{run}/cancel", endpoint="cancel")(lambda org, run_id: cancel(api, org, run_id))
    app.post(f"{run}/retry", endpoint="retry")(lambda org, run_id: retry(api, org, run_id))
    _add_organization(app, api)
    _add_integrations(app, api)
    _add_health(app)
    return app


def _add_organization(app: Flask, api: Api) -> None:
    """An org's keys and quota; and what every request tells of the key that it came with."""
    org = f"{BASE}/organizations/<org>"
    app.get(f"{org}/quota", endpoint="quota")(lambda org: show_quota(api, org))
    app.get(f"{org}/api-key", endpoint="api_key")(lambda org: show_keys(api, org))
    app.post(f"{org}/api-key/rotate", endpoint="rotate")(lambda org: rotate(api, org))
    app.after_request(api.key_uses.after)


def _add_integrations(app: Flask, api: Api) -> None:
    """An org's credentials for the providers."""
    org = f"{BASE}/integrations/<org>"
    app.get(org, endpoint="integrations")(lambda org: list_integrations(api, org))
    app.post(f"{org}/<provider>/setup", endpoint="setup")(lambda org, provider: set_up(api, org, provider))
    app.post(f"{org}/<provider>/validate", endpoint="validate")(lambda org, provider: validate(api, org, provider))
    app.delete(f"{org}/<provider>", endpoint="remove")(lambda org, provider: remove(api, org, provider))


def private_app(api: Api, caller: Caller) -> Flask:
    """The function `ops`: every path but health is for known service accounts only."""
    app = create_app("ops")

    def answer_sweep() -> Response:
        caller.verify()
        return sweep(api)

    app.post("/ops/sweep", endpoint="sweep")(answer_sweep)
    _add_orgs(app, api, caller)
    _add_health(app)
    return app


def _add_orgs(app: Flask, api: Api, caller: Caller) -> None:
    """Orgs and what belongs to them, for operators."""

    def add(method: str, path: str, view: Callable[..., Response]) -> None:
        def answer(**parts: str) -> Response:
            caller.verify()
            return view(api, **parts)

        app.add_url_rule(f"/ops/orgs{path}", view.__name__, answer, methods=[method])

    add("POST", "", onboard)
    add("GET", "/<org>", show_org)
    add("DELETE", "/<org>", offboard)
    add("POST", "/<org>/subscription", change_subscription)
    add("POST", "/<org>/api-key", new_key)
    add("DELETE", "/<org>/api-keys/<fingerprint>", revoke_key)


def _add_health(app: Flask) -> None:
    """`/health`, with and without prefix: the process answers."""

    def health() -> Response:
        return jsonify(status="ok")

    app.get("/health", endpoint="health")(health)
    app.get(f"{BASE}/health", endpoint="health_v1")(health)
