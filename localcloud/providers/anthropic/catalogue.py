"""What an invented organization uses and what that costs, in cents. Model names and prices are invented."""

from dataclasses import dataclass
from decimal import Decimal

TOKEN_TYPES = (
    "uncached_input_tokens",
    "cache_read_input_tokens",
    "cache_creation.ephemeral_5m_input_tokens",
    "cache_creation.ephemeral_1h_input_tokens",
    "output_tokens",
)
BILLED_TIERS = frozenset({"standard", "batch"})  # the priority tier is a commitment, and not in the costs
DISCOUNT = Decimal("0.9")  # of the list price of tokens; only the analytics tell both
CREDIT, CREDIT_CENTS = "Credit", Decimal("-41.28")


@dataclass(frozen=True)
class Variant:
    """One way to call a model."""

    model: str
    service_tier: str
    context_window: str = "0-200k"
    inference_geo: str = "global"
    speed: str = "standard"


VARIANTS = (
    Variant("claude-opus-5-5", "standard"),
    Variant("claude-sonnet-5", "batch", inference_geo="not_available"),
    Variant("claude-haiku-4-5-20251001", "standard", "200k-1M"),
    Variant("claude-opus-5-5", "priority"),
    Variant("claude-sonnet-5", "standard", inference_geo="us"),
    Variant("claude-opus-5-5", "standard", speed="fast"),
)


@dataclass(frozen=True)
class Model:
    """Cents for a million input and output tokens; the name is that on the bill."""

    name: str
    input: Decimal
    output: Decimal


MODELS = {
    "claude-opus-5-5": Model("Claude Opus 5.5", Decimal(500), Decimal(2500)),
    "claude-sonnet-5": Model("Claude Sonnet 5", Decimal(300), Decimal(1500)),
    "claude-haiku-4-5-20251001": Model("Claude Haiku 4.5", Decimal(100), Decimal(500)),
}
_OF_INPUT = dict(zip(TOKEN_TYPES[:4], map(Decimal, ("1", "0.1", "1.25", "2")), strict=True))
_NAMES = dict(
    zip(
        TOKEN_TYPES,
        ("Input Tokens", "Input Tokens, Cache Read", "Input Tokens, Cache Write", "Input Tokens, Cache Write 1h",
         "Output Tokens"),
        strict=True,
    )
)  # fmt: skip


def cents_per_token(variant: Variant, token_type: str) -> Decimal:
    """The list price, exact."""
    model = MODELS[variant.model]
    price = model.output if token_type == "output_tokens" else model.input * _OF_INPUT[token_type]  # noqa: S105
    for applies, multiplier in (
        (variant.service_tier == "batch", Decimal("0.5")),
        (variant.context_window == "200k-1M", Decimal(2)),
        (variant.inference_geo == "us", Decimal("1.1")),
        (variant.speed == "fast", Decimal(6)),
    ):
        price *= multiplier if applies else 1
    return price.scaleb(-6)


def description(variant: Variant, token_type: str) -> str:
    """The line on the bill."""
    ways = [
        word
        for applies, word in (
            (variant.service_tier == "batch", "Batch"),
            (variant.context_window == "200k-1M", "Long Context"),
            (variant.inference_geo == "us", "US-only Inference"),
            (variant.speed == "fast", "Fast Mode"),
        )
        if applies
    ]
    return f"{MODELS[variant.model].name} Usage - {', '.join([*ways, _NAMES[token_type]])}"
