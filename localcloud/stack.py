"""The local stack: the stand-ins of all providers, and the two functions behind Cloud Run's front; with two demo orgs.

`.local/` holds everything: the state that survives, the logs, who runs, and `stack.json`, which tells clients where to
go.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import requests

from cloudact.settings import ROOT, Settings
from localcloud.cloud_run_services import CloudRunService, start_service
from localcloud.demo_orgs import DEMO_USER, onboard_demo_orgs
from localcloud.google_apis import sessions
from localcloud.onboarding import OnboardedOrg
from localcloud.ownership import owning
from localcloud.process_records import ProcessRecords
from localcloud.processes import Processes, Undisturbed, free_port
from localcloud.provision import provision
from localcloud.schedule import put_schedule
from localcloud.stop_requests import StopRequested
from localcloud.whole_files import write_whole

STATE = ROOT / ".local"
PROJECT, LOCATION = "cloudact-local", "us-central1"
LATE_S = 0.5, 3.0  # until streamed rows can be read: Google says "within a few seconds"
INSTALLATION = "local"  # `make reset` takes the memory of names along with the datasets
KMS_KEY = f"projects/{PROJECT}/locations/{LOCATION}/keyRings/cloudact/cryptoKeys/credentials"
WEBHOOK_SECRET = f"projects/{PROJECT}/secrets/webhooks/versions/1"
Invoker = Literal["no-check", "iam"]  # OPS_INVOKER of infra/env.example
TIMEOUTS_S = {"api": 60, "ops": 900}  # as deployed
FRONT_ENDS = ",".join(f"http://{host}:{port}" for port in (3000, 5173) for host in ("localhost", "127.0.0.1"))
DISPATCHER = f"dispatcher@{PROJECT}.iam.gserviceaccount.com"
API = f"cloudact-api@{PROJECT}.iam.gserviceaccount.com"
SCHEDULER = f"cloudact-scheduler@{PROJECT}.iam.gserviceaccount.com"
OPERATOR = f"cloudact-operator@{PROJECT}.iam.gserviceaccount.com"
READER = f"cloudact-reader@{PROJECT}.iam.gserviceaccount.com"


@dataclass(frozen=True)
class Stack:
    """What `stack.json` holds: URLs without a path, and who may call."""

    api_url: str
    ops_url: str
    bigquery_url: str
    tasks_url: str
    run_url: str
    kms_url: str
    openai_url: str
    anthropic_url: str
    project: str
    location: str
    orgs: list[OnboardedOrg]
    ops_token: str
    jwt: dict[str, str]

    def to_json(self) -> str:
        """The file's text."""
        return json.dumps(asdict(self), indent=2)


@contextmanager
def running_stack(
    state: Path = STATE,
    *,
    api_port: int = 8080,
    ops_port: int = 8081,
    ops_invoker: Invoker = "no-check",
    ops_callers: Sequence[str] = (SCHEDULER, OPERATOR),
    late_streams: bool = False,
    scheduled: bool = False,
    past: bool = False,
    cors_origins: str = FRONT_ENDS,
    undisturbed: Undisturbed = nullcontext,
    say: Callable[[str], None] = lambda _text: None,
) -> Iterator[tuple[Stack, Processes]]:
    """Starts everything, and stops it in the end. Raises `AlreadyRunning` where another process owns the state.

    With `iam` Cloud Run checks who calls ops, else ops alone does. With `late_streams` streamed rows can be read only
    after a time within `LATE_S`, as at Google. With `scheduled` ops is called as Cloud Scheduler calls it. With `past`
    the first demo org has three months of days and runs. Starts and stops of processes are `undisturbed` by signals.
    """
    with owning(state) as tell_url:
        if left := end_left_behind(state):
            say(f"ended {left} processes that an earlier local cloud had left behind")
        processes = Processes(state / "logs", _records(state), undisturbed)
        try:
            settings = _settings(ops_callers, cors_origins)
            _start_cloud(processes, state, settings, late_streams=late_streams)
            services = _start_services(processes, settings, {"api": api_port, "ops": ops_port}, ops_invoker)
            _wait_cloud(processes, settings)
            provision(settings)
            orgs = onboard_demo_orgs(settings, state / "orgs.json", past=past, say=say)
            for service in services:
                service.wait_ready(processes)
            stack = _stack(settings, {service.name: service.url for service in services}, orgs)
            if scheduled:
                put_schedule(settings.run_endpoint, stack.ops_url, SCHEDULER)
            write_whole(state / "stack.json", stack.to_json().encode())
            tell_url(stack.api_url)
            yield stack, processes
        except StopRequested:
            say("\nstopping")
            raise
        finally:
            with undisturbed():
                processes.stop()
                end_left_behind(state)


def end_left_behind(state: Path) -> int:
    """Ends processes that an earlier stack of this folder has left; how many. The caller owns the folder."""
    return _records(state).end_all() + ProcessRecords(state / "google_apis" / "processes").end_all()


def read_stack(state: Path = STATE) -> Stack:
    """The stack that runs; only after its owner has told a URL."""
    stack = json.loads((state / "stack.json").read_text(encoding="utf-8"))
    return Stack(**{**stack, "orgs": [OnboardedOrg(**org) for org in stack["orgs"]]})


