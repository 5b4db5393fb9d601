"""What others leave in queues is not fired, nor what they leave unfinished swept, by the next module of tests."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

import pytest
from flask.testing import FlaskClient

from cloudact import clients
from cloudact.runs.ledger import RunEvent
from cloudact.runs.run import Run, Status
from functions.composition import compose
from functions.routes import public_app
from functions.runs.run_rows import StoredRun
from tests.conftest import NOON, Local


@pytest.fixture(scope="module")
def instance(session_cloud: Local) -> FlaskClient:
    """An instance of the API for all tests of a module; it keeps its answers, so who counts queries takes `api`."""
    return public_app(compose(session_cloud.settings, session_cloud.clock)).test_client()


@pytest.fixture(autouse=True, scope="module")
def runs_are_ended(session_cloud: Local) -> None:
    """A sweep enqueues fifty runs at most, and those of the module must be among them."""
    # Of the events, not of the view: to make the state of all runs of a session takes twenty times as long.
    unfinished = session_cloud.query(
        "SELECT org_slug, run_id, requested_date, MIN(pipeline_id) AS pipeline_id, MIN(pipeline) AS pipeline, "
        "MIN(provider) AS provider, MIN(domain) AS domain, MIN(date) AS date, MIN(generation) AS generation, "
        "MIN(trigger_type) AS trigger_type, MIN(triggered_by) AS triggered_by, MIN(requested_at) AS created_at, "
        "MIN(parameters) AS parameters "
        "FROM organizations.pipeline_run_events GROUP BY requested_date, org_slug, run_id "
        "HAVING LOGICAL_AND(status NOT IN ('SUCCESS', 'FAILED', 'CANCELLED')) AND MIN(parameters) != ''"
    )
    session_cloud.ledger.append_runs([(_run(row), RunEvent(Status.CANCELLED)) for row in unfinished], NOON)


def _run(row: Mapping[str, Any]) -> Run:
    columns: dict[str, Any] = {field.name: row.get(field.name) for field in fields(StoredRun)}
    return StoredRun(**columns).run


@pytest.fixture(autouse=True, scope="module")
def queues_are_emptied(session_cloud: Local) -> Iterator[None]:
    """Whoever fires what is due, fires the tasks of every queue there is."""
    yield
    settings = session_cloud.settings
    tasks = clients.tasks(settings)
    for queue in tasks.list_queues(parent=f"projects/{settings.project}/locations/{settings.location}"):
        tasks.purge_queue(name=queue.name)
