"""Proves that a credential reads what a run will read, with the cheapest question that its provider knows.

Made for requests: few attempts, short waits. Raises `Stop` for what a person must change, `Retry` for what passes.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Protocol

from cloudact.clock import Clock
from cloudact.errors import Retry
from cloudact.orgs.org import Auth, Onboarded, fingerprint, key_hash
from cloudact.settings import Settings
from providers import http
from providers.admin_key import Vendor
from providers.anthropic.api import ANTHROPIC, check_analytics
from providers.gcp.access import open_bigquery, read_access
from providers.gcp.errors import translating_source_errors
from providers.gcp.export import DEFAULT_DATASET, DEFAULT_TABLE, ExportTable, find_export
from providers.gcp.keyless import offered
from providers.http import IN_A_REQUEST, ProviderHttp
from providers.integration_settings import AnthropicSettings, AnySettings, GcpSettings
from providers.openai.api import OPENAI

CALL_TIMEOUT_S, WITHIN_S = 4.0, 10.0  # of one call, and until the last of them begins
# It reads a column, so that rights to columns are proven too; a dry run bills nothing.
PROBE = "SELECT cost FROM {table} WHERE _PARTITIONTIME >= @first AND _PARTITIONTIME < @end LIMIT 1"


@dataclass(frozen=True)
class Credential:
    """As it is encrypted, and what recognises it: 64 bits of a hash, from which nothing can be told."""

    plaintext: bytes = field(repr=False)
    fingerprint: str
    auth: Auth | None = None


@dataclass(frozen=True)
class Proof:
    """What a provider's answer lets expect: the first date that can have rows, if it tells, and what will be lost."""

    oldest_date: date | None = None
    warnings: tuple[str, ...] = ()


class Check(Protocol):
    """How one kind of credential is read and proven."""

    def read(self, text: str) -> Credential:
        """What the customer handed over, without what we do not need. Raises `Stop`."""

    def prove(self, org: Onboarded, plaintext: bytes, settings: AnySettings) -> Proof:
        """Asks the provider. Raises `Stop` or `Retry`."""


class GoogleCheck:
    """Google: finds the billing export, and has BigQuery plan a query on it."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    def read(self, text: str) -> Credential:
        """The key file less everything that could send us elsewhere, or the account that we shall act as."""
        access = read_access(text.encode(errors="replace"))
        if access.auth is Auth.KEYLESS:
            offered(self._settings.reader_service_account)
        return _credential(access.as_json(), access.secret, access.auth)

    def prove(self, org: Onboarded, plaintext: bytes, settings: AnySettings) -> Proof:
        """Needs bigquery.jobs.create on the credential's project, and the right to read the export."""
        assert isinstance(settings, GcpSettings)  # noqa: S101 - what belongs to GCP_SA
        access = read_access(plaintext)
        source = open_bigquery(self._settings, access, org)
        project = settings.source_project or access.project_id
        dataset, table = settings.source_dataset or DEFAULT_DATASET, settings.source_table or DEFAULT_TABLE
        patience = _Patience()
        with translating_source_errors(f"{project}.{dataset}"):
            export = find_export(source, project, dataset, table, patience)
        with translating_source_errors(str(export)):
            _plan_query(source, export, self._clock(), patience)
        return Proof(export.oldest_date, export.warnings)


class AdminKeyCheck:
    """OpenAI and Anthropic: one day of costs, one bucket."""

    def __init__(self, vendor: Vendor, url: str, clock: Clock) -> None:
        self._vendor = vendor
        self._url = url
        self._clock = clock

    def read(self, text: str) -> Credential:
        """The key without white space around it."""
        key = self._vendor.own_key(text)
        return _credential(key, key)

    def prove(self, _org: Onboarded, plaintext: bytes, settings: AnySettings) -> Proof:
        """The API that runs will read, and no other: a key may have the right to one alone."""
        ask: Callable[[ProviderHttp, date], None] = self._vendor.check
        if isinstance(settings, AnthropicSettings) and settings.api == "analytics":
            ask = check_analytics
        with http.client(IN_A_REQUEST) as client:
            ask(self._vendor.open(self._url, plaintext.decode(), client, IN_A_REQUEST), self._clock().date())
        return Proof()


def checks(settings: Settings, clock: Clock) -> dict[str, Check]:
    """By integration."""
    return {
        "GCP_SA": GoogleCheck(settings, clock),
        "OPENAI": AdminKeyCheck(OPENAI, settings.openai_url, clock),
        "ANTHROPIC": AdminKeyCheck(ANTHROPIC, settings.anthropic_url, clock),
    }


def _credential(plaintext: str, secret: str, auth: Auth = Auth.KEY) -> Credential:
    """A key is the rule and is not recorded."""
    told = None if auth is Auth.KEY else auth
    return Credential(plaintext.encode(), fingerprint(key_hash(secret)), told)


def _plan_query(source: Any, export: ExportTable, now: datetime, patience: "_Patience") -> None:
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
    """How the client is told, before each call, what is left of the time."""

    def __init__(self) -> None:
        self._until = time.monotonic() + WITHIN_S

    def __call__(self) -> dict[str, Any]:
        from google.cloud.bigquery.retry import DEFAULT_RETRY

        left = min(self._until - time.monotonic(), CALL_TIMEOUT_S)
        if left <= 0:
            raise Retry("source_slow", "The customer's BigQuery is too slow at the moment.")
        return {"retry": DEFAULT_RETRY.with_timeout(left), "timeout": left}
