"""Budgets of an org: what it wants to spend in a month, on all, at one provider, or for one value of a label.

Knows no HTTP and no SQL. A budget holds for every month from its first one on, with other amounts for single months.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, TypeAdapter, model_validator

from cloudact.budgets.parts import AmountAboveZero, Currency, Month, Part, ProviderId
from cloudact.costs.dimensions import LABEL_NAME
from cloudact.costs.labels import LabelValue, ValueOrNone

MOST_BUDGETS: Final = 50
MOST_MONTHS: Final = 60  # of a budget that have an amount of their own
THRESHOLDS: Final = (50, 80, 100)  # per cent of a budget that are told when they are reached


class Scope(Part):
    """What a budget is of: a provider, or a value of a label, or, without both, all costs."""

    provider: ProviderId | None = None
    label: Annotated[str, Field(pattern=f"^{LABEL_NAME}$", examples=["team"])] | None = None
    value: Annotated[ValueOrNone, Field(examples=["search"])] | None = Field(
        default=None, description="of the label; empty: what no rule is of"
    )

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if self.provider is not None and self.label is not None:
            raise ValueError("must have provider or label, and not both")
        if (self.label is None) is not (self.value is None):
            raise ValueError("must have label and value, or neither")
        return self

    def __str__(self) -> str:
        """What it is of: `all costs`, `provider x`, `team search`."""
        if self.label is not None:
            return f"{self.label} {self.value or 'unattributed'}"
        return f"provider {self.provider}" if self.provider else "all costs"


class MonthAmount(Part):
    """Amount of a single month."""

    month: Month
    amount: AmountAboveZero


class Budget(Part):
    """Budget of a month, in one currency: costs in others do not count."""

    name: LabelValue = Field(description="different for each budget", examples=["AI"])
    of: Scope = Field(default=Scope(), description="what it is of; left out: all costs")
    currency: Currency
    amount: AmountAboveZero = Field(description="of a month", examples=["25000"])
    first_month: Month = Field(description="from which on it holds")
    last_month: Month | None = Field(default=None, description="for which it holds at last; null: it has no end")
    months: tuple[MonthAmount, ...] = Field(
        default=(), max_length=MOST_MONTHS, description="months with an amount of their own, in the place of `amount`"
    )

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.last_month is not None and self.last_month < self.first_month:
            raise ValueError("must not have last_month before first_month")
        months = [each.month for each in self.months]
        if len(set(months)) < len(months):
            raise ValueError("must have one amount for a month")
        if not all(self.holds_in(month) for month in months):
            raise ValueError("must have months from first_month to last_month")
        return self

    def holds_in(self, month: str) -> bool:
        """Whether it holds in this month, YYYY-MM."""
        return self.first_month <= month and (self.last_month is None or month <= self.last_month)

    def amount_in(self, month: str) -> Decimal:
        """Amount of this month."""
        return next((each.amount for each in self.months if each.month == month), self.amount)


class RecordedBudget(Budget):
    """Budget with the version of the document in which it last changed: another one's change is none of it."""

    version: int

    @property
    def plain(self) -> Budget:
        """Budget as it was put."""
        return Budget(**{name: getattr(self, name) for name in Budget.model_fields})


def _different(budgets: tuple[Budget, ...]) -> tuple[Budget, ...]:
    names = [budget.name for budget in budgets]
    if len(set(names)) < len(names):
        raise ValueError("must have different names")
    return budgets


Budgets = Annotated[tuple[Budget, ...], Field(max_length=MOST_BUDGETS), AfterValidator(_different)]
_DOCUMENT: TypeAdapter[tuple[RecordedBudget, ...]] = TypeAdapter(tuple[RecordedBudget, ...])


def recorded(budgets: Iterable[Budget], before: Iterable[RecordedBudget], version: int) -> tuple[RecordedBudget, ...]:
    """Budgets of this version; those that are as before keep theirs."""
    old = {each.name: each for each in before}
    return tuple(_recorded(budget, old.get(budget.name), version) for budget in budgets)


def _recorded(budget: Budget, old: RecordedBudget | None, version: int) -> RecordedBudget:
    if old is not None and old.plain == budget:
        return old
    return RecordedBudget(**{name: getattr(budget, name) for name in Budget.model_fields}, version=version)


def budgets_text(budgets: tuple[RecordedBudget, ...]) -> str:
    """JSON text of budgets, the same for the same ones."""
    return _DOCUMENT.dump_json(budgets, exclude_defaults=True).decode()


def budgets_of(text: str) -> tuple[RecordedBudget, ...]:
    """Budgets of a JSON text. Raises pydantic's `ValidationError`."""
    return _DOCUMENT.validate_json(text)
