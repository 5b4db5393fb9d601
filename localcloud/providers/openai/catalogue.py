"""What an invented organization uses and what that costs, in US dollars. Model names and prices are invented."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Variant:
    """One way to call a model."""

    model: str
    batch: bool
    service_tier: str | None
    api_source: str | None
    audio: bool = False

    @property
    def multiplier(self) -> Decimal:
        """The factor on the model's price."""
        return multiplier(self.batch, self.service_tier)


def multiplier(batch: bool, service_tier: str | None) -> Decimal:
    """The factor on a model's price: batch and flex are half, priority is double."""
    if batch or service_tier == "flex":
        return Decimal("0.5")
    return Decimal(2 if service_tier == "priority" else 1)


VARIANTS = (
    Variant("gpt-5.4-2026-03-05", False, "default", "unlabeled"),
    Variant("gpt-5.4-mini-2026-03-05", True, "default", "unlabeled"),
    Variant("gpt-realtime-2", False, "default", "unlabeled", audio=True),
    Variant("gpt-5.4-2026-03-05", False, "priority", "unlabeled"),
    Variant("gpt-6-astra", False, "default", "agents_api"),
    Variant("gpt-5.4-mini-2026-03-05", False, "flex", "agents_api"),
    Variant("ft:gpt-5.4-mini:acme::9|b,“é”", False, None, None),
    Variant("gpt-6-astra", True, "default", "unlabeled"),
)


@dataclass(frozen=True)
class Price:
    """What one token costs, by the kind of token."""

    input: Decimal
    cached: Decimal
    output: Decimal
    audio_input: Decimal = Decimal(0)
    audio_output: Decimal = Decimal(0)


def _per_million(*dollars: str) -> Price:
    return Price(*(Decimal(text).scaleb(-6) for text in dollars))


PRICES = {
    "gpt-5.4": _per_million("2.5", "0.25", "15"),
    "gpt-5.4-mini": _per_million("0.25", "0.025", "2"),
    "gpt-6-astra": _per_million("5", "0.5", "25"),
    "gpt-realtime-2": _per_million("4", "0.4", "16", "32", "64"),
    "ft:gpt-5.4-mini:acme::9|b,“é”": _per_million("0.75", "0.075", "6"),
}


def billed_by(batch: bool, service_tier: str | None) -> str:
    """What stands before the model on the bill: nothing, or the product by which it was called.

    `priority | gpt-…` and `flex | gpt-…` have been seen; batch is taken to be written alike.
    """
    product = "batch" if batch else service_tier
    return f"{product} | " if product in ("batch", "flex", "priority") else ""


def billed_as(model: str) -> str:
    """The model's name on the bill: without the date of its snapshot."""
    return model.removesuffix("-2026-03-05")


@dataclass(frozen=True)
class Product:
    """A line of the bill that is not tokens of a completion: what one unit costs, and how the unit is called."""

    line_item: str
    price: Decimal
    unit: str | None


# Usage that is billed by a single number of its report; moderations are free.
PRODUCTS = {
    "embeddings": Product("text-embedding-3-small, input", Decimal("0.00000002"), "tokens"),
    "images": Product("gpt-image-2, image output", Decimal("0.04"), "images"),
    "audio_speeches": Product("gpt-4o-mini-tts", Decimal("0.000015"), "characters"),
    "audio_transcriptions": Product("whisper-1", Decimal("0.0001"), "duration_seconds"),
    "code_interpreter_sessions": Product("code interpreter sessions", Decimal("0.03"), "sessions"),
    "file_search_calls": Product("file search tool calls", Decimal("0.0025"), None),
    "web_search_calls": Product("web search tool calls", Decimal("0.01"), None),
}
STORAGE = Product("file search storage", Decimal("0.1"), "gibibyte_hours")  # the price is for a GiB and day
MODELS = {
    "embeddings": ("text-embedding-3-small", "text-embedding-3-large"),
    "moderations": ("omni-moderation-latest",),
    "images": ("gpt-image-2",),
    "audio_speeches": ("gpt-4o-mini-tts",),
    "audio_transcriptions": ("whisper-1",),
    "web_search_calls": ("gpt-5.4-2026-03-05", "gpt-6-astra"),
}
CREDIT = "credit adjustment"
SUPPORT = 'Support plan "Größe M" | tier 1, monthly — 支援'
_UNITS = {product.line_item: product.unit for product in (*PRODUCTS.values(), STORAGE)}
_WITHOUT_UNIT = frozenset({CREDIT, SUPPORT})


def unit_of(line_item: str) -> str | None:
    """What the quantity of a line item counts."""
    return None if line_item in _WITHOUT_UNIT else _UNITS.get(line_item, "tokens")
