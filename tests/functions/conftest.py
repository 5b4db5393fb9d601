"""What a module of these tests leaves in queues is not fired by the next one."""

from collections.abc import Iterator

import pytest

from cloudact import clients
from tests.conftest import Local


@pytest.fixture(autouse=True, scope="module")
def queues_are_emptied(session_cloud: Local) -> Iterator[None]:
    """Whoever fires what is due, fires the tasks of every queue there is."""
    yield
    settings = session_cloud.settings
    tasks = clients.tasks(settings)
    for queue in tasks.list_queues(parent=f"projects/{settings.project}/locations/{settings.location}"):
        tasks.purge_queue(name=queue.name)
