"""A question about an org's costs: which days, grouped and filtered how, and what is summed. Knows no HTTP and no SQL.

Whoever makes a `Question` has a valid one: what cannot be answered raises `InvalidQuestion`, which names the part.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import InitVar, dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Final

from cloudact.costs.dimensions import Dimension, InvalidQuestion
from cloudact.costs.labels import Label
from cloudact.error_codes import Code
from cloudact.runs.run import FIRST_DATE

DAY = dt.timedelta(days=1)
UNATTRIBUTED: Final = ""  # a filter's value for what has none: focus_costs has no empty texts
MOST_DAYS = 400  # of a question; comparing reads as many again
MOST_ROW_DAYS = 92  # of an export of rows
MOST_GROUPED = 3
MOST_TAGS = 3  # different keys that a question filters by; each reads another part of a JSON text
MOST_LABELS = 3  # that a question groups or filters by; each splits all charges
MOST_VALUES = 50  # of one filter
LONGEST_VALUE = 500
MOST_GROUPS = 500
MOST_CELLS = 20_000  # groups times periods
# Google writes a charge of the last days of a month, or a late one, to the next invoice. Later corrections keep the
# day of what they correct. Days are Pacific there, so a month's first hours are the last day's of the month before.
INVOICE_DAYS_BEFORE, INVOICE_DAYS_AFTER = 62, 7


class Granularity(StrEnum):
    """Length of a period; a week is an ISO one, from Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    WHOLE = "whole"  # all days of the question; for what is no sum of its periods

    def first_day(self, day: dt.date) -> dt.date:
        """First day of the period that has this day."""
        if self is Granularity.WEEK:
            return day - dt.timedelta(days=day.weekday())
        return day.replace(day=1) if self is Granularity.MONTH else day

    def next(self, first_day: dt.date) -> dt.date:
        """First day of the period after. `WHOLE` has none."""
        if self is Granularity.MONTH:
            return next_month(first_day)
        return first_day + (DAY if self is Granularity.DAY else 7 * DAY)


class Basis(StrEnum):
    """When a charge counts: on its UTC day, or in the month of the invoice that it is on."""

    USAGE = "usage"
    INVOICE_MONTH = "invoice_month"


class Metric(StrEnum):
    """Amount that is summed: a cost of FOCUS, or the quantity that was consumed."""

    BILLED = "billed"
    EFFECTIVE = "effective"
    LIST = "list"
    CONTRACTED = "contracted"
    CONSUMED = "consumed"


class Compared(StrEnum):
    """Days that a question compares its own with: as many directly before, or the same days of the month before."""

    PERIOD = "previous_period"
    MONTH = "previous_month"


@dataclass(frozen=True)
class Filter:
    """Values of a dimension that count, or, where `excluded`, that do not. An empty value is what is not attributed."""

    dimension: Dimension
    values: tuple[str, ...]
    excluded: bool = False

    @property
    def part(self) -> str:
        """Part of the question that it is: `model`, `not_tag`."""
        return f"{'not_' if self.excluded else ''}{self.dimension.kind}"


@dataclass(frozen=True)
class Days:
    """UTC days, both inclusive."""

    first: dt.date
    last: dt.date

    def __len__(self) -> int:
        """Number of days."""
        return (self.last - self.first).days + 1

    def __iter__(self) -> Iterator[dt.date]:
        """Each day, the earliest first."""
        return (self.first + number * DAY for number in range(len(self)))

    def __contains__(self, day: dt.date) -> bool:
        """Whether the day is one of them."""
        return self.first <= day <= self.last

    @property
    def are_months(self) -> bool:
        """Whether they are whole months."""
        return self.first.day == 1 and (self.last + DAY).day == 1

    @property
    def are_of_one_month(self) -> bool:
        """Whether they lie in one month."""
        return self.first.replace(day=1) == self.last.replace(day=1)

    @property
    def month_before(self) -> "Days | None":
        """Same days of the month before, as far as it has them; `None` where it has none of them.

        Before a whole month the whole month.
        """
        end = self.first.replace(day=1) - DAY
        if self.first.day > end.day:
            return None
        last = end if self.are_months else end.replace(day=min(self.last.day, end.day))
        return Days(end.replace(day=self.first.day), last)

    @property
    def before(self) -> "Days":
        """Days directly before, as many; before whole months as many whole months."""
        last = self.first - DAY
        if not self.are_months:
            return Days(self.first - len(self) * DAY, last)
        months = (self.last.year - self.first.year) * 12 + self.last.month - self.first.month + 1
        return Days(_earlier(self.first, months), last)


