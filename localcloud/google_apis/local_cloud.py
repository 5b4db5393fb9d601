"""The composition root: one process, one port, Cloud Tasks, Run jobs, Scheduler, KMS, secrets, IAM, sessions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.cloud import run_v2
from google.cloud.kms_v1.services.key_management_service.transports.rest import (
    KeyManagementServiceRestTransport,
)
from google.cloud.run_v2.services.executions.transports.rest import ExecutionsRestTransport
from google.cloud.run_v2.services.jobs.transports.rest import JobsRestTransport
from google.cloud.secretmanager_v1.services.secret_manager_service.transports.rest import (
    SecretManagerServiceRestTransport,
)
from google.cloud.tasks_v2.services.cloud_tasks.transports.rest import CloudTasksRestTransport

from infra.discovery.check import tally
from localcloud.google_apis.clock import Clock, utc_now
from localcloud.google_apis.database import Database
from localcloud.google_apis.iam_credentials import IamCredentials, IamCredentialsRestTransport
from localcloud.google_apis.identity import TokenIssuer
from localcloud.google_apis.kms.administration import KeyAdministration
from localcloud.google_apis.kms.encryption import Encryption
from localcloud.google_apis.kms.key_store import KeyStore
from localcloud.google_apis.message_store import SCHEMA, MessageStore
from localcloud.google_apis.rest.faults import Fault, Faults
from localcloud.google_apis.rest.operations import Operations
from localcloud.google_apis.rest.server import Api, LocalEndpoint, RestServer
from localcloud.google_apis.run.container import Images
from localcloud.google_apis.run.executions import Executions
from localcloud.google_apis.run.jobs import Jobs
from localcloud.google_apis.run.names import require_oauth
from localcloud.google_apis.run.region import Region
from localcloud.google_apis.run.running_execution import Surroundings
from localcloud.google_apis.scheduler.scheduler import Scheduler
from localcloud.google_apis.secret_manager import SecretManager
from localcloud.google_apis.service_accounts import ServiceAccounts
from localcloud.google_apis.sessions import JWKS_PATH, SessionIssuer
from localcloud.google_apis.tasks.dispatch import Dispatcher
from localcloud.google_apis.tasks.queues import Queues
from localcloud.google_apis.tasks.task_store import TaskStore
from localcloud.google_apis.tasks.tasks import Tasks
from localcloud.process_records import ProcessRecords
from localcloud.wire.listener import Listener
from localcloud.wire.traffic import Traffic


@dataclass(frozen=True)
class Settings:
    """`dispatching` False leaves sending to calls of `dispatcher.dispatch_due` and `scheduler.call_due`.

    So tests with a clock do. `follows_redirects` is what Cloud Tasks may do.
    """

    state_dir: Path
    port: int = 0
    images: Images = field(default_factory=Images)
    max_running: int = 4
    grace_s: float = 10.0
    clock: Clock = utc_now
    dispatching: bool = True
    follows_redirects: bool = True


class LocalCloud:
    """Built from settings, serving between `start` and `stop`, remembering everything in the state dir."""

    def __init__(self, settings: Settings) -> None:
        settings.state_dir.mkdir(parents=True, exist_ok=True)
        self._settings = settings
        self._operations = Operations()
        self.faults = Faults()
        self.traffic = Traffic()
        self.issuer = TokenIssuer(settings.state_dir, settings.clock)
        self.sessions = SessionIssuer(settings.state_dir, settings.clock)
        self.service_accounts = ServiceAccounts(settings.state_dir, self.issuer)
        self.iam_credentials = IamCredentials(settings.state_dir, self.issuer)
        self._task_store = TaskStore(settings.state_dir)
        self._key_store = KeyStore(settings.state_dir)
        self._secrets = SecretManager(settings.state_dir, settings.clock)
        self._run_database = Database(settings.state_dir / "run_jobs.sqlite3", SCHEMA)
        self.dispatcher = Dispatcher(
            self._task_store, self.issuer, settings.clock, follows_redirects=settings.follows_redirects
        )
        self.scheduler = Scheduler(self.issuer, settings.clock)
        self._executions = MessageStore(self._run_database, run_v2.Execution)
        self.region = Region(self._executions, self._surroundings(), settings.max_running)
        secrets = Api("secrets", SecretManagerServiceRestTransport, self._secrets)
        iam = Api("iam", IamCredentialsRestTransport, self.iam_credentials, tells_headers=True)
        apis = [*self._tasks_apis(), *self._run_apis(), *self._kms_apis(), secrets, iam]
        server = RestServer(apis, self._local_endpoints(), self.faults, self.traffic)
        self._listener = Listener(server.answer, settings.port)
        self.url = self._listener.url

    def _surroundings(self) -> Surroundings:
        settings = self._settings
        state = settings.state_dir.resolve()
        records = ProcessRecords(state / "processes")
        return Surroundings(settings.images, state / "logs", records, settings.clock, settings.grace_s)

    def _tasks_apis(self) -> list[Api]:
        store, clock, dispatcher = self._task_store, self._settings.clock, self.dispatcher
        queues = Queues(store, clock, dispatcher.wake)
        tasks = Tasks(store, clock, self._operations, dispatcher.wake, dispatcher.dispatch_now)
        return [Api("tasks", CloudTasksRestTransport, service) for service in (queues, tasks)]

    def _run_apis(self) -> list[Api]:
        jobs = Jobs(
            MessageStore(self._run_database, run_v2.Job), self._executions, self.region,
            self._operations, self._settings.clock,
        )  # fmt: skip
        executions = Executions(self._executions, self.region, self._operations)
        return [
            Api("run", JobsRestTransport, jobs, require_oauth),
            Api("run", ExecutionsRestTransport, executions, require_oauth),
            Api("operations", JobsRestTransport, self._operations),
        ]

    def _kms_apis(self) -> list[Api]:
        administration = KeyAdministration(self._key_store, self._settings.clock)
        services = (administration, Encryption(self._key_store, administration))
        return [Api("kms", KeyManagementServiceRestTransport, service) for service in services]

    def _local_endpoints(self) -> Mapping[tuple[str, str], LocalEndpoint]:
        """Ours, beside Google's: everything under /local, and the key set under Google's own path."""
        faults, traffic, issuer, accounts = self.faults, self.traffic, self.issuer, self.service_accounts
        iam, scheduler = self.iam_credentials, self.scheduler
        return {
            ("GET", "/oauth2/v3/certs"): lambda _request: issuer.jwks(),
            ("GET", JWKS_PATH): lambda _request: self.sessions.jwks(),
            ("GET", "/local/session_key"): lambda _request: self.sessions.signing_key(self.url),
            ("POST", "/token"): lambda request: accounts.token(request.body),
            ("POST", "/local/service_accounts"): lambda request: accounts.register(request.body),
            ("DELETE", "/local/service_accounts"): lambda request: accounts.remove(request.body),
            ("POST", "/local/impersonation"): lambda request: iam.put(request.body),
            ("DELETE", "/local/impersonation"): lambda request: iam.remove(request.body),
            ("POST", "/local/oidc_token"): lambda request: issuer.mint(request.body),
            ("GET", "/local/schedule"): lambda _request: scheduler.listed(),
            ("POST", "/local/schedule"): lambda request: scheduler.put(request.body),
            ("POST", "/local/schedule/run"): lambda request: scheduler.run(request.body),
            ("GET", "/local/faults"): lambda _request: faults.in_force(),
            ("POST", "/local/faults"): lambda request: _add_fault(faults, request.body),
            ("DELETE", "/local/faults"): lambda _request: faults.clear(),
            ("GET", "/local/requests"): lambda _request: traffic.summary(),
            ("DELETE", "/local/requests"): lambda _request: traffic.reset(),
            ("GET", "/local/schemas"): lambda _request: tally().counts(),
        }

    def start(self) -> None:
        """Serve."""
        self._listener.start()
        if self._settings.dispatching:
            self.dispatcher.start()
            self.scheduler.start()

    def stop(self) -> None:
        """Close the port, end every job process, release the files."""
        self._listener.stop()
        self.scheduler.stop()
        self.dispatcher.stop()
        self.region.stop()
        for store in (self._task_store, self._key_store, self._secrets, self._run_database):
            store.close()


def _add_fault(faults: Faults, body: bytes) -> dict[str, Any]:
    fault = Fault.model_validate_json(body)
    faults.add(fault)
    return fault.model_dump()
