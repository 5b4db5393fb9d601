"""The page *Overview*: whether the data is there, what needs a person, and what is left of the day's quota."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from flask import Response

from cloudact.anomalies.cost_days import DAY, SHOWN_DAYS, Window
from cloudact.clock import next_midnight
from cloudact.errors import Retry
from cloudact.orgs.org import IntegrationStatus
from cloudact.runs.run import Status
from functions.console.anomaly_card import AnomalyCard, anomaly_card, refused_card
from functions.console.budget_card import BudgetCard, budget_card, refused_budgets, spending_question
from functions.console.collaborators import Console
from functions.console.day_states import FINAL, LEGEND, RUNNING, DayMark, by_pipeline, last_days, loaded_days, state_of
from functions.console.month_card import MonthCard, Months, month_card, month_question, refused_month
from functions.console.pages import page
from functions.console.rows import Health, OrgOverview, PipelineDay, Planned
from functions.console.runs_page import run_path
from functions.console.sessions import visit
from functions.console.words import INTEGRATION, STATUS, status_kind
from functions.costs.at_once import ask_at_once
from functions.costs.endpoints import refusing
from functions.web.problems import Problem

DAYS = 30
AWAY = "The costs are not available at the moment."


@dataclass(frozen=True)
class Coverage:
    """Last days of one pipeline."""

    name: str
    pipeline: str
    loaded: int
    final: int
    strip: Sequence[DayMark]


@dataclass(frozen=True)
class RecentRun:
    """Newest run of a date, with the name of its pipeline."""

    path: str
    pipeline: str
    date: dt.date
    status: str
    kind: str
    at: dt.datetime
    error_code: str


@dataclass(frozen=True)
class IntegrationHealth:
    """Health of an integration, in words."""

    provider: str
    status: str
    kind: str
    validated_at: dt.datetime | None
    last_error: str


@dataclass(frozen=True)
class QuotaBar:
    """Runs of the UTC day: `used` of `limit`, of which the bar fills `width` thousandths."""

    plan: str
    subscription: str
    used: int
    limit: int
    width: int
    resets_at: dt.datetime


def show_overview(console: Console, org: str) -> Response:
    """200 with the org's last thirty days, integrations and quota."""
    visited, now = visit(console, org), console.clock()
    today = now.date()
    facts = console.rows.overview(org, today - dt.timedelta(days=DAYS), today)
    rows = facts.days
    names = {entry.id: entry.name for entry in console.runs.registry.entries}
    days = by_pipeline(rows)
    enabled = [entry for entry in console.runs.registry.entries if entry.enabled]
    month, anomalies, budgets = _costs(console, org, facts.planned, today)
    newest = sorted(rows, key=lambda day: day.created_at, reverse=True)
    return page(
        console,
        visited,
        "overview.html",
        coverage=[_coverage(entry.id, entry.name, days.get(entry.id, {}), today) for entry in enabled],
        days=DAYS,
        recent=[_recent(org, day, names) for day in newest[:8]],
        failed=[_recent(org, day, names) for day in newest if day.status is Status.FAILED][:5],
        running=sum(state_of(day) == RUNNING for day in rows),
        integrations=_integrations(console, facts.integrations),
        month=month,
        anomalies=anomalies,
        budgets=budgets,
        quota=_quota(facts, now),
        legend_states=LEGEND,
    )


def _costs(console: Console, org: str, planned: Planned, today: dt.date) -> tuple[MonthCard, AnomalyCard, BudgetCard]:
    """Cards of month, anomalies and budgets, by one query at most; where costs cannot be read, all say why."""
    names = {each.id: each.name for each in console.integrations.providers}
    months = Months.until(today - DAY)
    window = Window.ending(today - DAY, SHOWN_DAYS)
    try:
        with refusing():
            told = ask_at_once(console.costs, org, month_question(months), window, spending_question(planned, today))
    except (Problem, Retry) as err:
        refusal = err.detail if isinstance(err, Problem) else AWAY
        return refused_month(months, refusal), refused_card(refusal), refused_budgets(today, refusal)
    providers = {each.provider for each in told.answer.days}
    return (
        month_card(months, told.answer, names),
        anomaly_card(told.found, providers, names),
        budget_card(planned, told.spending, today, names),
    )


def _coverage(pipeline: str, name: str, days: Mapping[dt.date, PipelineDay], today: dt.date) -> Coverage:
    marks = last_days(days, today, DAYS)
    return Coverage(name, pipeline, loaded_days(days, marks), sum(mark.state == FINAL for mark in marks), marks)


def _recent(org: str, day: PipelineDay, names: Mapping[str, str]) -> RecentRun:
    return RecentRun(
        run_path(org, day.run_id, day.requested_date),
        names.get(day.pipeline, day.pipeline),
        day.date,
        STATUS[day.status],
        status_kind(day.status),
        day.completed_at or day.created_at,
        day.error_code or "",
    )


def _integrations(console: Console, stored: Iterable[Health]) -> list[IntegrationHealth]:
    known = {each.integration: each for each in stored}
    found = []
    for provider in console.integrations.providers:
        health = known.get(provider.integration)
        status = health.status if health else IntegrationStatus.NOT_CONFIGURED
        found.append(
            IntegrationHealth(
                provider.name,
                INTEGRATION[status],
                status.value.lower(),
                health.validated_at if health else None,
                (health.last_error if health else "") or "",
            )
        )
    return found


def _quota(facts: OrgOverview, now: dt.datetime) -> QuotaBar:
    limit = facts.subscription.daily_limit if facts.subscription else 0
    return QuotaBar(
        facts.subscription.plan if facts.subscription else "none",
        facts.subscription.status if facts.subscription else "none",
        facts.pipelines_today,
        limit,
        round(min(facts.pipelines_today / limit, 1.0) * 1000) if limit else 0,
        next_midnight(now),
    )
