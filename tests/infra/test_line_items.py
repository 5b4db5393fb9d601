"""OpenAI's line items: what each kind says in `focus_costs`, and what a run says of those that it does not know."""

from __future__ import annotations

import pytest

from infra.write_line_items import VIEW, written
from providers.notes import Notes
from providers.openai.line_items import AROUND, KNOWN_NAME, RULES, SNAPSHOT, not_understood, rule_of
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
    "training": {
        "gpt-5.4-mini-2026-03-05, training": ("gpt-5.4-mini-2026-03-05", "training", None, None, "Training Tokens"),
        "o4-mini training": ("o4-mini", "training", None, None, "Training Tokens"),
    },
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
    "name": {"m-1": ("m-1", None, None, None, None)},
}  # fmt: skip
NOTHING = (
    "gpt-5.4, input, more", "Support plan | tier 1", ", input", "dreams, output", "sora-9", "ft:gpt-5.4, input",
    "fine-tuning training", "code-interpreter, output", "refund-2026, input", "non-cached, input", "pre-paid, output",
    "tax-vat, output", "o365-seats, input", "my-custom-tts", "acme-transcribe-addon", "ft:tax-vat:acme::A1, input",
    "ft:gpt-5.4:acme::A1, input, output", "gpt-5.4, input\n", "m-1\n", "gpt-5.4, input, long context\n",
)  # fmt: skip
ENDINGS = (
    ", training", " training", ", input", " text, input", ", text input", ", cached input", " text, cached input",
    ", cached text input", " text, cache writes", ", output", " text, output", " audio, input", ", audio output",
    " audio, cached input", " image, cached input", ", cached image input", " image, output", ", input_tokens",
)  # fmt: skip


def told(read: Read, *line_items: str, models: tuple[str, ...] = ("m-1",), **columns: str | None) -> dict[str, Told]:
    """What the view says of charges with these line items on a day whose usage knows these models.

    A meter that is but the words of the item, as where nothing is known of it, is None.
    """
    rows = read(
        openai_cost_daily_raw=[openai(line_item=item, **columns) for item in line_items],
        openai_usage_daily_raw=[openai_usage(model=model) for model in models],
    )
    names = ("x_Model", "x_TokenType", "x_TokenDirection", "x_TokenCacheAction")
    meters = {row["ChargeDescription"]: row["SkuMeter"] for row in rows}
    return {
        item: (*[row[name] for name in names], None if meters[item] == item else meters[item])
        for row in rows
        if (item := row["ChargeDescription"])
    }


@pytest.mark.parametrize("kind", RULES)
def test_each_kind_of_line_item_is_understood(read: Read, kind: str) -> None:
    """A line item of each kind gives model, token type, direction, cache action and meter, by its own rule."""
    assert {rule_of(item, {"m-1"}) for item in KINDS[kind]} == {kind}
    assert told(read, *KINDS[kind]) == KINDS[kind]


def test_a_bare_name_is_a_model_if_the_usage_of_the_day_knows_it(read: Read) -> None:
    """`sora-2` alone is a model where usage names it; where none does, nothing is guessed."""
    found = told(read, "sora-2", "sora-9", "dreams", models=("sora-2", "dreams"))
    assert {item: model for item, (model, *_) in found.items()} == {"sora-2": "sora-2", "sora-9": None, "dreams": None}


def test_what_is_not_understood_stays_null(read: Read) -> None:
    """Other text gives nothing at all: what stands where a model would is none unless its name is known to be one."""
    assert told(read, *NOTHING) == dict.fromkeys(NOTHING, (None,) * 5)
    assert [rule_of(item, {"m-1"}) for item in NOTHING] == [None] * len(NOTHING)


@pytest.mark.parametrize("model", ["ft:gpt-4o-mini-2024-07-18:acme::A1", "ft:gpt-6:acme:a, b:9|b,“é”", "gpt-4o-audio"])
def test_no_ending_is_a_part_of_the_model(read: Read, model: str) -> None:
    """Of a line item of each kind the model is the name alone, without comma and without the word for the modality."""
    found = told(read, *(f"{model}{ending}" for ending in ENDINGS))
    assert [name for name, *_ in found.values()] == [model] * len(ENDINGS)
    assert all(meter is not None for *_, meter in found.values())


def test_a_name_of_no_known_family_is_a_model_by_the_usage_of_the_day(read: Read) -> None:
    """A new family is known by the usage, which may tell the snapshot's date, for every kind of line item."""
    items = ("newton-1, cached input", "Batch | newton-1, output", "newton-1", "newton-2, output", "newton-1-tts")
    found = told(read, *items, models=("newton-1-2026-11-01", "newton-1-TTS"))
    assert found == {
        "newton-1, cached input": ("newton-1", "cached_input", "Input", "Read", "Cached Input Tokens"),
        "Batch | newton-1, output": ("newton-1", "output", "Output", None, "Output Tokens"),
        "newton-1": ("newton-1", None, None, None, None),
        "newton-2, output": (None,) * 5,
        "newton-1-tts": ("newton-1-tts", None, None, None, "Speech"),
    }


