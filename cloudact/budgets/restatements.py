"""Restatements of days: which part of their final cost days had when they were read at an age. Exact decimals.

The view `restatement_curve` tells the same at fixed hours. A day that is read every morning lies between two of them,
and a forecast would take it for as young as the lower one; so each day is compared with others at its own age.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final

from cloudact.budgets.spending import NOTHING, Shares, added, quotient

FEWEST_MEASURED: Final = 7  # days, as the view `settledness` has it
ODD_ONE_IN: Final = 20  # of the shares, at either end: a charge of a whole month may come late to its first day
TOLERANCE_MINUTES: Final = 60  # the daily call reads a day at about the same time of each morning


@dataclass
class Read:
    """What a run has found of a day: minutes after its end, how complete it was, and its cost by currency."""

    age_minutes: int
    completeness: str
    costs: dict[str, Decimal] = field(default_factory=dict)


Reads = Mapping[int, Read]  # of a day, by generation


def shares_by_day(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, date], Shares]:
    """Shares of each provider's days, by what others had at the age of their last read; only days that tell any.

    Of several pipelines of a provider the most cautious one counts.
    """
    pipelines = _reads(rows)
    found: dict[tuple[str, date], Shares] = {}
    for (provider, _), days in pipelines.items():
        by_age: dict[int, Shares | None] = {}
        for day, reads in days.items():
            age = reads[max(reads)].age_minutes
            if age not in by_age:
                by_age[age] = shares_at(age, days)
            if (shares := by_age[age]) is not None:
                other = found.get((provider, day), shares)
                bounds = min(shares.least, other.least), max(shares.greatest, other.greatest)
                found[provider, day] = Shares(min(shares.median, other.median), *bounds)
    return found


def shares_at(age_minutes: int, days: Mapping[date, Reads]) -> Shares | None:
    """Part of their final cost that days of a pipeline had at this age; `None` where fewer than seven were measured.

    Measured is a day that is final now, and was read at most this long after its end, and again later.
    """
    told = [shares for reads in days.values() if (shares := list(_shares(age_minutes, reads)))]
    if age_minutes < 0 or len(told) < FEWEST_MEASURED:
        return None
    shares = sorted(share for each in told for share in each)
    odd = len(shares) // ODD_ONE_IN
    least, greatest = shares[odd], shares[len(shares) - 1 - odd]
    if least <= NOTHING:
        return None
    middle = (shares[(len(shares) - 1) // 2], shares[len(shares) // 2])
    return Shares(quotient(added(middle), Decimal(2)), least, greatest)


def _shares(age_minutes: int, reads: Reads) -> Iterable[Decimal]:
    last = max(reads)
    young = [number for number, read in reads.items() if 0 <= read.age_minutes <= age_minutes + TOLERANCE_MINUTES]
    if reads[last].completeness != "final" or not young or max(young) == last:
        return
    then = reads[max(young)].costs
    for currency, final in reads[last].costs.items():
        if final:
            yield quotient(then.get(currency, NOTHING), final)


def _reads(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], dict[date, dict[int, Read]]]:
    """Reads by provider and pipeline, day and generation."""
    found: dict[tuple[str, str], dict[date, dict[int, Read]]] = {}
    for row in rows:
        reads = found.setdefault((row["provider"], row["pipeline"]), {}).setdefault(row["usage_date"], {})
        read = reads.setdefault(row["generation"], Read(row["age_minutes"], row["state"]))
        if row["currency"] is not None:
            read.costs[row["currency"]] = row["amount"] or NOTHING
    return found
