"""OpenAI's line items: what each kind says in `focus_costs`, and what a run says of those that it does not know."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from infra.write_line_items import VIEW, written
from providers.notes import Notes
from providers.openai.line_items import AROUND, KNOWN_NAME, RULES, SNAPSHOT, not_understood, rule_of
from tests.infra.conftest import Read, ReadEach
from tests.infra.focus_rows import Row, openai, openai_usage

Told = tuple[str | None, ...]
Found = Mapping[Any, Mapping[str, Told]]
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


@dataclass(frozen=True)
class Items:
    """Charges with these line items, all with these columns, on a day whose usage knows these models."""

    line_items: Collection[str]
    models: tuple[str, ...] = ("m-1",)
    columns: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def rows(self) -> dict[str, list[Row]]:
        return {
            "openai_cost_daily_raw": [openai(line_item=item, **self.columns) for item in self.line_items],
            "openai_usage_daily_raw": [openai_usage(model=model) for model in self.models],
        }


def told(rows: list[Row]) -> dict[str, Told]:
    """What the view says of charges, by their line items.

    A meter that is but the words of the item, as where nothing is known of it, is None.
    """
    names = ("x_Model", "x_TokenType", "x_TokenDirection", "x_TokenCacheAction")
    meters = {row["ChargeDescription"]: row["SkuMeter"] for row in rows}
    return {
        item: (*[row[name] for name in names], None if meters[item] == item else meters[item])
        for row in rows
        if (item := row["ChargeDescription"])
    }


OTHERWISE = ("gpt-4o-transcribe, input", "gpt-4o-mini-tts, output", "gpt-5.4, cached input", "gpt-5.4, training")
METERS = {"duration_minutes": "Duration", "duration_seconds": "Duration", "characters": "Characters", "quanta": None}
OF_TOKENS = ("tokens", "1000_tokens", "", None)
FINE_TUNED = ("ft:gpt-4o-mini-2024-07-18:acme::A1", "ft:gpt-6:acme:a, b:9|b,“é”", "gpt-4o-audio")
BARE = Items(("sora-2", "sora-9", "dreams"), models=("sora-2", "dreams"))
NEWTON = Items(
    ("newton-1, cached input", "Batch | newton-1, output", "newton-1", "newton-2, output", "newton-1-tts"),
    models=("newton-1-2026-11-01", "newton-1-TTS"),
)
NAMED = ("m-1", "Foo Bar", "dreams", "refund-2026-2026-11-01", "DALL-E-3", "sora-2\n")
WORDS = {item for kind in KINDS if kind not in ("credit", "rounding") for item in KINDS[kind]} | {
    *NOTHING, "Foo Bar", "dreams", "dall-e-3", "batch | dall-e-3", "sora-2", "sora-2\n",
}  # fmt: skip
IMAGES = Items(("gpt-image-2, image output",), columns={"quantity": "6", "quantity_unit": "images"})


@pytest.fixture(scope="module")
def found(read_each: ReadEach) -> dict[Any, dict[str, Told]]:
    """What the view says of the line items of each case, all of which are read at once."""
    cases: dict[Any, Items] = {kind: Items(KINDS[kind]) for kind in RULES}
    cases |= {"bare": BARE, "nothing": Items(NOTHING), "newton": NEWTON, "images": IMAGES}
    cases |= {"every word": Items(WORDS, models=NAMED)}
    cases |= {model: Items([f"{model}{ending}" for ending in ENDINGS]) for model in FINE_TUNED}
    counted = {unit: {"quantity": "7", "quantity_unit": unit} for unit in (*METERS, *OF_TOKENS)}
    cases |= {("meter", unit): Items((*OTHERWISE, "whisper-1"), columns=counted[unit]) for unit in METERS}
    cases |= {("tokens", unit): Items(KINDS["cached_input"], columns=counted[unit]) for unit in OF_TOKENS}
    rows = read_each({case: items.rows for case, items in cases.items()})
    assert {case: len(rows[case]) for case in cases} == {case: len(items.line_items) for case, items in cases.items()}
    return {case: told(each) for case, each in rows.items()}


@pytest.mark.parametrize("kind", RULES)
def test_each_kind_of_line_item_is_understood(found: Found, kind: str) -> None:
    """A line item of each kind gives model, token type, direction, cache action and meter, by its own rule."""
    assert {rule_of(item, {"m-1"}) for item in KINDS[kind]} == {kind}
    assert found[kind] == KINDS[kind]


def test_a_bare_name_is_a_model_if_the_usage_of_the_day_knows_it(found: Found) -> None:
    """`sora-2` alone is a model where usage names it; where none does, nothing is guessed."""
    models = {item: model for item, (model, *_) in found["bare"].items()}
    assert models == {"sora-2": "sora-2", "sora-9": None, "dreams": None}


def test_what_is_not_understood_stays_null(found: Found) -> None:
    """Other text gives nothing at all: what stands where a model would is none unless its name is known to be one."""
    assert found["nothing"] == dict.fromkeys(NOTHING, (None,) * 5)
    assert [rule_of(item, {"m-1"}) for item in NOTHING] == [None] * len(NOTHING)


@pytest.mark.parametrize("model", FINE_TUNED)
def test_no_ending_is_a_part_of_the_model(found: Found, model: str) -> None:
    """Of a line item of each kind the model is the name alone, without comma and without the word for the modality."""
    assert [name for name, *_ in found[model].values()] == [model] * len(ENDINGS)
    assert all(meter is not None for *_, meter in found[model].values())


def test_a_name_of_no_known_family_is_a_model_by_the_usage_of_the_day(found: Found) -> None:
    """A new family is known by the usage, which may tell the snapshot's date, for every kind of line item."""
    assert found["newton"] == {
        "newton-1, cached input": ("newton-1", "cached_input", "Input", "Read", "Cached Input Tokens"),
        "Batch | newton-1, output": ("newton-1", "output", "Output", None, "Output Tokens"),
        "newton-1": ("newton-1", None, None, None, None),
        "newton-2, output": (None,) * 5,
        "newton-1-tts": ("newton-1-tts", None, None, None, "Speech"),
    }


