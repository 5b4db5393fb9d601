"""What the line items of OpenAI's bill mean: the one table of rules. Knows no API and no warehouse.

A line item is free text, mostly `<model>, <kind of token>`: `gpt-5.4-mini, cached input`, `gpt-image-2 text, input`,
`priority | gpt-5.4, output, long context`. The view `charges_openai` has these rules as SQL, which
`python -m infra.write_line_items` writes, so that they hold for days that were loaded before. A rule reads what OpenAI
is known to write; no rule guesses: what stands where a model would is one only if its name is of a family that OpenAI
is known to have, or if the usage of the day has it.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

# In the syntax that Python and RE2 share, but for `$`, which Python also lets stand before a last newline.
AROUND = r"(?i)^[a-z]+ \| |, long context$"  # the product before the words (priority, flex, batch, evals); the context
# A model's name has a digit or a hyphen: "rounding" is none. That of a fine-tuned one is ft:<base>:<org>:<suffix>:<id>.
_MODEL = r"(ft:[^ :]+:(?:.*:)?[^ :]+?|[a-z]+[0-9-][a-z0-9._:-]*)"
FAMILIES = (
    r"gpt-|chatgpt-(?:[0-9]|image)|o[0-9](?:-|$)|text-(?:embedding|moderation|davinci|curie|babbage|ada)-|tts-|whisper"
    r"|omni-moderation|dall-e-|sora-|codex-|computer-use-|(?:davinci|curie|babbage|ada)-[0-9]"
)
KNOWN_NAME = f"(?i)^(?:ft:)?(?:{FAMILIES})"
SNAPSHOT = "-[0-9]{4}-[0-9]{2}-[0-9]{2}$"  # mostly left out on the bill
MOST_NAMED = 5


@dataclass(frozen=True)
class LineRule:
    """One kind of line item: the pattern that it matches, and what it says of a charge, `None` where nothing.

    The pattern is for the whole text, in any case. Its group, if it has one, is the model's name. `direction` and
    `cache_action` are values of FOCUS 1.5: Input or Output; Read or Write. A rule for a model without a meter tells
    nothing but the name: it holds only where usage has it.
    """

    pattern: str
    token_type: str | None = None
    direction: str | None = None
    cache_action: str | None = None
    meter: str | None = None

    @property
    def names_a_model(self) -> bool:
        """Whether the pattern has a group for the model's name."""
        return re.compile(self.pattern).groups == 1


def _tokens(
    ending: str, token_type: str, meter: str, direction: str | None = "Input", cache_action: str | None = None
) -> LineRule:
    return LineRule(f"{_MODEL}{ending}(?:[ _]tokens)?", token_type, direction, cache_action, meter)


def _named(names: str, token_type: str | None, meter: str) -> LineRule:
    """Models whose names alone tell what is metered."""
    direction = None if token_type is None else "Input"
    return LineRule(f"({names})", token_type, direction, None, meter)


def _without_model(text: str, meter: str | None) -> LineRule:
    return LineRule(f"(?:{text})", meter=meter)


