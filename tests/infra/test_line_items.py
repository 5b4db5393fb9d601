"""OpenAI's line items: what each kind says in `focus_costs`, and what a run says of those that it does not know."""

from __future__ import annotations

import pytest

from infra.write_line_items import VIEW, written
from providers.notes import Notes
from providers.openai.line_items import RULES, not_understood, rule_of
from tests.infra.conftest import Read
from tests.infra.focus_rows import openai, openai_usage

Told = tuple[str | None, ...]
# By rule: line items, and for each its model, token type, direction, cache action and meter.
KINDS: dict[str, dict[str, Told]] = {
    "input": {
        "gpt-5.4, input": ("gpt-5.4", "input", "Input", None, "Input Tokens"),
        "gpt-6-astra, input_tokens": ("gpt-6-astra", "input", "Input", None, "Input Tokens"),
        "gpt-image-2 text, input": ("gpt-image-2", "input", "Input", None, "Input Tokens"),
        "gpt-realtime-2, text input": ("gpt-realtime-2", "input", "Input", None, "Input Tokens"),
        "text-embedding-3-small, input": ("text-embedding-3-small", "input", "Input", None, "Input Tokens"),
        "priority | gpt-5.4, input, long context": ("gpt-5.4", "input", "Input", None, "Input Tokens"),
        "evals | gpt-5.4, input": ("gpt-5.4", "input", "Input", None, "Input Tokens"),
    },
    "cached_input": {
        "gpt-5.4, cached input": ("gpt-5.4", "cached_input", "Input", "Read", "Cached Input Tokens"),
        "gpt-6-astra, cached_input_tokens": ("gpt-6-astra", "cached_input", "Input", "Read", "Cached Input Tokens"),
        "gpt-image-2 text, cached input": ("gpt-image-2", "cached_input", "Input", "Read", "Cached Input Tokens"),
    },
    "cache_write": {
        "gpt-5.6-sol, cache writes": ("gpt-5.6-sol", "cache_write", "Input", "Write", "Cache Write Input Tokens"),
    },
    "output": {
        "gpt-5.4-2026-03-05, output": ("gpt-5.4-2026-03-05", "output", "Output", None, "Output Tokens"),
        "flex | gpt-5.4, output": ("gpt-5.4", "output", "Output", None, "Output Tokens"),
        "ft:gpt-5.4-mini:acme:a, b:Bx1, output": (
            "ft:gpt-5.4-mini:acme:a, b:Bx1", "output", "Output", None, "Output Tokens"
        ),
    },
    "audio_input": {
        "gpt-realtime-2, audio input": ("gpt-realtime-2", "audio_input", "Input", None, "Audio Input Tokens"),
        "gpt-audio-mini-2025-12-15 audio, input": (
            "gpt-audio-mini-2025-12-15", "audio_input", "Input", None, "Audio Input Tokens"
        ),
    },
    "cached_audio_input": {
        "gpt-realtime-2, cached audio input": (
            "gpt-realtime-2", "cached_audio_input", "Input", "Read", "Cached Audio Input Tokens"
        ),
    },
    "audio_output": {
        "gpt-realtime-2, audio output": ("gpt-realtime-2", "audio_output", "Output", None, "Audio Output Tokens"),
    },
    "image_input": {
        "gpt-image-2 image, input": ("gpt-image-2", "image_input", "Input", None, "Image Input Tokens"),
    },
    "cached_image_input": {
        "gpt-image-2 image, cached input": (
            "gpt-image-2", "cached_image_input", "Input", "Read", "Cached Image Input Tokens"
        ),
    },
    "image_output": {
        "gpt-image-2 image, output": ("gpt-image-2", "image_output", "Output", None, "Image Output Tokens"),
        "gpt-image-2, image output": ("gpt-image-2", "image_output", "Output", None, "Image Output Tokens"),
    },
    "training": {"gpt-5.4-mini-2026-03-05, training": ("gpt-5.4-mini-2026-03-05", "training", None, None,
                                                        "Training Tokens")},
    "embedding": {"text-embedding-3-large": ("text-embedding-3-large", "input", "Input", None, "Input Tokens")},
    "moderation": {"omni-moderation-latest": ("omni-moderation-latest", "input", "Input", None, "Input Tokens")},
    "speech": {
        "gpt-4o-mini-tts": ("gpt-4o-mini-tts", None, None, None, "Speech"),
        "tts-1-hd": ("tts-1-hd", None, None, None, "Speech"),
    },
    "transcription": {
        "whisper-1": ("whisper-1", None, None, None, "Transcription"),
        "whisper-1, audio": ("whisper-1", None, None, None, "Transcription"),
        "gpt-4o-transcribe": ("gpt-4o-transcribe", None, None, None, "Transcription"),
    },
    "web_search": {"web search tool calls": (None, None, None, None, "Web Search Calls")},
    "file_search": {"file search tool calls": (None, None, None, None, "File Search Calls")},
    "code_interpreter": {"code interpreter sessions": (None, None, None, None, "Code Interpreter Sessions")},
    "storage": {
        "file search storage": (None, None, None, None, "Storage"),
        "Vector storage": (None, None, None, None, "Storage"),
    },
    "credit": {"credit adjustment": (None,) * 5},
    "rounding": {"rounding, input": (None,) * 5},
}  # fmt: skip
NOTHING = ("gpt-5.4, input, more", "Support plan | tier 1", ", input", "dreams, output", "sora-9")


