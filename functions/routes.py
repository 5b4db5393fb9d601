"""Which path is answered by what."""

from flask import Flask, Response, jsonify

from functions.app import create_app
from functions.caller import Caller
from functions.catalogue import list_pipelines, show_pipeline
from functions.composition import Api
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
    _add_health(app)
    return app


def private_app(api: Api, caller: Caller) -> Flask:
    """The function `ops`: every path but health is for known service accounts only."""
    app = create_app("ops")

    def answer_sweep() -> Response:
        caller.verify()
        return sweep(api)

    app.post("/ops/sweep", endpoint="sweep")(answer_sweep)
    _add_health(app)
    return app


def _add_health(app: Flask) -> None:
    """`/health`, with and without prefix: the process answers."""

    def health() -> Response:
        return jsonify(status="ok")

    app.get("/health", endpoint="health")(health)
    app.get(f"{BASE}/health", endpoint="health_v1")(health)