# The first that matches counts, so that `, audio input` is no text and a model that transcribes is no bare name.
RULES: dict[str, LineRule] = {
    "cached_audio_input": _tokens(
        r"(?: audio, cached[ _]input|, cached[ _]audio[ _]input)", "cached_audio_input",
        "Cached Audio Input Tokens", cache_action="Read",
    ),
    "cached_image_input": _tokens(
        r"(?: image, cached[ _]input|, cached[ _]image[ _]input)", "cached_image_input",
        "Cached Image Input Tokens", cache_action="Read",
    ),
    "cached_input": _tokens(
        r"(?: text)?, cached[ _](?:text[ _])?input", "cached_input", "Cached Input Tokens", cache_action="Read"
    ),
    "cache_write": _tokens(
        r"(?: text)?, cache[ _]writes?", "cache_write", "Cache Write Input Tokens", cache_action="Write"
    ),
    "audio_input": _tokens(r"(?: audio, input|, audio[ _]input)", "audio_input", "Audio Input Tokens"),
    "image_input": _tokens(r"(?: image, input|, image[ _]input)", "image_input", "Image Input Tokens"),
    "input": _tokens(r"(?: text)?, (?:text[ _])?input", "input", "Input Tokens"),
    "audio_output": _tokens(r"(?: audio, output|, audio[ _]output)", "audio_output", "Audio Output Tokens", "Output"),
    "image_output": _tokens(r"(?: image, output|, image[ _]output)", "image_output", "Image Output Tokens", "Output"),
    "output": _tokens(r"(?: text)?, (?:text[ _])?output", "output", "Output Tokens", "Output"),
    "training": _tokens(r"(?:, training| training)", "training", "Training Tokens", None),
    "embedding": _named(r"text-embedding-[a-z0-9-]+", "input", "Input Tokens"),
    "moderation": _named(r"(?:omni|text)-moderation-[a-z0-9-]+", "input", "Input Tokens"),
    "speech": _named(r"tts-1[a-z0-9-]*|[a-z0-9.-]+-tts(?:-[0-9-]+)?", None, "Speech"),
    "transcription": LineRule(
        r"(whisper(?:-1)?|[a-z0-9.-]+-transcribe[a-z0-9-]*)(?:, audio)?", meter="Transcription"
    ),
    "web_search": _without_model("web search(?: preview)? tool calls?", "Web Search Calls"),
    "file_search": _without_model("file search tool calls?", "File Search Calls"),
    "code_interpreter": _without_model("code interpreter sessions?", "Code Interpreter Sessions"),
    "storage": _without_model("(?:file search|vector(?: store)?) storage", "Storage"),
    "credit": _without_model("credits?(?: adjustment)?", None),
    "rounding": _without_model("rounding(?:, .*)?", None),
    "name": LineRule(_MODEL),
}  # fmt: skip


def rule_of(line_item: str, models: Collection[str] = ()) -> str | None:
    """Name of the rule of a line item; `None` where none understands it. `models` are the names that usage knows."""
    words = re.sub(AROUND.replace("$", r"\Z"), "", line_item)
    for name, rule in RULES.items():
        if found := re.fullmatch(rule.pattern, words, re.IGNORECASE):
            model = found[1] if rule.names_a_model else None
            return name if model is None or _is_known(model, rule, models) else None
    return None


def _is_known(model: str, rule: LineRule, models: Collection[str]) -> bool:
    if rule.meter is not None and re.search(KNOWN_NAME, model):
        return True
    return _name(model) in {_name(other) for other in models}


def _name(model: str) -> str:
    return re.sub(SNAPSHOT.replace("$", r"\Z"), "", model.lower())


def not_understood(line_items: Collection[str], models: Collection[str]) -> str | None:
    """Sentence on line items that say nothing to us; `None` without any. `models` are the names that usage knows."""
    unknown = sorted(item for item in line_items if rule_of(item, models) is None)
    if not unknown:
        return None
    named = "; ".join(unknown[:MOST_NAMED]) + ("; …" if len(unknown) > MOST_NAMED else "")
    return (
        f"{len(unknown)} of {len(line_items)} different line items of OpenAI's costs are not understood, so their "
        f"model and kind of token are left empty in focus_costs: {named}."
    )


def as_sql() -> str:
    """The rules as a GoogleSQL CASE over `words`: a STRUCT `known`, NULL where no rule matches."""
    return "\n".join(["    CASE", *(_branch(rule) for rule in RULES.values()), "    END AS known"])


def _branch(rule: LineRule) -> str:
    pattern = f"(?i)^{rule.pattern}$"
    model = f"REGEXP_EXTRACT(words, r'{pattern}')" if rule.names_a_model else "CAST(NULL AS STRING)"
    values = (rule.token_type, rule.direction, rule.cache_action, rule.meter)
    names = ("token_type", "token_direction", "cache_action", "meter")
    told = ", ".join(f"{_literal(value)} AS {name}" for value, name in zip(values, names, strict=True))
    return f"      WHEN REGEXP_CONTAINS(words, r'{pattern}')\n        THEN STRUCT({model} AS model, {told})"


def _literal(value: str | None) -> str:
    return "CAST(NULL AS STRING)" if value is None else f"'{value}'"
