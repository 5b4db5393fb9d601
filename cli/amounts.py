"""Amounts and shares of costs as people read them; `--json` has all digits."""

from decimal import Decimal

BAR = 16  # columns of the longest bar
EIGHTHS = " ▏▎▍▌▋▊▉█"


def amount_of(amount: Decimal, *, is_quantity: bool = False) -> Decimal:
    """Amount for people: whole, with two decimals, or with as many as one below a cent needs; `--json` has all."""
    if is_quantity and amount == amount.to_integral_value():
        return amount.to_integral_value()
    if amount and abs(amount) < Decimal("0.01"):
        return amount
    return amount.quantize(Decimal("0.01"))


def bar(amount: Decimal, largest: Decimal) -> str:
    """Bar whose length is the amount's size; one below zero is hollow."""
    if not largest:
        return ""
    eighths = int((abs(amount) / largest * BAR * 8).to_integral_value())
    if amount < 0:
        return "░" * max(eighths // 8, 1)
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()
