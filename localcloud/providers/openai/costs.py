"""What a day's usage costs: usage times price, and what is billed without usage. Exact, in US dollars."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from decimal import Decimal

from localcloud.providers.facts import Dims, Fact, summed
from localcloud.providers.openai.catalogue import (
    CREDIT,
    PRICES,
    PRODUCTS,
    STORAGE,
    SUPPORT,
    billed_as,
    billed_by,
    multiplier,
)
from localcloud.providers.openai.usage import EIGHTH_OF_GIB, openai_usage

ZERO = Decimal("0E-18")  # what the vendor writes for an amount of nothing
UsageOf = Callable[[str], Iterable[Fact]]
PER_DAY = Decimal(3)


def openai_costs(seed: int, day: date, rows: int, factor: Decimal = Decimal(1)) -> list[Fact]:
    """The facts of the cost report: dims `COSTS.dims`, measures (amount in US dollars, quantity or None)."""
    return costs_of(lambda report: openai_usage(seed, day, report, rows, factor), factor)


def openai_total(seed: int, day: date, rows: int, factor: Decimal = Decimal(1)) -> Decimal:
    """The day's bill in US dollars, exact."""
    return sum((fact.measures[0] for fact in openai_costs(seed, day, rows, factor)), Decimal(0))


def costs_of(usage: UsageOf, factor: Decimal) -> list[Fact]:
    """The costs of usage that is already there, and of what is billed without any."""
    without_usage = _without_usage(factor) if usage("completions") else ()
    return summed([*_facts(usage), *without_usage])


def costs_of_usage(usage: UsageOf) -> list[Fact]:
    """The costs of usage alone."""
    return summed(_facts(usage))


def _facts(usage: UsageOf) -> Iterator[Fact]:
    for report in ("completions", "decisions"):
        yield from (line for fact in usage(report) for line in _tokens(fact))
    for report, product in PRODUCTS.items():
        for fact in usage(report):
            quantity = fact.measures[0]
            yield Fact((*_who(fact), product.line_item, None), (quantity * product.price, quantity))
    for fact in usage("vector_stores"):
        gib = Decimal(fact.measures[0]) / (8 * EIGHTH_OF_GIB)
        yield Fact((*_who(fact), STORAGE.line_item, None), (gib * STORAGE.price, gib * 24))


def _tokens(fact: Fact) -> Iterator[Fact]:
    model, batch, tier, source = fact.dims[3:]
    text, audio, image, *cached, write_30m, write_12h, out_text, out_audio, out_image, _ = fact.measures
    name, price = billed_by(batch, tier) + billed_as(model), PRICES[billed_as(model)]
    lines = (
        ("input", text + image, price.input),
        ("cache writes", write_30m + write_12h, price.input),
        ("cached input", sum(cached), price.cached),
        ("output", out_text + out_image, price.output),
        ("audio input", audio, price.audio_input),
        ("audio output", out_audio, price.audio_output),
    )
    times = multiplier(batch, tier)
    for kind, quantity, each in lines:
        if quantity or kind == "cached input":  # a line of nothing is seen too
            amount = quantity * each * times if quantity else ZERO
            yield Fact((*fact.dims[:3], f"{name}, {kind}", source), (amount, quantity))


def _who(fact: Fact) -> Dims:
    """Project, user and key; reports by project know no more."""
    return fact.dims[:3] if len(fact.dims) > 1 else (fact.dims[0], None, None)


def _without_usage(factor: Decimal) -> Iterator[Fact]:
    nobody = (None, None, None)
    yield Fact((*nobody, SUPPORT, None), (PER_DAY * factor, None))
    yield Fact((*nobody, CREDIT, None), (Decimal("-2.5") * factor, None))
    yield Fact((*nobody, "rounding, input", None), (Decimal("1.3E-7") * factor, 7))
