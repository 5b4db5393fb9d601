"""Costs of a million tokens, and what caches have saved, from an answer with tokens. Exact until the last division."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Literal

from functions.costs.answer import ZERO, CostAnswer, Group, Kind, Tokens, added

MILLION = Decimal(1_000_000)
CACHED = ("Read", "Write")
_NINE = Decimal("1e-9")
_EXACT = Context(prec=80, rounding=ROUND_HALF_UP)  # as NUMERIC: nine decimals, half away from zero
InputKind = Literal["text", "audio", "image"]


def per_million(tokens: Tokens) -> Decimal | None:
    """Cost of a million tokens; `None` without tokens."""
    return quotient(_EXACT.multiply(tokens.cost, MILLION), tokens.count) if tokens.count else None


def quotient(amount: Decimal, divisor: Decimal) -> Decimal:
    """Quotient with nine decimals, as BigQuery's NUMERIC has it."""
    return _EXACT.quantize(_EXACT.divide(amount, divisor), _NINE)


@dataclass
class Saving:
    """Tokens of one model's cache and of its uncached input, and what they cost."""

    key: Mapping[str, str | None]
    input_kind: InputKind
    currency: str
    tokens: dict[str, Decimal] = field(default_factory=dict)
    costs: dict[str, Decimal] = field(default_factory=dict)

    def add(self, action: str, tokens: Tokens) -> None:
        """Adds tokens that were `Uncached`, `Read` or `Write`."""
        self.tokens[action] = added([self.tokens.get(action, ZERO), tokens.count])
        self.costs[action] = added([self.costs.get(action, ZERO), tokens.cost])

    @property
    def cached_tokens(self) -> Decimal:
        """Tokens that were read from the cache or written to it."""
        return added(self.tokens.get(action, ZERO) for action in CACHED)

    @property
    def cached_cost(self) -> Decimal:
        """Cost of these."""
        return added(self.costs.get(action, ZERO) for action in CACHED)

    @property
    def is_known(self) -> bool:
        """Whether there is a cache, and uncached input that tells a price."""
        return self.cached_tokens > 0 and self.tokens.get("Uncached", ZERO) > 0

    @property
    def uncached_per_million(self) -> Decimal:
        """Price of a million uncached tokens."""
        return quotient(_EXACT.multiply(self.costs["Uncached"], MILLION), self.tokens["Uncached"])

    @property
    def saved(self) -> Decimal:
        """Cost of the cached tokens at the price of uncached ones, less what they cost."""
        uncached = _EXACT.multiply(self.cached_tokens, self.costs["Uncached"])
        paid = _EXACT.multiply(self.cached_cost, self.tokens["Uncached"])
        return quotient(_EXACT.subtract(uncached, paid), self.tokens["Uncached"])


def savings(answer: CostAnswer) -> list[Saving]:
    """Savings of each model with a cache, in each currency, those that saved most first."""
    found: dict[object, Saving] = {}
    for sums in answer.sums:
        for group in _of_input(sums.groups):
            key = {word: value for word, value in group.key.items() if word != "token_type"}
            kind = _input_kind(group.key.get("token_type") or "")
            of = (tuple(key.items()), kind, sums.currency)
            saving = found.setdefault(of, Saving(key, kind, sums.currency or ""))
            assert group.tokens  # noqa: S101 - the question has tokens
            saving.add(group.tokens.cache_action or "Uncached", group.tokens.now)
    known = [saving for saving in found.values() if saving.is_known]
    return sorted(known, key=lambda saving: -saving.saved)


def _of_input(groups: Iterable[Group]) -> Iterable[Group]:
    return (
        group
        for group in groups
        if group.kind is not Kind.OTHER and group.tokens is not None and group.tokens.direction == "Input"
    )


def _input_kind(token_type: str) -> InputKind:
    if "audio" in token_type:
        return "audio"
    return "image" if "image" in token_type else "text"
