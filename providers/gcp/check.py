"""Proves that a credential of Google's reads the billing export: finds it, and has BigQuery plan a query on it.

Made for requests: few attempts, short waits. Needs bigquery.jobs.create on the credential's project, and the right to
read the export.
"""

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cloudact.error_codes import Code
from cloudact.errors import Retry
from cloudact.orgs.org import Auth, Onboarded
from providers.gcp.access import open_bigquery, read_access
from providers.gcp.errors import translating_source_errors
from providers.gcp.export import CallLimits, ExportTable, find_export
from providers.gcp.keyless import offered
from providers.gcp.names import DEFAULT_DATASET, DEFAULT_TABLE
from providers.gcp.settings import GcpSettings
from providers.provider import CheckContext, Credential, Proof
from providers.settings import IntegrationSettings

if TYPE_CHECKING:
    from google.cloud.bigquery import Client

CALL_TIMEOUT_S, WITHIN_S = 4.0, 10.0  # of one call, and until the last of them begins
# It reads a column, so that rights to columns are proven too; a dry run bills nothing.
PROBE = "SELECT cost FROM {table} WHERE _PARTITIONTIME >= @first AND _PARTITIONTIME < @end LIMIT 1"


def read(context: CheckContext, text: str) -> Credential:
    """Reads a key file, less everything that could send us elsewhere, or the account that we shall act as."""
    access = read_access(text.encode(errors="replace"))
    if access.auth is Auth.KEYLESS:
        offered(context.settings.reader_service_account)
    return Credential.of(access.as_json(), access.secret, access.auth)


def prove(context: CheckContext, org: Onboarded, plaintext: bytes, settings: IntegrationSettings) -> Proof:
    """Proves that the credential reads the export, and gives its first date and what it is known to lose.

    Raises `Stop` or `Retry`.
    """
    assert isinstance(settings, GcpSettings)  # noqa: S101 - what the record names
    access = read_access(plaintext)
    source = open_bigquery(context.settings, access, org)
    project = settings.source_project or access.project_id
    dataset, table = settings.source_dataset or DEFAULT_DATASET, settings.source_table or DEFAULT_TABLE
    patience = _Patience(context.settings.time_out(CALL_TIMEOUT_S), context.settings.time_out(WITHIN_S))
    with translating_source_errors(f"{project}.{dataset}"):
        export = find_export(source, project, dataset, table, patience)
    with translating_source_errors(str(export)):
        _plan_query(source, export, context.clock(), patience)
    return Proof(export.oldest_date, export.warnings)


def _plan_query(source: "Client", export: ExportTable, now: datetime, patience: "_Patience") -> None:
    from google.cloud.bigquery import QueryJobConfig, ScalarQueryParameter

    bounds = {"first": now - timedelta(days=1), "end": now + timedelta(days=1)}
    config = QueryJobConfig(
        dry_run=True,
        use_query_cache=False,
        query_parameters=[ScalarQueryParameter(name, "TIMESTAMP", at) for name, at in bounds.items()],
    )
    sql = PROBE.format(table=export.quoted)
    source.query(sql, job_config=config, location=export.location, job_retry=None, **patience())


class _Patience:
    """The time limit of all calls of a check; each call gets what is left of it."""

    def __init__(self, call_timeout_s: float, within_s: float) -> None:
        self._call_timeout_s = call_timeout_s
        self._until = time.monotonic() + within_s

    def __call__(self) -> CallLimits:
        from google.cloud.bigquery.retry import DEFAULT_RETRY

        left = min(self._until - time.monotonic(), self._call_timeout_s)
        if left <= 0:
            raise Retry(Code.SOURCE_SLOW, "The customer's BigQuery is too slow at the moment.")
        return {"retry": DEFAULT_RETRY.with_timeout(left), "timeout": left}
