"""Dimensions of costs: what charges are grouped and filtered by, and what rules of labels look at."""

import re
from dataclasses import dataclass
from typing import Final

from cloudact.error_codes import Code

DIMENSIONS: Final = ("provider", "service", "model", "token_type", "sub_account", "api_key", "region", "sku")
NAMED: Final = ("sub_account", "api_key", "region", "sku")  # dimensions of ids that have names
TAG: Final = "tag:"
LABEL: Final = "label:"
TAG_KEY: Final = r'[^"\\,=*\x00-\x1f\x7f]{1,200}'
LABEL_NAME: Final = r"[a-z][a-z0-9_]{0,39}"
OF_CHARGES: Final = rf"({'|'.join(DIMENSIONS)}|{TAG}{TAG_KEY})"
_LABEL = re.compile(f"{LABEL}{LABEL_NAME}")
_OF_CHARGES = re.compile(OF_CHARGES)


class InvalidQuestion(ValueError):
    """Raised for a question without an answer: `part` is wrong, and `rule` is the rest of the sentence."""

    def __init__(self, part: str, rule: str, code: Code = Code.FIELD_INVALID) -> None:
        super().__init__(f"{part} {rule}.")
        self.part = part
        self.rule = rule
        self.code = code


@dataclass(frozen=True, order=True)
class Dimension:
    """Property of a charge: a word of `DIMENSIONS`, `tag:<key>`, or `label:<name>`, a label of the org's own."""

    word: str

    @property
    def kind(self) -> str:
        """Word without a tag's key or a label's name: `tag`."""
        return self.word.partition(":")[0]

    @property
    def tag(self) -> str | None:
        """Key of the tag; `None` for another dimension."""
        return self.word.removeprefix(TAG) if self.kind == "tag" else None

    @property
    def label(self) -> str | None:
        """Name of the label; `None` for another dimension."""
        return self.word.removeprefix(LABEL) if self.kind == "label" else None


def dimension(part: str, text: str) -> Dimension:
    """Dimension of this word. Raises `InvalidQuestion` naming the part of the question that has it."""
    if _OF_CHARGES.fullmatch(text) or _LABEL.fullmatch(text):
        return Dimension(text)
    if text.startswith(LABEL):
        raise InvalidQuestion(part, "names a label, and the organization has none of this name", Code.LABEL_UNKNOWN)
    raise InvalidQuestion(part, f"must be of {', '.join(DIMENSIONS)}, {TAG}<key>, {LABEL}<name>")
