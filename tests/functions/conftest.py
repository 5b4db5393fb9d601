"""What others leave in queues is not fired, nor what they leave unfinished swept, by the next module of tests."""

from collections.abc import Iterator

import pytest

from cloudact import clients
from cloudact.runs.ledger import RunEvent
from cloudact.runs.run import Status
from functions.runs.history import run_of
from tests.conftest import NOON, Local


@pytest.fixture(autouse=True, scope="module")
def runs_are_ended(session_cloud: Local) -> None:
    """A sweep enqueues fifty runs at most, and those of the module must be among them."""
    unfinished = session_cloud.query(
        "SELECT * FROM organizations.org_meta_pipeline_runs WHERE status IN ('PENDING', 'RUNNING') AND parameters != ''"
    )
    session_cloud.ledger.append_runs([(run_of(row), RunEvent(Status.CANCELLED)) for row in unfinished], NOON)


@pytest.fixture(autouse=True, scope="module")
def queues_are_emptied(session_cloud: Local) -> Iterator[None]:
    """Whoever fires what is due, fires the tasks of every queue there is."""
    yield
    settings = session_cloud.settings
    tasks = clients.tasks(settings)
    for queue in tasks.list_queues(parent=f"projects/{settings.project}/locations/{settings.location}"):
        tasks.purge_queue(name=queue.name)
