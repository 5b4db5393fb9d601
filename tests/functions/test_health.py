"""GET /health and /health/ready: without a key, and honest about what cannot be reached."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from flask.testing import FlaskClient

from functions.composition import compose
from functions.routes import public_app
from infra.local.google_apis.rest.faults import Fault
from tests.conftest import Local


@pytest.mark.parametrize("base", ["", "/api/v1"])
def test_all_is_well(api: FlaskClient, base: str) -> None:
    """The process answers, and so do BigQuery and Cloud Tasks."""
    assert api.get(f"{base}/health").get_json() == {"status": "ok"}
    ready = api.get(f"{base}/health/ready").get_json()
    assert ready == {"status": "ok", "checks": {"bigquery": "ok", "cloud_tasks": "ok"}}


@pytest.mark.parametrize("kind", ["error", "delay"])
def test_cloud_tasks_is_away(local: Local, kind: str) -> None:
    """What fails or hangs is named with 503 within two seconds, and seen again once it is back."""
    api = public_app(compose(local.settings, local.clock)).test_client()
    assert api.get("/health/ready").status_code == 200
    local.clock.advance(seconds=6)
    local.google.faults.add(Fault(api="tasks", method="GetQueue", kind=kind, delay_s=4.0 if kind == "delay" else 0))  # type: ignore[arg-type]
    try:
        began = time.monotonic()
        answer = api.get("/health/ready")
        assert time.monotonic() - began < 2.5
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
        assert answer.get_json()["checks"] == {"bigquery": "ok", "cloud_tasks": "unavailable"}
    finally:
        local.google.faults.clear()
    assert api.get("/health/ready").status_code == 503
    local.clock.advance(seconds=6)
    assert api.get("/health/ready").status_code == 200


def test_bigquery_is_away(local: Local) -> None:
    """BigQuery refusing every query is 503 within two seconds; asked again at once, nobody asks BigQuery."""
    api = public_app(compose(local.settings, local.clock)).test_client()
    faults = f"{local.settings.bigquery_endpoint}/local/faults"
    fault = {"method": "POST", "path_regex": ".*/queries", "status": 503, "times": 1000}
    requests.post(faults, json=fault, timeout=5).raise_for_status()
    try:
        began = time.monotonic()
        assert api.get("/health/ready").get_json()["checks"]["bigquery"] == "unavailable"
        assert api.get("/health/ready").status_code == 503
        assert time.monotonic() - began < 2.5
        assert api.get("/health").status_code == 200
    finally:
        requests.delete(faults, timeout=5).raise_for_status()


def test_many_ask_at_once(local: Local) -> None:
    """A crowd is answered by one look, and nobody gets a 500; a slow answer is not a wrong one."""
    app = public_app(compose(local.settings, local.clock))
    local.google.faults.add(Fault(api="tasks", method="GetQueue", kind="delay", delay_s=0.5))
    local.google.traffic.reset()
    try:
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda _: app.test_client().get("/health/ready").status_code, range(40)))
    finally:
        local.google.faults.clear()
    assert set(answers) == {200}
    assert [told["calls"] for name, told in local.google.traffic.summary().items() if "GetQueue" in name] == [1]
