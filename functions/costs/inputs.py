"""Query strings of the endpoints of costs, and the questions that they ask."""

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Annotated, ClassVar, TypeAlias

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema

from cloudact.costs.dimensions import (
    DIMENSIONS,
    LABEL,
    LABEL_NAME,
    TAG,
    TAG_KEY,
    Dimension,
    InvalidQuestion,
    dimension,
)
from cloudact.costs.labels import Label, label_named
from cloudact.error_codes import Code
from functions.costs.question import (
    DAY,
    LONGEST_VALUE,
    MOST_DAYS,
    MOST_GROUPED,
    MOST_GROUPS,
    MOST_VALUES,
    Basis,
    Compared,
    Days,
    Filter,
    Granularity,
    Metric,
    Question,
    Rows,
    unknown_label,
)
from functions.web.inputs import Day, Input, whole, word_of
from functions.web.problems import Problem, bad_field


class Format(StrEnum):
    """Format of an export."""

    CSV = "csv"
    PARQUET = "parquet"


DEFAULT_DAYS = 30
DEFAULT_LIMIT = 10
TOKENS_BY = (Dimension("provider"), Dimension("model"), Dimension("token_type"))
ONLY_ROWS = "allocated_by is of charges; ask with format=parquet, or group_by=label:<name> for sums."
ComparedWith: TypeAlias = Annotated[
    Compared | None,
    word_of({each.value: each for each in Compared}),
    WithJsonSchema({"type": "string", "enum": [*Compared]}),
    Field(
        description="previous_period: with as many days directly before, whole months with as many whole months; "
        "previous_month: days of one month with the same days of the month before, as far as it has them (it "
        "must have the first), a whole month with the whole month"
    ),
]
_WORD = rf"^({'|'.join(DIMENSIONS)}|{TAG}{TAG_KEY}|{LABEL}{LABEL_NAME})$"
_OF = "may be given several times; empty: what has none"


def _texts(value: object, info: ValidationInfo) -> tuple[str, ...]:
    texts = tuple(value) if isinstance(value, list) else ()
    if not all(isinstance(text, str) and text.isprintable() for text in texts):
        raise bad_field(info.field_name, "must be text without control characters")
    return texts


def _label_name(text: object, info: ValidationInfo) -> str:
    if not isinstance(text, str) or not re.fullmatch(LABEL_NAME, text):
        raise bad_field(info.field_name, "must be the name of a label")
    return text


def _values(pattern: str = "") -> WithJsonSchema:
    item = {"type": "string", "maxLength": LONGEST_VALUE, **({"pattern": pattern} if pattern else {})}
    return WithJsonSchema({"type": "array", "items": item, "maxItems": MOST_VALUES})


Values: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_texts), _values()]
TagValues: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_texts), _values(rf"^{TAG_KEY}=.*$")]
LabelValues: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_texts), _values(rf"^{LABEL_NAME}=.*$")]
LabelName: TypeAlias = Annotated[
    str, BeforeValidator(_label_name), WithJsonSchema({"type": "string", "pattern": f"^{LABEL_NAME}$"})
]
Words: TypeAlias = Annotated[
    tuple[str, ...],
    BeforeValidator(_texts),
    WithJsonSchema({"type": "array", "items": {"type": "string", "pattern": _WORD}, "maxItems": MOST_GROUPED}),
]


def _one_of(kind: Iterable[StrEnum]) -> tuple[BeforeValidator, WithJsonSchema]:
    words = {word.value: word for word in kind}
    return word_of(words), WithJsonSchema({"type": "string", "enum": [*words]})