def test_what_a_run_counts_is_what_the_view_leaves_empty(read: Read) -> None:
    """Of line items of every kind, with names that the usage knows or not, run and view understand the same ones."""
    models = ("m-1", "Foo Bar", "dreams", "refund-2026-2026-11-01", "DALL-E-3", "sora-2\n")
    empty = {item for kind in ("credit", "rounding") for item in KINDS[kind]}
    items = {item for kind in KINDS.values() for item in kind} - empty
    items |= {*NOTHING, "Foo Bar", "dreams", "dall-e-3", "batch | dall-e-3", "sora-2", "sora-2\n"}
    found = told(read, *items, models=models)
    assert {i for i, told in found.items() if told == (None,) * 5} == {i for i in items if rule_of(i, models) is None}
    assert found["batch | dall-e-3"] == found["dall-e-3"] == ("dall-e-3", None, None, None, None)
    assert found["refund-2026, input"][0] == "refund-2026"


def test_images_are_no_tokens(read: Read) -> None:
    """A line of `image output` that counts images has the model, and is not said to be tokens."""
    found = told(read, "gpt-image-2, image output", quantity="6", quantity_unit="images")
    assert set(found.values()) == {("gpt-image-2", None, None, None, "Images")}


@pytest.mark.parametrize(
    ("unit", "meter"),
    [
        ("duration_minutes", "Duration"),
        ("duration_seconds", "Duration"),
        ("characters", "Characters"),
        ("quanta", None),
    ],
)
def test_what_is_counted_otherwise_is_no_tokens(read: Read, unit: str, meter: str | None) -> None:
    """A unit that is told and is no token overrules words that say tokens; a meter that is none of tokens stays."""
    words = ("gpt-4o-transcribe, input", "gpt-4o-mini-tts, output", "gpt-5.4, cached input", "gpt-5.4, training")
    found = told(read, *words, "whisper-1", quantity="7", quantity_unit=unit)
    models = [item.partition(",")[0] for item in words]
    assert [found[item] for item in words] == [(model, None, None, None, meter) for model in models]
    assert found["whisper-1"] == ("whisper-1", None, None, None, "Transcription")


@pytest.mark.parametrize("unit", ["tokens", "1000_tokens", "", None])
def test_tokens_are_those_whose_unit_says_nothing_else(read: Read, unit: str | None) -> None:
    """Where the unit is tokens, or is not told, the words tell the kind of token."""
    kind = KINDS["cached_input"]
    assert told(read, *kind, quantity="7", quantity_unit=unit) == kind


def test_the_product_before_the_words_is_the_service_tier(read: Read) -> None:
    """`priority`, `flex` and `batch` are tiers, other products are none; long context is a context window."""
    items = {
        "priority | gpt-5.4, output, long context": ("priority", "long"),
        "flex | gpt-5.4, output": ("flex", None),
        "batch | gpt-5.4, output": ("batch", None),
        "Batch | gpt-5.4, output": ("batch", None),
        "evals | gpt-5.4, output": (None, None),
        "gpt-5.4, output": (None, None),
    }
    rows = read(openai_cost_daily_raw=[openai(line_item=item) for item in items])
    assert {row["ChargeDescription"]: (row["x_ServiceTier"], row["x_ContextWindow"]) for row in rows} == items


def test_the_view_has_the_rules_of_today() -> None:
    """The branches in the view are what `python -m infra.write_line_items` writes from the table of rules."""
    text = VIEW.read_text(encoding="utf-8")
    assert written(text) == text, "run: python -m infra.write_line_items"
    assert [text.count(f"r'{pattern}'") for pattern in (AROUND, KNOWN_NAME, SNAPSHOT)] == [1, 1, 2]


def test_line_items_that_nobody_understands_are_counted() -> None:
    """A sentence counts the different line items that no rule and no usage knows, and names the first five."""
    items = {"gpt-5.4, input", "sora-2", *"ABCDEF"}
    assert not_understood(items, {"sora-2"}) == (
        "6 of 8 different line items of OpenAI's costs are not understood, so their model and kind of token are left "
        "empty in focus_costs: A; B; C; D; E; …."
    )
    assert not_understood({"gpt-5.4, input", "sora-2"}, {"sora-2"}) is None
    assert Notes(print).texts == {}
