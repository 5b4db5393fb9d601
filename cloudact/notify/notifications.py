"""Notifications of an org, and their wording. Knows no transport.

Equal events have the same id and body whoever sends them, so that a receiver notices duplicates.
"""

import json
import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from cloudact.clock import instant, next_midnight
from cloudact.errors import RunError
from cloudact.installation import ORIGINAL, own_name
from cloudact.orgs.integrations import Integration
from cloudact.runs.result import CostFall, plain
from cloudact.runs.run import NAMESPACE, Run

if TYPE_CHECKING:
    from cloudact.anomalies.anomaly import Anomaly
    from cloudact.budgets.runway import Runway
    from cloudact.budgets.standing import Standing

FORMAT = 1  # counted up when a field changes its meaning or goes; new fields may come at any time


class Event(StrEnum):
    """Types of events, as payloads and logs write them."""

    RUN_FAILED = "run_failed"
    COST_FELL = "cost_fell"
    COST_ANOMALY = "cost_anomaly"
    BUDGET_THRESHOLD = "budget_threshold"
    BUDGET_FORECAST = "budget_forecast"
    BALANCE_LOW = "balance_low"
    DATES_GIVEN_UP = "dates_given_up"
    INTEGRATION_INVALID = "integration_invalid"
    QUOTA_NEAR = "quota_near"
    QUOTA_REACHED = "quota_reached"
    PING = "ping"


CHOOSABLE = tuple(event.value for event in Event if event is not Event.PING)
_SEVERITY = {Event.RUN_FAILED: logging.ERROR, Event.PING: logging.INFO}


@dataclass(frozen=True)
class Notification:
    """One event. `key` is unique among events of its type and org; `data` holds no secret and names no person."""

    event: Event
    org_slug: str
    key: str
    created_at: datetime
    data: Mapping[str, object] = field(default_factory=dict)
    installation: str = ORIGINAL

    @property
    def id(self) -> str:
        """UUIDv5 of type, org, key and installation: receivers use it to notice duplicates."""
        name = f"{self.org_slug}/events/{self.event}/{self.key}"
        return str(uuid.uuid5(NAMESPACE, own_name(name, self.installation)))

    @property
    def severity(self) -> int:
        """Log level of this event."""
        return _SEVERITY.get(self.event, logging.WARNING)

    @property
    def body(self) -> bytes:
        """JSON body that the org's webhook receives."""
        data = {
            "id": self.id,
            "type": self.event.value,
            "version": FORMAT,
            "created_at": instant(self.created_at),
            "org_slug": self.org_slug,
            "data": self.data,
        }
        return json.dumps(data, ensure_ascii=False).encode()


def _run_fields(run: Run) -> dict[str, str]:
    """Fields with which each event of a run begins."""
    return {
        "run_id": run.run_id,
        "pipeline_id": run.pipeline_id,
        "pipeline": run.pipeline,
        "date": run.date.isoformat(),
        "requested_date": run.requested_date.isoformat(),
    }


def run_failed(run: Run, error: RunError, at: datetime) -> Notification:
    """Event of a run that is FAILED, with no try left."""
    data = {
        **_run_fields(run),
        "generation": run.generation,
        "trigger_type": run.trigger_type.value,
        "error": {"code": error.code, "message": error.message, "retryable": error.retryable, "hint": error.hint},
    }
    return Notification(Event.RUN_FAILED, run.org_slug, run.run_id, at, data)


def cost_fell(run: Run, falls: Sequence[CostFall], at: datetime) -> Notification:
    """Event of a run that has loaded less than half of what its day once cost, in no more rows. Amounts are texts."""
    data = {
        **_run_fields(run),
        "costs": [
            {"currency": fall.currency, "before": plain(fall.before), "after": plain(fall.after)} for fall in falls
        ],
    }
    return Notification(Event.COST_FELL, run.org_slug, run.run_id, at, data)


def cost_anomaly(
    org_slug: str, anomaly: "Anomaly", names: Mapping[tuple[str, str, str], str], query: str, at: datetime
) -> Notification:
    """Event of an anomaly that has begun. Amounts are texts, of its first day; `query` is GoogleSQL that shows it.

    Whoever finds it again tells the same event, unless its first day has been restated.
    """
    series, first = anomaly.series, anomaly.first
    of = {"layer": series.layer.word, "key": series.values, "names": series.names(names)}
    data = {
        "kind": anomaly.kind.value,
        "of": of,
        "since": anomaly.since.isoformat(),
        "is_masked": anomaly.is_masked,
        "cost": {
            "currency": anomaly.currency,
            "amount": plain(first.amount),
            "expected": plain(first.expected),
            "difference": plain(first.difference),
        },
        "shown_by": {"query": query},
    }
    key = json.dumps([anomaly.since.isoformat(), anomaly.currency, anomaly.direction.name, of["layer"], *series.key])
    return Notification(Event.COST_ANOMALY, org_slug, key, at, data)


