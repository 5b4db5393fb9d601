"""What counts as an anomaly: every number that the finder knows, in one place, each with its reason (docs/adr/0045)."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Sensitivity:
    """Numbers by which days are judged. A day differs only if it does so by MADs, by share and by amount alike."""

    weeks: int = 8  # same weekdays that a day is compared with: a median that four odd weeks do not move
    fewest: int = 4  # of these that must be known: an account is judged from its fifth week on
    mads: Decimal = Decimal(7)  # median absolute deviations above: some five standard deviations, as costs are skewed
    share: Decimal = Decimal("0.4")  # of what was expected: where nothing ever varies the deviation is nil
    narrow_mads: Decimal = Decimal(10)  # the same within a provider: series are many there, so chance has more goes
    narrow_share: Decimal = Decimal("0.5")
    mads_down: Decimal = Decimal(3)  # below: a cost can double, but not fall by more than all of it
    share_down: Decimal = Decimal("0.4")
    floor: Decimal = Decimal(10)  # units of the currency a day: less is worth nobody's morning
    floor_share: Decimal = Decimal("0.02")  # of the org's usual day in the currency: what ten dollars are to others
    explains: Decimal = Decimal("0.7")  # share of a difference that a narrower series must have to be told instead
    broad: Decimal = Decimal("0.6")  # share of a series whose parts must differ for the whole to be told, not the parts
    held_days: int = 3  # that a series may pause and still be what explains a day: a weekend
    gap_days: int = 7  # between days of one anomaly of a series: a weekly job does not make a second one
    outgrows: Decimal = Decimal(3)  # times its first day that an anomaly may become before it is another one
    settles_days: int = 14  # what is so on two same weekdays running is the new normal
    most_a_day: int = 10  # anomalies of a currency, day and direction; when all differs, the largest say so
    edge_days: int = 1  # first and last days of months are compared with those of the month before, too

    def bounds(self, *, is_above: bool, is_narrow: bool) -> tuple[Decimal, Decimal]:
        """Median absolute deviations, and share of what was expected, that a day must differ by."""
        if not is_above:
            return self.mads_down, self.share_down
        return (self.narrow_mads, self.narrow_share) if is_narrow else (self.mads, self.share)


DEFAULT = Sensitivity()
