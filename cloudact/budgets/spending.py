"""What an org was billed by day, and how far each provider's days have come; and exact sums and quotients of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import reduce
from typing import Final, NamedTuple

NOTHING: Final = Decimal()
_EXACT = Context(prec=100)  # NUMERIC has 38 digits, Python's default 28
_NUMERIC = Decimal("1e-9")
Amounts = Mapping[date, Decimal]


def added(amounts: Iterable[Decimal]) -> Decimal:
    """Exact sum."""
    return reduce(_EXACT.add, amounts, NOTHING)


def less(amount: Decimal, other: Decimal) -> Decimal:
    """Exact difference."""
    return _EXACT.subtract(amount, other)


def quotient(amount: Decimal, by: Decimal) -> Decimal:
    """Quotient, rounded once to nine decimals, half away from zero, as BigQuery divides NUMERICs."""
    return rounded(_EXACT.divide(amount, by))


def rounded(amount: Decimal) -> Decimal:
    """Amount with nine decimals, half away from zero."""
    return amount.quantize(_NUMERIC, ROUND_HALF_UP, _EXACT)


def product(amount: Decimal, by: Decimal) -> Decimal:
    """Exact product."""
    return _EXACT.multiply(amount, by)


class Of(NamedTuple):
    """What amounts are of: all costs (0), or a value of a label, by its number from 1; `None`: what no rule is of."""

    label: int = 0
    value: str | None = None


ALL: Final = Of()


class Shares(NamedTuple):
    """Part of their final cost that days of an age had: the median, and between what nine days in ten lay."""

    median: Decimal
    least: Decimal
    greatest: Decimal


@dataclass(frozen=True)
class LoadedDay:
    """State of a provider's loaded day. `shares` are `None` where not enough days were measured at its age.

    `is_final`: it changes no more. `is_settled`: it is final, or was read long enough after its end.
    """

    is_final: bool
    is_settled: bool
    shares: Shares | None = None


@dataclass(frozen=True)
class Spending:
    """Billed costs of an org by what they are of, currency, provider and day, and each provider's loaded days.

    A loaded day without an amount has cost nothing.
    """

    amounts: Mapping[tuple[Of, str], Mapping[str, Amounts]]
    days: Mapping[str, Mapping[date, LoadedDay]]

    @property
    def weight(self) -> int:
        """Number of amounts and days, and one: what it takes to keep it."""
        amounts = sum(len(days) for each in self.amounts.values() for days in each.values())
        return 1 + amounts + sum(len(days) for days in self.days.values())

    def currencies(self, of: Of) -> list[str]:
        """Currencies in which there are such costs, in order."""
        return sorted(currency for each, currency in self.amounts if each == of)

    def by_provider(self, of: Of, currency: str) -> Mapping[str, Amounts]:
        """Amounts of each provider that has any such."""
        return self.amounts.get((of, currency), {})
