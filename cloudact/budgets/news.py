"""News of budgets and prepaid balances: which months and days matter on a day, and what has come of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from cloudact.budgets.balance import Balance, balances_of, counting
from cloudact.budgets.budget import budgets_of
from cloudact.budgets.months import Month
from cloudact.budgets.runway import LOW_DAYS, Runway, read_from, runway_of
from cloudact.budgets.spending_rows import Row, spending_of
from cloudact.budgets.standing import Plans, Standing
from cloudact.budgets.statement import MOST_ROWS, statement_of_spending
from cloudact.costs.labels import labels_of
from cloudact.warehouse.queries import Query, Value

STILL_TOLD_DAYS = 10  # of a month that is over: its last days are loaded, and restated, in the next one


@dataclass(frozen=True)
class Watched:
    """What an org plans, as far as something may be news on the day `today`."""

    plans: Plans
    balances: Sequence[Balance]
    today: date

    @classmethod
    def read(cls, texts: Mapping[str, str | None], today: date) -> "Watched":
        """Plans of the texts of budgets, balances and labels, each `None` where there are none."""
        budgets, balances = budgets_of(texts["budgets"] or "[]"), balances_of(texts["balances"] or "[]")
        labels = labels_of(texts["labels"] or "[]") if any(budget.of.label for budget in budgets) else ()
        return cls(Plans.of(budgets, labels), counting(balances, today), today)

    @property
    def months(self) -> list[Month]:
        """Months that budgets hold in: the current one, and in its first days the one before."""
        month = Month.of(self.today)
        months = [month.before, month] if self.today.day <= STILL_TOLD_DAYS else [month]
        return [each for each in months if self.plans.holding(each)]

    @property
    def is_nothing(self) -> bool:
        """Whether there is nothing to look at."""
        return not self.months and not self.balances

    @property
    def first_day(self) -> date:
        """First day on which something of it can have been news: that of a month, or of a balance."""
        return min([month.first for month in self.months] + [balance.as_of for balance in self.balances])

    def statement(self, org_slug: str) -> tuple[Query, dict[str, Value]]:
        """Query of all days that matter, and the values of its parameters."""
        begins = [month.read_from for month in self.months]
        begins += [read_from(self.balances, self.today)] if self.balances else []
        return statement_of_spending(org_slug, min(begins), self.today, self.plans.labels, self.plans.chosen)

    def found(self, rows: Iterable[Row]) -> tuple[list[Standing], list[Runway]]:
        """Standings of the budgets of all these months, and runways of the balances, by the rows of the statement.

        Raises `ValueError` where the statement has cut them off: the sums would be too small.
        """
        told = list(rows)
        if len(told) > MOST_ROWS:
            raise ValueError(f"An org has more than {MOST_ROWS} amounts, days and reads of days.")
        spending = spending_of(told, self.today)
        standings = [each for month in self.months for each in self.plans.standing(spending, month)]
        return standings, [runway_of(each, spending, self.today) for each in self.balances]


def low_days(runway: Runway) -> Iterator[int]:
    """Numbers of days left that are reached."""
    if (left := runway.days_left) is not None:
        yield from (days for days in LOW_DAYS if left <= days)