@dataclass(frozen=True)
class Question:
    """Question about costs of `days`, summed by period and group; the `limit` largest groups stand one by one.

    With `compared`, the same of those days before. With `with_tokens` only charges of tokens count, beside whose costs
    their numbers stand; they may have one dimension more. `known_labels` are those that the org has. Raises
    `InvalidQuestion`.
    """

    days: Days
    granularity: Granularity = Granularity.DAY
    basis: Basis = Basis.USAGE
    metric: Metric = Metric.BILLED
    group_by: tuple[Dimension, ...] = ()
    filters: tuple[Filter, ...] = ()
    limit: int = 10
    compared: Compared | None = None
    with_tokens: bool = False
    known_labels: InitVar[Sequence[Label]] = ()
    labels: tuple[Label, ...] = field(init=False, default=())  # those that it groups or filters by

    def __post_init__(self, known_labels: Sequence[Label]) -> None:
        """Checks what the parts may be, alone and together."""
        check_days(self.days, MOST_DAYS)
        if self.compared is Compared.MONTH and not self.days.are_of_one_month:
            raise InvalidQuestion("compare", "previous_month is of days that lie in one month", Code.FIELDS_CONFLICT)
        if self.compared is Compared.MONTH and self.days.month_before is None:
            raise InvalidQuestion(
                "compare", "previous_month is of days whose first the month before has", Code.FIELDS_CONFLICT
            )
        check_filters(self.filters)
        most = MOST_GROUPED + self.with_tokens
        if len(self.group_by) > most or len(set(self.group_by)) < len(self.group_by):
            raise InvalidQuestion("group_by", f"may have up to {most} different dimensions")
        object.__setattr__(self, "labels", _used(known_labels, self.group_by, self.filters))
        if self.basis is Basis.INVOICE_MONTH and not (self.days.are_months and self.granularity is Granularity.MONTH):
            rule = "invoice_month is told by whole months: granularity=month, start a first and end a last of a month"
            raise InvalidQuestion("basis", rule, Code.FIELDS_CONFLICT)
        most = min(MOST_GROUPS, MOST_CELLS // len(self.periods))
        if not 1 <= self.limit <= most:
            raise InvalidQuestion("limit", f"must be a whole number from 1 to {most} for {len(self.periods)} periods")

    @cached_property
    def periods(self) -> tuple[dt.date, ...]:
        """First day of each period; the first period and the last one may be cut by the days that are asked for."""
        if self.granularity is Granularity.WHOLE:
            return (self.days.first,)
        found, first = [], self.granularity.first_day(self.days.first)
        while first <= self.days.last:
            found.append(first)
            first = self.granularity.next(first)
        return tuple(found)

    @property
    def previous(self) -> Days | None:
        """Days that these are compared with."""
        if self.compared is None:
            return None
        return self.days.month_before if self.compared is Compared.MONTH else self.days.before

    @property
    def counted(self) -> Days:
        """Days, or in months of invoices those months, from the first to the last that counts in either period."""
        return Days(self.previous.first, self.days.last) if self.previous else self.days

    def counts(self, day: dt.date) -> bool:
        """Whether the day is one of either period: between the same days of two months there are others."""
        return day in self.days or (self.previous is not None and day in self.previous)

    @property
    def read(self) -> Days:
        """Days whose partitions are read."""
        if self.basis is Basis.USAGE:
            return self.counted
        before, after = INVOICE_DAYS_BEFORE * DAY, INVOICE_DAYS_AFTER * DAY
        return Days(self.counted.first - before, self.counted.last + after)


@dataclass(frozen=True)
class Rows:
    """Question for the charges of `days` themselves, that fit the filters. Raises `InvalidQuestion`.

    With `allocated_by`, a label of the org's labels in version `labels_version`, each charge is split as its rule says.
    """

    days: Days
    filters: tuple[Filter, ...] = ()
    allocated_by: Label | None = None
    labels_version: int = 0

    def __post_init__(self) -> None:
        """Checks what the parts may be, alone and together."""
        if any(each.dimension.label for each in self.filters):
            rule = "is of sums; format=parquet has charges as they are, or all of them with allocated_by"
            raise InvalidQuestion("label", rule, Code.FIELDS_CONFLICT)
        check_days(self.days, MOST_ROW_DAYS)
        check_filters(self.filters)


def check_days(days: Days, most: int) -> None:
    """Raises `InvalidQuestion` unless the days are in order, not before our first one, and at most so many."""
    if days.first < FIRST_DATE:
        raise InvalidQuestion("start", f"must not be before {FIRST_DATE.isoformat()}")
    if days.first > days.last:
        raise InvalidQuestion("start", "must not be after end")
    if len(days) > most:
        raise InvalidQuestion("end", f"must be at most {most} days from start")
    if days.last > dt.date(9000, 1, 1):
        raise InvalidQuestion("end", "must be a day that can be loaded")


def check_filters(filters: Iterable[Filter]) -> None:
    """Raises `InvalidQuestion` for too many tags, and for too many or too long values."""
    tags = set()
    for each in filters:
        part = each.part
        if not 1 <= len(each.values) <= MOST_VALUES or any(len(value) > LONGEST_VALUE for value in each.values):
            raise InvalidQuestion(part, f"may have up to {MOST_VALUES} values of up to {LONGEST_VALUE} characters")
        tags |= {each.dimension} if each.dimension.tag else set()
    if len(tags) > MOST_TAGS:
        raise InvalidQuestion("tag", f"may be of up to {MOST_TAGS} different keys")


def _used(known: Iterable[Label], group_by: Iterable[Dimension], filters: Iterable[Filter]) -> tuple[Label, ...]:
    """Labels that the dimensions name, in the org's own order."""
    parts = {each.dimension.label: each.part for each in filters} | {each.label: "group_by" for each in group_by}
    parts.pop(None, None)
    found = tuple(label for label in known if label.name in parts)
    for missing in sorted(parts.keys() - {label.name for label in found}, key=str):
        raise unknown_label(parts[missing], missing)
    if len(found) > MOST_LABELS:
        raise InvalidQuestion("label", f"may be of up to {MOST_LABELS} labels, those of group_by included")
    return found


def unknown_label(part: str, name: str | None) -> InvalidQuestion:
    """Error of a part that names a label that the org does not have."""
    rule = f"names the label {name}, and the organization has none of this name"
    return InvalidQuestion(part, rule, Code.LABEL_UNKNOWN)


def next_month(day: dt.date) -> dt.date:
    """First day of the month after."""
    return (day.replace(day=28) + 4 * DAY).replace(day=1)


def _earlier(first_of_month: dt.date, months: int) -> dt.date:
    number = first_of_month.year * 12 + first_of_month.month - 1 - months
    return dt.date(number // 12, number % 12 + 1, 1)
