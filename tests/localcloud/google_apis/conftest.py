"""A local cloud with a clock of its own, the real Google clients for it, and a target for its tasks."""

import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import kms_v1, run_v2, tasks_v2

from localcloud.google_apis.clock import utc_now
from localcloud.google_apis.identity import TokenIssuer
from localcloud.google_apis.local_cloud import LocalCloud, Settings
from localcloud.wire.listener import HttpAnswer, HttpRequest, Listener

LOCATION = "projects/demo/locations/us-central1"


@dataclass
class FakeClock:
    """Time that passes when told to."""

    now: datetime = datetime(2025, 11, 25, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass
class Target:
    """The URL of a task: records what arrives, answers with the scripted statuses, then 200."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    requests: list[HttpRequest] = field(default_factory=list)

    def answer(self, request: HttpRequest) -> HttpAnswer | None:
        self.requests.append(request)
        status = self.statuses.pop(0) if self.statuses else 200
        return HttpAnswer(status, b"{}") if status else None


def client(kind: Callable[..., Any], url: str) -> Any:
    """A real Google client for the cloud at `url`."""
    options = ClientOptions(api_endpoint=url)
    return kind(transport="rest", credentials=AnonymousCredentials(), client_options=options)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def signing_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One key for all tests: making an RSA key costs more than most of them."""
    TokenIssuer(tmp_path_factory.mktemp("key"), utc_now)
    return next(tmp_path_factory.getbasetemp().glob("key*/oidc_key.pem"))


@pytest.fixture
def settings(tmp_path: Path, clock: FakeClock, signing_key: Path) -> Settings:
    (tmp_path / "state").mkdir()
    shutil.copy(signing_key, tmp_path / "state")
    return Settings(tmp_path / "state", clock=clock, dispatching=False, grace_s=5)


@pytest.fixture
def start_cloud() -> Iterator[Callable[[Settings], LocalCloud]]:
    """Starts clouds, and stops them all at the end; stopping one earlier is allowed."""
    clouds: list[LocalCloud] = []

    def start(settings: Settings) -> LocalCloud:
        clouds.append(LocalCloud(settings))
        clouds[-1].start()
        return clouds[-1]

    yield start
    for cloud in clouds:
        cloud.stop()


@pytest.fixture
def cloud(settings: Settings, start_cloud: Callable[[Settings], LocalCloud]) -> LocalCloud:
    return start_cloud(settings)


@pytest.fixture
def tasks(cloud: LocalCloud) -> Any:
    return client(tasks_v2.CloudTasksClient, cloud.url)


@pytest.fixture
def jobs(cloud: LocalCloud) -> Any:
    return client(run_v2.JobsClient, cloud.url)


@pytest.fixture
def executions(cloud: LocalCloud) -> Any:
    return client(run_v2.ExecutionsClient, cloud.url)


@pytest.fixture
def kms(cloud: LocalCloud) -> Any:
    return client(kms_v1.KeyManagementServiceClient, cloud.url)


@pytest.fixture
def queue(tasks: Any) -> str:
    name = f"{LOCATION}/queues/runs"
    tasks.create_queue(parent=LOCATION, queue={"name": name})
    return name


@pytest.fixture
def target() -> Iterator[Target]:
    target = Target()
    listener = Listener(target.answer, port=0)
    target.url = f"{listener.url}/work"
    listener.start()
    yield target
    listener.stop()


@pytest.fixture
def dispatch(cloud: LocalCloud) -> Callable[[], int]:
    """Sends what is due now, waits for the answers, and returns how many were sent."""

    def dispatch_due() -> int:
        attempts = cloud.dispatcher.dispatch_due()
        assert not wait(attempts, timeout=10).not_done
        return len(attempts)

    return dispatch_due


def new_task(queue: str, task_id: str = "", **fields: Any) -> dict[str, Any]:
    """A task for `create_task`; `url`, `body`, `headers`, tokens go into its HTTP request."""
    http = {key: fields.pop(key) for key in list(fields) if key in _HTTP_FIELDS}
    name = {"name": f"{queue}/tasks/{task_id}"} if task_id else {}
    return {**name, **fields, "http_request": {"url": "http://127.0.0.1:9/", **http}}


_HTTP_FIELDS = ("url", "body", "headers", "http_method", "oidc_token", "oauth_token")


def shell_job(script: str, **template: Any) -> Any:
    """A job that runs a shell script; keywords go to the task template, task_count and parallelism above it."""
    outer = {key: template.pop(key) for key in ("task_count", "parallelism") if key in template}
    container = {"image": "any", "command": ["sh", "-c", script]}
    return run_v2.Job(template={**outer, "template": {"containers": [container], **template}})


def ended(operation: Any) -> Any:
    """The result of an operation, without the whole seconds that the client's own polling takes."""
    wait_until(operation.done)
    return operation.result(timeout=5)


def wait_until(condition: Callable[[], object], at_most_s: float = 10) -> None:
    """Return as soon as the condition holds; fail if it never does."""
    deadline = time.monotonic() + at_most_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)