def reset(state: Path = STATE) -> bool:
    """Deletes the state; whether there was any. Raises `AlreadyRunning` rather than delete it under a stack."""
    if not state.exists():
        return False
    with owning(state):
        end_left_behind(state)
        shutil.rmtree(state, ignore_errors=True)
    return True


def _records(state: Path) -> ProcessRecords:
    return ProcessRecords(state / "processes")


def _settings(ops_callers: Sequence[str], cors_origins: str) -> Settings:
    bigquery, google, openai, anthropic = (f"http://127.0.0.1:{free_port(port)}" for port in (9050, 9051, 9052, 9053))
    vendors = {"openai": openai, "anthropic": anthropic}
    return local_settings(bigquery, google, vendors, cors_origins).model_copy(
        update={"ops_callers": ",".join(ops_callers), "dataset_readers": API}
    )


def _start_cloud(processes: Processes, state: Path, settings: Settings, *, late_streams: bool) -> None:
    processes.start(
        "bigquery",
        ["-m", "localcloud.bigquery", "--port", _port(settings.bigquery_endpoint),
         "--data-dir", str(state / "bigquery"),
         *(("--stream-delay", *map(str, LATE_S)) if late_streams else ())],
        _environment(),
    )  # fmt: skip
    job = f"*={sys.executable} -m localcloud.job"
    processes.start(
        "google_apis",
        ["-m", "localcloud.google_apis", "--port", _port(settings.run_endpoint),
         "--state-dir", str(state / "google_apis"), "--job-command", job, "--job-cwd", str(ROOT)],
        _environment(),
    )  # fmt: skip
    openai, anthropic = (_port(settings.urls_of_providers[name]) for name in ("openai", "anthropic"))
    processes.start(
        "providers",
        ["-m", "localcloud.providers", "--openai-port", openai, "--anthropic-port", anthropic],
        _environment(),
    )


def _port(url: str) -> str:
    return url.rpartition(":")[2]


def _wait_cloud(processes: Processes, settings: Settings) -> None:
    processes.wait_ready("bigquery", f"{settings.bigquery_endpoint}/bigquery/v2/projects/{PROJECT}/datasets")
    processes.wait_ready("google_apis", f"{settings.run_endpoint}/oauth2/v3/certs")
    processes.wait_ready("providers", f"{settings.urls_of_providers['openai']}/local/requests")


def local_settings(
    bigquery_url: str, google_url: str, provider_urls: Mapping[str, str], cors_origins: str = ""
) -> Settings:
    """The deployment that the local cloud is: only endpoints differ from one in Google's."""
    return Settings(
        project=PROJECT,
        location=LOCATION,
        installation=INSTALLATION,
        kms_key=KMS_KEY,
        dispatcher_service_account=DISPATCHER,
        task_max_retries=1,
        bigquery_endpoint=bigquery_url,
        tasks_endpoint=google_url,
        kms_endpoint=google_url,
        secrets_endpoint=google_url,
        jwt_issuer=google_url + sessions.PATH,
        jwt_jwks_url=google_url + sessions.JWKS_PATH,
        run_endpoint=google_url,
        iam_endpoint=google_url,
        reader_service_account=READER,
        token_uri=f"{google_url}/token",
        token_keys_url=f"{google_url}/oauth2/v3/certs",
        ops_callers=f"{SCHEDULER},{OPERATOR}",
        webhook_secret=WEBHOOK_SECRET,
        webhook_allow_http=True,
        console_secret=WEBHOOK_SECRET,
        console_demo_user=DEMO_USER,
        provider_urls=json.dumps(dict(provider_urls)),
        cors_origins=cors_origins,
    )


def _start_services(
    processes: Processes, settings: Settings, ports: Mapping[str, int], ops_invoker: Invoker
) -> list[CloudRunService]:
    """Starts the functions beside the cloud, which they need only with their first request."""
    invokers = settings.ops_callers.split(",") if ops_invoker == "iam" else []
    return [
        start_service(
            processes, _environment(), settings, name=name, port=port, timeout_s=TIMEOUTS_S[name],
            invokers=invokers if name == "ops" else [],
        )
        for name, port in ports.items()
    ]  # fmt: skip


def _stack(settings: Settings, urls: dict[str, str], orgs: list[OnboardedOrg]) -> Stack:
    return Stack(
        api_url=urls["api"],
        ops_url=urls["ops"],
        bigquery_url=settings.bigquery_endpoint,
        tasks_url=settings.tasks_endpoint,
        run_url=settings.run_endpoint,
        kms_url=settings.kms_endpoint,
        openai_url=settings.urls_of_providers["openai"],
        anthropic_url=settings.urls_of_providers["anthropic"],
        project=settings.project,
        location=settings.location,
        orgs=orgs,
        ops_token=_ops_token(settings, urls["ops"]),
        jwt=requests.get(f"{settings.run_endpoint}/local/session_key", timeout=10).json(),
    )


def _ops_token(settings: Settings, audience: str) -> str:
    asked: dict[str, Any] = {"service_account": SCHEDULER, "audience": audience, "lifetime_s": 86400}
    answer = requests.post(f"{settings.run_endpoint}/local/oidc_token", json=asked, timeout=10)
    answer.raise_for_status()
    return str(answer.json()["token"])


def _environment() -> dict[str, str]:
    """A small environment: the machine's own credentials and settings must not leak into the local cloud."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
