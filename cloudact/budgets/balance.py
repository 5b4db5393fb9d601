"""Prepaid balances of an org, as they were entered by hand: what was left at a provider when a day began."""

import re
from collections.abc import Iterable
from datetime import date
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, WithJsonSchema

from cloudact.budgets.parts import Amount, Currency, Part, ProviderId
from cloudact.runs.run import FIRST_DATE

MOST_BALANCES: Final = 200
_DAY: Final = r"\d{4}-\d{2}-\d{2}"
_SENT_DAY: Final = {"type": "string", "format": "date", "pattern": f"^{_DAY}$"}


def _day(value: object) -> date:
    if not isinstance(value, str) or not re.fullmatch(_DAY, value, re.ASCII):
        raise ValueError("must be a date written YYYY-MM-DD")
    try:
        day = date.fromisoformat(value)
    except ValueError as err:
        raise ValueError("must be a day that exists") from err
    if day < FIRST_DATE:
        raise ValueError(f"must not be before {FIRST_DATE.isoformat()}")
    return day


class Balance(Part):
    """Prepaid balance at a provider. Of a provider and currency the one with the latest day counts."""

    provider: ProviderId
    currency: Currency
    amount: Amount = Field(description="what was left", examples=["5000"])
    as_of: Annotated[date, BeforeValidator(_day), WithJsonSchema(_SENT_DAY)] = Field(
        description="UTC day at whose beginning that was left: its costs are the first that are taken off"
    )


def _different(balances: tuple[Balance, ...]) -> tuple[Balance, ...]:
    keys = [(each.provider, each.currency, each.as_of) for each in balances]
    if len(set(keys)) < len(keys):
        raise ValueError("must have one balance for a provider, currency and day")
    return balances


Balances = Annotated[tuple[Balance, ...], Field(max_length=MOST_BALANCES), AfterValidator(_different)]
_DOCUMENT: TypeAdapter[tuple[Balance, ...]] = TypeAdapter(tuple[Balance, ...])


def balances_text(balances: tuple[Balance, ...]) -> str:
    """JSON text of balances, the same for the same ones."""
    return _DOCUMENT.dump_json(balances).decode()


def balances_of(text: str) -> tuple[Balance, ...]:
    """Balances of a JSON text. Raises pydantic's `ValidationError`."""
    return _DOCUMENT.validate_json(text)


def counting(balances: Iterable[Balance], today: date) -> list[Balance]:
    """Balance of each provider and currency that counts on a day, in their order."""
    newest: dict[tuple[str, str], Balance] = {}
    for each in sorted(balances, key=lambda each: each.as_of):
        if each.as_of <= today:
            newest[each.provider, each.currency] = each
    return [newest[key] for key in sorted(newest)]
