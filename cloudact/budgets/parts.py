"""Parts that documents of budgets and balances share: months, currencies and amounts above zero. Knows no HTTP."""

import re
from decimal import Decimal
from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from cloudact.runs.result import plain
from cloudact.runs.run import FIRST_DATE

FIRST_MONTH: Final = f"{FIRST_DATE:%Y-%m}"
MONTH: Final = r"20\d{2}-(0[1-9]|1[0-2])"
_AMOUNT = re.compile(r"\d{1,18}(\.\d{1,9})?", re.ASCII)
_DIGITS = 15  # that every number in JSON keeps


class Part(BaseModel):
    """Part of a document; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _month(text: str) -> str:
    if text < FIRST_MONTH:
        raise ValueError(f"must not be before {FIRST_MONTH}")
    return text


def _amount(value: object) -> Decimal:
    text = str(value)  # a fraction in JSON has the shortest text that means it
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal) or not _AMOUNT.fullmatch(text):
        raise ValueError("must be an amount such as 1234.56, with a point and at most nine decimals, and no commas")
    if isinstance(value, float) and sum(each.isdigit() for each in text) > _DIGITS:
        raise ValueError(f"must be a text, since it has more than {_DIGITS} digits")
    return Decimal(text)


def _above_zero(amount: Decimal) -> Decimal:
    if not amount:
        raise ValueError("must be more than 0")
    return amount


_SENT = {"anyOf": [{"type": "string", "pattern": f"^{_AMOUNT.pattern}$"}, {"type": "number"}]}
Amount: TypeAlias = Annotated[Decimal, BeforeValidator(_amount), PlainSerializer(plain), WithJsonSchema(_SENT)]
AmountAboveZero: TypeAlias = Annotated[Amount, AfterValidator(_above_zero)]
Month: TypeAlias = Annotated[str, Field(pattern=f"^{MONTH}$", examples=["2026-11"]), AfterValidator(_month)]
Currency: TypeAlias = Annotated[str, Field(pattern="^[A-Z]{3}$", description="ISO 4217", examples=["USD"])]
ProviderId: TypeAlias = Annotated[str, Field(pattern="^[a-z]{2,20}$", description="id of a provider")]
