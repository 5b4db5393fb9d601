"""Standings of budgets in a month: what is spent of each, and what will be. Knows no HTTP and no SQL."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from cloudact.budgets.budget import THRESHOLDS, Budget, RecordedBudget
from cloudact.budgets.estimate import counts
from cloudact.budgets.forecast import MonthForecast, Reason, Unknown, forecast_of
from cloudact.budgets.months import Month
from cloudact.budgets.spending import Of, Spending, product, quotient
from cloudact.costs.labels import Label, label_named


@dataclass(frozen=True)
class Standing:
    """Budget in a month: its amount, what is spent and will be, and what it was also charged in."""

    budget: RecordedBudget
    month: Month
    amount: Decimal
    costs: MonthForecast
    other_currencies: Sequence[str]

    @property
    def spent_share(self) -> Decimal | None:
        """What is spent of the amount, of 1."""
        return None if self.costs.spent is None else quotient(self.costs.spent, self.amount)

    @property
    def forecast_share(self) -> Decimal | None:
        """What will be spent of the amount, of 1."""
        return None if self.costs.forecast is None else quotient(self.costs.forecast.amount, self.amount)

    @property
    def reached(self) -> list[int]:
        """Thresholds that are reached, in per cent; exactly, whatever the share is rounded to."""
        spent = self.costs.spent
        if spent is None:
            return []
        return [each for each in THRESHOLDS if product(spent, Decimal(100)) >= product(self.amount, Decimal(each))]

    @property
    def is_forecast_over(self) -> bool | None:
        """Whether more than the amount will be spent; `None` where nobody knows."""
        return None if self.costs.forecast is None else self.costs.forecast.amount > self.amount


@dataclass(frozen=True)
class Plans:
    """Budgets of an org, and the labels that they name, in the order in which a statement numbers them."""

    budgets: Sequence[RecordedBudget]
    labels: Sequence[Label]

    @classmethod
    def of(cls, budgets: Iterable[RecordedBudget], labels: Iterable[Label]) -> "Plans":
        """Plans of these budgets; of the labels those that they name."""
        found = tuple(budgets)
        named = {budget.of.label for budget in found}
        return cls(found, tuple(label for label in labels if label.name in named))

    @property
    def chosen(self) -> list[str]:
        """Values of labels as a statement takes them."""
        ofs = {self._of(budget) for budget in self.budgets if budget.of.label}
        return sorted(f"{of.label}:{of.value or ''}" for of in ofs if of is not None)

    def holding(self, month: Month) -> list[RecordedBudget]:
        """Budgets that hold in the month, in their own order."""
        return [budget for budget in self.budgets if budget.holds_in(month.name)]

    def standing(self, spending: Spending, month: Month) -> list[Standing]:
        """Standings of the budgets that hold in the month."""
        return [self._standing(budget, spending, month) for budget in self.holding(month)]

    def gap(self, budget: Budget) -> Reason | None:
        """Why the budget covers no costs: its label, or the value of it, is not there any more; `None` where it may."""
        if budget.of.label is None:
            return None
        label = label_named(self.labels, budget.of.label)
        if label is None:
            return Reason.LABEL_UNKNOWN
        return Reason.VALUE_UNKNOWN if budget.of.value and budget.of.value not in label.values else None

    def _of(self, budget: RecordedBudget) -> Of | None:
        if budget.of.label is None:
            return Of()
        numbers = {label.name: number for number, label in enumerate(self.labels, start=1)}
        number = numbers.get(budget.of.label)
        return None if number is None else Of(number, budget.of.value or None)

    def _standing(self, budget: RecordedBudget, spending: Spending, month: Month) -> Standing:
        amount, of, gap = budget.amount_in(month.name), self._of(budget), self.gap(budget)
        if of is None or gap is not None:
            unknown = MonthForecast(None, None, None, counts([]), 0, Unknown(gap or Reason.LABEL_UNKNOWN))
            return Standing(budget, month, amount, unknown, ())
        costs = forecast_of(spending, month, budget.currency, of, budget.of.provider)
        others = [each for each in spending.currencies(of) if each != budget.currency]
        told = [each for each in others if _is_charged(spending.by_provider(of, each), budget.of.provider, month)]
        return Standing(budget, month, amount, costs, told)


def _is_charged(amounts: Mapping[str, Mapping[date, Decimal]], provider: str | None, month: Month) -> bool:
    """Whether the month has any such costs."""
    return any(
        any(month.first <= day <= month.last for day in days)
        for name, days in amounts.items()
        if provider in (None, name)
    )