def test_what_a_run_counts_is_what_the_view_leaves_empty(found: Found) -> None:
    """Of line items of every kind, with names that the usage knows or not, run and view understand the same ones."""
    items = found["every word"]
    empty = {item for item, told in items.items() if told == (None,) * 5}
    assert empty == {item for item in WORDS if rule_of(item, NAMED) is None}
    assert items["batch | dall-e-3"] == items["dall-e-3"] == ("dall-e-3", None, None, None, None)
    assert items["refund-2026, input"][0] == "refund-2026"


def test_images_are_no_tokens(found: Found) -> None:
    """A line of `image output` that counts images has the model, and is not said to be tokens."""
    assert set(found["images"].values()) == {("gpt-image-2", None, None, None, "Images")}


@pytest.mark.parametrize("unit", METERS)
def test_what_is_counted_otherwise_is_no_tokens(found: Found, unit: str) -> None:
    """A unit that is told and is no token overrules words that say tokens; a meter that is none of tokens stays."""
    items, models = found["meter", unit], [item.partition(",")[0] for item in OTHERWISE]
    assert [items[item] for item in OTHERWISE] == [(model, None, None, None, METERS[unit]) for model in models]
    assert items["whisper-1"] == ("whisper-1", None, None, None, "Transcription")


@pytest.mark.parametrize("unit", OF_TOKENS)
def test_tokens_are_those_whose_unit_says_nothing_else(found: Found, unit: str | None) -> None:
    """Where the unit is tokens, or is not told, the words tell the kind of token."""
    assert found["tokens", unit] == KINDS["cached_input"]


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
