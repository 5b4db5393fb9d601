"""Days that would become much smaller by a load: more likely the source's fault than true, so they are not replaced.

An export tells all its rows, and what it has lost of them is known before (`jobs/billing/wholeness.py`). A provider's
reports tell only sums, so of these money counts as well as rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from cloudact.errors import Stop
from cloudact.results import Completeness, Fingerprint, Result, exact_difference, plain
from cloudact.run_load import Part

GUARDED_ROWS = 100  # fewer may come and go, unless money goes with them
TOLERANCE = Decimal("0.01")  # of a currency: what is less may come and go
FORCE = "If this is right, start the run again with force_refresh."


def refuse_shrinking(
    parts: Sequence[Part], had: Mapping[str, int], fingerprint: Fingerprint, last: Result | None
) -> None:
    """Raises `Stop` where a table would lose more than half of its rows, or a settled day more than half of its money.

    `had` is how many rows each table has of the day, `last` what the last run that succeeded has told. A day that was
    provisional has no money to compare with; fewer than a hundred rows may become fewer as long as no money goes.
    """
    settled = None if fingerprint.source or last is None or last.completeness is Completeness.PROVISIONAL else last
    fallen = dict(_fallen(settled.fingerprint, fingerprint)) if settled else {}
    for part in parts:
        before = had[part.table]
        guarded = before >= GUARDED_ROWS or (settled is not None and (bool(fallen) or not part.rows))
        if guarded and part.rows * 2 < before:
            _refuse(f"{part.rows} rows, but the day has {before} rows already in {part.table}")
    for currency, (before_cost, cost) in fallen.items():
        if abs(before_cost - cost) * 2 > abs(before_cost):
            _refuse(f"costs of {plain(cost)} {currency}, but the day has {plain(before_cost)} {currency} already")


def _fallen(before: Fingerprint, after: Fingerprint) -> Iterator[tuple[str, tuple[Decimal, Decimal]]]:
    """Currencies in which costs, or credits where these were more, become less: what the day had, and would have."""
    for currency, difference in exact_difference(before.cost, after.cost).items():
        had = before.cost.get(currency, Decimal())
        if abs(difference) > TOLERANCE and difference * had > 0:
            yield currency, (had, after.cost.get(currency, Decimal()))


def _refuse(told: str) -> None:
    raise Stop("result_shrunk", f"The result has {told}; they were kept.", FORCE)
