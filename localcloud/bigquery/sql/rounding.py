"""Whole numbers, exactly: their digits, and their quotients half away from zero."""

from __future__ import annotations


def digits(value: int) -> tuple[int, ...]:
    """The decimal digits of a number that is not below zero, as `Decimal` takes them."""
    return tuple(map(int, str(value)))


def rounded(numerator: int, denominator: int) -> int:
    """The quotient by a number above zero as a whole number, half away from zero."""
    whole, rest = divmod(abs(numerator), denominator)
    whole += 2 * rest >= denominator
    return -whole if numerator < 0 else whole
