"""Rows that pages show beside those of the API's own answers: dates of pipelines, and an org at a glance."""

import datetime as dt
from dataclasses import dataclass

from cloudact.budgets.balance import Balance, balances_of
from cloudact.budgets.budget import RecordedBudget, budgets_of
from cloudact.costs.labels import Label, labels_of
from cloudact.orgs.org import IntegrationStatus, Subscription, subscription_status
from cloudact.runs.ledger import RETENTION
from cloudact.runs.run import Status
from cloudact.warehouse.bigquery import Warehouse


@dataclass(frozen=True)
class PipelineDay:
    """A date of a pipeline: its newest run, and what the last load of it had. `completeness` is `None` without any."""

    pipeline: str
    date: dt.date
    run_id: str
    generation: int
    status: Status
    trigger_type: str
    requested_date: dt.date
    created_at: dt.datetime
    completed_at: dt.datetime | None
    rows_processed: int | None
    error_code: str | None
    completeness: str | None
    loaded_at: dt.datetime | None


@dataclass(frozen=True)
class Facet:
    """Number of an org's runs of one kind; `in_days` and `of_date` say whether a list's days and date have them."""

    pipeline: str
    status: Status
    trigger_type: str
    in_days: bool
    of_date: bool
    runs: int


@dataclass(frozen=True)
class _Subscription:
    status: str
    plan: str
    daily_limit: int


@dataclass(frozen=True)
class Health:
    """Health of an integration."""

    integration: str
    status: IntegrationStatus
    validated_at: dt.datetime | None
    last_error: str | None


@dataclass(frozen=True)
class _PlansRow:
    budgets: str | None
    balances: str | None
    labels: str | None


@dataclass(frozen=True)
class Planned:
    """What an org plans to spend and has paid ahead, and its labels, which budgets may name."""

    budgets: tuple[RecordedBudget, ...] = ()
    balances: tuple[Balance, ...] = ()
    labels: tuple[Label, ...] = ()


@dataclass(frozen=True)
class _OverviewRow:
    subscription: _Subscription | None
    pipelines_today: int
    integrations: tuple[Health, ...]
    plans: _PlansRow
    days: tuple[PipelineDay, ...]


@dataclass(frozen=True)
class OrgOverview:
    """What an org may do today, has done and plans, how its integrations are, and the dates of its pipelines."""

    subscription: Subscription | None
    pipelines_today: int
    integrations: tuple[Health, ...]
    planned: Planned
    days: tuple[PipelineDay, ...]


class ConsoleRows:
    """Reads rows of one org; each method is one query, and raises `Retry` while BigQuery cannot be reached."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def days(self, org_slug: str, first_day: dt.date, today: dt.date) -> list[PipelineDay]:
        """Dates from the first one on that a run was ever requested of, by pipeline and date."""
        return self._warehouse.read(
            PipelineDay, "pipeline_days", None, org_slug=org_slug, first_day=first_day, today=today
        )

    def facets(
        self, org_slug: str, today: dt.date, shown: tuple[dt.date, dt.date], date: dt.date | None
    ) -> list[Facet]:
        """All runs that are kept, by what filters tell apart."""
        return self._warehouse.read(
            Facet,
            "run_facets",
            org_slug=org_slug,
            first_day=today - RETENTION,
            last_day=today,
            first_shown=shown[0],
            last_shown=shown[1],
            date=date,
        )

    def overview(self, org_slug: str, first_day: dt.date, today: dt.date) -> OrgOverview:
        """Subscription, runs of today, integrations, plans, and dates as `days` has them: all by one query."""
        row = self._warehouse.read(_OverviewRow, "overview", org_slug=org_slug, first_day=first_day, today=today)[0]
        known = row.subscription
        subscription = Subscription(subscription_status(known.status), known.plan, known.daily_limit) if known else None
        planned = Planned(
            budgets_of(row.plans.budgets or "[]"),
            balances_of(row.plans.balances or "[]"),
            labels_of(row.plans.labels or "[]"),
        )
        return OrgOverview(subscription, row.pipelines_today, row.integrations, planned, row.days)
