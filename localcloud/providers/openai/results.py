"""Facts as the results of OpenAI's answers."""

from collections.abc import Collection
from decimal import Decimal
from typing import Any, Literal

from localcloud.providers.facts import Fact, fields
from localcloud.providers.openai.catalogue import unit_of
from localcloud.providers.openai.reports import COSTS, TOKENS, Report

Amounts = Literal["string", "number"]


def usage_result(report: Report, fact: Fact) -> dict[str, Any]:
    """A result of a usage report."""
    measured = _with_sums(fact) if report.measures == TOKENS else fields(report.measures, fact.measures)
    return {"object": report.result, **measured, **fields(report.dims, fact.dims)}


def cost_result(fact: Fact, by: Collection[str], amounts: Amounts, number: int) -> dict[str, Any]:
    """A result of the cost report, the `number`-th of its bucket.

    `user_email` is on every row that is seen, though in no documentation; it is the user's where users are told
    apart, else (we assume) that of somebody of the organization.
    """
    amount, quantity = fact.measures
    dims = fields(COSTS.dims, fact.dims)
    item = dims["line_item"] if "line_item" in by else None
    return {
        "object": COSTS.result,
        "amount": {"value": spelled(amount, number) if amounts == "string" else amount, "currency": "usd"},
        **dims,
        "quantity": _number(quantity) if item else None,
        "quantity_unit": unit_of(item) if item else None,
        "user_email": f"{dims['user_id'] or 'owner'}@example.com",
    }


def spelled(amount: Decimal, number: int) -> str:
    """The amount in one of the notations seen: plain, with 18 places, scientific. Always the same value."""
    if number % 3 == 0:
        return str(amount)
    if number % 3 == 1:
        return str(amount.quantize(Decimal("1E-18")))
    return f"{amount.normalize():E}"


def _number(quantity: Any) -> Any:
    """Whole quantities as integers, as the vendor does."""
    return int(quantity) if quantity is not None and quantity == int(quantity) else quantity


def _with_sums(fact: Fact) -> dict[str, int]:
    """Token counts with what the vendor derives from them: input = uncached + cached + cache writes."""
    text, audio, image, *cached, write_30m, write_12h, out_text, out_audio, out_image, _requests = fact.measures
    uncached, written = text + audio + image, write_30m + write_12h
    return {
        "input_tokens": uncached + sum(cached) + written,
        "output_tokens": out_text + out_audio + out_image,
        "input_cached_tokens": sum(cached),
        "input_uncached_tokens": uncached,
        "input_cache_write_tokens": written,
        **fields(TOKENS, fact.measures),
    }
