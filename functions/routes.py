"""Which path is answered by what."""

from flask import Flask, Response, jsonify

from functions.app import create_app
from functions.catalogue import list_pipelines, show_pipeline
from functions.composition import Api
from functions.runs import list_runs, show_run
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
    add_health(app)
    return app


def add_health(app: Flask) -> None:
    """`/health`, with and without prefix: the process answers."""

    def health() -> Response:
        return jsonify(status="ok")

    app.get("/health", endpoint="health")(health)
    app.get(f"{BASE}/health", endpoint="health_v1")(health)
