"""Makes in the local cloud what `infra/` makes in a Google Cloud project: datasets, tables, queue, job, key, reader.

Every call but that for the reader is one that the real clients make; all may be repeated. Google's libraries are
imported where they are called: whoever only asks who runs, or removes the state, waits for none.
"""

import base64
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from cloudact import clients
from cloudact.google_api import GoogleApi
from cloudact.google_errors import GoogleRefusal, refused_with
from cloudact.settings import Settings
from cloudact.warehouse.bigquery import open_warehouse
from cloudact.warehouse.datasets import make_service_dataset
from cloudact.warehouse.migrations import Migrations
from localcloud.integrations import let_act_as

JOB_IMAGE = "runner"
PATIENCE_S = 30.0


def provision(settings: Settings) -> None:
    """Everything the service needs before its first org."""
    from localcloud.google_apis.iam_credentials import ANONYMOUS

    warehouse = open_warehouse(settings)
    make_service_dataset(warehouse, Migrations(warehouse, applied_by="provision"), settings.installation)
    _create_queue(settings)
    _create_webhook_queue(settings)
    _create_key(settings)
    _create_webhook_secret(settings)
    _create_job(settings)
    let_act_as(settings, settings.reader_service_account, [ANONYMOUS])


def _create_queue(settings: Settings) -> None:
    queue = {
        "name": settings.queue_path,
        "rate_limits": {"max_dispatches_per_second": 50, "max_concurrent_dispatches": 10},
        "retry_config": {
            "max_attempts": 8,
            "max_retry_duration": timedelta(hours=1),
            "min_backoff": timedelta(seconds=1),
            "max_backoff": timedelta(minutes=5),
            "max_doublings": 4,
        },
    }
    parent = settings.queue_path.rpartition("/queues/")[0]
    _once(lambda: clients.tasks(settings).create_queue(request={"parent": parent, "queue": queue}))


def _create_webhook_queue(settings: Settings) -> None:
    """Google gives up on a task when both limits are reached, so a receiver may be down for a day."""
    queue = {
        "name": settings.webhook_queue_path,
        "rate_limits": {"max_dispatches_per_second": 50, "max_concurrent_dispatches": 100},
        "retry_config": {
            "max_attempts": 10,
            "max_retry_duration": timedelta(hours=24),
            "min_backoff": timedelta(seconds=10),
            "max_backoff": timedelta(hours=1),
            "max_doublings": 9,
        },
    }
    parent = settings.webhook_queue_path.rpartition("/queues/")[0]
    _once(lambda: clients.tasks(settings).create_queue(request={"parent": parent, "queue": queue}))


def _create_webhook_secret(settings: Settings) -> None:
    """What webhooks' keys are derived from: 256 random bits, made once."""
    name = settings.webhook_secret.rpartition("/versions/")[0]
    parent, _, secret_id = name.rpartition("/secrets/")
    manager = clients.secret_manager(settings)
    _make(manager, f"{parent}/secrets", {"secretId": secret_id}, {"replication": {"automatic": {}}})
    try:
        manager.call("GET", f"v1/{name}/versions/1", patience_s=PATIENCE_S)
    except GoogleRefusal as err:
        if not refused_with(err, 404):
            raise
        payload = {"data": base64.b64encode(secrets.token_urlsafe(32).encode()).decode()}
        manager.call("POST", f"v1/{name}:addVersion", {"payload": payload}, patience_s=PATIENCE_S)


def _create_key(settings: Settings) -> None:
    ring, _, key = settings.kms_key.rpartition("/cryptoKeys/")
    parent, _, ring_id = ring.rpartition("/keyRings/")
    kms = clients.kms(settings)
    _make(kms, f"{parent}/keyRings", {"keyRingId": ring_id}, {})
    _make(kms, f"{ring}/cryptoKeys", {"cryptoKeyId": key}, {"purpose": "ENCRYPT_DECRYPT"})


def _create_job(settings: Settings) -> None:
    """The job with its environment; deployed anew each time, since the ports differ from start to start."""
    from google.api_core.client_options import ClientOptions
    from google.api_core.exceptions import Conflict
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.run_v2 import Job, JobsClient

    container = {
        "image": JOB_IMAGE,
        "env": [{"name": name, "value": value} for name, value in settings.to_env().items()],
    }
    task = {
        "containers": [container],
        "max_retries": settings.task_max_retries,
        "timeout": timedelta(hours=1),
    }
    job: Any = Job(template={"task_count": 1, "template": task})
    jobs = JobsClient(
        transport="rest",
        credentials=AnonymousCredentials(),
        client_options=ClientOptions(api_endpoint=settings.run_endpoint),
    )
    parent = f"projects/{settings.project}/locations/{settings.location}"
    try:
        jobs.create_job(parent=parent, job=job, job_id=settings.job).result()
    except Conflict:
        job.name = f"{parent}/jobs/{settings.job}"
        jobs.update_job(job=job).result()


def _make(api: GoogleApi, path: str, named: Mapping[str, str], resource: Mapping[str, Any]) -> None:
    """Makes the resource unless there is one of its name."""
    try:
        api.call("POST", f"v1/{path}", resource, query=named, patience_s=PATIENCE_S)
    except GoogleRefusal as err:
        if not refused_with(err, 409):
            raise


def _once(create: Any) -> None:
    from google.api_core.exceptions import Conflict

    try:
        create()
    except Conflict:
        return
