"""Labels of an org's own: ordered rules that say which team, environment or cost centre a charge is of.

Knows no HTTP and no SQL. The rules are applied when costs are read, and so to all days.
"""

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import accumulate, pairwise
from typing import Annotated, Final, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    TypeAdapter,
    WithJsonSchema,
    model_validator,
)

from cloudact.costs.dimensions import LABEL_NAME, OF_CHARGES, Dimension
from cloudact.runs.result import plain

MOST_LABELS: Final = 20
MOST_RULES: Final = 100  # of all labels together: what the local BigQuery answers in seconds
MOST_CONDITIONS: Final = 10  # of a rule
MOST_VALUES: Final = 50  # of a condition
MOST_SHARES: Final = 20  # of a rule
MOST_PARTS: Final = 1_000  # of all rules together
LONGEST_VALUE: Final = 500
LONGEST_LABEL: Final = 100
ONE: Final = Decimal(1)
_SHARE = re.compile(r"0\.\d{1,9}|1(\.0{1,9})?", re.ASCII)


def _share(value: object) -> Decimal:
    text = str(value)  # a fraction in JSON has the shortest text that means it
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal) or not _SHARE.fullmatch(text):
        raise ValueError("must be a share such as 0.6, with at most nine decimals")
    if not (share := Decimal(text)):
        raise ValueError("must be more than 0")
    return share


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be without control characters")
    return text


def _once(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


_SENT_SHARE = {"anyOf": [{"type": "string", "pattern": f"^({_SHARE.pattern})$"}, {"type": "number"}]}
ShareOfOne = Annotated[Decimal, BeforeValidator(_share), PlainSerializer(plain), WithJsonSchema(_SENT_SHARE)]
LabelValue = Annotated[str, Field(min_length=1, max_length=LONGEST_LABEL), AfterValidator(_printable)]
ValueOrNone = Annotated[str, Field(max_length=LONGEST_LABEL), AfterValidator(_printable)]
ConditionValue = Annotated[str, Field(max_length=LONGEST_VALUE), AfterValidator(_printable)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Condition(_Part):
    """What a charge must be: one of some values of a dimension, or a value that begins so. Exactly one is given."""

    dimension: str = Field(pattern=f"^{OF_CHARGES}$", examples=["sub_account"])
    one_of: (
        Annotated[tuple[ConditionValue, ...], Field(min_length=1, max_length=MOST_VALUES), AfterValidator(_once)] | None
    ) = Field(default=None, description="any of these; empty: what has none")
    starts_with: Annotated[str, Field(min_length=1, max_length=LONGEST_VALUE), AfterValidator(_printable)] | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.one_of is None) is (self.starts_with is None):
            raise ValueError("must have one_of or starts_with")
        return self

    @property
    def of(self) -> Dimension:
        """Dimension that it looks at."""
        return Dimension(self.dimension)


class Share(_Part):
    """Share of a charge that has this value."""

    value: LabelValue = Field(examples=["search"])
    share: ShareOfOne = Field(description="of 1, with at most nine decimals", examples=["0.6"])


class Rule(_Part):
    """Conditions that must all hold, and the value that charges get then, or the shares. Without any, all charges."""

    when: tuple[Condition, ...] = Field(default=(), max_length=MOST_CONDITIONS)
    value: LabelValue | None = Field(default=None, examples=["search"])
    shares: tuple[Share, ...] | None = Field(
        default=None, min_length=1, max_length=MOST_SHARES, description="instead of `value`; together 1"
    )

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.value is None) is (self.shares is None):
            raise ValueError("must have value or shares")
        if self.shares is not None:
            if sum(each.share for each in self.shares) != ONE:
                raise ValueError("must have shares that are 1 together")
            if len({each.value for each in self.shares}) < len(self.shares):
                raise ValueError("must have shares of different values")
        return self

    @property
    def parts(self) -> Sequence[tuple[str, Decimal, Decimal]]:
        """Values with the bounds of their shares: 60/40 is from 0 to 0.6 and from 0.6 to 1."""
        if self.shares is None:
            return [(self.value or "", Decimal(), ONE)]
        bounds = accumulate((each.share for each in self.shares), initial=Decimal())
        return [(each.value, *bound) for each, bound in zip(self.shares, pairwise(bounds), strict=True)]


class Label(_Part):
    """Label: the first of its rules that holds gives a charge its value. What no rule is of is unattributed."""

    name: str = Field(pattern=f"^{LABEL_NAME}$", examples=["team"])
    rules: tuple[Rule, ...] = Field(min_length=1, max_length=MOST_RULES)

    @property
    def values(self) -> set[str]:
        """Values that its rules give."""
        return {value for rule in self.rules for value, *_ in rule.parts}


def _bounded(labels: tuple[Label, ...]) -> tuple[Label, ...]:
    names = [label.name for label in labels]
    if len(set(names)) < len(names):
        raise ValueError("must have different names")
    rules = [rule for label in labels for rule in label.rules]
    if len(rules) > MOST_RULES or sum(len(rule.parts) for rule in rules) > MOST_PARTS:
        raise ValueError(f"may have up to {MOST_RULES} rules and {MOST_PARTS} values together")
    return labels


Labels = Annotated[tuple[Label, ...], Field(max_length=MOST_LABELS), AfterValidator(_bounded)]
_DOCUMENT: TypeAdapter[tuple[Label, ...]] = TypeAdapter(Labels)


def text_of(labels: tuple[Label, ...]) -> str:
    """JSON text of the labels, the same for the same ones."""
    return _DOCUMENT.dump_json(labels, exclude_defaults=True).decode()


def labels_of(text: str) -> tuple[Label, ...]:
    """Labels of a JSON text. Raises pydantic's `ValidationError`."""
    return _DOCUMENT.validate_json(text)


def label_named(labels: Iterable[Label], name: str) -> Label | None:
    """Label of this name, if there is one."""
    return next((label for label in labels if label.name == name), None)