class FilterQuery(Input):
    """Days and filters that all questions have; a value that is given twice counts once."""

    start: Day | None = Field(
        default=None, description="first UTC day; default: 30 days that end with `end`", examples=["2025-11-01"]
    )
    end: Day | None = Field(
        default=None, description="last UTC day, inclusive; default: yesterday", examples=["2025-11-25"]
    )
    provider: Values = Field(default=(), description=f"id of a provider, as in the catalogue; {_OF}")
    not_provider: Values = Field(default=(), description="all but these")
    service: Values = Field(default=(), description=f"ServiceName; {_OF}", examples=[["Compute Engine"]])
    not_service: Values = Field(default=(), description="all but these")
    model: Values = Field(default=(), description=f"x_Model; {_OF}", examples=[["gpt-5"]])
    not_model: Values = Field(default=(), description="all but these")
    token_type: Values = Field(default=(), description=f"x_TokenType; {_OF}", examples=[["output"]])
    not_token_type: Values = Field(default=(), description="all but these")
    sub_account: Values = Field(default=(), description=f"SubAccountId, a project or workspace; {_OF}")
    not_sub_account: Values = Field(default=(), description="all but these")
    api_key: Values = Field(default=(), description=f"x_ApiKeyId; {_OF}")
    not_api_key: Values = Field(default=(), description="all but these")
    region: Values = Field(default=(), description=f"RegionId; {_OF}", examples=[["us-central1"]])
    not_region: Values = Field(default=(), description="all but these")
    sku: Values = Field(default=(), description=f"SkuId; {_OF}")
    not_sku: Values = Field(default=(), description="all but these")
    tag: TagValues = Field(
        default=(), description="<key>=<value>; those of one key are alternatives", examples=[["team=search"]]
    )
    not_tag: TagValues = Field(default=(), description="all but these")
    label: LabelValues = Field(
        default=(),
        description="<name>=<value>, of the organization's labels; those of one label are alternatives",
        examples=[["team=search"]],
    )
    not_label: LabelValues = Field(default=(), description="all but these")

    longest: ClassVar[int] = MOST_DAYS

    def days(self, today: dt.date) -> Days:
        """Days that are asked about: by default the 30 that end yesterday."""
        end = self.end or (max(self.start, today - DAY) if self.start else today - DAY)
        return Days(self.start or end - (DEFAULT_DAYS - 1) * DAY, end)

    @property
    def names_labels(self) -> bool:
        """Whether the labels of the organization are needed to understand it."""
        grouped = (word for text in getattr(self, "group_by", ()) for word in text.split(","))
        return bool(self.label or self.not_label) or any(word.startswith(LABEL) for word in grouped)

    def filters(self) -> tuple[Filter, ...]:
        """Filters, in an order of their own: the same ones are equal however they are written."""
        found = [*self._of_words(), *self._of_pairs(TAG), *self._of_pairs(LABEL)]
        return tuple(sorted(found, key=lambda each: (each.dimension, each.excluded)))

    def _of_words(self) -> Iterator[Filter]:
        for word in DIMENSIONS:
            for name in (word, f"not_{word}"):
                if values := getattr(self, name):
                    yield Filter(Dimension(word), tuple(sorted(set(values))), name != word)

    def _of_pairs(self, prefix: str) -> Iterator[Filter]:
        kind = prefix.removesuffix(":")
        for name in (kind, f"not_{kind}"):
            by_key: dict[str, set[str]] = {}
            for text in getattr(self, name):
                key, equals, value = text.partition("=")
                if not equals:
                    raise bad_field(name, f"must be written <{'key' if prefix == TAG else 'name'}>=<value>")
                by_key.setdefault(key, set()).add(value)
            for key, values in by_key.items():
                yield Filter(dimension(name, f"{prefix}{key}"), tuple(sorted(values)), name != kind)


class CostsQuery(FilterQuery):
    """Query string of a question about costs."""

    granularity: Annotated[Granularity, *_one_of(each for each in Granularity if each is not Granularity.WHOLE)] = (
        Field(default=Granularity.DAY, description="length of a period; weeks begin on Monday")
    )
    basis: Annotated[Basis, *_one_of(Basis)] = Field(
        default=Basis.USAGE, description="invoice_month: of whole months, by the month of Google's invoice"
    )
    metric: Annotated[Metric, *_one_of(Metric)] = Field(
        default=Metric.BILLED, description="a cost of FOCUS, or the quantity that was consumed, by its units"
    )
    group_by: Words = Field(
        default=(),
        description=f"up to {MOST_GROUPED} dimensions, with commas between, or several times: {', '.join(DIMENSIONS)}, "
        "tag:<key>, label:<name>",
        examples=[["provider", "model"]],
    )
    limit: Annotated[
        int, whole(1, MOST_GROUPS), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MOST_GROUPS})
    ] = Field(
        default=DEFAULT_LIMIT,
        description="groups that are told one by one, the largest; the others are one. By days at most "
        "20,000 / number of periods",
    )
    compare: ComparedWith = None

    def question(self, today: dt.date, labels: Sequence[Label] = ()) -> Question:
        """Question that is asked of an org with these labels. Raises 400 naming the field that cannot be answered."""
        try:
            return Question(
                days=self.days(today),
                granularity=self.granularity,
                basis=self.basis,
                metric=self.metric,
                group_by=dimensions("group_by", self.group_by),
                filters=self.filters(),
                limit=self.limit,
                compared=self.compare,
                known_labels=labels,
            )
        except InvalidQuestion as err:
            raise invalid(err) from err


