"""Anthropic's report of Claude Code: records of activity, with estimated costs that are never billed ones."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from cloudact.errors import RunError
from providers.anthropic.api import CLAUDE_CODE
from providers.exact_json import exact_json
from providers.http import Refused
from providers.lines import Line, exact_sum, from_cents, numeric
from providers.notes import Notes
from providers.pages import NextPage
from providers.source import NotOffered, Row

RECORDS = "1000"  # the largest page
TOKENS = ("input", "output", "cache_read", "cache_creation")
_METRICS = {
    "num_sessions": "num_sessions",
    "commits": "commits_by_claude_code",
    "pull_requests": "pull_requests_by_claude_code",
}
_KNOWN = frozenset(
    {
        "date",
        "actor.type",
        "actor.api_key_name",
        "organization_id",
        "customer_type",
        "subscription_type",
        "terminal_type",
        *(f"core_metrics.{name}" for name in _METRICS.values()),
        "core_metrics.lines_of_code.added",
        "core_metrics.lines_of_code.removed",
        "tool_actions",
        "model_breakdown",
    }
)


def claude_code(pages: NextPage, day: date, notes: Notes) -> Iterator[Row]:
    """Yields one row a record of activity. Raises `NotOffered` where the report is refused or cannot be read."""
    query = [("starting_at", day.isoformat()), ("limit", RECORDS)]
    try:
        for number, page in enumerate(pages.read(CLAUDE_CODE, query, may_lack_rights=True), 1):
            for record in Line(page, f"Anthropic claude_code, page {number}", notes.odd).parts("data"):
                extra = record.unknown(_KNOWN)
                notes.new("claude_code", extra)
                yield {"usage_date": day, **_activity(record), "extra": exact_json(extra) if extra else None}
    except Refused as err:
        reason = (err.refusal.message or f"HTTP {err.refusal.status}").rstrip(".")
        raise NotOffered(f"Anthropic refuses the Claude Code report: {reason}.") from err
    except RunError as err:
        raise NotOffered(f"The Claude Code report could not be read: {err.message}") from err


def _activity(record: Line) -> dict[str, object]:
    actor, metrics = record.part("actor"), record.part("core_metrics")
    lines = metrics.part("lines_of_code")
    return {
        "actor_type": actor.text("type") or "unknown",
        "api_key_name": actor.text("api_key_name"),
        **{name: record.text(name) for name in ("customer_type", "subscription_type", "terminal_type")},
        **{name: metrics.count(theirs) for name, theirs in _METRICS.items()},
        "lines_added": lines.count("added"),
        "lines_removed": lines.count("removed"),
        **_models(record.parts("model_breakdown") if record.raw.get("model_breakdown") is not None else []),
        "tool_actions": record.part("tool_actions").as_json(),
    }


def _models(models: list[Line]) -> dict[str, object]:
    """Tokens and estimated cost of a record, summed over its models, and the models as JSON."""
    costs = [model.part("estimated_cost") for model in models]
    currencies = {cost.currency() for cost in costs}
    if len(currencies) > 1:
        raise costs[0].unexpected("currency", "the same for all models")
    cents = [cost.money("amount") for cost in costs]
    return {
        **{f"{kind}_tokens": sum(model.part("tokens").count(kind) or 0 for model in models) for kind in TOKENS},
        "estimated_cost": numeric(from_cents(exact_sum(Decimal(), *cents))),
        "currency": next(iter(currencies), None),
        "model_breakdown": "[" + ",".join(model.as_json() for model in models) + "]",
    }
