"""A month that is looked at on a day, and which days are read for it. Knows no clock."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

DAY: Final = timedelta(days=1)
WEEKS: Final = 4  # that tell how weeks differ
NEWEST: Final = 2  # of these, which a forecast repeats: older ones are of another level, and one may have a holiday
FEWEST_WEEKS: Final = 2
# By the number of weeks: what their difference is multiplied by, since fewer differ by less by chance, and the share of
# an amount that is given or taken at the least (docs/adr/0042).
TIMES_SPREAD: Final = {2: Decimal(2), 3: Decimal("1.3"), 4: Decimal(1)}
LEAST_SPREAD: Final = {2: Decimal("0.1"), 3: Decimal("0.07"), 4: Decimal("0.05")}
SPAN_OF_WEEKS: Final = 6  # among which they are looked for: one may lack a day
TIMES_ALONE: Final = Decimal(2)  # the largest day around one: what is further away than that comes once
STALE_DAYS: Final = 14  # after which the last day says nothing of today, and one that is not loaded will never be


@dataclass(frozen=True)
class Month:
    """UTC month `first` to `last`, looked at on the day `today`."""

    first: date
    today: date

    @classmethod
    def named(cls, text: str, today: date) -> "Month":
        """Month of the text YYYY-MM."""
        return cls(date.fromisoformat(f"{text}-01"), today)

    @classmethod
    def of(cls, today: date) -> "Month":
        """Month that has this day."""
        return cls(today.replace(day=1), today)

    @property
    def before(self) -> "Month":
        """Month before, looked at on the same day."""
        return Month((self.first - DAY).replace(day=1), self.today)

    @property
    def name(self) -> str:
        """YYYY-MM."""
        return f"{self.first:%Y-%m}"

    @property
    def last(self) -> date:
        """Last day."""
        return (self.first.replace(day=28) + 4 * DAY).replace(day=1) - DAY

    @property
    def is_over(self) -> bool:
        """Whether its last day has ended."""
        return self.last < self.today

    @property
    def days(self) -> Iterator[date]:
        """Each day, the earliest first."""
        return (self.first + number * DAY for number in range((self.last - self.first).days + 1))

    @property
    def known_until(self) -> date:
        """Last day of which something can be known, today at most."""
        return min(self.last, self.today)

    @property
    def seen_until(self) -> date:
        """Last day whose loads are looked at: the first ones after the month tell that a provider goes on."""
        return min(self.last + (STALE_DAYS + 1) * DAY, self.today)

    @property
    def read_from(self) -> date:
        """First day that is read: of the weeks that tell what is usual, and of the month before."""
        return min(self.before.first, self.known_until - (STALE_DAYS + SPAN_OF_WEEKS * 7) * DAY)
