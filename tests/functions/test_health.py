"""GET /health and /health/ready: without a key, and honest about what cannot be reached."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient

from functions.composition import compose
from functions.health import READY_TIMEOUT_S, Dependencies
from functions.routes import public_app
from localcloud.google_apis.rest.faults import Fault
from tests.conftest import Local
from tests.fault_proxy import Doorman


@pytest.mark.parametrize("base", ["", "/api/v1"])
def test_all_is_well(api: FlaskClient, base: str) -> None:
    """The process answers, and so do BigQuery and Cloud Tasks."""
    assert api.get(f"{base}/health").get_json() == {"status": "ok"}
    ready = api.get(f"{base}/health/ready").get_json()
    assert ready == {"status": "ok", "checks": {"bigquery": "ok", "cloud_tasks": "ok"}}


def soon_given_up(local: Local, **settings: Any) -> FlaskClient:
    """The function, which gives up what hangs after three seconds; it has reached everything before."""
    update = {"timeout_factor": 2.0, **settings}
    api = public_app(compose(local.settings.model_copy(update=update), local.clock)).test_client()
    for _ in range(20):
        if api.get("/health/ready").status_code == 200:
            break
        local.clock.advance(seconds=6)
    else:
        pytest.fail("it is never ready")
    local.clock.advance(seconds=6)
    return api


@pytest.mark.parametrize("kind", ["error", "delay"])
def test_cloud_tasks_is_away(local: Local, kind: str) -> None:
    """What fails or hangs is named with 503, and seen again once it is back."""
    api = soon_given_up(local)
    local.google.faults.add(Fault(api="tasks", method="GetQueue", kind=kind, delay_s=8.0 if kind == "delay" else 0))  # type: ignore[arg-type]
    try:
        answer = api.get("/health/ready")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
        assert answer.get_json()["checks"] == {"bigquery": "ok", "cloud_tasks": "unavailable"}
    finally:
        local.google.faults.clear()
    assert api.get("/health/ready").status_code == 503
    local.clock.advance(seconds=6)
    assert api.get("/health/ready").status_code == 200


def test_bigquery_is_away(local: Local) -> None:
    """BigQuery refusing every query is 503; asked again at once, nobody asks BigQuery."""
    api = soon_given_up(local)
    faults = f"{local.settings.bigquery_endpoint}/local/faults"
    fault = {"method": "POST", "path_regex": ".*/queries", "status": 503, "times": 1000}
    requests.post(faults, json=fault, timeout=5).raise_for_status()
    try:
        assert api.get("/health/ready").get_json()["checks"]["bigquery"] == "unavailable"
        assert api.get("/health/ready").status_code == 503
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


def asking(local: Local, looks: dict[str, Callable[[], object]], within_s: float) -> FlaskClient:
    """The function, with dependencies that answer as told."""
    dependencies = Dependencies(looks, local.clock, within_s)
    return public_app(compose(local.settings, local.clock).replaced(dependencies=dependencies)).test_client()


@pytest.fixture
def gate() -> Iterator[Event]:
    """Whoever waits for it hangs until the test is over."""
    closed = Event()
    yield closed
    closed.set()


def test_an_answer_waits_for_nothing_that_hangs(local: Local, gate: Event) -> None:
    """A look that never ends is waited for as long as told, which leaves half a second of the two; the others count.

    It is asked once, whoever asks how often: what hangs takes one thread and never the others'.
    """
    asked: list[str] = []

    def hangs() -> None:
        asked.append("hangs")
        gate.wait()

    api = asking(local, {"hangs": hangs, "well": lambda: asked.append("well")}, within_s=0.3)
    for _ in range(5):
        answer = api.get("/health/ready")
        assert (answer.status_code, answer.get_json()["checks"]) == (503, {"hangs": "unavailable", "well": "ok"})
        local.clock.advance(seconds=6)
    assert not gate.is_set()
    assert (asked.count("hangs"), asked.count("well")) == (1, 5)
    assert READY_TIMEOUT_S <= 1.5


def test_what_hung_is_asked_again(local: Local, gate: Event) -> None:
    """Once the look that hung has ended, the next one counts."""
    ended = Event()

    def hangs_once() -> None:
        gate.wait()
        ended.set()

    api = asking(local, {"hangs": hangs_once}, within_s=0.02)
    assert api.get("/health/ready").status_code == 503
    gate.set()
    assert ended.wait(10)
    local.clock.advance(seconds=6)
    assert api.get("/health/ready").status_code == 200


def test_bigquery_hangs(local: Local, gate: Event) -> None:
    """A BigQuery that takes every question and answers none is named, and Cloud Tasks is seen all the same."""
    door = Doorman(local.settings.bigquery_endpoint)

    def hang() -> None:
        door.at_first("/queries", "before", hang)
        gate.wait()

    api = soon_given_up(local, bigquery_endpoint=door.url)
    door.at_first("/queries", "before", hang)
    for _ in range(2):
        checks = api.get("/health/ready").get_json()["checks"]
        assert checks == {"bigquery": "unavailable", "cloud_tasks": "ok"}
        local.clock.advance(seconds=6)
    gate.set()
    door.close()
