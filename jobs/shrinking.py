"""The shrink guard: refuses loads that make a day much smaller, more likely the source's fault than true.

A source that compares its rows with the loaded ones knows its losses before (`Findings.gap`). A provider's reports give
only sums, so for these money counts as well as rows. Equal money in fewer rows is coarser, not lost; usage has no money
to compare.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from cloudact.error_codes import Code
from cloudact.errors import Stop
from cloudact.runs.load import Part
from cloudact.runs.result import CostFall, Earlier, Fingerprint, exact_difference, plain

GUARDED_ROWS = 100  # fewer may come and go, unless money goes with them
GUARDED_USAGE_ROWS = 20  # of a settled day
TOLERANCE = Decimal("0.01")  # of a currency: what is less may come and go
FORCE = "If this is right, start the run again with force_refresh."
Fallen = Mapping[str, tuple[Decimal, Decimal]]


@dataclass(frozen=True)
class _Day:
    """Facts of the loaded day, and the amounts by currency that the load would make less."""

    earlier: Earlier
    settled: bool
    fallen: Fallen

    def keeps_money(self, table: str, rows: int) -> bool:
        """Whether the day's money is known, is not zero and becomes less in no currency.

        It is known if the table still has as many rows as the last successful run recorded.
        """
        if self.earlier.result is None or self.fallen:
            return False
        known = self.earlier.result.fingerprint
        content = known.tables.get(table)
        return content is not None and content.rows == rows and any(known.cost.values())

    def refuses(self, part: Part, before: int) -> bool:
        """Whether less than half of a table's `before` rows is too little."""
        if part.coarser and not part.of_money and part.rows:
            return False
        if self.settled and (self.fallen or not part.rows):
            return True
        if part.of_money:
            return before >= GUARDED_ROWS and not self.keeps_money(part.table, before)
        return before >= (GUARDED_USAGE_ROWS if self.settled else GUARDED_ROWS)


def refuse_shrinking(
    parts: Sequence[Part], had: Mapping[str, int], fingerprint: Fingerprint, earlier: Earlier
) -> tuple[str, ...]:
    """Sentences on what becomes less and is loaded nevertheless.

    Raises `Stop` where a table would lose more than half of its rows, or a settled day more than half of its money.
    `had` is the number of rows that each table has of the day. A hundred rows of costs may become fewer only where the
    day's money is whole, rows of usage only where the provider has refused a dimension; of a settled day twenty rows of
    usage are guarded already, and any rows with which money goes. A day that was not settled has no money to compare
    with.
    """
    last = earlier.result
    fallen = dict(_fallen(last.fingerprint, fingerprint)) if last else {}
    day = _Day(earlier, earlier.settled and fingerprint.source is None, fallen)
    fewer = {part: had[part.table] for part in parts if part.rows * 2 < had[part.table]}
    for part, before in fewer.items():
        if day.refuses(part, before):
            _refuse(f"{part.rows} rows, but the day has {before} rows already in {part.table}")
    if day.settled:
        _refuse_less_money(fallen, earlier.highest_settled)
    return tuple(
        f"{part.table} has {part.rows} rows of the day where it had {before}: less is told apart."
        for part, before in fewer.items()
        if before >= (GUARDED_ROWS if part.of_money else GUARDED_USAGE_ROWS)
    )


def cost_falls(parts: Sequence[Part], fingerprint: Fingerprint, earlier: Earlier) -> tuple[CostFall, ...]:
    """Amounts that the load makes less, to less than half of the greatest that the day had in no fewer rows of costs.

    Of a day that was below half before, those that fall below the next half (a quarter, an eighth): a little less is
    no further fall. What is refused does not come here: these are days of exports, whose corrections are rows of their
    own and so leave more rows, days that were not settled, and loads that were forced.
    """
    tables = [part.table for part in parts if part.of_money]
    last = earlier.result.fingerprint.cost if earlier.result else None
    return tuple(
        CostFall(currency, had.cost[currency], cost)
        for currency, had in earlier.highest.items()
        if _rows(fingerprint, tables) <= _rows(had, tables)
        and _falls_again(
            had.cost[currency],
            had.cost[currency] if last is None else last.get(currency, Decimal()),
            cost := fingerprint.cost.get(currency, Decimal()),
        )
    )


def _falls_again(had: Decimal, last: Decimal, cost: Decimal) -> bool:
    """Whether an amount, or a credit, falls by more than cents and passes a half of what it had, or half of it anew."""
    gone = last - cost
    if not _halved(had, cost) or gone * had <= 0 or abs(gone) <= TOLERANCE:
        return False
    return _halvings(had, cost) > _halvings(had, last) or abs(gone) * 2 > abs(had)


def _halvings(had: Decimal, cost: Decimal) -> int:
    """Number of halvings of the amount that it has fallen below, down to cents."""
    left = abs(cost) if cost * had > 0 else Decimal()
    limit, halvings = abs(had) / 2, 0
    while left < limit and limit > TOLERANCE:
        limit, halvings = limit / 2, halvings + 1
    return halvings


def _rows(fingerprint: Fingerprint, tables: Sequence[str]) -> int:
    return sum(fingerprint.tables[name].rows for name in tables if name in fingerprint.tables)


def _refuse_less_money(fallen: Fallen, highest: Mapping[str, Fingerprint]) -> None:
    for currency, (before, cost) in fallen.items():
        had = highest[currency].cost[currency] if currency in highest else before
        if _halved(before, cost):
            _refuse(f"costs of {plain(cost)} {currency}, but the day has {plain(before)} {currency} already")
        if had * before > 0 and _halved(had, cost):
            _refuse(f"costs of {plain(cost)} {currency}, but the day had {plain(had)} {currency} once")


def _halved(had: Decimal, cost: Decimal) -> bool:
    """Whether more than half of an amount, or of a credit, is gone; cents never count."""
    gone = had - cost
    return gone * had > 0 and abs(gone) > TOLERANCE and abs(gone) * 2 > abs(had)


def _fallen(before: Fingerprint, after: Fingerprint) -> Iterator[tuple[str, tuple[Decimal, Decimal]]]:
    """Amounts before and after, by currency, where costs, or credits if these were more, become less."""
    for currency, difference in exact_difference(before.cost, after.cost).items():
        had = before.cost.get(currency, Decimal())
        if abs(difference) > TOLERANCE and difference * had > 0:
            yield currency, (had, after.cost.get(currency, Decimal()))


def _refuse(text: str) -> None:
    raise Stop(Code.RESULT_SHRUNK, f"The result has {text}; they were kept.", FORCE)
