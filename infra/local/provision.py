"""Makes in the local cloud what `infra/` makes in a Google Cloud project: datasets, tables, queue, job, key.

Every call is one that the real clients make, and may be repeated.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import Conflict
from google.auth.credentials import AnonymousCredentials

from cloudact import clients
from cloudact.settings import ROOT, Settings
from cloudact.warehouse import Warehouse

SQL = ROOT / "infra" / "sql"
JOB_IMAGE = "runner"


def provision(settings: Settings) -> None:
    """Everything the service needs before its first org."""
    create_service_tables(settings)
    _create_queue(settings)
    _create_key(settings)
    _create_job(settings)


def create_service_tables(settings: Settings) -> None:
    """The dataset of the service with its tables and views."""
    clients.bigquery(settings).create_dataset(settings.dataset, exists_ok=True)
    _run_scripts(settings, SQL / "organizations", settings.dataset)


def create_org_tables(settings: Settings, dataset: str, *, views: bool = True) -> None:
    """An org's own dataset with its tables, and its views: those take the local BigQuery a second to translate."""
    clients.bigquery(settings).create_dataset(dataset, exists_ok=True)
    _run_scripts(settings, SQL / "org", dataset, "*.sql" if views else "*_raw.sql")


def _run_scripts(settings: Settings, folder: Path, dataset: str, names: str = "*.sql") -> None:
    warehouse = Warehouse(lambda: clients.bigquery(settings), dataset=settings.dataset)
    for script in sorted(folder.glob(names)):
        warehouse.script(script.read_text(encoding="utf-8"), dataset=dataset)


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
    _once(lambda: clients.tasks(settings).create_queue(parent=parent, queue=queue))


def _create_key(settings: Settings) -> None:
    ring, _, key = settings.kms_key.rpartition("/cryptoKeys/")
    parent, _, ring_id = ring.rpartition("/keyRings/")
    kms = clients.kms(settings)
    _once(lambda: kms.create_key_ring(parent=parent, key_ring_id=ring_id, key_ring={}))
    _once(lambda: kms.create_crypto_key(parent=ring, crypto_key_id=key, crypto_key={"purpose": "ENCRYPT_DECRYPT"}))


def _create_job(settings: Settings) -> None:
    """The job with its environment; deployed anew each time, since the ports differ from start to start."""
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


def _once(create: Any) -> None:
    try:
        create()
    except Conflict:
        return
