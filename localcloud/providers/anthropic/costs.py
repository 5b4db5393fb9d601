"""What a day's usage costs: usage times price, and what is billed without usage. Exact, in cents."""

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal

from localcloud.providers.anthropic.catalogue import (
    BILLED_TIERS,
    CREDIT,
    CREDIT_CENTS,
    DISCOUNT,
    TOKEN_TYPES,
    Variant,
    cents_per_token,
    description,
)
from localcloud.providers.anthropic.usage import anthropic_usage, workspace
from localcloud.providers.facts import Fact, summed

DIMS = (
    "api_key_id", "workspace_id", "description", "cost_type", "token_type", "model", "service_tier", "context_window",
    "inference_geo", "speed",
)  # fmt: skip
CODE_EXECUTION_CENTS, SESSION_CENTS = Decimal(5), Decimal(8)


def anthropic_costs(seed: int, day: date, rows: int, factor: Decimal = Decimal(1)) -> list[Fact]:
    """The facts of the costs: dims DIMS, measures (cents after discounts, cents at list price); credits among them."""
    return costs_of(anthropic_usage(seed, day, rows, factor), seed, factor)


def cost_report_total(seed: int, day: date, rows: int, factor: Decimal = Decimal(1)) -> Decimal:
    """The day's total in `cost_report`, in cents: list prices and credits."""
    return sum((fact.measures[1] for fact in anthropic_costs(seed, day, rows, factor)), Decimal(0))


def analytics_total(seed: int, day: date, rows: int, factor: Decimal = Decimal(1)) -> Decimal:
    """The day's total of `amount` in `analytics/cost`, in cents: after discounts, before credits."""
    return sum((fact.measures[0] for fact in before_credits(anthropic_costs(seed, day, rows, factor))), Decimal(0))


def before_credits(costs: Iterable[Fact]) -> list[Fact]:
    """The costs as the analytics have them."""
    return [fact for fact in costs if fact.dims[2] != CREDIT]


def costs_of(usage: list[Fact], seed: int, factor: Decimal) -> list[Fact]:
    """The costs of usage that is already there."""
    return summed(_facts(usage, seed, factor))


def _facts(usage: list[Fact], seed: int, factor: Decimal) -> Iterator[Fact]:
    for fact in usage:
        yield from _tokens(fact)
        searches, workspace_id = fact.measures[5], fact.dims[8]
        if searches:
            yield _service(workspace_id, "Web Search Usage", "web_search", Decimal(searches))
    if usage:
        first = workspace(seed, 0)
        yield _service(first, "Code Execution Usage", "code_execution", CODE_EXECUTION_CENTS * factor)
        yield _service(first, "Managed Agents Session Usage", "session_usage", SESSION_CENTS * factor)
        yield _service(first, CREDIT, "tokens", CREDIT_CENTS * factor)


def _tokens(fact: Fact) -> Iterator[Fact]:
    _account, key, window, geo, model, _service_account, tier, speed, workspace_id = fact.dims
    if tier not in BILLED_TIERS:
        return
    variant = Variant(model, tier, window, geo, speed)
    for token_type, tokens in zip(TOKEN_TYPES, fact.measures, strict=False):
        if tokens:
            cents = tokens * cents_per_token(variant, token_type)
            line = description(variant, token_type)
            dims = (key, workspace_id, line, "tokens", token_type, model, tier, window, geo, speed)
            yield Fact(dims, (cents * DISCOUNT, cents))


def _service(workspace_id: str, line: str, cost_type: str, cents: Decimal) -> Fact:
    return Fact((None, workspace_id, line, cost_type, *[None] * 6), (cents, cents))