class ExportQuery(CostsQuery):
    """Query string of an export."""

    format: Annotated[
        Format, word_of({each.value: each for each in Format}), WithJsonSchema({"type": "string", "enum": [*Format]})
    ] = Field(
        default=Format.CSV,
        description="csv: the amounts that the same question shows; parquet: FOCUS rows of up to 92 days, by the days "
        "and filters alone",
    )

    allocated_by: LabelName | None = Field(
        default=None,
        description="name of a label, of format=parquet: each charge is split as its rule says, in FOCUS's columns of "
        "allocated costs",
        examples=["team"],
    )

    @property
    def names_labels(self) -> bool:
        """Whether the labels of the organization are needed to understand it."""
        return self.allocated_by is not None or super().names_labels

    def question(self, today: dt.date, labels: Sequence[Label] = ()) -> Question:
        """Question for sums, as of `CostsQuery`. Raises 400 also where it is to be allocated."""
        if self.allocated_by is not None:
            raise Problem(400, ONLY_ROWS, code=Code.FIELDS_CONFLICT, field="allocated_by")
        return super().question(today, labels)

    def rows(self, today: dt.date, labels: Sequence[Label] = (), version: int = 0) -> Rows:
        """Question for rows, of an org with these labels. Raises 400 naming the field that cannot be answered."""
        if of_groups := sorted(self.model_fields_set - {*FilterQuery.model_fields, "format", "allocated_by"}):
            detail = f"{of_groups[0]} is of sums; format=parquet has the rows themselves."
            raise Problem(400, detail, code=Code.FIELDS_CONFLICT, field=of_groups[0])
        name = self.allocated_by
        label = label_named(labels, name) if name is not None else None
        try:
            if label is None and name is not None:
                raise unknown_label("allocated_by", name)
            return Rows(self.days(today), self.filters(), label, version)
        except InvalidQuestion as err:
            raise invalid(err) from err


class UnitCostsQuery(FilterQuery):
    """Query string of a question about the costs of tokens."""

    metric: Annotated[Metric, *_one_of(each for each in Metric if each is not Metric.CONSUMED)] = Field(
        default=Metric.BILLED, description="a cost of FOCUS"
    )
    group_by: Annotated[
        tuple[str, ...],
        BeforeValidator(_texts),
        WithJsonSchema({"type": "array", "items": {"type": "string", "pattern": _WORD}, "maxItems": 1}),
    ] = Field(
        default=(),
        description="one more dimension beside provider, model and token_type",
        examples=[["sub_account"]],
    )
    compare: ComparedWith = None

    def question(self, today: dt.date, labels: Sequence[Label] = ()) -> Question:
        """Question that is asked of an org with these labels. Raises 400 naming the field that cannot be answered."""
        try:
            more = dimensions("group_by", self.group_by)
            return Question(
                days=self.days(today),
                granularity=Granularity.WHOLE,
                metric=self.metric,
                group_by=(*TOKENS_BY, *more),
                filters=self.filters(),
                limit=MOST_GROUPS,
                compared=self.compare,
                with_tokens=True,
                known_labels=labels,
            )
        except InvalidQuestion as err:
            raise invalid(err) from err


def dimensions(field: str, texts: Iterable[str]) -> tuple[Dimension, ...]:
    """Dimensions of a field that may have commas. Raises `InvalidQuestion`."""
    return tuple(dimension(field, word) for text in texts for word in text.split(","))


def invalid(err: InvalidQuestion) -> Problem:
    """400 `Problem` that names the field."""
    if err.code is Code.FIELD_INVALID:
        return bad_field(err.part, err.rule)
    return Problem(400, str(err), code=err.code, field=err.part)
