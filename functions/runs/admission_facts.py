"""Facts that decide about admission, read in one query."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from cloudact.notify.webhooks import Webhook, WebhookColumns
from cloudact.orgs.members import Membership
from cloudact.orgs.org import ApiKey, Subscription, subscription_status
from cloudact.runs.ledger import GENERATIONS
from cloudact.runs.run import Status, run_id
from cloudact.warehouse.bigquery import Warehouse
from functions.auth.stored_callers import CallerFacts, matching


@dataclass(frozen=True)
class Latest:
    """Newest generation of an (org, pipeline, date)."""

    run_id: str
    status: Status
    generation: int
    requested_date: dt.date


@dataclass(frozen=True)
class AdmissionFacts:
    """Facts of a request from one query; `None` where nothing is stored.

    `oldest_date`: the provider of the integration has nothing before it.
    """

    caller: CallerFacts
    subscription: Subscription | None
    integration_status: str | None
    pipelines_today: int
    latest: Latest | None
    webhook: Webhook | None = None
    oldest_date: dt.date | None = None


@dataclass(frozen=True)
class _Subscription:
    status: str
    plan: str
    daily_limit: int

    @property
    def known(self) -> Subscription:
        return Subscription(subscription_status(self.status), self.plan, self.daily_limit)


@dataclass(frozen=True)
class _Integration:
    status: str
    oldest_date: dt.date | None


@dataclass(frozen=True)
class _QuotaRow:
    subscription: _Subscription | None
    pipelines_today: int


@dataclass(frozen=True)
class _AdmissionRow(_QuotaRow):
    integration: _Integration | None
    webhook: WebhookColumns | None
    latest: Latest | None

    def caller(self, hashed: str | None) -> CallerFacts:  # noqa: ARG002 (rows of a key compare it)
        return CallerFacts(None)

    def facts(self, org_slug: str, hashed: str | None) -> AdmissionFacts:
        return AdmissionFacts(
            caller=self.caller(hashed),
            subscription=self.subscription.known if self.subscription else None,
            integration_status=self.integration.status if self.integration else None,
            pipelines_today=self.pipelines_today,
            latest=self.latest,
            webhook=self.webhook.of(org_slug) if self.webhook else None,
            oldest_date=self.integration.oldest_date if self.integration else None,
        )


@dataclass(frozen=True)
class _KeyRow(_AdmissionRow):
    api_key: ApiKey | None

    def caller(self, hashed: str | None) -> CallerFacts:
        return CallerFacts(matching(self.api_key, hashed) if self.api_key else None)


@dataclass(frozen=True)
class _MemberRow(_AdmissionRow):
    memberships: tuple[Membership, ...]

    def caller(self, hashed: str | None) -> CallerFacts:  # noqa: ARG002 (rows of a key compare it)
        return CallerFacts(None, self.memberships)


class Admissions:
    """Reads the facts that decide about admission; raises `Retry` while BigQuery cannot be reached."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def facts(
        self,
        *,
        org_slug: str,
        today: dt.date,
        pipeline: str | None = None,
        integration: str | None = None,
        date: dt.date | None = None,
        key_hash: str | None = None,
        user_id: str | None = None,
    ) -> AdmissionFacts:
        """Facts that admission needs, in one query; without a pipeline or date, caller and org only.

        Run ids are computed, so the newest generation is found by looking for ids, which reads only their blocks.
        """
        shape, query, caller = _query_for(key_hash, user_id)
        first = 1
        while True:
            row = self._warehouse.read(
                shape,
                query,
                **caller,
                org_slug=org_slug,
                today=today,
                integration=integration,
                date=date or today,
                run_ids=_ids(org_slug, pipeline, date, first),
            )[0]
            facts = row.facts(org_slug, key_hash)
            newest = facts.latest.generation if facts.latest else 0
            if newest < first + GENERATIONS - 1 or not facts.caller.allow(org_slug):
                return facts
            first += GENERATIONS - 1  # the last one again, so that the newest is always among those looked for

    def quota(self, org_slug: str, today: dt.date) -> tuple[Subscription | None, int]:
        """Limit of the org's UTC day, and how many runs were requested today."""
        row = self._warehouse.read(_QuotaRow, "quota", org_slug=org_slug, today=today)[0]
        return row.subscription.known if row.subscription else None, row.pipelines_today


def _query_for(key_hash: str | None, user_id: str | None) -> tuple[type[_AdmissionRow], str, Mapping[str, str]]:
    """Query that reads of callers only what this one is, its rows, and its parameter of the caller."""
    if key_hash is not None:
        return _KeyRow, "admission_of_key", {"key_hash": key_hash}
    if user_id is not None:
        return _MemberRow, "admission_of_member", {"user_id": user_id}
    return _AdmissionRow, "admission", {}


def _ids(org_slug: str, pipeline: str | None, date: dt.date | None, first: int) -> list[str]:
    if pipeline is None or date is None:
        return []
    return [run_id(org_slug, pipeline, date, generation) for generation in range(first, first + GENERATIONS)]