def budget_threshold(org_slug: str, standing: "Standing", threshold: int, at: datetime) -> Notification:
    """Event of a budget of which so many per cent are spent. Amounts are texts.

    One event for a budget, its version, month and threshold, whatever is restated later.
    """
    data = {**_of_budget(standing), "threshold": threshold, "cost": _budget_cost(standing)}
    return Notification(Event.BUDGET_THRESHOLD, org_slug, _budget_key(standing, threshold), at, data)


def budget_forecast(org_slug: str, standing: "Standing", at: datetime) -> Notification:
    """Event of a budget that the month's forecast passes; one for a budget, its version and month."""
    forecast = standing.costs.forecast
    names = ("amount", "low", "high")
    amounts = {name: plain(each) for name, each in zip(names, forecast, strict=True)} if forecast else None
    rests_on = {rest.value: count for rest, count in standing.costs.rests_on.items()}
    data = {**_of_budget(standing), "cost": {**_budget_cost(standing), "forecast": amounts}, "rests_on": rests_on}
    return Notification(Event.BUDGET_FORECAST, org_slug, _budget_key(standing, "forecast"), at, data)


def _of_budget(standing: "Standing") -> dict[str, object]:
    budget = standing.budget
    of = {"provider": budget.of.provider, "label": budget.of.label, "value": budget.of.value}
    return {"budget": {"name": budget.name, "version": budget.version, "of": of}, "month": standing.month.name}


def _budget_cost(standing: "Standing") -> dict[str, object]:
    spent = standing.costs.spent
    amounts = {"budget": plain(standing.amount), "spent": None if spent is None else plain(spent)}
    return {"currency": standing.budget.currency, **amounts}


def _budget_key(standing: "Standing", what: int | str) -> str:
    return json.dumps([standing.budget.name, standing.budget.version, standing.month.name, what])


def balance_low(org_slug: str, runway: "Runway", days: int, at: datetime) -> Notification:
    """Event of a prepaid balance that lasts for so many days at the most; one for an entry and number of days."""
    balance = runway.balance
    entry = {"currency": balance.currency, "amount": plain(balance.amount), "as_of": balance.as_of.isoformat()}
    ends = {"runs_out_on": runway.runs_out, "earliest": runway.earliest, "latest": runway.latest}
    data = {
        "provider": balance.provider,
        "threshold_days": days,
        "days_left": runway.days_left,
        "balance": {**entry, "left": None if runway.left is None else plain(runway.left)},
        "ends": {name: day.isoformat() if day else None for name, day in ends.items()},
    }
    key = json.dumps([balance.provider, *entry.values(), days])
    return Notification(Event.BALANCE_LOW, org_slug, key, at, data)


def dates_given_up(newest: Sequence[Run]) -> Notification:
    """Event of dates of one org's pipeline that the service has run for days without success, and runs no more.

    `newest` is the newest run of each. The event's time is the latest of their requests: whoever tells it again, later,
    tells the same.
    """
    first = newest[0]
    data = {
        "pipeline_id": first.pipeline_id,
        "pipeline": first.pipeline,
        "dates": [run.date.isoformat() for run in newest],
        "run_ids": [run.run_id for run in newest],
    }
    at = max(run.requested_at for run in newest)
    return Notification(Event.DATES_GIVEN_UP, first.org_slug, "/".join(run.run_id for run in newest), at, data)


def integration_invalid(judged: Integration, provider: str, error: str, at: datetime) -> Notification:
    """Event of a credential that its provider does not accept any more.

    Everything that notices this of one set-up makes one equal event.
    """
    data = {
        "integration": judged.integration,
        "provider": provider,
        "fingerprint": judged.fingerprint,
        "error_message": error,
    }
    key = f"{judged.integration}/{judged.updated_at.isoformat() if judged.updated_at else ''}"
    return Notification(Event.INTEGRATION_INVALID, judged.org_slug, key, at, data)


def quota_used(org_slug: str, event: Event, used: int, daily_limit: int, at: datetime) -> Notification:
    """Event of a UTC day's quota: how many runs of its limit have been requested."""
    day: date = at.date()
    data = {
        "usage_date": day.isoformat(),
        "pipelines_today": used,
        "daily_limit": daily_limit,
        "resets_at": instant(next_midnight(at)),
    }
    return Notification(event, org_slug, f"{day.isoformat()}/{daily_limit}", at, data)


def ping(org_slug: str, key: str, at: datetime) -> Notification:
    """Test event, sent on request."""
    return Notification(Event.PING, org_slug, key, at, {"message": "This is a test."})