def told(read: Read, *line_items: str, models: tuple[str, ...] = ("m-1",), **columns: str) -> dict[str, Told]:
    """What the view says of charges with these line items on a day whose usage knows these models."""
    rows = read(
        openai_cost_daily_raw=[openai(line_item=item, **columns) for item in line_items],
        openai_usage_daily_raw=[openai_usage(model=model) for model in models],
    )
    names = ("x_Model", "x_TokenType", "x_TokenDirection", "x_TokenCacheAction", "SkuMeter")
    return {row["ChargeDescription"]: tuple(row[name] for name in names) for row in rows}


@pytest.mark.parametrize("kind", RULES)
def test_each_kind_of_line_item_is_understood(read: Read, kind: str) -> None:
    """A line item of each kind gives model, token type, direction, cache action and meter, by its own rule."""
    assert {rule_of(item) for item in KINDS[kind]} == {kind}
    assert told(read, *KINDS[kind]) == KINDS[kind]


def test_a_bare_name_is_a_model_if_the_usage_of_the_day_knows_it(read: Read) -> None:
    """`sora-2` alone is a model where usage names it; where none does, nothing is guessed."""
    found = told(read, "sora-2", "sora-9", "dreams", models=("sora-2", "dreams"))
    assert {item: model for item, (model, *_) in found.items()} == {"sora-2": "sora-2", "sora-9": None, "dreams": None}


def test_what_is_not_understood_stays_null(read: Read) -> None:
    """Other text gives nothing at all; a word before the comma that has neither digit nor hyphen is no model."""
    assert told(read, *NOTHING) == dict.fromkeys(NOTHING, (None,) * 5)


def test_images_are_no_tokens(read: Read) -> None:
    """A line of `image output` that counts images has the model, and is not said to be tokens."""
    found = told(read, "gpt-image-2, image output", quantity="6", quantity_unit="images")
    assert set(found.values()) == {("gpt-image-2", None, None, None, "Images")}


def test_the_product_before_the_words_is_the_service_tier(read: Read) -> None:
    """`priority`, `flex` and `batch` are tiers, other products are none; long context is a context window."""
    items = {
        "priority | gpt-5.4, output, long context": ("priority", "long"),
        "flex | gpt-5.4, output": ("flex", None),
        "batch | gpt-5.4, output": ("batch", None),
        "evals | gpt-5.4, output": (None, None),
        "gpt-5.4, output": (None, None),
    }
    rows = read(openai_cost_daily_raw=[openai(line_item=item) for item in items])
    assert {row["ChargeDescription"]: (row["x_ServiceTier"], row["x_ContextWindow"]) for row in rows} == items


def test_the_view_has_the_rules_of_today() -> None:
    """The branches in the view are what `python -m infra.write_line_items` writes from the table of rules."""
    text = VIEW.read_text(encoding="utf-8")
    assert written(text) == text, "run: python -m infra.write_line_items"


def test_line_items_that_nobody_understands_are_counted() -> None:
    """A sentence counts the different line items that no rule and no usage knows, and names the first five."""
    items = {"gpt-5.4, input", "sora-2", *"ABCDEF"}
    assert not_understood(items, {"sora-2"}) == (
        "6 of 8 different line items of OpenAI's costs are not understood, so their model and kind of token are left "
        "empty in focus_costs: A; B; C; D; E; …."
    )
    assert not_understood({"gpt-5.4, input", "sora-2"}, {"sora-2"}) is None
    assert Notes(print).texts == {}
